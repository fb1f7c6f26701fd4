"""HDR10's static metadata, read from the first frame: x265 and SVT-AV1 forget it unless they are told."""

from __future__ import annotations

import re

from vpo_tasks.execute.ffmpeg_encoding import Mastering

SHOW_WORDS = (b"-frames:v", b"1", b"-vf", b"showinfo", b"-v", b"info", b"-f", b"null", b"-")

_NUMBER = r"\s*([\d.]+)"
_DISPLAY = re.compile(
    rf"has_primaries:1 has_luminance:1 r\({_NUMBER},?{_NUMBER}\) g\({_NUMBER},?{_NUMBER}\) "
    rf"b\({_NUMBER},?{_NUMBER}\) wp\({_NUMBER},?{_NUMBER}\) "
    rf"min_luminance={_NUMBER}, max_luminance={_NUMBER}"
)
_LIGHT = re.compile(r"MaxCLL=(\d+), MaxFALL=(\d+)")
_CHROMATICITY_UNIT = 50_000
_LUMINANCE_UNIT = 10_000


def parse_mastering(text: str) -> Mastering:
    """Return what FFmpeg's `showinfo` says of a frame's mastering display and light levels.

    Parts that the frame does not have are empty (SMPTE ST 2086, CTA-861.3).
    """
    display, light = _DISPLAY.search(text), _LIGHT.search(text)
    x265 = svt = ""
    if display is not None:
        red, green, blue, white = ((float(display[at]), float(display[at + 1])) for at in (1, 3, 5, 7))
        lowest, highest = float(display[9]), float(display[10])
        points = (("G", green), ("B", blue), ("R", red), ("WP", white))
        x265 = "".join(f"{name}({_scaled(x)},{_scaled(y)})" for name, (x, y) in points)
        x265 += f"L({round(highest * _LUMINANCE_UNIT)},{round(lowest * _LUMINANCE_UNIT)})"
        svt = "".join(f"{name}({x:.4f},{y:.4f})" for name, (x, y) in points)
        svt += f"L({highest:.4f},{lowest:.4f})"
    return Mastering(x265, svt, f"{light[1]},{light[2]}" if light else "")


def _scaled(coordinate: float) -> int:
    return round(coordinate * _CHROMATICITY_UNIT)
