"""What the tests of an expression mean: `exists(…)`, `count(…) >= 2`, `plugin(radarr, edition)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias, get_args

from vpo_tasks.policy.conditions import (
    Condition,
    ContainerMetadata,
    Count,
    Dubbed,
    Exists,
    MultiLanguage,
    Original,
    PluginMetadata,
    Scalar,
    TitleMatch,
    TrackFilter,
)
from vpo_tasks.policy.field_types import TrackKind, parse_field_name, parse_plugin_name
from vpo_tasks.policy.readers import nearest

Operand: TypeAlias = Scalar | tuple[Scalar, ...] | None

_COMPARISONS = {"==": "eq", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
_METADATA_OPERATORS = {**_COMPARISONS, "!=": "neq"}


class Argument(NamedTuple):
    """`word` or `word OP value`; `operator` is "" for a bare word."""

    name: str
    position: int
    operator: str
    value: Operand


class FunctionCall(NamedTuple):
    """`name(arguments) OP value`; `operator` is "" without a comparison."""

    name: str
    position: int
    arguments: tuple[Argument, ...]
    operator: str
    value: Operand


class CallError(ValueError):
    """A test that has no meaning. `position` is an offset into the expression."""

    def __init__(self, position: int, message: str) -> None:
        super().__init__(message)
        self.position = position
        self.message = message


def build_condition(call: FunctionCall) -> Condition:
    """Return what the call means. Raise CallError."""
    build = _CALLS.get(call.name)
    if build is None:
        raise CallError(call.position, f"{call.name!r} is not a test{nearest(call.name, _CALLS)}")
    return build(call)


def _refuse_comparison(call: FunctionCall) -> None:
    if call.operator:
        raise CallError(call.position, f"{call.name}(…) is not compared with anything")


def _words(argument: Argument) -> tuple[str, ...]:
    """Return the text or texts of `lang == eng`, `lang in [eng, jpn]`."""
    listed = isinstance(argument.value, tuple)
    if argument.operator not in ("==", "in") or (argument.operator == "==" and listed):
        raise CallError(argument.position, f"{argument.name} takes == and one word, or in and a list")
    values = argument.value if isinstance(argument.value, tuple) else (argument.value,)
    if not all(isinstance(value, str) for value in values):
        raise CallError(argument.position, f"{argument.name} is compared with words")
    return tuple(str(value) for value in values)


def _codecs(argument: Argument) -> tuple[str, ...]:
    return tuple(word.strip().lower() for word in _words(argument))


def _comparison(argument: Argument | FunctionCall) -> tuple[Any, int]:
    value = argument.value
    if argument.operator not in _COMPARISONS or not isinstance(value, int) or isinstance(value, bool):
        raise CallError(argument.position, f"{argument.name} takes ==, <, <=, > or >= and a whole number")
    return _COMPARISONS[argument.operator], value


def _switch(argument: Argument) -> bool:
    if argument.operator != "==" or not isinstance(argument.value, bool):
        raise CallError(argument.position, f"{argument.name} takes == and true or false")
    return argument.value


def _one_word(argument: Argument) -> str:
    if argument.operator != "==" or not isinstance(argument.value, str):
        raise CallError(argument.position, f"{argument.name} takes == and a word")
    return argument.value


def _title(argument: Argument) -> TitleMatch:
    return TitleMatch(contains=_one_word(argument))


def _share(argument: Argument) -> float:
    value = argument.value
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if argument.operator != "==" or not isinstance(value, (int, float)) or not number or not 0 <= value <= 1:
        raise CallError(argument.position, f"{argument.name} takes == and a number between 0 and 1")
    return float(value)


def _index(argument: Argument) -> int:
    if argument.operator != "==" or not isinstance(argument.value, int) or isinstance(argument.value, bool):
        raise CallError(argument.position, f"{argument.name} takes == and a whole number")
    return argument.value


_Read: TypeAlias = Callable[[Argument], Any]

_FILTERS: dict[str, tuple[str, _Read]] = {
    "lang": ("language", _words),
    "language": ("language", _words),
    "codec": ("codec", _codecs),
    "channels": ("channels", _comparison),
    "width": ("width", _comparison),
    "height": ("height", _comparison),
    "default": ("is_default", _switch),
    "forced": ("is_forced", _switch),
    "not_commentary": ("not_commentary", _switch),
    "title": ("title", _title),
}
_SPEECH: dict[str, tuple[str, _Read]] = {
    "threshold": ("threshold", _share),
    "track_index": ("track_index", _index),
    "primary_language": ("primary_language", _one_word),
}
_ORIGIN: dict[str, tuple[str, _Read]] = {
    "lang": ("language", _one_word),
    "language": ("language", _one_word),
    "confidence": ("min_confidence", _share),
    "min_confidence": ("min_confidence", _share),
    "value": ("value", _switch),
}


def _named(arguments: tuple[Argument, ...], table: dict[str, tuple[str, _Read]]) -> dict[str, Any]:
    """Return the arguments by attribute; of one that is repeated the last counts."""
    values: dict[str, Any] = {}
    for argument in arguments:
        known = table.get(argument.name.lower())
        if known is None and not argument.operator:
            raise CallError(
                argument.position, f"a bare {argument.name!r} means nothing here; compare with =="
            )
        if known is None:
            raise CallError(
                argument.position, f"{argument.name!r} is unknown here{nearest(argument.name, table)}"
            )
        if not argument.operator:
            raise CallError(argument.position, f"{argument.name!r} needs a comparison such as == or in")
        attribute, read = known
        values[attribute] = read(argument)
    return values


def _tracks(call: FunctionCall) -> tuple[Any, TrackFilter]:
    kinds = get_args(TrackKind)
    first = call.arguments[0] if call.arguments else None
    if first is None or first.operator or first.name.lower() not in kinds:
        position = first.position if first else call.position
        raise CallError(position, f"{call.name}(…) starts with a track type: {', '.join(kinds)}")
    return first.name.lower(), TrackFilter(**_named(call.arguments[1:], _FILTERS))


def _exists(call: FunctionCall) -> Condition:
    _refuse_comparison(call)
    kind, where = _tracks(call)
    return Exists(track_type=kind, where=where)


def _count(call: FunctionCall) -> Condition:
    kind, where = _tracks(call)
    return Count(track_type=kind, where=where, compare=_comparison(call))


def _multi_language(call: FunctionCall) -> Condition:
    _refuse_comparison(call)
    return MultiLanguage(**_named(call.arguments, _SPEECH))


def _original(call: FunctionCall) -> Condition:
    _refuse_comparison(call)
    return Original(**_named(call.arguments, _ORIGIN))


def _dubbed(call: FunctionCall) -> Condition:
    _refuse_comparison(call)
    return Dubbed(**_named(call.arguments, _ORIGIN))


def _bare_names(call: FunctionCall, *parsers: Callable[[str], str]) -> list[str]:
    if len(call.arguments) != len(parsers) or any(argument.operator for argument in call.arguments):
        wanted = "a plugin and a field" if len(parsers) == 2 else "a field"
        raise CallError(call.position, f"{call.name}(…) takes {wanted}")
    names = []
    for argument, parse in zip(call.arguments, parsers, strict=True):
        try:
            names.append(parse(argument.name))
        except ValueError as error:
            raise CallError(argument.position, f"{argument.name!r} {error}") from error
    return names


def _metadata(call: FunctionCall) -> dict[str, Any]:
    if not call.operator:
        return {"operator": "exists"}
    operator = _METADATA_OPERATORS.get(call.operator)
    if operator is None or isinstance(call.value, tuple):
        raise CallError(call.position, f"{call.name}(…) takes ==, !=, <, <=, > or >= and one value")
    number = isinstance(call.value, (int, float)) and not isinstance(call.value, bool)
    if operator not in ("eq", "neq") and not number:
        raise CallError(call.position, f"{call.operator} compares with a number")
    return {"operator": operator, "value": call.value}


def _plugin(call: FunctionCall) -> Condition:
    plugin, field = _bare_names(call, parse_plugin_name, parse_field_name)
    return PluginMetadata(plugin=plugin, field=field, **_metadata(call))


def _container_meta(call: FunctionCall) -> Condition:
    (field,) = _bare_names(call, parse_field_name)
    return ContainerMetadata(field=field, **_metadata(call))


_CALLS: dict[str, Callable[[FunctionCall], Condition]] = {
    "exists": _exists,
    "count": _count,
    "multi_language": _multi_language,
    "plugin": _plugin,
    "container_meta": _container_meta,
    "is_original": _original,
    "is_dubbed": _dubbed,
}
