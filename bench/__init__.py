"""Benchmarks that print ratios. None of them asserts; bench/README.md keeps the last table."""
