"""Mappings with known keys: the policy types declare the keys; reading, writing and the schema derive."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple, Union, get_args, get_origin

import msgspec

from vpo_tasks.policy.readers import (
    BAD,
    At,
    Bool,
    Integer,
    ListOf,
    Number,
    OneOf,
    Reader,
    Text,
    nearest,
    shown,
)

Values = dict[str, Any]
Shape = Mapping[str, Any]
"""A part of a JSON Schema."""


class PolicyValue(msgspec.Struct, frozen=True):
    """Base of every policy type: its fields are the keys of a mapping in the document (`table_of`).

    A field's type tells how its value is read (`reader_of`), its default what holds without the key. In
    `Annotated` stand a line for the editor, and a Reader or a Key where the type does not tell all.
    """

    not_empty: ClassVar[bool] = False
    """Whether at least one key must be given."""
    exactly_one: ClassVar[Sequence[str]] = ()
    """Attributes of which exactly one must be given."""
    shape: ClassVar[Shape] = {}
    """What a JSON Schema can say of `check`."""
    hints: ClassVar[Mapping[str, str]] = {}
    """What is said of unknown keys that are known to be written by mistake."""

    @classmethod
    def check(cls, values: Values, at: At) -> None:
        """Look at the given values together, each by its attribute; note issues or change them.

        A value that could not be read is missing here, and must not be taken for left out (`is_read`).
        """

    @classmethod
    def build(cls, values: Values, _at: At) -> Any:
        """Return what the checked values mean."""
        return cls(**values)


class Key(NamedTuple):
    """What else there is to say of a field's key, in its `Annotated`.

    `name`: the key, if it is not the attribute's name. `required`: if a default does not tell.
    """

    name: str = ""
    required: bool | None = None


NO_KEY = Key("-")
"""In the `Annotated` of a field that has no key: what it holds follows from others."""


class Field(NamedTuple):
    """A key of a table: how its value is read, the attribute if that differs, a line for the editor."""

    key: str
    reader: Reader
    about: str = ""
    attribute: str = ""
    required: bool = False

    @property
    def target(self) -> str:
        return self.attribute or self.key


class Table:
    """The reader of a mapping with known keys. The arguments are described in PolicyValue.

    The values are read into the model by its `build`, or by the one given; without both, as a dict.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        *,
        model: type[PolicyValue] | None = None,
        check: Callable[[Values, At], None] | None = None,
        build: Callable[[Values, At], Any] | None = None,
        hints: Mapping[str, str] | None = None,
        not_empty: bool = False,
        exactly_one: Sequence[str] = (),
        shape: Shape | None = None,
    ) -> None:
        self.fields = {field.key: field for field in fields}
        self._defaults = _defaults(model) if model else {}
        self._check = check
        self._build = build or (model.build if model else None)
        self._hints = hints or {}
        self._not_empty = not_empty
        self._exactly_one = exactly_one
        self._shape = shape or {}

    @classmethod
    def of(cls, model: type[PolicyValue]) -> Table:
        """Return the reader of a policy type (`table_of` keeps it)."""
        return cls(
            [
                _field_of(field.name, field.type, required=field.required)
                for field in msgspec.structs.fields(model)
                if NO_KEY not in getattr(field.type, "__metadata__", ())
            ],
            model=model,
            check=model.check,
            hints=model.hints,
            not_empty=model.not_empty,
            exactly_one=model.exactly_one,
            shape=model.shape,
        )

    def read(self, at: At) -> Any:
        if not isinstance(at.value, dict):
            return at.fail(f"{shown(at.value)} is not a mapping")
        before = len(at.log.issues)
        values = self._read_values(at)
        if self._not_empty and not values and len(at.log.issues) == before:
            at.fail(f"is empty: give at least one of {', '.join(self.fields)}")
        given = sum(name in values for name in self._exactly_one)
        if self._exactly_one and (given > 1 or (given == 0 and is_read(values, at))):
            at.fail(f"needs exactly one of {', '.join(self._exactly_one)}")
        if self._check:
            self._check(values, at)
        if len(at.log.issues) > before:
            return BAD
        return self._build(values, at) if self._build else values

    def _read_values(self, at: At) -> Values:
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
        if self._not_empty:
            schema["minProperties"] = 1
        if self._exactly_one and len(self._exactly_one) < len(self.fields):
            schema["oneOf"] = [{"required": [name]} for name in self._exactly_one]
        elif self._exactly_one:
            schema.update(minProperties=1, maxProperties=1)
        return {**schema, **self._shape}

    def _property(self, field: Field) -> dict[str, Any]:
        extra = {"description": field.about} if field.about else {}
        default = self._defaults.get(field.target)
        if default is not None and not isinstance(default, msgspec.Struct):
            extra["default"] = field.reader.write(default)
        return {**extra, **field.reader.schema()}


@functools.cache
def table_of(model: type[PolicyValue]) -> Table:
    """Return the reader of a policy type."""
    return Table.of(model)


def _defaults(model: type[PolicyValue]) -> Values:
    defaults: Values = {}
    for field in msgspec.structs.fields(model):
        if field.default is not msgspec.NODEFAULT:
            defaults[field.name] = field.default
        elif field.default_factory is not msgspec.NODEFAULT:
            defaults[field.name] = field.default_factory()
    return defaults


def _field_of(attribute: str, hint: Any, *, required: bool) -> Field:
    notes = getattr(hint, "__metadata__", ())
    key = next((note for note in notes if isinstance(note, Key)), Key())
    return Field(
        key=key.name or attribute,
        reader=reader_of(hint),
        about=next((note for note in notes if isinstance(note, str)), ""),
        attribute=attribute,
        required=required if key.required is None else key.required,
    )


_PLAIN: dict[Any, Reader] = {bool: Bool(), int: Integer(), float: Number(), str: Text()}


def reader_of(hint: Any) -> Reader:
    """Return the reader of a type: the one in its `Annotated`, else the type's own. `X | None` reads as X."""
    for note in getattr(hint, "__metadata__", ()):
        if not isinstance(note, (str, Key)):
            reader: Reader = note
            return reader
    if hasattr(hint, "__metadata__"):
        return reader_of(hint.__origin__)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return OneOf(*arguments)
    if origin is tuple:
        return ListOf(reader_of(arguments[0]))
    if origin in (Union, types.UnionType):
        (some,) = (argument for argument in arguments if argument is not types.NoneType)
        return reader_of(some)
    return _PLAIN.get(hint) or table_of(hint)


def is_read(values: Values, at: At) -> bool:
    """Tell whether all that stands in the mapping could be read: only then is something missing for sure."""
    return len(values) == sum(entry.node.value is not None for entry in at.value.values())


class Single:
    """A mapping with one key, read as that key's bare value."""

    def __init__(self, key: str, reader: Reader) -> None:
        self._key = key
        self._table = Table([Field(key, reader, required=True)])

    def read(self, at: At) -> Any:
        values = self._table.read(at)
        return BAD if values is BAD else values[self._key]

    def write(self, value: Any) -> Any:
        return {self._key: self._table.fields[self._key].reader.write(value)}

    def schema(self) -> dict[str, Any]:
        return self._table.schema()


class Bare:
    """The bare value of a type's one attribute, read as the type."""

    def __init__(self, model: type[PolicyValue], attribute: str, reader: Reader) -> None:
        self._model = model
        self._attribute = attribute
        self._reader = reader

    def read(self, at: At) -> Any:
        value = self._reader.read(at)
        return BAD if value is BAD else self._model(**{self._attribute: value})

    def write(self, value: Any) -> Any:
        return self._reader.write(getattr(value, self._attribute))

    def schema(self) -> dict[str, Any]:
        return self._reader.schema()


class ComparisonTable:
    """A whole number, or a mapping with one operator; read as (operator, number)."""

    OPERATORS = ("eq", "lt", "lte", "gt", "gte")

    def __init__(self, number: Reader) -> None:
        self._number = number
        fields = [Field(operator, number) for operator in self.OPERATORS]
        self._table = Table(fields, exactly_one=self.OPERATORS)

    def read(self, at: At) -> Any:
        if not isinstance(at.value, dict):
            number = self._number.read(at)
            return BAD if number is BAD else ("eq", number)
        values = self._table.read(at)
        return BAD if values is BAD else next(iter(values.items()))

    def write(self, value: Any) -> Any:
        operator, number = value
        return {operator: number}

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self._number.schema(), self._table.schema()]}
