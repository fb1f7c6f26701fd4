"""Rules: how conditions are read, and the actions of `then` and `else` (policy-format 3.8)."""

import string
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from vpo_tasks.errors import Issue
from vpo_tasks.policy.conditions import (
    And,
    Condition,
    ContainerMetadata,
    Count,
    Dubbed,
    Exists,
    MultiLanguage,
    Not,
    Or,
    Original,
    OriginReader,
    PluginMetadata,
    TracksReader,
)
from vpo_tasks.policy.expressions import ExpressionError, parse_expression
from vpo_tasks.policy.field_types import FieldName, Filled, FilledLanguage, Folded, LanguageName, MediaKind
from vpo_tasks.policy.readers import BAD, At, Bool, ListOf, OneOf, Reader, Text, nearest, shown
from vpo_tasks.policy.table import Bare, Field, Key, PolicyValue, Table, Values, table_of


class ConditionReader:
    """A mapping with exactly one kind of condition, or an expression."""

    def __init__(self) -> None:
        several = ListOf(self, least=2)
        self._kinds: dict[str, Reader] = {
            _key_of(Exists): TracksReader(Exists),
            _key_of(Count): TracksReader(Count),
            _key_of(And): Bare(And, "conditions", several),
            _key_of(Or): Bare(Or, "conditions", several),
            _key_of(Not): Bare(Not, "condition", self),
            _key_of(MultiLanguage): table_of(MultiLanguage),
            _key_of(PluginMetadata): table_of(PluginMetadata),
            _key_of(ContainerMetadata): table_of(ContainerMetadata),
            _key_of(Original): OriginReader(Original),
            _key_of(Dubbed): OriginReader(Dubbed),
        }

    def read(self, at: At) -> Any:
        if isinstance(at.value, str):
            return _read_expression(at)
        if not isinstance(at.value, dict):
            return at.fail(f"{shown(at.value)} is not a condition")
        unknown = [key for key in at.value if key not in self._kinds]
        for key in unknown:
            at.fail_key(key, f"unknown condition{nearest(key, self._kinds)}")
        if unknown:
            return BAD
        if len(at.value) != 1:
            return at.fail("a condition has exactly one kind; join several with and, or")
        (key,) = at.value
        return self._kinds[key].read(at.key(key))

    def write(self, value: Any) -> Any:
        key = _key_of(type(value))
        return {key: self._kinds[key].write(value)}

    def schema(self) -> dict[str, Any]:
        return {"$ref": "#/$defs/condition"}

    def definition(self) -> dict[str, Any]:
        """Return the schema that `schema` refers to."""
        mapping = {
            "type": "object",
            "additionalProperties": False,
            "properties": {key: reader.schema() for key, reader in self._kinds.items()},
            "minProperties": 1,
            "maxProperties": 1,
        }
        example = "exists(audio, lang == jpn) and count(subtitle) == 0"
        expression = {"type": "string", "pattern": "[A-Za-z_]\\s*\\(", "examples": [example]}
        return {"anyOf": [mapping, expression]}


def _key_of(model: type[PolicyValue]) -> str:
    """Return the key of a condition or action in the document, which is the tag of its type."""
    return str(model.__struct_config__.tag)


def _languages_in(condition: Condition) -> Iterator[str]:
    if isinstance(condition, (And, Or)):
        for part in condition.conditions:
            yield from _languages_in(part)
    elif isinstance(condition, Not):
        yield from _languages_in(condition.condition)
    elif isinstance(condition, (Exists, Count)):
        yield from condition.where.language or ()
    elif isinstance(condition, MultiLanguage):
        yield from filter(None, [condition.primary_language])
    elif isinstance(condition, (Original, Dubbed)):
        yield from filter(None, [condition.language])


def _read_expression(at: At) -> Any:
    try:
        condition = parse_expression(at.value)
        for tag in dict.fromkeys(_languages_in(condition)):
            at.name_language(tag)
        return condition
    except ExpressionError as error:
        column = at.node.column
        if at.node.text_column:
            column = at.node.text_column + error.position
        message = f"{error.message} (character {error.position + 1} of the expression)"
        at.log.issues.append(Issue(at.node.line, column, at.where, message))
        return BAD


CONDITION = ConditionReader()

# -- actions (policy-format 3.8.6)

_PLACEHOLDERS = frozenset({"filename", "path", "rule_name"})


class _MessageReader(Text):
    """A message with placeholders; one that cannot be filled draws a warning."""

    def read(self, at: At) -> Any:
        message = super().read(at)
        if message is not BAD:
            _check_placeholders(at, message)
        return message

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


_WhichTracks = Annotated[MediaKind, "Which tracks."]
_InLanguage = Annotated[LanguageName | None, "Only tracks in this language."]
_Flag = Annotated[bool, "Set the flag, or clear it."]


class PluginField(PolicyValue, frozen=True):
    """`from_plugin_metadata`."""

    plugin: Folded
    field: Folded


_FromPlugin = Annotated[PluginField | None, "Take the value from external metadata."]


class Skip(PolicyValue, frozen=True, tag="skip"):
    """`skip_video_transcode`, `skip_audio_transcode`, `skip_track_filter`; false ones are not kept."""

    what: Literal["video_transcode", "audio_transcode", "track_filter"]


class Warn(PolicyValue, frozen=True, tag="warn"):
    """Report and go on."""

    message: str


class Fail(PolicyValue, frozen=True, tag="fail"):
    """Stop with a message."""

    message: str


class SetForced(PolicyValue, frozen=True, tag="set_forced"):
    """On all matching subtitles."""

    language: _InLanguage = None
    value: _Flag = True


class SetDefault(PolicyValue, frozen=True, tag="set_default"):
    """On the first matching track."""

    track_type: _WhichTracks
    language: _InLanguage = None
    value: _Flag = True


class SetLanguage(PolicyValue, frozen=True, tag="set_language"):
    """On all matching tracks; exactly one source is set."""

    exactly_one = ("new_language", "from_plugin_metadata")

    track_type: _WhichTracks
    new_language: Annotated[FilledLanguage | None, "The language to set."] = None
    from_plugin_metadata: _FromPlugin = None
    match_language: _InLanguage = None


class SetContainerMetadata(PolicyValue, frozen=True, tag="set_container_metadata"):
    """`value` "" deletes; exactly one source is set."""

    exactly_one = ("value", "from_plugin_metadata")

    field: Annotated[FieldName, "The tag's name."]
    value: Annotated[str | None, "The tag's text; an empty one deletes the tag."] = None
    from_plugin_metadata: _FromPlugin = None


Action = Skip | Warn | Fail | SetForced | SetDefault | SetLanguage | SetContainerMetadata


class _SkipReader(Bool):
    """true, or false, which does nothing."""

    def __init__(self, what: Literal["video_transcode", "audio_transcode", "track_filter"]) -> None:
        self._skip = Skip(what=what)

    def read(self, at: At) -> Any:
        value = super().read(at)
        return BAD if value is BAD else self._skip if value else None

    def write(self, value: Any) -> Any:  # noqa: ARG002 - a Skip is true
        return True


class _SetForcedTable(Table):
    """The track type is always `subtitle` and may be left out."""

    def __init__(self) -> None:
        keys = table_of(SetForced).fields.values()
        super().__init__([Field("track_type", OneOf("subtitle")), *keys], build=self._without_type)

    @staticmethod
    def _without_type(values: Values, _at: At) -> SetForced:
        values.pop("track_type", None)
        return SetForced(**values)

    def write(self, value: Any) -> Any:
        written = {"track_type": "subtitle", "value": value.value}
        return written if value.language is None else {**written, "language": value.language}


# In the order in which the keys of one mapping run.
_ACTIONS: dict[str, Reader] = {
    "skip_video_transcode": _SkipReader("video_transcode"),
    "skip_audio_transcode": _SkipReader("audio_transcode"),
    "skip_track_filter": _SkipReader("track_filter"),
    _key_of(Warn): Bare(Warn, "message", _MessageReader()),
    _key_of(Fail): Bare(Fail, "message", _MessageReader()),
    _key_of(SetForced): _SetForcedTable(),
    _key_of(SetDefault): table_of(SetDefault),
    _key_of(SetLanguage): table_of(SetLanguage),
    _key_of(SetContainerMetadata): table_of(SetContainerMetadata),
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
            if key not in _ACTIONS:
                at.fail_key(key, f"unknown action{nearest(key, _ACTIONS)}")
        if not at.value:
            at.fail("has no action")
        values = [reader.read(at.key(key)) for key, reader in _ACTIONS.items() if key in at.value]
        if len(values) != len(at.value) or not values or any(value is BAD for value in values):
            return None
        return [action for action in values if action is not None]

    def write(self, value: Any) -> Any:
        return [self._write_action(action) for action in value]

    def _write_action(self, action: Any) -> Any:
        key = f"skip_{action.what}" if isinstance(action, Skip) else _key_of(type(action))
        return {key: _ACTIONS[key].write(action)}

    def schema(self) -> dict[str, Any]:
        reference = {"$ref": "#/$defs/action"}
        return {"anyOf": [reference, {"type": "array", "items": reference}]}

    def definition(self) -> dict[str, Any]:
        """Return the schema of one mapping of actions."""
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {key: reader.schema() for key, reader in _ACTIONS.items()},
            "minProperties": 1,
        }


ACTIONS = ActionsReader()


class Rule(PolicyValue, frozen=True):
    """`then` and `otherwise` (`else`) in the order in which they run."""

    name: Annotated[Filled, "Shown with every change that the rule makes."]
    when: Annotated[Condition, "The condition.", CONDITION]
    then: Annotated[tuple[Action, ...], "What is done when it holds.", ACTIONS]
    otherwise: Annotated[
        tuple[Action, ...], "Done when no rule held; counts on the last rule only.", ACTIONS, Key("else")
    ] = ()


RULE_LIST = ListOf(table_of(Rule), least=1)


class Rules(PolicyValue, frozen=True):
    """3.8."""

    match: Annotated[Literal["first", "all"], "Stop at the first rule that holds, or try all."]
    items: Annotated[tuple[Rule, ...], "The rules, in order.", RULE_LIST]

    @classmethod
    def build(cls, values: Values, at: At) -> "Rules":
        rules = cls(**values)
        for rule in rules.items[:-1]:
            if rule.otherwise:
                at.warn(f"the else of the rule {rule.name!r} never runs: only the last rule's does")
        return rules
