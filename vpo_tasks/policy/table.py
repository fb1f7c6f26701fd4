"""Mappings as tables of keys: how keys are found, missed, misspelt and left empty is written here once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from vpo_tasks.policy.readers import BAD, At, Reader, nearest, shown

Values = dict[str, Any]
Build = Callable[[Values, At], Any]


class Field(NamedTuple):
    """A key: how its value reads, the model's attribute if that differs, a line for the editor."""

    key: str
    reader: Reader
    about: str = ""
    attribute: str = ""
    required: bool = False
    default: Any = None
    """The schema's default where the model has none; plain data."""

    @property
    def target(self) -> str:
        return self.attribute or self.key


class Table:
    """A mapping with known keys, read into a model type.

    `check` looks at the values together (each by its attribute, only those given) and may note issues or
    change the values before the model is made; what could not be read is missing there, so that it must not
    be taken for left out (`is_read`). `build` makes something other than `model(**values)`. `shape` is what
    of that a JSON Schema can say.
    """

    def __init__(
        self,
        model: type[msgspec.Struct] | None,
        fields: Sequence[Field],
        *,
        check: Callable[[Values, At], None] | None = None,
        build: Build | None = None,
        hints: Mapping[str, str] | None = None,
        some: str = "",
        shape: Mapping[str, Any] | None = None,
    ) -> None:
        self.fields = {field.key: field for field in fields}
        self._check = check
        self._build = build
        self._hints = hints or {}
        self._some = some
        self._shape = shape or {}
        self._model = model
        self._defaults = _defaults(model) if model else {}

    def read(self, at: At) -> Any:
        if not isinstance(at.value, dict):
            return at.fail(f"{shown(at.value)} is not a mapping")
        before = len(at.log.issues)
        values = self.read_values(at)
        if self._some and not values and len(at.log.issues) == before:
            at.fail(self._some)
        if self._check:
            self._check(values, at)
        if len(at.log.issues) > before:
            return BAD
        if self._build:
            return self._build(values, at)
        return self._model(**values) if self._model else values

    def read_values(self, at: At) -> Values:
        """Return what was given, by attribute; unknown, missing and bad ones are noted and left out."""
        values: Values = {}
        for key in at.value:
            field = self.fields.get(key)
            if field is None:
                at.fail_key(key, f"unknown key{self._hints.get(key) or nearest(key, self.fields)}")
                continue
            if at.value[key].node.value is None and not field.required and self._may_be_empty(field):
                if isinstance(field.reader, Table) and self._defaults.get(field.target) is None:
                    at.key(key).warn("is empty, which is the same as leaving it out")
                continue
            value = field.reader.read(at.key(key))
            if value is not BAD:
                values[field.target] = value
        for field in self.fields.values():
            if field.required and field.key not in at.value:
                at.fail(f"{field.key} is missing")
        return values

    def _may_be_empty(self, field: Field) -> bool:
        """Tell whether an empty value is the same as none: not where a switch or number has a default."""
        if isinstance(field.reader, Single):
            return True
        default = self._defaults.get(field.target)
        return default is None or default in ((), {}) or isinstance(default, msgspec.Struct)

    def write(self, value: Any) -> Any:
        written = {}
        for field in self.fields.values():
            attribute = getattr(value, field.target)
            if attribute is not None:
                written[field.key] = field.reader.write(attribute)
        return written

    def schema(self) -> dict[str, Any]:
        required = [field.key for field in self.fields.values() if field.required]
        properties = {field.key: self._property(field) for field in self.fields.values()}
        schema: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
        if required:
            schema["required"] = required
        if self._some:
            schema["minProperties"] = 1
        return {**schema, **self._shape}

    def _property(self, field: Field) -> dict[str, Any]:
        schema = field.reader.schema()
        extra: dict[str, Any] = {}
        if field.about:
            extra["description"] = field.about
        default = self._defaults.get(field.target)
        if field.default is not None:
            extra["default"] = field.default
        elif default is not None and not isinstance(default, msgspec.Struct):
            extra["default"] = field.reader.write(default)
        return {**extra, **schema}


def _defaults(model: type[msgspec.Struct]) -> Values:
    defaults: Values = {}
    for field in msgspec.structs.fields(model):
        if field.default is not msgspec.NODEFAULT:
            defaults[field.name] = field.default
        elif field.default_factory is not msgspec.NODEFAULT:
            defaults[field.name] = field.default_factory()
    return defaults


def is_read(values: Values, at: At) -> bool:
    """Tell whether all that stands in the mapping could be read: only then is something missing for sure."""
    return len(values) == sum(entry.node.value is not None for entry in at.value.values())


def one_of_keys(*keys: str) -> dict[str, Any]:
    """Return the shape of a mapping that has exactly one of the keys."""
    return {"oneOf": [{"required": [key]} for key in keys]}


class Single:
    """A mapping with one key, read as that key's bare value."""

    def __init__(self, key: str, reader: Reader) -> None:
        self._key = key
        self._table = Table(None, [Field(key, reader, required=True)])

    def read(self, at: At) -> Any:
        values = self._table.read(at)
        return BAD if values is BAD else values[self._key]

    def write(self, value: Any) -> Any:
        return {self._key: self._table.fields[self._key].reader.write(value)}

    def schema(self) -> dict[str, Any]:
        return self._table.schema()


class ComparisonTable:
    """A whole number, or a mapping with one operator; read as (operator, number)."""

    OPERATORS = ("eq", "lt", "lte", "gt", "gte")

    def __init__(self, number: Reader) -> None:
        self._number = number
        self._table = Table(None, [Field(operator, number) for operator in self.OPERATORS])

    def read(self, at: At) -> Any:
        if not isinstance(at.value, dict):
            number = self._number.read(at)
            return BAD if number is BAD else ("eq", number)
        values = self._table.read(at)
        if values is BAD:
            return BAD
        if len(values) != 1:
            return at.fail(f"needs exactly one of {', '.join(self.OPERATORS)}")
        return next(iter(values.items()))

    def write(self, value: Any) -> Any:
        operator, number = value
        return {operator: number}

    def schema(self) -> dict[str, Any]:
        mapping = {**self._table.schema(), "minProperties": 1, "maxProperties": 1}
        return {"anyOf": [self._number.schema(), mapping]}
