"""The language's written values (sizes, durations, rates, comparisons): text to value and back.

Each `parse_…` takes the text as a person wrote it and raises ValueError saying what would be right; each
`format_…` returns a text that parses to the same value.
"""

from __future__ import annotations

import re
from fractions import Fraction
from types import MappingProxyType

_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([kmgt]?)b", re.IGNORECASE)
_DURATION = re.compile(
    r"(?P<number>[0-9]{1,9}(?:\.[0-9]{1,9})?)(?P<unit>[smh])|(?P<hours>[0-9]{1,9})h(?P<minutes>[0-9]{1,9})m"
)
_RATE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)([km])|([0-9]{1,15})", re.IGNORECASE)
_SYNTHESIS_RATE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)([km]?)", re.IGNORECASE)
_MAPPING_RATE = re.compile(r"([0-9]{1,15})(k)|([0-9]{1,15}(?:\.[0-9]{1,9})?)(m)", re.IGNORECASE)

_SECONDS = {"s": 1, "m": 60, "h": 3600}
_RATE_UNITS = {"": 1, "k": 1000, "m": 1_000_000}

MAPPING_RATES = (32_000, 1_536_000)
_SYNTHESIS_RATES = MappingProxyType(
    {
        "eac3": ((2, 384_000), (6, 640_000), (8, 768_000)),
        "aac": ((2, 192_000), (6, 384_000), (8, 512_000)),
        "ac3": ((2, 192_000), (6, 448_000)),
        "opus": ((2, 128_000), (6, 256_000), (8, 384_000)),
    }
)

SKIP_RESOLUTIONS = ("480p", "720p", "1080p", "1440p", "2160p", "4k")
SCALE_RESOLUTIONS = ("480p", "720p", "1080p", "1440p", "4k", "8k")

CHANNEL_WORDS = {"mono": 1, "stereo": 2, "5.1": 6, "7.1": 8}


def parse_size(text: str) -> int:
    """Return bytes: a number and a unit, powers of 1024, cut to whole bytes."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError("is not a file size such as 700MB or 4.5GB")
    return int(Fraction(match[1]) * 1024 ** " kmgt".index(match[2].lower() or " "))


def format_size(size: int) -> str:
    for power, unit in ((4, "TB"), (3, "GB"), (2, "MB"), (1, "KB")):
        if size and size % 1024**power == 0:
            return f"{size // 1024**power}{unit}"
    return f"{size}B"


def parse_duration(text: str) -> float:
    """Return seconds."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError("is not a duration such as 90s, 45m, 1.5h or 1h30m")
    if match["number"]:
        return float(Fraction(match["number"]) * _SECONDS[match["unit"]])
    return float(int(match["hours"]) * 3600 + int(match["minutes"]) * 60)


def format_duration(duration_s: float) -> str:
    text = f"{Fraction(duration_s).limit_denominator(10**9).__float__():.9f}".rstrip("0").rstrip(".")
    return f"{text}s"


def parse_rate(text: str) -> int:
    """Return bit/s: a number with `k` or `m`, or a whole number of bit/s."""
    match = _RATE.fullmatch(text.strip())
    if match is None:
        raise ValueError("is not a bitrate such as 192k, 2.5M or 192000")
    return _positive_rate(match[1] or match[3], match[2] or "")


def parse_synthesis_rate(text: str) -> int:
    """Return bit/s: a number, `k` and `m` optional."""
    match = _SYNTHESIS_RATE.fullmatch(text.strip())
    if match is None:
        raise ValueError("is not a bitrate such as 192k or 640k")
    return _positive_rate(match[1], match[2])


def default_synthesis_rate(codec: str, channels: int) -> int | None:
    """Return the bit rate of the nearest listed channel count that is not below; None for lossless codecs."""
    table = _SYNTHESIS_RATES.get(codec)
    if table is None:
        return None
    return next((rate for count, rate in table if count >= channels), table[-1][1])


def parse_mapping_rate(text: str) -> int:
    """Return bit/s between 32k and 1536k; the unit is needed."""
    match = _MAPPING_RATE.fullmatch(text.strip())
    if match is None:
        raise ValueError("is not a bitrate with its unit such as 256k or 1.5m")
    rate = _positive_rate(match[1] or match[3], match[2] or match[4])
    low, high = MAPPING_RATES
    if not low <= rate <= high:
        raise ValueError("is not between 32k and 1536k")
    return rate


def _positive_rate(number: str, unit: str) -> int:
    rate = int(Fraction(number) * _RATE_UNITS[unit.lower()])
    if rate < 1:
        raise ValueError("is no bitrate: less than one bit a second")
    return rate


def format_rate(rate: int) -> str:
    return f"{rate // 1000}k" if rate % 1000 == 0 else str(rate)


def format_mapping_rate(rate: int) -> str:
    """Return the rate with its unit; whole thousands may stand before `k` only."""
    if rate % 1000 == 0:
        return f"{rate // 1000}k"
    return f"{rate // 1_000_000}.{rate % 1_000_000:06d}m"


def parse_skip_resolution(text: str) -> str:
    """Return the label, `4k` as `2160p`."""
    folded = text.strip().lower()
    if folded not in SKIP_RESOLUTIONS:
        raise ValueError(f"is not one of {', '.join(SKIP_RESOLUTIONS)}")
    return "2160p" if folded == "4k" else folded


def parse_scale_resolution(text: str) -> str:
    """Return the label in lower case."""
    folded = text.strip().lower()
    if folded not in SCALE_RESOLUTIONS:
        raise ValueError(f"is not one of {', '.join(SCALE_RESOLUTIONS)}")
    return folded


def parse_container(name: str) -> str:
    """Return the family of a container's name (policy-format 3.1)."""
    folded = name.strip().lower()
    if "matroska" in folded or folded == "webm":
        return "mkv"
    if any(part in folded for part in ("mp4", "m4a", "m4v")):
        return "mp4"
    if "mov" in folded or "quicktime" in folded:
        return "mov"
    return "avi" if "avi" in folded else folded
