"""Snooze: nothing about the incident rings until then, and then paging starts again. Visible, and to be ended at any time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from tocsin.core.errors import Conflict, Invalid
from tocsin.core.escalation import PageReason
from tocsin.core.progress import shifted
from tocsin.core.severity import Severity
from tocsin.core.spelling import Duration
from tocsin.flow.acts import Result, checked, locked_open, tell
from tocsin.flow.context import Context
from tocsin.flow.escalate import ladder_of
from tocsin.flow.handover import forget
from tocsin.flow.pager import ACTOR
from tocsin.flow.respond import answer
from tocsin.flow.restart import restart
from tocsin.store import escalations, incidents, stopping, timers
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.notifications import Held
from tocsin.store.timers import Timer
from tocsin.store.writing import notify

SHORTEST, LONGEST = Duration(60), Duration(7 * 86400)
AWAKE = {"snoozed_at": None, "snoozed_until": None, "snoozed_by": None}


def read_length(text: str) -> Duration:
    """`30m`, `2h`, `7d`. Raises Invalid outside a minute and a week."""
    try:
        length = Duration.parse(text)
    except ValueError as error:
        raise Invalid(str(error), "/for") from None
    if not SHORTEST <= length <= LONGEST:
        raise Invalid(f"{length} cannot be snoozed: write {SHORTEST} to {LONGEST}", "/for")
    return length


async def snooze(ctx: Context, number: int, actor: str, length: Duration, notes: str = "") -> Result:
    """Nothing rings for `length`; who snoozes an unanswered incident has answered it, and an open handover is over. Again: the new
    time counts.

    Raises NotFound; Conflict when it is over, or watched because it is restored.
    """
    notes = checked(notes, "/notes", needed=False)
    async with ctx.db.transaction() as tx:
        incident = await locked_open(tx, number)
        if incident.restored:
            raise Conflict("The incident is restored and only watched: nothing rings that could be snoozed.")
        now = ctx.clock.now()
        await answer(ctx, tx, incident, actor, now, "Acknowledged by snoozing")
        await forget(tx, incident, now)
        until = now + length.delta
        await stopping.pause(tx, number, now)
        await incidents.update(
            tx, incident, snoozed_at=incident.snoozed_at or now, snoozed_until=until, snoozed_by=actor, prompted_at=None
        )
        await timers.set_timer(tx, "snooze", number, number, until)
        text = f"Snoozed for {length}" + (f": {notes}" if notes else "")
        await tell(tx, incident, now, "snoozed", actor, text, until=until.isoformat(), seconds=int(length))
        await notify(tx, "timeline", "timers")
    ctx.wake.set("timeline", "timers")
    return Result(number, True, f"Snoozed for {length}; then paging starts again")


async def cancel(ctx: Context, number: int, actor: str) -> Result:
    """End the snooze now. It stays acknowledged and pages nobody; what was slept does not count for the progress clock.

    Raises NotFound; Conflict when it is not snoozed.
    """
    async with ctx.db.transaction() as tx:
        incident = await locked_open(tx, number)
        if incident.snoozed_at is None:
            raise Conflict("The incident is not snoozed.")
        now = ctx.clock.now()
        await _shift(ctx, tx, incident, now - incident.snoozed_at)
        await incidents.update(tx, incident, **AWAKE)
        await timers.cancel(tx, "snooze", number)
        await timers.set_timer(tx, "progress", number, number, now)
        await tell(tx, incident, now, "snooze_ended", actor, "The snooze was ended early")
        await notify(tx, "timeline", "timers")
    ctx.wake.set("timeline", "timers")
    return Result(number, True, "The snooze is over")


async def _shift(ctx: Context, tx: Tx, incident: Incident, slept: timedelta) -> None:
    climbs = [c for c in await escalations.escalations_of(tx, incident.id) if c.cycle == incident.cycle]
    for climb in climbs:
        ladder = shifted(ladder_of(climb), slept)
        climb.round_started_at, climb.next_at = ladder.round_started_at, ladder.next_at
    await escalations.move_escalations(tx, climbs, ctx.clock.now())


async def wake(ctx: Context, due: Sequence[Timer]) -> list[Held]:
    """Snoozes are over: what is still open and not restored is paged again, from the first step."""
    held: list[Held] = []
    async with ctx.db.transaction() as tx:
        locked = await incidents.lock(tx, [timer.subject for timer in due])
        now = ctx.clock.now()
        ours = await timers.finish(tx, ctx.node, due)
        for timer in due:
            incident = locked.get(timer.subject)
            if timer.id not in ours or incident is None or incident.snoozed_until is None or incident.restored:
                continue
            await tell(tx, incident, now, "snooze_ended", ACTOR, "The snooze is over, and the incident is still open")
            severity = Severity(incident.severity)
            held += await restart(ctx, tx, incident, now, PageReason.SNOOZE_OVER, severity)
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return held
