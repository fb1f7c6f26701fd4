"""The words for what a file holds beyond what tracks, names, flags and plain tags tell, by grade.

`media/matroska/inventory.py` and `media/mp4/inventory.py` find it in the headers, `media/pictures.py` in the
first pictures. The plan says what of it a step would lose, `config.allow_loss` names kinds by these words.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal, NamedTuple

import msgspec

Grade = Literal["essence", "description"]
"""Losing essence refuses the phase unless the policy allows it; losing a description is said, and done."""


class InventoryItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is there. `track` is the index of its track; None: it is the file's.

    `detail` names it for a person (`Opening`, `com.android.version`, `SEASON/PART_NUMBER`), shortened.
    """

    kind: str
    track: int | None = None
    detail: str = ""


class Kind(NamedTuple):
    """A kind of thing: how grave its loss is, and what a person calls it."""

    grade: Grade
    words: str


KINDS = MappingProxyType(
    {
        # carried inside the pictures
        "captions": Kind("essence", "closed captions"),
        "hdr10_static": Kind("essence", "the static metadata of HDR10"),
        "hdr10_plus": Kind("essence", "the dynamic metadata of HDR10+"),
        "dolby_vision": Kind("essence", "Dolby Vision"),
        "frame_packing": Kind("essence", "3D frame packing"),
        "alpha": Kind("essence", "transparency"),
        "spherical": Kind("essence", "the 360° projection"),
        "film_grain": Kind("description", "film grain parameters"),
        # in the header, essence
        "editions": Kind("essence", "editions of chapters"),
        "chapters": Kind("essence", "chapters"),
        "attachments": Kind("essence", "attachments"),
        "data_tracks": Kind("essence", "data tracks"),
        "subtitle_events": Kind("essence", "subtitle events"),
        "encryption": Kind("essence", "the keys of encryption"),
        # in the header, description
        "chapter_names": Kind("description", "further names of chapters"),
        "language_tag": Kind("description", "regions and scripts of languages"),
        "roles": Kind("description", "role flags of tracks"),
        "crop": Kind("description", "the cropping of the picture"),
        "tags": Kind("description", "tags"),
        "dates": Kind("description", "dates"),
        "ids": Kind("description", "identifiers that other files refer to"),
        "track_properties": Kind("description", "properties of tracks"),
        "boxes": Kind("description", "boxes of the header"),
        "elements": Kind("description", "elements of the header"),
    }
)
