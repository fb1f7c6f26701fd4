"""A plan's changes to what an MP4 or MOV header says, made on its index: flags, names, languages, tags.

Only what differs between the two MediaInfos is touched; every other box keeps its bytes and its place. Tags
have the names that FFmpeg gives them (`mov.c`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from vpo_tasks.media.languages import UNDETERMINED
from vpo_tasks.media.model import MediaInfo, Track
from vpo_tasks.media.mp4.fields import (
    TRACK_ENABLED,
    MediaHeader,
    TrackHeader,
    make_extended_language,
    make_role,
    pack_language,
    read_handler,
    read_header,
    read_role,
    write_header,
)
from vpo_tasks.media.mp4.items import (
    UTF8,
    ItemValue,
    LocalText,
    make_item_list,
    make_local_texts,
    read_asset_text,
    read_items,
    read_local_texts,
    write_asset_text,
    write_item,
)
from vpo_tasks.media.mp4.tree import (
    Atom,
    BoxError,
    BoxPlace,
    append_at,
    box_at,
    find,
    locate,
    put,
    replace_at,
)

_SCHEME = "urn:mpeg:dash:role:2011"
_ROLES = MappingProxyType(
    {
        "forced": "forced-subtitle",
        "comment": "commentary",
        "visual_impaired": "description",
        "hearing_impaired": "caption",
        "dub": "dub",
    }
)
"""Dispositions to the roles of DASH (ISO/IEC 23009-1, 5.8.5.5) by which FFmpeg stores them."""
_HANDLERS = MappingProxyType(
    {"video": {b"vide"}, "audio": {b"soun"}, "subtitle": {b"sbtl", b"subt", b"text", b"clcp", b"subp"}}
)
_TERMINOLOGICAL = MappingProxyType(
    {
        "alb": "sqi", "arm": "hye", "baq": "eus", "bur": "mya", "chi": "zho", "cze": "ces", "dut": "nld",
        "fre": "fra", "geo": "kat", "ger": "deu", "gre": "ell", "ice": "isl", "mac": "mkd", "mao": "mri",
        "may": "msa", "per": "fas", "rum": "ron", "slo": "slk", "tib": "bod", "wel": "cym",
    }
)  # fmt: skip
"""Languages of ISO 639-2 whose terminological code, which MP4 stores (ISO/IEC 14496-12), is another."""

_TEXT_ITEMS = MappingProxyType(
    {
        "title": "©nam", "artist": "©ART", "album_artist": "aART", "composer": "©wrt", "album": "©alb",
        "date": "©day", "comment": "©cmt", "genre": "©gen", "copyright": "cprt", "grouping": "©grp",
        "lyrics": "©lyr", "description": "desc", "synopsis": "ldes", "show": "tvsh", "episode_id": "tven",
        "network": "tvnn", "keywords": "keyw",
    }
)  # fmt: skip
_OTHER_ITEMS = MappingProxyType(
    {
        "genre": ("gnre",), "copyright": ("©cpy",), "episode_sort": ("tves",), "season_number": ("tvsn",),
        "media_type": ("stik",), "hd_video": ("hdvd",), "compilation": ("cpil",), "track": ("trkn",),
        "disc": ("disk",), "sort_name": ("sonm",), "purchase_date": ("purd",), "rating": ("rtng",),
        "location": ("©xyz",), "encoder": ("©too", "©swr"),
    }
)  # fmt: skip
"""Further items that FFmpeg shows under a name; numbers, or of another maker."""
_ASSETS = MappingProxyType(
    {"title": b"titl", "artist": b"perf", "album": b"albm", "description": b"dscp", "copyright": b"cprt"}
)
"""Texts of 3GP (TS 26.244, 8)."""
_WRITTEN_BY_TOOLS = frozenset(
    {"encoder", "creation_time", "duration", "major_brand", "minor_version", "compatible_brands"}
)


def edited_movie(movie: Atom, before: MediaInfo, after: MediaInfo) -> Atom:
    """Return an index (`moov`) with what differs between what is in the file and what is to be.

    Raise BoxError when the file is not as it was described, or has no box for a difference.
    """
    if [_kind(track) for track in before.tracks] != [_kind(track) for track in after.tracks]:
        raise BoxError(b"moov", "has other tracks than are wanted")
    for found, wanted in zip(before.tracks, after.tracks, strict=True):
        if found != wanted:
            movie = _with_track(movie, found, wanted)
    for name in sorted({*before.tags, *after.tags} - _WRITTEN_BY_TOOLS):
        value = after.tags.get(name)
        if value != before.tags.get(name):
            in_quicktime = after.container == "mov"
            movie = (
                _without_tag(movie, name) if value is None else _with_tag(movie, name, value, in_quicktime)
            )
    return movie


def with_enabled(movie: Atom, enabled: Mapping[int, bool]) -> Atom:
    """Return an index whose tracks at some places are on or off. Raise BoxError when there are fewer."""
    places = list(locate(movie, b"trak"))
    for number, is_on in enabled.items():
        if number >= len(places):
            raise BoxError(b"trak", f"number {number} is missing")
        movie = replace_at(movie, places[number], _with_enabled(box_at(movie, places[number]), is_on))
    return movie


def _kind(track: Track) -> tuple[object, ...]:
    return track.index, track.type, track.codec


# -- tracks ------------------------------------------------------------------------------------------


def _with_track(movie: Atom, found: Track, wanted: Track) -> Atom:
    place = _track_place(movie, found)
    track = box_at(movie, place)
    if found.default != wanted.default:
        track = _with_enabled(track, wanted.default)
    if (found.title or "") != (wanted.title or ""):
        track = _with_name(track, wanted.title or "")
    if (found.language or UNDETERMINED) != (wanted.language or UNDETERMINED):
        track = _with_language(track, wanted.language or UNDETERMINED)
    return replace_at(movie, place, _with_roles(track, _roles(found), _roles(wanted)))


def _track_place(movie: Atom, track: Track) -> BoxPlace:
    """Return where a track stands: FFmpeg makes a stream of each in order, and of covers behind them."""
    places = list(locate(movie, b"trak"))
    kinds = _HANDLERS.get(track.type, set())
    if track.index < len(places):
        handler = find(box_at(movie, places[track.index]), b"mdia", b"hdlr")
        if handler is not None and read_handler(handler).type in kinds:
            return places[track.index]
    raise BoxError(b"trak", f"number {track.index} is not the {track.type} track that was found")


def _with_enabled(track: Atom, enabled: bool) -> Atom:
    place = _one(track, b"tkhd")
    header = read_header(box_at(track, place), TrackHeader)
    flags = header.flags & ~TRACK_ENABLED | (TRACK_ENABLED if enabled else 0)
    return replace_at(track, place, write_header(box_at(track, place), header._replace(flags=flags)))


def _with_name(track: Atom, name: str) -> Atom:
    if name:
        return put(track, Atom(b"name", name.encode()), b"udta")
    return _without_empty(_without(track, b"udta", b"name"))


def _with_language(track: Atom, language: str) -> Atom:
    primary, separator, _ = language.partition("-")
    code = _TERMINOLOGICAL.get(primary, primary)
    place = _one(track, b"mdia", b"mdhd")
    header = read_header(box_at(track, place), MediaHeader)
    changed = write_header(box_at(track, place), header._replace(language=pack_language(code)))
    track = _without(replace_at(track, place, changed), b"mdia", b"elng")
    if not separator:
        return track
    (media,) = locate(track, b"mdia")
    children = list(box_at(track, media).children)
    at = next(number for number, box in enumerate(children) if box.kind == b"mdhd") + 1
    children.insert(at, make_extended_language(language))
    return replace_at(track, media, box_at(track, media)._replace(children=tuple(children)))


def _roles(track: Track) -> set[str]:
    return {*track.dispositions, *(("forced",) if track.forced else ())}


def _with_roles(track: Atom, before: set[str], after: set[str]) -> Atom:
    unknown = before ^ after - set(_ROLES)
    if unknown - set(_ROLES):
        raise BoxError(b"kind", f"cannot say {', '.join(sorted(unknown - set(_ROLES)))}")
    for role in sorted(before - after):
        said = (_SCHEME, _ROLES[role])
        places = [p for p in locate(track, b"udta", b"kind") if read_role(box_at(track, p)) == said]
        if not places:
            raise BoxError(b"kind", f"does not say {role}, which is told otherwise")
        for place in reversed(places):
            track = replace_at(track, place)
    for role in sorted(after - before):
        udta = next(locate(track, b"udta"), None)
        if udta is None:
            track = append_at(track, (), Atom(b"udta"))
            (udta,) = locate(track, b"udta")
        track = append_at(track, udta, make_role(_SCHEME, _ROLES[role]))
    return _without_empty(track) if before - after else track


def _without(atom: Atom, *kinds: bytes) -> Atom:
    for place in reversed(list(locate(atom, *kinds))):
        atom = replace_at(atom, place)
    return atom


def _without_empty(track: Atom) -> Atom:
    """Take away a track's user data that an edit has emptied."""
    for place in reversed(list(locate(track, b"udta"))):
        box = box_at(track, place)
        if not (box.children or box.payload or box.tail):
            track = replace_at(track, place)
    return track


def _one(atom: Atom, *kinds: bytes) -> BoxPlace:
    places = list(locate(atom, *kinds))
    if len(places) != 1:
        raise BoxError(kinds[-1], "is missing" if not places else "stands in a track more than once")
    return places[0]


# -- tags --------------------------------------------------------------------------------------------


def _names(tag: str) -> set[str]:
    """Return the names of the items that FFmpeg shows under a name."""
    text = _TEXT_ITEMS.get(tag)
    return {*(() if text is None else (text,)), *_OTHER_ITEMS.get(tag, ())}


def _shows(item: str, tag: str) -> bool:
    """Tell whether an item is shown under a name: its own, a freeform one's label, a key's."""
    return item in _names(tag) or item.rpartition(":")[2].lower() == tag or item.lower() == tag


def _metas(movie: Atom) -> Iterator[BoxPlace]:
    yield from locate(movie, b"udta", b"meta")
    yield from locate(movie, b"meta")


def _user_texts(movie: Atom, tag: str) -> list[BoxPlace]:
    """Return the texts of QuickTime and 3GP that stand in the user data themselves."""
    kinds = {name.encode("latin-1") for name in _names(tag)} | {_ASSETS.get(tag, b"")}
    return [
        (*place, at)
        for place in locate(movie, b"udta")
        for at, box in enumerate(box_at(movie, place).children)
        if box.kind in kinds
    ]


def _without_tag(movie: Atom, tag: str) -> Atom:
    found = False
    for place in reversed(_user_texts(movie, tag)):
        movie, found = replace_at(movie, place), True
    for place in list(_metas(movie)):
        meta = box_at(movie, place)
        for name in {item.name for item in read_items(meta) if _shows(item.name, tag)}:
            meta, found = write_item(meta, name, ()), True
        movie = replace_at(movie, place, meta)
    if not found:
        raise BoxError(b"ilst", f"does not hold {tag}, which is told otherwise")
    return movie


def _with_tag(movie: Atom, tag: str, value: str, in_quicktime: bool) -> Atom:
    found = False
    for place in _user_texts(movie, tag):
        movie, found = replace_at(movie, place, _with_user_text(box_at(movie, place), value)), True
    for place in list(_metas(movie)):
        meta = box_at(movie, place)
        for item in read_items(meta):
            if _shows(item.name, tag):
                if [one.type for one in item.values] != [UTF8]:
                    raise BoxError(b"ilst", f"holds {tag} as something other than one text")
                values = (item.values[0]._replace(data=value.encode()),)
                meta, found = write_item(meta, item.name, values), True
        movie = replace_at(movie, place, meta)
    if found:
        return movie
    name = _TEXT_ITEMS.get(tag)
    if name is None:
        raise BoxError(b"ilst", f"has no text item for {tag}")
    if in_quicktime:
        return put(movie, make_local_texts(name.encode("latin-1"), (LocalText("und", value),)), b"udta")
    return _with_new_item(movie, tag, name, value)


def _with_user_text(box: Atom, value: str) -> Atom:
    if box.kind in set(_ASSETS.values()) and not _is_local(box):
        return write_asset_text(box, read_asset_text(box)._replace(text=value))
    texts = read_local_texts(box)
    if len(texts) != 1:
        raise BoxError(box.kind, "holds texts in several languages")
    return make_local_texts(box.kind, (texts[0]._replace(text=value),))


def _is_local(box: Atom) -> bool:
    """Tell whether a text is QuickTime's, behind its length and language, without version and flags."""
    return box.payload[:4] != bytes(4)


def _with_new_item(movie: Atom, tag: str, name: str, value: str) -> Atom:
    """Add an item to the list that is there: of iTunes by its four letters, of keys by the name itself."""
    made = (ItemValue(UTF8, value.encode()),)
    for place in locate(movie, b"udta", b"meta"):
        handler = find(box_at(movie, place), b"hdlr")
        kind = b"" if handler is None else read_handler(handler).type
        if kind not in (b"mdir", b"mdta"):
            raise BoxError(b"meta", "is no item list of iTunes")
        return replace_at(
            movie, place, write_item(box_at(movie, place), tag if kind == b"mdta" else name, made)
        )
    return put(movie, write_item(make_item_list(), name, made), b"udta")
