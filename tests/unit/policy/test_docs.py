"""Every example of the reference is a policy."""

from __future__ import annotations

import os
import re

import pytest

from tests.support.policy_text import document
from vpo_tasks.policy import model as m
from vpo_tasks.policy.load import DOCUMENT, parse_policy_with_warnings
from vpo_tasks.policy.table import table_of

REFERENCE = os.path.join(os.path.dirname(__file__), "..", "..", "..", "docs", "policy.md")


def reference():
    with open(REFERENCE, encoding="utf-8") as stream:
        return stream.read()


def examples():
    return re.findall(r"^```yaml\n(.*?)^```$", reference(), re.MULTILINE | re.DOTALL)


def test_reference_has_its_examples():
    assert len(examples()) >= 10


@pytest.mark.parametrize("example", examples(), ids=range(len(examples())))
def test_example_loads_without_a_warning(example):
    whole = "schema_version" in example
    text = example if whole else document(example.rstrip("\n"))
    policy, warnings = parse_policy_with_warnings(text.encode(), "example.yaml")
    assert warnings == ()
    assert any(phase != m.Phase(name=phase.name) for phase in policy.phases)


@pytest.mark.parametrize("key", [*table_of(m.Phase).fields, *DOCUMENT.fields])
def test_reference_names_every_key(key):
    assert f"`{key}`" in reference()
