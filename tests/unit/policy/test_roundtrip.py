"""A policy written out as YAML and read again is the same policy."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.support.policies import policies
from vpo_tasks.policy.dump import dump_policy
from vpo_tasks.policy.load import parse_policy


@pytest.mark.slow
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(policies())
def test_policy_shown_and_read_again_is_equal(policy):
    assert parse_policy(dump_policy(policy).encode(), "x.yaml") == policy
