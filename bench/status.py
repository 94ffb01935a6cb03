"""What the status page bears: requests each second from memory, and how soon a public update is on it while everybody looks."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import time
import urllib.request
from collections.abc import Callable
from typing import Any

from bench.ours import TOKEN, Tocsin, wait_until
from bench.sitting import Measured, Row, Sink, Sitting

CONNECTIONS = 64
_RATE = re.compile(r"Requests/sec:\s+([0-9.]+)")
_BAD = re.compile(r"Non-2xx or 3xx responses: (\d+)")


def _wrk(url: str, seconds: float) -> tuple[float, int]:
    """Requests each second, and how many were not answered well."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "-H", "Accept-Encoding: gzip", url]
    told = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, check=True).stdout
    rate, bad = _RATE.search(told), _BAD.search(told)
    if rate is None:
        raise RuntimeError(f"wrk said nothing of use: {told[-200:]}")
    return float(rate[1]), int(bad[1]) if bad else 0


def _rate(path: str) -> Callable[[Sitting], Measured]:
    def measure(sitting: Sitting) -> Measured:
        with Sink(sitting.folder) as sink, Tocsin(sitting.folder / "status", sink.port, demo=True) as server:
            _wrk(server.url + path, 1)
            results = [_wrk(server.url + path, sitting.seconds) for _ in range(sitting.runs)]
        bad = sum(count for _, count in results)
        return Measured(
            statistics.median(rate for rate, _ in results), "/s", broken=[f"{bad} requests not answered"] if bad else []
        )

    return measure


def _call(server: Tocsin, method: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        server.url + path, method=method, data=json.dumps(body).encode() if body is not None else None,
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def _right(sitting: Sitting) -> Measured:
    """Milliseconds from the answer to a public update until the page shows it, the worst of several, while wrk asks for it."""
    took = []
    with Sink(sitting.folder) as sink, Tocsin(sitting.folder / "status", sink.port, demo=True) as server:
        incident = _call(
            server, "POST", "/api/v1/incidents", {"title": "Measured", "severity": "SEV2", "service": "search"}
        )
        load = subprocess.Popen(
            ["wrk", "-t1", f"-c{CONNECTIONS}", "-d60s", f"{server.url}/status"], stdout=subprocess.DEVNULL
        )
        try:
            for number in range(5 if sitting.quick else 20):
                word = f"word-{number}"
                body = {"audience": "public", "message": word, "components": {"search": "degraded_performance"}}
                _call(server, "POST", f"/api/v1/incidents/{incident['id']}/updates", body)
                began = time.perf_counter()
                shown = wait_until(lambda word=word: word in _page(server), 10, 0.01)  # type: ignore[misc]
                took.append((time.perf_counter() - began) * 1000 if shown else float("inf"))
        finally:
            load.kill()
            load.wait()
    return Measured(max(took), "ms", notes=[f"median {statistics.median(took):.0f} ms of {len(took)}"])


def _page(server: Tocsin) -> str:
    with urllib.request.urlopen(f"{server.url}/status", timeout=10) as answer:
        text: str = answer.read().decode()
    return text


ROWS = (
    Row(name="status-page", what="requests for the status page, 64 connections", floor=2000, aim=5000, measure=_rate("/status")),
    Row(
        name="status-json", what="requests for its summary.json, 64 connections", floor=2000, aim=5000,
        measure=_rate("/status/api/v2/summary.json"),
    ),
    Row(
        name="status-right", what="a public update is on the page while everybody looks, the worst", floor=2000, aim=500, less=True,
        measure=_right,
    ),
)  # fmt: skip
