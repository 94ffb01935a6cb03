"""The first steps of a response besides paging: each a job that survives the death of a node, and tells what became of it.

An incident whose policy asks for such steps is born with a timer of the kind `response`. Its handler writes one row for each step, then
does what is due, one step at a time and each in transactions of its own, so that one that fails neither blocks nor undoes another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
import structlog

from tocsin.core.audience import Audience
from tocsin.core.directory import Directory
from tocsin.core.errors import Conflict, Unavailable
from tocsin.core.matrix import matrix_of
from tocsin.core.response import Asked, Outcome, Step, people, retry_at
from tocsin.core.severity import Severity
from tocsin.flow.acts import label, locked, tell
from tocsin.flow.beside import beside
from tocsin.flow.composing import Brief, Composed, brief, compose
from tocsin.flow.context import Context
from tocsin.flow.pager import ACTOR
from tocsin.flow.telling import channels_of, subscribers_of, touched
from tocsin.flow.updates import Wish, draft, published
from tocsin.store import incidents, responses, timers, updates
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.notifications import Held
from tocsin.store.responses import TIMER, Job
from tocsin.store.timers import Timer
from tocsin.store.writing import NewTimer, notify

log = structlog.get_logger(__name__)

STORM = timedelta(minutes=10)
MOST = 20
"""Of so many incidents that alerts opened is an audience told within `STORM` by rule, those of a milder severity not counted."""

WhyNot = Callable[[Directory, Collection[str], Severity, bool, bool], str]
"""(directory, services, severity, private, somebody subscribed) -> why the policy does not ask for a step; empty when it does."""


def asked(ctx: Context, services: Sequence[str], severity: Severity, private: bool = False) -> Asked:
    """What the policy asks for beyond paging, for an incident of these services. Worked out once for each configuration."""
    directory, heard = ctx.directory, ctx.subscribed
    key = ("response", tuple(services), severity, private, heard)
    if key not in directory.memo:
        directory.memo[key] = _asked(directory, services, severity, private, heard)
    found: Asked = directory.memo[key]
    return found


def _asked(directory: Directory, services: Sequence[str], severity: Severity, private: bool, heard: bool) -> Asked:
    without = [
        Outcome(step, "skipped", why)
        for step, find in _WHY_NOT.items()
        if (why := find(directory, services, severity, private, heard))
    ]
    skipped = {one.step for one in without}
    return Asked(jobs=tuple(step for step in _WHY_NOT if step not in skipped), reasons=tuple(without))


def born(
    ctx: Context, number: int, services: Sequence[str], severity: Severity, now: datetime, private: bool = False
) -> list[NewTimer]:
    """The timer of an incident that begins now; none when its policy asks for nothing beyond paging."""
    if not asked(ctx, services, severity, private).jobs:
        return []
    return [NewTimer(kind=TIMER, subject=number, incident_id=number, due_at=now)]


async def refresh(ctx: Context) -> None:
    """Whether anybody asked to be told of incidents: looked up now and then, so that no event has to ask."""
    async with ctx.db.reading(reserved=True) as tx:
        ctx.subscribed = await responses.anybody_subscribed(tx)


async def fire(ctx: Context, batch: Sequence[Timer]) -> list[Held]:
    """The first steps of these incidents are due: done beside the timers, because each reads and writes a lot."""
    await beside(ctx, batch, _steps)
    return []


async def _steps(ctx: Context, timer: Timer) -> None:
    for job in await _due(ctx, timer):
        await _do(ctx, job)
    await _rest(ctx, timer)


async def _due(ctx: Context, timer: Timer) -> list[Job]:
    """What is to be tried now; the rows are written when there are none yet."""
    async with ctx.db.transaction() as tx:
        if not await responses.of(tx, timer.subject):
            incident = (await incidents.lock(tx, [timer.subject])).get(timer.subject)
            if incident is not None:
                wanted = asked(ctx, incident.affected_services, Severity(incident.severity), incident.private)
                await responses.begin(tx, incident.id, wanted.jobs, ctx.clock.now())
        return await responses.due(tx, timer.subject, ctx.clock.now())


async def _do(ctx: Context, job: Job) -> None:
    """One step. A failure is recorded and tried again later; the other steps are not touched by it."""
    try:
        found = await brief(ctx, job.incident_id)
        text = await compose(ctx, found, AUDIENCE[job.step]) if found.incident.open else None
        await _carry(ctx, job, found, text)
    except Unavailable:
        raise
    except Exception as error:  # whatever is wrong with one step must not stand in the way of the others
        log.exception("a first step failed", step=job.step, incident=job.incident_id)
        await _failed(ctx, job, f"{type(error).__name__}: {error}"[:300])


async def _carry(ctx: Context, job: Job, found: Brief, text: Composed | None) -> None:
    """What the step does, that it is done, and the entry that tells of it: together or not at all, so a crash repeats nothing."""
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, job.incident_id)
        now = ctx.clock.now()
        if text is None or not incident.open:
            outcome = Outcome(job.step, "skipped", f"the incident was {incident.status} before it came to it")
        elif text.audience in await updates.latest(tx, incident.id):  # also while this was composed
            outcome = Outcome(job.step, "skipped", "somebody told them already")
        elif await _flooded(tx, incident, job, now):
            told = f"{MOST} other incidents came to it within {int(STORM.total_seconds() // 60)} minutes"
            outcome = Outcome(job.step, "skipped", f"{told}: tell of all of them in one update")
        else:
            outcome = await DO[job.step](ctx, tx, incident, text, now)
        await _settle(tx, job, incident, outcome, now)
    ctx.wake.set("timeline", "timers")


async def _flooded(tx: Tx, incident: Incident, job: Job, now: datetime) -> bool:
    """A storm of alerts opened so many incidents that one more message tells nobody anything. What a person declared is always told."""
    if incident.origin != "event":
        return False
    return await responses.done_lately(tx, job.step, incident.severity, now - STORM, MOST) >= MOST


async def _settle(tx: Tx, job: Job, incident: Incident, outcome: Outcome, now: datetime) -> None:
    """Raises Conflict when another node did it first, so that nothing of this is kept."""
    if not await responses.settle(tx, job, outcome, now):
        raise Conflict("Another node did this step.")
    await tell(tx, incident, now, "response_step", ACTOR, outcome.sentence, **outcome.plain())
    await notify(tx, "timeline")


async def _failed(ctx: Context, job: Job, why: str) -> None:
    again = retry_at(job.attempts + 1, ctx.clock.now())
    async with ctx.db.transaction() as tx:
        if again is not None:
            return await responses.put_off(tx, job, again, why)
        incident = await locked(tx, job.incident_id)
        now, outcome = ctx.clock.now(), Outcome(job.step, "failed", why)
        if await responses.settle(tx, job, outcome, now):
            await tell(tx, incident, now, "response_step", ACTOR, outcome.sentence, **outcome.plain())
            await notify(tx, "timeline")
    ctx.wake.set("timeline", "timers")


async def _rest(ctx: Context, timer: Timer) -> None:
    """The timer goes with the last step, or waits for the next one."""
    async with ctx.db.transaction() as tx:
        if timer.id not in await timers.finish(tx, ctx.node, [timer]):
            return
        at = await responses.next_due(tx, timer.subject)
        if at is not None:
            await timers.set_timer(tx, TIMER, timer.subject, timer.subject, at)


# --- the steps --------------------------------------------------------------------------------------------------------


Do = Callable[[Context, Tx, Incident, Composed, datetime], Awaitable[Outcome]]


async def _tell(ctx: Context, tx: Tx, incident: Incident, text: Composed, now: datetime) -> Outcome:
    """The first word to stakeholders or executives: to whoever asked for it, and the channels where they listen."""
    step: Step = "executives" if text.audience == "executives" else "stakeholders"
    names = [label(ctx.directory, user) for user in await subscribers_of(ctx, tx, incident, text.audience)]
    places = [one.label for one in channels_of(ctx, incident, text.audience)]
    if not names and not places:
        return Outcome(step, "skipped", f"nobody asked to be told of a {Severity(incident.severity).name} here")
    if text.stopped:
        return await _held(tx, incident, step, text, now)
    await published(ctx, tx, incident, ACTOR, _wish(text), now)
    return Outcome(step, "sent", f"to {people([*names, *places])}")


async def _held(tx: Tx, incident: Incident, step: Step, text: Composed, now: datetime) -> Outcome:
    """The policy of wording does not let it out as it is: somebody has to mend it."""
    await draft(tx, incident, text.audience, text.text, now, moment=text.moment, next_update_at=text.next_update_at)
    return Outcome(
        step, "sent", f"a draft waits to be mended: the policy of wording stops it ({', '.join(text.stopped)})"
    )


async def _status_page(ctx: Context, tx: Tx, incident: Incident, text: Composed, now: datetime) -> Outcome:
    """A draft for the public, or the word itself, as the policy of its severity says (C-18)."""
    components = _components(ctx.directory, incident)
    if (
        matrix_of(ctx.directory, incident.service)[Severity(incident.severity)].at_declare == "publish"
        and not text.stopped
    ):
        await published(ctx, tx, incident, ACTOR, msgspec.structs.replace(_wish(text), components=components), now)
        return Outcome("status_page", "delivered", "published by policy")
    await draft(
        tx,
        incident,
        "public",
        text.text,
        now,
        moment=text.moment,
        next_update_at=text.next_update_at,
        components=components,
    )
    return Outcome("status_page", "sent", "a draft waits to be read and published")


def _wish(text: Composed) -> Wish:
    return Wish(audience=text.audience, message=text.text, moment=text.moment, next_update_at=text.next_update_at)


_STATES = {1: "major_outage", 2: "partial_outage", 3: "degraded_performance", 4: "degraded_performance"}


def _components(directory: Directory, incident: Incident) -> dict[str, str]:
    """What stands for the affected services on the status page, as bad as the severity says."""
    services = touched(incident)
    return {
        one.id: _STATES[incident.severity]
        for page in directory.status_pages.values()
        for one in page.components
        if any(service in one.services for service in services)
    }


def _unheard(audience: str) -> WhyNot:
    """Why an audience inside is not told by rule; empty when it is."""

    def find(directory: Directory, services: Collection[str], severity: Severity, private: bool, heard: bool) -> str:
        if private:
            return "it is private"
        row = matrix_of(directory, next(iter(services), None))[severity]
        if audience not in row.audiences or row.at_declare == "off":
            return f"{severity.name} does not tell {audience} by rule"
        listening = any(
            one.audience == audience and one.hears_of(severity, services) for one in directory.channels.values()
        )
        return "" if heard or listening else "nobody asked to be told"

    return find


def _no_page(directory: Directory, services: Collection[str], severity: Severity, private: bool, heard: bool) -> str:
    """Why nothing is drafted for the status page; empty when it is."""
    page = directory.status_page
    if page is None:
        return "no status page is configured"
    if private:
        return "it is private"
    row = matrix_of(directory, next(iter(services), None))[severity]
    if "public" not in row.audiences or row.at_declare == "off":
        return f"{severity.name} is not told in public by rule"
    if not any(service in one.services for one in page.components for service in services):
        return "no component of the status page stands for what is affected"
    return ""


_WHY_NOT: Mapping[Step, WhyNot] = {
    "stakeholders": _unheard("stakeholders"), "executives": _unheard("executives"), "status_page": _no_page,
}  # fmt: skip
DO: Mapping[Step, Do] = {"stakeholders": _tell, "executives": _tell, "status_page": _status_page}
AUDIENCE: Mapping[Step, Audience] = {
    "stakeholders": "stakeholders",
    "executives": "executives",
    "status_page": "public",
}
