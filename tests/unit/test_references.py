"""What documents, code and tests refer to is there: files, and headings of the design."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from vpo_tasks.plan.operations import OPERATIONS

ROOT = Path(__file__).parents[2]
POLICY_FORMAT = ROOT / "docs" / "design" / "policy-format.md"
MAPS = [
    "docs/architecture.md",
    "docs/glossary.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/design/doit.md",
    "docs/design/safety.md",
]
TREES = ("vpo_tasks", "tests", "bench", "dev", "docs", ".ci")
SOURCES = sorted(
    path
    for tree in TREES
    for path in (ROOT / tree).rglob("*")
    if path.suffix in {".py", ".md", ".yaml", ""} and path.is_file() and "__pycache__" not in path.parts
)

_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_SECTIONS = re.compile(r"\bpolicy-format((?:,? (?:and |to )?[0-9]+(?:\.[0-9]+)*\b)*)")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_DOCUMENT = re.compile(r"\b(docs/[\w/-]+\.md)\b(?:, \"([^\"\n]+)\")?")
_VAGUE = re.compile(
    r"\((?:policy format|safety|architecture|design|fidelity|trust|machines|facts): "  # which heading, of what?
    r"|\b(?:fidelity|trust|machines|facts|style|benchmarks)\.md\b"  # not in the repository
)
_BARE = re.compile(r"(?<=\w )\((?:[0-9]\.){1,2}[0-9]{1,2}\)")
_FILE = re.compile(r"`([\w./-]+(?:\.(?:py|md|toml|yaml|json)|/))`")


def headings(page: Path) -> list[str]:
    return [title.replace("`", "") for title in _HEADING.findall(page.read_text())]


def sections() -> set[str]:
    return {title.split()[0].rstrip(".") for title in headings(POLICY_FORMAT) if title[0].isdigit()}


def references(text: str) -> Iterator[tuple[str, str]]:
    """Yield (document, heading) for each reference to a design in `text`; the heading may be empty."""
    for found in _SECTIONS.finditer(text):
        yield from (("policy-format", number) for number in _NUMBER.findall(found[1]))
    yield from _DOCUMENT.findall(text)


def is_there(document: str, heading: str) -> bool:
    if document == "policy-format":
        return heading in sections()
    return (ROOT / document).exists() and (not heading or heading in headings(ROOT / document))


def unknown(text: str) -> list[str]:
    """Return the references in `text` that lead nowhere, and those that nobody can follow."""
    wrong = [
        f"{document} {heading}" for document, heading in references(text) if not is_there(document, heading)
    ]
    return wrong + _VAGUE.findall(text)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_reference_to_the_design_leads_to_a_heading(path):
    if path == Path(__file__):
        return
    text = path.read_text()
    assert unknown(text) == []
    if path.suffix == ".py":
        assert _BARE.findall(text) == [], "say which document: policy-format N.N"


def test_code_and_tests_do_refer_to_the_design():
    found = {where for path in SOURCES if path.suffix == ".py" for where in references(path.read_text())}
    assert len(found) > 25
    assert {document for document, _ in found} >= {
        "policy-format",
        "docs/architecture.md",
        "docs/design/safety.md",
    }


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("(policy-format 2.2)", []),
        ("(policy-format 2.2, 99.1)", ["policy-format 99.1"]),
        ("(policy-format 3.8.1 to 3.8.9)", ["policy-format 3.8.9"]),
        ('docs/architecture.md, "Least work"', []),
        ('docs/architecture.md, "Most work"', ["docs/architecture.md Most work"]),
        ("(docs/design/nothing.md)", ["docs/design/nothing.md "]),
        ("(design: safety)", ["(design: "]),
        ("see fidelity.md", ["fidelity.md"]),
    ],
)
def test_a_reference_that_leads_nowhere_is_found(text, wrong):
    assert unknown(text) == wrong


def test_the_operations_stand_in_the_order_that_the_design_says():
    section = POLICY_FORMAT.read_text().split("### 2.2 ")[1].split("### 2.3 ")[0]
    listed = re.findall(r"`(\w+)`", "".join(re.findall(r"^[0-9]+\. (.*)$", section, re.MULTILINE)))
    assert listed == [operation.name for operation in OPERATIONS]


def keys_of(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for part in schema.values():
            yield from keys_of(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from keys_of(part)


def test_the_design_of_the_language_names_every_key():
    text = POLICY_FORMAT.read_text()
    schema = json.loads((ROOT / "docs" / "policy.schema.json").read_text())
    keys = {key for key in keys_of(schema) if not re.search(rf"\b{key}\b", text)}
    assert keys == set()


def test_the_links_inside_the_policy_language_lead_to_its_headings():
    text = POLICY_FORMAT.read_text()
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in _HEADING.findall(text)}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors
    quirks = set(re.findall(r"^\| (Q[0-9]+[a-z]?) ", text, re.MULTILINE))
    assert {
        name for inside in re.findall(r"\[(Q[0-9][^\]]*)\]", text) for name in inside.split(", ")
    } - quirks == set()


@pytest.mark.parametrize("page", MAPS)
def test_every_file_that_a_map_names_is_there(page):
    names = _FILE.findall((ROOT / page).read_text())
    places = [ROOT, ROOT / "vpo_tasks"]
    assert not [name for name in names if not any((place / name).exists() for place in places)]


def test_the_maps_do_name_files():
    named = {name for page in MAPS for name in _FILE.findall((ROOT / page).read_text())}
    assert len(named) > 60


def test_the_map_names_every_package():
    text = (ROOT / "docs" / "architecture.md").read_text()
    packages = sorted(path.parent.name for path in (ROOT / "vpo_tasks").glob("*/__init__.py"))
    assert not [name for name in packages if f"`{name}/`" not in text and name != "tasks"]
