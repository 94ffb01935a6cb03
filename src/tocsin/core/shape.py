"""Is this plain data an object of that kind? All that is wrong with it at once, said to the person who wrote it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

import msgspec

from tocsin.core import severity
from tocsin.core.configuration import ContactMethod
from tocsin.core.errors import Invalid
from tocsin.core.probe import Probe
from tocsin.core.severity_policy import RowChange, Severities, Timeout
from tocsin.core.spelling import Duration, decode

Path = tuple[str | int, ...]

LONGEST_TEXT = 4096
MINUTE, LONGEST_TIME = Duration(60), Duration(90 * 86400)
"""Between them lies each time that a severity names."""
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,8})")


class Fault(NamedTuple):
    """One finding: where in the object (`("layers", 0, "starts")`), and what to do about it."""

    path: Path
    message: str


def faults(raw: Any, kind: Any, path: Path = ()) -> Iterator[Fault]:
    """Everything that keeps `raw` from being a `kind` (a struct of `configuration`, or the type of one of its fields).

    When there is nothing, `spelling.decode(raw, kind)` succeeds.
    """
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        if raw is not None:
            (inner,) = (k for k in get_args(kind) if k is not NoneType)
            yield from faults(raw, inner, path)
    elif origin is tuple:
        yield from _list_faults(raw, get_args(kind)[0], path)
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield from _object_faults(raw, kind, path)
    elif kind is ContactMethod:
        yield from _method_faults(raw, path)
    elif kind is Probe:
        yield from _probe_faults(raw, path)
    elif kind is Severities:
        yield from _severities_faults(raw, path)
    else:
        yield from _value_faults(raw, kind, path)


def _object_faults(raw: Any, kind: type[msgspec.Struct], path: Path) -> Iterator[Fault]:
    if not isinstance(raw, dict):
        yield Fault(path, f"write fields here ({', '.join(_fields(kind))}), not {_seen(raw)}")
        return
    fields = _fields(kind)
    for name in raw.keys() - fields.keys():
        yield Fault((*path, name), unknown("field", name, fields))
    for name, field in fields.items():
        if name in raw:
            yield from faults(raw[name], field.type, (*path, name))
        elif field.required:
            yield Fault((*path, name), f"the field {name!r} is missing: add it")


def _list_faults(raw: Any, item: Any, path: Path) -> Iterator[Fault]:
    if not isinstance(raw, list | tuple):
        yield Fault(path, f"write a list here, not {_seen(raw)}")
        return
    for position, one in enumerate(raw):
        yield from faults(one, item, (*path, position))


def _method_faults(raw: Any, path: Path) -> Iterator[Fault]:
    if not isinstance(raw, dict):
        yield Fault(path, f"write a contact method with its id and type here, not {_seen(raw)}")
        return
    for name in ("id", "type"):
        if name not in raw:
            yield Fault((*path, name), f"the field {name!r} is missing: add it")
    for name, value in raw.items():
        yield from _value_faults(value, str, (*path, name))


def _probe_faults(raw: Any, path: Path) -> Iterator[Fault]:
    if not isinstance(raw, dict):
        yield Fault(path, f"write a probe with its id and type here, not {_seen(raw)}")
        return
    wrong = [
        Fault((*path, name), f"the field {name!r} is missing: add it") for name in ("id", "type") if name not in raw
    ]
    for name, value in raw.items():
        if not (isinstance(value, int) and not isinstance(value, bool)):
            wrong += _value_faults(value, str, (*path, name))
    yield from wrong
    if not wrong:
        try:
            Probe.read(raw)
        except ValueError as error:
            name = "samples" if str(error).startswith("samples") else "interval"
            yield Fault((*path, name), str(error))


def _severities_faults(raw: Any, path: Path) -> Iterator[Fault]:
    if not isinstance(raw, dict):
        yield Fault(path, f"write severities as fields here, like {{sev1_critical: {{...}}}}, not {_seen(raw)}")
        return
    seen: dict[severity.Severity, str] = {}
    for name, row in raw.items():
        try:
            named = severity.parse(name)
        except Invalid:
            yield Fault((*path, name), unknown("severity", name, [one.key for one in severity.Severity]))
            continue
        if seen.setdefault(named, name) != name:
            yield Fault((*path, name), f"{named.key} stands here twice, also as {short(seen[named])}: join them")
        wrong = list(faults(row, RowChange, (*path, name)))
        yield from wrong
        if isinstance(row, dict):
            bad = {fault.path[len(path) + 1] for fault in wrong if len(fault.path) > len(path) + 1}
            fine = {field: value for field, value in row.items() if field not in bad}
            yield from _row_faults(decode(fine, RowChange), (*path, name))


def _row_faults(row: RowChange, path: Path) -> Iterator[Fault]:
    for field in _fields(RowChange):
        value = getattr(row, field)
        length = value.after if isinstance(value, Timeout) else value
        if isinstance(length, Duration) and not MINUTE <= length <= LONGEST_TIME:
            yield Fault((*path, field), f"{length} is out of range: write at least 1m and at most 90d")
        elif field in ("description", "who", "how") and value is not None and len(value) > 500:
            yield Fault((*path, field), f"this has {len(value)} characters: shorten it to 500")


def _value_faults(raw: Any, kind: Any, path: Path) -> Iterator[Fault]:
    if raw is None:
        yield Fault(path, "there is no value here: write one, or leave the field out")
    elif isinstance(raw, dict | list):
        yield Fault(path, f"write one value here, not {_seen(raw)}")
    elif isinstance(raw, str) and (fault := text_fault(raw)):
        yield Fault(path, fault)
    elif get_origin(kind) is Literal:
        if raw not in get_args(kind):
            yield Fault(path, unknown("value", raw, get_args(kind)))
    else:
        yield from _conversion_faults(raw, kind, path)


def _conversion_faults(raw: Any, kind: Any, path: Path) -> Iterator[Fault]:
    if kind is int and isinstance(raw, str) and not _WHOLE.fullmatch(raw):
        yield Fault(path, f"{short(raw)} is not a whole number: write one like 1")
        return
    try:
        decode(raw, kind)
    except msgspec.ValidationError as error:
        if kind is int:
            yield Fault(path, f"write a whole number here, not {_seen(raw)}")
        elif kind is str:
            yield Fault(path, f"write text here, in quotes, not {_seen(raw)}")
        elif kind is bool:
            yield Fault(path, f"write true or false here, not {short(str(raw))}")
        else:
            yield Fault(path, str(error))


def known_part(raw: Any, kind: Any) -> Any:
    """`raw` without the fields that this release does not know (a newer one beside it may already write them)."""
    origin = get_origin(kind)
    if origin in (Union, UnionType) and raw is not None:
        return known_part(raw, next(k for k in get_args(kind) if k is not NoneType))
    if origin is tuple and isinstance(raw, list):
        return [known_part(one, get_args(kind)[0]) for one in raw]
    if kind is Severities and isinstance(raw, dict):
        return {name: known_part(row, RowChange) for name, row in raw.items()}
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(raw, dict):
        fields = _fields(kind)
        return {name: known_part(value, fields[name].type) for name, value in raw.items() if name in fields}
    return raw


def text_fault(text: str) -> str | None:
    """Why this text may not be stored: the database and the terminal would choke on it. None when it may."""
    if len(text) > LONGEST_TEXT:
        return f"this text has {len(text)} characters: at most {LONGEST_TEXT} are kept"
    bad = next((c for c in text if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"), None)
    if bad is not None:
        return f"there is a control character (U+{ord(bad):04X}) in this text: remove it"
    return None


def unknown(what: str, name: object, known: Iterable[str]) -> str:
    """`unknown field 'nam': did you mean 'name'?`, or what is known when nothing comes near."""
    names = sorted(known)
    if close := get_close_matches(str(name)[:64], names, n=1):
        return f"unknown {what} {short(name)}: did you mean {close[0]!r}?"
    listed = ", ".join(names[:12]) + (" ..." if len(names) > 12 else "")
    return f"unknown {what} {short(name)}: {'known are ' + listed if listed else 'there is none yet'}"


def short(value: object) -> str:
    """A value as it is shown in a message: quoted, cut, one line."""
    text = str(value)
    return repr(text if len(text) <= 80 else text[:77] + "...")


@cache
def _fields(kind: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    """The fields of a struct under the names that people write."""
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


def _seen(raw: Any) -> str:
    match raw:
        case None:
            return "nothing"
        case Mapping():
            return "fields"
        case list() | tuple():
            return "a list"
        case str():
            return f"the text {short(raw)}"
        case _:
            return f"the value {short(raw)}"
