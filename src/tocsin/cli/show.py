"""How commands speak: JSON and results on standard output, everything else on standard error; colours only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many to show at most.")]

WIDE = 240
"""Columns when standard output is not a terminal: programs do not want their lines cut."""

_COLOURS = {
    "sev1_critical": "bold red", "sev2_high": "red", "sev3_medium": "yellow", "sev4_low": "blue",
    "detected": "bold red", "acknowledged": "yellow", "resolved": "green", "closed": "dim", "delivered": "green",
    "failed": "red", "undelivered": "bold red", "firing": "red",
}  # fmt: skip


def clean(value: Any) -> str:
    """A value as one line that cannot steer a terminal: alerts may hold anything."""
    text = "-" if value is None or value == "" else str(value)
    return "".join(c if c.isprintable() else " " if c in "\n\t\r" else "\N{REPLACEMENT CHARACTER}" for c in text)


def when(text: str | None) -> str:
    """A time of the API in this machine's own zone, with its offset."""
    return "-" if text is None else datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


def json(data: Any) -> None:
    """Print JSON, and nothing else, on standard output."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(data), indent=2).decode() + "\n")


def console() -> Console:
    width = None if sys.stdout.isatty() else WIDE
    return Console(width=width, highlight=False, markup=False, emoji=False)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], empty: str) -> None:
    """Print rows under headings, or the sentence `empty`."""
    drawn = Table(*columns, box=box.SIMPLE_HEAD if sys.stdout.isatty() else None, pad_edge=False)
    for row in rows:
        drawn.add_row(*(_cell(value) for value in row))
    if drawn.row_count:
        console().print(drawn)
    else:
        say(empty)


def _cell(value: Any) -> Text:
    return Text(clean(value), style=_COLOURS.get(str(value), ""), overflow="fold")


def fields(pairs: Iterable[tuple[str, Any]]) -> None:
    """Print names and values, one a line."""
    drawn = Table.grid(padding=(0, 2))
    for name, value in pairs:
        drawn.add_row(Text(name, style="dim"), _cell(value))
    console().print(drawn)


def line(text: str) -> None:
    """Print a result."""
    console().print(Text(clean(text)), soft_wrap=True)


def say(text: str) -> None:
    """Tell the person something that is not the result."""
    typer.echo(text, err=True)
