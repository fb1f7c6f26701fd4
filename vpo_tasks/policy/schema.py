"""The language as JSON Schema 2020-12, for editors: made from the tables that the loader reads by."""

from __future__ import annotations

import json
from typing import Any

from vpo_tasks.policy.actions import ACTIONS
from vpo_tasks.policy.conditions import CONDITION
from vpo_tasks.policy.load import DOCUMENT
from vpo_tasks.policy.phases import PHASES


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
            "phase": PHASES.definition(),
        },
    }


def schema_text() -> str:
    """Return the schema as the text of a file."""
    return json.dumps(policy_schema(), indent=2, ensure_ascii=False) + "\n"
