"""Options of FFmpeg's encoders, one pure function for each encoder family.

Policies use x264's CRF, rates, presets and tunes; here they are translated for each encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from vpo_tasks.media.model import Track
from vpo_tasks.plan.encoding import channel_layout, keeps_fields, software_encoders_for, stored_layout
from vpo_tasks.plan.model import Encode
from vpo_tasks.tools.downmix import named_layout, pan_filter

VAAPI_WORDS = (b"-vaapi_device", b"/dev/dri/renderD128")
ANALYSIS = "2pass"
"""Prefix of the analysis files of a first pass, in a folder of their own."""
TWO_PASS_ENCODERS = frozenset({"libx264", "libx265", "libvpx-vp9", "libaom-av1"})
TIME_BASE = b"1:90000"
"""Fine enough for every frame's own time (a rate would round a variable one), and a whole number of
milliseconds fits (quirks.TIME_BASE_NAMES)."""

_CPU_USED = MappingProxyType(
    {  # preset -> libvpx-vp9, libaom-av1, libsvtav1
        "ultrafast": (5, 8, 12), "superfast": (5, 8, 11), "veryfast": (5, 7, 10), "faster": (4, 6, 9),
        "fast": (3, 5, 8), "medium": (2, 4, 7), "slow": (1, 3, 5), "slower": (1, 2, 4), "veryslow": (0, 1, 2),
    }
)  # fmt: skip
_EXPERIMENTAL = frozenset({"truehd", "dca"})
_TEN_BITS = MappingProxyType({"libx264": "yuv420p10le", "libx265": "yuv420p10le", "libvpx-vp9": "yuv420p10le",
                              "libaom-av1": "yuv420p10le", "libsvtav1": "yuv420p10le"})  # fmt: skip
_TRANSFERS = MappingProxyType({"hdr10": "smpte2084", "hlg": "arib-std-b67"})
_SVT_LEVELS = 6
"""The highest `lp` (quirks.LP_IS_A_LEVEL)."""


class Mastering(NamedTuple):
    """HDR10's static metadata: the display as `G(x,y)B(x,y)R(x,y)WP(x,y)L(max,min)`, the light as `cll,fall`.

    x265 counts in 0.00002 and 0.0001 cd/m², SVT-AV1 takes plain numbers.
    """

    x265_display: str = ""
    svt_display: str = ""
    light: str = ""


class EncodeSetup(NamedTuple):
    """What this machine adds to a plan. `encoders` are FFmpeg's, by place in `plan.streams`.

    `threads` is how many an encoder may use, None: as many as it likes. `scratch` is an empty folder outside
    the library, needed by two passes only.
    """

    encoders: Mapping[int, str] = MappingProxyType({})
    threads: int | None = None
    mastering: Mastering = Mastering()
    scratch: bytes = b""

    def encoder(self, place: int, encode: Encode) -> str:
        """Return the encoder for a stream."""
        return self.encoders.get(place) or software_encoders_for(encode)[0]


class Encoding(NamedTuple):
    """One stream to encode. `number` is the output stream's; `analysis` is 1 or 2 in two passes, else 0."""

    number: int
    encode: Encode
    encoder: str
    found: Track
    setup: EncodeSetup
    analysis: int = 0


Options = Iterator[tuple[str, object]]


def encode_words(item: Encoding) -> Iterator[bytes]:
    """Yield the options of one encoded stream."""
    yield from (b"-c:%d" % item.number, item.encoder.encode())
    family = _VIDEO.get(item.encoder)
    if item.found.type == "subtitle":
        return
    options = _audio if item.found.type == "audio" else family or _hardware
    for name, value in options(item):
        if value is not None:
            yield from (f"-{name}:{item.number}".encode(), str(value).encode())
    if item.found.type == "video":
        # what players show is every frame at its own time
        yield from (b"-fps_mode:%d" % item.number, b"passthrough")
        yield from (b"-enc_time_base:%d" % item.number, TIME_BASE)
    filters = ",".join(_audio_filters(item) if item.found.type == "audio" else _video_filters(item))
    if filters:
        yield from (b"-filter:%d" % item.number, filters.encode())


def hardware_kind(encoder: str) -> str | None:
    """Return `nvenc`, `qsv`, `vaapi` or `videotoolbox`; None for a software encoder."""
    kind = encoder.rpartition("_")[2]
    return kind if kind in _HARDWARE_QUALITY else None


def input_words(encoders: Mapping[int, str], encodes: Mapping[int, Encode]) -> list[bytes]:
    """Return the options in front of the input: devices, and hardware decoding where a kind was named."""
    words: list[bytes] = []
    for place, encoder in encoders.items():
        kind = hardware_kind(encoder)
        if kind == "vaapi":
            words += VAAPI_WORDS
        if kind is not None and encodes[place].hw == kind:
            words += [b"-hwaccel", b"cuda" if kind == "nvenc" else kind.encode()]
    return words


def decoder_threads(threads: int | None) -> int | None:
    """Return how many threads decoding may use: half as many, so that both stay within what is allowed."""
    return None if threads is None else max(1, threads // 2)


# -- video -----------------------------------------------------------------------------------------------


def _x264(item: Encoding) -> Options:
    encode = item.encode
    yield from (("crf", encode.crf), ("preset", encode.preset), ("tune", encode.tune))
    yield from _rates(encode)
    if keeps_fields(encode, encode.height or item.found.height):
        yield ("flags", "+ildct+ilme")
    yield ("threads", item.setup.threads)
    yield from _passes(item)


def _x265(item: Encoding) -> Options:
    encode, threads = item.encode, item.setup.threads
    yield from (("crf", encode.crf), ("preset", encode.preset), ("tune", encode.tune))
    yield from _rates(encode)
    words = ["log-level=warning"]
    if threads is not None:
        # `-threads` would become frame threads, of which so many cost memory and quality
        words += [f"pools={threads}", f"frame-threads={_frame_threads(threads)}"]
    if item.analysis:
        words += [f"pass={item.analysis}", f"stats={ANALYSIS}.log"]
    mastering = item.setup.mastering
    if encode.hdr == "hdr10":
        words += ["hdr10=1", "hdr10-opt=1", "repeat-headers=1"]
        words += [f"master-display={mastering.x265_display}"] * bool(mastering.x265_display)
        words += [f"max-cll={mastering.light}"] * bool(mastering.light)
    yield ("x265-params", ":".join(words))


def _vpx(item: Encoding) -> Options:
    encode = item.encode
    yield from _quality_or_rate(encode)
    yield from (("deadline", "good"), ("cpu-used", _speed(encode, 0)), ("row-mt", 1))
    yield from (("threads", item.setup.threads), ("profile", 2 if encode.hdr else None))
    yield from _passes(item)


def _aom(item: Encoding) -> Options:
    encode = item.encode
    yield from _quality_or_rate(encode)
    yield from (("cpu-used", _speed(encode, 1)), ("row-mt", 1), ("threads", item.setup.threads))
    yield from _passes(item)


def _svt(item: Encoding) -> Options:
    encode, threads = item.encode, item.setup.threads
    yield from (("crf", encode.crf), ("b", encode.bitrate), ("preset", _speed(encode, 2)))
    words = []
    if threads is not None:
        words.append(f"lp={min(threads.bit_length(), _SVT_LEVELS)}")
    if encode.max_rate is not None:
        words.append(f"mbr={max(1, encode.max_rate // 1000)}")
    mastering = item.setup.mastering
    if encode.hdr == "hdr10":
        words += [f"mastering-display={mastering.svt_display}"] * bool(mastering.svt_display)
        words += [f"content-light={mastering.light}"] * bool(mastering.light)
    yield ("svtav1-params", ":".join(words) or None)


def _hardware(item: Encoding) -> Options:
    """The hardware's own quality scales run close to the CRF's; VideoToolbox counts up from 1 to 100."""
    encode = item.encode
    kind = hardware_kind(item.encoder)
    if encode.crf is not None and kind is not None:
        yield from _HARDWARE_QUALITY[kind](encode.crf)
    yield from _rates(encode)


def _nvenc_quality(crf: int) -> Options:
    yield from (("rc", "vbr"), ("cq", crf), ("b", 0))


def _qsv_quality(crf: int) -> Options:
    yield ("global_quality", max(1, crf))


def _vaapi_quality(crf: int) -> Options:
    yield from (("rc_mode", "CQP"), ("qp", crf))


def _videotoolbox_quality(crf: int) -> Options:
    yield ("q", max(1, 100 - 2 * crf))


_HARDWARE_QUALITY: Mapping[str, Callable[[int], Options]] = MappingProxyType(
    {
        "nvenc": _nvenc_quality,
        "qsv": _qsv_quality,
        "vaapi": _vaapi_quality,
        "videotoolbox": _videotoolbox_quality,
    }
)
_VIDEO: Mapping[str, Callable[[Encoding], Options]] = MappingProxyType(
    {"libx264": _x264, "libx265": _x265, "libvpx-vp9": _vpx, "libaom-av1": _aom, "libsvtav1": _svt}
)


def _rates(encode: Encode) -> Options:
    yield from (("b", encode.bitrate), ("minrate", encode.min_rate), ("maxrate", encode.max_rate))
    yield ("bufsize", encode.max_rate and 2 * encode.max_rate)


def _quality_or_rate(encode: Encode) -> Options:
    """libvpx and libaom take a CRF without a rate as constant, with one as constrained quality."""
    if encode.crf is None:
        yield from _rates(encode)
        return
    yield from (("crf", encode.crf), ("b", encode.max_rate or 0), ("minrate", encode.min_rate))
    yield from (("maxrate", encode.max_rate), ("bufsize", encode.max_rate and 2 * encode.max_rate))


def _passes(item: Encoding) -> Options:
    if item.analysis:
        yield from (("pass", item.analysis), ("passlogfile", ANALYSIS))


def _speed(encode: Encode, column: int) -> int:
    return _CPU_USED[encode.preset or "medium"][column]


def _frame_threads(threads: int) -> int:
    return next((frames for least, frames in ((32, 6), (16, 5), (8, 3), (4, 2)) if threads >= least), 1)


def _video_filters(item: Encoding) -> Iterator[str]:
    encode = item.encode
    if encode.width and encode.height:
        size = f"{encode.width}:{encode.height}"
        scaled = encode.scale_algorithm is not None
        fields = ":interl=1" if encode.interlaced else ""
        yield f"scale={size}:flags={encode.scale_algorithm}{fields}" if scaled else f"crop={size}:0:0"
    if encode.hdr is not None:
        transfer = _TRANSFERS[encode.hdr]
        yield f"setparams=color_primaries=bt2020:color_trc={transfer}:colorspace=bt2020nc"
        if item.encoder in _TEN_BITS:
            yield f"format={_TEN_BITS[item.encoder]}"
    kind = hardware_kind(item.encoder)
    if kind is not None:
        yield f"format={'p010le' if encode.hdr else 'nv12'}"
    if kind == "vaapi":
        yield "hwupload"


# -- audio -----------------------------------------------------------------------------------------------


def _audio(item: Encoding) -> Options:
    yield ("b", item.encode.bitrate)
    channels = item.encode.channels
    if channels is not None and channel_layout(item.encode.codec, channels) is None:
        yield ("ac", channels)
    if item.encoder in _EXPERIMENTAL:
        yield ("strict", -2)


def _audio_filters(item: Encoding) -> Iterator[str]:
    codec, channels, found = item.encode.codec, item.encode.channels, item.found.channel_layout
    named = named_layout(found)
    if named is not None:
        yield named
        found = named.removeprefix("pan=").partition("|")[0]
    mixed = pan_filter(found, channels) if channels is not None else None
    if mixed is not None:
        yield mixed
        return
    layout = stored_layout(codec, found) if channels is None else channel_layout(codec, channels)
    if layout is not None and layout != found:
        yield f"aformat=channel_layouts={layout}"
