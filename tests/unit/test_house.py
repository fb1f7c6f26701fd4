"""The rules of the house that a linter does not know."""

from __future__ import annotations

import ast
import os
import re
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from vpo_tasks.tools import quirks as quirks_module
from vpo_tasks.tools.quirks import Quirk

PACKAGE = Path(__file__).parents[2] / "vpo_tasks"
MODULES = sorted(PACKAGE.rglob("*.py"))

AIM_LINES = 400
AIM_FUNCTION_LINES = 60


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def write(folder: Path, text: str) -> Path:
    path = folder / "module.py"
    path.write_text(text)
    return path


def larger_than_aimed(path: Path) -> Iterator[str]:
    text = path.read_text()
    if text.count("\n") > AIM_LINES:
        yield f"{path.name}: {text.count(chr(10))} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > AIM_FUNCTION_LINES:
                yield f"{path.name}: {node.name} has {lines} lines"


def test_a_file_has_one_duty_and_a_function_one_screen():
    """An aim, not a wall: a duty that needs more lines stays whole, and the test run says so."""
    for what in (found for path in MODULES for found in larger_than_aimed(path)):
        warnings.warn(what, stacklevel=1)


def test_the_size_test_sees_what_is_large(tmp_path):
    large = "def f():\n" + "    x = 1\n" * AIM_FUNCTION_LINES + "\n" * AIM_LINES
    assert list(larger_than_aimed(write(tmp_path, large))) == [
        "module.py: 461 lines",
        "module.py: f has 61 lines",
    ]


WRITERS = {
    "rename",
    "replace",
    "link",
    "symlink",
    "unlink",
    "remove",
    "truncate",
    "rmtree",
    "move",
    "copyfile",
}
# who may write, and where: never into a user's folder but through fsops
MAY_WRITE = {
    "disk.system_calls": "the one place, and only fsops calls it",
    "media.synthetic": "makes new videos where it is told, and refuses to overwrite",
    "cli.demo": "its own new folder",
    "cli.init": "new files only, opened exclusively",
    "state.pool": "copies the database into a folder of its own for a dry run",
    "queries.plan_file": "the file a person named; nothing but a plan is overwritten",
    "report.buglog": "appends to the log in the state folder",
}


def writes_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        if isinstance(function, ast.Attribute):
            owner = function.value
            if isinstance(owner, ast.Name) and owner.id in {"os", "shutil"} and function.attr in WRITERS:
                yield f"{owner.id}.{function.attr}"
            if function.attr in {"write_text", "write_bytes"}:
                yield function.attr
        elif isinstance(function, ast.Name) and function.id == "open":
            modes = [*node.args[1:2], *(word.value for word in node.keywords if word.arg == "mode")]
            if any(
                not isinstance(mode, ast.Constant) or set(str(mode.value)) & set("wax+") for mode in modes
            ):
                yield "open for writing"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_fsops_writes_where_a_users_videos_are(path):
    if name_of(path) not in MAY_WRITE:
        assert list(writes_of(path)) == []


def test_the_write_test_sees_writes(tmp_path):
    text = "import os\nos.replace(a, b)\nopen('x', 'w')\nopen('y', mode='ab')\nopen('z')\np.write_text('')\n"
    assert sorted(writes_of(write(tmp_path, text))) == [
        "open for writing",
        "open for writing",
        "os.replace",
        "write_text",
    ]


def test_exceptions_are_caught_wholesale_in_two_places_only():
    places = {
        name_of(path)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "Exception"))
    }
    assert places == {"run.batch", "cli.main"}


ROOT = PACKAGE.parent
ONCE = {
    r"shutil\.which\(": {"vpo_tasks/programs.py", "bench/command.py", "tests/support/tools.py"},
    r"import imageio_ffmpeg": {"vpo_tasks/programs.py"},
    r"/dev/dri/": {"vpo_tasks/tools/ffmpeg_encoding.py"},
    r"""["']h264["']: 23\b""": {"vpo_tasks/policy/codecs.py"},
}
"""What stands once: the search for programs (the other two look for what benchmarks and tests need beside the
program's own tools), the VAAPI device and the default CRFs."""


def places_of(pattern: str) -> set[str]:
    paths = [*MODULES, *(ROOT / "bench").rglob("*.py"), *(ROOT / "tests" / "support").rglob("*.py")]
    return {path.relative_to(ROOT).as_posix() for path in paths if re.search(pattern, path.read_text())}


@pytest.mark.parametrize("pattern", ONCE)
def test_the_search_for_tools_the_device_and_the_defaults_stand_once(pattern):
    assert places_of(pattern) == ONCE[pattern]


def test_every_quirk_is_named_where_it_is_handled_and_no_other_place_knows_versions():
    quirks = {name: quirk for name, quirk in vars(quirks_module).items() if isinstance(quirk, Quirk)}
    texts = {path: path.read_text() for path in MODULES if path.name != "quirks.py"}
    for name, quirk in quirks.items():
        asked = any(f"{name}.affects(" in text for text in texts.values())
        assert quirk.asked == asked, name
        assert asked or any(f"quirks.{name}" in text for text in texts.values()), name
    known = set(re.findall(r"quirks\.([A-Z_0-9]+)", "".join(texts.values())))
    assert known <= set(quirks)
    version = re.compile(r"(ffmpeg|mkv\w+|svt-av1)s?\b,? (before |from |older than )?\d", re.IGNORECASE)
    assert [
        (name_of(path), found[0])
        for path, text in texts.items()
        if path.parent.name in {"tools", "execute", "in_place"} and (found := version.search(text))
    ] == []


def test_names_say_what_things_are():
    banned = {"utils", "helpers", "manager", "service", "common", "misc"}
    assert not [path for path in MODULES if banned & set(os.path.splitext(path.name)[0].split("_"))]


# the same word for the same thing, where one module cannot ask the other for it
DEFINED_TWICE = {
    "main": "the entry points of a process: the command, and the probe's own process",
    "undo": "the command, and what it does to one video",
    "OnError": "plan/model.py imports no policy, and its plans are stored",
}


def public_names(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def defined_twice(modules: list[Path]) -> set[str]:
    places: dict[str, set[Path]] = {}
    for path in modules:
        for name in public_names(path):
            if not name.startswith("_"):
                places.setdefault(name, set()).add(path)
    return {name for name, paths in places.items() if len(paths) > 1}


def test_a_public_name_has_one_meaning():
    assert defined_twice(MODULES) == set(DEFINED_TWICE)


def test_the_name_test_sees_a_second_definition(tmp_path):
    (tmp_path / "other.py").write_text("Plan = 1\n")
    assert defined_twice([tmp_path / "other.py", write(tmp_path, "class Plan: pass\n")]) == {"Plan"}


# policy and plan are tested through load() and evaluate(), cli through the commands
READ_BY_TESTS = (
    "media", "disk", "tools", "execute", "state", "report", "library", "run", "queries", "doit_plugin",
)  # fmt: skip


def modules_of(packages: Iterable[str]) -> set[str]:
    found = (path for package in packages for path in (PACKAGE / package).rglob("*.py"))
    return {f"{PACKAGE.name}.{name_of(path)}" for path in found if path.name != "__init__.py"}


def imported_by(paths: Iterable[Path]) -> set[str]:
    found: set[str] = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.update((node.module, *(f"{node.module}.{alias.name}" for alias in node.names)))
    return found


def test_every_module_is_imported_by_some_test():
    assert modules_of(READ_BY_TESTS) - imported_by(Path(__file__).parents[1].rglob("*.py")) == set()


def test_the_import_test_sees_both_forms(tmp_path):
    text = "import a.b\ndef f():\n    from c import d as e\n"
    assert imported_by([write(tmp_path, text)]) == {"a.b", "c", "c.d"}
    assert "vpo_tasks.run.batch" in modules_of(("run",))
