"""The web application as a list of routes: HTML and SSE, thin, one file per noun."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, Router
from litestar.types import ControllerRouterHandler

from tocsin.web import (
    account,
    alerts,
    answers,
    application,
    asking,
    board,
    calendars,
    declaring,
    devices,
    foresight,
    handoffs,
    health,
    heartbeat_editor,
    heartbeats,
    importing,
    incidents,
    leaving,
    lifecycle,
    mutes,
    newcomers,
    news,
    now,
    on_call,
    outside,
    palette,
    pay,
    people,
    policies,
    probes,
    queues,
    reviews,
    roles,
    rooms,
    schedule_editor,
    schedules,
    services,
    severities,
    sign_in,
    static_files,
    status,
    status_manage,
    streams,
    suggested,
    teams,
    tokens,
    updates,
)
from tocsin.web.authentication import check_form
from tocsin.web.errors import HANDLERS
from tocsin.web.pages import HEADERS, templates

ROUTES: list[ControllerRouterHandler] = [
    now.now,
    incidents.list_incidents, *declaring.ROUTES, *importing.ROUTES,
    rooms.room, rooms.state, rooms.earlier, rooms.why,
    rooms.acknowledge, rooms.resolve, rooms.reopen, rooms.escalate, rooms.change_severity, rooms.assign, rooms.note,
    *asking.ROUTES, *roles.ROUTES, *board.ROUTES, *lifecycle.ROUTES,
    streams.everything, streams.of_incident,
    alerts.list_alerts, alerts.alert,
    on_call.on_call, *queues.ROUTES, *policies.ROUTES, *leaving.ROUTES, *teams.ROUTES,
    handoffs.list_handoffs, handoffs.handoff, handoffs.markdown, handoffs.edit, handoffs.sign, handoffs.plan, handoffs.remove_plan,
    health.health, health.judge, health.change, pay.report, pay.as_csv, pay.put_rates, pay.remove_rates,
    services.list_services, services.service, services.send_test,
    severities.matrix, severities.matrix_of_service, severities.row, severities.change_row,
    severities.row_of_service, severities.change_row_of_service,
    *foresight.ROUTES, *newcomers.ROUTES, news.told,
    *probes.ROUTES, *mutes.ROUTES, *heartbeats.ROUTES, *outside.ROUTES, *heartbeat_editor.ROUTES,
    *status.ROUTES, *status_manage.ROUTES, *updates.ROUTES, *reviews.ROUTES,
    tokens.list_tokens, tokens.create_token, tokens.revoke_token, tokens.create_link,
    people.me, people.history, people.add, people.change, people.remove, people.send_code, people.verify, people.send_test,
    people.rules, people.use_ladder, people.quiet_hours, people.limits,
    account.account, account.welcome, account.set_password, account.choose_view, account.sign_out_elsewhere, account.sign_out,
    sign_in.form, sign_in.sign_in, sign_in.link, sign_in.use_link,
    answers.ask, answers.answer, *suggested.ROUTES,
    palette.palette,
    calendars.ical,
    schedules.list_schedules, schedules.schedule, schedules.take, schedules.give_back, schedules.list_versions, schedules.revert,
    schedules.make_link, schedules.revoke_link, schedule_editor.edit, schedule_editor.change, schedule_editor.new, schedule_editor.make,
    devices.list_devices, devices.subscribe, devices.check, devices.remove, devices.arrived, devices.renewed,
    application.manifest, application.service_worker, application.offline, application.now_state,
    static_files.static, static_files.favicon, static_files.robots,
]  # fmt: skip


async def add_headers(response: Response[Any]) -> Response[Any]:
    """What every page tells the browser; a page's own wish counts more."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


async def before(request: Request[Any, Any, Any]) -> None:
    await check_form(request)


def create_web_routes() -> list[ControllerRouterHandler]:
    """Everything that is not API or intake. The application's state holds `ctx` and `intake`."""
    templates()
    return [
        Router(
            "/", route_handlers=ROUTES, before_request=before, after_request=add_headers, exception_handlers=HANDLERS,
            include_in_schema=False, request_max_body_size=128 * 1024,
        )
    ]  # fmt: skip
