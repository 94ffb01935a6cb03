"""The table: ours, the peer's, the ratio. State goes to a temporary folder; everything listens on 127.0.0.1 only."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from bench import bounds, ingest, latency, rooms, scale, schedules, status
from bench.sitting import Measured, Row, Sitting

ROWS: tuple[Row, ...] = (
    *ingest.ROWS,
    *latency.ROWS,
    *scale.ROWS,
    *bounds.ROWS,
    *schedules.ROWS,
    *rooms.ROWS,
    *status.ROWS,
)
_HEAD = ("row", "what", "ours", "peer", "ratio", "floor", "aim", "verdict")


def main() -> None:
    """Measure what was asked for and print the table; exit 1 when a promise broke or a floor was missed."""
    options = _options()
    if options.list:
        print("\n".join(f"{row.name:18} {row.what}" for row in ROWS))
        return
    rows = [row for row in ROWS if not options.only or any(name in row.name for name in options.only)]
    if not rows:
        sys.exit("no row has such a name; --list names them all")
    missing = [name for name in ("wrk", "prometheus-alertmanager") if shutil.which(name) is None]
    if missing:
        sys.exit(f"not installed: {' '.join(missing)} (Debian: apt-get install wrk prometheus-alertmanager)")
    folder = Path(tempfile.mkdtemp(prefix="tocsin-bench-"))
    folder.chmod(0o755)  # the database has a user of its own when we are root
    sitting = Sitting(
        folder=folder,
        state=options.state,
        seconds=options.seconds or (2 if options.quick else 5),
        runs=options.runs or (1 if options.quick else 3),
        quick=options.quick,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what we started is stopped on the way out
    try:
        measured = _measure(sitting, rows)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(table(measured))
    if options.json:
        _append(options.json, measured)
    if any(word in row.verdict(m) for row, m in measured for word in ("BROKEN", "BELOW")):
        sys.exit(1)


def _options() -> argparse.Namespace:
    state = Path(tempfile.gettempdir()) / f"tocsin-bench-state-{os.getuid()}"
    parser = argparse.ArgumentParser(prog="make bench", description="Tocsin beside its peers, in one sitting.")
    parser.add_argument("--only", action="append", metavar="NAME", help="rows whose name holds NAME (may be repeated)")
    parser.add_argument("--runs", type=int, help="runs of each measurement, the median counts (3; quick: 1)")
    parser.add_argument("--seconds", type=float, help="length of a run (5; quick: 2)")
    parser.add_argument("--quick", action="store_true", help="short runs and small numbers: does it work at all?")
    parser.add_argument("--state", type=Path, default=state, help="folder kept between sittings: alerta's environment")
    parser.add_argument("--json", type=Path, metavar="FILE", help="append the results as JSON lines")
    parser.add_argument("--list", action="store_true", help="the names of the rows")
    return parser.parse_args()


def _measure(sitting: Sitting, rows: Iterable[Row]) -> list[tuple[Row, Measured]]:
    measured = []
    for row in rows:
        print(f"{row.name}: {row.what}{f', beside {row.peer}' if row.peer else ''}", file=sys.stderr, flush=True)
        try:
            result = row.measure(sitting)
        except (
            RuntimeError,
            OSError,
            asyncpg.PostgresError,
            subprocess.SubprocessError,
        ) as error:  # the other rows are still worth measuring
            result = Measured(float("nan"), "", broken=[f"could not be measured: {error}"])
        for line in (*result.notes, *(f"BROKEN: {promise}" for promise in result.broken)):
            print(f"    {line}", file=sys.stderr, flush=True)
        measured.append((row, result))
    return measured


def table(measured: Iterable[tuple[Row, Measured]]) -> str:
    """The table as text, ready for a closing note."""
    lines = [_HEAD, *(_line(row, result) for row, result in measured)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def _line(row: Row, result: Measured) -> tuple[str, ...]:
    sign = "<= " if row.less else ">= "
    unit = "x" if row.peer else f" {result.unit}"
    peer = f"{_figure(result.their, result.unit)} {row.peer}" if result.their is not None else "-"
    return (
        row.name,
        row.what,
        _figure(result.ours, result.unit),
        peer,
        f"{result.ratio:.2f}x" if result.ratio is not None else "-",
        f"{sign}{row.floor:g}{unit}" if row.floor is not None else "-",
        f"{sign}{row.aim:g}{unit}" if row.aim is not None else "-",
        row.verdict(result),
    )


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}".replace(" /s", "/s")


def _append(file: Path, measured: Iterable[tuple[Row, Measured]]) -> None:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    with file.open("a", encoding="utf-8") as out:
        for row, result in measured:
            told = {"at": at, "row": row.name, "verdict": row.verdict(result), "ratio": result.ratio, **vars(result)}
            out.write(json.dumps(told) + "\n")
