"""What a plan takes away for good: video tracks, last tracks in a language, lossless sound and the like."""

from __future__ import annotations

from vpo_tasks.media.languages import normalise
from vpo_tasks.media.model import Track
from vpo_tasks.plan.model import Plan
from vpo_tasks.policy.codecs import effective_codec

_LOSSLESS = frozenset({"alac", "ape", "flac", "mlp", "shorten", "tak", "truehd", "tta", "wavpack"})


def losses_of(plan: Plan) -> tuple[str, ...]:
    """Return what the video would lose, in words that are the same for the same kind of loss."""
    kept = {stream.source for stream in plan.streams}
    if all(track.index in kept for track in plan.source.tracks) and not any(
        stream.encode for stream in plan.streams
    ):
        return ()
    losses = []
    for kind in ("audio", "subtitle"):
        present = [track for track in plan.source.tracks if track.type == kind]
        left = {_language(track) for track in present if track.index in kept}
        gone = dict.fromkeys(_language(track) for track in present if _language(track) not in left)
        losses += [f"the last {kind} track in {language}" for language in gone]
        if kind == "subtitle" and present and not left:
            losses.append("all subtitles")
    losses += ["a video track"] * any(track.index not in kept for track in plan.source.of_type("video"))
    before = any(is_lossless(track) for track in plan.source.tracks)
    if before and not any(is_lossless(track) for track in plan.result.tracks):
        losses.append("all lossless audio")
    encoded = {stream.source for stream in plan.streams if stream.encode}
    pictures = [track for track in plan.source.of_type("video") if track.index in encoded]
    losses += ["Dolby Vision"] * any(track.dolby_vision for track in pictures)
    losses += ["the dynamic metadata of HDR10+"] * any(track.hdr10_plus for track in pictures)
    return tuple(losses)


def is_lossless(track: Track) -> bool:
    """Tell whether an audio track is lossless: DTS-HD only as Master Audio (or DTS:X upon it)."""
    if track.type != "audio":
        return False
    codec = effective_codec(track)
    if codec == "dts-hd":
        profile = (track.profile or "").lower()
        return not profile or "ma" in profile.split() or "dts:x" in profile
    return codec in _LOSSLESS or codec.startswith("pcm")


def _language(track: Track) -> str:
    return normalise(track.language)
