"""Closed loop: wrk keeps a number of connections busy and counts what it gets."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from bench import machine

_SCRIPT = Path(__file__).with_name("event.lua")


@dataclass(frozen=True, kw_only=True)
class Load:
    """What to send where. `stop`: answers after which to end early (0: only time ends it). `salt` makes the keys of distinct alerts a
    run's own; another run with the same speaks of the same alerts."""

    url: str
    format: str
    key: str = "-"
    connections: int = 16
    keys: int = 0
    batch: int = 1
    severity: str = ""
    stop: int = 0
    salt: str = ""


@dataclass(frozen=True, kw_only=True)
class Result:
    """One run. `refused` are answers other than 2xx, `broken` connections that failed; latencies in ms; `cpu` in cores."""

    requests: int
    seconds: float
    refused: int
    broken: int
    p50: float
    p99: float
    batch: int
    cpu: float = 0.0

    @property
    def taken(self) -> int:
        """Alerts that were answered with 2xx."""
        return (self.requests - self.refused) * self.batch

    @property
    def rate(self) -> float:
        """Alerts taken each second."""
        return self.taken / self.seconds


def run(load: Load, seconds: float, pids: Iterable[int] = ()) -> Result:
    """Send for `seconds` (at least one; the most, when `load.stop` says how many); `pids`: whose processor time counts as the server's."""
    options = {"keys": load.keys, "batch": load.batch, "severity": load.severity, "stop": load.stop}
    command = [
        "wrk", "-t1", f"-c{load.connections}", f"-d{max(1, round(seconds))}s", "--timeout", "15s", "-s", str(_SCRIPT), load.url,
        "--", load.format, load.key, f"salt={load.salt or ('k' if load.keys else os.urandom(4).hex())}",
        *(f"{name}={value}" for name, value in options.items()),
    ]  # fmt: skip
    pids = list(pids)
    cpu, began = machine.cpu_seconds(pids), time.monotonic()
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=seconds + 60)
    passed = time.monotonic() - began
    cpu = (machine.cpu_seconds(pids) - cpu) / passed
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            told = json.loads(line[7:])
            return Result(**{**told, "seconds": told["seconds"] or passed}, batch=load.batch, cpu=cpu)
    raise RuntimeError(f"wrk failed:\n{done.stdout}{done.stderr}")


def median(results: list[Result]) -> Result:
    """The run in the middle by its rate, but with everything counted and everything that went wrong in all of them."""
    middle = statistics.median_low(result.rate for result in results)
    found = next(result for result in results if result.rate == middle)
    return replace(found, broken=sum(r.broken for r in results))
