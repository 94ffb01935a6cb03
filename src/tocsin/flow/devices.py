"""A push service knows a browser no more: it is struck off, and its owner hears of it by other means."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from tocsin.core.configuration import ContactMethod, User
from tocsin.core.device import is_own
from tocsin.core.errors import Unavailable
from tocsin.core.notification import subscribed
from tocsin.flow.context import Context
from tocsin.store import access, devices, notices
from tocsin.store.notices import NewNotice
from tocsin.store.writing import notify

log = structlog.get_logger(__name__)

PATIENCE = timedelta(days=1)
"""How long we try to tell the owner."""


async def forget(ctx: Context, user: str, method: ContactMethod) -> None:
    """No page goes to this device any more. Forgetting twice is fine; while the database is away it is left to the next page."""
    if not is_own(method):
        return  # written in a file: only its writer can remove it
    number, now = int(method.id.rpartition(":")[2]), ctx.clock.now()
    person = ctx.directory.users.get(user)
    try:
        async with ctx.db.transaction() as tx:
            if not await devices.gone(tx, number, now):
                return
            await devices.changed(tx)
            await access.audit(tx, now, "tocsin", "device.gone", f"user:{user}", {"device": number})
            if person is not None:
                await notices.add(tx, _news(person, method, number, now))
                await notify(tx, "timers")
    except Unavailable:
        log.warning("a device could not be struck off; the next page tries again", user=user)
        return
    ctx.wake.set("configuration", "timers")


def _news(person: User, method: ContactMethod, number: int, now: datetime) -> list[NewNotice]:
    """For the person's mailboxes, and whatever else they want to hear of."""
    name = method.settings.get("device", "")
    ways = {m.id: m for m in (*person.contact_methods, *subscribed(person)) if m.verified and m.id != method.id}
    wanted = {m.id for m in subscribed(person)}
    text = (
        f"Its push service says that {name} is not subscribed any more (the browser was reset, or the permission was taken back). "
        "No page goes there now. To be paged there again, open Your account on that device and press “Page this device”."
    )
    return [
        NewNotice(
            key=f"device-gone:{number}:{now.isoformat()}:{way.id}", kind="device_gone", user_id=person.id, method=way.id,
            channel=way.type, heading=f"Tocsin cannot reach {name} any more", text=text, path="/account", created_at=now,
            due_at=now, deadline_at=now + PATIENCE,
        )
        for way in ways.values()
        if way.type == "email" or way.id in wanted
    ]  # fmt: skip
