"""What is configured about quiet: mutes, inhibitions and heartbeats, as the declarative file spells them."""

from __future__ import annotations

from typing import Any, Literal, Self

from msgspec import field

from tocsin.core.errors import Invalid
from tocsin.core.mute import Matcher, parse_matcher
from tocsin.core.spelling import Duration, Spelled, WallTime, Written

MuteKind = Literal["silence", "maintenance"]
During = Literal["working_hours", "off_hours"]
Overrun = Literal["ignore", "declare"]


class Condition(Spelled):
    """A matcher as it is written: `alertname="Backup"`, `cluster=~"eu|us"`."""

    __slots__ = ("matcher",)

    def __init__(self, matcher: Matcher) -> None:
        self.matcher = matcher

    @classmethod
    def read(cls, value: Any) -> Self:
        if not isinstance(value, str):
            raise ValueError('write a matcher as text, like alertname="Backup" or cluster=~"eu|us"')
        try:
            return cls(parse_matcher(value))
        except Invalid as error:
            raise ValueError(f'{error} (write it like alertname="Backup" or cluster=~"eu|us")') from None

    def plain(self) -> str:
        return str(self.matcher)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Condition) and self.matcher == other.matcher

    def __hash__(self) -> int:
        return hash(self.matcher)

    def __repr__(self) -> str:
        return f"Condition({self.matcher})"


class Announcement(Written, frozen=True, kw_only=True):
    """What the public is told of a maintenance window on the status page: a `title` and `message` in its words, and the `components`
    that are under maintenance (none named: those that stand for a service of the window)."""

    title: str
    message: str = ""
    components: tuple[str, ...] = ()


class MuteRule(Written, frozen=True, kw_only=True):
    """A silence or maintenance window that is planned: once (`from`, `to`), recurring (`from`, `rrule`, `duration`), or `during`
    the working hours (or outside of them) of its team. Local times are read in `time_zone`.

    It mutes alerts that all `matchers` match, of the services it names (`service`, `services`, those of `team`; none: of all).
    `announce`: its windows stand on the status page. `overrun`: a maintenance window after which alerts still fire is declared as a
    SEV3.
    """

    id: str
    kind: MuteKind = "silence"
    matchers: tuple[Condition, ...] = ()
    service: str | None = None
    services: tuple[str, ...] = ()
    team: str | None = None
    start: WallTime | None = field(name="from", default=None)
    end: WallTime | None = field(name="to", default=None)
    rrule: str | None = None
    duration: Duration | None = None
    during: During | None = None
    time_zone: str = "UTC"
    reason: str = ""
    announce: Announcement | None = None
    overrun: Overrun = "ignore"


class Inhibition(Written, frozen=True, kw_only=True):
    """While an alert that all of `source` match fires, alerts that all of `target` match and that carry the same values of the
    labels `equal` are hidden."""

    id: str
    source: tuple[Condition, ...]
    target: tuple[Condition, ...]
    equal: tuple[str, ...] = ()
    reason: str = ""


class Heartbeat(Written, frozen=True, kw_only=True):
    """A job that says that it lives: a ping each `period`, or at the times of a `cron` expression read in `time_zone`. `grace` is how
    late a ping may be, and how long a job that said it started may take."""

    id: str
    name: str = ""
    service: str
    key: str
    period: Duration | None = None
    cron: str | None = None
    time_zone: str = "UTC"
    grace: Duration = Duration(3600)
    severity: str = "error"
    description: str = ""

    @property
    def label(self) -> str:
        return self.name or self.id
