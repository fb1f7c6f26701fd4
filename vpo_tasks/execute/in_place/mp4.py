"""Header edits of MP4 and QuickTime: a plan carried out on the index (`moov`), laid out in its room."""

from __future__ import annotations

import os
from collections.abc import Callable

from vpo_tasks.disk.folders import OpenFile
from vpo_tasks.errors import ProbeError
from vpo_tasks.execute.in_place.change import HeaderChange, HeaderRefused, change_by_patches, changed_content
from vpo_tasks.media.matroska.ebml import Source
from vpo_tasks.media.mp4.edits import edited_movie, with_enabled
from vpo_tasks.media.mp4.layout import plan_patches
from vpo_tasks.media.mp4.tree import Atom, BoxError, BoxTree, find_all, find_damage, read_boxes
from vpo_tasks.plan.model import Plan

_ENCRYPTED = frozenset({b"encv", b"enca", b"enct", b"encs"})


def mp4_change(file: OpenFile, plan: Plan) -> HeaderChange:
    """Return what a plan changes in an open MP4 or QuickTime file. Raises HeaderRefused or OSError."""
    return _changed(file, lambda movie: edited_movie(movie, plan.source, plan.result))


def flags_change(file: OpenFile, plan: Plan) -> HeaderChange:
    """Return what makes the subtitles of a file that FFmpeg wrote as the plan has them: on or off.

    Its muxer switches the first of a kind on. Raises HeaderRefused or OSError.
    """
    tracks = [track for track in plan.result.tracks if track.type != "attachment"]
    wanted = {place: track.default for place, track in enumerate(tracks) if track.type == "subtitle"}
    return _changed(file, lambda movie: with_enabled(movie, wanted))


def _changed(file: OpenFile, edit: Callable[[Atom], Atom]) -> HeaderChange:
    shown = os.fsdecode(file.path)
    source = Source(shown, file.fd)
    try:
        tree = read_boxes(source)
        edited = edit(_movie_of(tree))
        patches = plan_patches(tree, edited)
        change = change_by_patches(file, patches.writes, patches.size)
        _read_again(edited, _ChangedSource(shown, file.fd, change))
    except BoxError as error:
        raise HeaderRefused(shown, str(error)) from error
    except ProbeError as error:
        raise HeaderRefused(shown, error.detail) from error
    return change


def _movie_of(tree: BoxTree) -> Atom:
    movie = tree.movie.atom
    if movie is None or find_damage(movie) is not None:
        raise BoxError(b"moov", "is damaged")
    for descriptions in find_all(movie, b"trak", b"mdia", b"minf", b"stbl", b"stsd"):
        if any(entry.kind in _ENCRYPTED for entry in descriptions.children):
            raise BoxError(b"stsd", "speaks of encrypted media")
    return movie


class _ChangedSource(Source):
    """A file under a reader as it will be after a change."""

    def __init__(self, path: str, descriptor: int, change: HeaderChange) -> None:
        super().__init__(path, descriptor)
        self.size = change.new_size
        self._content = changed_content(descriptor, change)

    def read(self, offset: int, count: int) -> bytes:
        return self._content.read(offset, count)


def _read_again(edited: Atom, source: Source) -> None:
    """Hold that a reader of the changed file sees what was meant. Raises BoxError or ProbeError."""
    found = read_boxes(source).movie.atom
    if found is None or _without_free(found) != _without_free(edited):
        raise BoxError(b"moov", "would read otherwise than it is meant")


def _without_free(atom: Atom) -> Atom:
    """Return a box without free space in it, which gives way where room is short."""
    children = tuple(_without_free(box) for box in atom.children if box.kind not in (b"free", b"skip"))
    return Atom(atom.kind, atom.payload, children, atom.tail)
