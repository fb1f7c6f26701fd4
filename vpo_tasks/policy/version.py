"""The version of what policies mean. Standard library only: an up-to-date run asks for it."""

EVALUATION_VERSION = 6
"""Raised when the same policy would give another plan than before: all videos are then planned again."""
