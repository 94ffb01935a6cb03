"""Messages for tests of channels."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tocsin.plugins.channels.base import Brief, Message

INSTANCE = "8f6c9b3e-6a35-4d7b-9d9b-0c5b6a1f2e11"


def brief(number: int = 41, **changes: Any) -> Brief:
    values: dict[str, Any] = {
        "id": "INC-1A2B3C4D",
        "number": number,
        "name": f"INC-2026-{number:03d}",
        "title": "Checkout is failing",
        "severity": "sev1_critical",
        "status": "detected",
        "service": "payments-api",
        "service_name": "Payments API",
        "url": "https://tocsin.example.com/incidents/INC-1A2B3C4D",
        "created_at": datetime(2026, 8, 21, 12, 5, tzinfo=UTC),
    }
    return Brief(**(values | changes))


def message(**changes: Any) -> Message:
    """A page for Alice, sent now; `incident=brief(...)` and any other field can be given."""
    values: dict[str, Any] = {
        "type": "page",
        "key": f"{INSTANCE}:1841",
        "page_id": "77",
        "reason": "You are on call for Payments primary.",
        "step": 1,
        "user": "alice",
        "user_name": "Alice Ng",
        "time_zone": "Europe/Berlin",
        "incident": brief(),
        "acknowledge_url": "https://tocsin.example.com/a/77.sig",
        "sent_at": datetime.now(UTC),
        "instance": INSTANCE,
    }
    return Message(**(values | changes))
