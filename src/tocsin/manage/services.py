"""Services as people see them: who owns them, what sends for them, what is open, and a test alert through the real intake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import uuid4

from tocsin.core.configuration import Integration, Service
from tocsin.core.directory import IntegrationRef
from tocsin.core.errors import Invalid, NotFound
from tocsin.core.event import Event
from tocsin.core.incident import public_id
from tocsin.core.severity import Severity, parse
from tocsin.core.spelling import plain
from tocsin.flow.batch import Outcome
from tocsin.flow.context import Context
from tocsin.manage import privacy
from tocsin.manage.lists import check_limit, listing, read_cursor, time_text, write_cursor
from tocsin.store import knocks as knocking
from tocsin.store import merges, reading_alerts, reading_incidents
from tocsin.store.knocks import Knock

HEARD = timedelta(days=7)
"""How far back the last alert of an integration is looked for."""
KNOCKED = timedelta(days=7)
"""How long an unknown key is shown after it was last heard."""
TEST_ENDS = timedelta(hours=1)
"""After this a test alert resolves by itself."""


class Accepts(Protocol):
    """Where events go (flow.intake.Intake)."""

    async def accept(self, ref: IntegrationRef, events: Sequence[Event], now: datetime) -> list[Outcome]: ...


def service_view(service: Service, open_incidents: Mapping[str, int], keys: bool) -> dict[str, Any]:
    """One service as JSON. `open_incidents` counts by severity; integration keys only with `keys`."""
    return {
        "id": service.id,
        "name": service.label,
        "description": service.description,
        "team": service.team,
        "tier": service.tier,
        "escalation_policy": service.escalation_policy,
        "depends_on": list(service.depends_on),
        "grouping": _grouping(service),
        "severities": plain(service.severities),
        "integrations": [_integration(integration, keys) for integration in service.integrations],
        "open_incidents": dict(open_incidents),
    }


def _grouping(service: Service) -> dict[str, Any] | None:
    grouping = service.grouping
    return {"by": list(grouping.by), "window": str(grouping.window)} if grouping else None


def _integration(integration: Integration, keys: bool) -> dict[str, Any]:
    shown = {"key": integration.key} if keys else {}
    return {"id": integration.id, "type": integration.type, **shown}


async def _open_counts(ctx: Context) -> dict[str | None, dict[str, int]]:
    async with ctx.db.reading() as tx:
        rows = await reading_incidents.open_counts(tx, await privacy.hidden(tx))
    counts: dict[str | None, dict[str, int]] = {}
    for row in rows:
        counts.setdefault(row["service"], {})[Severity(row["severity"]).key] = row["incidents"]
    return counts


async def list_services(
    ctx: Context, *, keys: bool = False, limit: int | None = None, cursor: str | None = None
) -> dict[str, Any]:
    """`{"items", "next"}`: services by id, all of them without `limit`. `keys`: show integration keys. Raises Invalid."""
    (after,) = read_cursor(cursor, tuple[str]) or ("",)
    services = sorted((s for s in ctx.directory.services.values() if s.id > after), key=lambda service: service.id)
    most = len(services) if limit is None else check_limit(limit)
    counts = await _open_counts(ctx)
    return listing(
        services[: most + 1],
        most,
        lambda service: service_view(service, counts.get(service.id, {}), keys),
        lambda service: write_cursor(service.id),
    )


def _service(ctx: Context, id: str) -> Service:
    found = ctx.directory.services.get(id)
    if found is None:
        raise NotFound(f"There is no service {id!r}")
    return found


async def get_service(ctx: Context, id: str, *, keys: bool = False) -> dict[str, Any]:
    """One service with its file and line, when each integration was last heard, and unknown keys that knock at our doors.

    Raises NotFound.
    """
    service, now = _service(ctx, id), ctx.clock.now()
    counts = await _open_counts(ctx)
    async with ctx.db.reading() as tx:
        heard = await reading_alerts.last_alerts(tx, id, now - HEARD)
        knocks = await knocking.recent(tx, now - KNOCKED)
    shown = service_view(service, counts.get(id, {}), keys)
    for integration in shown["integrations"]:
        integration["last_alert_at"] = time_text(heard.get(integration["id"]))
    origin = ctx.directory.origins.get(("services", id))
    return {
        **shown,
        "origin": {"file": origin.file, "line": origin.line} if origin else None,
        "knocks": [_knock_view(knock) for knock in knocks],
    }


def _knock_view(knock: Knock) -> dict[str, Any]:
    return {
        "door": knock.door,
        "key_hint": knock.key_hint,
        "count": knock.count,
        "first_at": time_text(knock.first_at),
        "last_at": time_text(knock.last_at),
    }


async def send_test_alert(
    ctx: Context, intake: Accepts, service: str, integration: str | None, actor: str, severity: str = "sev2_high"
) -> dict[str, Any]:
    """An alert through the real intake, which pages like any other and resolves by itself after an hour.

    `integration` defaults to the service's first. Returns `{"alert", "incident", "reason", "sentence"}`, committed.
    Raises NotFound, Invalid (unknown severity, no integration), Unavailable.
    """
    owner, now = _service(ctx, service), ctx.clock.now()
    chosen = _chosen(owner, integration)
    wanted = parse(severity)
    event = Event(
        action="trigger",
        dedup_key=f"tocsin-test-{uuid4()}",
        title=f"Test alert for {owner.label}",
        severity=wanted.key,
        source="tocsin",
        labels={"alertname": "TocsinTest", "test": "true", "sent_by": actor},
        annotations={
            "description": f"Sent by {actor} to see who is paged. Nothing is broken: acknowledge and resolve."
        },
        ends_at=now + TEST_ENDS,
    )
    (outcome,) = await intake.accept(IntegrationRef(owner, chosen), [event], now)
    number = outcome.incident
    async with ctx.db.reading() as tx:
        name = None if number is None else (await merges.names(tx, [number])).get(number)
    return {
        "alert": outcome.alert_id,
        "incident": None if number is None else public_id(number),
        "reason": outcome.reason.value,
        "sentence": f"The test alert {outcome.reason.value} {name}" if name else "The test alert was stored",
    }


def _chosen(service: Service, integration: str | None) -> Integration:
    if integration is None:
        if not service.integrations:
            raise Invalid(f"The service {service.id!r} has no integration to send through", "/integration")
        return service.integrations[0]
    found = next((i for i in service.integrations if i.id == integration), None)
    if found is None:
        raise NotFound(f"The service {service.id!r} has no integration {integration!r}")
    return found
