"""Text messages and calls against an emulator of Twilio that others wrote: npm `emulate` (Apache-2.0), a process of its own.

It has no interpreter for calls: the keys pressed in one are in tests/story/test_telephone.py. The name on npm is a hazard: its newest
version is another package, so it is pinned.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from ..fakes.ports import free_port
from ..test_up import tocsin
from .conftest import TOKEN, program, until

EMULATOR = "emulate@0.8.0"
ACCOUNT, SECRET, NUMBER = "AC00000000000000000000000000000000", "twilio_test_auth_token", "+15551234567"
ALICE, BOB = "+12125550123", "+12125550124"
CONFIGURATION = {
    "version": 1,
    "users": [
        {
            "id": "alice", "name": "Alice Ng",
            "contact_methods": [{"id": "text", "type": "sms", "number": ALICE}, {"id": "call", "type": "voice", "number": ALICE}],
            "notification_rules": {"high": [{"after": "0s", "method": "text"}, {"after": "30m", "method": "call"}]},
        },
        {"id": "bob", "contact_methods": [{"id": "text", "type": "sms", "number": BOB}]},
    ],
    "escalation_policies": [
        {"id": "main", "steps": [{"after": "0s", "targets": [{"user": "alice"}]}, {"after": "40m", "targets": [{"user": "bob"}]}]}
    ],
    "services": [
        {
            "id": "payments", "name": "Payments API", "escalation_policy": "main",
            "integrations": [{"id": "events", "type": "pagerduty", "key": "1" * 32}],
        }
    ],
}  # fmt: skip


@pytest.fixture(scope="session")
def emulator() -> Iterator[Path]:
    """The emulator's program, installed into a folder of its own."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("needs npm: apt-get install npm")
    version = subprocess.run([shutil.which("node") or "node", "--version"], capture_output=True, text=True).stdout
    if int(version.removeprefix("v").partition(".")[0] or 0) < 20:
        pytest.skip(f"needs Node.js 20 or later, this is {version.strip() or 'none'}")
    folder = Path(tempfile.mkdtemp(prefix="tocsin-emulate-"))
    try:
        command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts", EMULATOR]
        done = subprocess.run(command, capture_output=True, text=True, timeout=110)
        if done.returncode:
            pytest.skip(f"npm cannot install {EMULATOR} here: {done.stderr.strip()[-200:]}")
        yield folder / "node_modules" / "emulate" / "dist" / "index.js"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Scene:
    """Tocsin and the emulator, each a process, talking to each other."""

    twilio: httpx.Client
    ours: httpx.Client
    said: Callable[[], str]

    def fire(self, key: str) -> None:
        event = {"summary": f"{key} is failing", "source": "test", "severity": "critical"}
        body = {"routing_key": "1" * 32, "event_action": "trigger", "dedup_key": key, "payload": event}
        assert self.ours.post("/v2/enqueue", json=body).status_code == 202

    def sent(self, kind: str, to: str = ALICE) -> list[dict[str, Any]]:
        """What the emulator took for a number, newest first."""
        answer = self.twilio.get(f"/2010-04-01/Accounts/{ACCOUNT}/{kind.title()}.json", params={"PageSize": "100"})
        assert answer.status_code == 200, answer.text
        return [one for one in answer.json()[kind] if one["to"] == to and one["direction"].startswith("outbound")]

    def simulate(self, what: str, **form: str) -> None:
        assert self.twilio.post(f"/_twilio/simulate/{what}", data=form).status_code in (200, 201)

    def incident(self) -> dict[str, Any]:
        newest: dict[str, Any] = self.ours.get("/api/v1/incidents?limit=1").json()["items"][0]
        return newest

    def notifications(self) -> list[dict[str, Any]]:
        pages = self.ours.get(f"/api/v1/incidents/{self.incident()['id']}/pages").json()["items"]
        return [notification for page in pages for notification in page["notifications"]]


@pytest.fixture
def scene(emulator: Path, place: Path) -> Iterator[Scene]:
    port, emulated = free_port(), free_port()
    seed = {
        "twilio": {
            "account": {"sid": ACCOUNT, "auth_token": SECRET},
            "phone_numbers": [{"phone_number": NUMBER, "sms_url": f"http://127.0.0.1:{port}/twilio/sms"}],
        }
    }
    (place / "seed.json").write_text(json.dumps(seed))
    (place / "tocsin.json").write_text(json.dumps(CONFIGURATION))
    node = shutil.which("node") or "node"
    command = (
        node,
        str(emulator),
        "start",
        "--service",
        "twilio",
        "--port",
        str(emulated),
        "--seed",
        str(place / "seed.json"),
    )
    environment = {
        "TOCSIN_BOOTSTRAP_TOKEN": TOKEN, "TOCSIN_TWILIO_ACCOUNT_SID": ACCOUNT, "TOCSIN_TWILIO_AUTH_TOKEN": SECRET,
        "TOCSIN_TWILIO_FROM": NUMBER, "TOCSIN_TWILIO_URL": f"http://127.0.0.1:{emulated}",
    }  # fmt: skip
    arguments = ("up", "--data", str(place / "data"), "--port", str(port), "--config", str(place / "tocsin.json"))
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    with program(emulated, *command), tocsin(*arguments, **environment) as one:
        with (
            httpx.Client(base_url=f"http://127.0.0.1:{emulated}", auth=(ACCOUNT, SECRET)) as twilio,
            httpx.Client(base_url=one.url, headers=bearer) as ours,
        ):
            yield Scene(twilio, ours, lambda: one.said)
        assert one.stop() == 0, one.said


def test_a_page_by_text_message_is_answered_by_text_message(scene: Scene) -> None:
    scene.fire("checkout")
    (text,) = until(lambda: scene.sent("messages"))
    assert text["from"] == NUMBER
    assert text["body"].startswith("SEV1 checkout is failing\nPayments API, INC-")
    until(lambda: scene.notifications()[0]["state"] == "delivered")
    for status in ("sent", "delivered"):
        scene.simulate("message-status", MessageSid=text["sid"], Status=status)
    shown = until(lambda: [n for n in scene.notifications() if n["report"] == "Twilio reports: delivered"])
    assert shown[0]["receipt"] == f"accepted by Twilio as {text['sid']}"
    scene.simulate("inbound-message", To=NUMBER, From=ALICE, Body="1")
    incident = scene.incident()
    assert (incident["status"], incident["acknowledged_by"]) == ("acknowledged", "user:alice")
    assert "refused" not in scene.said()


def test_an_undelivered_text_is_a_call_at_once_and_a_busy_line_is_the_next_rung(scene: Scene) -> None:
    scene.fire("checkout")
    (text,) = until(lambda: scene.sent("messages"))
    until(lambda: scene.notifications()[0]["state"] == "delivered")
    scene.simulate("message-status", MessageSid=text["sid"], Status="undelivered")
    (call,) = until(lambda: scene.sent("calls"))
    assert [n["state"] for n in scene.notifications()][:1] == ["failed"]
    until(lambda: scene.notifications()[1]["state"] == "delivered")
    scene.simulate("call-status", CallSid=call["sid"], Status="busy")
    (other,) = until(lambda: scene.sent("messages", BOB))
    assert "checkout is failing" in other["body"]
    assert scene.incident()["alarm"] == "undelivered"


def test_the_emulator_reads_the_instructions_of_a_call(scene: Scene) -> None:
    scene.fire("checkout <&> payments")
    (text,) = until(lambda: scene.sent("messages"))
    until(lambda: scene.notifications()[0]["state"] == "delivered")
    scene.simulate("message-status", MessageSid=text["sid"], Status="failed")
    until(lambda: scene.sent("calls"))
    assert "Gather, Say, Gather, Say, Gather, Say, Say" in scene.twilio.get("/?tab=calls").text


def test_a_number_that_is_none_is_refused_before_anything_is_sent(scene: Scene) -> None:
    wrong = json.loads(json.dumps(CONFIGURATION))
    wrong["users"][1]["contact_methods"][0]["number"] = "030 901820"
    answer = scene.ours.post("/api/v1/apply", json={"files": [{"name": "x.yml", "text": json.dumps(wrong)}]})
    assert answer.status_code == 422
    assert "does not begin with + and a country: write it with its country, like +49 30 901820" in answer.text
