"""What large numbers cost: memory after many alerts, the end of a large storm, and the speed beside a long past."""

from __future__ import annotations

import time
from dataclasses import replace

from bench import machine
from bench.ingest import promises, series
from bench.load import closed
from bench.load.closed import Load
from bench.ours import GROUPED, Tocsin
from bench.peers import Alertmanager
from bench.sitting import Measured, Row, Sink, Sitting

_LOAD = Load(url="", format="events", key=GROUPED, connections=64)
_LONGEST = 600


def _memory(sitting: Sitting) -> Measured:
    count = 20_000 if sitting.quick else 250_000
    before = _their_memory(sitting, count)
    with Sink(sitting.folder) as sink, Tocsin(sitting.folder / "ours", sink.port) as server:
        result = closed.run(replace(_LOAD, url=f"{server.url}/v2/enqueue", stop=count), _LONGEST)
        mine, python = machine.pss_mib(server.pids), machine.rss_mib(server.pid)
        broken = promises(server, [result], distinct=True)
    after = _their_memory(sitting, count)
    notes = [f"{count:,} alerts; ours: Python {python:.0f} MiB resident, all processes together {mine:.0f} MiB"]
    return Measured(mine, "MiB", (before, after), broken, notes)


def _their_memory(sitting: Sitting, count: int) -> float:
    with Alertmanager(sitting.folder) as peer:
        closed.run(replace(_LOAD, url=peer.url, format="alerts", stop=count), _LONGEST)
        return machine.pss_mib(peer.pids)


_PAST = (
    """INSERT INTO incidents (title, severity, urgency, status, service, affected_services, assignee, tags, reporter,
         created_at, detected_at, acknowledged_at, acknowledged_by, resolved_at, alerts_count, timeline_seq, timeline_head,
         group_key, cycle, acknowledged_cycle)
       SELECT 'disk usage above 90% on host-' || n % 500, 1 + n % 4, 'high', 'resolved', 'grouped', ARRAY['grouped'], 'alice',
              ARRAY['disk'], 'integration:grouped/events', at, at, at + interval '3 minutes', 'user:alice',
              at + interval '40 minutes', 1, 3, sha256(int8send(n)), 'disk', 1, 1
       FROM generate_series(1, $1::bigint) n, LATERAL (SELECT now() - interval '1 day' - n * interval '1 minute' AS at) t""",
    """INSERT INTO alerts (service, dedup_key, integration, incident_id, severity, title, source, labels, body, reason,
         first_at, last_at, resolved_at, resolved_by)
       SELECT 'grouped', 'past-' || id % 50000, 'events', id, severity, title, 'host', '{"component": "disk", "group": "storage"}',
              '{"details": {"mount": "/var"}}', 'opened', created_at, created_at, resolved_at, 'source'
       FROM incidents WHERE status = 'resolved'""",
    """INSERT INTO timeline (incident_id, seq, at, kind, actor, details, data, hash)
       SELECT id, seq, created_at + seq * interval '1 minute', (ARRAY['incident_created', 'acknowledged', 'resolved'])[seq],
              'user:alice', title, '{"severity": "sev2_high"}', sha256(int8send(id))
       FROM incidents, generate_series(1, 3) seq WHERE status = 'resolved' ORDER BY id, seq""",
    "ANALYZE",
    "CHECKPOINT",
)


def _past(sitting: Sitting) -> Measured:
    count = 50_000 if sitting.quick else 1_000_000
    before, _, _ = _rate(sitting, 0)
    mine, broken, seconds = _rate(sitting, count)
    after, _, _ = _rate(sitting, 0)
    return Measured(mine, "/s", (before, after), broken, [f"{count:,} past incidents, made in {seconds:.0f} s"])


def _rate(sitting: Sitting, past: int) -> tuple[float, list[str], float]:
    with Sink(sitting.folder) as sink, Tocsin(sitting.folder / "ours", sink.port) as server:
        began = time.monotonic()
        for statement in _PAST if past else ():
            server.ask(statement, *([past] if "$1" in statement else []))
        seconds = time.monotonic() - began
        results = series(sitting, replace(_LOAD, url=f"{server.url}/v2/enqueue"), server.pids)
        return closed.median(results[1:]).rate, [] if past else promises(server, results, distinct=True), seconds


def _recovery(sitting: Sitting) -> Measured:
    count = 10_000 if sitting.quick else 100_000
    with Sink(sitting.folder) as sink, Tocsin(sitting.folder / "ours", sink.port) as server:
        storm = replace(_LOAD, url=f"{server.url}/v2/enqueue", stop=count, salt="storm")
        came = closed.run(storm, _LONGEST, server.pids)
        ended = closed.run(replace(storm, format="ends"), _LONGEST, server.pids)
        left = int(server.ask("SELECT count(*) FROM alerts WHERE resolved_at IS NULL") or 0)
        # A few were sent beyond the count, when it ended.
        broken = [f"{left} alerts still fire"] if left > storm.connections else []
        if refused := came.refused + ended.refused:
            broken.append(f"{refused} refused")
    return Measured(ended.rate, "/s", (came.rate, came.rate), broken, [f"{count:,} alerts of one incident"])


ROWS = (
    Row(
        name="memory", what="memory after 250,000 distinct alerts (process and database)", peer="Alertmanager", aim=0.3,
        less=True, measure=_memory,
    ),
    Row(
        name="recovery", what="100,000 alerts of one incident are resolved by their source, 64 connections", peer="their arrival",
        measure=_recovery,
    ),
    Row(
        name="past", what="ingest rate with 1,000,000 past incidents", peer="the same, empty", aim=0.95, measure=_past,
    ),
)  # fmt: skip
