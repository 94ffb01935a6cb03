"""The pay and time-off report, and its rates."""

from __future__ import annotations

from typing import Any

from litestar import Response, delete, get, put
from litestar.params import FromPath, FromQuery, JSONBody

from tocsin.api.answers import AnyRequest, Json, reply, write
from tocsin.api.authentication import context, may, principal_of
from tocsin.api.parameters import From, To
from tocsin.core.errors import Invalid
from tocsin.core.pay import Rates
from tocsin.manage import pay


async def _report(request: AnyRequest, start: str | None, end: str | None, team: str | None) -> dict[str, Any]:
    return await pay.report(
        context(request), principal_of(request), pay.read_day(start, "from"), pay.read_day(end, "to"), team
    )


@get("/pay", guards=may("see_on_call"), summary="On-call pay and time off: one's own, for managers everybody's")
async def report(
    request: AnyRequest, from_: From = None, to: To = None, team: FromQuery[str | None] = None
) -> Response[bytes]:
    """`from` and `to` are days (2026-03-01), from midnight to midnight in each person's own zone; by default this month."""
    return reply(await _report(request, from_, to, team))


@get("/pay/report.csv", guards=may("see_on_call"), summary="The same as CSV, one row for each line")
async def as_csv(
    request: AnyRequest, from_: From = None, to: To = None, team: FromQuery[str | None] = None
) -> Response[bytes]:
    found = await _report(request, from_, to, team)
    name = f"on-call-pay-{found['from']}-{found['to']}.csv"
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(pay.as_csv(found).encode(), media_type="text/csv; charset=utf-8", headers=headers)


@get("/pay/rates", guards=may("see_on_call"), summary="What an hour on call is paid, from which day on")
async def rates(request: AnyRequest) -> Response[bytes]:
    return reply(await pay.list_rates(context(request)))


@put("/pay/rates/{day:str}", guards=may("configure"), summary="Set what an hour on call is paid from a day on")
async def put_rates(request: AnyRequest, day: FromPath[str], data: JSONBody[Rates]) -> Response[bytes]:
    """Amounts are decimal text; earlier days keep the rates they had."""

    async def act() -> Json:
        return await pay.put_rates(context(request), _day(day), data, principal_of(request).id)

    return await write(request, act)


@delete(
    "/pay/rates/{day:str}", guards=may("configure"), status_code=200, summary="Forget the rates that begin on a day"
)
async def remove_rates(request: AnyRequest, day: FromPath[str]) -> Response[bytes]:
    async def act() -> Json:
        return await pay.remove_rates(context(request), _day(day), principal_of(request).id)

    return await write(request, act)


def _day(text: str) -> Any:
    found = pay.read_day(text, "valid_from")
    if found is None:
        raise Invalid("Write a day like 2026-03-01", "/valid_from")
    return found


ROUTES = [report, as_csv, rates, put_rates, remove_rates]
