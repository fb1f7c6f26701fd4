"""A policy written out as YAML and read again is the same policy."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.support.policies import policies
from tests.support.policy_text import load
from vpo_tasks.policy.expressions import MAX_NESTING
from vpo_tasks.policy.load import parse_policy
from vpo_tasks.policy.written import dump_policy


@pytest.mark.slow
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(policies())
def test_policy_shown_and_read_again_is_equal(policy):
    assert parse_policy(dump_policy(policy).encode(), "x.yaml") == policy


def test_an_expression_nested_to_its_bound_is_shown_as_a_policy_that_loads():
    expression = "exists(audio)"
    for level in range(MAX_NESTING - 1):
        expression = f"(exists(video) {'and' if level % 2 else 'or'} {expression})"
    rule = f"{{name: r, when: '{expression}', then: []}}"
    policy = load(f"rules: {{match: first, items: [{rule}]}}")
    assert parse_policy(dump_policy(policy).encode(), "x.yaml").phases == policy.phases
