"""A Make-style batch runner for video libraries."""

__version__ = "0.1.0"
