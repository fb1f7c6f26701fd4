"""Random conditions, actions and rules, as model values, and the words they and whole policies are made of."""

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
# What YAML would take for something else, and what a terminal would.
ODD_TEXTS = st.sampled_from(
    [
        "",
        " lead",
        "trail ",
        "null",
        "~",
        "0x1f",
        "1:30",
        "<<",
        "=",
        "- x",
        "? y",
        "'\"",
        "a\nb",
        "\t",
        "\x1b[2J",
        "\u2028",
        "\x00",
    ]
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


def rarely(strategy):
    """For what keeps everything behind it from happening."""
    return st.one_of(st.none(), st.none(), st.none(), strategy)


def comparisons(low=0, high=12):
    return st.tuples(st.sampled_from(["eq", "lt", "lte", "gt", "gte"]), st.integers(low, high))


def title_matches():
    return st.one_of(
        st.builds(m.TitleMatch, contains=st.one_of(WORDS, ODD_TEXTS)),
        st.builds(m.TitleMatch, regex=PATTERNS),
    )


def track_filters():
    """Few conditions each: of many together hardly any track meets all."""
    return st.builds(
        m.TrackFilter,
        language=rarely(LANGUAGES),
        codec=rarely(CODECS),
        is_default=rarely(st.booleans()),
        is_forced=rarely(st.booleans()),
        channels=rarely(comparisons()),
        width=rarely(comparisons(0, 3840)),
        height=rarely(comparisons(0, 2160)),
        title=rarely(title_matches()),
        not_commentary=st.sampled_from([False, False, False, True]),
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
        st.builds(m.Warn, message=st.one_of(WORDS, ODD_TEXTS)),
        st.builds(m.Fail, message=st.one_of(WORDS, ODD_TEXTS)),
        st.builds(m.SetForced, language=optional(CODES), value=st.booleans()),
        st.builds(m.SetDefault, track_type=EDITABLE, language=optional(CODES), value=st.booleans()),
        st.builds(m.SetLanguage, track_type=EDITABLE, new_language=CODES, match_language=optional(CODES)),
        st.builds(
            m.SetLanguage,
            track_type=EDITABLE,
            from_plugin_metadata=plugin_fields(),
            match_language=optional(CODES),
        ),
        st.builds(m.SetContainerMetadata, field=FIELDS, value=st.one_of(WORDS, ODD_TEXTS)),
        st.builds(m.SetContainerMetadata, field=FIELDS, from_plugin_metadata=plugin_fields()),
    )


def rules():
    some_actions = st.lists(actions(), max_size=3).map(tuple)
    rule = st.builds(m.Rule, name=WORDS, when=conditions(), then=some_actions, otherwise=some_actions)
    return st.builds(
        m.Rules,
        match=st.sampled_from(["first", "all"]),
        items=st.lists(rule, min_size=1, max_size=3).map(tuple),
    )
