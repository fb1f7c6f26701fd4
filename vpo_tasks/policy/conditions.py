"""The conditions of rules, as types whose fields are the keys (policy-format 3.8)."""

from typing import Annotated, Any, ClassVar, Literal

from vpo_tasks.policy.field_types import (
    Comparison,
    FieldName,
    FoldedOneOrMany,
    LanguageName,
    LanguageNames,
    NumberComparison,
    PluginName,
    Proportion,
    Regex,
    TrackKind,
)
from vpo_tasks.policy.readers import BAD, At, Bool, Integer, shown
from vpo_tasks.policy.table import (
    ComparisonTable,
    Field,
    PolicyValue,
    Shape,
    Table,
    Values,
    is_read,
    table_of,
)

MetadataOperator = Literal["eq", "neq", "contains", "lt", "lte", "gt", "gte", "exists"]
Scalar = str | int | float | bool


class TitleMatch(PolicyValue, frozen=True):
    """A substring or a regular expression (searched for), ignoring case; exactly one is set."""

    exactly_one = ("contains", "regex")

    contains: Annotated[str | None, "The title contains this text, ignoring case."] = None
    regex: Annotated[Regex | None, "This regular expression is found in the title, ignoring case."] = None


class _TitleReader:
    """Plain text is `contains`."""

    def read(self, at: At) -> Any:
        if isinstance(at.value, str):
            return TitleMatch(contains=at.value)
        return table_of(TitleMatch).read(at)

    def write(self, value: TitleMatch) -> Any:
        return table_of(TitleMatch).write(value)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, table_of(TitleMatch).schema()]}


class TrackFilter(PolicyValue, frozen=True):
    """3.8.2. None means not asked."""

    language: Annotated[LanguageNames | None, "The track's language is one of these."] = None
    codec: Annotated[FoldedOneOrMany | None, "The track's codec is one of these."] = None
    is_default: Annotated[bool | None, "The default flag is set, or is not."] = None
    is_forced: Annotated[bool | None, "The forced flag is set, or is not."] = None
    channels: Annotated[NumberComparison | None, "The number of channels."] = None
    width: Annotated[NumberComparison | None, "The width in pixels."] = None
    height: Annotated[NumberComparison | None, "The height in pixels."] = None
    title: Annotated[TitleMatch | None, "What the title contains.", _TitleReader()] = None
    not_commentary: Annotated[bool, "Leave out tracks whose title matches the commentary patterns."] = False


class Exists(PolicyValue, frozen=True, tag="exists"):
    """Some track of the type passes the filter."""

    track_type: Annotated[TrackKind, "Which tracks to look at."]
    where: TrackFilter = TrackFilter()


class Count(PolicyValue, frozen=True, tag="count"):
    """The number of passing tracks satisfies the comparison."""

    track_type: TrackKind
    compare: Comparison
    where: TrackFilter = TrackFilter()


class TracksReader:
    """The body of `exists` and `count`: a track type, filters, and for `count` one operator."""

    def __init__(self, model: type[Exists | Count]) -> None:
        operators = ComparisonTable.OPERATORS if model is Count else ()
        self._filters = table_of(TrackFilter)
        self._table = Table(
            [
                table_of(Exists).fields["track_type"],
                *(Field(name, Integer(), "How many tracks.") for name in operators),
                *self._filters.fields.values(),
            ],
            exactly_one=operators,
        )

    def read(self, at: At) -> Any:
        values = self._table.read(at)
        if values is BAD:
            return BAD
        kind = values.pop("track_type")
        compared: list[Any] = [
            (name, values.pop(name)) for name in ComparisonTable.OPERATORS if name in values
        ]
        where = TrackFilter(**values)
        if not compared:
            return Exists(track_type=kind, where=where)
        return Count(track_type=kind, where=where, compare=compared[0])

    def write(self, value: Exists | Count) -> Any:
        compared = dict([value.compare]) if isinstance(value, Count) else {}
        return {"track_type": value.track_type, **compared, **self._filters.write(value.where)}

    def schema(self) -> dict[str, Any]:
        return self._table.schema()


class MultiLanguage(PolicyValue, frozen=True, tag="audio_is_multi_language"):
    """Needs a stored language analysis."""

    threshold: Annotated[Proportion, "The least share of speech in a second language, 0 to 1."] = 0.05
    track_index: Annotated[int | None, "Only the track with this index, counting all tracks from 0."] = None
    primary_language: Annotated[LanguageName | None, "The main language must be this one."] = None


class _ScalarReader:
    """Text, a number or a switch, as it stands."""

    def read(self, at: At) -> Any:
        if isinstance(at.value, (str, int, float)):
            return at.value
        return at.fail(f"{shown(at.value)} is not text, a number, true or false")

    def write(self, value: Any) -> Any:
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "number", "boolean"]}


_NUMERIC_OPERATORS = frozenset({"lt", "lte", "gt", "gte"})
_Field = Annotated[FieldName, "The field's name."]
_Operator = Annotated[MetadataOperator, "How the field is compared."]
_Operand = Annotated[Scalar | None, "What it is compared with; not for exists.", _ScalarReader()]


class _MetadataCondition(PolicyValue, frozen=True):
    """Compares a field of metadata with a value."""

    shape: ClassVar[Shape] = {
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

    @classmethod
    def check(cls, values: Values, at: At) -> None:
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


class PluginMetadata(_MetadataCondition, frozen=True, tag="plugin_metadata"):
    """Looks into external metadata."""

    plugin: Annotated[PluginName, "Where the metadata comes from, such as radarr."]
    field: _Field
    operator: _Operator = "eq"
    value: _Operand = None


class ContainerMetadata(_MetadataCondition, frozen=True, tag="container_metadata"):
    """Looks into the container's tags."""

    field: _Field
    operator: _Operator = "eq"
    value: _Operand = None


class _Origin(PolicyValue, frozen=True):
    value: bool = True
    min_confidence: Annotated[Proportion, "How sure the classification must be, 0 to 1."] = 0.7
    language: LanguageName | None = None


class Original(_Origin, frozen=True, tag="is_original"):
    """The audio is in the film's own language."""


class Dubbed(_Origin, frozen=True, tag="is_dubbed"):
    """The audio is in another language than the film's own."""


class OriginReader:
    """true, false, or the details."""

    def __init__(self, model: type[Original | Dubbed]) -> None:
        self._model = model

    def read(self, at: At) -> Any:
        if isinstance(at.value, dict):
            return table_of(self._model).read(at)
        value = Bool().read(at)
        return BAD if value is BAD else self._model(value=value)

    def write(self, value: Any) -> Any:
        return table_of(self._model).write(value)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "boolean"}, table_of(self._model).schema()]}


class And(PolicyValue, frozen=True, tag="and"):
    """All hold."""

    conditions: "tuple[Condition, ...]"


class Or(PolicyValue, frozen=True, tag="or"):
    """One holds."""

    conditions: "tuple[Condition, ...]"


class Not(PolicyValue, frozen=True, tag="not"):
    """It does not hold."""

    condition: "Condition"


Condition = (
    Exists | Count | MultiLanguage | PluginMetadata | ContainerMetadata | Original | Dubbed | And | Or | Not
)
