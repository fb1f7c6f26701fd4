"""The policy in force as 16 bytes: what it means, not how it is written."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from vpo_tasks.policy.model import Policy
from vpo_tasks.policy.version import EVALUATION_VERSION

DIGEST_SIZE = 16


def policy_digest(policies: Sequence[Policy], phases: Sequence[str] | None = None) -> bytes:
    """Return 16 bytes: equal for policies that ask for the same, in order, with the same phases selected.

    Names, descriptions and categories of policies change no video and do not count. `phases` is what the
    person selected (its order means nothing); None is all of them.
    """
    meanings = [
        [msgspec.to_builtins(policy.config), msgspec.to_builtins(policy.phases)] for policy in policies
    ]
    selected = None if phases is None else sorted({name.strip() for name in phases})
    document = [EVALUATION_VERSION, meanings, selected]
    encoded = msgspec.json.encode(document, order="deterministic")
    return hashlib.blake2b(encoded, digest_size=DIGEST_SIZE).digest()
