"""Measured values, rows made of them, and how they are printed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple

Unit = str
"""What a value counts, `s` or `B` or per something: `µs/video`. Values in `s` are shown as ms when short."""


class Row(NamedTuple):
    """One measurement. `peer` is named with its version; both series have a value a run, in the same unit.

    `note` says what the ratio does not: a difference, a part of it.
    """

    what: str
    ours: tuple[float, ...]
    peer: str
    theirs: tuple[float, ...]
    unit: Unit = "s"
    note: str = ""

    @property
    def ratio(self) -> float:
        """Our median as a multiple of the peer's."""
        theirs = median(self.theirs)
        return median(self.ours) / theirs if theirs else float("nan")


HEADINGS = (
    "what", "ours", "peer", "the peer's", "ratio", "runs", "ours: min / median / max",
    "the peer's: min / median / max", "note",
)  # fmt: skip


def as_table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table with aligned columns."""
    cells = [HEADINGS, *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [_line(row, widths) for row in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def as_document(name: str, machine: str, rows: Sequence[Row]) -> dict[str, Any]:
    """Return the rows as what `--json` prints: values unrounded, one a run, in the row's unit."""
    return {
        "benchmark": name,
        "machine": machine,
        "rows": [
            {
                "what": row.what,
                "unit": row.unit,
                "ours": _summary(row.ours),
                "peer": row.peer,
                "theirs": _summary(row.theirs),
                "ratio": row.ratio,
                "runs": len(row.ours),
                "note": row.note,
            }
            for row in rows
        ],
    }


def show(value: float, unit: Unit) -> str:
    """Return a value for a person: three digits that say something."""
    if unit == "s" and value < 1:
        value, unit = value * 1000, "ms"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}"


def _summary(values: Sequence[float]) -> dict[str, Any]:
    return {"median": median(values), "min": min(values), "max": max(values), "values": list(values)}


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.what,
        show(median(row.ours), row.unit),
        row.peer,
        show(median(row.theirs), row.unit),
        f"{row.ratio:.2f}",
        str(len(row.ours)),
        _spread(row.ours, row.unit),
        _spread(row.theirs, row.unit),
        row.note,
    )


def _spread(values: Sequence[float], unit: Unit) -> str:
    return " / ".join(show(value, unit) for value in (min(values), median(values), max(values)))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"
