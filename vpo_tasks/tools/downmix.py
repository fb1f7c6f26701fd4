"""Downmixing: the matrices of policy-format 3.10 as FFmpeg `pan` filters.

The weights are the reference's, divided by the largest sum of an output channel: nothing can clip, and the
balance stays. Names follow the source's layout, whose surrounds may stand at the back or the side.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

_Row = Mapping[str, float]

_LAYOUTS = MappingProxyType({"5.1": 6, "5.1(side)": 6, "7.1": 8, "stereo": 2})
_UNNAMED = re.compile(r"(\d+) channels")
_GUESSED = MappingProxyType(
    {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
)
_TARGETS = MappingProxyType({1: "mono", 2: "stereo", 6: "5.1"})
_STEREO_7_1: tuple[tuple[str, _Row], ...] = (
    ("FL", {"FL": 1, "FC": 0.707, "SL": 0.5, "BL": 0.5, "LFE": 0.5}),
    ("FR", {"FR": 1, "FC": 0.707, "SR": 0.5, "BR": 0.5, "LFE": 0.5}),
)
_MATRICES: Mapping[tuple[int, int], tuple[tuple[str, _Row], ...]] = MappingProxyType(
    {
        (8, 6): (
            ("FL", {"FL": 1}),
            ("FR", {"FR": 1}),
            ("FC", {"FC": 1}),
            ("LFE", {"LFE": 1}),
            ("BL", {"BL": 0.707, "SL": 0.707}),
            ("BR", {"BR": 0.707, "SR": 0.707}),
        ),
        (8, 2): _STEREO_7_1,
        (6, 2): (
            ("FL", {"FL": 1, "FC": 0.707, "BL": 0.707, "LFE": 0.5}),
            ("FR", {"FR": 1, "FC": 0.707, "BR": 0.707, "LFE": 0.5}),
        ),
        (8, 1): (
            (
                "FC",
                {
                    "FL": 0.25,
                    "FR": 0.25,
                    "FC": 0.353,
                    "BL": 0.125,
                    "BR": 0.125,
                    "SL": 0.125,
                    "SR": 0.125,
                    "LFE": 0.25,
                },
            ),
        ),
        (6, 1): (("FC", {"FL": 0.333, "FR": 0.333, "FC": 0.471, "BL": 0.236, "BR": 0.236, "LFE": 0.333}),),
        (2, 1): (("FC", {"FL": 0.5, "FR": 0.5}),),
    }
)


def pan_filter(layout: str | None, channels: int) -> str | None:
    """Return the filter that downmixes `layout` to `channels`; None leaves the downmix to FFmpeg."""
    matrix = _MATRICES.get((_LAYOUTS.get(layout or "", 0), channels))
    if matrix is None:
        return None
    is_side = layout == "5.1(side)"
    scale = max(1.0, *(sum(row.values()) for _, row in matrix))
    rows = "|".join(
        f"{out}=" + "+".join(f"{weight / scale:.4f}*{_named(name, is_side)}" for name, weight in row.items())
        for out, row in matrix
    )
    return f"pan={_TARGETS[channels]}|{rows}"


def _named(name: str, is_side: bool) -> str:
    return {"BL": "SL", "BR": "SR"}.get(name, name) if is_side else name


def named_layout(layout: str | None) -> str | None:
    """Return the filter that gives a layout to a source that states only the number of channels, else None.

    FFmpeg guesses the same layouts, but not for every decoder.
    """
    number = _UNNAMED.fullmatch(layout or "")
    name = _GUESSED.get(int(number[1])) if number else None
    if number is None or name is None:
        return None
    return f"pan={name}|" + "|".join(f"c{at}=c{at}" for at in range(int(number[1])))
