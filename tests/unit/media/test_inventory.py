"""The words for what a file holds beyond tracks, names and plain tags."""

from __future__ import annotations

from vpo_tasks.media.inventory import KINDS


def test_pictures_chapters_attachments_and_keys_are_essence() -> None:
    essence = {word for word, kind in KINDS.items() if kind.grade == "essence"}
    assert essence >= {"captions", "hdr10_static", "alpha", "chapters", "attachments", "encryption"}


def test_names_tags_dates_and_identifiers_are_descriptions() -> None:
    described = {word for word, kind in KINDS.items() if kind.grade == "description"}
    assert described >= {"chapter_names", "language_tag", "tags", "dates", "ids"}
