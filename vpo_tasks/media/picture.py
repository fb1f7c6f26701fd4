"""What a container's header says of showing a picture: rotation, Dolby Vision, colour codes. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

DOLBY_VISION_BOXES = (b"dvcC", b"dvvC", b"dvwC")
"""MP4's boxes with the configuration, for profiles up to 7, 8 to 10, and above; Matroska uses their names."""

_CONFIGURATION_BYTES = 5


class Picture(NamedTuple):
    """How the pictures of one track are shown (media/model.py, `Track`, says what each field means)."""

    rotation: int = 0
    mirrored: bool = False
    dolby_vision: str | None = None


def orientation(matrix: Sequence[int]) -> tuple[int, bool]:
    """Return rotation and mirroring of a transformation `(a, b, c, d)` of row vectors, as MP4 stores it.

    Scaling does not count; (0, False) for a matrix that leaves nothing of a picture.
    """
    a, b, c, d = matrix
    area = a * d - b * c
    if not area:
        return 0, False
    return round(math.degrees(math.atan2(c, d))) % 360, area < 0


def dolby_vision_profile(configuration: bytes) -> str | None:
    """Return profile and compatibility (`8.1`; `5` where nothing else can show it) of a configuration record.

    Dolby Vision Streams Within the ISO Base Media File Format, section 3.2.
    """
    if len(configuration) < _CONFIGURATION_BYTES:
        return None
    profile, compatible = configuration[2] >> 1, configuration[4] >> 4
    return f"{profile}.{compatible}" if compatible else str(profile)


PRIMARIES = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020",
    10: "smpte428", 11: "smpte431", 12: "smpte432", 22: "ebu3213",
}  # fmt: skip

TRANSFERS = {
    1: "bt709", 4: "gamma22", 5: "gamma28", 6: "smpte170m", 7: "smpte240m", 8: "linear", 9: "log100",
    10: "log316", 11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10",
    15: "bt2020-12", 16: "smpte2084", 17: "smpte428", 18: "arib-std-b67",
}  # fmt: skip

MATRICES = {
    0: "gbr", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco",
    9: "bt2020nc", 10: "bt2020c", 11: "smpte2085", 12: "chroma-derived-nc", 13: "chroma-derived-c",
    14: "ictcp",
}  # fmt: skip

RANGES = {1: "tv", 2: "pc"}
"""FFmpeg's own numbers."""
