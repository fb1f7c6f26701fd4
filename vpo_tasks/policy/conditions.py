"""Conditions in mapping form, and as expressions: what `when` and `create_if` take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from vpo_tasks.errors import Issue
from vpo_tasks.policy import model as m
from vpo_tasks.policy.expressions import ExpressionError, parse_expression
from vpo_tasks.policy.field_types import (
    ANY_TEXT,
    FIELD_NAME,
    FOLDED_ONE_OR_MANY,
    LANGUAGE_NAME,
    LANGUAGE_NAMES,
    NUMBER_COMPARISON,
    PLUGIN_NAME,
    REGEX,
    TRACK_KIND,
    one_of,
)
from vpo_tasks.policy.readers import BAD, At, Bool, Integer, ListOf, Number, Reader, nearest, shown
from vpo_tasks.policy.table import ComparisonTable, Field, Table, Values, is_read

PROPORTION = Number(0, 1)
_NUMERIC_OPERATORS = frozenset({"lt", "lte", "gt", "gte"})


class TitleReader:
    """Plain text is `contains`."""

    _table = Table(
        m.TitleMatch,
        [
            Field("contains", ANY_TEXT, "The title contains this text, ignoring case."),
            Field("regex", REGEX, "This regular expression is found in the title, ignoring case."),
        ],
    )

    def read(self, at: At) -> Any:
        if isinstance(at.value, str):
            return m.TitleMatch(contains=at.value)
        match = self._table.read(at)
        if match is BAD:
            return BAD
        if (match.contains is None) == (match.regex is None):
            return at.fail("needs exactly one of contains, regex")
        return match

    def write(self, value: m.TitleMatch) -> Any:
        return self._table.write(value)

    def schema(self) -> dict[str, Any]:
        mapping = {**self._table.schema(), "minProperties": 1, "maxProperties": 1}
        return {"anyOf": [{"type": "string"}, mapping]}


FILTERS = (
    Field("language", LANGUAGE_NAMES, "The track's language is one of these."),
    Field("codec", FOLDED_ONE_OR_MANY, "The track's codec is one of these."),
    Field("is_default", Bool(), "The default flag is set, or is not."),
    Field("is_forced", Bool(), "The forced flag is set, or is not."),
    Field("channels", NUMBER_COMPARISON, "The number of channels."),
    Field("width", NUMBER_COMPARISON, "The width in pixels."),
    Field("height", NUMBER_COMPARISON, "The height in pixels."),
    Field("title", TitleReader(), "What the title contains."),
    Field("not_commentary", Bool(), "Leave out tracks whose title matches the commentary patterns."),
)
_TRACK_TYPE = Field("track_type", TRACK_KIND, "Which tracks to look at.", required=True)
_OPERATORS = tuple(Field(name, Integer(), "How many tracks.") for name in ComparisonTable.OPERATORS)


class TracksReader:
    """The body of `exists` and `count`: a track type, filters, and for `count` one operator."""

    def __init__(self, kind: type[m.Exists | m.Count]) -> None:
        self._counts = kind is m.Count
        operators = _OPERATORS if self._counts else ()
        self._table = Table(None, (_TRACK_TYPE, *operators, *FILTERS))
        self._filters = Table(m.TrackFilter, FILTERS)

    def read(self, at: At) -> Any:
        values = self._table.read(at)
        if values is BAD:
            return BAD
        kind = values.pop("track_type")
        compared: list[Any] = [
            (name, values.pop(name)) for name in ComparisonTable.OPERATORS if name in values
        ]
        where = m.TrackFilter(**values)
        if not self._counts:
            return m.Exists(track_type=kind, where=where)
        if len(compared) != 1:
            return at.fail(f"needs exactly one of {', '.join(ComparisonTable.OPERATORS)}")
        return m.Count(track_type=kind, where=where, compare=compared[0])

    def write(self, value: m.Exists | m.Count) -> Any:
        compared = dict([value.compare]) if isinstance(value, m.Count) else {}
        return {"track_type": value.track_type, **compared, **self._filters.write(value.where)}

    def schema(self) -> dict[str, Any]:
        schema = self._table.schema()
        if self._counts:
            schema["oneOf"] = [{"required": [name]} for name in ComparisonTable.OPERATORS]
        return schema


class ScalarReader:
    """Text, a number or a switch, as it stands."""

    def read(self, at: At) -> Any:
        if isinstance(at.value, (str, int, float)):
            return at.value
        return at.fail(f"{shown(at.value)} is not text, a number, true or false")

    def write(self, value: Any) -> Any:
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "number", "boolean"]}


def _check_operand(values: Values, at: At) -> None:
    operator = values.get("operator", "eq")
    value = values.get("value")
    if not is_read(values, at):
        return
    if operator == "exists":
        if value is not None:
            at.warn("value means nothing with the operator exists")
        values.pop("value", None)
    elif value is None:
        at.fail(f"value is missing: the operator {operator} compares with it")
    elif operator in _NUMERIC_OPERATORS and (isinstance(value, (str, bool))):
        at.fail(f"the operator {operator} needs a number, not {shown(value)}")


_OPERAND_SHAPE = {
    "if": {"required": ["operator"], "properties": {"operator": {"const": "exists"}}},
    "else": {
        "required": ["value"],
        "if": {
            "required": ["operator"],
            "properties": {"operator": {"enum": sorted(_NUMERIC_OPERATORS)}},
        },
        "then": {"properties": {"value": {"type": "number"}}},
    },
}
_METADATA = (
    Field("field", FIELD_NAME, "The field's name.", required=True),
    Field("operator", one_of(m.MetadataOperator), "How the field is compared."),
    Field("value", ScalarReader(), "What it is compared with; not for exists."),
)
_PLUGIN = Field("plugin", PLUGIN_NAME, "Where the metadata comes from, such as radarr.", required=True)


class OriginReader:
    """true, false, or the details."""

    def __init__(self, model: type[m.Original | m.Dubbed]) -> None:
        self._model = model
        self._table = Table(
            model,
            [
                Field("value", Bool()),
                Field("min_confidence", PROPORTION, "How sure the classification must be, 0 to 1."),
                Field("language", LANGUAGE_NAME),
            ],
        )

    def read(self, at: At) -> Any:
        if isinstance(at.value, dict):
            return self._table.read(at)
        value = Bool().read(at)
        return BAD if value is BAD else self._model(value=value)

    def write(self, value: Any) -> Any:
        return self._table.write(value)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "boolean"}, self._table.schema()]}


class _Kind(NamedTuple):
    """One kind of condition: its reader, its type, and how the type's value stands in the document."""

    reader: Reader
    model: type[Any]
    wrap: Callable[[Any], Any] = lambda value: value
    unwrap: Callable[[Any], Any] = lambda value: value


class ConditionReader:
    """A mapping with exactly one kind of condition, or an expression."""

    REFERENCE = "#/$defs/condition"

    def __init__(self) -> None:
        several = ListOf(self, least=2)
        self._kinds: dict[str, _Kind] = {
            "exists": _Kind(TracksReader(m.Exists), m.Exists),
            "count": _Kind(TracksReader(m.Count), m.Count),
            "and": _Kind(
                several, m.And, lambda parts: m.And(conditions=parts), lambda value: value.conditions
            ),
            "or": _Kind(several, m.Or, lambda parts: m.Or(conditions=parts), lambda value: value.conditions),
            "not": _Kind(self, m.Not, lambda part: m.Not(condition=part), lambda value: value.condition),
            "audio_is_multi_language": _Kind(_SPEECH, m.MultiLanguage),
            "plugin_metadata": _Kind(
                Table(m.PluginMetadata, (_PLUGIN, *_METADATA), check=_check_operand, shape=_OPERAND_SHAPE),
                m.PluginMetadata,
            ),
            "container_metadata": _Kind(
                Table(m.ContainerMetadata, _METADATA, check=_check_operand, shape=_OPERAND_SHAPE),
                m.ContainerMetadata,
            ),
            "is_original": _Kind(OriginReader(m.Original), m.Original),
            "is_dubbed": _Kind(OriginReader(m.Dubbed), m.Dubbed),
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
        kind = self._kinds[key]
        value = kind.reader.read(at.key(key))
        return BAD if value is BAD else kind.wrap(value)

    def write(self, value: Any) -> Any:
        for key, kind in self._kinds.items():
            if type(value) is kind.model:
                return {key: kind.reader.write(kind.unwrap(value))}
        raise TypeError(type(value))

    def schema(self) -> dict[str, Any]:
        return {"$ref": self.REFERENCE}

    def definition(self) -> dict[str, Any]:
        """Return the schema that `schema` refers to."""
        kinds = {key: kind.reader.schema() for key, kind in self._kinds.items()}
        mapping = {
            "type": "object",
            "additionalProperties": False,
            "properties": kinds,
            "minProperties": 1,
            "maxProperties": 1,
        }
        example = "exists(audio, lang == jpn) and count(subtitle) == 0"
        expression = {"type": "string", "pattern": "[A-Za-z_]\\s*\\(", "examples": [example]}
        return {"anyOf": [mapping, expression]}


_SPEECH = Table(
    m.MultiLanguage,
    [
        Field("threshold", PROPORTION, "The least share of speech in a second language, 0 to 1."),
        Field("track_index", Integer(), "Only the track with this index, counting all tracks from 0."),
        Field("primary_language", LANGUAGE_NAME, "The main language must be this one."),
    ],
)


def _languages_in(condition: m.Condition) -> Iterator[str]:
    if isinstance(condition, (m.And, m.Or)):
        for part in condition.conditions:
            yield from _languages_in(part)
    elif isinstance(condition, m.Not):
        yield from _languages_in(condition.condition)
    elif isinstance(condition, (m.Exists, m.Count)):
        yield from condition.where.language or ()
    elif isinstance(condition, m.MultiLanguage):
        yield from filter(None, [condition.primary_language])
    elif isinstance(condition, (m.Original, m.Dubbed)):
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
