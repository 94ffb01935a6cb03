"""What each source makes of recorded and hand-written bodies: tests/golden/sources/<source>/<case>.json."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tocsin.core.event import Event
from tocsin.plugins.sources.registry import sources

GOLDEN = Path(__file__).parents[2] / "golden" / "sources"
CASES = sorted(GOLDEN.glob("*/*.json"))


def told(event: Event) -> dict[str, Any]:
    """The event without what is empty."""
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    plain: dict[str, Any] = msgspec.to_builtins({k: v for k, v in fields.items() if v not in ("", None, {}, [])})
    return plain


@pytest.mark.parametrize("path", CASES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_the_recorded_body_becomes_these_events(path: Path) -> None:
    case = json.loads(path.read_text())
    parsed = sources()[path.parent.name].parse(json.dumps(case["body"]).encode(), datetime.fromisoformat(case["now"]))
    events = [told(event) for event in parsed.events]
    for got, expected in zip(events, case["events"], strict=True):
        if got["action"] == "change":  # a change has no identity: its key is drawn
            assert len(got.pop("dedup_key")) == len(expected.pop("dedup_key")) == 32
        assert got == expected
    refusal = parsed.refusal and {"status": parsed.refusal.status, "body": json.loads(parsed.refusal.body)}
    assert refusal == case["refusal"]
    assert parsed.key == case["key"]


def test_every_source_has_a_recorded_body() -> None:
    assert {path.parent.name for path in CASES} == set(sources())
