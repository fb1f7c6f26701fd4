"""mkvpropedit's argument list, word for word, and what it is not asked to do."""

from __future__ import annotations

import msgspec
import pytest

from tests.support.execute import plan_for
from tests.support.tracks import video
from vpo_tasks.media.model import Track
from vpo_tasks.plan.model import Encode
from vpo_tasks.tools.base import ToolInfo
from vpo_tasks.tools.mkvpropedit import edit_call, parse_line, why_no_edit

INFO = ToolInfo(name="mkvpropedit", path="/usr/bin/mkvpropedit", version="74", origin="PATH")
FILM = video(
    'v0 h264 D, a1 ac3 eng D "Old", s2 subrip fre, t3 ttf', tags={"title": "A film", "director": "X"}
)
NUMBERS = {0: 1, 1: 2, 2: 7}


def words(**options: object) -> tuple[str, ...]:
    call = edit_call(plan_for(FILM, **options), INFO, NUMBERS, b"/state/skeletons/.vpo-x.part")  # type: ignore[arg-type]
    assert call is not None
    assert call.argv[:3] == (b"/usr/bin/mkvpropedit", b"--gui-mode", b".vpo-x.part")
    assert call.cwd == b"/state/skeletons"
    assert (call.ok_codes, call.warn_codes) == ((0,), ())
    return tuple(word.decode() for word in call.argv[3:])


def on(index: int, **fields: object):
    return lambda track: msgspec.structs.replace(track, **fields) if track.index == index else track


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"default": False}, "flag-default=0"),
        ({"forced": True}, "flag-forced=1"),
        ({"language": "jpn"}, "language=jpn"),
        ({"language": None}, "language=und"),
        ({"title": " a=b "}, "name= a=b "),
        ({"dispositions": ("comment",)}, "flag-commentary=1"),
        ({"dispositions": ("hearing_impaired",)}, "flag-hearing-impaired=1"),
        ({"dispositions": ("original",)}, "flag-original=1"),
        ({"dispositions": ("visual_impaired",)}, "flag-visual-impaired=1"),
        ({"dispositions": ("descriptions",)}, "flag-text-descriptions=1"),
    ],
)
def test_one_property_of_a_track(fields: dict[str, object], expected: str) -> None:
    assert words(change=on(1, **fields)) == ("--edit", "track:@2", "--set", expected)


def test_an_empty_title_is_deleted() -> None:
    assert words(change=on(1, title=None)) == ("--edit", "track:@2", "--delete", "name")
    assert words(tags={"director": "X"}) == ("--edit", "info", "--delete", "title")


def test_tracks_are_named_by_their_numbers() -> None:
    assert words(change=on(2, title="Full")) == ("--edit", "track:@7", "--set", "name=Full")


def test_the_title_of_the_file_needs_no_tags() -> None:
    assert words(tags={"title": "New", "director": "X"}) == ("--edit", "info", "--set", "title=New")


def test_tags_of_the_file_come_from_an_anonymous_file() -> None:
    plan = plan_for(FILM, tags={"title": "A film", "director": "<Y>"})
    call = edit_call(plan, INFO, NUMBERS, b"/x/y")
    assert call is not None
    assert call.argv[3:] == (b"--tags", b"global:")
    ((position, content),) = call.inputs
    assert position == len(call.argv) - 1
    assert b"<Name>DIRECTOR</Name><String>&lt;Y&gt;</String>" in content
    assert b"TITLE" not in content


def test_nothing_to_edit_is_no_call() -> None:
    assert edit_call(plan_for(FILM), INFO, NUMBERS, b"/x/y") is None


def other_attachment(track: Track) -> Track:
    return msgspec.structs.replace(track, filename="other.ttf") if track.type == "attachment" else track


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, None),
        ({"change": on(1, default=False)}, None),
        ({"keep": [0, 1, 3]}, "the tracks themselves differ"),
        ({"keep": [0, 2, 1, 3]}, "the tracks themselves differ"),
        ({"encode": {1: Encode(codec="aac")}}, "the tracks themselves differ"),
        ({"change": other_attachment}, "an attachment differs"),
        ({"change": on(1, dispositions=("karaoke",))}, "a flag differs that it does not know"),
        ({"tags": {"title": "A film", "collection/title": "All"}}, "some tags are nested"),
        ({"tags": {"title": "A film", "director-eng": "X"}}, "some tags are nested"),
    ],
)
def test_what_it_can_carry_out(options: dict[str, object], reason: str | None) -> None:
    assert why_no_edit(plan_for(FILM, **options)) == reason  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"#GUI#error The file could not be opened", "error"),
        (b"#GUI#warning odd", "warning"),
        (b"Error: No track corresponding to the edit specification", "error"),
        (b"Warning: something", "warning"),
        (b"The changes are written to the file.", None),
        (b"Done.", None),
    ],
)
def test_what_it_says(line: bytes, kind: str | None) -> None:
    parsed = parse_line(line)
    assert (parsed and parsed.kind) == kind
