"""Expressions: what they mean, and that nothing of them is ignored."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.policy_text import issues_of
from vpo_tasks.policy.expressions import ExpressionError, parse_expression
from vpo_tasks.policy.model import (
    And,
    ContainerMetadata,
    Count,
    Dubbed,
    Exists,
    MultiLanguage,
    Not,
    Or,
    Original,
    PluginMetadata,
    TitleMatch,
    TrackFilter,
)


def has(kind, **where):
    return Exists(track_type=kind, where=TrackFilter(**where))


MEANINGS = [
    ("exists(video)", has("video")),
    ("EXISTS(Audio)", has("audio")),
    ("exists(audio, lang == eng)", has("audio", language=("eng",))),
    ("exists(audio, language in [kor, 'jpn'])", has("audio", language=("kor", "jpn"))),
    ("exists(audio, LANG == eng)", has("audio", language=("eng",))),
    ("exists(video, codec == HEVC)", has("video", codec=("hevc",))),
    ("exists(video, codec in [hevc, 'h.264'])", has("video", codec=("hevc", "h.264"))),
    ("exists(audio, channels >= 6)", has("audio", channels=("gte", 6))),
    ("exists(video, width < 1920, height <= 1080)", has("video", width=("lt", 1920), height=("lte", 1080))),
    ("exists(subtitle, forced == true, default == false)", has("subtitle", is_forced=True, is_default=False)),
    ("exists(audio, not_commentary == true)", has("audio", not_commentary=True)),
    ("exists(audio, title == 'A  \"b\"')", has("audio", title=TitleMatch(contains='A  "b"'))),
    ("exists(audio, lang == eng, lang == ger)", has("audio", language=("ger",))),
    ("count(subtitle) == 0", Count(track_type="subtitle", compare=("eq", 0))),
    (
        "count(audio, lang == eng) > 1",
        Count(track_type="audio", compare=("gt", 1), where=TrackFilter(language=("eng",))),
    ),
    ("multi_language()", MultiLanguage()),
    (
        "multi_language(threshold == 0.1, track_index == 1, primary_language == en)",
        MultiLanguage(threshold=0.1, track_index=1, primary_language="en"),
    ),
    ("plugin(radarr, edition)", PluginMetadata(plugin="radarr", field="edition", operator="exists")),
    (
        "plugin(Radarr, Year) >= 2000",
        PluginMetadata(plugin="radarr", field="year", operator="gte", value=2000),
    ),
    ("plugin(radarr, a) != x", PluginMetadata(plugin="radarr", field="a", operator="neq", value="x")),
    ("plugin(radarr, a) == true", PluginMetadata(plugin="radarr", field="a", operator="eq", value=True)),
    ("plugin(radarr, size) == 4g", PluginMetadata(plugin="radarr", field="size", operator="eq", value="4g")),
    ("container_meta(title) == 'My film'", ContainerMetadata(field="title", operator="eq", value="My film")),
    ("container_meta(rating) < 7.5", ContainerMetadata(field="rating", operator="lt", value=7.5)),
    ("container_meta(title)", ContainerMetadata(field="title", operator="exists")),
    ("is_original()", Original()),
    (
        "is_dubbed(value == false, lang == eng, confidence == 0.9)",
        Dubbed(value=False, language="eng", min_confidence=0.9),
    ),
    ("not exists(video)", Not(condition=has("video"))),
    (
        "exists(attachment) or exists(video) and exists(audio)",
        Or(conditions=(has("attachment"), And(conditions=(has("video"), has("audio"))))),
    ),
    (
        "(exists(attachment) or exists(video)) and not not exists(audio)",
        And(
            conditions=(
                Or(conditions=(has("attachment"), has("video"))),
                Not(condition=Not(condition=has("audio"))),
            )
        ),
    ),
    ("  exists ( audio )\n and\texists(video) ", And(conditions=(has("audio"), has("video")))),
    ("(" * 49 + "exists(audio)" + ")" * 49, has("audio")),
]


@pytest.mark.parametrize(("text", "meaning"), MEANINGS)
def test_expression_means(text, meaning):
    assert parse_expression(text) == meaning


REFUSED = [
    ("", 0, "a test such as exists"),
    ("   ", 0, "a test such as exists"),
    ("exists(audio) AND exists(video)", 14, "'AND' after the end"),
    ("Not exists(audio)", 0, "small letters"),
    ("exists(audio) exists(video)", 14, "after the end"),
    ("exists(audio) and", 17, "a test such as"),
    ("exists(audio", 12, "',' expected"),
    ("(exists(audio)", 14, "')' expected"),
    ("exists", 0, "not a test"),
    ("exist(audio)", 0, "did you mean exists?"),
    ("exists()", 0, "starts with a track type"),
    ("exists(sound)", 7, "starts with a track type"),
    ("exists(lang == eng)", 7, "starts with a track type"),
    ("exists(audio, eng)", 14, "a bare 'eng' means nothing"),
    ("exists(audio, lang)", 14, "'lang' needs a comparison"),
    ("exists(audio,)", 13, "a word expected"),
    ("exists(audio, langs == eng)", 14, "did you mean lang?"),
    ("exists(audio) == 1", 0, "not compared"),
    ("count(audio)", 0, "whole number"),
    ("count(audio) != 1", 0, "whole number"),
    ("count(audio) == 1.5", 0, "whole number"),
    ("count(audio) == true", 0, "whole number"),
    ("count(audio) in [1]", 0, "whole number"),
    ("exists(audio, lang == [eng, jpn])", 14, "in and a list"),
    ("exists(audio, lang != eng)", 14, "== and one word"),
    ("exists(audio, lang == 5)", 14, "compared with words"),
    ("exists(audio, channels == 5.1)", 14, "whole number"),
    ("exists(video, height > 4k)", 14, "whole number"),
    ("exists(audio, default == yes)", 14, "true or false"),
    ("exists(audio, title == 5)", 14, "== and a word"),
    ("exists(audio, lang in [])", 23, "a value expected"),
    ("exists(audio, lang in [a b])", 25, "',' expected"),
    ("exists(audio, lang ==)", 21, "a value expected"),
    ("exists(audio, lang == and)", 22, "a value expected"),
    ("multi_language() == true", 0, "not compared"),
    ("multi_language(threshold > 0.1)", 15, "== and a number between"),
    ("multi_language(threshold == 2)", 15, "between 0 and 1"),
    ("is_original() == true", 0, "not compared"),
    ("is_dubbed(true)", 10, "a bare 'true'"),
    ("plugin(radarr)", 0, "a plugin and a field"),
    ("plugin(radarr, a, b)", 0, "a plugin and a field"),
    ("plugin(radarr, a) in [x]", 0, "one value"),
    ("plugin(radarr, a) > x", 0, "a number"),
    ("container_meta(title == x)", 0, "takes a field"),
    ("container_meta('1x')", 15, "field name"),
    ("exists(audio, title == 'a", 23, "a quote that is not closed"),
    ("exists(audio) && exists(video)", 14, "'&' has no meaning"),
    ("exists(audio, channels == -1)", 26, "'-' has no meaning"),
    ("exists(audio, channels == 6ch)", 26, "'6' has no meaning"),
    ("not " * 60 + "exists(audio)", 200, "nested deeper"),
    ("(" * 5000, 50, "nested deeper"),
    ("exists(audio) or " * 2000, 0, "longer than"),
]


@pytest.mark.parametrize(("text", "position", "message"), REFUSED)
def test_what_has_no_meaning_is_refused_where_it_stands(text, position, message):
    with pytest.raises(ExpressionError) as caught:
        parse_expression(text)
    assert message in caught.value.message
    assert caught.value.position == position


@given(st.text(alphabet=st.sampled_from("exists(audio, lng=<>[]'\"1.5knotrd\n"), max_size=60))
def test_any_text_is_an_expression_or_an_expression_error(text):
    try:
        parse_expression(text)
    except ExpressionError as error:
        assert 0 <= error.position <= len(text)  # noqa: PT017 - most texts are no expressions


def test_issue_points_at_the_character_inside_the_file():
    (issue,) = issues_of("rules: {match: all, items: [{name: r, then: [], when: 'exists(sound)'}]}")
    assert (issue.line, issue.column) == (
        4,
        5 + len("rules: {match: all, items: [{name: r, then: [], when: 'exists("),
    )
