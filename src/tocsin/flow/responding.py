"""The first steps of a response besides paging: each a job that survives the death of a node, and tells what became of it.

An incident whose policy asks for such steps is born with a timer of the kind `response`. Its handler writes one row for each step, then
does what is due, one step at a time and each in transactions of its own, so that one that fails neither blocks nor undoes another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime

import structlog

from tocsin.core.directory import Directory
from tocsin.core.errors import Unavailable
from tocsin.core.matrix import matrix_of
from tocsin.core.response import Asked, Outcome, Step, retry_at
from tocsin.core.severity import Severity
from tocsin.flow.acts import tell
from tocsin.flow.context import Context
from tocsin.flow.pager import ACTOR
from tocsin.store import incidents, responses, timers
from tocsin.store.incidents import Incident
from tocsin.store.notifications import Held
from tocsin.store.responses import TIMER, Job
from tocsin.store.timers import Timer
from tocsin.store.writing import NewTimer, notify

log = structlog.get_logger(__name__)

Do = Callable[[Context, Incident], Awaitable[Outcome]]
"""Does one step for an incident (as it was read a moment ago, not locked) and says what became of it.

It may be done again after a crash, so it looks first whether it was done already. It raises to be tried again.
"""


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
    """The first steps of these incidents are due."""
    for timer in batch:
        for job in await _due(ctx, timer):
            await _do(ctx, job)
        await _rest(ctx, timer)
    return []


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
        async with ctx.db.reading(reserved=True) as tx:
            incident = await incidents.read(tx, job.incident_id)
        outcome = await DO[job.step](ctx, incident) if incident.open else _over(job, incident)
    except Unavailable:
        raise
    except Exception as error:  # whatever is wrong with one step must not stand in the way of the others
        log.exception("a first step failed", step=job.step, incident=job.incident_id)
        await _failed(ctx, job, f"{type(error).__name__}: {error}"[:300])
    else:
        await _settle(ctx, job, outcome)


def _over(job: Job, incident: Incident) -> Outcome:
    return Outcome(job.step, "skipped", f"the incident was {incident.status} before it came to it")


async def _failed(ctx: Context, job: Job, why: str) -> None:
    again = retry_at(job.attempts + 1, ctx.clock.now())
    if again is None:
        return await _settle(ctx, job, Outcome(job.step, "failed", why))
    async with ctx.db.transaction() as tx:
        await responses.put_off(tx, job, again, why)


async def _settle(ctx: Context, job: Job, outcome: Outcome) -> None:
    """Record what became of a step, once, and tell it."""
    async with ctx.db.transaction() as tx:
        incident = (await incidents.lock(tx, [job.incident_id]))[job.incident_id]
        now = ctx.clock.now()
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


def _no_notice(directory: Directory, services: Collection[str], severity: Severity, private: bool, heard: bool) -> str:
    """Why stakeholders are not told by rule; empty when they are."""
    if private:
        return "it is private"
    if "stakeholders" not in matrix_of(directory, next(iter(services), None))[severity].audiences:
        return f"{severity.name} does not tell stakeholders"
    if not heard and not _listening(directory, services, severity):
        return "nobody asked to be told"
    return ""


def _listening(directory: Directory, services: Collection[str], severity: Severity) -> bool:
    return any(
        one.audience == "stakeholders" and one.hears_of(severity, services) for one in directory.channels.values()
    )


def _no_page(directory: Directory, services: Collection[str], severity: Severity, private: bool, heard: bool) -> str:
    """Why nothing is drafted for the status page; empty when it is."""
    page = directory.status_page
    if page is None:
        return "no status page is configured"
    if private:
        return "it is private"
    if "public" not in matrix_of(directory, next(iter(services), None))[severity].audiences:
        return f"{severity.name} is not told in public"
    if not any(service in one.services for one in page.components for service in services):
        return "no component of the status page stands for what is affected"
    return ""


WhyNot = Callable[[Directory, Collection[str], Severity, bool, bool], str]
_WHY_NOT: Mapping[Step, WhyNot] = {"stakeholders": _no_notice, "status_page": _no_page}
DO: dict[Step, Do] = {}
