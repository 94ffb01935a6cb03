"""The clocks of the first minutes of a SEV1 or SEV2, each with what proves that it was met (S0-110, S0-111), and the first steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from tocsin.core.incident import room_name
from tocsin.core.response import SAID, Evidence, First, firsts
from tocsin.core.severity import Severity, parse
from tocsin.flow.context import Context
from tocsin.manage.lists import time_text
from tocsin.store import reading_incidents as reading
from tocsin.store import responses
from tocsin.store.reading_incidents import Row

_KINDS = ("notified", "paged", "manager_informed", "update_published", "response_triggered")


async def of_incident(ctx: Context, incident: Mapping[str, Any]) -> dict[str, Any]:
    """`{"items": [{step, name, due_at, at, state, evidence}], "steps": [{step, name, state, detail, at}]}` of an incident as people
    see it. `state` of a clock: met, late, running or missed. Nothing for a drill, and for what was imported."""
    if incident["drill"] or incident["origin"] == "import":
        return {"items": [], "steps": []}
    number, severity = incident["number"], parse(incident["severity"])
    async with ctx.db.reading() as tx:
        entries = await reading.timeline_of_kinds(tx, number, _KINDS) if severity <= Severity.SEV2 else []
        jobs = await responses.of(tx, number)
    since = datetime.fromisoformat(incident["severity_policy"]["since"])
    over = datetime.fromisoformat(incident["resolved_at"]) if incident["resolved_at"] else None
    happened = [*_evidence(entries), _room(incident)]
    clocks = firsts(severity, since, [one for one in happened if one.at >= since], ctx.clock.now(), over)
    return {
        "items": [
            {
                "step": one.step, "name": SAID[one.step], "due_at": time_text(one.due_at), "at": time_text(one.at),
                "state": one.state, "evidence": one.evidence,
            }
            for one in clocks
        ],
        "steps": [
            {"step": job.step, "name": SAID[job.step], "state": job.state, "detail": job.detail, "at": time_text(job.ended_at)}
            for job in jobs
        ],
    }  # fmt: skip


def _evidence(entries: list[Row]) -> Iterator[Evidence]:
    """What the timeline proves. A page counts once it arrived."""
    for entry in entries:
        step: First | None = None
        match entry["kind"]:
            case "notified":
                step = "page"
            case "manager_informed" if entry["data"].get("methods"):
                step = "manager"
            case "update_published" if entry["data"].get("audience") == "public":
                step = "status_page"
            case "update_published" if entry["data"].get("audience") == "stakeholders":
                step = "stakeholders"
        if step is not None:
            yield Evidence(step, entry["at"], entry["details"].strip())


def _room(incident: Mapping[str, Any]) -> Evidence:
    """The page of the incident is its first room, there with the incident itself."""
    begun = datetime.fromisoformat(incident["severity_policy"]["since"])
    created = datetime.fromisoformat(incident["created_at"])
    return Evidence("room", max(created, begun), f"#{room_name(incident['number'], created, incident['service'])}")
