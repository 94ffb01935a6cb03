"""The client of PagerDuty against an account that answers as the real one does."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.fakes.pagerduty import KEY, PagerDuty

from tocsin.library import (
    IncidentResponseSystem,
    IncidentStatus,
    PagerDutyError,
    PagerDutyIntegration,
    SeverityLevel,
)

SECRET = "webhook-secret"


@pytest.fixture
def account() -> Iterator[PagerDuty]:
    with PagerDuty() as account:
        yield account


def client(account: PagerDuty, key: str = KEY, sender: str = "alice@example.com", **more: Any) -> PagerDutyIntegration:
    return PagerDutyIntegration(key, "PSERVICE", sender, base_url=account.url, webhook_secret=SECRET, **more)


def test_an_incident_is_opened_as_the_api_wants_it(account: PagerDuty) -> None:
    made = client(account).create_incident("Checkout is down", "Nobody can pay", severity=SeverityLevel.SEV3)
    asked = account.asked[0]
    assert account.incidents[made]["title"] == "Checkout is down"
    assert account.incidents[made]["urgency"] == "low"
    assert asked.headers["authorization"] == f"Token token={KEY}"
    assert asked.headers["accept"] == "application/vnd.pagerduty+json;version=2"
    assert asked.headers["from"] == "alice@example.com"
    assert asked.body["incident"]["body"] == {"type": "incident_body", "details": "Nobody can pay"}


def test_the_same_trouble_is_one_incident(account: PagerDuty) -> None:
    ours = client(account)
    first = ours.create_incident("Down", "", incident_key="INC-1A2B3C4D")
    assert ours.create_incident("Down, still", "", incident_key="INC-1A2B3C4D") == first
    assert ours.resolve_incident(first) is True
    assert ours.create_incident("Down again", "", incident_key="INC-1A2B3C4D") != first


@pytest.mark.parametrize(
    ("key", "sender", "status", "code", "said"),
    [
        ("wrong", "alice@example.com", 401, 2006, "Authentication failed"),
        (KEY, "mallory@example.com", 400, 1008, "Requester User Not Found"),
        (KEY, "", 400, None, "give from_email"),
    ],
)
def test_a_refusal_says_why(
    account: PagerDuty, key: str, sender: str, status: int, code: int | None, said: str
) -> None:
    with pytest.raises(PagerDutyError, match=said) as caught:
        client(account, key, sender).create_incident("Down", "")
    assert (caught.value.status, caught.value.code) == (status, code)
    assert KEY not in str(caught.value)


def test_without_from_the_real_api_answers_400(account: PagerDuty) -> None:
    """What the client keeps its callers from."""
    ours = client(account)
    ours.headers["From"], ours.from_email = "", " "
    with pytest.raises(PagerDutyError, match="Requester User"):
        ours.create_incident("Down", "")


def test_it_waits_when_it_is_told_to(account: PagerDuty) -> None:
    account.limited, account.reset = 1, "1"
    began = time.monotonic()
    assert client(account).create_incident("Down", "")
    assert time.monotonic() - began >= 1
    assert len(account.asked) == 2


def test_it_gives_up_on_a_limit_that_never_ends(account: PagerDuty) -> None:
    account.limited = 99
    with pytest.raises(PagerDutyError, match="Rate Limit Exceeded") as caught:
        client(account).get_oncall_user("PSCHEDULE")
    assert caught.value.status == 429
    assert len(account.asked) == 4


def test_a_gateway_that_fails_is_asked_again(account: PagerDuty) -> None:
    account.broken = 1
    assert client(account).create_incident("Down", "", incident_key="INC-1") in account.incidents


def test_silence_ends(account: PagerDuty) -> None:
    account.silent = threading.Event()
    ours = client(account, timeout=0.1)
    with pytest.raises(PagerDutyError, match="cannot be reached"):
        ours.get_oncall_user("PSCHEDULE")
    account.silent.set()


def test_who_is_on_call(account: PagerDuty) -> None:
    def shift(schedule: str | None, level: int) -> dict[str, Any]:
        return {
            "user": {"id": "PALICE", "type": "user_reference"}, "schedule": {"id": schedule} if schedule else None,
            "escalation_policy": {"id": "PPOLICY1"}, "escalation_level": level, "start": None, "end": None,
        }  # fmt: skip

    account.oncalls = [shift("PSCHEDULE", 2), shift("PSCHEDULE", 1), shift(None, 1)]
    found = client(account).get_oncall_user("PSCHEDULE")
    assert found is not None
    assert found["email"] == "alice@example.com"
    assert account.asked[0].path == "/oncalls"
    assert account.asked[0].query["schedule_ids[]"] == ["PSCHEDULE"]
    assert client(account).get_oncall_user("PEMPTY") is None


def test_escalating_moves_it_to_another_policy(account: PagerDuty) -> None:
    ours = client(account)
    made = ours.create_incident("Down", "")
    assert ours.escalate_incident(made, "PPOLICY2") is True
    assert account.incidents[made]["escalation_policy"]["id"] == "PPOLICY2"
    assert account.asked[-1].method == "PUT"
    assert account.asked[-1].headers["from"] == "alice@example.com"
    assert ours.escalate_incident(made, "PNOSUCH") is False
    assert ours.escalate_incident("Q../../users", "PPOLICY2") is False
    assert ours.acknowledge_incident(made) is True
    assert ours.resolve_incident(made) is True
    assert ours.escalate_incident(made, "PPOLICY2") is False
    assert client(account, "wrong").base_url == account.url
    with pytest.raises(PagerDutyError, match="Authentication failed"):
        client(account, "wrong").escalate_incident(made, "PPOLICY2")


def webhook(event_type: str, key: str) -> tuple[bytes, dict[str, str]]:
    data = {"id": "Q1", "type": "incident", "incident_key": key}
    body = json.dumps({"event": {"event_type": event_type, "agent": {"summary": "Bob"}, "data": data}}).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return body, {"X-PagerDuty-Signature": f"v1={'0' * 64},v1={signature}"}


def test_pages_go_through_pagerduty_and_answers_come_back(account: PagerDuty) -> None:
    ours = client(account)
    system = IncidentResponseSystem(pagerduty=ours)
    made = system.create_incident("Checkout is down", "Nobody can pay", SeverityLevel.SEV1, "monitoring")
    (paged,) = account.incidents.values()
    assert (paged["incident_key"], paged["urgency"]) == (made, "high")
    assert ours.receive_webhook(system, *webhook("incident.acknowledged", made)) is True
    assert system.incidents[made].status is IncidentStatus.ACKNOWLEDGED
    assert system.incidents[made].timeline[-1].actor == "Bob"
    assert ours.receive_webhook(system, *webhook("incident.priority_updated", made)) is False
    assert ours.receive_webhook(system, *webhook("incident.resolved", "INC-OTHER")) is False
    body, _ = webhook("incident.resolved", made)
    with pytest.raises(PagerDutyError, match="not signed"):
        ours.receive_webhook(system, body, {"X-PagerDuty-Signature": "v1=00"})
    assert ours.receive_webhook(system, *webhook("incident.resolved", made)) is True
    assert system.incidents[made].resolved_at is not None


def test_a_dead_pagerduty_stops_nothing(account: PagerDuty) -> None:
    system = IncidentResponseSystem(pagerduty=client(account, "wrong"))
    made = system.create_incident("Checkout is down", "", SeverityLevel.SEV1, "monitoring")
    told = [entry.details for entry in system.incidents[made].timeline if entry.event == "notification_failed"]
    assert told == ["page: PagerDutyError: PagerDuty: Authentication failed"]
