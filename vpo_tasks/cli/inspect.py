"""`vpo inspect`: what is in one video."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

import click

from vpo_tasks.media.model import MediaInfo, Track
from vpo_tasks.report.text import escape


@click.command()
@click.argument("file", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
def inspect(file: str, as_json: bool) -> None:
    """Show container, tracks, flags, tags, chapters and attachments of FILE."""
    from vpo_tasks.media.probe import ProbePool  # `--help` needs no probe

    with ProbePool(1) as pool:
        media = pool.probe(file)
    if as_json:
        click.echo(json.dumps(to_document(file, media), indent=2))
    else:
        click.echo("\n".join(render_media(file, media)))


def to_document(path: str, media: MediaInfo) -> dict[str, Any]:
    """Return the JSON document: `file` (absolute, surrogate-escaped) and every field of MediaInfo."""
    return {"file": os.path.abspath(path), **_to_plain(media)}


def _to_plain(value: Any) -> Any:
    if hasattr(value, "__struct_fields__"):
        return {name: _to_plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, tuple):
        return [_to_plain(item) for item in value]
    return value


def render_media(path: str, media: MediaInfo) -> Iterator[str]:
    """Yield the lines of the report. Nothing in them can steer a terminal."""
    yield escape(path)
    kind = f"{media.container} ({media.doc_type or media.format_name})"
    facts = [kind, f"{media.size_bytes:,} bytes"]
    if media.duration_s is not None:
        facts.append(format_clock(media.duration_s))
    if media.bit_rate:
        facts.append(format_bit_rate(media.bit_rate))
    yield escape("  " + ", ".join(facts))
    tracks = [track for track in media.tracks if track.type != "attachment"]
    yield from _section("Tracks", [_track_cells(track) for track in tracks])
    yield from _section("Attachments", [_attachment_cells(track) for track in media.of_type("attachment")])
    chapters = [
        [str(number), format_clock(chapter.start_s), format_clock(chapter.end_s), chapter.title or ""]
        for number, chapter in enumerate(media.chapters, 1)
    ]
    yield from _section("Chapters", chapters)
    yield from _section("Tags", [[key, value] for key, value in sorted(media.tags.items())])


def _section(title: str, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a titled table with aligned columns; nothing when there are no rows."""
    if not rows:
        return
    yield ""
    yield title
    cells = [[escape(cell) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width)
        yield ("  " + "  ".join(padded)).rstrip()


def _track_cells(track: Track) -> list[str]:
    codec = track.codec if track.profile in (None, track.codec) else f"{track.codec} ({track.profile})"
    flags = [*("default",) * track.default, *("forced",) * track.forced, *track.dispositions]
    return [
        str(track.index),
        track.type,
        track.language or "",
        codec,
        _describe(track),
        " ".join(flags),
        f'"{track.title}"' if track.title else "",
    ]


def _describe(track: Track) -> str:
    facts = []
    if track.width and track.height:
        facts.append(f"{track.width}x{track.height}")
    if track.still:
        facts.append("a single picture")
    elif track.frame_rate:
        numerator, _, denominator = track.frame_rate.partition("/")
        facts.append(f"{int(numerator) / int(denominator or 1):.5g} fps")
    if track.color_transfer in ("smpte2084", "arib-std-b67"):
        facts.append("HDR10+" if track.hdr10_plus else "HDR")
    if track.dolby_vision:
        facts.append(f"Dolby Vision {track.dolby_vision}")
    if track.mirrored:
        facts.append("mirrored")
    if track.rotation:
        facts.append(f"turned by {360 - track.rotation}\N{DEGREE SIGN}")
    if track.channels:
        facts.append(track.channel_layout or f"{track.channels} ch")
    if track.sample_rate:
        facts.append(f"{track.sample_rate / 1000:g} kHz")
    if track.bit_rate and track.type != "subtitle":
        facts.append(format_bit_rate(track.bit_rate))
    return ", ".join(facts)


def _attachment_cells(track: Track) -> list[str]:
    return [
        str(track.index),
        track.codec,
        track.filename or "",
        track.mime_type or "",
        "picture" if track.is_picture else "",
    ]


def format_clock(seconds: float) -> str:
    """Return `h:mm:ss.mmm`."""
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


def format_bit_rate(bits_per_second: int) -> str:
    """Return a bit rate in kb/s, or in Mb/s from 10 000 kb/s on."""
    if bits_per_second >= 10_000_000:
        return f"{bits_per_second / 1_000_000:.1f} Mb/s"
    return f"{round(bits_per_second / 1000)} kb/s"
