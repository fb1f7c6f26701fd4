"""Short ways to write a policy document in a test."""

from __future__ import annotations

from vpo_tasks.errors import PolicyError
from vpo_tasks.policy.load import parse_policy, parse_policy_with_warnings


def document(fragment, version=13):
    """Return a document: `cfg: …` fills config, `phases: …` replaces the phases, all else goes into one phase."""
    if fragment.startswith("cfg: "):
        return f"schema_version: {version}\nconfig: {fragment[5:]}\nphases: [{{name: p}}]\n"
    if fragment.startswith(("phases:", "schema_version:")):
        head = "" if fragment.startswith("schema_version:") else f"schema_version: {version}\n"
        return f"{head}{fragment}\n"
    body = "\n".join(f"    {line}" for line in fragment.splitlines())
    return f"schema_version: {version}\nphases:\n  - name: p\n{body}\n"


def load(fragment, version=13):
    """Return the policy of a fragment."""
    return parse_policy(document(fragment, version).encode(), "policy.yaml")


def load_phase(fragment, version=13):
    """Return the one phase of a fragment."""
    (phase,) = load(fragment, version).phases
    return phase


def warnings_of(fragment, version=13):
    """Return the warnings of a fragment that loads."""
    return parse_policy_with_warnings(document(fragment, version).encode(), "policy.yaml")[1]


def issues_of(fragment, version=13):
    """Return the issues of a fragment; none when it loads."""
    try:
        load(fragment, version)
    except PolicyError as error:
        return error.issues
    return ()
