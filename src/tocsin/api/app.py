"""The API as Litestar routes. `app.state` holds `ctx` (Context), `intake` (Intake) and `engine` (Engine)."""

from __future__ import annotations

from litestar import Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from tocsin import __version__
from tocsin.api import (
    alerts,
    asking,
    configuration,
    declaring,
    fairness,
    foresight,
    handoffs,
    health,
    heartbeats,
    incidents,
    lifecycle,
    mutes,
    newcomers,
    oncall,
    oncall_health,
    pay,
    people,
    policies,
    probes,
    problems,
    queues,
    reports,
    reviews,
    roles,
    room,
    rooms,
    schedules,
    services,
    severities,
    status_page,
    stream,
    teams,
    tokens,
    updates,
)

PATH = "/api/v1"
LIMIT = 512 * 1024
"""The longest body, in bytes."""


def create_api_routes() -> Router:
    """Everything under /api/v1."""
    routes = [
        *incidents.ROUTES, *lifecycle.ROUTES, *asking.ROUTES, *alerts.ROUTES, *oncall.ROUTES, *services.ROUTES, *tokens.ROUTES,
        *probes.ROUTES,
        *stream.ROUTES, *queues.ROUTES, *policies.ROUTES, *teams.ROUTES,
        *configuration.ROUTES, *foresight.ROUTES, *handoffs.ROUTES, *severities.ROUTES, *schedules.ROUTES, *mutes.ROUTES,
        *fairness.ROUTES, *oncall_health.ROUTES, *pay.ROUTES,
        *heartbeats.ROUTES, *newcomers.ROUTES,
        *roles.ROUTES, *room.ROUTES, *rooms.ROUTES, *declaring.ROUTES,
        *people.ROUTES,
        *updates.ROUTES,
        *reports.ROUTES, *reviews.ROUTES,
        *status_page.ROUTES,
    ]  # fmt: skip
    return Router(
        PATH, route_handlers=routes, exception_handlers=problems.HANDLERS, request_max_body_size=LIMIT, tags=["api"]
    )


def create_health_routes() -> Router:
    """`/livez`, `/readyz`, `/metrics`."""
    return Router("/", route_handlers=health.ROUTES, exception_handlers=problems.HANDLERS)


def openapi() -> OpenAPIConfig:
    """The description of the API, served at /api/v1/openapi.json."""
    return OpenAPIConfig(
        title="Tocsin",
        version=__version__,
        description="Incident response: alerts, pages, incidents.",
        path=f"{PATH}/openapi.json",  # not PATH: the framework answers what it does not know below it, in HTML
        render_plugins=[JsonRenderPlugin(path="/")],
        root_schema_site=None,
        use_handler_docstrings=True,
        components=Components(security_schemes={"token": SecurityScheme(type="http", scheme="bearer")}),
        security=[{"token": []}],
    )
