"""Situations from public bug reports: files of a kind that people have, and what they expect to find afterwards."""
