"""How long from the event sent to the page received: open loop, ours between two runs of the peer."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial

from bench import machine
from bench.load import paced
from bench.load.paced import Pace, Paced
from bench.ours import EACH, Tocsin
from bench.peers import Alertmanager
from bench.sitting import Measured, Row, Sitting


def _told(name: str, run: Paced) -> str:
    page = " / ".join(f"{run.page_ms(share):.2f}" for share in (0.5, 0.9, 0.99, 1))
    answer = " / ".join(f"{run.answer_ms(share):.2f}" for share in (0.5, 0.99))
    return (
        f"{name}: page p50/p90/p99/max {page} ms, answer p50/p99 {answer} ms, {run.unpaged} unpaged, {run.refused} refused, "
        f"{run.repeated} repeated"
    )


def _runs(sitting: Sitting, pace: Pace) -> list[Paced]:
    paced.run(Pace(**{**vars(pace), "seconds": 1.0}))
    return [paced.run(pace) for _ in range(sitting.runs)]


def _peer(sitting: Sitting, pace: Callable[..., Pace]) -> list[Paced]:
    sink = machine.free_port()
    with Alertmanager(sitting.folder, sink) as peer:
        return _runs(sitting, pace(url=peer.url, body=paced.alert, key="-", sink=sink))


def _ours(sitting: Sitting, pace: Callable[..., Pace]) -> tuple[list[Paced], list[str]]:
    sink = machine.free_port()
    with Tocsin(sitting.folder / "ours", sink) as server:
        runs = _runs(sitting, pace(url=f"{server.url}/v2/enqueue", body=paced.event, key=EACH, sink=sink))
        stored = server.ask("SELECT count(*) FROM alerts")
    found = {
        "unpaged": sum(run.unpaged for run in runs),
        "refused": sum(run.refused for run in runs),
        "paged twice": sum(run.repeated for run in runs),
        "lost": max(0, sum(len(run.answered) for run in runs) - stored),
    }
    return runs, [f"{count} {what}" for what, count in found.items() if count]


def _measure(sitting: Sitting, rate: float, share: float) -> Measured:
    pace = partial(Pace, rate=rate, seconds=max(sitting.seconds, 200 / rate))
    before = _peer(sitting, pace)
    mine, broken = _ours(sitting, pace)
    after = _peer(sitting, pace)
    notes = [_told(name, run) for name, runs in (("peer", before), ("ours", mine), ("peer", after)) for run in runs]
    theirs = [statistics.median(run.page_ms(share) for run in runs) for runs in (before, after)]
    return Measured(statistics.median(run.page_ms(share) for run in mine), "ms", theirs, broken, notes)


ROWS = (
    Row(
        name="page-50", what="event sent -> page received at 50/s, p50", peer="Alertmanager, group_wait 0s",
        floor=4, aim=2, less=True, measure=partial(_measure, rate=50, share=0.5),
    ),
    Row(
        name="page-2000", what="event sent -> page received at 2,000/s, p99", peer="Alertmanager, group_wait 0s",
        floor=1, aim=0.5, less=True, measure=partial(_measure, rate=2000, share=0.99),
    ),
)  # fmt: skip
