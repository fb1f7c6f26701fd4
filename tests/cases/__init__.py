"""Situations from public bug reports, each with what a person expects to find afterwards."""
