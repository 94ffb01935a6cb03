"""A source says that alerts ended, or that somebody looks at them: their incidents follow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from tocsin.core.alert import Reason
from tocsin.core.moment import kept
from tocsin.core.timeline import Entry
from tocsin.flow import watching
from tocsin.flow.acts import tell
from tocsin.flow.batch import Run
from tocsin.flow.context import Context
from tocsin.flow.pager import ACTOR
from tocsin.flow.respond import answer
from tocsin.flow.transitions import Move, all_moved, moved
from tocsin.store import endings, incidents, intake, stopping
from tocsin.store.database import Tx
from tocsin.store.endings import Touched
from tocsin.store.incidents import Incident
from tocsin.store.intake import NewEvent
from tocsin.store.writing import Writing, notify, write_story


async def resolve_by_source(ctx: Context, tx: Tx, runs: Sequence[Run], now: datetime) -> None:
    """End the alerts of these resolve events; incidents whose last alert ended are settled. One transaction."""
    async with tx.transaction():
        ended = await endings.end_alerts(tx, [(r.service, r.key) for r in runs], now)
        await alerts_ended(ctx, tx, list(ended.values()), now, "resolved by their source")
        await _keep(tx, runs, ended, Reason.RESOLVED, now)
    _settle(runs, ended, Reason.RESOLVED)


async def alerts_ended(
    ctx: Context, tx: Tx, ended: Sequence[tuple[int, int | None, str]], now: datetime, how: str
) -> None:
    """Tell the incidents of alerts (alert, incident, title) that just ended, and settle those without any left."""
    by_incident: dict[int, list[tuple[int, str]]] = {}
    for alert, of, title in ended:
        if of is not None:
            by_incident.setdefault(of, []).append((alert, title))
    if not by_incident:
        return
    locked = await incidents.lock(tx, list(by_incident))
    left = await endings.firing(tx, list(by_incident))
    writing = Writing()
    for number, alerts in by_incident.items():
        incident = locked[number]
        text = alerts[0][1] if len(alerts) == 1 else f"{len(alerts)} alerts"
        data = {"alerts": [alert for alert, _ in alerts][:100], "count": len(alerts), "open": left.get(number, 0)}
        entry = Entry(at=now, kind="alert_resolved", actor=ACTOR, details=f"{text} {how}", data=data)
        link = writing.tell(number, incident.link, [entry])
        incident.timeline_seq, incident.timeline_head = link.seq, link.head
    await write_story(tx, writing)
    await settle(ctx, tx, [incident for number, incident in locked.items() if not left.get(number)], now)
    await notify(tx, "timeline")


async def acknowledge_by_source(ctx: Context, tx: Tx, runs: Sequence[Run], now: datetime) -> None:
    """A source's acknowledgement acknowledges the incident. One transaction."""
    async with tx.transaction():
        found = await endings.acknowledge_alerts(tx, [(r.service, r.key) for r in runs], now)
        actors = {
            incident: f"integration:{runs[p].service}/{runs[p].items[0].ref.integration.id}"
            for p, (_, incident, _) in found.items()
            if incident is not None
        }
        for number, incident in (await incidents.lock(tx, list(actors))).items():
            if incident.open and not await answer(ctx, tx, incident, actors[number], now):
                await tell(tx, incident, now, "alert_acknowledged", actors[number], "Acknowledged at the source")
        await _keep(tx, runs, found, Reason.ACKNOWLEDGED, now)
        if found:
            await notify(tx, "timeline")
    _settle(runs, found, Reason.ACKNOWLEDGED)


def _settle(runs: Sequence[Run], found: Touched, reason: Reason) -> None:
    for position, run in enumerate(runs):
        if position in found:
            run.settle(reason, found[position][0], found[position][1])
        else:
            run.settle(Reason.NOTHING_OPEN, None, None)


async def _keep(tx: Tx, runs: Sequence[Run], found: Touched, reason: Reason, now: datetime) -> None:
    """Each such event leaves a row that says what it did, or that there was nothing to do."""
    rows = []
    for position, run in enumerate(runs):
        sent = run.items[-1]
        alert, incident, title = found.get(position, (None, None, sent.event.title))
        rows.append(
            NewEvent(
                at=now, service=run.service, integration=sent.ref.integration.id, action=sent.event.action,
                dedup_key=run.key, title=title, reason=(reason if position in found else Reason.NOTHING_OPEN).value,
                alert_id=alert, incident_id=incident, body=msgspec.json.encode({"count": len(run.items)}).decode(),
            )
        )  # fmt: skip
    await intake.write_events(tx, rows)


async def settle(ctx: Context, tx: Tx, found: Sequence[Incident], now: datetime) -> None:
    """The last alerts of these locked incidents ended by their source: each resolves, or is watched when a person leads it.

    Those that resolve do so together: when everything recovers at once there are many.
    """
    open_ones = [incident for incident in found if incident.open and incident.status != "monitoring"]
    led = [incident for incident in open_ones if not _ends_by_itself(incident)]
    over = [incident for incident in open_ones if _ends_by_itself(incident)]
    if over:
        ids = [incident.id for incident in over]
        await stopping.stop_paging(tx, ids, now, "resolved", None)
        moves = [Move(incident, incident.status, "resolved") for incident in over]
        await incidents.end(tx, over, now)
        writing = Writing()
        for incident in over:
            data = {"certainty": "observed"}
            entry = Entry(at=now, kind="resolved", actor=ACTOR, details="All alerts resolved", data=data)
            link = writing.tell(incident.id, incident.link, [entry])
            incident.timeline_seq, incident.timeline_head = link.seq, link.head
        await write_story(tx, writing)
        await all_moved(ctx, tx, moves, ACTOR, now)
    for incident in led:
        await _watch(ctx, tx, incident, now)


def _ends_by_itself(incident: Incident) -> bool:
    """Nobody leads it: what its source says is all there is to say."""
    return (
        incident.status in ("detected", "acknowledged") and incident.origin == "event" and not incident.moved_by_person
    )


async def _watch(ctx: Context, tx: Tx, incident: Incident, now: datetime) -> None:
    old = incident.status
    await stopping.stop_paging(tx, [incident.id], now, "restored", None)
    await incidents.update(
        tx,
        incident,
        status="monitoring",
        restored_at=now,
        moments=kept(incident.moments, "restored", "alerts", "exact"),
        acknowledged_cycle=incident.cycle,
        alarm=None,
        **incidents.AT_REST,
    )
    await watching.begin(ctx, tx, incident, now)
    await tell(
        tx, incident, now, "restored", ACTOR, "All alerts resolved; watched for 30 minutes", certainty="observed"
    )
    await moved(ctx, tx, incident, old, "monitoring", ACTOR, now)
