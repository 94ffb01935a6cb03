"""Rows on their way into a table: the statement that inserts them, and their columns packed for it.

A column travels as one text: the driver would look at each element of an array several times, and a storm has many. Texts are
joined by a character that none of them holds, which the packed column begins with; everything else is an array literal. A page that
somebody waits for has a few rows: their values travel one by one, and the database need not unpack them.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NewType, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec

Json = NewType("Json", str)
"""Encoded JSON, stored as jsonb."""
Words = NewType("Words", str)
"""Words joined by SEPARATOR, stored as text[] (unnest cannot carry arrays of arrays)."""

SEPARATOR = "\x1f"

Column = Sequence[Any]


def texts(column: Iterable[str]) -> str:
    """Texts, joined and ended by a character that is in none of them; that character stands first.

    The end adds an empty text behind the last one, in a row without number: so an only text that is empty counts.
    """
    values = list(column)
    for mark in _marks():
        joined = mark.join(values)
        if joined.count(mark) == max(0, len(values) - 1):
            return f"{mark}{joined}{mark}" if values else ""
    raise ValueError("the texts hold every character that there is")


def _marks() -> Iterable[str]:
    yield from "\x1f\x1e\x1d\x1c"
    yield from map(chr, range(0xE000, 0x10FFFE))


def numbers(column: Iterable[int | None]) -> str:
    """An array literal of whole numbers; None is NULL."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in column]) + "}"


def times(column: Iterable[datetime | None]) -> str:
    """An array literal of instants; None is NULL."""
    return "{" + ",".join(map(_time, column)) + "}"


@lru_cache(maxsize=256)
def _time(value: datetime | None) -> str:
    return "NULL" if value is None else f'"{value.isoformat()}"'


def _optional_texts(column: Iterable[str | None]) -> str:
    return texts("" if value is None else f"={value}" for value in column)


def _flags(column: Iterable[bool]) -> str:
    return "{" + ",".join(["t" if value else "f" for value in column]) + "}"


def _uuids(column: Iterable[UUID | None]) -> str:
    known: dict[UUID | None, str] = {None: "NULL"}
    return "{" + ",".join([known.get(value) or known.setdefault(value, str(value)) for value in column]) + "}"


def _hexes(column: Iterable[bytes]) -> str:
    return texts(value.hex() for value in column)


TEXTS = "string_to_array(substr(${0}, 2), left(${0}, 1))"
"""The array of a column packed by `texts`."""


def storable(text: str, longest: int = 500) -> str:
    """What a provider or an exception said, as a database can hold it: without NUL and halves of pairs, and not too long."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()[:longest]


class _Kind(msgspec.Struct, frozen=True):
    """How a column travels: `pack` makes its text, `array` unpacks that, `read` makes the value of one element. Few rows travel value
    by value: as `type`, and `single` makes the value of that."""

    pack: Callable[[Column], str]
    array: str
    type: str
    read: str = "{}"
    single: str = "{}"


_KINDS: dict[Any, _Kind] = {
    int: _Kind(numbers, "${0}::text::bigint[]", "bigint"),
    datetime: _Kind(times, "${0}::text::timestamptz[]", "timestamptz"),
    bool: _Kind(_flags, "${0}::text::boolean[]", "boolean"),
    UUID: _Kind(_uuids, "${0}::text::uuid[]", "uuid"),
    str: _Kind(texts, TEXTS, "text"),
    bytes: _Kind(_hexes, TEXTS, "bytea", "decode({}, 'hex')"),
    Json: _Kind(texts, TEXTS, "text", "{}::jsonb", "{}::jsonb"),
    Words: _Kind(texts, TEXTS, "text", "string_to_array({}, E'\\x1f')", "string_to_array({}, E'\\x1f')"),
}
_OPTIONAL: dict[Any, _Kind] = {str: _Kind(_optional_texts, TEXTS, "text", "substr(NULLIF({}, ''), 2)")}
"""Where None makes a difference to how the column travels. Array literals have NULL."""


class Rows:
    """How rows of one struct go into a table. The struct's first number column (never None) says where the rows end."""

    def __init__(self, struct: type[msgspec.Struct], table: str, *, without: Iterable[str] = ()) -> None:
        hints = get_type_hints(struct)
        self.table = table
        self.names = struct.__struct_fields__
        self._kinds = [_kind(hints[name]) for name in self.names]
        self._stored = [name for name in self.names if name not in set(without)]
        self._first = next(name for name in self.names if hints[name] is int)

    @property
    def width(self) -> int:
        """How many parameters the rows take."""
        return len(self.names)

    def source(self, first: int, rows: int = 0) -> str:
        """The rows as they are given, as `r(...)`, in the parameters from `first` on: packed; or so many of them value by value."""
        names = ", ".join(self.names)
        if not rows:
            arrays = ", ".join(kind.array.format(first + i) for i, kind in enumerate(self._kinds))
            return f"unnest({arrays}) AS r({names})"
        types = [kind.type for kind in self._kinds]
        starts = range(first, first + rows * self.width, self.width)
        values = (", ".join(f"${start + i}::{type}" for i, type in enumerate(types)) for start in starts)
        return f"(VALUES {', '.join(f'({row})' for row in values)}) AS r({names})"

    def insert(
        self, first: int, *, where: str = "", more: tuple[tuple[str, str], ...] = (), rows: int = 0
    ) -> str:  # fmt: skip
        """The INSERT of the rows in the parameters from `first` on. `more`: further (column, expression over r). `rows`: see `source`."""
        read = {name: kind.single if rows else kind.read for name, kind in zip(self.names, self._kinds, strict=True)}
        columns = [*self._stored, *(name for name, _ in more)]
        values = [read[name].format(f"r.{name}") for name in self._stored] + [value for _, value in more]
        condition = f"r.{self._first} IS NOT NULL" + (f" AND ({where})" if where else "")
        return (
            f"INSERT INTO {self.table} ({', '.join(columns)}) SELECT {', '.join(values)} "
            f"FROM {self.source(first, rows)} WHERE {condition}"
        )

    def pack(self, rows: Sequence[msgspec.Struct]) -> list[str]:
        """The columns of the rows, as the statement wants them that takes any number."""
        if not rows:
            return [kind.pack(()) for kind in self._kinds]
        columns = zip(*[msgspec.structs.astuple(row) for row in rows], strict=True)
        return [kind.pack(column) for kind, column in zip(self._kinds, columns, strict=True)]

    @staticmethod
    def values(rows: Sequence[msgspec.Struct]) -> list[Any]:
        """The values of the rows, as the statement wants them that takes exactly so many."""
        return [value for row in rows for value in msgspec.structs.astuple(row)]


def _kind(hint: Any) -> _Kind:
    if get_origin(hint) in (types.UnionType, Union):
        (inner,) = (part for part in get_args(hint) if part is not types.NoneType)
        return _OPTIONAL.get(inner) or _KINDS[inner]
    return _KINDS[str if get_origin(hint) is Literal else hint]
