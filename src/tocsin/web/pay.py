"""The pay and time-off report in the browser, its download, and the rates."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from litestar import Response, get, post

from tocsin.core.errors import Invalid, NotFound
from tocsin.core.hours import CLASSES, TimeClass
from tocsin.core.pay import Rates
from tocsin.manage import pay
from tocsin.web.authentication import AnyRequest, asked, context, fields, may, viewer_of
from tocsin.web.pages import HEADERS, go, show

KINDS: dict[TimeClass, str] = {
    "business": "Business hours",
    "evening": "Evenings",
    "night": "Nights",
    "weekend": "Weekends",
    "holiday": "Holidays",
}


@get("/pay", guards=may("see_on_call"), name="pay", include_in_schema=False)
async def report(request: AnyRequest) -> Response[bytes]:
    """One month: one's own statement, for managers everybody's."""
    return await _page(request)


async def _page(
    request: AnyRequest, status: int = 200, given: dict[str, str] | None = None, wrong: dict[str, str] | None = None
) -> Response[bytes]:
    ctx, viewer = context(request), viewer_of(request)
    first, last = _month(asked(request, "month"), viewer.now.astimezone(viewer.zone).date())
    team = asked(request, "team") if asked(request, "team") in ctx.directory.teams else ""
    found = await pay.report(ctx, viewer.someone, first, last, team or None)
    every = (await pay.list_rates(ctx))["items"]
    most = max((_hours(item) for item in found["items"]), default=0.0)
    return await show(
        request, viewer, "pay/report.html", status, found=found, month=first, before=_shift(first, -1), after=last, team=team,
        teams=sorted(ctx.directory.teams.values(), key=lambda one: (one.name or one.id).lower()), kinds=KINDS, rates=every,
        most=most or 1.0, csv=f"/pay/report.csv?{urlencode({'month': first.strftime('%Y-%m'), 'team': team})}",
        given=given or {}, wrong=wrong or {},
    )  # fmt: skip


def _hours(item: dict[str, Any]) -> float:
    return sum(float(hours) for cell in item["hours"].values() for hours in cell.values())


def _month(text: str, today: date) -> tuple[date, date]:
    """The month `2026-03` as [first, last), else the one of today."""
    try:
        first = date.fromisoformat(f"{text}-01")
    except ValueError:
        first = today.replace(day=1)
    if not 1971 <= first.year < 2190:
        first = today.replace(day=1)
    return first, _shift(first, 1)


def _shift(first: date, months: int) -> date:
    return (first + timedelta(days=32) if months > 0 else first - timedelta(days=1)).replace(day=1)


@get("/pay/report.csv", guards=may("see_on_call"), name="pay_csv", include_in_schema=False)
async def as_csv(request: AnyRequest) -> Response[bytes]:
    ctx, viewer = context(request), viewer_of(request)
    first, last = _month(asked(request, "month"), viewer.now.astimezone(viewer.zone).date())
    team = asked(request, "team") if asked(request, "team") in ctx.directory.teams else ""
    found = await pay.report(ctx, viewer.someone, first, last, team or None)
    name = f"on-call-pay-{first:%Y-%m}.csv"
    headers = {**HEADERS, "Cache-Control": "private, no-store", "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(pay.as_csv(found).encode(), media_type="text/csv; charset=utf-8", headers=headers)


@post("/pay/rates", guards=may("configure"), status_code=200, include_in_schema=False)
async def put_rates(request: AnyRequest) -> Response[Any]:
    given = await fields(request)
    try:
        since = _day(given)
        await pay.put_rates(context(request), since, _rates(given), viewer_of(request).someone.id)
    except Invalid as error:
        wrong = {problem.pointer.strip("/").replace("/", "."): problem.message for problem in error.problems}
        return await _page(request, 422, given, wrong)
    return go("/pay#rates", f"From {since.isoformat()} on these rates hold; earlier days keep theirs.")


@post("/pay/rates/remove", guards=may("configure"), status_code=200, include_in_schema=False)
async def remove_rates(request: AnyRequest) -> Response[Any]:
    """Rates that were set by mistake."""
    try:
        since = _day(await fields(request))
        await pay.remove_rates(context(request), since, viewer_of(request).someone.id)
    except (Invalid, NotFound) as error:
        return go("/pay#rates", str(error), "problem")
    return go("/pay#rates", f"Removed the rates from {since.isoformat()} on: those before hold on.")


def _day(given: dict[str, str]) -> date:
    """The day on which rates begin. Raises Invalid."""
    since = pay.read_day(given.get("valid_from", "").strip(), "valid_from")
    if since is None:
        raise Invalid("Write a day like 2026-01-01", "/valid_from")
    return since


def _rates(given: dict[str, str]) -> Rates:
    def amounts(name: str) -> dict[TimeClass, str]:
        return {kind: text for kind in CLASSES if (text := given.get(f"{name}.{kind}", "").strip())}

    def number(name: str, otherwise: int) -> int:
        text = given.get(name, "").strip() or str(otherwise)
        if not (text.isascii() and text.isdigit() and len(text) < 6):
            raise Invalid(f"{text!r} is not a whole number", f"/{name}")
        return int(text)

    return Rates(
        currency=given.get("currency", "").strip().upper(), idle=amounts("idle"), paged=amounts("paged"),
        secondary_percent=number("secondary_percent", 30), least_minutes=number("least_minutes", 30),
        lieu_percent=number("lieu_percent", 100),
    )  # fmt: skip
