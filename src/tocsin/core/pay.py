"""What on-call work comes to: hours by kind of time on each person's own clock, waiting or paged, their pay, and time off for nights.

No instant counts twice, however many schedules overlap: paged time comes first, then primary, then secondary. A period is a span of
days, from midnight to midnight in each person's own zone, so that neighbouring periods leave nothing out and share nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Literal

import msgspec

from tocsin.core.business import Hours
from tocsin.core.calendar import instant, zone
from tocsin.core.errors import Invalid, Problem
from tocsin.core.hours import CLASSES, Span, TimeClass, joined, pieces, without
from tocsin.core.load import OnDuty

Work = Literal["idle", "secondary", "paged"]
"""`idle`: primary and waiting. `secondary`: in second place and waiting. `paged`: at work on a page."""

LONGEST_CALL = timedelta(hours=12)
"""One page counts as work for no longer than this, however long its incident stays open."""
CENT = Decimal("0.01")
QUARTER = Decimal("0.25")
_AMOUNT = re.compile(r"\d{1,7}(\.\d{1,4})?")
_CURRENCY = re.compile(r"[A-Z]{3}")


class Rates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an hour is paid, as decimal text, by kind of time; a kind left out is paid nothing.

    `secondary_percent` of the idle rate is paid for secondary time. A page counts at least `least_minutes` of work.
    `lieu_percent` of the time worked in the hours of sleep is suggested as time off, in quarters of an hour.
    """

    currency: str = "EUR"
    idle: dict[TimeClass, str] = {}
    paged: dict[TimeClass, str] = {}
    secondary_percent: int = 30
    least_minutes: int = 30
    lieu_percent: int = 100


def check_rates(rates: Rates) -> None:
    """Raise Invalid, naming every field that is wrong, when these cannot be rates."""
    if problems := tuple(_wrong(rates)):
        raise Invalid(problems[0].message, problems[0].pointer, problems)


def _wrong(rates: Rates) -> Iterator[Problem]:
    if not _CURRENCY.fullmatch(rates.currency):
        yield Problem(f"{rates.currency!r} is not a currency: write three capital letters, like EUR", "/currency")
    for name in ("idle", "paged"):
        for kind, amount in getattr(rates, name).items():
            if not _AMOUNT.fullmatch(amount):
                yield Problem(f"{amount!r} is not an amount: write it like 12.50", f"/{name}/{kind}")
    for name, most in (("secondary_percent", 100), ("least_minutes", 480), ("lieu_percent", 500)):
        if not 0 <= getattr(rates, name) <= most:
            yield Problem(f"Write a whole number from 0 to {most}", f"/{name}")


@dataclass(frozen=True, slots=True)
class InForce:
    """Rates and the first day on which they hold."""

    since: date
    rates: Rates


def in_force(every: Sequence[InForce], day: date) -> Rates:
    """The rates of a day: the latest that began by then; before all of them nothing is paid."""
    found = [one for one in every if one.since <= day]
    return max(found, key=lambda one: one.since).rates if found else Rates()


@dataclass(frozen=True, slots=True)
class Call:
    """One page: from `at` until the work on it ended (None: it goes on). Who did not answer it was only woken."""

    at: datetime
    until: datetime | None
    answered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Hours of one kind of time and one kind of work, and what they come to at `rate` an hour."""

    kind: TimeClass
    work: Work
    seconds: int
    rate: Decimal
    amount: Decimal
    currency: str

    @property
    def hours(self) -> Decimal:
        return (Decimal(self.seconds) / 3600).quantize(CENT, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one person's period comes to. `asleep` is the time worked in the hours of sleep; `lieu` the hours off suggested for it."""

    user: str
    lines: Sequence[Line] = ()
    calls: int = 0
    asleep: timedelta = timedelta()
    nights_worked: int = 0
    lieu: Decimal = Decimal(0)
    totals: Mapping[str, Decimal] = field(default_factory=dict)


def period(hours: Hours, first: date, last: date) -> Span:
    """The days [first, last) as instants, in the person's own zone."""
    place = zone(hours.time_zone)
    return instant(_midnight(first), place), instant(_midnight(last), place)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a local time


def worked(calls: Iterable[Call], least: timedelta, now: datetime) -> list[Span]:
    """When a person was at work on pages: from each page until its incident was over, joined."""
    spans = []
    for call in calls:
        until = (call.until or now) if call.answered else call.at
        spans.append((call.at, max(call.at + least, min(until, call.at + LONGEST_CALL))))
    return joined(spans)


def _worked(hours: Hours, calls: Iterable[Call], every: Sequence[InForce], now: datetime) -> list[Span]:
    """The same, each page at least as long as the rates of its own day say."""
    place, spans = zone(hours.time_zone), []
    for call in calls:
        least = in_force(every, call.at.astimezone(place).date()).least_minutes
        spans += worked([call], timedelta(minutes=least), now)
    return spans


def statement(
    user: str,
    hours: Hours,
    duty: OnDuty,
    calls: Sequence[Call],
    every: Sequence[InForce],
    first: date,
    last: date,
    now: datetime,
) -> Statement:
    """The statement of one person for the days [first, last); what lies in the future is not counted."""
    start, end = period(hours, first, last)
    end = min(end, now)
    if start >= end:
        return Statement(user=user)
    paged = _within(_worked(hours, calls, every, now), start, end)
    spans: dict[Work, list[Span]] = {
        "paged": paged,
        "idle": without(_within(duty.primary, start, end), paged),
        "secondary": without(_within(duty.secondary, start, end), [*paged, *duty.primary]),
    }
    lines = _lines(hours, spans, every)
    asleep, nights, lieu = _nights(hours, paged, every)
    totals: dict[str, Decimal] = {}
    for line in lines:
        totals[line.currency] = totals.get(line.currency, Decimal(0)) + line.amount
    calls_within = sum(start <= call.at < end for call in calls)
    return Statement(
        user=user, lines=lines, calls=calls_within, asleep=asleep, nights_worked=nights, lieu=lieu, totals=totals
    )


def _within(spans: Iterable[Span], start: datetime, end: datetime) -> list[Span]:
    return joined((max(start, a), min(end, b)) for a, b in spans)


def _lines(hours: Hours, spans: Mapping[Work, Sequence[Span]], every: Sequence[InForce]) -> list[Line]:
    """One line for each kind of time, kind of work and rate, in the order of the kinds."""
    seconds: dict[tuple[TimeClass, Work, str, Decimal], timedelta] = {}
    for work, own in spans.items():
        for start, end in own:
            for piece in pieces(hours, start, end):
                rates = in_force(every, piece.day)
                key = (piece.kind, work, rates.currency, _rate(rates, piece.kind, work))
                seconds[key] = seconds.get(key, timedelta()) + piece.length
    return [
        Line(
            kind=kind, work=work, seconds=round(length.total_seconds()), rate=rate, currency=currency,
            amount=(rate * Decimal(round(length.total_seconds())) / 3600).quantize(CENT, ROUND_HALF_UP),
        )
        for (kind, work, currency, rate), length in sorted(
            seconds.items(), key=lambda item: (CLASSES.index(item[0][0]), item[0][1], item[0][2:])
        )
    ]  # fmt: skip


def _rate(rates: Rates, kind: TimeClass, work: Work) -> Decimal:
    if work == "paged":
        return Decimal(rates.paged.get(kind, "0"))
    rate = Decimal(rates.idle.get(kind, "0"))
    return rate * rates.secondary_percent / 100 if work == "secondary" else rate


def _nights(hours: Hours, paged: Iterable[Span], every: Sequence[InForce]) -> tuple[timedelta, int, Decimal]:
    """Time worked in the hours of sleep, in how many nights, and the hours off suggested for it: quarters, rounded up."""
    by_night: dict[date, timedelta] = {}
    earned = Decimal(0)
    for start, end in paged:
        for piece in pieces(hours, start, end):
            if piece.asleep:
                local = piece.start.astimezone(zone(hours.time_zone))
                night = piece.day if local.hour >= 12 else piece.day - timedelta(days=1)
                by_night[night] = by_night.get(night, timedelta()) + piece.length
                earned += Decimal(piece.length.total_seconds()) / 3600 * in_force(every, piece.day).lieu_percent / 100
    lieu = (earned / QUARTER).quantize(Decimal(1), ROUND_CEILING) * QUARTER
    return sum(by_night.values(), timedelta()), len(by_night), lieu
