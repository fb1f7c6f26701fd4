"""What is a language, and what a slip of the fingers probably meant."""

from __future__ import annotations

import pytest
from iso639 import iter_langs

from vpo_tasks.media.languages import is_known, suggest


def test_every_code_of_every_part_is_known():
    codes = {code for one in iter_langs() for code in (one.pt1, one.pt2b, one.pt2t, one.pt3, one.pt5) if code}
    assert [code for code in sorted(codes) if not is_known(code)] == []


@pytest.mark.parametrize(
    "tag",
    ["und", "mul", "zxx", "mis", "qaa", "qtz", "iw", "scr", "English", "GERMAN", "de-AT", "zh_Hant", "pt-BR", "sr-Latn-RS", "x-odd"],
)  # fmt: skip
def test_known(tag):
    assert is_known(tag)


@pytest.mark.parametrize(
    ("tag", "meant"),
    [
        ("egn", "eng"), ("jnp", "jpn"), ("frn", "fre"), ("Englsh", "english"), ("germna", "german"), ("xx-YY", None),
        ("quuxquux", None), ("gre1", None), ("qzz", None),
    ],
)  # fmt: skip
def test_a_slip_gets_a_proposal(tag, meant):
    assert not is_known(tag)
    assert suggest(tag) == meant
