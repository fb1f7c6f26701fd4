"""What rules do: `then` and `else` as lists of actions, and the rules themselves."""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any, NamedTuple

from vpo_tasks.policy import model as m
from vpo_tasks.policy.conditions import CONDITION
from vpo_tasks.policy.field_types import ANY_TEXT, FIELD_NAME, FILLED, FILLED_LANGUAGE, FOLDED, LANGUAGE_NAME
from vpo_tasks.policy.readers import BAD, At, Bool, ListOf, OneOf, Reader, nearest, shown
from vpo_tasks.policy.table import Field, Table, Values, is_read, one_of_keys

_PLACEHOLDERS = frozenset({"filename", "path", "rule_name"})

PLUGIN_FIELD = Table(
    m.PluginField,
    [Field("plugin", FOLDED, required=True), Field("field", FOLDED, required=True)],
)


class MessageReader:
    """A message with placeholders; one that cannot be filled draws a warning."""

    def read(self, at: At) -> Any:
        message = ANY_TEXT.read(at)
        if message is not BAD:
            _check_placeholders(at, message)
        return message

    def write(self, value: Any) -> Any:
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "description": "May hold {filename}, {path} and {rule_name}."}


def _check_placeholders(at: At, message: str) -> None:
    try:
        names = {name for _, name, _, _ in string.Formatter().parse(message) if name is not None}
    except ValueError:
        at.warn("a brace has no partner, so the message is shown as it stands (write {{ for a brace)")
        return
    for name in sorted(names - _PLACEHOLDERS):
        at.warn(
            f"{{{name}}} is no placeholder{nearest(name, _PLACEHOLDERS)}; the message is shown as it stands"
        )


def _exactly_one(*names: str) -> Callable[[Values, At], None]:
    def check(values: Values, at: At) -> None:
        given = sum(name in values for name in names)
        if given > 1 or (given == 0 and is_read(values, at)):
            at.fail(f"needs exactly one of {', '.join(names)}")

    return check


def _drop_track_type(values: Values, _at: At) -> m.SetForced:
    values.pop("track_type", None)
    return m.SetForced(**values)


_TRACK_TYPE = Field("track_type", OneOf("video", "audio", "subtitle"), "Which tracks.", required=True)
_LANGUAGE = Field("language", LANGUAGE_NAME, "Only tracks in this language.")
_VALUE = Field("value", Bool(), "Set the flag, or clear it.")
_FROM_PLUGIN = Field("from_plugin_metadata", PLUGIN_FIELD, "Take the value from external metadata.")


class _SetForcedTable(Table):
    """The track type is always `subtitle` and may be left out."""

    def write(self, value: Any) -> Any:
        written = {"track_type": "subtitle", "value": value.value}
        return written if value.language is None else {**written, "language": value.language}


class _Kind(NamedTuple):
    reader: Reader
    model: type[Any]
    wrap: Callable[[Any], Any] = lambda value: value
    unwrap: Callable[[Any], Any] = lambda value: value


def _skip(what: Any) -> _Kind:
    return _Kind(Bool(), m.Skip, lambda on: m.Skip(what=what) if on else None, lambda _: True)


# In the order in which the keys of one mapping run.
_KINDS: dict[str, _Kind] = {
    "skip_video_transcode": _skip("video_transcode"),
    "skip_audio_transcode": _skip("audio_transcode"),
    "skip_track_filter": _skip("track_filter"),
    "warn": _Kind(MessageReader(), m.Warn, lambda text: m.Warn(message=text), lambda value: value.message),
    "fail": _Kind(MessageReader(), m.Fail, lambda text: m.Fail(message=text), lambda value: value.message),
    "set_forced": _Kind(
        _SetForcedTable(
            None, [Field("track_type", OneOf("subtitle")), _LANGUAGE, _VALUE], build=_drop_track_type
        ),
        m.SetForced,
    ),
    "set_default": _Kind(Table(m.SetDefault, [_TRACK_TYPE, _LANGUAGE, _VALUE]), m.SetDefault),
    "set_language": _Kind(
        Table(
            m.SetLanguage,
            [
                _TRACK_TYPE,
                Field("new_language", FILLED_LANGUAGE, "The language to set."),
                _FROM_PLUGIN,
                Field("match_language", LANGUAGE_NAME, "Only tracks in this language."),
            ],
            check=_exactly_one("new_language", "from_plugin_metadata"),
            shape=one_of_keys("new_language", "from_plugin_metadata"),
        ),
        m.SetLanguage,
    ),
    "set_container_metadata": _Kind(
        Table(
            m.SetContainerMetadata,
            [
                Field("field", FIELD_NAME, "The tag's name.", required=True),
                Field("value", ANY_TEXT, "The tag's text; an empty one deletes the tag."),
                _FROM_PLUGIN,
            ],
            check=_exactly_one("value", "from_plugin_metadata"),
            shape=one_of_keys("value", "from_plugin_metadata"),
        ),
        m.SetContainerMetadata,
    ),
}


class ActionsReader:
    """One mapping of actions or a list of them, as one tuple in the order in which they run."""

    def read(self, at: At) -> Any:
        mappings = at.items() if isinstance(at.value, list) else [at]
        actions: list[Any] = []
        good = True
        for mapping in mappings:
            read = self._read_mapping(mapping)
            good = good and read is not None
            actions.extend(read or ())
        return tuple(actions) if good else BAD

    def _read_mapping(self, at: At) -> list[Any] | None:
        if not isinstance(at.value, dict):
            at.fail(f"{shown(at.value)} is not an action such as warn: text")
            return None
        for key in at.value:
            if key not in _KINDS:
                at.fail_key(key, f"unknown action{nearest(key, _KINDS)}")
        if not at.value:
            at.fail("has no action")
        values = {key: kind.reader.read(at.key(key)) for key, kind in _KINDS.items() if key in at.value}
        if len(values) != len(at.value) or not values or any(value is BAD for value in values.values()):
            return None
        wrapped = [_KINDS[key].wrap(value) for key, value in values.items()]
        return [action for action in wrapped if action is not None]

    def write(self, value: Any) -> Any:
        return [self._write_action(action) for action in value]

    def _write_action(self, action: Any) -> Any:
        if isinstance(action, m.Skip):
            return {f"skip_{action.what}": True}
        for key, kind in _KINDS.items():
            if type(action) is kind.model:
                return {key: kind.reader.write(kind.unwrap(action))}
        raise TypeError(type(action))

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [_ACTION_REFERENCE, {"type": "array", "items": _ACTION_REFERENCE}]}

    def definition(self) -> dict[str, Any]:
        """Return the schema of one mapping of actions."""
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {key: kind.reader.schema() for key, kind in _KINDS.items()},
            "minProperties": 1,
        }


_ACTION_REFERENCE = {"$ref": "#/$defs/action"}

ACTIONS = ActionsReader()

RULE = Table(
    m.Rule,
    [
        Field("name", FILLED, "Shown with every change that the rule makes.", required=True),
        Field("when", CONDITION, "The condition.", required=True),
        Field("then", ACTIONS, "What is done when it holds.", required=True),
        Field("else", ACTIONS, "Done when no rule held; counts on the last rule only.", "otherwise"),
    ],
)
RULE_LIST = ListOf(RULE, least=1)


def warn_of_idle_else(rules: m.Rules, at: At) -> m.Rules:
    """Warn of an `else` that never runs: only the last rule's does."""
    for rule in rules.items[:-1]:
        if rule.otherwise:
            at.warn(f"the else of the rule {rule.name!r} never runs: only the last rule's does")
    return rules


RULES = Table(
    m.Rules,
    [
        Field(
            "match", OneOf("first", "all"), "Stop at the first rule that holds, or try all.", required=True
        ),
        Field("items", RULE_LIST, "The rules, in order.", required=True),
    ],
    build=lambda values, at: warn_of_idle_else(m.Rules(**values), at),
)
