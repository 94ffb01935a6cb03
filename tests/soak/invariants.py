"""What must hold of the database whenever nothing is under way, whatever was done before: each a sentence and the rows that break it."""

from __future__ import annotations

from tests.story.world import World

OPEN = "i.status NOT IN ('resolved', 'closed')"
PAGING = f"{OPEN} AND i.acknowledged_cycle < i.cycle AND i.no_page_reason IS NULL"

INVARIANTS = (
    ("nobody climbs for an unanswered incident",
     f"""SELECT i.id, i.status, i.severity, i.urgency FROM incidents i WHERE {PAGING} AND NOT EXISTS (
           SELECT FROM escalations e WHERE e.incident_id = i.id AND e.cycle = i.cycle AND e.state IN ('running', 'held', 'exhausted'))"""),
    ("an incident that pages never paged anybody",
     f"""SELECT i.id, i.cycle, i.status, i.severity FROM incidents i WHERE {PAGING} AND i.alarm IS DISTINCT FROM 'exhausted'
           AND NOT EXISTS (SELECT FROM pages p WHERE p.incident_id = i.id AND p.cycle = i.cycle)"""),
    ("a loud incident is held back",
     f"""SELECT i.id, i.urgency, e.state FROM incidents i JOIN escalations e ON e.incident_id = i.id AND e.cycle = i.cycle
         WHERE {OPEN} AND i.acknowledged_cycle < i.cycle AND i.urgency = 'high' AND e.state = 'held'"""),
    ("a climb has no timer, or one for another time",
     """SELECT e.id, e.next_at FROM escalations e WHERE e.state = 'running' AND NOT EXISTS (
          SELECT FROM timers t WHERE t.kind = 'escalate' AND t.subject = e.id AND t.set_for = e.next_at)"""),
    ("a climb goes on although it is answered or over",
     f"""SELECT e.id, e.state, i.status FROM escalations e JOIN incidents i ON i.id = e.incident_id
         WHERE e.state IN ('running', 'held') AND (NOT ({OPEN}) OR i.acknowledged_cycle >= i.cycle OR e.cycle < i.cycle)"""),
    ("a timer climbs for nothing",
     """SELECT t.id, t.subject FROM timers t LEFT JOIN escalations e ON e.id = t.subject
        WHERE t.kind = 'escalate' AND (e.id IS NULL OR e.state IN ('stopped', 'progress'))"""),
    ("the second clock of a SEV1 stands",
     f"""SELECT i.id, e.next_at FROM incidents i JOIN escalations e ON e.incident_id = i.id AND e.cycle = i.cycle
         WHERE i.severity = 1 AND e.state = 'progress' AND {OPEN} AND i.status <> 'monitoring' AND i.acknowledged_cycle >= i.cycle
           AND i.snoozed_until IS NULL AND NOT EXISTS (
             SELECT FROM timers t WHERE t.kind = 'progress' AND t.subject = i.id AND t.set_for <= e.next_at)"""),
    ("a notification may still go although its page is answered or over",
     f"""SELECT n.id, p.clock, i.status FROM notifications n JOIN pages p ON p.id = n.page_id JOIN incidents i ON i.id = n.incident_id
         WHERE n.state = 'pending' AND (NOT ({OPEN}) OR p.ended_at IS NOT NULL
           OR p.clock = 'response' AND i.acknowledged_cycle >= p.cycle)"""),
    ("a page waits for nothing",
     """SELECT p.id FROM pages p WHERE p.state = 'pending' AND p.ended_at IS NULL AND NOT EXISTS (
          SELECT FROM notifications n WHERE n.page_id = p.id AND n.state IN ('pending', 'delivered'))"""),
    ("a page of an incident that is over goes on",
     f"SELECT p.id, p.state FROM pages p JOIN incidents i ON i.id = p.incident_id WHERE NOT ({OPEN}) AND p.ended_at IS NULL"),
    ("a page is called delivered, and nothing of it was",
     """SELECT p.id FROM pages p WHERE p.state = 'delivered' AND NOT EXISTS (
          SELECT FROM notifications n WHERE n.page_id = p.id AND n.state = 'delivered')"""),
    ("a page is called undelivered, and something of it was, or may be",
     """SELECT p.id FROM pages p WHERE p.state = 'undelivered' AND EXISTS (
          SELECT FROM notifications n WHERE n.page_id = p.id AND n.state IN ('pending', 'delivered'))"""),
    ("an alert fires in an incident that is over",
     f"SELECT a.id, i.status FROM alerts a JOIN incidents i ON i.id = a.incident_id WHERE a.resolved_at IS NULL AND NOT ({OPEN})"),
    ("an alert is nowhere",
     """SELECT a.id FROM alerts a WHERE a.resolved_at IS NULL AND a.incident_id IS NULL AND a.inhibitor_alert IS NULL
          AND a.inhibitor_incident IS NULL AND (a.mute IS NULL OR NOT EXISTS (
            SELECT FROM timers t WHERE t.kind = 'unmute' AND t.subject = a.mute))"""),
    ("an alert is hidden by what is over",
     f"""SELECT a.id FROM alerts a LEFT JOIN incidents i ON i.id = a.inhibitor_incident LEFT JOIN alerts b ON b.id = a.inhibitor_alert
         WHERE a.resolved_at IS NULL AND a.incident_id IS NULL AND a.mute IS NULL AND (
           a.inhibitor_incident IS NOT NULL AND NOT ({OPEN} AND i.status <> 'monitoring' AND i.severity <= 2)
           OR a.inhibitor_alert IS NOT NULL AND b.resolved_at IS NOT NULL)"""),
    ("an alert that ends by itself has no timer",
     """SELECT a.id, a.ends_at FROM alerts a WHERE a.resolved_at IS NULL AND a.ends_at IS NOT NULL AND NOT EXISTS (
          SELECT FROM timers t WHERE t.kind = 'expire' AND t.subject = a.id)"""),
    ("the alerts of an incident are counted wrongly, and nobody will count again",
     """SELECT i.id, i.alerts_count, c.n FROM incidents i CROSS JOIN LATERAL (
          SELECT count(DISTINCT (a.service, a.dedup_key)) AS n FROM alerts a WHERE a.incident_id = i.id) c
        WHERE i.alerts_count <> c.n AND i.merged_into IS NULL AND NOT EXISTS (
          SELECT FROM timers t WHERE t.kind IN ('tally', 'count') AND t.subject = i.id)"""),
    ("a snooze and its timer differ",
     """SELECT i.id, i.snoozed_until FROM incidents i WHERE (i.snoozed_until IS NOT NULL) <> EXISTS (
          SELECT FROM timers t WHERE t.kind = 'snooze' AND t.subject = i.id AND t.set_for = i.snoozed_until)"""),
    ("a handover and its timer differ",
     """SELECT i.id, i.status FROM incidents i WHERE (i.handover IS NOT NULL) <> EXISTS (
          SELECT FROM timers t WHERE t.kind = 'handover' AND t.subject = i.id)"""),
    ("a watch and its timer differ",
     """SELECT i.id, i.status FROM incidents i WHERE (i.status = 'monitoring') <> EXISTS (
          SELECT FROM timers t WHERE t.kind = 'watch' AND t.subject = i.id)"""),
    ("a timer failed", "SELECT kind, subject, error FROM timers WHERE error <> ''"),
)  # fmt: skip

DUE = (
    ("a notification is overdue", "SELECT id, user_id, method, due_at FROM notifications WHERE state = 'pending' AND due_at <= $1"),
    ("a timer is overdue", "SELECT kind, subject, due_at FROM timers WHERE due_at <= $1"),
)  # fmt: skip


async def broken(world: World) -> list[str]:
    """A sentence for each invariant that does not hold, with the first rows that break it."""
    now = world.clock.now()
    found = [(says, await world.rows(query)) for says, query in INVARIANTS]
    found += [(says, await world.rows(query, now)) for says, query in DUE]
    return [f"{says}: {[dict(row) for row in rows[:3]]}" for says, rows in found if rows]
