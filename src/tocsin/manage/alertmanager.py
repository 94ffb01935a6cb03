"""What an Alertmanager would show of one service: its open alerts, and which silences are on them now."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from tocsin.core.mute import Mute
from tocsin.flow.context import Context
from tocsin.store import alerts, mutes
from tocsin.store.alerts import OpenAlert


class Shown(msgspec.Struct, frozen=True):
    """An open alert with the UUIDs of the silences that match it now. `ends_at` is never in the past."""

    alert: OpenAlert
    silenced_by: list[str]
    ends_at: datetime


async def open_alerts(ctx: Context, service: str) -> list[Shown]:
    """The open alerts of the service, whichever integration they came through."""
    now = ctx.clock.now()
    async with ctx.db.reading() as tx:
        found = await alerts.open_of_service(tx, service)
        silences = [mute for mute in await mutes.active(tx, now) if mute.service in (None, service)]
    return [Shown(alert, _silenced_by(alert, silences, service, now), _end(alert, now)) for alert in found]


def _silenced_by(alert: OpenAlert, silences: list[Mute], service: str, now: datetime) -> list[str]:
    return [mute.public_id for mute in silences if mute.mutes(alert.labels, service, now)]


def _end(alert: OpenAlert, now: datetime) -> datetime:
    """An alert that does not end by itself counts as confirmed just now."""
    return alert.ends_at if alert.ends_at is not None and alert.ends_at > now else now + timedelta(minutes=5)
