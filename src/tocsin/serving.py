"""The one HTTP application of a node: the doors in front, behind them the API, the web application and what watches us."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, cast

from litestar import Litestar, Request, Response
from litestar.datastructures import State
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from tocsin.api import problems
from tocsin.api.app import create_api_routes, create_health_routes, openapi
from tocsin.api.doors import Doors
from tocsin.api.rooms import create_talk_routes
from tocsin.api.twilio import create_twilio_routes
from tocsin.flow.context import Context
from tocsin.flow.intake import Intake
from tocsin.flow.tick import Engine
from tocsin.gate import App
from tocsin.plugins.sources import registry as sources
from tocsin.web import errors as pages
from tocsin.web.app import create_web_routes
from tocsin.web.status_door import StatusDoor
from tocsin.web.status_site import StatusSite


def application(ctx: Context, intake: Intake, engine: Engine, stack: AsyncExitStack) -> App:
    """Everything that is served; what must be finished when the node stops is pushed to `stack`."""
    app = create_app(ctx, intake, engine)
    stack.push_async_callback(app.state.status_site.stop)
    status = StatusDoor(ctx, app.state.status_site, behind_proxies(ctx, app))
    doors = Doors(ctx, intake, sources.sources(), status)
    stack.push_async_callback(doors.stop)
    return doors


def behind_proxies(ctx: Context, app: Litestar) -> App:
    """The application, told who asks as our proxies tell it: limits for strangers count by that. The doors in front need not know."""
    return cast("App", ProxyHeadersMiddleware(cast("Any", app), list(ctx.settings.trusted_proxies)))


def create_app(ctx: Context, intake: Intake, engine: Engine) -> Litestar:
    """The framework's application on this node. `app.state` holds `ctx`, `intake`, `engine` and `status_site`."""
    app = create_routes()
    put_on(app, ctx, intake, engine)
    return app


def put_on(app: Litestar, ctx: Context, intake: Intake, engine: Engine) -> None:
    """Let the routes serve this node."""
    app.state = State({"ctx": ctx, "intake": intake, "engine": engine, "status_site": StatusSite(ctx)})


def create_routes() -> Litestar:
    """Every route, on no node yet."""
    return Litestar(
        route_handlers=[
            create_api_routes(),
            create_health_routes(),
            create_twilio_routes(),
            create_talk_routes(),
            *create_web_routes(),
        ],
        exception_handlers={kind: _by_path(kind) for kind in {*problems.HANDLERS, *pages.HANDLERS}},
        openapi_config=openapi(),
        logging_config=None,
    )


def _by_path(kind: type[Exception]) -> Any:
    """For addresses without a route: a problem document below /api, else a page."""

    def handler(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        table = problems.HANDLERS if problems.is_api(request.url.path) else pages.HANDLERS
        answer: Response[Any] = _nearest(table, kind)(request, error)
        return answer

    return handler


def _nearest(table: Mapping[Any, Any], kind: type[Exception]) -> Any:
    return next(table[one] for one in kind.__mro__ if one in table)
