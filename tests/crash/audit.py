"""Holds a site against what its senders, people and providers saw. Each finding is a sentence that begins with the invariant broken.

The invariants are those of the architecture, I-1 to I-10 (docs/operations/guarantees.md says them to operators).
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from tests.crash.sites import Site
from tests.crash.storm import Storm
from tests.fakes.sink import Received

from tocsin.core.timeline import Entry, Link, first_break

UNDER_WAY = 1.0
"""Seconds: a page that arrives so soon after the acknowledgement was answered had begun before it."""
IN_FLIGHT = 6.0
"""Seconds before a crash within which what arrived may not have been recorded: a slow disk holds the record up."""
LATE = 1.0
"""Seconds after a crash within which what the dead node had sent may still arrive: the sink reads when it gets the processor."""

ANY_TIME = (
    # What one snapshot of the database must satisfy at every moment, crash or not.
    ("I-2: alert {} ({}) is neither muted nor in an incident",
     """SELECT id, dedup_key FROM alerts WHERE incident_id IS NULL AND mute IS NULL AND inhibitor_alert IS NULL
          AND inhibitor_incident IS NULL"""),
    ("I-2: alert {} ({}) names an incident that does not exist",
     "SELECT id, dedup_key FROM alerts a WHERE incident_id IS NOT NULL AND NOT EXISTS (SELECT FROM incidents WHERE id = a.incident_id)"),
    ("I-2: muted alert {} ({}) fires, and nothing will let go of it",
     """SELECT id, dedup_key FROM alerts a WHERE incident_id IS NULL AND resolved_at IS NULL AND mute IS NOT NULL
        AND NOT EXISTS (SELECT FROM timers WHERE kind = 'unmute' AND subject = a.mute)"""),
    ("I-2: hidden alert {} ({}) fires, its cause is over, and nothing will let go of it",
     """SELECT id, dedup_key FROM alerts a WHERE incident_id IS NULL AND resolved_at IS NULL
        AND (inhibitor_alert IS NOT NULL AND NOT EXISTS (SELECT FROM alerts c WHERE c.id = a.inhibitor_alert AND c.resolved_at IS NULL)
               AND NOT EXISTS (SELECT FROM timers WHERE kind = 'cause_alert' AND subject = a.inhibitor_alert)
          OR inhibitor_incident IS NOT NULL AND NOT EXISTS (SELECT FROM incidents i WHERE i.id = a.inhibitor_incident
               AND i.severity <= 2 AND i.status NOT IN ('monitoring', 'resolved', 'closed'))
               AND NOT EXISTS (SELECT FROM timers WHERE kind = 'cause_incident' AND subject = a.inhibitor_incident))"""),
    ("I-2: incident {} ({}) has neither a page nor a reason for none",
     """SELECT id, title FROM incidents i WHERE no_page_reason IS NULL
        AND NOT EXISTS (SELECT FROM pages WHERE incident_id = i.id)"""),
    ("I-2: climb {} of incident {} runs and has no timer",
     """SELECT id, incident_id FROM escalations e WHERE state = 'running'
        AND NOT EXISTS (SELECT FROM timers WHERE kind = 'escalate' AND subject = e.id)"""),
    ("I-2: climb {} of incident {} is on the second clock and has no timer",
     """SELECT id, incident_id FROM escalations e WHERE state = 'progress'
        AND NOT EXISTS (SELECT FROM timers WHERE kind = 'progress' AND subject = e.incident_id)"""),
    ("I-2: incident {} ({}) is unanswered and nobody climbs for it",
     """SELECT id, title FROM incidents i WHERE status NOT IN ('resolved', 'closed') AND acknowledged_cycle < cycle
        AND no_page_reason IS NULL
        AND NOT EXISTS (SELECT FROM escalations WHERE incident_id = i.id AND cycle = i.cycle AND state <> 'stopped')"""),
    ("I-3: page {} of incident {} is pending, and no notification is",
     """SELECT id, incident_id FROM pages p WHERE state = 'pending'
        AND NOT EXISTS (SELECT FROM notifications WHERE page_id = p.id AND state = 'pending')"""),
    ("I-3: page {} of incident {} is called delivered, and no notification is",
     """SELECT id, incident_id FROM pages p WHERE state = 'delivered'
        AND NOT EXISTS (SELECT FROM notifications WHERE page_id = p.id AND state = 'delivered')"""),
    ("I-3: page {} of incident {} is called undelivered, and something was or may be delivered",
     """SELECT id, incident_id FROM pages p WHERE state = 'undelivered'
        AND EXISTS (SELECT FROM notifications WHERE page_id = p.id AND state IN ('delivered', 'pending'))"""),
    ("I-4: step {1} of climb {0} was taken twice for {2}",
     "SELECT escalation_id, step, user_id FROM pages WHERE reason <> 'manager_last_resort' AND escalation_id IS NOT NULL"
     " GROUP BY escalation_id, cycle, round, step, user_id HAVING count(*) > 1"),
    ("I-4: the manager was paged {1} times for climb {0}",
     "SELECT escalation_id, count(*) FROM pages WHERE reason = 'manager_last_resort' GROUP BY escalation_id HAVING count(*) > 1"),
    ("I-5: notification {} of incident {} may still go although it is answered",
     """SELECT n.id, i.id FROM notifications n JOIN pages p ON p.id = n.page_id JOIN incidents i ON i.id = n.incident_id
        WHERE n.state = 'pending' AND (i.status IN ('resolved', 'closed') OR i.acknowledged_cycle >= p.cycle)"""),
    ("I-10: timer {0} of {1} {2} has nothing to do",
     """SELECT id, kind, subject FROM timers t
        WHERE (kind = 'escalate' AND NOT EXISTS (SELECT FROM escalations e JOIN incidents i ON i.id = e.incident_id
                 WHERE e.id = t.subject AND e.state = 'running' AND i.status NOT IN ('resolved', 'closed')
                   AND i.acknowledged_cycle < i.cycle))
           OR (kind IN ('tally', 'count') AND NOT EXISTS (SELECT FROM incidents WHERE id = t.subject))
           OR (kind = 'watch' AND NOT EXISTS (SELECT FROM incidents WHERE id = t.subject AND status = 'monitoring'))
           OR (kind = 'expire' AND NOT EXISTS (SELECT FROM alerts WHERE id = t.subject))
           OR (kind = 'unmute' AND NOT EXISTS (SELECT FROM mutes WHERE id = t.subject))"""),
    ("I-10: alert {} ({}) should end by itself, and has no timer",
     """SELECT id, dedup_key FROM alerts a WHERE resolved_at IS NULL AND ends_at IS NOT NULL
        AND NOT EXISTS (SELECT FROM timers WHERE kind = 'expire' AND subject = a.id)"""),
    ("I-2: alert {} ({}) still fires and its incident is over",
     """SELECT a.id, a.dedup_key FROM alerts a JOIN incidents i ON i.id = a.incident_id
        WHERE a.resolved_at IS NULL AND i.status IN ('resolved', 'closed')"""),
    ("I-7: {1} entries in the story of incident {0} say that it began",
     "SELECT incident_id, count(*) FROM timeline WHERE kind = 'incident_created' GROUP BY incident_id HAVING count(*) <> 1"),
    ("I-7: page {} of incident {} is told {} times",
     """SELECT p.id, p.incident_id, count(t.*) FROM pages p LEFT JOIN timeline t ON t.incident_id = p.incident_id
          AND t.kind = 'paged' AND (t.data->>'page')::bigint = p.id GROUP BY p.id HAVING count(t.*) <> 1"""),
    ("I-7: notification {} of incident {} was delivered and is told {} times",
     """SELECT n.id, n.incident_id, count(t.*) FROM notifications n LEFT JOIN timeline t ON t.incident_id = n.incident_id
          AND t.kind = 'notified' AND (t.data->>'notification')::bigint = n.id
        WHERE n.state = 'delivered' GROUP BY n.id HAVING count(t.*) <> 1"""),
    ("I-7: the first step {1} of incident {0} is told {2} times",
     """SELECT s.incident_id, s.step, count(t.*) FROM response_steps s LEFT JOIN timeline t ON t.incident_id = s.incident_id
          AND t.kind = 'response_step' AND t.data->>'step' = s.step
        WHERE s.state <> 'waiting' GROUP BY 1, 2 HAVING count(t.*) <> 1"""),
    ("I-4: {1} drafts of one first step wait for incident {0}",
     """SELECT incident, count(*) FROM updates WHERE moment = 'initial' AND audience = 'public' AND state = 'draft'
        GROUP BY incident HAVING count(*) > 1"""),
    ("I-7: cycle {1} of incident {0} was acknowledged {2} times",
     "SELECT incident_id, data->>'cycle', count(*) FROM timeline WHERE kind = 'acknowledged' GROUP BY 1, 2 HAVING count(*) > 1"),
)  # fmt: skip

AT_REST = (
    ("I-3: notification {} of incident {} is still pending",
     "SELECT id, incident_id FROM notifications WHERE state = 'pending'"),
    ("I-10: the first step {1} of incident {0} was never done",
     "SELECT incident_id, step FROM response_steps WHERE state = 'waiting'"),
    # What an open incident still has to come, by its severity's promises or its second clock, is no leftover.
    ("I-10: timer {0} of {1} {2} is left over",
     "SELECT id, kind, subject FROM timers WHERE subject <> 0 AND kind NOT IN ('clock', 'progress')"),
    ("alerts_count of incident {} is {}, and there are {}",
     """SELECT i.id, i.alerts_count, count(DISTINCT (a.service, a.dedup_key)) FROM incidents i JOIN alerts a ON a.incident_id = i.id
        GROUP BY i.id HAVING i.alerts_count <> count(DISTINCT (a.service, a.dedup_key))"""),
    ("I-2: alert {} ({}) fires, no silence mutes it any more, and it has no incident",
     "SELECT id, dedup_key FROM alerts WHERE incident_id IS NULL AND resolved_at IS NULL"),
    ("I-2: incident {} ({}) of high urgency was never answered, and its climb did not end",
     """SELECT i.id, i.title FROM incidents i JOIN escalations e ON e.incident_id = i.id AND e.cycle = i.cycle
        WHERE i.urgency = 'high' AND i.status NOT IN ('resolved', 'closed') AND i.acknowledged_cycle < i.cycle
          AND (e.state <> 'exhausted' OR i.alarm IS NULL)"""),
)  # fmt: skip


async def any_time(site: Site) -> list[str]:
    """What is wrong in the database as it stands."""
    connection = await site.connect()
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return [*await _asked(connection, ANY_TIME), *await _stories(connection)]
    finally:
        await connection.close()


async def at_rest(storm: Storm, deaths: int = 0, in_flight: int = 64, one_clock: bool = True) -> list[str]:
    """What is wrong now that all is quiet. At each death at most `in_flight` notifications may have been under way.

    Without `one_clock` the database's clock did not go evenly, so that its ages cannot be held against ours.
    """
    site = storm.site
    found = [f"I-1: {surprise}" for surprise in storm.surprises]
    connection = await site.connect()
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            found += await _asked(connection, ANY_TIME)
            found += await _asked(connection, AT_REST)
            found += await _stories(connection)
            found += await _accepted(connection, storm)
            found += await _arrived(connection, storm, deaths * in_flight)
            if one_clock:
                found += await _after_the_records(connection, site)
    finally:
        await connection.close()
    return found


async def _asked(connection: Any, questions: tuple[tuple[str, str], ...]) -> list[str]:
    found = []
    for sentence, sql in questions:
        found += [sentence.format(*row) for row in (await connection.fetch(sql))[:5]]
    return found


async def _stories(connection: Any) -> list[str]:
    """Every incident's chain is whole."""
    chains: dict[int, list[tuple[int, Entry, bytes]]] = defaultdict(list)
    for row in await connection.fetch(
        "SELECT incident_id, seq, at, kind, actor, details, data, hash FROM timeline ORDER BY seq"
    ):
        entry = Entry(at=row["at"], kind=row["kind"], actor=row["actor"], details=row["details"], data=row["data"])
        chains[row["incident_id"]].append((row["seq"], entry, row["hash"]))
    found = []
    for row in await connection.fetch("SELECT id, timeline_seq, timeline_head FROM incidents"):
        broken = first_break(row["id"], chains[row["id"]], Link(row["timeline_seq"], row["timeline_head"]))
        if broken is not None:
            found.append(f"I-7: the story of incident {row['id']} is broken at entry {broken}")
    return found


async def _accepted(connection: Any, storm: Storm) -> list[str]:
    """The sender's log against the alerts: what was accepted is there, once."""
    rows = await connection.fetch("SELECT service, dedup_key, labels, resolved_at, acknowledged_at FROM alerts")
    alerts: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in rows:
        alerts[row["service"], row["labels"].get("alertname") or row["dedup_key"]].append(row)
    found = []
    for sent in storm.events:
        if not sent.accepted_at or sent.too_late:
            continue
        mine = alerts.get((sent.service, sent.key), [])
        if not mine:
            found.append(f"I-1: {sent.action} of {sent.service}/{sent.key} was accepted, and there is no alert")
        elif len(mine) > 1 and not (sent.action == "expiring" and sent.attempts > 1):
            found.append(f"I-4: {sent.service}/{sent.key} has {len(mine)} alerts")
        elif sent.action == "resolve" and mine[0]["resolved_at"] is None:
            found.append(f"I-1: the end of {sent.key} was accepted, and it still fires")
        elif sent.action == "acknowledge" and mine[0]["acknowledged_at"] is None:
            found.append(f"I-1: the acknowledgement of {sent.key} was accepted, and it is not acknowledged")
    return found


async def _arrived(connection: Any, storm: Storm, most_twice: int) -> list[str]:
    """What the providers got against what is written."""
    site = storm.site
    instance = await connection.fetchval("SELECT instance FROM configuration")
    rows = await connection.fetch("SELECT id, incident_id, state FROM notifications")
    known = {f"{instance}-n{row['id']}": row for row in rows}
    arrived = _by_key(site)
    found = [f"I-4: a page with the key {key} arrived, and nobody knows it" for key in arrived if key not in known]
    for key, row in known.items():
        if row["state"] == "delivered" and key not in arrived:
            found.append(f"I-3: notification {row['id']} is called delivered, and it never arrived")
    found += _repeated(site, arrived, most_twice)
    silenced = await _answered(connection, storm)
    for key, requests in arrived.items():
        found += _late(key, requests, silenced.get(known[key]["incident_id"]) if key in known else None)
    return found


def _repeated(site: Site, arrived: dict[str, list[Received]], most: int) -> Iterator[str]:
    """Only what was in flight at a death comes twice, and each only once more."""
    deaths = [node.died_at for node in site.nodes if node.died_at]
    twice = 0
    for key, requests in arrived.items():
        if requests[0].path in ("/carol", "/dave"):
            continue  # refused there: these come again by right
        for first, second in pairwise(requests):
            twice += 1
            if not any(first.monotonic - LATE <= death <= first.monotonic + IN_FLIGHT for death in deaths):
                yield f"I-4: {key} came to {first.path} again after {second.monotonic - first.monotonic:.2f} s without a crash between"
        if len(requests) > 1 + len(deaths):
            yield f"I-4: {key} came to {requests[0].path} {len(requests)} times in {len(deaths)} crashes"
    if twice > most:
        yield f"I-4: {twice} pages came twice, and at most {most} can have been in flight"


def _by_key(site: Site) -> dict[str, list[Received]]:
    arrived: dict[str, list[Received]] = defaultdict(list)
    for request in site.sink.requests:
        arrived[request.key].append(request)
    return arrived


async def _after_the_records(connection: Any, site: Site) -> list[str]:
    """What is recorded as delivered does not come again, crash or not; only a node that stood still may bring what it had begun."""
    if any(node.stood_still for node in site.nodes):
        return []
    instance, now = await connection.fetchval("SELECT instance FROM configuration"), time.monotonic()
    recorded = await connection.fetch(
        "SELECT id, extract(epoch FROM clock_timestamp() - ended_at)::float AS age FROM notifications"
        " WHERE state = 'delivered'"
    )
    arrived, found = _by_key(site), []
    for id_, age in recorded:
        for request in arrived.get(f"{instance}-n{id_}", [])[-1:]:
            if (after := request.monotonic - (now - age)) > LATE:
                found.append(
                    f"I-4: {request.key} came to {request.path} again {after:.2f} s after it was delivered and recorded"
                )
    return found


async def _answered(connection: Any, storm: Storm) -> dict[int, float]:
    """When somebody, a person or a source, was first told that the paging of an incident has stopped."""
    answered = [(act.incident, act.answered_at) for act in storm.acts
                if act.action in ("acknowledge", "resolve") and act.status == 200]  # fmt: skip
    ended = {
        sent.key: sent.accepted_at
        for sent in storm.events
        if sent.action in ("resolve", "acknowledge") and sent.accepted_at
    }
    rows = await connection.fetch(
        "SELECT dedup_key, incident_id FROM alerts a WHERE dedup_key = ANY($1::text[]) AND incident_id IS NOT NULL"
        " AND NOT EXISTS (SELECT FROM alerts b WHERE b.incident_id = a.incident_id AND b.id <> a.id)",
        list(ended),
    )
    answered += [(row["incident_id"], ended[row["dedup_key"]]) for row in rows]
    first: dict[int, float] = {}
    for incident, at in answered:
        first[incident] = min(at, first.get(incident, at))
    return first


def _late(key: str, requests: list[Received], answered: float | None) -> Iterator[str]:
    """After somebody was told that it is acknowledged or resolved, no page about it goes out."""
    for request in requests:
        if answered is not None and request.monotonic > answered + UNDER_WAY:
            yield f"I-5: {key} arrived at {request.path} {request.monotonic - answered:.2f} s after its incident was answered"


def counted(storm: Storm) -> Counter[str]:
    """How many requests each address of the sink got, for messages."""
    return Counter(request.path for request in storm.site.sink.requests)
