"""Whom an update or a communication reaches: people who asked to be told, and channels; each delivery leaves a receipt.

What is to be carried goes into the outbox (flow/notices.py) in the transaction that publishes, so a crash loses nothing and repeats
nothing but what was on its way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from tocsin.core.audience import Channel
from tocsin.core.configuration import ContactMethod
from tocsin.core.incident import display_name, public_id
from tocsin.core.notification import for_news, subscribed
from tocsin.core.role import ROLES, holders
from tocsin.core.severity import Severity
from tocsin.flow.acts import user_of
from tocsin.flow.context import Context
from tocsin.store import notices, updates
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.notices import TOLD, NewNotice
from tocsin.store.updates import Update

PATIENCE = timedelta(hours=1)
"""How long a delivery is tried."""


async def tell_audience(ctx: Context, tx: Tx, incident: Incident, update: Update, now: datetime) -> int:
    """Put an update on its way to its audience. Returns to how many addresses; the public reads the status page."""
    people = await _people(ctx, tx, incident, update.audience, update.actor)
    made = [
        person_notice(f"update:{update.id}", person, method, incident, heading(incident, update.incident_status), said(update), now)
        for person, method in people
    ]  # fmt: skip
    made += [
        to_channel(
            f"update:{update.id}", channel, incident, heading(incident, update.incident_status), said(update), now
        )
        for channel in channels_of(ctx, incident, update.audience)
    ]
    await notices.add(tx, made)
    await updates.expect(tx, [notice.key for notice in made], updates=[update.id])
    return len(made)


def said(update: Update) -> str:
    """What is carried: the message, and the next time unless the message says it itself."""
    at = update.next_update_at
    if at is None or f"{at:%H:%M}" in update.message:
        return update.message
    return f"{update.message}\n\nNext update by {at:%H:%M} UTC ({at:%a} {at.day} {at:%b})."


def heading(incident: Incident, status: str) -> str:
    """`[SEV1] Cards are declined: investigating (INC-2026-041)`."""
    name = display_name(incident.id, incident.created_at)
    return f"[{Severity(incident.severity).name}] {incident.title}: {status} ({name})"


async def _people(
    ctx: Context, tx: Tx, incident: Incident, audience: str, actor: str
) -> list[tuple[str, ContactMethod]]:
    """(person, contact method): of responders those whose owner wants updates; of others whoever asked to be told."""
    users = ctx.directory.users
    if audience == "responders":
        names = [name for name in engaged_in(incident) if name != user_of(actor)]
        return [(name, method) for name in names if name in users for method in subscribed(users[name])]
    if audience == "public":
        return []
    return [
        (name, method) for name in await subscribers_of(ctx, tx, incident, audience) for method in for_news(users[name])
    ]


async def subscribers_of(ctx: Context, tx: Tx, incident: Incident, audience: str) -> list[str]:
    """Who asked to be told of an incident like this one; of a private one only those who may see it."""
    names = await updates.subscribers(tx, audience, incident.severity, touched(incident))
    if incident.private:
        names = [name for name in names if name in {*incident.readers, *engaged_in(incident)}]
    return [name for name in names if name in ctx.directory.users]


def engaged_in(incident: Incident) -> list[str]:
    """Whoever works on it: assignee, responders, whoever holds a role."""
    held = (name for role in ROLES for name in holders(incident.roles, role))
    return list(dict.fromkeys(name for name in (incident.assignee, *incident.responders, *held) if name))


def touched(incident: Incident) -> list[str]:
    return list(dict.fromkeys([*([incident.service] if incident.service else []), *incident.affected_services]))


def channels_of(ctx: Context, incident: Incident, audience: str) -> list[Channel]:
    """The channels of an audience that hear of this incident; of a private one none does."""
    if incident.private:
        return []
    services = touched(incident)
    every: Iterable[Channel] = ctx.directory.channels.values()
    return [one for one in every if one.audience == audience and one.hears_of(incident.severity, services)]


def person_notice(
    key: str, person: str, method: ContactMethod, incident: Incident, title: str, text: str, now: datetime
) -> NewNotice:
    return NewNotice(
        key=f"{key}:{person}:{method.id}", kind=TOLD, user_id=person, method=method.id, channel=method.type, heading=title,
        text=text, path=f"/incidents/{public_id(incident.id)}", incident_id=incident.id, created_at=now, due_at=now,
        deadline_at=now + PATIENCE,
    )  # fmt: skip


def to_channel(key: str, channel: Channel, incident: Incident, title: str, text: str, now: datetime) -> NewNotice:
    """A delivery to a channel: it stands in the outbox where a person would."""
    return NewNotice(
        key=f"{key}:{channel.recipient}", kind=TOLD, user_id=channel.recipient, method=channel.id, channel=channel.type,
        heading=title, text=text, path=f"/incidents/{public_id(incident.id)}", incident_id=incident.id, created_at=now,
        due_at=now, deadline_at=now + PATIENCE,
    )  # fmt: skip


def digest_notices(
    name: str, key: str, waiting: dict[tuple[str, str, str], list[tuple[Incident, Update]]], now: datetime
) -> Iterator[tuple[NewNotice, list[int]]]:
    """One message for each address with all that waited for the daily digest of the team `name`: (notice, updates that it carries)."""
    for (person, method, channel), found in waiting.items():
        lines = [f"{heading(incident, update.incident_status)}\n{said(update)}" for incident, update in found]
        count = f"{len(found)} update{'' if len(found) == 1 else 's'}"
        yield NewNotice(
            key=f"{key}:{person}:{method}", kind=TOLD, user_id=person, method=method, channel=channel,
            heading=f"{name}, daily digest: {count} on minor incidents", text="\n\n".join(lines), path="/incidents",
            created_at=now, due_at=now, deadline_at=now + PATIENCE,
        ), [update.id for _, update in found]  # fmt: skip


async def addresses(ctx: Context, tx: Tx, incident: Incident, update: Update) -> list[tuple[str, str, str]]:
    """(recipient, method, type of channel) of everybody whom an update reaches."""
    people = await _people(ctx, tx, incident, update.audience, update.actor)
    found = [(person, method.id, method.type) for person, method in people]
    return found + [(one.recipient, one.id, one.type) for one in channels_of(ctx, incident, update.audience)]
