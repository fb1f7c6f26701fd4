"""Encoding video and audio: `transcode` (policy-format 3.9)."""

from __future__ import annotations

from types import MappingProxyType

import msgspec

from vpo_tasks.media.film import film_of
from vpo_tasks.media.model import MediaInfo, Track
from vpo_tasks.plan.draft import UNKNOWN_CODECS, Cause, Draft, Refusal, Scope
from vpo_tasks.plan.encoding import (
    X265_TUNES,
    encode_key,
    encoded_audio,
    encoded_video,
    even_size,
    hardware_encoders,
    has_alpha,
    hdr_of,
    is_dolby_vision_only,
    keeps_fields,
    software_encoders,
)
from vpo_tasks.plan.model import Context, Encode
from vpo_tasks.policy.codecs import (
    DEFAULT_CRF,
    canonical_codec,
    effective_codec,
    matches_audio_pattern,
    matches_video,
)
from vpo_tasks.policy.model import AudioTranscode, SkipIf, Transcode, VideoTranscode

OPERATION = "transcode"
_BOXES = MappingProxyType(
    {
        "480p": (854, 480), "720p": (1280, 720), "1080p": (1920, 1080), "1440p": (2560, 1440),
        "4k": (3840, 2160), "8k": (7680, 4320),
    }
)  # fmt: skip
_WITH_MASTERING = frozenset({"hevc", "av1"})
"""Codecs whose encoders are told the mastering display, and write it into the stream."""
_RANGES = MappingProxyType({"hdr10": "HDR10", "hlg": "HLG"})


def transcode(
    draft: Draft, operation: Transcode, skips: frozenset[str], scope: Scope, context: Context
) -> None:
    """Plan the encodes. Raise Refusal when one is needed and cannot be done."""
    video = film_of(draft.tracks)
    wanted = operation.video
    if wanted is not None and (video is None or _is_skipped(wanted.skip_if, video, draft.source)):
        return
    trial = draft.copy()
    if wanted is not None and video is not None and "video_transcode" not in skips:
        _encode_video(trial, video, wanted, scope, context)
    if operation.audio is not None and "audio_transcode" not in skips:
        for track in trial.of_type("audio"):
            _encode_audio(trial, track, operation.audio, scope, context)
    draft.adopt(trial)


def _is_skipped(skip_if: SkipIf | None, video: Track, source: MediaInfo) -> bool:
    """Tell whether every given part of `skip_if` passes."""
    if skip_if is None:
        return False
    if skip_if.codec_matches is not None and not matches_video(video.codec, skip_if.codec_matches):
        return False
    if skip_if.resolution_within is not None:
        width, height = _BOXES[skip_if.resolution_within.lower()]
        if (video.width or 0) > width or (video.height or 0) > height:
            return False
    if skip_if.bitrate_under is not None:
        rate = video.bit_rate or _estimated_rate(source)
        return rate is None or rate < skip_if.bitrate_under
    return True


def _estimated_rate(source: MediaInfo) -> float | None:
    if not source.size_bytes or not source.duration_s:
        return None
    return source.size_bytes * 8 / source.duration_s


def _encode_video(draft: Draft, video: Track, wanted: VideoTranscode, scope: Scope, context: Context) -> None:
    """Plan the film's encode if its codec or size asks for it. Further video tracks are copied."""
    size = scaled(video, wanted)
    too_large = f"{video.width}x{video.height} is {_limit(wanted)}"
    if video.codec in UNKNOWN_CODECS or matches_video(video.codec, (wanted.to,)):
        if size is None:
            return
        reason = too_large
    else:
        reason = f"{canonical_codec(video.codec)} is not {wanted.to}"
    title = draft.title_before(video)
    titled = video if title == video.title else msgspec.structs.replace(video, title=title)
    encode = _video_settings(titled, wanted, size)
    even = None if size else even_size(video, wanted.to)
    if even is not None:
        encode = msgspec.structs.replace(encode, width=even[0], height=even[1])
    if context.larger and encode_key(video, encode) in context.larger:
        draft.warn(f"video stays {video.codec}: encoded to {wanted.to} it came out larger")
        return
    if is_dolby_vision_only(video):
        draft.warn(f"video stays {video.codec}: without Dolby Vision (profile 5) its colours would be false")
        return
    require_encoder(context, scope, OPERATION, wanted.to, hw=wanted.hw, hw_fallback=wanted.hw_fallback)
    if even is not None:
        draft.warn(
            f"{video.width}x{video.height} is cut to {even[0]}x{even[1]}: {wanted.to} has even sizes only"
        )
    _say_what_is_lost(draft, titled, wanted, encode)
    draft.encode(*encoded_video(video, encode), scope.cause(OPERATION, reason))
    if size is not None:
        draft.note((video.index, "size"), scope.cause(OPERATION, too_large))
    _keep_as_film(draft, video, scope)


def _keep_as_film(draft: Draft, video: Track, scope: Scope) -> None:
    """Make the film the default video when at its new size another would be taken for it next time."""
    film = film_of(draft.tracks)
    if film is None or film.index == video.index:
        return
    cause = scope.cause(OPERATION, "it is the film, and no longer the largest of its video tracks")
    for track in draft.of_type("video"):
        draft.set_default(track, track.index == video.index, cause)


def _limit(wanted: VideoTranscode) -> str:
    """Return what is wrong with a video that does not fit."""
    if wanted.max_resolution is not None:
        return f"larger than {wanted.max_resolution}"
    if wanted.max_width and wanted.max_height:
        return f"larger than {wanted.max_width}x{wanted.max_height}"
    limit, side = (wanted.max_width, "wide") if wanted.max_width else (wanted.max_height, "high")
    return f"more than {limit} pixels {side}"


def _video_settings(video: Track, wanted: VideoTranscode, size: tuple[int, int] | None) -> Encode:
    constrained = wanted.quality == "constrained_quality"
    bitrate = wanted.quality == "bitrate"
    width, height = size or (None, None)
    return Encode(
        codec=wanted.to,
        bitrate=wanted.target_bitrate if bitrate else None,
        crf=None if bitrate else wanted.crf if wanted.crf is not None else DEFAULT_CRF[wanted.to],
        min_rate=wanted.min_bitrate if constrained else None,
        max_rate=wanted.max_bitrate if constrained else None,
        two_pass=wanted.two_pass and bitrate,
        preset=wanted.preset,
        tune=wanted.tune if _takes_tune(wanted) else None,
        width=width,
        height=height,
        scale_algorithm=wanted.scale_algorithm if size else None,
        hw=wanted.hw,
        hw_fallback=wanted.hw_fallback,
        extra_args=wanted.ffmpeg_args,
        hdr=hdr_of(video),
        interlaced=video.interlaced,
        discard_larger=not wanted.keep_if_larger,
    )


def _takes_tune(wanted: VideoTranscode) -> bool:
    return wanted.to == "h264" or (wanted.to == "hevc" and wanted.tune in X265_TUNES)


def _say_what_is_lost(draft: Draft, video: Track, wanted: VideoTranscode, encode: Encode) -> None:
    if wanted.tune is not None and encode.tune is None:
        draft.warn(f"tune {wanted.tune} is left out: there is none for {wanted.to}")
    if video.interlaced and not keeps_fields(encode, encode.height or video.height):
        draft.warn(f"interlaced video stays so, but {wanted.to} does not mark it: players may show combs")
    title = (video.title or "").lower()
    if video.dolby_vision is not None or "dolby vision" in title or "dovi" in title:
        left = _RANGES.get(encode.hdr or "", "standard range")
        draft.warn(f"Dolby Vision does not survive an encode: what is left is {left}")
    if video.hdr10_plus or "hdr10+" in title:
        draft.warn("the dynamic metadata of HDR10+ does not survive an encode: what is left is HDR10")
    if encode.hdr == "hdr10" and wanted.to not in _WITH_MASTERING:
        draft.warn(
            "the static metadata of HDR10 (mastering display, MaxCLL) does not survive an encode to "
            f"{wanted.to}: players guess the brightness"
        )
    if has_alpha(video):
        draft.warn(f"transparency does not survive an encode to {wanted.to}: the picture becomes opaque")
    if encode.hdr is not None and encode.scale_algorithm is not None:
        draft.warn("HDR video is scaled without tone mapping")


def scaled(video: Track, wanted: VideoTranscode) -> tuple[int, int] | None:
    """Return the even size that fits the box, or None when the video fits, or nobody knows its size.

    An interlaced picture gets rows by fours: each of its fields has whole pairs of rows then. Of other
    heights FFmpeg's scaler, told to scale by fields, writes past the end of the picture.
    """
    width, height = video.width, video.height
    rows = 4 if video.interlaced else 2
    box: tuple[int | None, int | None] = (wanted.max_width, wanted.max_height)
    if wanted.max_resolution is not None:
        box = _BOXES[wanted.max_resolution.lower()]
    if not width or not height:
        return None
    # compared as fractions: a float ratio would truncate 1280 to 1279 now and then
    bounds = [
        (limit, side) for limit, side in zip(box, (width, height), strict=True) if limit and limit < side
    ]
    if not bounds:
        return None
    limit, side = min(bounds, key=lambda bound: bound[0] / bound[1])
    return max(2, width * limit // side // 2 * 2), max(rows, height * limit // side // rows * rows)


def _encode_audio(draft: Draft, track: Track, wanted: AudioTranscode, scope: Scope, context: Context) -> None:
    if effective_codec(track) == canonical_codec(wanted.to):
        return
    if any(matches_audio_pattern(track, pattern) for pattern in wanted.preserve):
        return
    require_encoder(context, scope, OPERATION, wanted.to)
    lossless = wanted.to in ("flac", "truehd") or wanted.to.startswith("pcm")
    encode = Encode(codec=wanted.to, bitrate=None if lossless else wanted.bitrate)
    cause = scope.cause(OPERATION, f"{effective_codec(track)} is neither {wanted.to} nor preserved")
    put_audio(draft, track, encode, cause)


def put_audio(draft: Draft, track: Track, encode: Encode, cause: Cause) -> None:
    """Have an audio track encoded."""
    draft.encode(*encoded_audio(track, encode), cause)


def require_encoder(
    context: Context, scope: Scope, operation: str, codec: str, *, hw: str = "none", hw_fallback: bool = True
) -> None:
    """Raise Refusal when the encode cannot be carried out, or was tried and failed."""
    if not context.can_encode:
        raise Refusal(operation, f"needs {operation}, not available yet")
    require_known_encoder(context, scope, operation, codec, hw=hw, hw_fallback=hw_fallback)


def require_known_encoder(
    context: Context, scope: Scope, operation: str, codec: str, *, hw: str = "none", hw_fallback: bool = True
) -> None:
    """Raise Refusal when no encoder is at hand for the codec, or the phase's encode was tried and failed."""
    failed = context.failed_encodes or {}
    if (scope.policy, scope.phase) in failed:
        raise Refusal(operation, failed[scope.policy, scope.phase])
    if context.encoders is None:
        return
    hardware = hardware_encoders(codec, hw)
    usable = {*hardware, *(() if hardware and not hw_fallback else software_encoders(codec))}
    if not usable & context.encoders:
        wanted = hardware[0] if hardware and not hw_fallback else software_encoders(codec)[0]
        raise Refusal(operation, f"the encoder {wanted} is missing")
