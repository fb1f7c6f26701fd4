"""Whatever stands in a file: a policy or a policy error, never anything else."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.policies import policies
from vpo_tasks.errors import PolicyError
from vpo_tasks.policy.load import parse_policy
from vpo_tasks.policy.model import Policy
from vpo_tasks.policy.written import dump_policy, write_policy

SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))

WORDS = st.sampled_from(
    [
        "",
        " ",
        "eng",
        "no",
        "5.1",
        "1h30m",
        "4k",
        "mkv",
        "any",
        "exists(audio)",
        "{",
        "(",
        "192k",
        "end",
        "\x00",
        "ü",
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    WORDS,
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(["name", "when", "exists", "mode", "to", "max", "eq", "x"]), inner, max_size=2
        ),
    ),
    max_leaves=4,
)


def places(data):
    """Yield (container, key) of every value in plain data."""
    pairs = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in pairs:
        yield data, key
        if isinstance(value, (dict, list)):
            yield from places(value)


def policy_or_error(data):
    try:
        policy = parse_policy(data, "x.yaml")
    except PolicyError as error:
        assert error.issues  # noqa: PT017 - either outcome is right
        assert str(error)  # noqa: PT017
        return None
    assert isinstance(policy, Policy)
    return policy


@pytest.mark.slow
@SETTINGS
@given(policies(max_phases=2), st.data())
def test_policy_with_one_value_replaced(policy, data):
    document = write_policy(policy)
    container, key = data.draw(st.sampled_from(list(places(document))))
    container[key] = data.draw(ANYTHING)
    changed = policy_or_error(msgspec.json.encode(document))
    if changed is not None:
        assert parse_policy(dump_policy(changed).encode(), "x.yaml") == changed


@SETTINGS
@given(st.text(alphabet=st.sampled_from("abno:-{}[],&*!|>'\"#%@` \n\t\x00\x1b1.<ü"), max_size=80))
def test_any_text(text):
    policy_or_error(text.encode())


@SETTINGS
@given(st.binary(max_size=80))
def test_any_bytes(data):
    policy_or_error(data)


@pytest.mark.slow
@SETTINGS
@given(
    policies(max_phases=1),
    st.integers(0, 3000),
    st.sampled_from([b"", b"\x00", b"\xff", b": ", b"- ", b"*a", b"'"]),
)
def test_policy_cut_or_dirtied_anywhere(policy, position, dirt):
    text = dump_policy(policy).encode()
    position = min(position, len(text))
    policy_or_error(text[:position] + dirt + (text[position:] if dirt else b""))
