"""What each container can hold: what survived a rewrite of a file of its kind with ffmpeg 5.1 and 9.

An edit that a container cannot hold is left out with a warning: planned, it would be planned again for ever.
"""

from __future__ import annotations

from types import MappingProxyType

import msgspec

from vpo_tasks.media.film import film_of
from vpo_tasks.media.languages import normalise
from vpo_tasks.media.model import Track
from vpo_tasks.plan.draft import Cause, Draft
from vpo_tasks.plan.names import name_track
from vpo_tasks.policy.match import APART

UNWRITABLE_TAGS = frozenset(
    {
        "encoder", "creation_time", "major_brand", "minor_version", "compatible_brands", "duration",
        "handler_name", "vendor_id",
    }
)  # fmt: skip
"""Tags that tools write by themselves: never planned, never carried to another container."""

WEBM_CODECS = frozenset({"vp8", "vp9", "av1", "opus", "vorbis", "webvtt"})

MOV_SPELLINGS = MappingProxyType({"fre": "fra", "cze": "ces", "rum": "ron", "slo": "slk"})
"""Normalised language to what FFmpeg's MOV muxer knows it by, where that differs."""

_MOV_LANGUAGES = frozenset(
    {
        "alb", "amh", "ara", "arm", "asm", "aym", "aze", "baq", "bel", "ben", "bul", "bur", "cat", "chi",
        "cze", "dan", "dut", "dzo", "eng", "epo", "est", "fin", "fre", "geo", "ger", "gre", "grn", "guj",
        "heb", "hin", "hun", "ice", "ind", "ita", "jav", "jpn", "kan", "kas", "kaz", "khm", "kin", "kir",
        "kor", "kur", "lao", "lat", "lav", "lit", "mac", "mal", "mar", "may", "mlg", "mlt", "mon", "nep",
        "nor", "nya", "ori", "orm", "per", "pol", "por", "pus", "que", "rum", "run", "rus", "san", "sin",
        "slo", "slv", "smi", "snd", "som", "spa", "swa", "tam", "tat", "tel", "tgk", "tgl", "tha", "tib",
        "tir", "tuk", "tur", "uig", "ukr", "urd", "uzb", "vie", "wel", "yid", "und",
    }
)  # fmt: skip
_MP4_TAGS = frozenset(
    {
        "title", "artist", "album_artist", "composer", "album", "date", "comment", "genre", "copyright",
        "grouping", "lyrics", "description", "synopsis", "show", "episode_id", "network", "keywords",
        "episode_sort", "season_number", "media_type", "hd_video", "compilation", "track", "disc",
    }
)  # fmt: skip
_MOV_TAGS = frozenset(
    {
        "title", "artist", "album", "date", "comment", "genre", "copyright", "location",
    }
)  # fmt: skip
_AVI_TAGS = frozenset(
    {
        "title", "artist", "comment", "copyright", "date", "genre", "product", "track", "encoded_by",
    }
)  # fmt: skip


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a container holds. `tags` None: every tag. `one_default`: one video and audio track is default."""

    name: str
    default: bool = False
    forced: bool = False
    title: bool = False
    language: str = "none"  # none | sound (not on video) | mov | code | any
    roles: frozenset[str] = frozenset()
    """Further dispositions: what is written of them and read back."""
    tags: frozenset[str] | None = frozenset()
    one_default: bool = False


_LIMITS = MappingProxyType(
    {
        "mkv": Limits(
            name="Matroska",
            default=True,
            forced=True,
            title=True,
            language="any",
            roles=frozenset({"comment", "descriptions", "hearing_impaired", "original", "visual_impaired"}),
            tags=None,
        ),
        "mp4": Limits(
            name="MP4",
            default=True,
            forced=True,
            title=True,
            language="code",
            roles=frozenset(
                {"captions", "comment", "descriptions", "dub", "hearing_impaired", "visual_impaired"}
            ),
            tags=_MP4_TAGS,
            one_default=True,
        ),
        "mov": Limits(name="MOV", default=True, title=True, language="mov", tags=_MOV_TAGS, one_default=True),
        "avi": Limits(name="AVI", title=True, tags=_AVI_TAGS),
        "mpegts": Limits(name="MPEG-TS", language="sound"),
        "asf": Limits(name="ASF"),
        "flv": Limits(name="FLV"),
    }
)

CONTAINER_FORMATS = MappingProxyType({"mkv": "matroska,webm", "mp4": "mov,mp4,m4a,3gp,3g2,mj2"})
"""What a probe calls the containers that a policy can convert to."""


_PCM = frozenset({"pcm_s16le", "pcm_s24le"})
_CANNOT_ENCODE = MappingProxyType(
    {
        # B-frames of H.264 would lose their times; FFmpeg reads no HEVC back
        "avi": frozenset({"h264", "hevc", "av1", "eac3", "opus", "truehd"}),
        "mp4": frozenset({"dts", "truehd"}) | _PCM,
        "mov": frozenset({"vp9", "av1", "opus", "flac", "truehd", "dts"}),
        "mpegts": frozenset({"vp9", "av1", "flac"}) | _PCM,
        "asf": frozenset({"hevc", "av1", "opus", "truehd"}),
        "flv": frozenset({"hevc", "vp9", "av1", "ac3", "eac3", "opus", "flac", "dts", "truehd"}) | _PCM,
    }
)
"""What cannot be written into a container, or not be read back; FFmpeg often finds out at the end only."""


def holds_encoded(container: str, codec: str) -> bool:
    """Tell whether a container can hold what an encoder makes."""
    return codec not in _CANNOT_ENCODE.get(container, ())


def can_rewrite(container: str) -> bool:
    """Tell whether a file of this kind can be written again by a stream copy."""
    return container in _LIMITS


def fit_container(draft: Draft) -> None:
    """Bring the draft down to what its container can hold, with a warning for each edit that is left out."""
    limits = _LIMITS.get(draft.container)
    if limits is None:
        limits = Limits(name=draft.container.upper())
    if limits.tags is not None:
        _settle_tags(draft, limits)
        originals = {track.index: track for track in draft.source.tracks}
        draft.tracks = tuple(
            [_settle_track(draft, track, originals.get(track.index), limits) for track in draft.tracks]
        )
    if draft.tracks != draft.source.tracks or draft.container != draft.source.container:
        _settle_roles(draft, limits)
    if limits.one_default and is_changed(draft):
        _enable_one_of_each(draft, limits)


def say_webm_no_more(draft: Draft) -> None:
    """Say that a WebM will be none any more; its name goes on saying so."""
    was_webm = draft.container == "mkv" and draft.source.doc_type == "webm"
    if was_webm and is_changed(draft) and not is_webm(draft):
        codecs = ", ".join(sorted({t.codec for t in draft.tracks if t.codec not in WEBM_CODECS}))
        draft.warn(f"it is no WebM any more ({codecs}): rename it to .mkv, for players go by the name")


def is_changed(draft: Draft) -> bool:
    """Tell whether the draft differs from the source in anything that is written to the file."""
    source = draft.source
    return (
        draft.tracks != source.tracks
        or draft.container != source.container
        or draft.tags != source.tags
        or (bool(draft.encodes) and any(track.index in draft.encodes for track in draft.tracks))
    )


def _settle_track(draft: Draft, track: Track, original: Track | None, limits: Limits) -> Track:
    """Return the track as the container can hold it. What the file has already, the container holds."""
    if track.type in ("attachment", "other"):
        return track
    converted = draft.container != draft.source.container
    held = original if original is not None and not converted else None
    if track is held:
        return track
    default, forced, title, language = track.default, track.forced, track.title, track.language
    if default and not limits.default and not (held and held.default):
        default = False
        _leave_out(draft, track, "default", limits, "a default flag")
    if forced and not limits.forced and not (held and held.forced):
        forced = False
        _leave_out(draft, track, "forced", limits, "a forced flag")
    if title and not limits.title and not (held and held.title == title):
        title = held.title if held else None
        _leave_out(draft, track, "title", limits, "a track title")
    if (
        language
        and not holds_language(limits, language, track.type)
        and not (held and held.language == language)
    ):
        code = normalise(language)
        fits = code != language and holds_language(limits, code, track.type)
        _leave_out(
            draft,
            track,
            "language",
            limits,
            f"the language {language}, only {code}" if fits else f"the language {language}",
        )
        language = held.language if held else code if fits else "und"
    if (default, forced, title, language) == (track.default, track.forced, track.title, track.language):
        return track
    return msgspec.structs.replace(track, default=default, forced=forced, title=title, language=language)


def is_webm(draft: Draft) -> bool:
    """Tell whether the file is a WebM and stays one: while every track may be in one."""
    webm = draft.container == "mkv" and draft.source.doc_type == "webm"
    return webm and all(track.codec in WEBM_CODECS for track in draft.tracks)


def _settle_roles(draft: Draft, limits: Limits) -> None:
    """Leave out the dispositions that the container cannot store; a role that is told by a title keeps it."""
    if not [track for track in draft.tracks if track.dispositions]:
        return
    held, name = (frozenset[str](), "WebM") if is_webm(draft) else (limits.roles, limits.name)
    converted = draft.container != draft.source.container
    originals = {track.index: track for track in draft.source.tracks}
    settled = []
    for track in draft.tracks:
        original = originals.get(track.index)
        before = set(original.dispositions) if original is not None else set[str]()
        lost = set(track.dispositions) - held - (set[str]() if converted else before)
        if not lost or track.type == "attachment":
            settled.append(track)
            continue
        title = track.title
        if original is not None and not lost <= before:
            title = original.title
            draft.warn(
                f"{name_track(draft.source, track)} keeps its title: {name} cannot store what it tells"
            )
        elif lost - {"captions"} or "hearing_impaired" not in track.dispositions:
            words = ", ".join(sorted(lost))
            draft.warn(f"{name_track(draft.source, track)}: {name} cannot store the flags {words}")
        kept = tuple(role for role in track.dispositions if role not in lost)
        settled.append(msgspec.structs.replace(track, dispositions=kept, title=title))
    draft.tracks = tuple(settled)


def _leave_out(draft: Draft, track: Track, what: str, limits: Limits, thing: str) -> None:
    draft.warn(f"{name_track(draft.source, track)}: {limits.name} cannot store {thing}")
    if draft.container != draft.source.container:
        draft.note((track.index, what), file_cause(draft, f"{limits.name} cannot store {thing}"))


def as_stored(container: str, track: Track) -> Track:
    """Return a new track as a file of this kind shows it: without a title or language it cannot store."""
    limits = _LIMITS.get(container)
    if limits is None:
        return track
    spelt = (track.language or "und", normalise(track.language), "und")
    language = next(language for language in spelt if holds_language(limits, language, track.type))
    return msgspec.structs.replace(track, title=track.title if limits.title else None, language=language)


def holds_language(limits: Limits, language: str, kind: str = "audio") -> bool:
    """Tell whether the container stores this language on a track of this type."""
    if limits.language == "sound" and kind == "video":
        return language == "und"
    if limits.language == "any" or language == "und":
        return True
    if limits.language == "mov":
        return language in _MOV_LANGUAGES
    return (
        limits.language in ("code", "sound")
        and len(language) == 3
        and language.isascii()
        and language.isalpha()
    )


def _settle_tags(draft: Draft, limits: Limits) -> None:
    """Keep the tags that the container holds; a tag it cannot hold stays as it was, or stays away."""
    known = limits.tags or frozenset()
    before = draft.source.tags
    if draft.container != draft.source.container:
        lost = [name for name in draft.tags if name not in known and name not in UNWRITABLE_TAGS]
        for name in lost:
            draft.set_tag(name, None, file_cause(draft, f"{limits.name} cannot store the tag {name}"))
        if lost:
            tags = "tag" if len(lost) == 1 else "tags"
            draft.warn(f"{limits.name} cannot store the {tags} {', '.join(sorted(lost))}")
        return
    for name in sorted({*draft.tags, *before}):
        if (
            name not in known
            and draft.tags.get(name) != before.get(name)
            and draft.tags.get(name) is not None
        ):
            draft.warn(f"{limits.name} cannot store the tag {name}")
            draft.set_tag(name, before.get(name), file_cause(draft, "left as it was"))


def _enable_one_of_each(draft: Draft, limits: Limits) -> None:
    """Make the film, or the first audio track that is no commentary, the default where none is.

    The muxer takes the first one otherwise, whatever it is told; subtitles are switched off afterwards.
    """
    was_default = {track.index for track in draft.source.tracks if track.default}
    for kind in ("video", "audio"):
        tracks = draft.of_type(kind)
        if tracks and not any(track.default for track in tracks):
            plain = [track for track in tracks if APART.isdisjoint(track.dispositions)]
            chosen = (film_of(tracks) if kind == "video" else None) or (plain or tracks)[0]
            reason = f"{limits.name} always has a default {kind} track"
            if chosen.index in was_default:  # else the change says so itself
                draft.warn(f"{name_track(draft.source, chosen)}: {reason}, so it is this one")
            draft.set_default(chosen, True, file_cause(draft, reason))


def file_cause(draft: Draft, reason: str) -> Cause:
    """Return the cause of what a rewrite brings with it: the edit that asks for the rewrite."""
    by = draft.causes.get((None, "container")) or next(iter(draft.causes.values()), None)
    if by is None:
        return Cause("", "", "container", reason)
    return Cause(by.policy, by.phase, by.operation, reason, by.rule)
