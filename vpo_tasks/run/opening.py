"""A run opened: configuration, policies, discovery, recovery, bulk check, in that order; and its end."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from vpo_tasks.config import DEFAULT_WORKERS
from vpo_tasks.disk import PRIVATE_PREFIX
from vpo_tasks.errors import StateError, UsageError
from vpo_tasks.library.bulk_check import Survey, resolve_vanished, survey
from vpo_tasks.library.discover import Discovery, discover, own_files
from vpo_tasks.library.ignore import leave_out
from vpo_tasks.library.quick_check import QuickCheck, root_to_check
from vpo_tasks.report.progress import ProgressTracker
from vpo_tasks.report.text import count_noun
from vpo_tasks.run.batch import BatchController, BatchSettings
from vpo_tasks.run.context import RunContext, RunOptions
from vpo_tasks.run.failure_memory import FailureMemory, describe_circumstances
from vpo_tasks.run.policies import PolicySet, check_nearest, find_capabilities, find_policy
from vpo_tasks.state.failures import Failures
from vpo_tasks.state.library_digest import LibraryDigests
from vpo_tasks.state.measurements import Measurements
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.state.store import Store
from vpo_tasks.state.undo_folders import UndoFolders
from vpo_tasks.workers import WorkerCount, count_cores, resolve_worker_count

if TYPE_CHECKING:
    from vpo_tasks.config import VPOConfig
    from vpo_tasks.plan.model import OnError
    from vpo_tasks.report.console import Console
    from vpo_tasks.run.processor import WorkflowProcessor

_NOTHING_FOUND = Discovery([], [], [], [], 0)
_NOTHING_JUDGED = Survey(0, 0, [])


def open_run(
    paths: Sequence[str],
    options: RunOptions,
    config: VPOConfig,
    console: Console,
    *,
    recover: bool = True,
    allow_none: bool = False,
    quick_check: QuickCheck | None = None,
) -> RunContext:
    """Return a run over some folders and files, with the verdict on every video in them.

    `recover` ends or undoes first what a killed run left behind. Raises UsageError when there is no video
    (unless `allow_none`) or the library looks unmounted, and what is wrong with the policies or the database.
    """
    pool = DaemonConnectionPool(config.database_path, read_only=options.dry_run)
    try:
        run = _begun(tuple(paths), options, config, console, pool)
        videos = None if quick_check is None else _count_unchanged(run, quick_check)
        if videos is not None:
            searched = [os.fsencode(paths[0])]
            found = _NOTHING_FOUND._replace(searched=searched)
            return run._replace(discovery=found, survey=Survey(videos, videos, []))
        run = _walked(run)
        if not run.policies.named:
            check_nearest(run.discovery, run.policies.paths[0])
        if recover and (recovered := with_recovered(run)).notes:
            run = _walked(recovered)
        run = run._replace(survey=bulk_check(run))
        if recover:
            run = with_recovered_output(run)
        if not allow_none:
            check_present(run)
        return run
    except BaseException:
        pool.close()
        raise


def _begun(
    paths: tuple[str, ...],
    options: RunOptions,
    config: VPOConfig,
    console: Console,
    pool: DaemonConnectionPool,
) -> RunContext:
    """Return the run before anything is looked for."""
    started = time.monotonic()
    output = options.output or config.processing.output
    store = Store(pool)
    policies = _find_policies(paths, options, config, store)
    for doubt in policies.doubts:
        console.warning(doubt)
    measurements = Measurements(pool)
    capabilities = find_capabilities(policies, store, measurements)
    digest = capabilities.digest
    target = None if output is None else os.path.realpath(os.path.expanduser(output))

    def circumstances() -> str:
        return describe_circumstances(config, on_error=options.on_error, output=target)

    return RunContext(
        started=started,
        paths=paths,
        options=options,
        config=config,
        console=console,
        workers=resolve_workers(config, console, options.workers),
        output=None if target is None else os.fsencode(target),
        pool=pool,
        store=store,
        policies=policies,
        measurements=measurements,
        capabilities=capabilities,
        digest=digest,
        memory=FailureMemory(Failures(pool), digest, circumstances),
        undo=UndoFolders(pool),
        discovery=_NOTHING_FOUND,
        survey=_NOTHING_JUDGED,
        left_out={},
    )


def _find_policies(paths: Sequence[str], options: RunOptions, config: VPOConfig, store: Store) -> PolicySet:
    configured = config.processing.policy
    policies = options.policies or (find_policy(paths, configured),)
    return PolicySet(
        policies,
        store,
        phases=options.phases,
        on_error=options.on_error,
        named=bool(options.policies) or policies[0] == configured,
        any_arguments=config.safety.trust_ffmpeg_args,
    )


def resolve_workers(config: VPOConfig, console: Console, requested: int | None) -> WorkerCount:
    """Return how many workers to use; warn when that is fewer than a person asked for."""
    configured = config.processing.workers
    count = resolve_worker_count(requested or configured, count_cores(config.cpu_count))
    # the built-in default is nobody's wish: no warning for it on a small machine
    if count.warning and (requested is not None or configured != DEFAULT_WORKERS):
        console.warning(count.warning)
    return count


def _count_unchanged(run: RunContext, quick_check: QuickCheck) -> int | None:
    """Return how many videos there are if all are as they were when last judged; None: judge them."""
    options = run.options
    try:
        if run.console.verbose or run.output is not None or options.force or options.retry_failed:
            return None
        if not options.recursive:
            return None
        digest = LibraryDigests(run.pool).find(quick_check.root, run.digest)
        return digest.videos if digest.videos and quick_check.finds(digest) else None
    finally:
        quick_check.end()


def _walked(run: RunContext) -> RunContext:
    """Return the run with the videos that are there."""
    config = run.config.discovery
    found = discover(
        [os.fsencode(path) for path in run.paths],
        config.extensions,
        recursive=run.options.recursive,
        hidden="hidden" not in config.skip,
    )
    found, left_out = leave_out(found, config)
    if run.output is not None:
        inside = run.output + b"/"  # what was made is not a source
        found = found._replace(videos=[video for video in found.videos if not video.path.startswith(inside)])
    return run._replace(discovery=found, left_out=left_out)


def bulk_check(run: RunContext, *, everything: bool = False) -> Survey:
    """Compare disk and record. `everything` counts every video as stale (doit list shows them all)."""
    options = run.options
    found = survey(
        run.discovery,
        run.store,
        run.digest,
        output=run.output,
        force=options.force or everything,
        accept_missing=options.accept_missing,
    )
    if options.force or options.retry_failed:
        return found
    stale = run.memory.recall(found.stale)
    if everything:
        return found._replace(stale=stale)
    return found._replace(
        stale=[item for item in stale if item.failure is None],
        failed_before=tuple(item for item in stale if item.failure is not None),
    )


def with_recovered(run: RunContext) -> RunContext:
    """End or undo what a killed run left beside the videos; with `notes` if anything was found."""
    if not run.discovery.private or run.options.dry_run:
        return run
    notes = recover_private(run.discovery.private, run.config, run.store, run.console)
    return run._replace(notes=(*run.notes, *notes))


def with_recovered_output(run: RunContext) -> RunContext:
    """End or undo what a killed run left in the output folder and this run's videos will not lead to."""
    output = None if run.options.dry_run else run.output
    if not output or not (left := own_files(output, recursive=run.options.recursive)):
        return run
    notes = recover_output(left, run.survey, run.config, run.store, run.console)
    return run._replace(notes=(*run.notes, *notes))


def recover_private(
    private: Sequence[bytes], config: VPOConfig, store: Store, console: Console
) -> tuple[str, ...]:
    """Settle what the `.vpo-…` files speak of. Return a line for each video concerned, already shown."""
    # function-local: only a run after a crash, or an undo after an interruption, pays for them
    from vpo_tasks.disk.space import SpaceLedger
    from vpo_tasks.execute.recover import recover_all
    from vpo_tasks.execute.work import Environment
    from vpo_tasks.media.probe import ProbePool
    from vpo_tasks.tools.running import Children
    from vpo_tasks.tools.toolbox import find_tools

    notes: list[str] = []
    with ProbePool(1) as probes:
        environment = Environment(
            toolbox=find_tools(),
            children=Children(),
            probes=probes,
            ledger=SpaceLedger(config.safety.min_free),
            locks_dir=config.locks_path,
        )
        for note in recover_all(private, environment):
            if note.outcome == "in-hand":
                continue
            store.invalidate(os.fsencode(note.path))
            text = f"{note.path}: {note.detail}"
            notes.append(text)
            if note.outcome == "kept":
                console.warning(f"an interrupted change: {text}")
            else:
                console.message(f"recovered: {text}")
    return tuple(notes)


def recover_output(
    private: Sequence[bytes], survey: Survey, config: VPOConfig, store: Store, console: Console
) -> tuple[str, ...]:
    """Do as `recover_private` with what lies in an output folder, but for what videos of this run settle.

    Of the others the source was renamed, converted or deleted since, or is not to be worked on: nothing of
    this run would lead there.
    """
    from vpo_tasks.disk.fsops import id_of  # only after a crash
    from vpo_tasks.disk.locks import path_key

    ours = {path_key(os.fsdecode(item.found.path)) for item in survey.stale}
    keys = ((path, id_of(os.path.basename(path))) for path in private)
    left = [path for path, id_ in keys if id_ is not None and id_[:16] not in ours]
    return recover_private(left, config, store, console) if left else ()


def resolve_interrupted(
    folders: UndoFolders, path: str | None, config: VPOConfig, store: Store, console: Console
) -> bool:
    """End what an interrupted undo or run left where something can be undone. Returns whether there was any.

    Its journal lies beside the video then, and not in the store.
    """
    from vpo_tasks.disk.fsops import id_of  # an undo, not a run, pays for it

    places = set(folders.folders())
    if path is not None:
        real = os.path.realpath(os.fsencode(path))
        places.add(real if os.path.isdir(real) else os.path.dirname(real))
    left: list[bytes] = []
    for folder in filter(os.path.isdir, places):
        left += (os.path.join(folder, name) for name in os.listdir(folder) if name.startswith(PRIVATE_PREFIX))
    left = [name for name in left if id_of(os.path.basename(name)) is not None]
    if not left:
        return False
    return bool(recover_private(left, config, store, console))


def check_present(run: RunContext) -> None:
    """Raise UsageError when there is no video, or when the library looks unmounted."""
    if run.options.accept_missing:
        return
    if run.survey.absent:
        raise absence_error(run.survey.absent)
    if not run.discovery.videos and not run.discovery.odd:
        raise nothing_found(run)


def absence_error(absent: Mapping[bytes, int]) -> UsageError:
    """Return the error of a run over folders that look unmounted."""
    places = ", ".join(
        f"{os.fsdecode(path)} ({count_noun(count, 'video')})" for path, count in absent.items()
    )
    return UsageError(
        f"none of the videos recorded in {places} is there: is the disk mounted? "
        "`vpo process --accept-missing` goes on and forgets them"
    )


def nothing_found(run: RunContext) -> UsageError:
    """Return the error for a run without a single video."""
    places = ", ".join(os.fsdecode(path) for path in run.discovery.searched)
    extensions = ", ".join(run.config.discovery.extensions)
    why = "".join(f"; {count:,} left out: {kind}" for kind, count in run.left_out.items())
    return UsageError(f"no video found in {places} (extensions: {extensions}{why})")


def record_missing(run: RunContext) -> None:
    """Keep account of recorded videos that are gone."""
    if not run.options.dry_run:
        at_once = run.options.accept_missing
        resolve_vanished(run.discovery, run.store, unseen=run.survey.unseen, at_once=at_once)


def make_controller(run: RunContext, on_error: OnError | None = None) -> BatchController:
    """Return the controller for the run's videos; `on_error` is the command line's, if it said so."""
    waiting = len(run.survey.stale) + len(run.survey.failed_before) + len(run.discovery.odd)
    settings = BatchSettings(
        workers=run.workers.workers,
        cap=run.workers.cap,
        on_error=on_error or run.policies.on_error,
        digest=run.digest,
        policies=run.policies.names,
        dry_run=run.options.dry_run,
        json=run.options.json,
        log_path=run.config.log_path,
        started=run.started,
    )

    def make_processor_of(controller: BatchController) -> WorkflowProcessor:
        # function-local: tools, planning and probing, only when there is work
        from vpo_tasks.run.environment import make_processor, threads_each

        threads = threads_each(run)
        if run.console.verbose and run.capabilities.needs:
            noun = "thread" if threads == 1 else "threads"
            busy = run.busy_workers
            run.console.message(
                f"{threads} {noun} for each encoder: {busy} at once on {run.workers.cores} cores"
            )
        return make_processor(run, stop=controller.aborted, progress=controller.advance)

    return BatchController(
        settings,
        run.store,
        run.console,
        ProgressTracker(waiting),
        make_processor_of,
        memory=run.memory,
        undo=run.undo,
        measurements=run.measurements,
    )


def finish(run: RunContext) -> None:
    """After the work: let go of originals that need not be kept, and condense what is recorded."""
    if run.options.dry_run:
        return
    keep_s = run.config.safety.keep_originals_s
    if run.survey.stale or run.undo.folders(time.time() - keep_s):
        from vpo_tasks.run.undo import prune_originals  # only when there may be something to remove

        prune_originals(run.undo, run.config)
    root = root_to_check(run.paths, run.config)
    if root is not None:
        with suppress(StateError):  # it saves the next run a moment; this one has done its work
            LibraryDigests(run.pool).find(root, run.digest)
