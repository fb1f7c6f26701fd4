"""Containers: which ones FFmpeg may open, and what they are called here."""

from __future__ import annotations

FORMAT_WHITELIST = "matroska,mov,avi,mpegts,mpeg,asf,flv,ogg,rm,mxf,nut,wtv,nsv,gxf,dv,ivf"
"""Demuxers of video containers. None of them follows a reference to another file or address: playlists (hls,
concat, dash), image sequences and session descriptions (sdp) are not among them."""

PROTOCOL_WHITELIST = "file"

_SUFFIXES = {
    "mkv": ".mkv", "mp4": ".mp4", "mov": ".mov", "avi": ".avi", "mpegts": ".ts", "mpeg": ".mpg",
    "asf": ".wmv", "flv": ".flv", "ogg": ".ogv", "rm": ".rm", "mxf": ".mxf", "nut": ".nut", "wtv": ".wtv",
    "nsv": ".nsv", "gxf": ".gxf", "dv": ".dv", "ivf": ".ivf",
}  # fmt: skip


def normalise_container(format_name: str, major_brand: str | None = None) -> str:
    """Return `mkv`, `mp4`, `mov`, `avi`, or FFmpeg's name in lower case.

    FFmpeg has one name for MP4 and QuickTime; the major brand of the file (`qt  `) tells them apart.
    """
    name = format_name.lower()
    if "matroska" in name or name == "webm":
        return "mkv"
    if any(word in name for word in ("mp4", "m4a", "m4v")):
        return "mov" if major_brand is not None and major_brand.strip() == "qt" else "mp4"
    if "mov" in name or "quicktime" in name:
        return "mov"
    return "avi" if "avi" in name else name


def suffix_of(container: str) -> str:
    """Return the usual file suffix of a normalised container, with its dot; empty when there is none."""
    return _SUFFIXES.get(container, "")
