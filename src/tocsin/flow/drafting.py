"""Drafts are ready before an update is due, and when those who were told want to hear the news; a policy may publish the last words
by itself."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from tocsin.core.audience import Audience
from tocsin.core.errors import NotFound
from tocsin.core.incident import OPEN
from tocsin.core.promise import DRAFT_BEFORE, together
from tocsin.core.severity import Severity
from tocsin.flow.acts import locked, tell
from tocsin.flow.beside import beside
from tocsin.flow.clocks import update_to
from tocsin.flow.composing import Brief, Composed, brief, compose, moment_of
from tocsin.flow.context import Context
from tocsin.flow.pager import ACTOR
from tocsin.flow.reminding import joined, overdue, speaker_of
from tocsin.flow.rules import known_rules
from tocsin.flow.updates import Wish, draft, published
from tocsin.store import incidents, notices, timers, updates
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.notifications import Held
from tocsin.store.timers import Timer
from tocsin.store.updates import Update
from tocsin.store.writing import notify

SLACK = timedelta(minutes=1)
"""What falls due so soon after is drafted together."""


async def fire(ctx: Context, batch: Sequence[Timer]) -> list[Held]:
    """Drafts of these incidents are to be ready: composed beside the timers, because that takes a while."""
    await beside(ctx, batch, _prepare)
    return []


async def _prepare(ctx: Context, timer: Timer) -> None:
    try:
        found = await brief(ctx, timer.subject)
    except NotFound:
        found = None
    wanted = _wanted(ctx, found) if found is not None and not found.incident.drill else []
    made = [await compose(ctx, found, audience) for audience in wanted] if found is not None else []
    await _record(ctx, timer, found, made)


def _wanted(ctx: Context, brief: Brief) -> list[Audience]:
    """The audiences for which there is something to say now.

    Of an end: all that were told, once. Before it: those whose promised time comes, those who were told of another status (or that it is
    over, and it came back), and those of whom the matrix wants that they are told and who have heard nothing.
    """
    incident, soon = brief.incident, _soon(ctx, brief.incident)
    if not incident.open:
        return [name for name, one in brief.latest.items() if one.moment != "resolution"]  # type: ignore[misc]
    due = set(overdue(incident, soon))
    due |= {
        name
        for name, one in brief.latest.items()
        if one.incident_status != incident.status and (name in incident.promised or one.incident_status not in OPEN)
    }
    if due or not brief.latest:
        due |= {name for name in brief.required if name not in brief.latest}
    return [name for name in ("responders", "stakeholders", "executives", "public") if name in due]


def _soon(ctx: Context, incident: Incident) -> datetime:
    """What falls due until then is drafted together (its rules were learnt with the brief)."""
    row = known_rules(ctx, incident.matrix, incident.service).rows[Severity(incident.severity)]
    return ctx.clock.now() + DRAFT_BEFORE + max(SLACK, together(row))


async def _record(ctx: Context, timer: Timer, found: Brief | None, made: Sequence[Composed]) -> None:
    """The drafts, with the news of them; or what the policy publishes by itself."""
    async with ctx.db.transaction() as tx:
        incident = (await incidents.lock(tx, [timer.subject])).get(timer.subject)
        now = ctx.clock.now()
        if not await timers.finish(tx, ctx.node, [timer]) or incident is None or found is None or not made:
            return
        if incident.status != found.incident.status:  # it moved on while this was composed: once more
            await timers.set_timer(tx, timer.kind, timer.subject, timer.subject, now)
            return
        news = await _unheard(tx, found, made)
        told = [one for one in news if not one.stopped] if not incident.open and found.publishes else []
        for one in told:
            await published(ctx, tx, incident, ACTOR, _wish(one), now)
        await _offer(ctx, tx, incident, [one for one in news if one not in told])
        await notify(tx, "timeline", "timers")
    ctx.wake.set("timeline", "timers")


def _wish(one: Composed) -> Wish:
    return Wish(
        audience=one.audience, message=one.text, moment=one.moment,
        next_update_at=one.next_update_at if one.moment != "resolution" else None,
    )  # fmt: skip


async def _offer(ctx: Context, tx: Tx, incident: Incident, made: Sequence[Composed]) -> None:
    """Keep the drafts, tell the room, and whoever speaks for the incident, of those that are new: one that waits already only says
    what is known by now."""
    if not made:
        return
    now = ctx.clock.now()
    waiting = {
        one.audience
        for one in await updates.of_incident(tx, incident.id, ("draft",))
        if one.incident_status == incident.status
    }
    for one in made:
        await draft(tx, incident, one.audience, one.text, now, moment=one.moment, next_update_at=one.next_update_at)
    names = [one.audience for one in made if one.audience not in waiting]
    if not names:
        return
    promised = overdue(incident, _soon(ctx, incident))
    due = min((promised[name] for name in names if name in promised), default=incident.next_update_at)
    when = "" if not incident.open or due is None else f", due by {due:%H:%M} UTC"
    text = f"{'A draft' if len(names) == 1 else 'Drafts'} for {joined(names)} {'is' if len(names) == 1 else 'are'} ready{when}"
    await tell(tx, incident, now, "update_drafted", ACTOR, text, audiences=names)
    user = speaker_of(incident) if incident.snoozed_until is None else None
    key = f"update_drafted:{incident.id}:{now.isoformat()}"
    news = list(update_to(ctx.directory, user, key, f"{text}: read, mend and publish.", incident, now))
    await notices.add(tx, news)


# --- what others ask for ----------------------------------------------------------------------------------------------


async def prepare(ctx: Context, number: int, audiences: Collection[Audience]) -> list[Update]:
    """Drafts for these audiences, from what is known now. Raises NotFound."""
    found = await brief(ctx, number)
    made = [await compose(ctx, found, audience) for audience in audiences]
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        now = ctx.clock.now()
        return [
            await draft(tx, incident, one.audience, one.text, now, moment=one.moment, next_update_at=one.next_update_at)
            for one in made
        ]


async def announce(ctx: Context, number: int, actor: str, audiences: Collection[Audience]) -> list[Update]:
    """Tell these audiences what is known now, in the words of their templates. An audience that was told the same moment's words for
    this status already is left out, so that asking twice tells once; words that the policy of wording stops are offered as drafts.
    Raises NotFound.
    """
    found = await brief(ctx, number)
    fresh = [name for name in audiences if not _heard(found, name)]
    made = [await compose(ctx, found, audience) for audience in fresh]
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        now = ctx.clock.now()
        news = await _unheard(tx, found, made)
        told = [await published(ctx, tx, incident, actor, _wish(one), now) for one in news if not one.stopped]
        await _offer(ctx, tx, incident, [one for one in news if one.stopped])
        await notify(tx, "timeline", "timers")
    ctx.wake.set("timeline", "timers")
    return told


async def _unheard(tx: Tx, brief: Brief, made: Sequence[Composed]) -> list[Composed]:
    """Those whose audience heard nothing else while this was composed. On a locked incident."""
    latest = await updates.latest(tx, brief.incident.id)
    return [one for one in made if latest.get(one.audience) == brief.latest.get(one.audience)]


def _heard(brief: Brief, audience: str) -> bool:
    last = brief.latest.get(audience)
    return last is not None and last.incident_status == brief.incident.status and moment_of(brief, audience) in (
        "resolution", "initial",
    )  # fmt: skip


def told_audiences(brief: Brief) -> list[Audience]:
    """Those that heard anything of it."""
    return [name for name in ("responders", "stakeholders", "executives", "public") if name in brief.latest]


async def tell_everyone(
    ctx: Context, number: int, actor: str, audiences: Collection[Audience] | None = None
) -> list[Update]:
    """The last words to everybody who was told anything (of those given): one action for all audiences (S0-97, S0-106)."""
    found = await brief(ctx, number)
    return await announce(
        ctx, number, actor, [name for name in told_audiences(found) if audiences is None or name in audiences]
    )
