"""The severity matrix: for each severity one row of policy, every field of which drives a timer or a message. Pure.

Defaults come from the requirement rows S0-9 to S0-13, S0-62, S1-5 and S2-11 to S2-14, as settled by C-3, C-6, C-17 and C-20. The
organisation overrides fields of a row, and a service those of the organisation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from tocsin.core.audience import Audiences
from tocsin.core.business import Hours, business_hours_of, later, next_opening, open_at
from tocsin.core.directory import Directory
from tocsin.core.severity import Severity, Urgency
from tocsin.core.severity_policy import (
    AtDeclare,
    AtResolve,
    Paging,
    Percent,
    Progress,
    Review,
    RowChange,
    Severities,
    Timeout,
)
from tocsin.core.spelling import Duration, decode, plain
from tocsin.core.tier import Tier


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What one severity means.

    `response_time`: acknowledged within. `escalation_time`: whoever acknowledged has restored within, or the progress clock
    goes on. `communication_frequency`: the next update follows within. `resolution_target`: restored within. For a row that does
    not page `now`, response and escalation count business hours only; an update or a target that falls due outside them waits for
    their beginning.

    `page`: at once, in business hours, or never. `progress`: the progress clock pages by itself, prompts the commander, or is
    off. `top`: the highest tier it reaches. `inform_manager`: the manager of the team is told after this, without being paged
    (None: never). `acknowledge_timeout`: an acknowledged incident pages again after this (None: never).
    `review`: what kind of review it needs. `audiences` are told of it by rule; `at_declare`: at its beginning those inside are told
    at once, and the word to the public is drafted or published (C-18); or nobody is told yet; what `at_resolve` does with the last
    words to those that were told anything: they are drafted, or published at once (S1-5, S0-97). `users_from`: an incident has this
    severity from this share of users who cannot work, or not well; `users_from_tier_1`: the same where a service of tier 1 is
    affected (C-8). `who` responds and `how` it is
    told, in words.
    """

    description: str
    response_time: Duration
    escalation_time: Duration
    communication_frequency: Duration
    resolution_target: Duration
    page: Paging
    progress: Progress
    top: Tier
    inform_manager: Duration | None
    acknowledge_timeout: Duration | None
    review: Review
    audiences: Audiences
    at_declare: AtDeclare
    at_resolve: AtResolve
    users_from: Percent
    users_from_tier_1: Percent
    who: str
    how: str


Matrix = Mapping[Severity, Row]


def _minutes(count: int) -> Duration:
    return Duration(count * 60)


DEFAULTS: Matrix = {
    Severity.SEV1: Row(
        description="Complete outage: all users are affected",
        response_time=_minutes(5),
        escalation_time=_minutes(15),
        communication_frequency=_minutes(15),
        resolution_target=_minutes(30),
        page="now",
        progress="automatic",
        top="executive",
        inform_manager=_minutes(10),
        acknowledge_timeout=None,
        review="required",
        audiences=Audiences(("responders", "stakeholders", "executives", "public")),
        at_declare="draft",
        at_resolve="draft",
        users_from=Percent(50),
        users_from_tier_1=Percent(5),
        who="Incident commander and all teams concerned",
        how="Status page and executives",
    ),
    Severity.SEV2: Row(
        description="Major functionality is impaired for most users",
        response_time=_minutes(15),
        escalation_time=_minutes(30),
        communication_frequency=_minutes(30),
        resolution_target=_minutes(120),
        page="now",
        progress="prompt",
        top="executive",
        inform_manager=None,
        acknowledge_timeout=None,
        review="required",
        audiences=Audiences(("responders", "stakeholders", "public")),
        at_declare="draft",
        at_resolve="draft",
        users_from=Percent(10),
        users_from_tier_1=Percent(1),
        who="On call, with escalation",
        how="Status page and stakeholders",
    ),
    Severity.SEV3: Row(
        description="Minor functionality is impaired, with limited impact",
        response_time=_minutes(60),
        escalation_time=_minutes(120),
        communication_frequency=_minutes(120),
        resolution_target=_minutes(480),
        page="business_hours",
        progress="off",
        top="senior",
        inform_manager=None,
        acknowledge_timeout=None,
        review="short",
        audiences=Audiences(("responders",)),
        at_declare="draft",
        at_resolve="draft",
        users_from=Percent(1),
        users_from_tier_1=Percent(0.1),
        who="The team on call",
        how="Internal",
    ),
    Severity.SEV4: Row(
        description="Minimal impact, cosmetic or planned",
        response_time=_minutes(240),
        escalation_time=_minutes(480),
        communication_frequency=_minutes(1440),
        resolution_target=_minutes(1440),
        page="never",
        progress="off",
        top="on_call",
        inform_manager=None,
        acknowledge_timeout=None,
        review="optional",
        audiences=Audiences(("responders",)),
        at_declare="draft",
        at_resolve="draft",
        users_from=Percent(0),
        users_from_tier_1=Percent(0),
        who="One person, in working hours",
        how="Ticket only",
    ),
}
"""The matrix of an organisation that configured none."""

FIELDS: tuple[str, ...] = tuple(field.name for field in msgspec.structs.fields(Row))


class Rules(msgspec.Struct, frozen=True):
    """The matrix of one service and the business hours of its team: what an incident keeps from its beginning to its end."""

    rows: dict[Severity, Row]
    hours: Hours

    @property
    def number(self) -> int:
        """The same rules have the same number, on every node (64 bits of the SHA-256 of what they say)."""
        said = msgspec.json.encode(self.plain(), order="deterministic")
        return int.from_bytes(hashlib.sha256(said).digest()[:8], signed=True)

    def plain(self) -> dict[str, Any]:
        """As plain data; `read_rules` reads it."""
        rows = {severity.key: plain(row) for severity, row in self.rows.items()}
        return {"rows": rows, "hours": msgspec.to_builtins(self.hours)}


def matrix_of(directory: Directory, service: str | None) -> Matrix:
    """The row of each severity for incidents of a service; without one, the organisation's."""
    key = ("matrix", service)
    if key not in directory.memo:
        owner = directory.services.get(service) if service else None
        if service is None:
            directory.memo[key] = changed(DEFAULTS, directory.severities)
        elif owner is not None and owner.severities:
            directory.memo[key] = changed(matrix_of(directory, None), owner.severities)
        else:
            directory.memo[key] = matrix_of(directory, None)
    found: Matrix = directory.memo[key]
    return found


def changed(matrix: Matrix, changes: Severities) -> Matrix:
    """The matrix with some fields of some rows replaced."""
    return {
        severity: _row(row, changes.rows[severity]) if severity in changes.rows else row
        for severity, row in matrix.items()
    }


def _row(row: Row, change: RowChange) -> Row:
    given = {name: value for name in FIELDS if (value := getattr(change, name)) is not None}
    return msgspec.structs.replace(
        row, **{name: value.after if isinstance(value, Timeout) else value for name, value in given.items()}
    )


def rules_of(directory: Directory, service: str | None) -> tuple[int, Rules]:
    """The rules that an incident of a service begins with, and their number."""
    key = ("rules", service)
    if key not in directory.memo:
        matrix, hours = matrix_of(directory, service), business_hours_of(directory, service)
        shared = ("rules of", id(matrix), hours)  # most services have the same; their matrix lives as long as this memo
        if shared not in directory.memo:
            rules = Rules(dict(matrix), hours)
            directory.memo[shared] = rules.number, rules
        directory.memo[key] = directory.memo[shared]
    found: tuple[int, Rules] = directory.memo[key]
    return found


def read_rules(raw: Mapping[str, Any]) -> Rules:
    """What `Rules.plain` wrote, also in another release: fields that it does not know are left out, missing ones are the defaults."""
    rows = {}
    for severity, row in DEFAULTS.items():
        known = {name: value for name, value in raw["rows"].get(severity.key, {}).items() if name in FIELDS}
        rows[severity] = decode({**plain(row), **known}, Row)
    return Rules(rows, msgspec.convert(raw["hours"], Hours))


def row_view(row: Row) -> dict[str, str]:
    """A row spelled as in the configuration, every field written out."""
    return {name: "off" if value is None else str(value) for name, value in plain(row).items()}


def warnings(matrix: Matrix) -> list[str]:
    """What this policy gives up, in sentences: nothing that is wrong, but somebody should mean it."""
    return [warning for severity in sorted(matrix) for warning in _warnings(matrix, severity)]


def _warnings(matrix: Matrix, severity: Severity) -> Iterator[str]:
    row, name = matrix[severity], severity.name
    if severity <= Severity.SEV2 and row.page != "now":
        when = "pages nobody" if row.page == "never" else "pages only in business hours"
        yield f"{name} {when}"
    if severity <= Severity.SEV2 and row.progress == "off":
        yield f"{name} escalates only by hand once it is acknowledged: its progress clock is off"
    if row.escalation_time < row.response_time:
        yield f"{name} may escalate after {row.escalation_time}, before an acknowledgement is late ({row.response_time})"
    milder = matrix.get(Severity(severity + 1)) if severity < Severity.SEV4 else None
    for field, of in (("users_from", ""), ("users_from_tier_1", " of services of tier 1")):
        share, below = getattr(row, field), getattr(milder, field) if milder is not None else row.users_from
        if milder is not None and share.value < below.value:
            yield f"{name} begins with fewer users{of} ({share.plain()}) than {Severity(severity + 1).name} ({below.plain()})"
    if milder is not None and row.response_time > milder.response_time:
        yield f"{name} may be answered later ({row.response_time}) than {Severity(severity + 1).name} ({milder.response_time})"


def bands_of(matrix: Matrix, tier_1: bool) -> dict[Severity, float]:
    """From what percent of users an incident has each severity; `tier_1`: where a service of tier 1 is affected."""
    return {s: (row.users_from_tier_1 if tier_1 else row.users_from).value for s, row in matrix.items()}


# --- what follows from a row ------------------------------------------------------------------------------------------


def urgency(directory: Directory, service: str | None, severity: Severity, now: datetime) -> Urgency:
    """How people are paged for an incident that begins (or rises to this severity) now."""
    row = matrix_of(directory, service)[severity]
    return urgency_of(row, business_hours_of(directory, service), now)


def urgency_of(row: Row, hours: Hours, now: datetime) -> Urgency:
    """The same under the rules that an incident keeps."""
    if row.page == "business_hours":
        return "high" if open_at(hours, now) else "low"
    return "high" if row.page == "now" else "none"


def after(row: Row, hours: Hours, since: datetime, length: timedelta) -> datetime:
    """When `length` has passed for a row: by the wall when it pages at once, else counting business hours only."""
    return since + length if row.page == "now" else later(hours, since, length)


def respond_by(row: Row, hours: Hours, since: datetime) -> datetime:
    """Until when somebody should have acknowledged."""
    return after(row, hours, since, row.response_time.delta)


def escalate_by(row: Row, hours: Hours, since: datetime) -> datetime:
    """Until when it should be restored, before the progress clock goes on."""
    return after(row, hours, since, row.escalation_time.delta)


def update_by(row: Row, hours: Hours, since: datetime) -> datetime:
    """Until when the next update should follow."""
    return working(row, hours, since + row.communication_frequency.delta)


def restore_by(row: Row, hours: Hours, since: datetime) -> datetime:
    """Until when it should be restored."""
    return working(row, hours, since + row.resolution_target.delta)


def working(row: Row, hours: Hours, at: datetime) -> datetime:
    """`at`, or when business hours begin after it, unless the row pages at once."""
    return at if row.page == "now" else next_opening(hours, at)
