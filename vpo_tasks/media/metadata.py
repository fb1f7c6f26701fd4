"""Tags as FFmpeg hands them over, made into text that can be stored and shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MAX_TAG_KEY = 255
_MAX_TAG_VALUE = 4096


def read_metadata(owner: Any) -> dict[str, str]:
    """Return the tags of a container or stream: keys in lower case, values that are text."""
    return {to_text(key).lower(): to_text(value) for key, value in owner.metadata.items()}


def to_text(text: str) -> str:
    """Replace what is not UTF-8, however PyAV handed it over, so that the value can be stored and shown."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def read_tags(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that are worth keeping: policy-format 3.0 bounds keys and values."""
    return {
        key: value
        for key, value in metadata.items()
        if len(key) <= _MAX_TAG_KEY and len(value) <= _MAX_TAG_VALUE
    }
