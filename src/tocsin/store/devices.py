"""Browsers that take web push, and numbers that answered STOP: what people's own devices say, beside the configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from tocsin.core.device import Device, with_own
from tocsin.core.directory import Directory
from tocsin.store import objects
from tocsin.store.database import Tx

Row = Mapping[str, Any]
_SHOWN = "id, user_id, name, endpoint, p256dh, auth, code, created_at, asked_at, verified_at, gone_at"


async def load(tx: Tx) -> Directory:
    """What a node works with: everything configured, its users with their devices. (To change or export what is configured, read
    `store.objects`.) Raises msgspec.ValidationError as that does."""
    configured = await objects.load(tx)
    rows = await tx.fetch(
        "SELECT id, user_id, name, endpoint, p256dh, auth FROM devices WHERE verified_at IS NOT NULL AND gone_at IS NULL ORDER BY id"
    )
    stopped = {row[0] for row in await tx.fetch("SELECT number FROM stopped_numbers")}
    devices = [Device(id=r[0], user=r[1], name=r[2], endpoint=r[3], p256dh=r[4], auth=r[5]) for r in rows]
    users = {user.id: user for user in with_own(configured.users.values(), devices, stopped)}
    written = {name: user for name, user in configured.users.items() if users[name] is not user}
    return replace(configured, users=users, written=written) if written else configured


async def changed(tx: Tx) -> None:
    """Every node reads again what it works with."""
    await tx.execute("UPDATE configuration SET revision = revision + 1")
    await tx.execute("SELECT pg_notify('tocsin', 'configuration')")


async def of_user(tx: Tx, user: str) -> Sequence[Row]:
    """One person's devices, oldest first."""
    rows: Sequence[Row] = await tx.fetch(f"SELECT {_SHOWN} FROM devices WHERE user_id = $1 ORDER BY id", user)
    return rows


async def lock(tx: Tx, device: int) -> Row | None:
    """One device, ours until the transaction ends."""
    row: Row | None = await tx.fetchrow(f"SELECT {_SHOWN} FROM devices WHERE id = $1 FOR UPDATE", device)
    return row


async def subscribe(
    tx: Tx, user: str, name: str, endpoint: str, p256dh: str, auth: str, code: str, now: datetime
) -> int:
    """A device that must prove itself; the same browser subscribing again replaces itself, whoever it belonged to."""
    found: int = await tx.fetchval(
        """INSERT INTO devices (user_id, name, endpoint, p256dh, auth, code, created_at, asked_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
           ON CONFLICT (endpoint) DO UPDATE SET user_id = $1, name = $2, p256dh = $4, auth = $5, code = $6, asked_at = $7,
             gone_at = NULL,
             verified_at = CASE WHEN devices.user_id = $1 AND devices.p256dh = $4 AND devices.auth = $5
                                THEN devices.verified_at END
           RETURNING id""",
        user, name, endpoint, p256dh, auth, code, now,
    )  # fmt: skip
    return found


async def renew(tx: Tx, old: str, endpoint: str, p256dh: str, auth: str, code: str, now: datetime) -> Row | None:
    """The device behind one endpoint goes on behind another, and must prove itself anew. None when there is no such device, or the
    other endpoint is taken."""
    row: Row | None = await tx.fetchrow(
        f"""UPDATE devices SET endpoint = $2, p256dh = $3, auth = $4, code = $5, asked_at = $6, verified_at = NULL, gone_at = NULL
            WHERE endpoint = $1 AND NOT EXISTS (SELECT FROM devices WHERE endpoint = $2) RETURNING {_SHOWN}""",
        old, endpoint, p256dh, auth, code, now,
    )  # fmt: skip
    return row


async def ask_again(tx: Tx, device: int, code: str, now: datetime) -> None:
    """Another push is on its way that the device must answer."""
    await tx.execute("UPDATE devices SET code = $2, asked_at = $3 WHERE id = $1", device, code, now)


async def verify(tx: Tx, device: int, now: datetime) -> None:
    """A push reached the device."""
    await tx.execute(
        "UPDATE devices SET verified_at = COALESCE(verified_at, $2), gone_at = NULL WHERE id = $1", device, now
    )


async def remove(tx: Tx, device: int) -> None:
    await tx.execute("DELETE FROM devices WHERE id = $1", device)


async def gone(tx: Tx, device: int, now: datetime) -> bool:
    """Its push service knows the device no more. False when that was known, or the device was removed."""
    done = await tx.fetchval(
        "UPDATE devices SET gone_at = $2 WHERE id = $1 AND gone_at IS NULL RETURNING true", device, now
    )
    return bool(done)


async def stop(tx: Tx, number: str, now: datetime) -> bool:
    """The number wants no more text messages; False when that was known."""
    done = await tx.fetchval(
        "INSERT INTO stopped_numbers (number, at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING true", number, now
    )
    return bool(done)


async def start(tx: Tx, number: str) -> bool:
    """It wants them again; False when it did anyway."""
    return bool(await tx.fetchval("DELETE FROM stopped_numbers WHERE number = $1 RETURNING true", number))
