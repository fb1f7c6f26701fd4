"""Situations from public reports: files of a kind that people have, and what a policy must not do to them."""
