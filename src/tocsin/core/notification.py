"""How one person is told: which contact methods, when, and when to try again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, time, timedelta
from typing import Literal, NamedTuple

from tocsin.core.calendar import instant, wall_of, zone
from tocsin.core.configuration import ContactMethod, Limit, QuietHours, User
from tocsin.core.severity import Urgency
from tocsin.core.spelling import WEEKDAYS, Duration

Hold = Literal["quiet", "bundle", "limit"]
"""Why a notification waits: quiet hours, for company, or because the phone rang too often already."""

LIMITS = {"voice": Limit(type="voice", count=5), "sms": Limit(type="sms", count=10)}
"""How often contact methods of a type ring, unless their owner says otherwise."""
MOST_OF_OTHERS = 20
"""How often those of any other type do, within the same time."""

FIRST_RETRY = 1.0
"""Seconds until the first retry; each further one waits twice as long."""
LONGEST_RETRY = 30.0
"""Seconds: retries never lie further apart than this, unless the provider asks for more."""


def plan(user: User, urgency: Urgency) -> list[tuple[Duration, ContactMethod]]:
    """The contact methods to use for one page, each with its delay from the page, in order; never one that is not verified.

    Written rules are the whole truth. Without rules: all methods at once for high urgency; e-mail for low, or all methods when the
    person has no e-mail, because a page that reaches nobody is worse than a loud one.
    """
    rules = user.notification_rules.high if urgency == "high" else user.notification_rules.low
    usable = [m for m in user.contact_methods if m.verified]
    methods = {m.id: m for m in usable}
    if rules is not None:
        chosen = [(rule.after, methods[rule.method]) for rule in rules if rule.method in methods]
        return sorted(chosen, key=lambda item: item[0])
    mail = [m for m in usable if m.type == "email"]
    default = usable if urgency == "high" or not mail else mail
    return [(Duration(0), method) for method in default]


def subscribed(user: User) -> list[ContactMethod]:
    """The contact methods that get updates: those the person chose, as far as they are verified."""
    return [m for m in user.contact_methods if m.verified and m.id in user.updates]


PROFILE = "profile"
"""The contact method that stands for a person's own mail address, when no contact method carries mail."""


def for_news(user: User) -> list[ContactMethod]:
    """Where a person is told what everyone must know who is on call (their shift changed): the methods that get updates.

    When none was chosen, mail; without a method for mail the address of the profile serves.
    """
    if chosen := subscribed(user):
        return chosen
    mail = [method for method in user.contact_methods if method.type == "email" and method.verified]
    if not mail and user.email:
        return [ContactMethod(PROFILE, "email", {"address": user.email})]
    return mail


def retry_at(attempts: int, now: datetime, deadline: datetime, retry_after: float | None = None) -> datetime | None:
    """When to try again after `attempts` (>= 1) failures, or None when that would lie beyond `deadline`.

    Waits 1, 2, 4 ... 30 seconds; a provider's `retry_after` (seconds) makes it longer, never shorter.
    """
    wait = min(FIRST_RETRY * 2 ** min(attempts - 1, 10), LONGEST_RETRY)
    at = now + timedelta(seconds=max(wait, retry_after or 0.0))
    return at if at < deadline else None


# --- what rings one person together, and what waits -------------------------------------------------------------------


class Waiting(NamedTuple):
    """A notification that could go now by one contact method of one person.

    `first`: its page is the first one of its incident (since paging for it last started over) to this person. `since`: when it was due
    by the person's rules. `told_at`: when this method last named the same incident because of another page. `asked`: no rung of the
    ladder sends it, so it says something new: somebody asks for this very person.
    """

    id: int
    severity: int
    urgency: Urgency
    first: bool
    since: datetime
    told_at: datetime | None = None
    asked: bool = False

    @property
    def pressing(self) -> bool:
        """The first page of a SEV1 or SEV2, which nothing holds back, but a storm of its like until a minute after its last ring."""
        return self.first and self.severity <= 2


class Ring(NamedTuple):
    """A message that rang. `urgent`: it carried the first page of a SEV1 or SEV2."""

    at: datetime
    urgent: bool


class Choice(NamedTuple):
    """`send`: one message, the worst first. `told`: the person knows already, by a message just sent. `wait`: until when, and why."""

    send: tuple[int, ...]
    told: tuple[int, ...]
    wait: tuple[tuple[int, datetime, Hold], ...]
    urgent: bool = False


def limit_of(user: User, type: str) -> Limit:
    """How often contact methods of this type may ring the person."""
    own = next((limit for limit in user.limits if limit.type == type), None)
    return own or LIMITS.get(type) or Limit(type=type, count=MOST_OF_OTHERS)


def is_calm(user: User | None, type: str, rings: bool) -> bool:
    """Whether bundling, limits and quiet hours hold for this person's contact methods of this type (`rings`: its channel's word)."""
    return rings or (type == "email" and user is not None and user.bundling.email)


def quiet_until(user: User, at: datetime) -> datetime | None:
    """When the quiet hours end that `at` lies in; None when it lies in none. Read on the wall clock of the person's own zone."""
    quiet, until = user.quiet_hours, at
    if quiet is None:
        return None
    for _ in range(len(WEEKDAYS) + 1):  # windows may follow each other without a gap
        end = _window_end(quiet, user.time_zone, until)
        if end is None:
            break
        until = end
    return until if until > at else None


def _window_end(quiet: QuietHours, zone_name: str, at: datetime) -> datetime | None:
    local = zone(zone_name)
    today = wall_of(at, local).date()
    for day in (today - timedelta(days=1), today):
        if WEEKDAYS[day.weekday()] in quiet.days:
            midnight = datetime.combine(day, time())
            length = quiet.end.minutes + (0 if quiet.end.minutes > quiet.start.minutes else 1440)
            start = instant(midnight + timedelta(minutes=quiet.start.minutes), local)
            end = instant(midnight + timedelta(minutes=length), local)
            if start <= at < end:
                return end
    return None


def choose(
    user: User,
    type: str,
    waiting: Sequence[Waiting],
    rings: Collection[Ring],
    last: datetime | None,
    now: datetime,
    company: datetime | None = None,
) -> Choice:
    """What of `waiting` goes now by one contact method of `type`, all as one message.

    `rings` are the messages by methods of that type within the limit's time, `last` is when this very method last rang, `company` until
    when others wait already for company.
    """
    within = user.bundling.within.delta
    wait: list[tuple[int, datetime, Hold]] = []
    told: list[int] = []
    rest: list[Waiting] = []
    for one in waiting:
        until = None if one.pressing or one.urgency == "high" else quiet_until(user, now)
        if until is not None:
            wait.append((one.id, until, "quiet"))
        elif one.told_at is not None and not (one.pressing or one.asked) and one.since - one.told_at < within:
            told.append(one.id)
        else:
            rest.append(one)
    if not rest:
        return Choice((), tuple(told), tuple(wait))
    urgent = any(one.pressing for one in rest)
    held = _hold(user, type, rest, rings, last, now, company, urgent)
    if held is not None:
        wait += [(one.id, *held) for one in rest]
        return Choice((), tuple(told), tuple(wait))
    ordered = sorted(rest, key=lambda one: (one.severity, one.since, one.id))
    return Choice(tuple(one.id for one in ordered), tuple(told), tuple(wait), urgent)


def _hold(
    user: User,
    type: str,
    rest: Sequence[Waiting],
    rings: Collection[Ring],
    last: datetime | None,
    now: datetime,
    company: datetime | None,
    urgent: bool,
) -> tuple[datetime, Hold] | None:
    """Until when all of `rest` waits, and why; None when it goes now."""
    if not urgent:
        ready = min(_ready_at(one, user.bundling.within.delta, last) for one in rest)
        if ready > now:
            return (ready if company is None or company <= now else min(ready, company)), "bundle"
    limit = limit_of(user, type)
    since = now - limit.within.delta
    counted = sorted(ring.at for ring in rings if ring.at > since and (ring.urgent or not urgent))
    if len(counted) < limit.count:
        return None
    until = counted[-limit.count] + limit.within.delta
    if urgent:  # a moment at most, so that a storm is a message a minute
        until = min(until, counted[-1] + user.bundling.within.delta)
    return (until, "limit") if until > now else None


def _ready_at(one: Waiting, within: timedelta, last: datetime | None) -> datetime:
    """How long one notification waits for company."""
    if one.severity > 2:
        return one.since + within
    return one.since if last is None else max(one.since, last + within)
