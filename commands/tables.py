"""Rows for people: a list as a table that fits the terminal, a single one as lines of names and values."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

IMPORTANT = (
    *("id", "partner_id", "partner", "name", "username", "public_id", "api", "kind", "state", "status", "disabled_at"),
    *("revoked_at", "url"),
)
"""Columns that come first, in this order; the others follow in their own."""

WIDEST_CELL = 36  # an event's id
NARROWEST_CUT = 16
BORDER = 3  # a column's line and its two blanks


def print_rows(rows: Sequence[Mapping[str, Any]], console: Console) -> list[str]:
    """Print the columns that the console's width has room for, and return the names of the others that hold anything.

    Cells are cut at the width of a column: nothing is wrapped.
    """
    names = [name for name in rows[0] if any(_text(row[name]) for row in rows)]
    names.sort(key=lambda name: IMPORTANT.index(name) if name in IMPORTANT else len(IMPORTANT))
    cells = {name: [_text(row[name]) for row in rows] for name in names}
    table, left = Table(), console.width - 1
    shown: list[str] = []
    hidden: list[str] = []
    for name in names:
        width, room = min(max(map(len, (name, *cells[name]))), WIDEST_CELL), left - BORDER
        if shown and room < min(width, NARROWEST_CUT):
            hidden.append(name)
            continue
        width = min(width, max(room, 1))
        shown.append(name)
        left -= width + BORDER
        table.add_column(Text(name), no_wrap=True, overflow="ellipsis", max_width=width)
    for number in range(len(rows)):
        # As Text, because a name may look like rich's markup.
        table.add_row(*(Text(cells[name][number]) for name in shown))
    console.print(table)
    return hidden


def print_record(record: Mapping[str, Any], console: Console) -> None:
    """One line per value, in full: keys and secrets can be copied out of it."""
    lines = dict(_flat(record))
    width = max(map(len, lines), default=0)
    for name, text in lines.items():
        console.print(Text(f"{name:<{width}}  {text}".rstrip()), soft_wrap=True)


def print_levels(rows: Iterable[tuple[str, str, str, str]], styles: Mapping[str, str], console: Console) -> None:
    """A line for each row of level, subject, what was found and what to do about it; `styles` by level."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    for level, subject, found, advice in rows:
        words = Text("\n".join(filter(None, (found, advice))))
        # As Text, because a dialer's name may look like rich's markup.
        table.add_row(Text(level, styles[level]), Text(subject), words)
    console.print(table)


def _flat(record: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    found = []
    for name, value in record.items():
        if isinstance(value, Mapping) and value:
            found += _flat(value, f"{prefix}{name}.")
        else:
            found.append((f"{prefix}{name}", _text(value)))
    return found


def _text(value: object) -> str:
    match value:
        case None | [] | {}:
            text = ""
        case bool():
            text = "yes" if value else "no"
        case datetime():
            text = f"{value.astimezone():%Y-%m-%d %H:%M}"
        case list() | tuple():
            text = ", ".join(map(_text, value))
        case dict():
            text = json.dumps(value, default=str, ensure_ascii=False)
        case _:
            text = str(value)
    return text
