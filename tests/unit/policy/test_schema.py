"""The schema for editors agrees with the loader."""

from __future__ import annotations

import json
import os

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from tests.support.policies import policies
from tests.support.policy_text import document, issues_of
from tests.unit.policy.test_load import LOADING_ROWS, MISTAKES
from vpo_tasks.policy.document import read_document
from vpo_tasks.policy.written import policy_schema, schema_text, write_policy

DOCS = os.path.join(os.path.dirname(__file__), "..", "..", "..", "docs")

# What spans several values or needs more than a shape, so that only the loader sees it.
LOADER_ONLY = (
    "given twice", "does not stand earlier", "is no phase", "reserved", "regular expression",
    "of the expression", "is not between 32k", "13.0",
)  # fmt: skip


@pytest.fixture(scope="module")
def validator():
    schema = policy_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def plain(text):
    """Return the document as our own reader takes it: YAML 1.2."""

    def value(node):
        if isinstance(node.value, dict):
            return {key: value(entry.node) for key, entry in node.value.items()}
        return [value(item) for item in node.value] if isinstance(node.value, list) else node.value

    return value(read_document(text.encode())[0])


def test_file_in_docs_is_the_schema():
    with open(os.path.join(DOCS, "policy.schema.json"), encoding="utf-8") as stream:
        assert stream.read() == schema_text(), "run: vpo policy schema > docs/policy.schema.json"


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(policies())
def test_every_policy_as_shown_is_valid(policy):
    jsonschema.Draft202012Validator(policy_schema()).validate(write_policy(policy))


@pytest.mark.parametrize(
    "fragment", [row[1] for row in LOADING_ROWS if row[2]], ids=[row[0] for row in LOADING_ROWS if row[2]]
)
def test_what_loads_is_valid(validator, fragment):
    preferred = fragment.replace("H264", "h264")
    validator.validate(plain(document(preferred)))


@pytest.mark.parametrize("expression", ["EXISTS(audio)", "exists(\\n  audio\\n)", "not(exists (audio))"])
def test_an_expression_may_be_written_in_many_ways(validator, expression):
    fragment = f'rules: {{match: first, items: [{{name: r, when: "{expression}", then: []}}]}}'
    assert issues_of(fragment) == ()
    validator.validate(plain(document(fragment)))


SEEN_BY_SHAPE = [
    fragment
    for fragment in [row[1] for row in LOADING_ROWS if not row[2]] + [mistake[0] for mistake in MISTAKES]
    if not any(sign in issue.message for issue in issues_of(fragment) for sign in LOADER_ONLY)
]


def test_most_mistakes_are_seen_by_shape():
    assert len(SEEN_BY_SHAPE) > 100


@pytest.mark.parametrize("fragment", SEEN_BY_SHAPE)
def test_mistake_of_shape_is_not_valid(validator, fragment):
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(plain(document(fragment)))


def test_schema_has_a_line_about_every_operation():
    phase = policy_schema()["$defs"]["phase"]["properties"]
    assert [key for key, value in phase.items() if "description" not in value] == []


def test_schema_is_json_that_yaml_tools_read_too():
    assert yaml.safe_load(schema_text()) == json.loads(schema_text())
