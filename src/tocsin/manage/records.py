"""Everything that is known of one incident, gathered for its report and its review (core/record.py)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from tocsin.core.configuration import Role
from tocsin.core.errors import NotFound
from tocsin.core.incident import public_id
from tocsin.core.matrix import Row as Policy
from tocsin.core.permission import allowed, hidden_kinds
from tocsin.core.record import Record, Sent, Targets, Told
from tocsin.core.role import ABOUT, ROLES, SEVERAL
from tocsin.core.severity import Severity
from tocsin.flow.acts import label, user_of
from tocsin.flow.context import Context
from tocsin.flow.facts import Facts, facts_of
from tocsin.flow.rules import known_rules, learn
from tocsin.manage import privacy
from tocsin.manage.lists import read_time
from tocsin.manage.onsets import onset_of
from tocsin.store import communications, reviews, updates
from tocsin.store import reading_incidents as reading
from tocsin.store.database import Tx
from tocsin.store.reading_incidents import Row

EVERYTHING = 1_000_000
MOST_RUNBOOKS = 10
MOST_CHANGES = 15
JUST_BEFORE = timedelta(hours=2)
"""Changes so long before the onset, and until it was restored, stand in a review."""


async def record_of(ctx: Context, tx: Tx, number: int, role: Role) -> Record:
    """What somebody with this role may know of an incident. Raises NotFound."""
    row = await reading.get(tx, number)
    if row is None:
        raise NotFound("Incident not found")
    await learn(ctx, tx, [row["matrix"]])
    policy = known_rules(ctx, row["matrix"], row["service"]).rows[Severity(row["severity"])]
    entries = await privacy.veiled(tx, await reading.timeline(tx, number, 0, EVERYTHING, hidden_kinds(role)))
    known = await facts_of(tx, row)
    pages = await reading.pages(tx, number, None, None) if allowed(role, "see_pages") else []
    people = _responders(entries)
    return Record(
        id=public_id(number), title=row["title"], description=row["description"], severity=Severity(row["severity"]).key,
        status=row["status"], created_at=row["created_at"], detected_at=row["detected_at"],
        impact_started_at=row["impact_started_at"], acknowledged_at=row["acknowledged_at"], engaged_at=row["engaged_at"],
        identified_at=row["identified_at"], restored_at=row["restored_at"], resolved_at=row["resolved_at"],
        closed_at=row["closed_at"], assigned_at=_assigned_at(entries), assignee=_named(ctx, row["assignee"]),
        services=[_service(ctx, one) for one in row["affected_services"]], tags=list(row["tags"]), roles=_roles(ctx, known),
        impact=row["impact"], certainty={name: said["certainty"] for name, said in row["moments"].items()},
        timeline=[_told(entry) for entry in entries], communications=await _sent(tx, number), escalations=row["escalations_count"],
        alerts=row["alerts_count"], pages=len(pages), answered_pages=sum(page["state"] == "acknowledged" for page in pages),
        undelivered_pages=sum(page["state"] == "undelivered" for page in pages), origin=row["origin"],
        runbooks=await reviews.runbooks(tx, number, MOST_RUNBOOKS), responders=len(people),
        newcomers=await reviews.newcomers(tx, number, people, row["affected_services"]),
        surroundings=await _surroundings(ctx, tx, row) if allowed(role, "see_alerts") else [],
        findings=[(one.text, one.certainty) for one in known.known], targets=targets(policy), people=_people(ctx, known, people),
    )  # fmt: skip


def targets(policy: Policy) -> Targets:
    """What the severity wants, in minutes."""
    return Targets(
        response=policy.response_time / 60,
        communication=policy.communication_frequency / 60,
        resolution=policy.resolution_target / 60,
    )


def _told(row: Row) -> Told:
    return Told(at=row["at"], kind=row["kind"], actor=short(row["actor"]), details=row["details"], data=row["data"])


def short(actor: str) -> str:
    """`user:alice` -> `alice`."""
    kind, _, name = actor.partition(":")
    return name if kind in ("user", "token") and name else actor


def _named(ctx: Context, user: str | None) -> str | None:
    name = label(ctx.directory, user)
    return None if user is None else user if name == user else f"{name} ({user})"


def _service(ctx: Context, service: str) -> str:
    known = ctx.directory.services.get(service)
    return service if known is None or known.label == service else f"{known.label} ({service})"


def _roles(ctx: Context, known: Facts) -> dict[str, str]:
    return {role: ", ".join(label(ctx.directory, user) for user in users) for role, users in known.roles.items()}


def _assigned_at(entries: Sequence[Row]) -> datetime | None:
    """When somebody first was the assignee: paged, put there by a person, or the first to answer."""
    for entry in entries:
        kind, data = entry["kind"], entry["data"]
        if kind == "assigned" or (kind == "response_triggered" and data.get("assignee")):
            return _at(entry)
        if (kind == "escalated" and data.get("to")) or (kind == "acknowledged" and user_of(entry["actor"])):
            return _at(entry)
    return None


def _at(entry: Row) -> datetime:
    found: datetime = entry["at"]
    return found


def _responders(entries: Sequence[Row]) -> list[str]:
    """People who did something about it (declaring it does not count)."""
    acted = (user_of(entry["actor"]) for entry in entries if entry["kind"] != "incident_created")
    return list(dict.fromkeys(user for user in acted if user))


def _people(ctx: Context, known: Facts, people: Sequence[str]) -> dict[str, str]:
    """Everybody who was on it -> what they are called where causes are told (S1-54): their role, never their name."""
    held = [(role, user) for role in ROLES if role not in SEVERAL for user in known.roles.get(role, ())]
    roles = {user: f"the {ABOUT[role].name.lower()}" for role, user in held}
    return {label(ctx.directory, user): roles.get(user, "a responder") for user in dict.fromkeys([*roles, *people])}


async def _sent(tx: Tx, number: int) -> list[Sent]:
    """What was told to anybody, in order."""
    published = [
        Sent(
            at=one.published_at,
            actor=short(one.actor),
            channel=one.audience,
            message=one.message,
            update=True,
            kept=one.kept,
        )
        for one in await updates.of_incident(tx, number, ("published",))
        if one.published_at is not None
    ]
    messages = [
        Sent(at=one.sent_at or one.created_at, actor=short(one.actor), channel=one.channel, message=one.message)
        for one in await communications.of_incident(tx, number, ("sent", "recorded"))
    ]
    return sorted([*published, *messages], key=lambda one: one.at)


async def _surroundings(ctx: Context, tx: Tx, row: Row) -> list[Told]:
    """Alerts as their sources dated them, and changes that fit in time."""
    onset = await onset_of(ctx, tx, row)
    start = (row["impact_started_at"] or row["detected_at"]) - JUST_BEFORE
    alerts = [_around(one, "alert_began", f"Alert: {one['title']}") for one in onset["alerts"]]
    changes = [
        _around(one, "change", f"Change on {_service(ctx, one['service'])}: {one['title']}") for one in onset["changes"]
    ]
    near = [
        change
        for change in changes
        if change.at >= start and (row["restored_at"] is None or change.at <= row["restored_at"])
    ]
    return sorted([*alerts, *near[:MOST_CHANGES]], key=lambda one: one.at)


def _around(one: dict[str, Any], kind: str, details: str) -> Told:
    at = read_time(one["at"], "at")
    assert at is not None  # every alert and change has its time
    return Told(at=at, kind=kind, actor="", details=details)
