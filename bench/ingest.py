"""How many alerts each second: closed loop, ours between two runs of the peer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from bench.load import closed
from bench.load.closed import Load, Result
from bench.ours import BATCHES, EACH, GROUPED, Tocsin
from bench.peers import Alerta, Alertmanager
from bench.sitting import Measured, Row, Sink, Sitting

WARM = 1


def series(sitting: Sitting, load: Load, pids: Sequence[int]) -> list[Result]:
    """A warm-up (the first result) and the runs that count."""
    warm = closed.run(load, WARM, pids)
    return [warm, *(closed.run(load, sitting.seconds, pids) for _ in range(sitting.runs))]


def _told(name: str, result: Result) -> str:
    return (
        f"{name}: {result.rate:,.0f}/s, p50 {result.p50:.1f} ms, p99 {result.p99:.1f} ms, {result.cpu:.2f} cores, "
        f"{result.refused} refused, {result.broken} broken connections"
    )


def alertmanager(sitting: Sitting, load: Load) -> Result:
    with Alertmanager(sitting.folder) as peer:
        return closed.median(series(sitting, replace(load, url=peer.url, format="alerts"), peer.pids)[1:])


def alerta(sitting: Sitting, load: Load) -> Result:
    with Alerta(sitting.folder, sitting.state) as peer:
        return closed.median(
            series(sitting, replace(load, url=peer.url, format="alerta", severity="critical"), peer.pids)[1:]
        )


def promises(server: Tocsin, results: Sequence[Result], distinct: bool) -> list[str]:
    """What of "none refused, none lost, none unpaged" did not hold. All that was sent to `server` is in `results`."""
    server.settle()
    taken = sum(result.taken for result in results)
    stored = server.ask("SELECT count(*) FROM alerts" if distinct else "SELECT sum(count) FROM alerts")
    found = {
        "refused": sum(result.refused for result in results),
        "connections broken": sum(result.broken for result in results),
        "lost": max(0, taken - int(stored or 0)),
        "unpaged": server.unpaged(),
    }
    return [f"{count} {what}" for what, count in found.items() if count]


def ours(sitting: Sitting, load: Load, path: str = "/v2/enqueue") -> tuple[Result, list[str]]:
    """The median run on a fresh server, and the promises that did not hold."""
    with Sink(sitting.folder) as sink, Tocsin(sitting.folder / "ours", sink.port) as server:
        load = replace(load, url=server.url + path)
        results = series(sitting, load, server.pids)
        return closed.median(results[1:]), promises(server, results, not load.keys)


def versus(
    peer: Callable[[Sitting, Load], Result], load: Load, their: Load | None = None, path: str = "/v2/enqueue"
) -> Callable[[Sitting], Measured]:
    """Peer, ours, peer, with one load."""

    def measure(sitting: Sitting) -> Measured:
        before = peer(sitting, their or load)
        mine, broken = ours(sitting, load, path)
        after = peer(sitting, their or load)
        notes = [_told("peer", before), _told("ours", mine), _told("peer", after)]
        return Measured(mine.rate, "/s", (before.rate, after.rate), broken, notes)

    return measure


def _paging(sitting: Sitting) -> Measured:
    """Every event an incident and a page. Time counts until the last page has arrived."""
    load = Load(url="", format="events", key=EACH, connections=64, severity="critical")
    before = alerta(sitting, load)
    mine, broken, notes = _paged(sitting, load)
    after = alerta(sitting, load)
    notes = [_told("peer", before), *notes, _told("peer", after)]
    return Measured(mine, "/s", (before.rate, after.rate), broken, notes)


def _paged(sitting: Sitting, load: Load) -> tuple[float, list[str], list[str]]:
    with Sink(sitting.folder) as sink, Tocsin(sitting.folder / "ours", sink.port) as server:
        load = replace(load, url=f"{server.url}/v2/enqueue")
        results, rates, notes = [closed.run(load, WARM)], [], []
        server.settle()
        for _ in range(sitting.runs):
            result = closed.run(load, sitting.seconds, server.pids)
            ended = time.monotonic()
            server.settle()
            lag = time.monotonic() - ended
            rates.append(result.taken / (result.seconds + lag))
            notes.append(_told("ours", result) + f", last page {lag:.2f} s after the end")
            results.append(result)
        broken = promises(server, results, distinct=True)
        incidents = server.ask("SELECT count(*) FROM incidents")
        alerts = server.ask("SELECT count(*) FROM alerts")
        if incidents != alerts:
            broken.append(f"{alerts} alerts opened {incidents} incidents")
    if sink.received < incidents:
        broken.append(f"{incidents - sink.received} pages recorded but not received")
    return sorted(rates)[(len(rates) - 1) // 2], broken, notes


_JOINING = Load(url="", format="events", key=GROUPED, connections=64)
_RECURRING = Load(url="", format="events", key=GROUPED, connections=16, keys=1000)
_BATCHES = Load(url="", format="alerts", connections=16, keys=1000, batch=100)
_API = f"/integrations/{BATCHES}/api/v2/alerts"

ROWS = (
    Row(
        name="joining", what="durable single events, distinct, joining one incident, 64 connections",
        peer="Alertmanager (memory)", floor=0.6, aim=1.0, measure=versus(alertmanager, _JOINING),
    ),
    Row(
        name="recurring", what="durable single events, 1,000 recurring keys, 16 connections",
        peer="Alertmanager (memory)", floor=0.35, aim=0.6, measure=versus(alertmanager, _RECURRING),
    ),
    Row(
        name="paging", what="every event an incident and a delivered page, 64 connections",
        peer="alerta, ingest only", floor=20, aim=60, measure=_paging,
    ),
    Row(
        name="recurring-alerta", what="durable single events, 1,000 recurring keys, 16 connections",
        peer="alerta on PostgreSQL", floor=40, aim=80, measure=versus(alerta, _RECURRING),
    ),
    Row(
        name="batches", what="durable batches of 100 (Alertmanager API), 1,000 recurring keys",
        peer="Alertmanager (memory)", floor=1.0, aim=2.0, measure=versus(alertmanager, _BATCHES, path=_API),
    ),
    Row(
        name="batches-distinct", what="the same, all distinct, joining one incident",
        peer="Alertmanager (memory)", measure=versus(alertmanager, replace(_BATCHES, keys=0), path=_API),
    ),
)  # fmt: skip
