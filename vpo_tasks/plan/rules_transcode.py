"""Encoding video and audio: `transcode` (policy-format 3.9)."""

from __future__ import annotations

from types import MappingProxyType

from vpo_tasks.media.model import MediaInfo, Track
from vpo_tasks.plan.draft import Cause, Draft, Refusal, Scope
from vpo_tasks.plan.encoding import encoded_audio, encoded_video
from vpo_tasks.plan.model import Context, Encode
from vpo_tasks.policy.codecs import canonical_codec, effective_codec, matches_audio_pattern, matches_video
from vpo_tasks.policy.model import AudioTranscode, SkipIf, Transcode, VideoTranscode

OPERATION = "transcode"
SOFTWARE_ENCODERS = MappingProxyType(
    {
        "hevc": "libx265", "h264": "libx264", "vp9": "libvpx-vp9", "av1": "libaom-av1", "opus": "libopus",
        "mp3": "libmp3lame", "truehd": "truehd", "dts": "dca",
    }
)  # fmt: skip
"""FFmpeg's encoder for a codec, where it is not called like the codec."""
_BOXES = MappingProxyType(
    {
        "480p": (854, 480), "720p": (1280, 720), "1080p": (1920, 1080), "1440p": (2560, 1440),
        "4k": (3840, 2160), "8k": (7680, 4320),
    }
)  # fmt: skip
_DEFAULT_CRF = MappingProxyType({"h264": 23, "hevc": 28, "vp9": 31, "av1": 30})
_UNKNOWN_CODECS = frozenset({"", "none", "unknown"})


def transcode(
    draft: Draft, operation: Transcode, skips: frozenset[str], scope: Scope, context: Context
) -> None:
    """Plan the encodes. Raise Refusal when one is needed and cannot be done."""
    video = next((track for track in draft.tracks if track.type == "video"), None)
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
    """Plan the first video track's encode if its codec or size asks for it; others cannot come along."""
    size = scaled(video.width, video.height, wanted)
    if video.codec in _UNKNOWN_CODECS or matches_video(video.codec, (wanted.to,)):
        if size is None:
            return
        reason = f"{video.width}x{video.height} is larger than asked"
    else:
        reason = f"{canonical_codec(video.codec)} is not {wanted.to}"
    require_encoder(context, OPERATION, wanted.to, wanted.hw, wanted.hw_fallback)
    constrained = wanted.quality == "constrained_quality"
    bitrate = wanted.quality == "bitrate"
    width, height = size or (None, None)
    encode = Encode(
        codec=wanted.to,
        bitrate=wanted.target_bitrate if bitrate else None,
        crf=None if bitrate else wanted.crf if wanted.crf is not None else _DEFAULT_CRF[wanted.to],
        min_rate=wanted.min_bitrate if constrained else None,
        max_rate=wanted.max_bitrate if constrained else None,
        two_pass=wanted.two_pass and bitrate,
        preset=wanted.preset,
        tune=wanted.tune,
        width=width,
        height=height,
        scale_algorithm=wanted.scale_algorithm if size else None,
        hw=wanted.hw,
        hw_fallback=wanted.hw_fallback,
        extra_args=wanted.ffmpeg_args,
    )
    draft.encode(*encoded_video(video, encode), scope.cause(OPERATION, reason))
    for other in draft.of_type("video")[1:]:
        draft.warn(f"video {other.codec} is dropped: only the first video track is encoded")
        draft.remove(other, scope.cause(OPERATION, "only the first video track is encoded"))


def scaled(width: int | None, height: int | None, wanted: VideoTranscode) -> tuple[int, int] | None:
    """Return the even size that fits the box, or None when the video fits, or nobody knows its size."""
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
    return max(2, width * limit // side // 2 * 2), max(2, height * limit // side // 2 * 2)


def _encode_audio(draft: Draft, track: Track, wanted: AudioTranscode, scope: Scope, context: Context) -> None:
    if effective_codec(track) == canonical_codec(wanted.to):
        return
    if any(matches_audio_pattern(track, pattern) for pattern in wanted.preserve):
        return
    require_encoder(context, OPERATION, wanted.to)
    lossless = wanted.to == "flac" or wanted.to.startswith("pcm")
    encode = Encode(codec=wanted.to, bitrate=None if lossless else wanted.bitrate)
    cause = scope.cause(OPERATION, f"{effective_codec(track)} is neither {wanted.to} nor preserved")
    put_audio(draft, track, encode, cause)


def put_audio(draft: Draft, track: Track, encode: Encode, cause: Cause) -> None:
    """Have an audio track encoded."""
    draft.encode(*encoded_audio(track, encode), cause)


def require_encoder(
    context: Context, operation: str, codec: str, hw: str = "none", hw_fallback: bool = True
) -> None:
    """Raise Refusal when the encode cannot be carried out."""
    if not context.can_encode:
        raise Refusal(operation, f"needs {operation}, not available yet")
    if context.encoders is None:
        return
    software = SOFTWARE_ENCODERS.get(codec, codec)
    if hw not in ("auto", "none") and not hw_fallback:
        if f"{codec}_{hw}" not in context.encoders:
            raise Refusal(operation, f"the encoder {codec}_{hw} is missing")
    elif software not in context.encoders and not any(
        name.startswith(f"{codec}_") for name in context.encoders if hw != "none"
    ):
        raise Refusal(operation, f"the encoder {software} is missing")
