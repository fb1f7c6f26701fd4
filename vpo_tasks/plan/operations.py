"""The operations in the order in which a phase runs them; each is a key of policy's Phase."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from vpo_tasks.media.model import Track
from vpo_tasks.plan.draft import Draft, Refusal, Scope
from vpo_tasks.plan.model import Context, PlanFailure
from vpo_tasks.plan.rules_actions import (
    NOTHING_DECIDED,
    RequestedAction,
    RulesResult,
    apply_rules,
    carry_out_actions,
    decide,
)
from vpo_tasks.plan.rules_conditions import ConditionInput
from vpo_tasks.plan.rules_container import convert_container
from vpo_tasks.plan.rules_flags import Titles, clear_marks, set_default_flags
from vpo_tasks.plan.rules_order import order_tracks
from vpo_tasks.plan.rules_synthesis import synthesise
from vpo_tasks.plan.rules_timestamp import set_timestamp
from vpo_tasks.plan.rules_tracks import filter_attachments, keep_audio, keep_subtitles
from vpo_tasks.plan.rules_transcode import transcode
from vpo_tasks.plan.rules_transcription import transcribe
from vpo_tasks.policy.match import Terms
from vpo_tasks.policy.model import (
    AudioSynthesis,
    Container,
    DefaultFlags,
    FileTimestamp,
    FilterAttachments,
    KeepAudio,
    KeepSubtitles,
    Phase,
    Rules,
    TrackActions,
    TrackClass,
    Transcode,
    Transcription,
)


class PhaseState(msgspec.Struct, eq=False):
    """One phase in hand: what holds for it, the video, and what of it cannot be done."""

    phase: Phase
    terms: Terms
    titles: Titles
    scope: Scope
    draft: Draft
    context: Context
    verdict: RulesResult = NOTHING_DECIDED
    failures: list[PlanFailure] = []

    def fail(self, refusal: Refusal) -> None:
        """Note that an operation cannot be done."""
        self.failures.append(
            PlanFailure(
                policy=self.scope.policy,
                phase=self.scope.phase,
                operation=refusal.operation,
                reason=refusal.reason,
                on_error=self.scope.on_error,
                rule=refusal.rule,
            )
        )

    @property
    def outcome(self) -> tuple[object, ...]:
        """What came of it so far: equal when nobody could tell two of them apart."""
        if self.failures:  # then the draft is given up
            return self.draft.warnings, self.failures
        return self.draft.video, self.draft.warnings, self.draft.keep_mtime

    @property
    def filters_skipped(self) -> bool:
        return "track_filter" in self.verdict.skips


class Operation(NamedTuple):
    """One line of the table: an operation's key in Phase, and what plans it from the key's value.

    `reads` is for an operation that would change nothing if it ran again at once: the edits (`Change.what`)
    that could give it something to do again. None: nobody can say.
    """

    name: str
    run: Callable[[PhaseState, Any], None]
    reads: frozenset[str] | None = None

    def is_asked(self, phase: Phase) -> bool:
        """Tell whether the phase has the operation."""
        return getattr(phase, self.name) is not None


def _audio_actions(work: PhaseState, asked: TrackActions) -> None:
    clear_marks(work.draft, "audio", asked, work.titles, work.scope)


def _subtitle_actions(work: PhaseState, asked: TrackActions) -> None:
    clear_marks(work.draft, "subtitle", asked, work.titles, work.scope)


def _video_actions(work: PhaseState, asked: TrackActions) -> None:
    clear_marks(work.draft, "video", asked, work.titles, work.scope)


def _keep_audio(work: PhaseState, asked: KeepAudio) -> None:
    if not work.filters_skipped:
        keep_audio(work.draft, asked, work.scope, work.terms)


def _keep_subtitles(work: PhaseState, asked: KeepSubtitles) -> None:
    if not work.filters_skipped:
        actions = work.phase.subtitle_actions
        clears_forced = actions is not None and actions.clear_all_forced
        keep_subtitles(work.draft, asked, work.scope, work.terms, clears_forced)


def _filter_attachments(work: PhaseState, asked: FilterAttachments) -> None:
    if not work.filters_skipped:
        filter_attachments(work.draft, asked, work.scope)


def _container(work: PhaseState, asked: Container) -> None:
    convert_container(work.draft, asked, work.scope, work.context, lambda: _after_transcode(work))


def _after_transcode(work: PhaseState) -> Sequence[Track]:
    """Return the tracks as the phase's encodes will leave them. Raise Refusal where those cannot be done."""
    trial = work.draft.copy()
    if work.phase.transcode is not None:
        transcode(trial, work.phase.transcode, work.verdict.skips, work.scope, work.context)
    return trial.tracks


def _track_order(work: PhaseState, asked: tuple[TrackClass, ...]) -> None:
    order_tracks(work.draft, asked, work.terms, work.scope)


def _default_flags(work: PhaseState, asked: DefaultFlags) -> None:
    actions = work.phase.video_actions
    video_cleared = actions is not None and actions.clear_all_default
    set_default_flags(work.draft, asked, work.terms, work.scope, video_cleared)


def _rules(work: PhaseState, _rules: Rules) -> None:
    carry_out_actions(work.verdict, work.draft, work.context, work.scope, work.terms)


def _audio_synthesis(work: PhaseState, asked: AudioSynthesis) -> None:
    synthesise(work.draft, asked, work.terms, work.scope, work.context)


def _transcode(work: PhaseState, asked: Transcode) -> None:
    transcode(work.draft, asked, work.verdict.skips, work.scope, work.context)


def _file_timestamp(work: PhaseState, asked: FileTimestamp) -> None:
    set_timestamp(work.draft, asked, work.scope, work.context)


def _transcription(work: PhaseState, _asked: Transcription) -> None:
    transcribe(work.draft, work.phase)


_TRACKS = frozenset({"removed", "created"})

OPERATIONS = (
    Operation("audio_actions", _audio_actions),
    Operation("subtitle_actions", _subtitle_actions),
    Operation("video_actions", _video_actions),
    # the filters come before the container, so that only tracks that stay can stand in its way
    Operation("keep_audio", _keep_audio, _TRACKS | {"language", "title", "order"}),
    Operation("keep_subtitles", _keep_subtitles, _TRACKS | {"language", "forced"}),
    Operation("filter_attachments", _filter_attachments, _TRACKS),
    Operation("container", _container),
    Operation("track_order", _track_order, _TRACKS | {"language", "title", "forced", "order"}),
    Operation(
        "default_flags",
        _default_flags,
        _TRACKS | {"language", "title", "forced", "default", "order", "codec"},
    ),
    Operation("rules", _rules),
    Operation("audio_synthesis", _audio_synthesis),
    Operation("transcode", _transcode),
    Operation("file_timestamp", _file_timestamp),
    Operation("transcription", _transcription),
)


def run_operations(work: PhaseState, operations: Sequence[Operation]) -> None:
    """Run a phase's operations in canonical order; its rules are judged before anything changes.

    A phase that has failures afterwards does nothing: its draft must be given up.

    A rule that nobody can judge fails the phase only where it matters: where the phase as a whole would come
    out differently with it and without.
    """
    rules = work.phase.rules
    if rules is None:
        _run_in_order(work, operations)
        return
    possible = apply_rules(
        rules, ConditionInput(work.draft.tracks, work.draft.tags, work.terms, work.context)
    )
    if possible.unknown is None:
        _run_by(possible.outcomes[0], work, operations)
        return
    trials = []
    for orders in possible.outcomes:
        trial = PhaseState(work.phase, work.terms, work.titles, work.scope, work.draft.copy(), work.context)
        _run_by(orders, trial, operations)
        trials.append(trial)
    if trials and all(trial.outcome == trials[0].outcome for trial in trials):
        work.draft.adopt(trials[-1].draft)
        work.failures += trials[-1].failures
        return
    unknown, rule = possible.unknown
    work.fail(Refusal("rules", f"needs {unknown.needs}, not available yet", rule.name))


def _run_by(orders: tuple[RequestedAction, ...], work: PhaseState, operations: Sequence[Operation]) -> None:
    """Run the operations under what the rules ask for."""
    try:
        work.verdict = decide(orders, work.draft, work.context)
    except Refusal as refusal:
        work.fail(refusal)
        return
    _run_in_order(work, operations)


def _run_in_order(work: PhaseState, operations: Sequence[Operation]) -> None:
    """Run the operations up to the first that cannot be done; the caller gives up the draft then."""
    for operation in operations:
        try:
            operation.run(work, getattr(work.phase, operation.name))
        except Refusal as refusal:
            work.fail(refusal)
            return
