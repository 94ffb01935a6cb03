"""What mutes cost where new alerts come in: `python -m bench.mutes`. Exit 1 when a limit is missed.

1,000 silences on the alerts of one large batch (2,000), by equality as people write them, and by patterns as nobody should; 50
inhibitions with 1,000 firing causes. Beside it what a batch costs when none exists.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tocsin.core.directory import Directory
from tocsin.core.inhibition import Causes, concerned, rules_of
from tocsin.core.mute import Matcher, Mute
from tocsin.core.planned import Inhibition
from tocsin.core.silencer import Silencer
from tocsin.core.spelling import decode

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
SILENCES, ALERTS = 1000, 2000


def _mute(number: int, *matchers: Matcher) -> Mute:
    return Mute(
        id=number + 1, public_id=str(number), service=None, matchers=matchers, starts_at=NOW, ends_at=NOW + timedelta(hours=1),
        created_by="bench", comment="", created_at=NOW, updated_at=NOW,
    )  # fmt: skip


def _labels(number: int) -> dict[str, str]:
    return {
        "alertname": "DiskFull",
        "host": f"db-{number}",
        "cluster": f"c{number % 40}",
        "severity": "warning",
        "job": "node",
    }


def _took(work: Callable[[], object]) -> float:
    """Milliseconds, the best of five."""
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best * 1000


def main() -> None:
    alerts = [_labels(number) for number in range(ALERTS)]
    equal = [_mute(n, Matcher("alertname", "DiskFull"), Matcher("host", f"gone-{n}")) for n in range(SILENCES)]
    patterns = [_mute(n, Matcher("host", f"gone-{n}-.*", True)) for n in range(SILENCES)]
    by_value, by_pattern = Silencer(equal), Silencer(patterns[:100])
    raw = [
        {"id": f"r{n}", "source": [f'alertname="Down{n}"'], "target": ['severity="warning"'], "equal": ["cluster"]}
        for n in range(50)
    ]
    rules = rules_of(Directory.of({"inhibitions": [decode(one, Inhibition) for one in raw]}))

    def inhibit() -> None:
        causes: Causes[int] = Causes(rules)
        for number in range(1, 1001):
            causes.add(number, {"alertname": f"Down{number % 50}", "cluster": f"x{number}"})
        for labels in alerts:
            concerned(rules, labels)
            causes.of(labels)

    measured = [
        ("index 1,000 silences", _took(lambda: Silencer(equal)), 30.0),
        (
            "2,000 alerts against 1,000 silences by value",
            _took(lambda: [by_value.find(a, "api", NOW) for a in alerts]),
            20.0,
        ),
        (
            "2,000 alerts against 100 silences by pattern alone",
            _took(lambda: [by_pattern.find(a, "api", NOW) for a in alerts]),
            600.0,
        ),
        ("2,000 alerts against 50 inhibitions, 1,000 causes", _took(inhibit), 400.0),
    ]
    missed = False
    for name, took, limit in measured:
        missed = missed or took > limit
        print(f"{name:55} {took:8.2f} ms   limit {limit:6.0f} ms{'   MISSED' if took > limit else ''}")
    sys.exit(missed)


if __name__ == "__main__":
    main()
