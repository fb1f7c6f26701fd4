"""YAML made strict: bounded, without surprises, and never a stall or a crash."""

from __future__ import annotations

import pytest

from vpo_tasks.policy.document import MAX_DOCUMENT_BYTES, DocumentError, read_document


def plain(node):
    if isinstance(node.value, dict):
        return {key: plain(entry.node) for key, entry in node.value.items()}
    if isinstance(node.value, list):
        return [plain(item) for item in node.value]
    return node.value


def read(text):
    root, issues = read_document(text.encode())
    assert issues == []
    return plain(root)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("'true'", "true"),
        ("~", None),
        ("null", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("014", 14),
        ("0o14", 12),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2020-05-04", "2020-05-04"),
        ("5.1", 5.1),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1e999", "1e999"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("9" * 10_000, "9" * 10_000),
        ("!!str 5", "5"),
        ("! 5", "5"),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_scalar_is_read_by_yaml_1_2(text, value):
    found = read(f"a: {text}")["a"]
    assert found == value
    assert type(found) is type(value)


def test_keys_are_words_as_written():
    assert read("no: 1\n12: 2\ntrue: 3\n~: 4") == {"no": 1, "12": 2, "true": 3, "~": 4}


def test_own_keys_win_over_merged_ones_and_earlier_sources_over_later():
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {y: 0, <<: [*a, *b]}"
    assert read(text)["c"] == {"y": 0, "x": 1, "z": 2}


def test_quoted_merge_sign_is_a_key():
    assert read("{'<<': 1}") == {"<<": 1}


def test_utf_8_with_a_byte_order_mark_is_read():
    root, _ = read_document(b"\xef\xbb\xbfa: \xc3\xa9")
    assert plain(root) == {"a": "é"}


def test_places_count_characters_from_one():
    root, _ = read_document("é: {bb: 'ü', c: x}".encode())
    inner = root.value["é"].node.value
    assert (inner["bb"].line, inner["bb"].column, inner["bb"].node.column) == (1, 5, 9)
    assert inner["bb"].node.text_column == 10
    assert inner["c"].node.text_column == 17


def laughs(levels):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


REFUSED = [
    (laughs(12), "expand to more than"),
    ("a: &a {k: v}\n" + "\n".join(f"b{n}: {{<<: *a}}" for n in range(60_000)), "expand to more than"),
    ("[" * 1_000_000, "nested deeper"),
    ("{a: " * 1_000_000, "nested deeper"),
    ("- " * 1_000_000, "nested deeper"),
    ("\n".join(f"a{n}: &a{n} [{f'*a{n - 1}' if n else 1}]" for n in range(200)), "nested deeper"),
    ("&a [*a]", "stands inside itself"),
    ("a: &x {b: *x}", "stands inside itself"),
    ("a: *b", "nothing is anchored as &b"),
    ("a: 1\n---\nb: 2", "a second document"),
    ("a: !!python/object/apply:os.system [ls]", "the tag !!python/object/apply:os.system is not allowed"),
    ("a: !include x", "the tag !include is not allowed"),
    ("a: !!int x", "the tag !!int is not allowed"),
    ("!!binary aGVsbG8=", "the tag !!binary"),
    ("? [1]\n: 2", "a key must be a word"),
    ("? {a: 1}\n: 2", "a key must be a word"),
    ("<<: 5", "<< takes a mapping"),
    ("a: [", "not YAML"),
    ("a: 'x", "not YAML"),
    ("a: b: c", "not YAML"),
    ("a:\n\t- b", "not YAML"),
    ("%FOO\n---\na: 1", "not YAML"),
    ("a: \x00", "not YAML"),
    ("a: x\x1b[2J", "not YAML"),
    ("x" * (MAX_DOCUMENT_BYTES + 1), "larger than 4 MiB"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_text_that_is_no_document_is_refused(text, message):
    with pytest.raises(DocumentError) as caught:
        read_document(text.encode())
    (issue,) = caught.value.issues
    assert message in issue.message


def test_what_is_not_utf_8_is_refused_with_its_line():
    with pytest.raises(DocumentError) as caught:
        read_document(b"a: 1\nb: \xff")
    assert caught.value.issues[0][:2] == (2, 1)


def test_duplicate_keys_are_told_with_path_and_first_line_and_the_rest_is_read():
    root, issues = read_document(b"a:\n  - {x: 1, x: 2}\nb: 1\nb: 2")
    assert [(issue.line, issue.column, issue.where) for issue in issues] == [(2, 12, "a[0].x"), (4, 1, "b")]
    assert plain(root) == {"a": [{"x": 1}], "b": 1}


@pytest.mark.slow
def test_a_megabyte_is_read():
    text = "\n".join(f"k{n}: {{a: [1, 2, 3, 4]}}" for n in range(45_000))
    assert len(text) > 1_000_000
    assert len(read(text)) == 45_000
