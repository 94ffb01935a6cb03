"""What an Alertmanager would show of one service: its open alerts, and which silences are on them now."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import msgspec

from tocsin.core.silencer import Silencer
from tocsin.flow.context import Context
from tocsin.store import alerts
from tocsin.store.alerts import OpenAlert

MOST = 20_000
"""Alerts shown at most."""
AT_ONCE = 500
"""Alerts read in one go, so that reading many never holds up the loop."""


class Shown(msgspec.Struct, frozen=True):
    """An open alert with the UUIDs of the silences that match it now. `ends_at` is never in the past."""

    alert: OpenAlert
    silenced_by: list[str]
    ends_at: datetime


async def open_alerts(ctx: Context, service: str) -> list[Shown]:
    """The open alerts of the service, whichever integration they came through; at most MOST."""
    now = ctx.clock.now()
    found: list[OpenAlert] = []
    async with ctx.db.reading() as tx:
        while len(found) < MOST:
            some = await alerts.open_of_service(tx, service, found[-1].dedup_key if found else "", AT_ONCE)
            found += some
            if len(some) < AT_ONCE:
                break
        silences = await ctx.silences.current(tx, now)
    return await asyncio.to_thread(_shown, found, silences, service, now)


def _shown(found: list[OpenAlert], silences: Silencer, service: str, now: datetime) -> list[Shown]:
    return [Shown(alert, _silenced_by(alert, silences, service, now), _end(alert, now)) for alert in found]


def _silenced_by(alert: OpenAlert, silences: Silencer, service: str, now: datetime) -> list[str]:
    return [mute.public_id for mute in silences.every(alert.labels, service, now)]


def _end(alert: OpenAlert, now: datetime) -> datetime:
    """An alert that does not end by itself counts as confirmed just now."""
    return alert.ends_at if alert.ends_at is not None and alert.ends_at > now else now + timedelta(minutes=5)
