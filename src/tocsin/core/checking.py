"""What the checks of every configured kind share: names, references, numbers, time zones. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from zoneinfo import available_timezones

from tocsin.core.configuration import LABELS
from tocsin.core.shape import Fault, Path, short, unknown

_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_EMAIL = re.compile(r"[^@\s<>()\[\],;:\"\\]{1,64}@[^@\s<>()\[\],;:\"\\.]+(\.[^@\s<>()\[\],;:\"\\.]+)*")
_HOST_ZONES = {"localtime", "posixrules", "Factory"}

Known = Mapping[str, Collection[str]]
"""The ids that exist, by kind."""


def slug_faults(text: str, path: Path) -> Iterator[Fault]:
    if not _SLUG.fullmatch(text):
        yield Fault(
            path,
            f"{short(text)} is not an id: use 1 to 64 lower-case letters, digits, '.', '_' or '-', beginning with a"
            " letter or digit",
        )


def refer(known: Known, kind: str, name: str | None, path: Path) -> Iterator[Fault]:
    if name is not None and name not in known[kind]:
        yield Fault(path, f"{unknown(LABELS[kind], name, known[kind])} (correct the name, or define it under {kind})")


def refer_all(known: Known, kind: str, names: Iterable[str], path: Path) -> Iterator[Fault]:
    for position, name in enumerate(names):
        yield from refer(known, kind, name, (*path, position))


def repeated(names: Sequence[str], what: str, path: Path, field: str | None = "id") -> Iterator[Fault]:
    seen: set[str] = set()
    for position, name in enumerate(names):
        if name in seen:
            at = (*path, position) if field is None else (*path, position, field)
            yield Fault(at, f"the {what} {short(name)} stands here twice: remove or rename one")
        seen.add(name)


def between(value: int, least: int, most: int, path: Path) -> Iterator[Fault]:
    if not least <= value <= most:
        yield Fault(path, f"{value} is out of range: write a whole number from {least} to {most}")


def zone_faults(name: str, path: Path) -> Iterator[Fault]:
    if name not in zones():
        yield Fault(path, _zone_message(name))


def _zone_message(name: str) -> str:
    city = name.rpartition("/")[2].replace(" ", "_").lower()
    near = sorted(zone for zone in zones() if zone.rpartition("/")[2].lower() == city)
    near = near or get_close_matches(name[:64], zones(), n=1, cutoff=0.8)
    hint = f" did you mean {near[0]!r}?" if near else ""
    return f"{short(name)} is not a time zone:{hint} write an IANA name like Europe/Berlin, America/New_York or UTC"


@cache
def zones() -> frozenset[str]:
    """The IANA time zones, without the names that mean something else on every host."""
    return frozenset(available_timezones() - _HOST_ZONES)


def is_email(text: str) -> bool:
    """Whether this may be an e-mail address (by its shape; only mail to it can tell)."""
    return len(text) <= 254 and _EMAIL.fullmatch(text) is not None
