"""The developer's own tasks. `doit -f dev/dodo.py list` shows them; without a name lint, types and test run.

Nothing is remembered between runs: each task does its work whenever it is named.
"""

import os
import sys

from doit.action import CmdAction

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DOIT_CONFIG = {
    "default_tasks": ["lint", "types", "test"],
    "backend": "sqlite3",
    "dep_file": ":memory:",
    "verbosity": 2,
}
DOCS_TESTS = [
    "tests/integration/test_docs.py",
    "tests/unit/policy/test_docs.py",
    "tests/unit/test_references.py",
]
_BIN = os.path.dirname(sys.executable)


def run(*words):
    """Return the action that runs a command of this environment at the repository's root."""
    return CmdAction([os.path.join(_BIN, words[0]), *words[1:]], shell=False, cwd=ROOT)


def task_lint():
    """style, format, and the direction of imports"""
    commands = [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("lint-imports",)]
    return {"actions": [run(*words) for words in commands]}


def task_types():
    """mypy, strict"""
    return {"actions": [run("mypy")]}


def task_test():
    """the inner loop: unit tests, without the slow ones"""
    return {"actions": [run("pytest", "-n", "auto", "-m", "not slow", "tests/unit")]}


def task_docs():
    """every command, policy, link and reference in the documents"""
    return {"actions": [run("pytest", "-n", "auto", *DOCS_TESTS)]}


def task_bench():
    """one benchmark: doit -f dev/dodo.py bench noop [--files N ...]"""

    def measure(options):
        words = options or ["--list"]
        return run("python", "-m", "bench", *words).execute(sys.stdout, sys.stderr)

    return {"actions": [(measure,)], "pos_arg": "options"}
