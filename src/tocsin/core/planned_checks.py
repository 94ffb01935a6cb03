"""What can be wrong with one mute, inhibition or heartbeat by itself; references are checked in core/validation.py. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tocsin.core import severity
from tocsin.core.errors import Invalid
from tocsin.core.heartbeat import check_cron
from tocsin.core.mute import check_matchers
from tocsin.core.planned import Condition, Heartbeat, Inhibition, MuteRule
from tocsin.core.shape import Fault, Path
from tocsin.core.window import read_rrule

KEY = re.compile(r"[A-Za-z0-9_-]{16,128}")
LEAST_PERIOD = 60
"""Seconds: pings more often than this say nothing more."""
LONGEST_PERIOD = 365 * 86400


def mute_faults(rule: MuteRule) -> Iterator[Fault]:
    """A mute has one way of saying when, and says what."""
    scoped = bool(rule.service or rule.services or rule.team)
    yield from _matchers(rule.matchers, ("matchers",), scoped)
    if rule.kind == "maintenance" and not scoped:
        yield Fault(("service",), "a maintenance window is of services: name service, services or team")
    if rule.overrun != "ignore" and rule.kind != "maintenance":
        yield Fault(("overrun",), "only maintenance overruns: write kind: maintenance, or remove overrun")
    if rule.during is not None:
        for name in ("start", "end", "rrule", "duration"):
            if getattr(rule, name) is not None:
                field = {"start": "from", "end": "to"}.get(name, name)
                yield Fault((field,), f"with `during` the working hours say when: remove {field}")
    elif rule.rrule is not None:
        yield from _recurring(rule)
    else:
        yield from _once(rule)


def _once(rule: MuteRule) -> Iterator[Fault]:
    if rule.duration is not None:
        yield Fault(("duration",), "a duration goes with an rrule: write `to`, or add the rrule")
    if rule.start is None or rule.end is None:
        field = "from" if rule.start is None else "to"
        yield Fault((field,), f"{field} is missing: write from and to, or an rrule with from and duration, or during")
    elif rule.end.naive <= rule.start.naive:
        yield Fault(("to",), f"{rule.end} is not after {rule.start}: a mute ends after it begins")


def _recurring(rule: MuteRule) -> Iterator[Fault]:
    if rule.end is not None:
        yield Fault(("to",), "with an rrule, `duration` says how long and UNTIL in the rule until when: remove to")
    if not rule.duration:
        yield Fault(("duration",), "a recurring mute needs a duration, like 4h")
    if rule.start is None:
        yield Fault(
            ("from",), "a recurring mute needs `from`: when it begins for the first time, like 2026-01-05T22:00"
        )
        return
    try:
        read_rrule(rule.rrule or "", rule.start.naive)
    except Invalid as error:
        yield Fault(("rrule",), str(error))


def inhibition_faults(one: Inhibition) -> Iterator[Fault]:
    """Both sides say what they are for; else everything would hide everything."""
    for field, side in (("source", one.source), ("target", one.target)):
        yield from _matchers(side, (field,), False)
    for position, name in enumerate(one.equal):
        if not name:
            yield Fault(("equal", position), "the name of a label is missing here")


def _matchers(conditions: Sequence[Condition], path: Path, scoped: bool) -> Iterator[Fault]:
    try:
        check_matchers([condition.matcher for condition in conditions], scoped)
    except Invalid as error:
        inner = [part for part in error.pointer.split("/") if part and part != "matchers"]
        yield Fault((*path, *(int(part) for part in inner if part.isdigit())), _plainly(str(error)))


def _plainly(text: str) -> str:
    return text.removeprefix("silence invalid: ")


def heartbeat_faults(beat: Heartbeat) -> Iterator[Fault]:
    if not KEY.fullmatch(beat.key):
        yield Fault(
            ("key",),
            "this key cannot be used: write 16 to 128 letters, digits, '-' or '_', hard to guess"
            " (for example the output of `uuidgen`)",
        )
    if (beat.period is None) == (beat.cron is None):
        yield Fault(("period",), "a heartbeat has either a period, like 1d, or a cron expression, like `30 2 * * *`")
    for field, length in (("period", beat.period), ("grace", beat.grace)):
        if length is not None and not LEAST_PERIOD <= length <= LONGEST_PERIOD:
            yield Fault((field,), f"{length} is out of range: write 1m to 365d")
    if beat.cron is not None:
        try:
            check_cron(beat.cron)
        except Invalid as error:
            yield Fault(("cron",), str(error))
    try:
        severity.parse(beat.severity)
    except Invalid as error:
        yield Fault(("severity",), str(error))
