"""What only listening to a track can decide: `transcription` (policy-format 3.11)."""

from __future__ import annotations

import re

from vpo_tasks.plan.draft import Draft, Refusal
from vpo_tasks.policy.model import Phase

_GENERIC = re.compile(
    r"mono|stereo|surround|[257]\.[01]|aac|e?-?ac-?3|dts([-:](hd|x))?|flac|mp3|opus|pcm(_s(16|24|32)le)?|truehd"
    r"|vorbis|alac|atmos|(16|24|32)-?bit|lossless|lossy"
)


def transcribe(draft: Draft, phase: Phase) -> None:
    """Raise Refusal when listening would decide something; without it the block only collects."""
    block = phase.transcription
    audio = draft.of_type("audio")
    if block is None or not block.enabled or not audio:
        return
    cleared = phase.audio_actions is not None and phase.audio_actions.clear_all_titles
    if (
        block.update_language_from_transcription
        or (block.detect_commentary and phase.track_order is not None)
        or (
            block.update_title_from_classification
            and not cleared
            and any(is_generic_title(track.title) for track in audio)
        )
    ):
        raise Refusal("transcription", "needs transcription, not available yet")


def is_generic_title(title: str | None) -> bool:
    """Tell whether a title says nothing: blank, or made of format words only."""
    words = re.sub(r"\b(16|24|32)\s+bit\b", r"\1bit", (title or "").lower()).replace("/", " ").split()
    return all(_GENERIC.fullmatch(word) for word in words)
