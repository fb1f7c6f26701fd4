"""Codec names: which of them mean the same thing (policy-format 5). Pure.

Each row of a table is one equivalence class. The profile counts: FFmpeg calls DTS-HD `dts`.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache
from types import MappingProxyType

from vpo_tasks.media.model import Track

DEFAULT_CRF = MappingProxyType({"h264": 23, "hevc": 28, "vp9": 31, "av1": 30})
"""The quality of an encode for which the policy names none."""
_ROWS = (
    ("hevc", "h265", "h.265", "x265", "libx265", "hvc1", "hev1"),
    ("h264", "avc", "h.264", "avc1", "x264", "libx264"),
    ("vp9", "vp09", "libvpx-vp9"),
    ("av1", "av01", "libaom-av1"),
    ("mpeg4", "mp4v"),
    ("truehd", "dolby truehd", "mlp"),
    ("dts-hd", "dts-hd ma", "dtshd", "dts_hd", "dts-hd.ma"),
    ("dts", "dca"),
    ("aac", "aac_latm", "mp4a"),
    ("ac3", "ac-3", "a52"),
    ("eac3", "e-ac-3", "ec3"),
    ("mp3", "mp3float"),
    ("opus", "libopus"),
    ("subrip", "srt"),
    ("ass", "ssa"),
    ("hdmv_pgs_subtitle", "pgs", "pgssub"),
    ("dvd_subtitle", "dvdsub", "vobsub"),
    ("mov_text", "tx3g"),
)
_CANONICAL = MappingProxyType({name: row[0] for row in _ROWS for name in row})
_GROUPS = frozenset(
    {"truehd", "dts-hd", "dts", "aac", "ac3", "eac3", "mp3", "flac", "opus", "vorbis", "alac"}
)

BITMAP_SUBTITLES = frozenset({"hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle", "xsub"})


@lru_cache(maxsize=4096)
def canonical_codec(name: str) -> str:
    """Return the name that stands for the class of `name`; a name nobody knows stands for itself, folded."""
    folded = name.strip().lower()
    known = _CANONICAL.get(folded)
    if known is not None:
        return known
    if "dts-hd" in folded or "dtshd" in folded:
        return "dts-hd"
    if "truehd" in folded:
        return "truehd"
    return folded


def effective_codec(track: Track) -> str:
    """Return the canonical codec of a track, its profile included (`dts`, `dts-hd ma` is `dts-hd`)."""
    profile = track.profile
    if profile and track.codec == "dts" and ("dts-hd" in profile.lower() or "dts:x" in profile.lower()):
        return "dts-hd"
    return canonical_codec(track.codec)


def same_codec(track: Track, name: str) -> bool:
    """Tell whether a policy's codec name means the track's codec. `dts` includes DTS-HD, `pcm` every PCM."""
    wanted = canonical_codec(name)
    if wanted in (effective_codec(track), canonical_codec(track.codec)):
        return True
    return wanted == "pcm" and track.codec.startswith("pcm")


def matches_video(codec: str, names: Iterable[str]) -> bool:
    """Tell whether a video codec is one of `names`, by class."""
    return canonical_codec(codec) in map(canonical_codec, names)


def matches_audio_pattern(track: Track, pattern: str) -> bool:
    """Tell whether an audio track matches a pattern of 5.2: a name, a group (by prefix) or a glob."""
    codec = effective_codec(track)
    wanted = canonical_codec(pattern)
    if codec == wanted:
        return True
    if "*" in wanted or "?" in wanted:
        return fnmatchcase(codec, wanted) or fnmatchcase(track.codec, wanted)
    if wanted == "pcm":
        return codec.startswith("pcm")
    if wanted == "dts":
        return codec == "dts-hd"
    return wanted in _GROUPS and codec.startswith(wanted)
