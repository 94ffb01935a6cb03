"""Silences: matchers over labels, and which silence mutes an alert.

Regular expressions are RE2 (linear time in the text, bounded memory, the syntax of Prometheus and Alertmanager) and match the
whole value: whatever somebody writes into a silence, matching it can never hang the engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

import msgspec
import re2

from tocsin.core.errors import Invalid

LONGEST_PATTERN = 4096
"""Characters of a matcher's value."""
MOST_MATCHERS = 50
"""Matchers of one silence."""
WARN = timedelta(minutes=30)
"""How long before its end a silence is said to end soon."""

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 1 << 20

_TEXT_FORM = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|!~|!=|=)\s*(.*?)\s*", re.DOTALL)
_ESCAPE = re.compile(r'\\(["\\n])')
_GO_ERRORS = {
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "no argument for repetition operator": "missing argument to repetition operator",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid repetition size": "invalid repeat count",
}


class BadPattern(ValueError):
    """Not a regular expression. The message names, in Go's words, the fault and the part of the pattern that has it;
    `anchored` is the message where Alertmanager speaks of the pattern as it is compiled."""

    def __init__(self, fault: str, part: str, pattern: str) -> None:
        super().__init__(f"error parsing regexp: {fault}: `{part or pattern}`")
        whole = part in ("", pattern)
        self.anchored = f"error parsing regexp: {fault}: `^(?:{pattern})$`" if whole else str(self)


@lru_cache(maxsize=2048)
def _compiled(pattern: str) -> Any:
    try:
        return re2.compile(pattern, options=_OPTIONS)
    except re2.error as error:
        said = error.args[0] if error.args else b""
        fault, _, part = (said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)).partition(": ")
        raise BadPattern(_GO_ERRORS.get(fault, fault), part, pattern) from None


def matches_pattern(pattern: str, text: str) -> bool:
    """Does the whole `text` match? Raises BadPattern."""
    return _compiled(pattern).fullmatch(text) is not None


class Matcher(msgspec.Struct, frozen=True):
    """One condition on one label: `=` (isEqual), `!=`, `=~` (isRegex and isEqual), `!~`. An absent label counts as empty."""

    name: str
    value: str
    is_regex: bool = msgspec.field(name="isRegex", default=False)
    is_equal: bool = msgspec.field(name="isEqual", default=True)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """A pattern that is none (it cannot be stored) matches nothing."""
        value = labels.get(self.name, "")
        try:
            hit = matches_pattern(self.value, value) if self.is_regex else value == self.value
        except BadPattern:
            return False
        return hit == self.is_equal

    @property
    def operator(self) -> str:
        return ("=" if self.is_equal else "!") + ("~" if self.is_regex else "" if self.is_equal else "=")

    def __str__(self) -> str:
        value = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{self.operator}"{value}"'


def parse_matcher(text: str) -> Matcher:
    """`alertname=~"a|b"`, quotes optional. Raises Invalid in Alertmanager's words."""
    match = _TEXT_FORM.fullmatch(text)
    if match is None:
        raise Invalid(f"bad matcher format: {text}")
    name, operator, written = match.groups()
    value = written
    quoted = len(written) >= 2 and written.startswith('"') and written.endswith('"')
    if quoted:
        value = written[1:-1]
    if '"' in _ESCAPE.sub("", value):
        raise Invalid(f"matcher value contains unescaped double quote: {written}")
    value = _ESCAPE.sub(lambda m: "\n" if m[1] == "n" else m[1], value)
    matcher = Matcher(name=name, value=value, is_regex="~" in operator, is_equal=operator in ("=", "=~"))
    if (error := _pattern_error(matcher)) is not None:
        raise Invalid(error.anchored if isinstance(error, BadPattern) else str(error))
    return matcher


def _pattern_error(matcher: Matcher) -> ValueError | None:
    if len(matcher.value) > LONGEST_PATTERN:
        return ValueError(f"matcher value is longer than {LONGEST_PATTERN} characters")
    if matcher.is_regex:
        try:
            _compiled(matcher.value)
        except BadPattern as error:
            return error
    return None


State = Literal["pending", "active", "expired"]


class Mute(msgspec.Struct, frozen=True, kw_only=True):
    """A silence or maintenance window. It mutes alerts of `service` (None: of every service) that all `matchers` match, from
    `starts_at` (included) to `ends_at` (not included). `id` is the row (0: not stored yet), `public_id` the UUID that people see.

    For several services `services` names them all, and `service` is the first. `rule` is the planned mute (its id) of which this is
    one window, which would end at `planned_end`. `report` says, once it ended, what it held back. `announce` is what the
    status page says of it (None: nothing).
    """

    id: int = 0
    public_id: str
    service: str | None
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    created_at: datetime
    updated_at: datetime
    services: tuple[str, ...] = ()
    kind: Literal["silence", "maintenance"] = "silence"
    rule: str | None = None
    planned_end: datetime | None = None
    report: dict[str, Any] | None = None
    announce: dict[str, Any] | None = None

    @property
    def scope(self) -> tuple[str, ...]:
        """The services whose alerts it mutes; empty: all."""
        return self.services or ((self.service,) if self.service is not None else ())

    def state(self, now: datetime) -> State:
        if now < self.starts_at:
            return "pending"
        return "active" if now < self.ends_at else "expired"

    def ends_soon(self, now: datetime) -> bool:
        """It mutes now, and not for long any more."""
        return self.state(now) == "active" and self.ends_at - now <= WARN

    def mutes(self, labels: Mapping[str, str], service: str, at: datetime) -> bool:
        return (
            (self.service is None or self.service == service or service in self.services)
            and self.starts_at <= at < self.ends_at
            and all(matcher.matches(labels) for matcher in self.matchers)
        )


def check_matchers(matchers: Sequence[Matcher], scoped: bool = False) -> None:
    """Raise Invalid, in Alertmanager's words, when these cannot make a silence. `scoped`: it names services, so that it may be for
    all of their alerts."""
    if not matchers and not scoped:
        raise Invalid("silence invalid: at least one matcher required", "/matchers")
    if len(matchers) > MOST_MATCHERS:
        raise Invalid(f"silence invalid: more than {MOST_MATCHERS} matchers", "/matchers")
    for position, matcher in enumerate(matchers):
        where = f"silence invalid: invalid label matcher {position}: "
        if not matcher.name:
            raise Invalid(f'{where}invalid label name ""', f"/matchers/{position}/name")
        if (error := _pattern_error(matcher)) is not None:
            fault = f'invalid regular expression "{matcher.value}": {error}' if matcher.is_regex else str(error)
            raise Invalid(where + fault, f"/matchers/{position}/value")
    if not scoped and all(matcher.is_equal and matcher.matches({}) for matcher in matchers):
        raise Invalid("silence invalid: at least one matcher must not match the empty string", "/matchers")


def check_times(starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    """Raise Invalid when a silence could not have these times."""
    if starts_at >= ends_at:
        raise Invalid("Failed to create silence: start time must be before end time", "/endsAt")
    if ends_at < now:
        raise Invalid("Failed to create silence: end time can't be in the past", "/endsAt")


def may_change(old: Mute, matchers: Sequence[Matcher], starts_at: datetime, ends_at: datetime, now: datetime) -> bool:
    """May `old` be changed in place (else it is ended and a new one made)? Only its end, comment and, before it begins, its
    start may move: what an active silence has muted so far stays true."""
    if tuple(matchers) != old.matchers:
        return False
    match old.state(now):
        case "active":
            return int(starts_at.timestamp()) == int(old.starts_at.timestamp()) and ends_at >= now
        case "pending":
            return starts_at >= now
        case _:
            return False


def order(mutes: Iterable[Mute], now: datetime) -> list[Mute]:
    """As Alertmanager lists them: active by end, pending by start, expired by end with the last first."""

    def place(mute: Mute) -> tuple[int, float]:
        match mute.state(now):
            case "active":
                return 0, mute.ends_at.timestamp()
            case "pending":
                return 1, mute.starts_at.timestamp()
            case _:
                return 2, -mute.ends_at.timestamp()

    return sorted(mutes, key=place)
