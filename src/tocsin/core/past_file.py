"""A file of past incidents as people have it: JSON, one JSON object a line, or a table with a line of headings. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import msgspec

from tocsin.core.errors import Invalid, Problem

SEVERAL = frozenset({"affected_services", "responders", "tags"})
"""Columns of a table that hold several values, with ; or , between them."""
IMPACT = frozenset({"what", "who", "percent", "users", "regions", "workaround"})
"""Columns of a table that belong to `impact`."""


class PastFile(msgspec.Struct, frozen=True):
    """What stands in a file. `places`: where each item begins, in words for people; `source`: where it says that they come from."""

    items: list[Any]
    places: list[str]
    source: str = ""

    def at(self, problem: Problem) -> tuple[str, str]:
        """(where in the file, which field) of a problem with the items."""
        parts = problem.pointer.strip("/").split("/")
        if len(parts) < 2 or parts[0] != "items" or not parts[1].isdigit() or int(parts[1]) >= len(self.places):
            return "", ""
        return self.places[int(parts[1])], ".".join(parts[2:])


def read_file(text: str) -> PastFile:
    """Raises Invalid when it is none of these, or says nothing."""
    text = text.removeprefix("\ufeff").strip()
    if not text:
        raise Invalid("paste incidents here, or choose a file", "/text")
    if text[0] in "[{":
        return _json(text)
    return _table(text)


def _json(text: str) -> PastFile:
    try:
        read = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        if len(lines) < 2 or not all(line.lstrip().startswith("{") for _, line in lines):
            raise Invalid(f"this is not JSON: {error}", "/text") from None
        return _lines(lines)
    items = read.get("items", [read]) if isinstance(read, dict) else read
    if not isinstance(items, list):
        raise Invalid('write {"items": [...]}, or a list of incidents', "/text")
    source = read.get("source") if isinstance(read, dict) and "items" in read else ""
    return PastFile(items, [f"Item {place}" for place in range(1, len(items) + 1)], str(source or ""))


def _lines(lines: Sequence[tuple[int, str]]) -> PastFile:
    items, wrong = [], []
    for number, line in lines:
        try:
            items.append(msgspec.json.decode(line))
        except msgspec.DecodeError as error:
            wrong.append(Problem(f"line {number} is not JSON: {error}", "/text"))
    if wrong:
        raise Invalid(wrong[0].message, "/text", tuple(wrong[:100]))
    return PastFile(items, [f"Line {number}" for number, _ in lines])


def _table(text: str) -> PastFile:
    first = text.splitlines()[0]
    reader = csv.reader(io.StringIO(text), delimiter=max(",;\t", key=first.count))
    try:
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise Invalid(f"line {reader.line_num} of the table cannot be read: {error}", "/text") from None
    names = [name.strip().lower().replace(" ", "_") for name in rows[0][1]]
    if "title" not in names or len(rows) < 2:
        raise Invalid("write JSON, or a table whose first line names its columns, one of them title", "/text")
    items = [_item(names, row) for _, row in rows[1:]]
    return PastFile(items, [f"Line {number}" for number, _ in rows[1:]])


def _item(names: Sequence[str], row: Sequence[str]) -> dict[str, Any]:
    """An empty cell is left out."""
    item: dict[str, Any] = {}
    for name, cell in zip(names, row, strict=False):
        if not (value := cell.strip()):
            continue
        several = [one.strip() for one in value.replace(";", ",").split(",") if one.strip()]
        if name in IMPACT:
            item.setdefault("impact", {})[name] = several if name == "regions" else _number(value)
        else:
            item[name] = several if name in SEVERAL else value
    return item


def _number(text: str) -> Any:
    plain = text.rstrip("%").strip()
    try:
        return float(plain) if "." in plain else int(plain)
    except ValueError:
        return text
