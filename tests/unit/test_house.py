"""The rules of the house that a linter does not know."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "vpo_tasks"
MODULES = sorted(PACKAGE.rglob("*.py"))

# data flows from left to right; a package imports only from its left
ORDER = ("discover", "media", "policy", "plan", "execute", "state", "report")
EVERYWHERE = {"errors", "config", "trusted", "media.model", "media.identity", "plan.model"}
COMPOSERS = {"tasks", "cli"}
MAX_LINES = 350
MAX_FUNCTION_LINES = 60


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("vpo_tasks."):
            yield node.module.removeprefix("vpo_tasks.")
        elif isinstance(node, ast.Import):
            yield from (
                alias.name.removeprefix("vpo_tasks.")
                for alias in node.names
                if alias.name.startswith("vpo_tasks.")
            )


def wrong_imports(path: Path) -> list[str]:
    here = name_of(path).split(".", maxsplit=1)[0]
    if here in COMPOSERS:
        return [name for name in imports_of(path) if here == "tasks" and name.startswith("cli.")]
    left = ORDER[: ORDER.index(here)] if here in ORDER else ()
    return [
        name
        for name in imports_of(path)
        if name not in EVERYWHERE and name.split(".", maxsplit=1)[0] not in {here, *left}
    ]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_one_way(path):
    assert wrong_imports(path) == []


def test_the_import_test_sees_a_wrong_import(tmp_path):
    assert "plan.evaluate" in list(imports_of(write(tmp_path, "from vpo_tasks.plan.evaluate import x\n")))


def write(folder: Path, text: str) -> Path:
    path = folder / "module.py"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_file_has_one_duty_and_a_function_one_screen(path):
    text = path.read_text()
    assert text.count("\n") <= MAX_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert (node.end_lineno or node.lineno) - node.lineno + 1 <= MAX_FUNCTION_LINES, node.name


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
    "execute.disk": "the one place, and only fsops calls it",
    "media.sample": "makes new videos where it is told, and refuses to overwrite",
    "cli.demo_library": "its own new folder",
    "cli.init": "new files only, opened exclusively",
    "state.pool": "copies the database into a folder of its own for a dry run",
    "tasks.plan_file": "the file a person named; nothing but a plan is overwritten",
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
    assert places == {"tasks.batch", "cli.main"}


def test_names_say_what_things_are():
    banned = {"utils", "helpers", "manager", "service", "common", "misc"}
    assert not [path for path in MODULES if banned & set(os.path.splitext(path.name)[0].split("_"))]
