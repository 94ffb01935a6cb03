"""How fast foresight is: `python -m bench.foresight`. Exit 1 when a limit of the issue is missed.

200 services with 200 policies of three steps, 100 schedules of 10 people with a year of overrides.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tocsin.core.configuration import KINDS
from tocsin.core.directory import Directory
from tocsin.core.readiness import check
from tocsin.core.spelling import decode
from tocsin.manage.foresight import Question, rehearse
from tocsin.manage.holding import muted_by, planned

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney", "UTC")
SERVICES, SCHEDULES, PEOPLE = 200, 100, 1000


def organisation(chance: random.Random) -> Directory:
    """Believable and large: weekly and daily rotations, nights of their own, holidays covered by others."""
    hook = {"id": "hook", "type": "webhook", "url": "http://127.0.0.1:9/x"}
    users = [{"id": f"u{n}", "contact_methods": [hook]} for n in range(PEOPLE)]
    teams = [
        {"id": f"t{n}", "members": [f"u{n * 10 + k}" for k in range(10)], "manager": f"u{n * 10}"}
        for n in range(SCHEDULES)
    ]
    services = [
        {"id": f"s{n}", "team": f"t{n % SCHEDULES}", "escalation_policy": f"p{n}",
         "integrations": [{"id": "events", "type": "pagerduty", "key": f"{n:032x}"}]}
        for n in range(SERVICES)
    ]  # fmt: skip
    objects: dict[str, list[Any]] = {
        "users": users, "teams": teams, "schedules": [_schedule(n, chance) for n in range(SCHEDULES)],
        "escalation_policies": [_policy(n) for n in range(SERVICES)], "services": services,
    }  # fmt: skip
    read: dict[str, list[Any]] = {kind: [decode(one, KINDS[kind]) for one in found] for kind, found in objects.items()}
    return Directory.of(read)


def _schedule(number: int, chance: random.Random) -> dict[str, Any]:
    people = [f"u{number * 10 + k}" for k in range(10)]
    unit = "week" if number % 2 else "day"
    layers = [
        {"id": "days", "users": people, "starts": "2025-01-06T09:00", "rotation": {"unit": unit}},
        {"id": "nights", "users": people[:4], "starts": "2025-01-06T20:00", "restrictions": [{"from": "22:00", "to": "06:00"}]},
    ]  # fmt: skip
    overrides = []
    for day in range(0, 365, 5):
        start = NOW.replace(tzinfo=None) + timedelta(days=day - 100, hours=chance.randrange(24))
        written = [f"{at:%Y-%m-%dT%H:%M}" for at in (start, start + timedelta(hours=12))]
        overrides.append({"user": chance.choice(people), "from": written[0], "to": written[1]})
    zone = ZONES[number % len(ZONES)]
    return {"id": f"c{number}", "team": f"t{number}", "time_zone": zone, "layers": layers, "overrides": overrides}


def _policy(number: int) -> dict[str, Any]:
    mine, next_one = f"c{number % SCHEDULES}", f"c{(number + 1) % SCHEDULES}"
    steps = [
        {"after": "0s", "targets": [{"schedule": mine}]},
        {"after": "10m", "targets": [{"schedule": next_one}, {"user": f"u{number}"}]},
        {"after": "15m", "tier": "senior", "targets": [{"team": f"t{number % SCHEDULES}"}]},
    ]
    return {"id": f"p{number}", "steps": steps, "repeat": 2}


def measured(name: str, limit: float, act: Callable[[], Any], runs: int) -> bool:
    """Print the median of `runs` in milliseconds; False when it is over the limit."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        act()
        times.append((time.perf_counter() - began) * 1000)
    times.sort()
    median, worst = times[len(times) // 2], times[-1]
    verdict = "ok" if median < limit else "MISSED"
    print(f"{name:42} {median:9.1f} ms   worst {worst:9.1f} ms   limit {limit:7.0f} ms   {verdict}")
    return median < limit


def main() -> None:
    directory = organisation(random.Random(7))
    found = check(directory, NOW, 90)
    print(f"{SERVICES} services, {SCHEDULES} schedules, {len(directory.users)} people; {len(found)} findings")
    payload = {
        "routing_key": f"{7:032x}", "event_action": "trigger",
        "payload": {"summary": "Disk full", "source": "db", "severity": "critical"},
    }  # fmt: skip

    def rehearsal() -> dict[str, Any]:
        muted = muted_by(planned(directory, NOW))
        return rehearse(directory, Question(source="pagerduty", payload=payload), NOW, muted)

    def crowd() -> dict[str, Any]:
        return rehearse(directory, Question(service="s3", until="2026-03-09T00:00:00Z"), NOW, lambda *_: None)

    fine = [
        measured("check --days 90", 3000, lambda: check(directory, NOW, 90), 3),
        measured("rehearse a payload", 50, rehearsal, 50),
        measured("rehearse a service, a week ahead", 50, crowd, 50),
    ]
    sys.exit(0 if all(fine) else 1)


if __name__ == "__main__":
    main()
