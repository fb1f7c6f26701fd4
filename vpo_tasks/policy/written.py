"""A policy written out: as YAML of version 13, as understood; and the language as JSON Schema."""

from __future__ import annotations

import json
from typing import Any

import yaml

from vpo_tasks.policy.document import resolve_scalar
from vpo_tasks.policy.load import DOCUMENT
from vpo_tasks.policy.model import Phase, Policy
from vpo_tasks.policy.rules import ACTIONS, CONDITION
from vpo_tasks.policy.table import table_of

VERSION = 13


def write_policy(policy: Policy) -> dict[str, Any]:
    """Return the policy as plain data that reads as the same policy."""
    return {"schema_version": VERSION, **table_of(Policy).write(policy)}


def dump_policy(policy: Policy) -> str:
    """Return the policy as YAML text that loads as an equal policy."""
    return yaml.dump(write_policy(policy), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """Quotes a text that our reader would take for something else, and never writes aliases."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the base class's signature
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        style = None if resolve_scalar(text) == text else '"'
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _Dumper.represent_text)


def policy_schema() -> dict[str, Any]:
    """Return the schema of a document of version 13.

    It asks for the preferred spelling where the loader takes several (`true`, not `yes`); what spans values,
    such as a phase that depends on a later one, only the loader checks.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "vpo policy",
        "description": "What the videos of a library should look like, version 13 of the language.",
        **DOCUMENT.schema(),
        "$defs": {
            "action": ACTIONS.definition(),
            "condition": CONDITION.definition(),
            "phase": table_of(Phase).schema(),
        },
    }


def schema_text() -> str:
    """Return the schema as the text of a file."""
    return json.dumps(policy_schema(), indent=2, ensure_ascii=False) + "\n"
