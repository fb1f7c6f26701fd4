"""YAML bytes as a tree of values that know where they stand. Strict, bounded, YAML 1.2 scalars.

The parser hands out events, so neither it nor this module recurses: a hostile document ends in an issue.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import yaml

from vpo_tasks.errors import Issue

MAX_DOCUMENT_BYTES = 4 << 20
MAX_DEPTH = 128
"""Enough for the longest expression that `vpo policy show` may have to write out as mappings."""
MAX_ALIASED_VALUES = 100_000
"""How many values aliases and merge keys may add to a document."""

_MAX_NUMBER_LENGTH = 32

NodeValue: TypeAlias = "bool | int | float | str | list[Node] | dict[str, MappingEntry] | None"


class Node:
    """A value and its place; lines and columns count from 1.

    `text_column` is the column of the first character of a text on one line, else 0. `size` counts the values
    inside, `height` the levels.
    """

    __slots__ = ("column", "height", "line", "size", "text_column", "value")

    def __init__(self, value: NodeValue, line: int, column: int, text_column: int = 0) -> None:
        self.value: Any = value
        self.line = line
        self.column = column
        self.text_column = text_column
        self.size = 1
        self.height = 0


class MappingEntry:
    """A key's place and its value."""

    __slots__ = ("column", "line", "node")

    def __init__(self, node: Node, line: int, column: int) -> None:
        self.node = node
        self.line = line
        self.column = column


class DocumentError(ValueError):
    """The text is not a document that can be read. `issues` says what and where."""

    def __init__(self, issues: list[Issue]) -> None:
        super().__init__(issues)
        self.issues = issues


def read_document(data: bytes) -> tuple[Node | None, list[Issue]]:
    """Return the document's root (None when it is empty) and what is wrong with keys inside it.

    Raise DocumentError when there is no tree to look at: not UTF-8, a syntax error, a bound exceeded.
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        raise _refusal(0, 0, f"larger than {MAX_DOCUMENT_BYTES >> 20} MiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        raise _refusal(before.count(b"\n") + 1, 1, "not UTF-8 text") from error
    tree = _Tree()
    try:
        for event in _events(text):
            tree.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        problem = error.problem or error.context or ""
        if "nesting depth" in problem:  # libyaml 0.2.6 has a bound of its own, met while it reads ahead
            raise _refusal(line, column, f"nested deeper than {MAX_DEPTH} levels") from error
        raise _refusal(line, column, f"not YAML: {problem}") from error
    except yaml.YAMLError as error:
        raise _refusal(0, 0, f"not YAML: {str(error).splitlines()[0]}") from error
    return tree.root, tree.issues


def _events(text: str) -> Iterator[yaml.Event]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # a source build of PyYAML may lack the C parser
    return yaml.parse(text, Loader=loader)


def _refusal(line: int, column: int, message: str) -> DocumentError:
    return DocumentError([Issue(line, column, "", message)])


class _Open:
    """A collection whose end has not come yet."""

    __slots__ = ("anchor", "key", "merges", "node")

    def __init__(self, node: Node, anchor: str | None) -> None:
        self.node = node
        self.anchor = anchor
        self.key: tuple[str, int, int] | None = None
        self.merges: list[Node] = []


class _Tree:
    """Builds the tree from events, with an explicit stack."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.issues: list[Issue] = []
        self._stack: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}  # None while the anchored collection is still open
        self._aliased = 0
        self._documents = 0

    def take(self, event: Any) -> None:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if isinstance(event, yaml.ScalarEvent):
            self._begin_check(event, line, column)
            node = self._scalar(event, line, column)
            if event.anchor:
                self._anchors[event.anchor] = node
            self._place(node, event)
        elif isinstance(event, yaml.AliasEvent):
            self._place(self._resolve(event.anchor, line, column), None)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self._begin_check(event, line, column)
            self._open(event, line, column)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._close()
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise _refusal(line, column, "a second document; a policy file holds one")

    def _begin_check(self, event: Any, line: int, column: int) -> None:
        tag = event.tag
        allowed = (None, "!") if not isinstance(event, yaml.ScalarEvent) else (None, "!", _TEXT_TAG)
        if tag not in allowed:
            shown = tag.replace("tag:yaml.org,2002:", "!!")
            raise _refusal(line, column, f"the tag {shown} is not allowed in a policy")
        if len(self._stack) >= MAX_DEPTH:
            raise _refusal(line, column, f"nested deeper than {MAX_DEPTH} levels")

    def _open(self, event: Any, line: int, column: int) -> None:
        value: NodeValue = {} if isinstance(event, yaml.MappingStartEvent) else []
        opened = _Open(Node(value, line, column), event.anchor)
        parent = self._stack[-1] if self._stack else None
        if parent is not None and isinstance(parent.node.value, dict) and parent.key is None:
            raise _refusal(line, column, "a key must be a word, not a list or mapping")
        if event.anchor:
            self._anchors[event.anchor] = None
        self._stack.append(opened)

    def _close(self) -> None:
        done = self._stack.pop()
        node = done.node
        if isinstance(node.value, dict):
            self._merge(done)
            children = [entry.node for entry in node.value.values()]
        else:
            children = node.value
        node.size = 1 + sum(child.size for child in children)
        node.height = 1 + max((child.height for child in children), default=0)
        if done.anchor:
            self._anchors[done.anchor] = node
        self._place(node, None)

    def _scalar(self, event: Any, line: int, column: int) -> Node:
        one_line = event.start_mark.line == event.end_mark.line
        plain = not event.style
        text_column = column + (0 if plain else 1) if one_line else 0
        text: str = event.value
        if not plain or event.tag is not None:
            return Node(text, line, column, text_column)
        return Node(resolve_scalar(text), line, column, text_column)

    def _resolve(self, anchor: str | None, line: int, column: int) -> Node:
        if anchor is None or anchor not in self._anchors:
            raise _refusal(line, column, f"nothing is anchored as &{anchor} above this")
        node = self._anchors[anchor]
        if node is None:
            raise _refusal(line, column, f"*{anchor} stands inside itself")
        self._aliased += node.size
        if self._aliased > MAX_ALIASED_VALUES:
            raise _refusal(line, column, f"aliases expand to more than {MAX_ALIASED_VALUES} values")
        if len(self._stack) + node.height > MAX_DEPTH:
            raise _refusal(line, column, f"nested deeper than {MAX_DEPTH} levels")
        return node

    def _place(self, node: Node, event: yaml.ScalarEvent | None) -> None:
        """Put a finished value where it belongs. `event` is set for a scalar, which may be a key."""
        if not self._stack:
            self.root = node
            return
        parent = self._stack[-1]
        if isinstance(parent.node.value, list):
            parent.node.value.append(node)
        elif parent.key is None:
            text = event.value if event is not None else node.value
            if not isinstance(text, str):
                raise _refusal(node.line, node.column, "a key must be a word, not a list or mapping")
            plain = event is not None and not event.style
            parent.key = (_MERGE if plain and text == "<<" else text, node.line, node.column)
        else:
            self._set(parent, parent.key, node)
            parent.key = None

    def _set(self, parent: _Open, key: tuple[str, int, int], node: Node) -> None:
        name, line, column = key
        if name == _MERGE:
            parent.merges.extend(node.value if isinstance(node.value, list) else [node])
        elif name in parent.node.value:
            first = parent.node.value[name]
            message = f"given twice, first in line {first.line}"
            self.issues.append(Issue(line, column, self._path(), message))
        else:
            parent.node.value[name] = MappingEntry(node, line, column)

    def _path(self) -> str:
        """Return where the parser stands, as `phases[1].keep_audio.languages`."""
        parts = [
            f"[{len(opened.node.value)}]" if opened.key is None else f".{opened.key[0]}"
            for opened in self._stack
        ]
        return "".join(parts).lstrip(".")

    def _merge(self, done: _Open) -> None:
        """Add what `<<` brings; the mapping's own keys win, then the earlier of several sources."""
        for source in done.merges:
            if not isinstance(source.value, dict):
                raise _refusal(source.line, source.column, "<< takes a mapping or a list of mappings")
            for name, entry in source.value.items():
                done.node.value.setdefault(name, entry)


_TEXT_TAG: Final = "tag:yaml.org,2002:str"
_MERGE: Final = "<<\0"  # no text of a document holds NUL

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


def resolve_scalar(text: str) -> bool | int | float | str | None:
    """Return the value of a plain scalar by the core schema of YAML 1.2; a number no one needs stays text."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if len(text) > _MAX_NUMBER_LENGTH:
        return text
    if _INTEGER.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text
