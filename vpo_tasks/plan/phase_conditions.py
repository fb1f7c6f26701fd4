"""Whether a phase runs at all: `depends_on`, `skip_when`, `run_if` (policy-format 2.4, 2.6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from vpo_tasks.media.film import film_of
from vpo_tasks.media.languages import matches
from vpo_tasks.plan.draft import Draft
from vpo_tasks.plan.model import PhaseOutcome
from vpo_tasks.policy.codecs import matches_video, same_codec
from vpo_tasks.policy.match import language_of
from vpo_tasks.policy.model import Phase, SkipWhen

_HEIGHTS = MappingProxyType(
    {"480p": 480, "720p": 720, "1080p": 1080, "1440p": 1440, "2160p": 2160, "4k": 2160}
)


_OUTCOMES = MappingProxyType({"failed": "failed", "skipped": "is left out", "pending": "is not run"})


def closed_gate(phase: Phase, draft: Draft, outcomes: Mapping[str, PhaseOutcome]) -> str | None:
    """Return why a phase is skipped, or None when it runs. `outcomes` are those of the same policy."""
    for name in phase.depends_on:
        outcome = outcomes[name].outcome if name in outcomes else "pending"
        if outcome != "completed":
            return f"depends on {name}, which {_OUTCOMES[outcome]}"
    if phase.skip_when is not None:
        why = trips(phase.skip_when, draft)
        if why is not None:
            return f"skip_when: {why}"
    if phase.run_if is not None:
        wanted = phase.run_if.phase_modified
        if wanted is not None and not (wanted in outcomes and outcomes[wanted].modified):
            return f"run_if: {wanted} changed nothing"
        wanted = phase.run_if.phase_completed
        if wanted is not None and not (wanted in outcomes and outcomes[wanted].outcome == "completed"):
            return f"run_if: {wanted} was not completed"
    return None


def trips(when: SkipWhen, draft: Draft) -> str | None:
    """Return what trips `skip_when`, or None."""
    tripped: list[str] = []
    for reason, result in _asked(when, draft):
        if result and when.mode == "any":
            return reason
        if not result and when.mode == "all":
            return None
        if result:
            tripped.append(reason)
    return " and ".join(tripped) or None


def _asked(when: SkipWhen, draft: Draft) -> Iterator[tuple[str, bool]]:
    """Yield every condition that is asked, in words, and whether it holds; an unknown value does not."""
    video = film_of(draft.tracks)
    height = video.height if video is not None else None
    if when.video_codec:
        listed = video is not None and matches_video(video.codec, when.video_codec)
        yield f"the video is {video.codec if video is not None else 'missing'}", listed
    if when.audio_codec_exists is not None:
        codec = when.audio_codec_exists
        yield f"there is {codec} audio", any(same_codec(track, codec) for track in draft.of_type("audio"))
    if when.subtitle_language_exists is not None:
        language = when.subtitle_language_exists
        subtitles = draft.of_type("subtitle")
        yield (
            f"there is a {language} subtitle",
            any(matches(language, language_of(t)) for t in subtitles),
        )
    if when.container:
        yield f"the container is {draft.container}", draft.container in when.container
    if when.resolution is not None:
        wanted = _HEIGHTS[when.resolution.lower()]
        yield f"the resolution is {when.resolution}", height is not None and label_height(height) == wanted
    if when.resolution_under is not None:
        bound = _HEIGHTS[when.resolution_under.lower()]
        yield f"the resolution is under {when.resolution_under}", height is not None and height < bound
    size = draft.source.size_bytes or None
    duration = draft.source.duration_s
    if video is not None and video.duration_s is not None:
        duration = video.duration_s
    yield from _within("file_size", size, when.file_size_under, when.file_size_over)
    yield from _within("duration", duration, when.duration_under, when.duration_over)


def _within(
    what: str, value: float | None, under: float | None, over: float | None
) -> Iterator[tuple[str, bool]]:
    if under is not None:
        yield f"it is below {what}_under", value is not None and value < under
    if over is not None:
        yield f"it is above {what}_over", value is not None and value > over


def label_height(height: int) -> int:
    """Return the nominal height of the label that a height falls under."""
    return next((nominal for nominal in (2160, 1440, 1080, 720) if height >= nominal), 480)
