"""What we know: findings are added, pinned from what was said, and settled; decisions are taken on what is known then."""

from __future__ import annotations

from typing import Any

from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.severity import Severity
from tocsin.core.timeline import Kind
from tocsin.flow.acts import checked, engaged, locked, tell
from tocsin.flow.context import Context
from tocsin.store import room
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.room import Certainty, Decision, Finding
from tocsin.store.writing import notify

SETTLED: dict[Certainty, str] = {"fact": "Fact", "hypothesis": "Hypothesis", "refuted": "Refuted"}
QUOTED = 300
"""Characters of each finding and task that a decision remembers."""


def certainty_of(text: str) -> Certainty:
    """Raises Invalid."""
    for known in SETTLED:
        if text.strip().lower() == known:
            return known
    raise Invalid(f"{text[:60]!r} is not a certainty: use fact, hypothesis or refuted", "/certainty")


async def add(ctx: Context, number: int, actor: str, text: str, certainty: str = "hypothesis") -> Finding:
    """Put a finding on the board, marked as what it is. Raises NotFound; Invalid."""
    text, sure = checked(text, "/text"), certainty_of(certainty)
    return await _added(ctx, number, actor, text, sure, None)


async def pin(ctx: Context, number: int, actor: str, entry: int, certainty: str = "fact", text: str = "") -> Finding:
    """A message, or any other entry of the timeline, becomes a finding (S0-94), in other words when `text` says so.

    Raises NotFound; Invalid; Conflict when it is pinned already.
    """
    return await _added(ctx, number, actor, checked(text, "/text", needed=False), certainty_of(certainty), entry)


async def _added(ctx: Context, number: int, actor: str, text: str, certainty: Certainty, entry: int | None) -> Finding:
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        if entry is not None:
            found = await room.entry(tx, number, entry)
            if found is None:
                raise NotFound(f"There is no entry {entry} in the timeline of this incident")
            text = text or checked(found["details"], "/text")
        now = ctx.clock.now()
        made = await room.add_finding(tx, number, text, certainty, entry, actor, now)
        if made is None:
            raise Conflict("This entry is pinned already.")
        data: dict[str, Any] = {"finding": made.id, "certainty": certainty, "entry": entry}
        await tell(tx, incident, now, "finding_added", actor, f"{SETTLED[certainty]}: {text}", **data)
        await engaged(tx, incident, actor, now)
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return made


async def settle(ctx: Context, number: int, actor: str, finding: int, certainty: str, why: str = "") -> Finding:
    """A hypothesis becomes a fact or is refuted; a fact may fall again. `why`: on what grounds. The same again: no change.

    Raises NotFound; Invalid.
    """
    sure, why = certainty_of(certainty), checked(why, "/why", needed=False)
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        found, now = await room.finding(tx, number, finding), ctx.clock.now()
        if found is None:
            raise NotFound(f"There is no finding {finding} in this incident")
        if found.certainty == sure:
            return found
        before = found.certainty
        await room.settle_finding(tx, finding, sure, actor, now, why)
        said = f"{SETTLED[sure]}, no longer {before}: {found.text}" + (f" ({why})" if why else "")
        data = {"finding": finding, "certainty": sure, "before": before, "why": why}
        await tell(tx, incident, now, "finding_settled", actor, said, **data)
        await engaged(tx, incident, actor, now)
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    found.certainty, found.settled_by, found.settled_at, found.why = sure, actor, now, why
    return found


# --- decisions --------------------------------------------------------------------------------------------------------


async def decide(ctx: Context, number: int, actor: str, text: str, why: str = "", alternatives: str = "") -> Decision:
    """Write down what was decided, why, and what else was weighed; what was known at that moment is kept with it.

    Raises NotFound; Invalid.
    """
    text = checked(text, "/text")
    why, alternatives = checked(why, "/why", needed=False), checked(alternatives, "/alternatives", needed=False)
    kind: Kind = "decision_made"
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        now = ctx.clock.now()
        known = await _known(tx, incident)
        made = await room.add_decision(tx, number, text, why, alternatives, known, actor, now)
        said = text + (f". Because: {why}" if why else "") + (f". Instead of: {alternatives}" if alternatives else "")
        data = {"decision": made.id, "why": why, "alternatives": alternatives}
        await tell(tx, incident, now, kind, actor, said, **data)
        await engaged(tx, incident, actor, now)
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return made


async def _known(tx: Tx, incident: Incident) -> dict[str, Any]:
    """What is known at this moment: severity and status, what holds and what is believed, who is at what."""
    found, tasks = await room.findings(tx, incident.id), await room.tasks(tx, incident.id)
    return {
        "severity": Severity(incident.severity).key,
        "status": incident.status,
        "findings": [{"text": f.text[:QUOTED], "certainty": f.certainty} for f in found if f.certainty != "refuted"],
        "tasks": [{"text": t.text[:QUOTED], "owner": t.owner} for t in tasks if t.state == "open"],
    }
