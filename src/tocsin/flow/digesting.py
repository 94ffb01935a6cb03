"""Minor incidents are told once a day: what waited goes out together, one message for each address (C-17)."""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.flow.context import Context
from tocsin.flow.telling import addresses, digest_notices
from tocsin.store import incidents, notices, timers, updates
from tocsin.store.incidents import Incident
from tocsin.store.notifications import Held
from tocsin.store.timers import Timer
from tocsin.store.updates import Update
from tocsin.store.writing import notify


async def fire(ctx: Context, batch: Sequence[Timer]) -> list[Held]:
    """The daily digest is due."""
    async with ctx.db.transaction() as tx:
        ours = await timers.finish(tx, ctx.node, batch)
        if not ours:
            return []
        now = ctx.clock.now()
        waiting = await updates.digested(tx)
        known = {number: await incidents.read(tx, number) for number in {one.incident for one in waiting}}
        by_address: dict[tuple[str, str, str], list[tuple[Incident, Update]]] = {}
        for one in waiting:
            if (incident := known[one.incident]) is not None:
                for address in await addresses(ctx, tx, incident, one):
                    by_address.setdefault(address, []).append((incident, one))
        made = list(digest_notices(ctx, f"digest:{now:%Y-%m-%dT%H:%M}", by_address, now))
        await notices.add(tx, [notice for notice, _ in made])
        for notice, carried in made:
            await updates.expect(tx, [notice.key], updates=carried)
        await updates.digest_done(tx, [one.id for one in waiting])
        await notify(tx, "timers")
    ctx.wake.set("timers")
    return []
