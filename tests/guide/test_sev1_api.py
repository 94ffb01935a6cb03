"""The same SEV1 over the API: every step answers what the next one needs, and the record at the end holds it all."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from tocsin.store.database import Database

from .town import Town, open_town

TITLE = "Checkout fails: cards are declined"


@dataclass
class Desk:
    """Speaks to the API as one person."""

    town: Town
    http: httpx.AsyncClient

    async def ask(self, method: str, path: str, body: Any = None, *, who: str = "alice", status: int = 200) -> Any:
        headers = {"Authorization": f"Bearer {self.town.token[who]}"}
        answer = await self.http.request(method, f"{self.town.url}/api/v1{path}", json=body, headers=headers)
        assert answer.status_code == status, (path, answer.text)
        await self.town.settle()
        return answer.json() if "json" in answer.headers["content-type"] else answer.text

    async def act(self, verb: str, body: Any = None, *, who: str = "alice", status: int = 200) -> Any:
        return await self.ask("POST", f"/incidents/1/{verb}", body or {}, who=who, status=status)

    async def page(self, indicators: set[str]) -> Any:
        """The status page, which is right within two seconds of a change."""
        async with asyncio.timeout(2):
            while True:
                found = (await self.http.get(f"{self.town.url}/status/api/v2/summary.json")).json()
                if found["status"]["indicator"] in indicators:
                    return found
                await asyncio.sleep(0.05)


async def test_the_story_over_the_api(db: Database) -> None:
    async with open_town(db) as town, httpx.AsyncClient(timeout=20) as http:
        desk = Desk(town, http)
        await _declared(desk)
        await _worked_on(desk)
        await _restored(desk)
        await _learned_from(desk)


async def _declared(desk: Desk) -> None:
    """Impact first; the page, the room and the first words follow by themselves."""
    town = desk.town
    await desk.ask("POST", "/subscriptions", {"severity": "SEV1"}, who="stella", status=201)
    await town.until("14:32")
    body = {
        "title": TITLE, "service": "payments-api", "public_title": "Card payments fail",
        "impact": {"what": "Nobody can pay by card", "percent": 60},
    }  # fmt: skip
    made = await desk.ask("POST", "/incidents", body, who="bob", status=201)
    assert (made["severity"], made["status"], made["assignee"]) == ("sev1_critical", "detected", "alice")
    (page,) = town.arrived("/alice")
    assert page["incident"]["id"] == made["id"]
    here, chat = (await desk.ask("GET", "/incidents/1/rooms"))["items"]
    assert (here["url"], chat["url"]) == (made["url"], "https://chat.example.com/c/41")
    assert chat["name"] == "inc-20261120-payments-api-001"
    assert (await desk.ask("GET", f"/incidents/{chat['name']}"))["id"] == made["id"]
    opened = [one for one in (await desk.ask("GET", "/incidents/1/timeline"))["items"] if one["kind"] == "room_opened"]
    assert opened[0]["at"] == made["created_at"]  # the link stands there before anybody comes
    assert [mail.recipients for mail in town.mail.messages] == [("stella@example.com",)]
    assert len(town.arrived("/executives")) == 1
    await town.until("14:34")
    answered = await http_acknowledge(desk, page["acknowledge_url"])
    assert answered["status"] == "acknowledged"
    for role, user in (("incident_commander", "alice"), ("technical_lead", "bob")):
        await desk.act("roles", {"role": role, "user": user})
    found = await desk.act("status", {"status": "investigating"})
    assert found["roles"] == {"incident_commander": "alice", "technical_lead": "bob"}


async def http_acknowledge(desk: Desk, url: str) -> Any:
    """By the link of the page, as from a phone."""
    answer = await desk.http.post(url)
    assert answer.status_code == 200
    await desk.town.settle()
    return await desk.ask("GET", "/incidents/1")


async def _worked_on(desk: Desk) -> None:
    """The public is told, what is believed becomes a fact, promises are kept."""
    town = desk.town
    await town.until("14:36")
    first = {
        "audience": "public", "message": "Some customers cannot pay by card. We are investigating. Next update in 15 minutes.",
        "components": {"payments": "major_outage"}, "next_update_in": "15m",
    }  # fmt: skip
    assert (await desk.act("updates", first, who="bob", status=403))["status"] == 403
    told = await desk.act("updates", first, status=201)
    assert told["state"] == "published"
    page = await desk.page({"major", "critical"})
    assert [one["name"] for one in page["incidents"]] == ["Card payments fail"]
    await town.until("14:40")
    finding = await desk.act(
        "findings", {"text": "The release of 14:20 uses up all connections"}, who="bob", status=201
    )
    task = await desk.act("tasks", {"text": "Roll back", "owner": "bob", "next_check_in": "15m"}, who="bob", status=201)
    await desk.ask(
        "PATCH", f"/incidents/1/findings/{finding['id']}", {"certainty": "fact", "why": "One node recovered"}
    )
    await desk.act("status", {"status": "identified"})
    await town.until("14:46")
    for audience in ("public", "stakeholders", "executives", "responders"):
        await desk.act("updates", {"audience": audience, "message": f"We found it ({audience})."}, status=201)
    await town.until("14:56")
    await desk.ask("PATCH", f"/incidents/1/tasks/{task['id']}", {"state": "done"}, who="bob")


async def _restored(desk: Desk) -> None:
    """Somebody looked, half an hour of watching, and the end is told to all who were told anything."""
    town = desk.town
    restored = await desk.act("restore", {"notes": "Ten test payments went through"}, who="bob")
    assert restored["status"] == "monitoring"
    operational = {
        "audience": "public",
        "message": "Card payments work again.",
        "components": {"payments": "operational"},
    }
    await desk.act("updates", operational, status=201)
    await town.world.wait(minutes=30)
    ended = await desk.ask("GET", "/incidents/1")
    assert (ended["status"], ended["mttr_minutes"]) == ("resolved", 54)
    await desk.act("updates/tell", status=201)
    assert (await desk.page({"none"}))["incidents"] == []
    mails = [mail for mail in town.mail.messages if "stella@example.com" in mail.recipients]
    assert "resolved" in mails[-1].text.lower()
    told = [one["data"]["message"] for one in town.arrived("/chat") if one["type"] == "room.message"]
    assert {one["kind"] for one in told} >= {
        "incident_created",
        "acknowledged",
        "update_published",
        "restored",
        "resolved",
    }


async def _learned_from(desk: Desk) -> None:
    """The report from live data; the review drafted, and the door to closing behind it."""
    report = await desk.ask("GET", "/incidents/1/report.md")
    assert f"# Incident Report: {TITLE}" in report
    assert "**Duration:** 54.0 minutes" in report
    review = await desk.ask("GET", "/incidents/1/review.md")
    assert f"# Post-Incident Review: {TITLE}" in review
    assert "The release of 14:20 uses up all connections" in review
    await desk.act("close", status=409)
    waived = await desk.act("review/waive", {"reason": "Told in full elsewhere"})
    assert waived["review"]["state"] == "waived"
    closed = await desk.act("close")
    assert closed["status"] == "closed"
    assert desk.town.arrived("/chat")[-1]["data"] == {"why": "closed"}
    proof = await desk.ask("GET", "/incidents/1/verify")
    assert proof["ok"] is True
    begun, over = closed["created_at"], closed["closed_at"]
    assert begun < over
    assert timedelta(seconds=closed["duration_seconds"]) == timedelta(minutes=54)
