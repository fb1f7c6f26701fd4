"""Random policies over the whole language, as model values (`policies()`) that a file could have given."""

from __future__ import annotations

from hypothesis import strategies as st

from vpo_tasks.policy import model as m

CODES = st.sampled_from(["eng", "en", "und", "jpn", "ger", "deu", "fre", "fr", "spa", "no", "zz"])
LANGUAGES = st.lists(CODES, max_size=3).map(tuple)
AUDIO_CODECS = st.sampled_from(["aac", "ac3", "eac3", "dts", "dts-hd", "truehd", "flac", "opus", "pcm_s16le"])
VIDEO_CODECS = st.sampled_from(["hevc", "h265", "h264", "x264", "av1", "vp9", "mpeg4"])
CODECS = st.lists(st.one_of(AUDIO_CODECS, VIDEO_CODECS, st.just("subrip")), min_size=1, max_size=2).map(tuple)
WORDS = st.sampled_from(
    ["commentary", "director", "Score", "SFX", "5.1", "no", "yes", "1e5", "a: b", "{filename} ü", "#x"]
)
PATTERNS = st.sampled_from(["commentary", "director", "audio description", "^alt", r"\bcast\b", "zebra"])
KINDS = st.sampled_from(["video", "audio", "subtitle", "attachment"])
EDITABLE = st.sampled_from(["video", "audio", "subtitle"])
ON_ERROR = st.sampled_from(["skip", "continue", "fail"])
FIELDS = st.sampled_from(["title", "comment", "year", "original_language", "encoder"])
PLUGINS = st.sampled_from(["radarr", "sonarr"])
SHARES = st.sampled_from([0.0, 0.05, 0.5, 1.0])
RATES = st.sampled_from([64_000, 128_000, 192_000, 640_000, 2_500_000, 12_345])
BOXES = st.sampled_from(["480p", "720p", "1080p", "1440p", "4k", "8k"])
HEIGHTS = st.sampled_from(["480p", "720p", "1080p", "1440p", "2160p"])


def optional(strategy):
    return st.one_of(st.none(), strategy)


def comparisons(low=0, high=12):
    return st.tuples(st.sampled_from(["eq", "lt", "lte", "gt", "gte"]), st.integers(low, high))


def title_matches():
    return st.one_of(
        st.builds(m.TitleMatch, contains=WORDS),
        st.builds(m.TitleMatch, regex=PATTERNS),
    )


def track_filters():
    return st.builds(
        m.TrackFilter,
        language=optional(LANGUAGES),
        codec=optional(CODECS),
        is_default=optional(st.booleans()),
        is_forced=optional(st.booleans()),
        channels=optional(comparisons()),
        width=optional(comparisons(0, 3840)),
        height=optional(comparisons(0, 2160)),
        title=optional(title_matches()),
        not_commentary=st.booleans(),
    )


@st.composite
def metadata_tests(draw):
    """Operator and value, as they may stand together."""
    operator = draw(st.sampled_from(["eq", "neq", "contains", "lt", "lte", "gt", "gte", "exists"]))
    if operator == "exists":
        return {"operator": operator, "value": None}
    numbers = st.one_of(st.integers(-5, 3000), st.sampled_from([0.5, 7.25, 2001.0]))
    if operator in ("lt", "lte", "gt", "gte"):
        return {"operator": operator, "value": draw(numbers)}
    return {"operator": operator, "value": draw(st.one_of(numbers, st.booleans(), WORDS))}


def leaf_conditions():
    detected = {"value": st.booleans(), "min_confidence": SHARES, "language": optional(CODES)}
    return st.one_of(
        st.builds(m.Exists, track_type=KINDS, where=track_filters()),
        st.builds(m.Count, track_type=KINDS, compare=comparisons(0, 4), where=track_filters()),
        st.builds(
            m.MultiLanguage,
            threshold=SHARES,
            track_index=optional(st.integers(0, 3)),
            primary_language=optional(CODES),
        ),
        st.builds(
            lambda plugin, field, test: m.PluginMetadata(plugin=plugin, field=field, **test),
            PLUGINS,
            FIELDS,
            metadata_tests(),
        ),
        st.builds(lambda field, test: m.ContainerMetadata(field=field, **test), FIELDS, metadata_tests()),
        st.builds(m.Original, **detected),
        st.builds(m.Dubbed, **detected),
    )


def conditions():
    return st.recursive(
        leaf_conditions(),
        lambda inner: st.one_of(
            st.builds(m.And, conditions=st.lists(inner, min_size=2, max_size=3).map(tuple)),
            st.builds(m.Or, conditions=st.lists(inner, min_size=2, max_size=3).map(tuple)),
            st.builds(m.Not, condition=inner),
        ),
        max_leaves=4,
    )


def plugin_fields():
    return st.builds(m.PluginField, plugin=PLUGINS, field=FIELDS)


def actions():
    return st.one_of(
        st.builds(m.Skip, what=st.sampled_from(["video_transcode", "audio_transcode", "track_filter"])),
        st.builds(m.Warn, message=WORDS),
        st.builds(m.Fail, message=WORDS),
        st.builds(m.SetForced, language=optional(CODES), value=st.booleans()),
        st.builds(m.SetDefault, track_type=EDITABLE, language=optional(CODES), value=st.booleans()),
        st.builds(m.SetLanguage, track_type=EDITABLE, new_language=CODES, match_language=optional(CODES)),
        st.builds(
            m.SetLanguage,
            track_type=EDITABLE,
            from_plugin_metadata=plugin_fields(),
            match_language=optional(CODES),
        ),
        st.builds(m.SetContainerMetadata, field=FIELDS, value=st.one_of(st.just(""), WORDS)),
        st.builds(m.SetContainerMetadata, field=FIELDS, from_plugin_metadata=plugin_fields()),
    )


def rules():
    some_actions = st.lists(actions(), max_size=2).map(tuple)
    rule = st.builds(m.Rule, name=WORDS, when=conditions(), then=some_actions, otherwise=some_actions)
    return st.builds(
        m.Rules,
        match=st.sampled_from(["first", "all"]),
        items=st.lists(rule, min_size=1, max_size=3).map(tuple),
    )


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
        tune=draw(st.sampled_from([None, "film", "grain"])),
        two_pass=draw(some),
        max_resolution=draw(optional(BOXES)),
        max_width=draw(optional(st.integers(1, 4000))),
        max_height=draw(optional(st.integers(1, 4000))),
        scale_algorithm=draw(st.sampled_from(["lanczos", "bicubic", "bilinear"])),
        hw=draw(st.sampled_from(["auto", "nvenc", "qsv", "vaapi", "none"])),
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
    return st.builds(
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
            optional(
                st.one_of(st.builds(m.RunIf, phase_modified=names), st.builds(m.RunIf, phase_completed=names))
            )
        )
        depends_on = tuple(draw(st.lists(names, max_size=2, unique=True)))
    return m.Phase(
        name=name,
        skip_when=draw(optional(skip_whens())),
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
    made = []
    for number in range(draw(st.integers(1, max_phases))):
        made.append(draw(phases(name=f"Phase-{number}", earlier=tuple(phase.name for phase in made))))
    return m.Policy(
        name=draw(st.sampled_from(["films", "no", "Series: all"])), phases=tuple(made), config=draw(configs())
    )
