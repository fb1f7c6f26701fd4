"""Random policies over the whole language, as model values (`policies()`) that a file could have given."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st

from tests.support.policy_rules import (
    AUDIO_CODECS,
    BOXES,
    CODECS,
    CODES,
    HEIGHTS,
    LANGUAGES,
    ON_ERROR,
    PATTERNS,
    RATES,
    SHARES,
    VIDEO_CODECS,
    WORDS,
    comparisons,
    conditions,
    optional,
    rarely,
    rules,
)
from vpo_tasks.policy import model as m
from vpo_tasks.policy.values import default_synthesis_rate


def codec_mappings():
    plain = st.builds(m.CodecMapping, codec=AUDIO_CODECS, action=st.sampled_from(["convert", "remove"]))
    encoded = st.builds(
        m.CodecMapping,
        codec=AUDIO_CODECS,
        bitrate=optional(st.sampled_from([64_000, 640_000])),
        action=st.sampled_from([None, "transcode"]),
    )
    return st.dictionaries(AUDIO_CODECS, st.one_of(plain, encoded), max_size=2)


def containers():
    return st.builds(
        m.Container,
        target=st.sampled_from(["mkv", "mp4"]),
        on_incompatible_codec=st.sampled_from(["error", "skip", "transcode"]),
        codec_mappings=codec_mappings(),
        preserve_metadata=st.booleans(),
    )


def keep_audios():
    switches = {
        name: st.booleans()
        for name in m.KeepAudio.__struct_fields__
        if name.startswith(("keep_", "exclude_"))
    }
    return st.builds(
        m.KeepAudio,
        languages=st.lists(CODES, min_size=1, max_size=3).map(tuple),
        minimum=st.integers(1, 3),
        fallback=st.sampled_from(["content_language", "keep_all", "keep_first", "error"]),
        **switches,
    )


def track_actions():
    return st.builds(
        m.TrackActions,
        clear_all_forced=st.booleans(),
        clear_all_default=st.booleans(),
        clear_all_titles=st.booleans(),
    )


def default_flags():
    fields = m.DefaultFlags.__struct_fields__
    return st.builds(
        m.DefaultFlags,
        preferred_audio_codec=st.lists(AUDIO_CODECS, max_size=2).map(tuple),
        **{name: st.booleans() for name in fields if name != "preferred_audio_codec"},
    )


TRACK_CLASSES = (
    "video audio_main audio_alternate audio_commentary audio_music audio_sfx audio_non_speech subtitle_main "
    "subtitle_forced subtitle_commentary attachment"
).split()

_RATES_THAT_COUNT = st.one_of(
    st.fixed_dictionaries({"quality": st.just("crf"), "crf": optional(st.integers(10, 20))}),
    st.fixed_dictionaries({"quality": st.just("bitrate"), "target_bitrate": RATES}),
    st.fixed_dictionaries(
        {
            "quality": st.just("constrained_quality"),
            "crf": optional(st.integers(10, 20)),
            "max_bitrate": RATES,
            "min_bitrate": optional(RATES),
        }
    ),
)


@st.composite
def video_transcodes(draw):
    some = st.booleans()
    skip_if = st.one_of(
        st.builds(m.SkipIf, codec_matches=CODECS, resolution_within=optional(BOXES)),
        st.builds(m.SkipIf, bitrate_under=RATES),
    )
    return m.VideoTranscode(
        to=draw(st.sampled_from(["h264", "hevc", "vp9", "av1"])),
        skip_if=draw(optional(skip_if)),
        preset=draw(st.sampled_from(["ultrafast", "medium", "slow"])),
        tune=draw(st.sampled_from([None, "film", "grain", "zerolatency"])),
        upscale=draw(some),
        keep_if_larger=draw(some),
        two_pass=draw(some),
        max_resolution=draw(optional(BOXES)),
        max_width=draw(optional(st.integers(1, 4000))),
        max_height=draw(optional(st.integers(1, 4000))),
        scale_algorithm=draw(st.sampled_from(["lanczos", "bicubic", "bilinear"])),
        hw=draw(st.sampled_from(["auto", "nvenc", "qsv", "vaapi", "videotoolbox", "none"])),
        hw_fallback=draw(some),
        ffmpeg_args=draw(st.sampled_from([(), ("-movflags", "+faststart")])),
        **draw(_RATES_THAT_COUNT),
    )


def transcodes():
    audio = st.builds(
        m.AudioTranscode,
        preserve=st.lists(AUDIO_CODECS, max_size=3).map(tuple),
        to=st.sampled_from(["aac", "ac3", "flac", "opus"]),
        bitrate=RATES,
    )
    return st.builds(m.Transcode, video=optional(video_transcodes()), audio=optional(audio))


def synthesis_tracks():
    criterion = st.one_of(
        st.builds(m.SourceCriterion, language=LANGUAGES, codec=optional(CODECS)),
        st.builds(m.SourceCriterion, not_commentary=st.booleans()),
        st.builds(m.SourceCriterion, channels=st.sampled_from(["max", "min", 2, 6])),
    )
    skip = st.builds(
        m.SkipIfExists,
        codec=optional(CODECS),
        channels=optional(comparisons()),
        language=optional(LANGUAGES),
        not_commentary=st.booleans(),
    )
    made = st.builds(
        m.SynthesisTrack,
        name=st.sampled_from(["stereo", "surround", "night", "1e5"]),
        codec=st.sampled_from(["eac3", "aac", "ac3", "opus", "flac"]),
        channels=st.integers(1, 8),
        prefer=st.lists(criterion, min_size=1, max_size=2).map(tuple),
        bitrate=optional(RATES),
        create_if=optional(conditions()),
        skip_if_exists=optional(skip),
        title=optional(WORDS),
        language=optional(st.sampled_from(["eng", "jpn", "no"])),
        position=st.sampled_from(["after_source", "end", 1, 2]),
    )
    return made.map(_without_default_rate)


def _without_default_rate(track):
    """The loader takes a rate that is the codec's default for none."""
    is_default = track.bitrate == default_synthesis_rate(track.codec, track.channels)
    return msgspec.structs.replace(track, bitrate=None) if is_default else track


def syntheses():
    tracks = st.lists(synthesis_tracks(), min_size=1, max_size=2, unique_by=lambda track: track.name)
    return st.builds(m.AudioSynthesis, tracks=tracks.map(tuple))


@st.composite
def transcriptions(draw):
    detect = draw(st.booleans())
    return m.Transcription(
        enabled=draw(st.booleans()),
        update_language_from_transcription=draw(st.booleans()),
        update_title_from_classification=draw(st.booleans()),
        confidence_threshold=draw(SHARES),
        detect_commentary=detect,
        reorder_commentary=detect and draw(st.booleans()),
    )


def timestamps():
    return st.builds(
        m.FileTimestamp,
        mode=st.sampled_from(["preserve", "release_date", "now"]),
        fallback=st.sampled_from(["preserve", "now", "skip"]),
        date_source=st.sampled_from(["auto", "radarr", "sonarr"]),
    )


@st.composite
def skip_whens(draw):
    choices = {
        "video_codec": st.lists(VIDEO_CODECS, min_size=1, max_size=2).map(tuple),
        "audio_codec_exists": AUDIO_CODECS,
        "subtitle_language_exists": CODES,
        "container": st.sampled_from([("mkv",), ("mp4", "avi")]),
        "resolution": HEIGHTS,
        "resolution_under": HEIGHTS,
        "file_size_under": st.sampled_from([1, 1024**3]),
        "file_size_over": st.sampled_from([0, 1024**2 + 1]),
        "duration_under": st.sampled_from([90.0, 5400.0]),
        "duration_over": st.sampled_from([0.5, 7200.0]),
    }
    keys = draw(st.lists(st.sampled_from(sorted(choices)), min_size=1, max_size=3, unique=True))
    return m.SkipWhen(mode=draw(st.sampled_from(["any", "all"])), **{key: draw(choices[key]) for key in keys})


def _operations():
    return {
        "audio_actions": track_actions(),
        "subtitle_actions": track_actions(),
        "video_actions": track_actions(),
        "container": containers(),
        "keep_audio": keep_audios(),
        "keep_subtitles": st.builds(
            m.KeepSubtitles,
            languages=optional(LANGUAGES),
            preserve_forced=st.booleans(),
            remove_all=st.booleans(),
        ),
        "filter_attachments": st.builds(m.FilterAttachments, remove_all=st.booleans()),
        "track_order": st.lists(st.sampled_from(TRACK_CLASSES), min_size=1, max_size=6).map(tuple),
        "default_flags": default_flags(),
        "rules": rules(),
        "audio_synthesis": syntheses(),
        "transcode": transcodes(),
        "file_timestamp": timestamps(),
        "transcription": transcriptions(),
    }


@st.composite
def phases(draw, name="phase", earlier=()):
    """Return a phase; `earlier` are the names it may refer to."""
    choices = _operations()
    keys = draw(st.lists(st.sampled_from(sorted(choices)), max_size=4, unique=True))
    run_if = None
    depends_on = ()
    if earlier:
        names = st.sampled_from(list(earlier))
        run_if = draw(
            rarely(
                st.one_of(st.builds(m.RunIf, phase_modified=names), st.builds(m.RunIf, phase_completed=names))
            )
        )
        depends_on = tuple(draw(rarely(st.lists(names, max_size=2, unique=True))) or ())
    return m.Phase(
        name=name,
        skip_when=draw(rarely(skip_whens())),
        depends_on=depends_on,
        run_if=run_if,
        on_error=draw(optional(ON_ERROR)),
        **{key: draw(choices[key]) for key in keys},
    )


def configs():
    languages = st.lists(st.sampled_from(["eng", "und", "jpn", "ger", "fr", "no"]), max_size=3).map(tuple)
    return st.builds(
        m.Config,
        audio_languages=languages,
        subtitle_languages=languages,
        commentary_patterns=st.lists(PATTERNS, max_size=2).map(tuple),
        on_error=ON_ERROR,
    )


@st.composite
def policies(draw, max_phases=3):
    """Return a policy that a file could have given."""
    made: list[m.Phase] = []
    for number in range(draw(st.integers(1, max_phases))):
        made.append(draw(phases(name=f"Phase-{number}", earlier=tuple(phase.name for phase in made))))
    config = draw(configs())
    # the loader takes a mode that repeats that of config for none
    settled = [
        msgspec.structs.replace(phase, on_error=None) if phase.on_error == config.on_error else phase
        for phase in made
    ]
    return m.Policy(
        name=draw(st.sampled_from(["films", "no", "Series: all"])), phases=tuple(settled), config=config
    )
