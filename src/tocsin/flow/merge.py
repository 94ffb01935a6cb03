"""Two incidents are one: the second goes into the first, with its alerts. And links between incidents that have to do with each other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tocsin.core.errors import Conflict, Invalid
from tocsin.core.escalation import PageReason
from tocsin.core.incident import display_name, public_id, unknown
from tocsin.core.moment import kept
from tocsin.core.severity import Severity
from tocsin.core.tier import Tier
from tocsin.core.timeline import Entry
from tocsin.flow import watching
from tocsin.flow.acts import Result, checked, tell, user_of
from tocsin.flow.context import Context
from tocsin.flow.restart import restart
from tocsin.flow.rules import CLOCK, rules_for, strike
from tocsin.flow.transitions import moved
from tocsin.store import endings, incidents, merges, stopping, timers
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.notifications import Held
from tocsin.store.writing import Writing, notify, write_paging

MOST_RELATED = 50
"""Incidents that one may be linked with."""


async def merge(ctx: Context, number: int, actor: str, into: int, notes: str = "") -> Result:
    """`number` goes into `into`: it is closed, its pages and clocks stop, and its alerts belong to the other from now on, also those
    that come again or belong to its group. When it was graver the other becomes as grave, and pages as if a graver alert had joined.

    Raises NotFound; Invalid for the incident itself; Conflict when the other is over, or either is part of a merge already.
    """
    notes = checked(notes, "/notes", needed=False)
    async with ctx.db.transaction() as tx:
        one, other = await _both(tx, number, into, "/into")
        if one.merged_into == into:
            return Result(number, False, f"Already merged into {_called(other)}")
        await _check(tx, one, other)
        now = ctx.clock.now()
        alerts = await _absorb(tx, one, other)
        await merges.follow_words(tx, number, into)
        await _promise(ctx, tx, one, other, now)
        old = one.status
        await _end(tx, one, into, actor, now)
        said = f". {notes}" if notes else ""
        count = f"{alerts} alert{'s' if alerts != 1 else ''}"
        text = f"Merged into {_name(other)}, with {count}{said}"
        await tell(tx, one, now, "merged", actor, text, into=_id(other), alerts=alerts, notes=notes)
        text = f"{_called(one)} ({one.title}) was merged into this, with {count}{said}"
        data = {"from": public_id(number), "alerts": alerts, "notes": notes, "severity": one.severity}
        await tell(tx, other, now, "merged", actor, text, **data)
        await moved(ctx, tx, one, old, "closed", actor, now)
        graver = one.severity < other.severity
        held = await _raise(ctx, tx, one, other, actor, now) if graver else []
        await notify(tx, "timeline", "timers")
    ctx.hand_over(held)
    ctx.wake.set("timeline", "timers")
    worse = f", which is a SEV{one.severity} now and pages as one" if graver else ""
    return Result(number, True, f"Merged into {_called(other)}{worse}")


async def _raise(ctx: Context, tx: Tx, one: Incident, other: Incident, actor: str, now: datetime) -> list[Held]:
    """The other is as grave as the merged one was."""
    severity, old = Severity(one.severity), Severity(other.severity)

    def preface(to: str | None, tier: Tier | None) -> Entry:
        said = f"from {old.name} to {severity.name}. {_name(one)} was merged into it"
        data = {"from": old.key, "to": severity.key, "reason": "merged", "other": _id(one)}
        return Entry(at=now, kind="severity_changed", actor=actor, details=said, data=data)

    return await restart(ctx, tx, other, now, PageReason.SEVERITY_ROSE, severity, preface=preface)


async def _both(tx: Tx, number: int, other: int, pointer: str) -> tuple[Incident, Incident]:
    if number == other:
        raise Invalid("this is the incident itself: name another one", pointer)
    found = await incidents.lock(tx, [number, other])
    if number not in found:
        raise unknown(number)
    if other not in found:
        raise Invalid(f"there is no incident {public_id(other)}", pointer)
    return found[number], found[other]


async def _check(tx: Tx, one: Incident, other: Incident) -> None:
    """Merges are one level deep, so that everybody knows where to go. Raises Conflict."""
    if one.merged_into is not None:
        raise Conflict(f"It was merged into {await _names(tx, [one.merged_into])} already.")
    if other.merged_into is not None:
        into = await _names(tx, [other.merged_into])
        raise Conflict(f"{_called(other)} was itself merged into {into}: merge into that one instead.")
    if inside := await merges.merged_into(tx, one.id):
        names = await _names(tx, inside[:5])
        raise Conflict(f"Others were merged into {_called(one)} ({names}): merge the other way round.")
    if one.status == "closed":
        raise Conflict("It is closed: reopen it first, or link the two instead.")
    if not other.open:
        raise Conflict(f"{_called(other)} is {other.status}: reopen it first, or link the two instead.")
    if one.drill or other.drill:
        raise Conflict("A drill is merged with nothing: it ends by itself.")


async def _names(tx: Tx, numbers: Sequence[int]) -> str:
    return ", ".join((await merges.names(tx, numbers)).values())


async def _absorb(tx: Tx, one: Incident, other: Incident) -> int:
    """The other takes alerts, services, people, and the earlier beginning. Returns how many alerts came."""
    alerts = await merges.move_alerts(tx, one.id, other.id)
    for incident in (one, other):
        await timers.cancel(tx, "count", incident.id)  # what is being counted right now is not so any more
    counts = await endings.count_alerts(tx, [one.id, other.id])
    changes: dict[str, object] = {
        "affected_services": list(dict.fromkeys([*other.affected_services, *one.affected_services])),
        "responders": list(dict.fromkeys([*other.responders, *one.responders])),
        "readers": list(dict.fromkeys([*other.readers, *one.readers])),
        "alerts_count": counts.get(other.id, 0),
        "private": one.private or other.private,
    }
    if one.impact and not other.impact:
        changes["impact"] = one.impact
    if one.detected_at < other.detected_at:
        changes["detected_at"] = one.detected_at
        changes["moments"] = kept(other.moments, "detected", f"merged from {_called(one)}", "exact")
    begins = [at for at in (one.impact_started_at, other.impact_started_at) if at is not None]
    if begins and min(begins) != other.impact_started_at:
        changes["impact_started_at"] = min(begins)
    await incidents.update(tx, other, **changes)
    return alerts


async def _promise(ctx: Context, tx: Tx, one: Incident, other: Incident, now: datetime) -> None:
    """Whoever was promised to hear more of the one hears it of the other, by the time that was promised first."""
    if not one.promised:
        return
    times = {name: datetime.fromisoformat(at) for name, at in other.promised.items()}
    for name, text in one.promised.items():
        at = datetime.fromisoformat(text)
        if name not in times or now < at < times[name]:
            times[name] = at  # but for what is late already: those who heard of the other since do not wait for it
    promised = {name: at.isoformat() for name, at in times.items()}
    await incidents.update(tx, other, promised=promised, next_update_at=min(times.values()))
    writing = Writing()
    writing.timers += strike(await rules_for(ctx, tx, other), other, now)
    await write_paging(tx, writing)


async def _end(tx: Tx, one: Incident, into: int, actor: str, now: datetime) -> None:
    """Its own pages, ladders and clocks are over. No status leads here but by merging, and no review is asked of it."""
    await stopping.stop_paging(tx, [one.id], now, "merged", user_of(actor))
    await watching.end(tx, one)
    await timers.cancel(tx, CLOCK, one.id)
    await incidents.update(
        tx, one, status="closed", merged_into=into, closed_at=now, resolved_at=one.resolved_at or now, alerts_count=0, alarm=None,
        acknowledged_cycle=one.cycle, next_update_at=None, **incidents.AT_REST,
    )  # fmt: skip


def _called(incident: Incident) -> str:
    """As people call it."""
    return display_name(incident.id, incident.created_at)


def _name(incident: Incident) -> str:
    """How the story of another incident, which more people may read, names this one."""
    return "a private incident" if incident.private else f"{_called(incident)} ({incident.title})"


def _id(incident: Incident) -> str | None:
    return None if incident.private else public_id(incident.id)


async def relate(ctx: Context, number: int, actor: str, other: int, notes: str = "") -> Result:
    """Link two incidents, on both ends. Again: no change. Raises NotFound; Invalid for the incident itself; Conflict beyond 50."""
    notes = checked(notes, "/notes", needed=False)
    async with ctx.db.transaction() as tx:
        one, two = await _both(tx, number, other, "/incident")
        if other in one.related:
            return Result(number, False, f"Already linked with {_called(two)}")
        if max(len(one.related), len(two.related)) >= MOST_RELATED:
            raise Conflict(f"One of them is linked with {MOST_RELATED} incidents already: take a link away first.")
        now, said = ctx.clock.now(), f". {notes}" if notes else ""
        for here, there in ((one, two), (two, one)):
            await incidents.update(tx, here, related=[*here.related, there.id])
            data = {"other": _id(there), "linked": True, "notes": notes}
            await tell(tx, here, now, "related", actor, f"Linked with {_name(there)}{said}", **data)
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return Result(number, True, f"Linked with {_called(two)}")


async def unrelate(ctx: Context, number: int, actor: str, other: int) -> Result:
    """Take the link away, on both ends. Without one: no change. Raises NotFound; Invalid."""
    async with ctx.db.transaction() as tx:
        one, two = await _both(tx, number, other, "/incident")
        if other not in one.related:
            return Result(number, False, f"Not linked with {_called(two)}")
        now = ctx.clock.now()
        for here, there in ((one, two), (two, one)):
            await incidents.update(tx, here, related=[found for found in here.related if found != there.id])
            data = {"other": _id(there), "linked": False}
            await tell(tx, here, now, "related", actor, f"No longer linked with {_name(there)}", **data)
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return Result(number, True, f"No longer linked with {_called(two)}")
