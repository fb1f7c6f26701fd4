"""Amounts on the command line, written as in the configuration file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from vpo_tasks.config import parse_duration_s, parse_size_bytes

if TYPE_CHECKING:
    _Type = click.ParamType[Any]
else:  # generic from click 8.2 on, and for the type checker only
    _Type = click.ParamType


class DurationArgument(_Type):
    """Seconds, from `90s`, `10m` or `2h`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return float(value) if isinstance(value, (int, float)) else parse_duration_s(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class SizeArgument(_Type):
    """Bytes, from `500MB`, `2GB` or a plain number."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return value if isinstance(value, int) else parse_size_bytes(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
