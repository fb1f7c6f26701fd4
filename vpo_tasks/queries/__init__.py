"""Answers without work: why, status, policy diff, plan files."""
