"""Conversion to another container: `container` (policy-format 3.1)."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from types import MappingProxyType

import msgspec

from vpo_tasks.media.film import film_of
from vpo_tasks.media.model import Track
from vpo_tasks.plan.containers import CONTAINER_FORMATS, UNWRITABLE_TAGS
from vpo_tasks.plan.draft import Draft, Refusal, Scope
from vpo_tasks.plan.encoding import encoded_audio, encoded_subtitle
from vpo_tasks.plan.model import Context, Encode
from vpo_tasks.plan.rules_transcode import require_known_encoder
from vpo_tasks.policy.codecs import BITMAP_SUBTITLES, canonical_codec, effective_codec
from vpo_tasks.policy.model import CodecMapping, Container

_OPERATION = "container"
_MP4_VIDEO = frozenset({"h264", "hevc", "av1", "mpeg4", "vp9"})
_MP4_AUDIO = frozenset({"aac", "ac3", "eac3", "mp3", "flac", "opus", "alac"})
_MP4_SUBTITLE = frozenset({"mov_text", "webvtt"})
_MP4_HOLDS = MappingProxyType({"video": _MP4_VIDEO, "audio": _MP4_AUDIO, "subtitle": _MP4_SUBTITLE})
_MP4_COVERS = frozenset({"mjpeg", "png"})
"""What an item list has a type for (`covr`)."""
_PLAIN_COVERS = frozenset({"", "cover", "folder", "poster", "front"})
_OF_MP4 = frozenset({".mp4", ".m4v", ".mov"})
_OF_MATROSKA = frozenset({".mkv", ".webm", ".mk3d"})
_TEXT_SUBTITLES = frozenset({"subrip", "ass", "webvtt", "text", "mov_text"})
_STYLED = frozenset({"ass"})
_NOT_IN_MATROSKA = frozenset({"eia_608", "dvb_teletext", "xsub", "ttml", "arib_caption", "none", "unknown"})
_NOT_COPIED = frozenset({"aac_latm", "pcm_bluray", "pcm_dvd", "nellymoser"})
"""Sound that no muxer of ours takes as it is; what FFmpeg makes of LATM in Matroska, players do not know."""
_AUDIO_BITRATES = MappingProxyType({"truehd": 256_000, "dts": 256_000, "dts-hd": 320_000})
_OTHER_AUDIO_BITRATE = 192_000
_LOSSLESS = frozenset({"flac", "alac"})


def convert_container(
    draft: Draft, operation: Container, scope: Scope, context: Context, foresee: Callable[[], Sequence[Track]]
) -> None:
    """Change the container, judged on the tracks that are left. Raise Refusal when a codec does not fit.

    `foresee` returns the tracks as the phase's own encodes, which come later, will leave them.
    """
    if draft.container == operation.target:
        _say_wrong_name(draft, context.path)
        return
    offenders = [track for track in draft.tracks if not fits(track, operation.target)]
    if offenders:
        offenders = _without_later_encodes(offenders, operation, foresee())
    if offenders and operation.on_incompatible_codec != "transcode":
        names = ", ".join(sorted({effective_codec(track) for track in offenders}))
        reason = f"{operation.target} cannot hold {names}"
        if any(track.type == "other" for track in offenders):
            reason += " (on_incompatible_codec: transcode drops data streams)"
        if operation.on_incompatible_codec == "error":
            raise Refusal(_OPERATION, reason)
        draft.warn(f"stays {draft.container}: {reason}")
        return
    trial = draft.copy()
    for track in offenders:
        _make_fit(trial, track, operation, scope)
    for track in trial.of_type("audio"):
        if track.index in trial.encodes and track.index not in draft.encodes:
            require_known_encoder(context, scope, _OPERATION, trial.encodes[track.index].codec)
    _require_tracks(draft, trial, operation.target)
    _carry_text(trial, operation.target, scope)
    if operation.target == "mp4":
        _leave_names_of_covers(trial)
    trial.container = operation.target
    trial.format_name = CONTAINER_FORMATS[operation.target]
    cause = scope.cause(_OPERATION, f"the container is {operation.target}")
    trial.note((None, "container"), cause)
    if not operation.preserve_metadata:
        for name in sorted(trial.tags.keys() - UNWRITABLE_TAGS):
            trial.set_tag(name, None, scope.cause(_OPERATION, "metadata is not preserved"))
    draft.adopt(trial)


def _say_wrong_name(draft: Draft, path: str) -> None:
    """Say that a file's name speaks of another container: players and servers go by it."""
    suffix = os.path.splitext(path)[1].lower()
    if draft.container == "mkv" and suffix in _OF_MP4:
        draft.warn(f"it is Matroska already, but its name ends in {suffix}: rename it to .mkv")
    elif draft.container == "mp4" and suffix in _OF_MATROSKA:
        draft.warn(f"it is MP4 already, but its name ends in {suffix}: rename it to .mp4")


def _leave_names_of_covers(draft: Draft) -> None:
    """Take the file names of covers away, which an item list has no place for; say so of telling ones."""
    covers = draft.of_type("attachment")
    for track in covers:
        stem = (track.filename or "").rpartition(".")[0].lower()
        if stem not in _PLAIN_COVERS:
            draft.warn(f"the cover {track.filename} loses its name: MP4 has no place for it")
    named = {track.index: msgspec.structs.replace(track, filename=None) for track in covers}
    draft.tracks = tuple(named.get(track.index, track) for track in draft.tracks)


def fits(track: Track, target: str) -> bool:
    """Tell whether a track may go into a container. A data stream never does: no tool of ours carries it."""
    if track.type == "other":
        return False
    if track.type == "attachment":
        return target == "mkv" or (track.is_picture and track.codec in _MP4_COVERS)
    if track.codec in _NOT_COPIED:
        return False
    if target == "mkv":
        return track.codec not in _NOT_IN_MATROSKA
    return canonical_codec(effective_codec(track)) in _MP4_HOLDS.get(track.type, frozenset())


def _without_later_encodes(
    offenders: Sequence[Track], operation: Container, later: Sequence[Track]
) -> list[Track]:
    """Leave out the tracks that the phase encodes, or drops, anyway; what a mapping names, it decides."""
    unfit = {track.index for track in later if not fits(track, operation.target)}
    return [track for track in offenders if track.index in unfit or _mapping(track, operation) is not None]


def _make_fit(draft: Draft, track: Track, operation: Container, scope: Scope) -> None:
    """Encode or remove one track that does not fit."""
    mapping = _mapping(track, operation) if operation.target == "mp4" else None
    codec = effective_codec(track)
    if mapping is not None:
        action = mapping.action or _default_action(track)
        wanted = canonical_codec(mapping.codec)
        if action == "remove":
            _drop(draft, track, f"codec_mappings removes {codec}", scope)
        elif wanted == "webvtt" or wanted not in _MP4_HOLDS.get(track.type, frozenset()):
            raise Refusal(_OPERATION, f"{mapping.codec} cannot be written into mp4")
        elif track.type == "audio":
            reason = f"codec_mappings turns {codec} into {wanted}"
            bitrate = None if wanted in _LOSSLESS else mapping.bitrate or _bitrate(codec)
            encode = Encode(codec=wanted, bitrate=bitrate)
            draft.encode(*encoded_audio(track, encode), scope.cause(_OPERATION, reason))
        elif track.type == "subtitle" and _is_text(track):
            reason = f"codec_mappings turns {codec} into {wanted}"
            draft.encode(*encoded_subtitle(track, wanted), scope.cause(_OPERATION, reason))
        else:
            raise Refusal(_OPERATION, f"{track.type} {codec} cannot be turned into {mapping.codec}")
        return
    reason = f"{operation.target} cannot hold {codec}"
    if track.type == "audio" and (operation.target == "mp4" or track.codec in _NOT_COPIED):
        lossless = operation.target == "mkv" and codec.startswith("pcm")
        encode = Encode(codec="flac") if lossless else Encode(codec="aac", bitrate=_bitrate(codec))
        draft.encode(*encoded_audio(track, encode), scope.cause(_OPERATION, reason))
    elif track.type == "subtitle" and operation.target == "mp4" and _is_text(track):
        if canonical_codec(track.codec) in _STYLED:
            draft.warn(f"subtitle {track.codec} becomes mov_text and loses its styling")
        draft.encode(*encoded_subtitle(track, "mov_text"), scope.cause(_OPERATION, reason))
    else:
        _drop(draft, track, reason, scope)


def _carry_text(draft: Draft, target: str, scope: Scope) -> None:
    """Change text subtitles that no muxer of ours writes into the target.

    Matroska has no mov_text; FFmpeg has no WebVTT in MP4 (5.1 and 9 both refuse the tag).
    """
    codecs, carried = (("mov_text", "text"), "subrip") if target == "mkv" else (("webvtt",), "mov_text")
    for track in draft.of_type("subtitle"):
        if canonical_codec(track.codec) in codecs and track.index not in draft.encodes:
            reason = f"{target} holds {track.codec} text as {carried}"
            draft.encode(*encoded_subtitle(track, carried), scope.cause(_OPERATION, reason))


def _drop(draft: Draft, track: Track, reason: str, scope: Scope) -> None:
    draft.warn(f"{track.type} {track.codec} is dropped: {reason}")
    draft.remove(track, scope.cause(_OPERATION, reason))


def _require_tracks(before: Draft, after: Draft, target: str) -> None:
    """Refuse a conversion that would not leave the film, or no audio."""
    film = film_of(before.tracks)
    if film is not None and all(track.index != film.index for track in after.tracks):
        raise Refusal(_OPERATION, f"no video would be left: {target} cannot hold {effective_codec(film)}")
    for kind in ("video", "audio"):
        tracks = before.of_type(kind)
        if tracks and not after.of_type(kind):
            codecs = ", ".join(sorted({effective_codec(track) for track in tracks}))
            raise Refusal(_OPERATION, f"no {kind} would be left: {target} cannot hold {codecs}")


def _mapping(track: Track, operation: Container) -> CodecMapping | None:
    codec = effective_codec(track)
    for name in (track.codec, codec):
        if name in operation.codec_mappings:
            return operation.codec_mappings[name]
    return next(
        (mapping for key, mapping in operation.codec_mappings.items() if canonical_codec(key) == codec), None
    )


def _default_action(track: Track) -> str:
    if track.type == "subtitle":
        return "convert" if canonical_codec(track.codec) not in BITMAP_SUBTITLES else "remove"
    return "transcode"


def _bitrate(codec: str) -> int:
    return _AUDIO_BITRATES.get(codec, _OTHER_AUDIO_BITRATE)


def _is_text(track: Track) -> bool:
    return canonical_codec(track.codec) in _TEXT_SUBTITLES
