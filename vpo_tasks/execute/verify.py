"""Expected against found: an exit status proves nothing, so the output is read and compared.

Every check raises VerifyError with its name, or returns warnings about what the new container cannot hold.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from vpo_tasks.errors import VerifyError
from vpo_tasks.media.model import MediaInfo, StreamCount, Track
from vpo_tasks.plan.model import Plan

_PAYLOAD_SLACK_BYTES = 4096
_PACKET_BYTES = 64
"""What a container may add to each packet: ADTS, start codes, WavPack's and ProRes' own headers."""
_KEPT = 0.75
_ASTRAY = 0.25
_DEMUXED_SLACK_BYTES = 1 << 16
_DEMUXED_PACKET_BYTES = 256
_PLAIN_CONTAINERS = frozenset({"avi", "flv", "mkv"})
"""Those of which most is packets: a transport stream may be half stuffing, of MP4 the index tells."""


def verify_payload(video: str, name: str, source: StreamCount, copy: StreamCount) -> None:
    """Hold that a copied stream has its source's bytes, as far as containers do not store it otherwise."""
    if source.size is None or copy.size is None:
        return
    least = source.size * _KEPT - _PACKET_BYTES * source.packets - _PAYLOAD_SLACK_BYTES
    if copy.size < least:
        raise VerifyError(video, f"bytes of {name}", f"about {source.size}", copy.size)


def verify_index(video: str, source: MediaInfo, counts: Sequence[StreamCount], copied: set[int]) -> None:
    """Hold that the packets which the source's index names are what the file holds."""
    for count in counts:
        size = count.size or 0
        if count.index in copied and count.astray > _PAYLOAD_SLACK_BYTES + size * _ASTRAY:
            wrong = f"{count.astray} bytes more that its index gives to nobody, or twice"
            raise VerifyError(video, f"stream {count.index} of the source", f"{size} bytes", wrong)
    _verify_whole(video, source, counts)


def _verify_whole(video: str, source: MediaInfo, counts: Sequence[StreamCount]) -> None:
    """Hold that most of the file was read as packets, where the container stores little else."""
    attached = [track.content for track in source.of_type("attachment")]
    if source.container not in _PLAIN_CONTAINERS or None in attached:
        return
    if any(count.size is None for count in counts):
        return
    other = sum(int(str(content).partition(":")[0]) for content in attached)
    packets = sum(count.packets for count in counts)
    found = sum(count.size or 0 for count in counts)
    overhead = other + packets * _DEMUXED_PACKET_BYTES + _DEMUXED_SLACK_BYTES
    if found < source.size_bytes // 2 - overhead:
        raise VerifyError(video, "packets of the source", f"most of {source.size_bytes} bytes", found)


COPIED_TOLERANCE_S = 0.0021
"""Matroska rounds to a millisecond, at reading and at writing."""
OPUS_DELAY_S = 0.0075
"""quirks.OPUS_DELAY_TWICE"""
VORBIS_TOLERANCE_S = 0.0085
"""quirks.LACED_VORBIS"""
ENCODED_TOLERANCE_S = 0.05
UNDATED_TOLERANCE_S = 0.5
"""What is guessed of pictures without times is off by as many as are reordered."""
_SHIFT_SLACK_S = 1.0
_SLACK_BYTES = 1 << 20
_VOLATILE_TAGS = frozenset({
    "encoder", "creation_time", "duration", "major_brand", "minor_version", "compatible_brands",
    "software",  # AVI's name for the encoder
    "title",  # compared by itself
})  # fmt: skip
_CORE = ("video", "audio", "subtitle")
_TRACK_FIELDS = ("type", "codec", "language", "title", "default", "forced")
_PICTURE_FIELDS = ("rotation", "mirrored")
_COPIED_FIELDS = ("channels", "sample_rate", "width", "height")
_COLOUR_FIELDS = ("color_transfer", "color_primaries", "color_space", "color_range")
_NEED_CODEC_DATA = frozenset({
    "aac", "alac", "ass", "dvd_subtitle", "flac", "h264", "hevc", "opus", "theora", "vorbis",
})  # fmt: skip
_ASPECT_TOLERANCE = 0.01
"""Matroska has the picture's width and height as whole numbers."""


def verify_media(video: str, plan: Plan, found: MediaInfo) -> list[str]:
    """Compare what the probe found with `plan.result`. Returns warnings; raises VerifyError."""
    expected = plan.result
    _same(video, "container", expected.container, found.container)
    if expected.doc_type is not None:
        _same(video, "document type", expected.doc_type, found.doc_type)
    wanted, got = _core(expected), _core(found)
    _same(video, "number of tracks", len(wanted), len(got))
    pairs = zip(expected.tracks, plan.streams, strict=True)
    copied = {track.index for track, stream in pairs if not stream.encode}
    for number, (one, other) in enumerate(zip(wanted, got, strict=True)):
        _verify_track(video, f"track {number}", one, other, copied=one.index in copied)
    converted = plan.source.container != expected.container
    warnings = list(_lost_dispositions(video, wanted, got, converted=converted))
    _verify_attachments(video, expected, found)
    return warnings + list(_lost_tags(video, expected, found, converted=converted))


def verify_headers(video: str, plan: Plan, found: MediaInfo) -> None:
    """Hold that a copy within one container keeps what its header says beside names. Raises VerifyError."""
    expected = plan.result
    if plan.source.container != expected.container:
        return
    encoded = {
        track.index for track, stream in zip(expected.tracks, plan.streams, strict=True) if stream.encode
    }
    for number, (one, other) in enumerate(zip(_core(expected), _core(found), strict=True)):
        if one.index not in encoded:
            _verify_header(video, f"track {number}", one, other)
    sides = expected.of_type("attachment"), found.of_type("attachment")
    contents = [sorted(str(track.content) for track in side if not track.is_picture) for side in sides]
    if "None" not in contents[0] + contents[1]:  # an older record does not know them
        _same(video, "content of the attachments", *contents)


def verify_counts(
    video: str, plan: Plan, source: Sequence[StreamCount], output: Sequence[StreamCount], found: MediaInfo
) -> float:
    """Compare packets and timestamps of every stream with the source's. Raises VerifyError.

    An exit status proves nothing (quirks.EXIT_0_ON_FULL_DISK). A muxer may shift all streams together (a file
    that starts before zero); it may not shift one. Returns the shift in seconds.
    """
    copied = {stream.source for stream in plan.streams if stream.encode is None}
    verify_index(video, plan.source, source, copied)
    before = {count.index: count for count in source}
    after = {count.index: count for count in output}
    shifts: list[float] = []
    encoded: list[tuple[float, float]] = []
    opus_s = OPUS_DELAY_S if any(track.codec == "opus" for track in plan.result.tracks) else 0.0
    pairs = zip(_core_streams(plan), _core(found), strict=True)
    for number, (place, track) in enumerate(pairs):
        stream = plan.streams[place]
        one, other = before.get(stream.source), after.get(track.index)
        if one is None or other is None:
            raise VerifyError(
                video, f"packets of track {number}", one and one.packets, other and other.packets
            )
        early_s = 0.0
        if stream.encode is not None:
            early_s = one.shown.early_s if one.shown is not None else 0.0
            one, other = one.seen, other.seen
        if stream.encode is None:
            _same(video, f"packets of track {number}", one.packets, other.packets)
            verify_payload(video, f"track {number}", one, other)
            _not_another(video, f"content of track {number}", one, other, source)
        elif one.packets and not other.packets:
            raise VerifyError(video, f"packets of track {number}", "some", 0)
        elif track.type == "video" and 2 * (other.packets + 1) < one.packets:
            # two packets a frame are the most there is: interlaced video stored by fields
            raise VerifyError(video, f"packets of track {number}", f"about {one.packets}", other.packets)
        # a subtitle conversion drops or adds the empty packets that stand for a pause
        if not (stream.encode and track.type == "subtitle"):
            tolerance_s = _tolerance_s(plan, place, one, other) + early_s
            limits_s = tolerance_s, tolerance_s + _padding_s(plan, place, one, other)
            shift = _verify_span(video, f"track {number}", one, other, limits_s)
            if shift is None or _is_undated(plan, place):
                continue
            if stream.encode is None:
                shifts.append(shift)
            else:
                encoded.append((shift, limits_s[1] + opus_s))
    if shifts and max(shifts) - min(shifts) > 2 * COPIED_TOLERANCE_S + opus_s:
        raise VerifyError(video, "tracks in step", "one shift for all", [round(s, 4) for s in shifts])
    shift_s = shifts[0] if shifts else 0.0
    _verify_in_step(video, shifts[:1], encoded)
    _verify_shift(video, shift_s, source, {plan.streams[place].source for place in _core_streams(plan)})
    return shift_s


def _verify_shift(video: str, shift_s: float, source: Sequence[StreamCount], kept: set[int]) -> None:
    """Hold that a muxer moved everything only so that it begins at zero, if it did."""
    starts = {count.index: count.first_s for count in source if count.first_s is not None}
    latest_s = min((start for index, start in starts.items() if index in kept), default=0.0)
    earliest_s = min(starts.values(), default=0.0)
    if not -max(0.0, latest_s) - _SHIFT_SLACK_S <= shift_s <= max(0.0, -earliest_s) + _SHIFT_SLACK_S:
        raise VerifyError(video, "start of all tracks", f"{latest_s:.3f} s or 0", f"moved by {shift_s:.3f} s")


def _not_another(
    video: str, check: str, one: StreamCount, other: StreamCount, source: Sequence[StreamCount]
) -> None:
    """Raise VerifyError when a copy is provably of another track than the one that it should be of.

    A muxer may store the same frames a little differently, so that a difference alone proves nothing.
    """
    if one.mark and other.mark not in ("", one.mark):
        wrong = [count.index for count in source if count.mark == other.mark]
        if wrong:
            raise VerifyError(video, check, f"that of stream {one.index}", f"that of stream {wrong[0]}")


def _verify_in_step(video: str, copied: Sequence[float], encoded: Sequence[tuple[float, float]]) -> None:
    """Hold the shift of each encoded track to the others', as far as its limit allows. Raises VerifyError."""
    for shift, limit_s in encoded:
        for other, other_limit_s in (*((one, 0.0) for one in copied), *encoded):
            if abs(shift - other) > limit_s + other_limit_s:
                raise VerifyError(video, "tracks in step", round(other, 4), round(shift, 4))


def verify_chapters(video: str, plan: Plan, found: MediaInfo, shift_s: float) -> None:
    """Compare the chapters, which move with the tracks. Raises VerifyError."""
    expected = plan.result
    _same(video, "chapters", len(expected.chapters), len(found.chapters))
    # an encoder's start delay moves the tracks, not the chapters
    tolerance_s = ENCODED_TOLERANCE_S if any(s.encode for s in plan.streams) else COPIED_TOLERANCE_S
    for number, (before, after) in enumerate(zip(expected.chapters, found.chapters, strict=True), 1):
        if min(abs(after.start_s - before.start_s - shift) for shift in (0, shift_s)) > tolerance_s:
            raise VerifyError(video, f"start of chapter {number}", before.start_s, after.start_s)
        _same(video, f"title of chapter {number}", before.title or "", after.title or "")


def verify_size(video: str, plan: Plan, size_bytes: int) -> None:
    """Refuse a size that cannot be. Raises VerifyError."""
    source = plan.source.size_bytes
    if size_bytes <= 0:
        raise VerifyError(video, "size", "some bytes", size_bytes)
    if any(stream.encode for stream in plan.streams):
        return
    whole = len({stream.source for stream in plan.streams}) == len(plan.source.tracks)
    lowest = source // 2 - _SLACK_BYTES if whole else 0
    if not lowest <= size_bytes <= 2 * source + _SLACK_BYTES:
        raise VerifyError(video, "size", f"{max(lowest, 0)} to {2 * source + _SLACK_BYTES}", size_bytes)


def _same(video: str, check: str, expected: object, found: object) -> None:
    if expected != found:
        raise VerifyError(video, check, expected, found)


def _core(media: MediaInfo) -> list[Track]:
    return [track for track in media.tracks if track.type in _CORE]


def _core_streams(plan: Plan) -> list[int]:
    return [place for place, track in enumerate(plan.result.tracks) if track.type in _CORE]


def _verify_track(video: str, name: str, expected: Track, found: Track, *, copied: bool) -> None:
    for field in _TRACK_FIELDS:
        one, other = getattr(expected, field), getattr(found, field)
        if field in {"title", "language"}:
            one, other = one or "", other or ""
        _same(video, f"{name}: {field}", one, other)
    for field in _PICTURE_FIELDS if expected.type == "video" else ():
        _same(video, f"{name}: {field} of the picture", getattr(expected, field), getattr(found, field))
    # only the headers of Matroska and MP4 tell; a copy from elsewhere may be found to have it
    if expected.dolby_vision is not None or not copied:
        _same(video, f"{name}: Dolby Vision", expected.dolby_vision, found.dolby_vision)
    for field in _COPIED_FIELDS:
        one, other = getattr(expected, field), getattr(found, field)
        if copied and one is not None and other is not None:
            _same(video, f"{name}: {field}", one, other)


def _verify_header(video: str, name: str, expected: Track, found: Track) -> None:
    """Hold that a copy's header tells a player all that the source's did.

    HDR without its colours is grey; some codecs cannot be decoded, or lose all styles, without their data.
    """
    if expected.codec in _NEED_CODEC_DATA and expected.codec_data and found.codec_data is False:
        raise VerifyError(video, f"{name}: codec data", "some", "none")
    aspects = expected.pixel_aspect or 1.0, found.pixel_aspect or 1.0
    if expected.pixel_aspect is not None and abs(aspects[1] / aspects[0] - 1) > _ASPECT_TOLERANCE:
        raise VerifyError(video, f"{name}: pixel aspect", *aspects)
    for field in _COLOUR_FIELDS:
        if getattr(expected, field) is not None:
            _same(video, f"{name}: {field}", getattr(expected, field), getattr(found, field))


def _lost_dispositions(
    video: str, wanted: Sequence[Track], got: Sequence[Track], *, converted: bool
) -> Iterator[str]:
    for number, (one, other) in enumerate(zip(wanted, got, strict=True)):
        lost = set(one.dispositions) - set(other.dispositions)
        if lost and not converted:
            raise VerifyError(video, f"track {number}: flags", one.dispositions, other.dispositions)
        if lost:
            yield f"track {number}: the new container does not hold: {', '.join(sorted(lost))}"


def _verify_attachments(video: str, expected: MediaInfo, found: MediaInfo) -> None:
    wanted, got = expected.of_type("attachment"), found.of_type("attachment")
    _same(video, "number of attachments", len(wanted), len(got))
    # mkvmerge takes the folders off a name such as ../../x, and it is right
    names = sorted(os.path.basename(track.filename) for track in wanted if track.filename)
    if len(names) == len(wanted):
        found_names = sorted(os.path.basename(track.filename or "") for track in got)
        _same(video, "attachments", names, found_names)


def _lost_tags(video: str, expected: MediaInfo, found: MediaInfo, *, converted: bool) -> Iterator[str]:
    _same(video, "title", expected.tags.get("title", ""), found.tags.get("title", ""))
    for name, value in expected.tags.items():
        if name in _VOLATILE_TAGS or found.tags.get(name) == value:
            continue
        if not converted:
            raise VerifyError(video, f"tag {name}", value, found.tags.get(name))
        yield f"the tag {name} was not carried over by the new container"


def _is_undated(plan: Plan, place: int) -> bool:
    return any(track.undated for track in plan.source.tracks if track.index == plan.streams[place].source)


def _tolerance_s(plan: Plan, place: int, before: StreamCount, after: StreamCount) -> float:
    """Return one frame, at least 50 ms, for what was encoded: of video a picture, of sound a packet.

    Only starts are known, and the last packet of one codec may start a packet's length before the other's.
    """
    if _is_undated(plan, place):
        return UNDATED_TOLERANCE_S
    if plan.streams[place].encode is None:
        return VORBIS_TOLERANCE_S if plan.result.tracks[place].codec == "vorbis" else COPIED_TOLERANCE_S
    if plan.result.tracks[place].type == "audio":
        longest_s = max(_packet_s(before), _packet_s(after))
        return max(ENCODED_TOLERANCE_S, longest_s) + COPIED_TOLERANCE_S
    rate = plan.result.tracks[place].frame_rate
    numerator, _, denominator = (rate or "0").partition("/")
    frames_per_s = float(numerator) / (float(denominator or 1) or 1)
    return max(ENCODED_TOLERANCE_S, 1 / frames_per_s if frames_per_s else 0) + COPIED_TOLERANCE_S


def _padding_s(plan: Plan, place: int, before: StreamCount, after: StreamCount) -> float:
    """Return by how much longer encoded sound may be: encoders put up to two packets of silence around it.

    Of a single packet nobody can tell by starts how long it is; the track says.
    """
    track = plan.result.tracks[place]
    if plan.streams[place].encode is None or track.type != "audio":
        return 0.0
    single_s = (track.duration_s or 0.0) if before.packets < 2 else 0.0
    return 2 * _packet_s(after) + single_s


def _packet_s(count: StreamCount) -> float:
    if count.first_s is None or count.last_s is None or count.packets < 2:
        return 0.0
    return (count.last_s - count.first_s) / (count.packets - 1)


def _verify_span(
    video: str, name: str, before: StreamCount, after: StreamCount, limits_s: tuple[float, float]
) -> float | None:
    """Return by how much the track was moved. Raise VerifyError when it is shorter or longer than may be."""
    shorter_s, longer_s = limits_s
    if before.first_s is None or before.last_s is None:
        return None
    if after.first_s is None or after.last_s is None:
        raise VerifyError(video, f"{name}: last timestamp", before.last_s, after.last_s)
    spans = before.last_s - before.first_s, after.last_s - after.first_s
    if spans[0] - spans[1] > shorter_s or spans[1] - spans[0] > longer_s:
        raise VerifyError(video, f"{name}: seconds from first to last packet", *(round(s, 4) for s in spans))
    return after.first_s - before.first_s
