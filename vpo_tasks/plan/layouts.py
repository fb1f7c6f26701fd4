"""Channel layouts that an encoder stores, where it does not take every one. Pure.

Opus (RFC 7845, mapping family 1) and FLAC (RFC 9639) know one layout for each number of channels.
"""

from __future__ import annotations

from types import MappingProxyType

_BY_COUNT = MappingProxyType(
    {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
)
_COUNTS = MappingProxyType({layout: count for count, layout in _BY_COUNT.items()})
_NEAREST = MappingProxyType(
    {
        "2.1": "5.1", "3.0(back)": "quad", "3.1": "5.1", "4.0": "5.0", "4.1": "5.1", "quad(side)": "quad",
        "5.0(side)": "5.0", "5.1(side)": "5.1", "6.0": "6.1", "6.0(front)": "7.1", "hexagonal": "6.1",
        "6.1(back)": "6.1", "6.1(front)": "7.1", "7.0": "7.1", "7.0(front)": "7.1", "7.1(wide)": "7.1",
        "7.1(wide-side)": "7.1", "octagonal": "7.1",
    }
)  # fmt: skip
"""The smallest layout with room for every channel of the other."""
_FLAC_TAKES = frozenset({"5.0(side)", "5.1(side)"})


def stored_layout(codec: str, layout: str | None) -> str | None:
    """Return the layout to turn this one into before it is encoded; None: it is taken as it is."""
    if codec == "opus" or (codec == "flac" and layout not in _FLAC_TAKES):
        return _NEAREST.get(layout or "")
    # spelled out at length otherwise, which few players read
    return "5.1" if codec == "aac" and layout == "5.1(side)" else None


def layout_of(codec: str, channels: int) -> str | None:
    """Return the layout to ask for where so many channels are wanted; None: FFmpeg's own choice serves."""
    if codec in ("opus", "flac"):
        return _BY_COUNT.get(channels)
    return "5.1" if codec == "aac" and channels == 6 else None


def count_channels(layout: str) -> int:
    """Return how many channels one of the layouts above has."""
    return _COUNTS[layout]
