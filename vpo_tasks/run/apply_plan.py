"""Carrying out a plan in the cheapest way that works: an edit of the header where it holds, else a copy."""

from __future__ import annotations

import os

from vpo_tasks.disk.folders import Folder, open_folder
from vpo_tasks.disk.fsops import files_of
from vpo_tasks.disk.locks import key_lock, path_key
from vpo_tasks.disk.undo_store import Keeping
from vpo_tasks.errors import Interrupted, LockedError, ReplaceError
from vpo_tasks.execute.in_place.change import HeaderRefused
from vpo_tasks.execute.in_place.edit import edit_header
from vpo_tasks.execute.recover import is_in_hand_elsewhere, recover_all
from vpo_tasks.execute.replace import carry_out
from vpo_tasks.execute.work import Done, Environment, Replacement
from vpo_tasks.plan.compile import compile_step, lost_by_a_copy
from vpo_tasks.plan.model import Step


def apply_plan(work: Replacement, environment: Environment, keeping: Keeping | None) -> tuple[Done, Step]:
    """Carry out a plan; return with what became of it the step that was taken in the end.

    Raises as `carry_out` does, and UnresolvedError.
    """
    check_resolved(work.source, environment.locks_dir)
    folder = os.path.dirname(os.fsencode(work.source))
    if work.step.kind == "header-edit":
        keep = keeping.run_for(folder, 0) if keeping else None
        try:
            return edit_header(work._replace(keep=keep), environment), work.step
        except HeaderRefused as refused:
            if environment.children.stopped:
                raise Interrupted from refused
            lost = lost_by_a_copy(work.plan)
            if lost:
                raise ReplaceError(work.source, f"{refused.detail}; {lost}") from refused
            # whatever is in doubt costs a copy
            work = work._replace(step=compile_step(work.plan, environment.toolbox.names))
    in_place = work.destination is None
    keep = keeping.run_for(folder, work.identity.size) if keeping and in_place else None
    return carry_out(work._replace(keep=keep), environment), work.step


def resolve_target(source: str, destination: str, environment: Environment) -> bool:
    """End what a killed run left of this video in an output folder, where no search for journals comes.

    Returns whether the target was found to be complete, and so is ours.
    """
    try:
        with open_folder(os.path.dirname(os.path.abspath(os.fsencode(destination)))) as folder:
            left = [place.path for place in files_of(folder, path_key(source))]
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ReplaceError(source, error.strerror or str(error)) from error
    return any(note.outcome == "finished" for note in recover_all(left, environment))


def check_resolved(video: str, locks_dir: str) -> None:
    """Raise when an earlier change of this video broke off: ReplaceError, or LockedError while it goes on.

    Its journal holds bytes that the video may still need; another change would make it worthless.
    """
    try:
        with open_folder(os.path.dirname(os.fsencode(video))) as folder:
            if files_of(folder, path_key(video), b".json"):
                _refuse_unsettled(video, folder, locks_dir)
    except OSError as error:
        raise ReplaceError(video, error.strerror or str(error)) from error


def _refuse_unsettled(video: str, folder: Folder, locks_dir: str) -> None:
    with key_lock(locks_dir, path_key(video), video, None):
        left = files_of(folder, path_key(video), b".json")
        if any(is_in_hand_elsewhere(journal, locks_dir) for journal in left):
            raise LockedError(video, "another run, of another user or machine, has this video in hand")
        if left:
            raise ReplaceError(video, "an interrupted change of it is not settled yet; left as it is")
