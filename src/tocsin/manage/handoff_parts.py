"""What a handoff tells: gathered from the services that its schedule answers for, or as it was kept when it was signed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from tocsin.core.directory import Directory
from tocsin.core.handoff import SECTIONS, Item, Section, laid_over, ticket_in
from tocsin.core.incident import display_name, public_id
from tocsin.core.preset import steps_of
from tocsin.core.severity import Severity
from tocsin.flow.context import Context
from tocsin.manage import privacy
from tocsin.store import handoffs, mutes
from tocsin.store import reading_handoffs as reading
from tocsin.store.database import Tx
from tocsin.store.handoffs import Handoff

MOST = 50
"""Lines of one section that are gathered."""
FAMILIAR = timedelta(days=90)
"""An alert rule that did not fire for so long before the shift counts as new in it."""


async def sections_of(
    ctx: Context, tx: Tx, handoff: Handoff
) -> tuple[Mapping[Section, Sequence[Item]], list[dict[str, str]]]:
    """The sections as they are to be shown, and the incidents that are offered for handing over."""
    if handoff.kept is not None:
        kept = msgspec.convert(handoff.kept, dict[Section, list[Item]])
        return {section: kept.get(section, []) for section in SECTIONS}, []
    services = _services(ctx.directory, handoff.schedule)
    now = ctx.clock.now()
    ongoing, offered = await _ongoing(tx, handoff, services)
    gathered: dict[Section, list[Item]] = {
        "ongoing": ongoing,
        "changes": [
            Item(key=f"change:{row['id']}", title=row["title"], at=row["at"], service=row["service"])
            for row in await reading.changes(tx, services, handoff.starts_at, min(handoff.at, now), MOST)
        ],
        "watch": [
            Item(
                key=f"planned:{event.id}",
                title=event.title,
                at=event.starts_at,
                until=event.ends_at,
                load=event.expected_load,
            )
            for event in await handoffs.planned(tx, handoff.at, handoff.until, handoff.schedule)
        ],
        "alerts": [*await _silenced(tx, handoff, services, now), *await _new_rules(tx, handoff, services, now)],
    }
    return laid_over(gathered, handoff.edits), offered


def _services(directory: Directory, schedule: str) -> list[str]:
    """The services that this schedule answers for: those whose escalation policy names it."""
    return [
        service.id
        for service in directory.services.values()
        if (policy := directory.policy_of(service.id)) is not None
        and any(target.schedule == schedule for step in steps_of(policy) for target in step.targets)
    ]


async def _ongoing(tx: Tx, handoff: Handoff, services: Sequence[str]) -> tuple[list[Item], list[dict[str, str]]]:
    hidden = await privacy.hidden(tx)
    found = await reading.open_of_shift(tx, handoff.outgoing, handoff.schedule, services, MOST)
    rows = [row for row in found if row["id"] not in hidden]
    items = [
        Item(
            key=f"incident:{row['id']}",
            title=row["title"],
            at=row["created_at"],
            severity=Severity(row["severity"]).key,
            status=row["status"],
            service=row["service"] or "",
            who=row["assignee"] or "",
            ticket=ticket_in(row["title"], row["description"]),
            unanswered=row["acknowledged_cycle"] < row["cycle"],
        )
        for row in rows
    ]
    offered = [
        {"id": public_id(row["id"]), "name": display_name(row["id"], row["created_at"]), "title": row["title"]}
        for row in rows
        if row["assignee"] == handoff.outgoing and row["acknowledged_cycle"] >= row["cycle"]
    ]
    return items, offered


async def _silenced(tx: Tx, handoff: Handoff, services: Sequence[str], now: datetime) -> list[Item]:
    """Silences that still hold when the shift ends, or began in it, with their reasons."""
    found = []
    for mute in await mutes.ended_after(tx, None, handoff.starts_at):
        holds = mute.ends_at > min(handoff.at, now) or mute.created_at >= handoff.starts_at
        if holds and mute.starts_at < handoff.until and (not mute.scope or not set(mute.scope).isdisjoint(services)):
            found.append(
                Item(
                    key=f"silence:{mute.public_id}",
                    title=", ".join(str(matcher) for matcher in mute.matchers) or "every alert",
                    until=mute.ends_at,
                    at=mute.starts_at if mute.starts_at > now else None,
                    status=_SILENCED[mute.state(now)],
                    service=mute.service or "",
                    who="" if mute.rule else mute.created_by,
                    remark=mute.comment,
                )
            )
    return found[:MOST]


_SILENCED = {"pending": "To be silenced", "active": "Silenced", "expired": "Was silenced"}


async def _new_rules(tx: Tx, handoff: Handoff, services: Sequence[str], now: datetime) -> list[Item]:
    since, end = handoff.starts_at - FAMILIAR, min(handoff.at, now)
    rows = await reading.first_seen(tx, services, since, handoff.starts_at, end, MOST)
    return [
        Item(
            key=f"rule:{row['service']}:{row['rule']}"[:300],
            title=row["rule"],
            at=row["at"],
            status="New alert",
            service=row["service"],
        )
        for row in rows
    ]
