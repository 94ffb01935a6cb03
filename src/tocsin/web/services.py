"""Services, what sends for them, and a test alert that pages like a real one."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from tocsin.core.errors import Invalid, NotFound
from tocsin.manage import heartbeats, incidents, ladders, mutes, probes, services
from tocsin.plugins.sources.registry import TYPES, snippets
from tocsin.web.authentication import AnyRequest, context, fields, may, viewer_of
from tocsin.web.pages import go, show


@get("/services", guards=may("see_services"), name="services", include_in_schema=False)
async def list_services(request: AnyRequest) -> Response[bytes]:
    found = await services.list_services(context(request))
    return await show(request, viewer_of(request), "services/list.html", items=found["items"])


@get("/services/{id:str}", guards=may("see_services"), name="service", include_in_schema=False)
async def service(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    """One service; its keys and how to set up senders only for those who may see keys."""
    ctx, viewer = context(request), viewer_of(request)
    keys = viewer.may("see_keys")
    shown = await services.get_service(ctx, id, keys=keys)
    current = await incidents.list_incidents(ctx, service=id, limit=5)
    standing = (await mutes.list_mutes(ctx, service=id, limit=50))["items"] if viewer.may("see_alerts") else []
    beats = (await heartbeats.list_heartbeats(ctx, viewer.someone, service=id, limit=50))["items"]
    return await show(
        request, viewer, "services/service.html", muted=[m for m in standing if m["status"] != "expired"], beats=beats,
        service=shown, recent=current["items"], types=TYPES, probes=probes.list_probes(ctx, viewer.someone, id)["items"],
        snippets={i["id"]: snippets(i["type"], ctx.settings.external_url, i["key"]) for i in shown["integrations"]} if keys else {},
        ladder=ladders.of_service(ctx, id, ctx.clock.now()) if viewer.may("see_on_call") else None,
        severities=("sev1_critical", "sev2_high", "sev3_medium", "sev4_low"),
    )  # fmt: skip


@post("/services/{id:str}/test", guards=may("send_test_alert"), status_code=200, include_in_schema=False)
async def send_test(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """Send a test alert, and go to the room that it opened."""
    given = await fields(request)
    try:
        sent = await services.send_test_alert(
            context(request), request.app.state.intake, id, given.get("integration") or None,
            viewer_of(request).someone.id, given.get("severity", "sev2_high"),
        )  # fmt: skip
    except (Invalid, NotFound) as error:
        return go(f"/services/{id}", str(error), kind="problem")
    place = f"/incidents/{sent['incident']}" if sent["incident"] else f"/services/{id}"
    return go(place, f"{sent['sentence']}. It ends by itself after an hour, or when it is resolved.")
