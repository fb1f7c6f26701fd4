"""Policy files into policies: every issue at once, each with its line and its path in the document."""

from __future__ import annotations

import os
from typing import Any, NamedTuple, Protocol

from vpo_tasks.errors import Issue, PolicyError
from vpo_tasks.policy.document import MAX_DOCUMENT_BYTES, DocumentError, read_document
from vpo_tasks.policy.model import Policy
from vpo_tasks.policy.readers import BAD, At, Log, shown
from vpo_tasks.policy.table import Field, Table, table_of
from vpo_tasks.trusted import read_file

_VERSIONS = (13, 12)


class VersionReader:
    """The version, a bare whole number; which dialect it means is decided before the rest is read."""

    def __init__(self, version: int) -> None:
        self._version = version

    def read(self, at: At) -> Any:
        return at.value

    def write(self, value: Any) -> Any:
        return value

    def schema(self) -> dict[str, Any]:
        return {"const": self._version}


DOCUMENT = Table(
    [
        Field("schema_version", VersionReader(_VERSIONS[0]), "The version of the language.", required=True),
        *table_of(Policy).fields.values(),
    ],
    model=Policy,
)


class Loaded(NamedTuple):
    """A policy and what is to be said of it. `unsafe` is what a run refuses to do, unless it trusts it.

    `languages` are those of the warnings that every run repeats: codes that nobody knows.
    """

    policy: Policy
    warnings: tuple[Issue, ...]
    unsafe: tuple[Issue, ...]
    languages: tuple[Issue, ...]


def load_policy(path: str) -> Policy:
    """Return the policy in a file. Raise PolicyError with every issue."""
    return read_policy(path).policy


def load_policy_with_warnings(path: str) -> tuple[Policy, tuple[Issue, ...]]:
    """Return the policy in a file and what is doubtful about it. Raise PolicyError with every issue."""
    return read_policy(path)[:2]


def read_policy(path: str, *, named: bool = True) -> Loaded:
    """Return the policy in a file and all there is to say of it. Raise PolicyError with every issue.

    One that nobody `named` must be the runner's or root's.
    """
    try:
        data = read_file(path, MAX_DOCUMENT_BYTES + 1, named=named)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PolicyError(path, [Issue(0, 0, "", f"cannot be read: {reason}")]) from error
    return _parse(data, path)


def parse_policy(data: bytes, path: str) -> Policy:
    """Return the policy in the bytes of a file; `path` names it in issues and, without a name, the policy."""
    return _parse(data, path).policy


def parse_policy_with_warnings(data: bytes, path: str) -> tuple[Policy, tuple[Issue, ...]]:
    """As parse_policy, with what is doubtful."""
    return _parse(data, path)[:2]


def _parse(data: bytes, path: str) -> Loaded:
    log = Log()
    try:
        root, issues = read_document(data)
    except DocumentError as error:
        raise PolicyError(path, error.issues) from error
    log.issues.extend(issues)
    policy: Any = BAD
    if root is None or root.value is None:
        log.issues.append(Issue(1, 1, "", "is empty; a policy starts with schema_version: 13"))
    elif not isinstance(root.value, dict):
        log.issues.append(Issue(root.line, root.column, "", f"{shown(root.value)} is not a policy"))
    else:
        policy = _read_policy(At(root, "", log))
    if log.issues or not isinstance(policy, Policy):
        raise PolicyError(path, sorted(set(log.issues)))
    if not policy.name:
        policy = _renamed(policy, path)
    meant = {tag.casefold() for tag in policy.config.extra_languages}
    languages = {issue for issue, tag in log.languages if tag.strip().casefold() not in meant}
    warnings = tuple(sorted({*log.warnings, *languages}))
    return Loaded(policy, warnings, tuple(sorted(set(log.unsafe))), tuple(sorted(languages)))


def _renamed(policy: Policy, path: str) -> Policy:
    import msgspec  # already imported by the model; named here where it is used

    stem = os.path.splitext(os.path.basename(path))[0]
    # A policy's name is text that goes into YAML and JSON; bytes that are not UTF-8 cannot.
    name = os.fsencode(stem).decode("utf-8", "replace")
    return msgspec.structs.replace(policy, name=name)


class _Dialect(Protocol):
    def read(self, at: At) -> Any: ...


def _read_policy(at: At) -> Any:
    entry = at.value.get("schema_version")
    if entry is None:
        return at.fail("schema_version is missing (write schema_version: 13)")
    version = entry.node.value
    if isinstance(version, bool) or not isinstance(version, int) or version not in _VERSIONS:
        quoted = version in ("12", "13")
        hint = "; it is a number, without quotes" if quoted else ""
        at.fail_key("schema_version", f"{shown(version)} is not 13 or 12{hint}")
        if not quoted:
            return BAD
        version = int(version)  # the rest of the mistakes can be told all the same
    dialect: _Dialect = DOCUMENT
    if version != _VERSIONS[0]:
        from vpo_tasks.policy import version12  # only old files need its tables

        dialect = version12.FLAT if version12.is_flat(at) else version12.DOCUMENT_12
    if dialect is not DOCUMENT or "phases" in at.value:
        return dialect.read(at)
    return _fail_without_phases(at)


def _fail_without_phases(at: At) -> Any:
    values = {key: entry for key, entry in at.value.items() if key in ("schema_version", "phases")}
    operations = [key for key in at.value if key not in DOCUMENT.fields and key not in values]
    hint = f"; put {', '.join(operations[:3])} into a phase" if operations else ""
    return at.fail(f"phases is missing: a policy lists what to do as phases, each with its operations{hint}")
