"""Reports and reviews of incidents as documents, the language check, and figures over many incidents."""

from __future__ import annotations

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from tocsin.api.answers import AnyRequest, reply
from tocsin.api.authentication import context, may, principal_of
from tocsin.api.incidents import number_of
from tocsin.api.parameters import From, To
from tocsin.manage import language, meetings, rendering, reports, reviews, statistics
from tocsin.manage.lists import read_time
from tocsin.manage.reports import MEDIA, Form


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A text to check. `kind`: update or review. `status`: of the incident. `next_update_at`: when the next time is said elsewhere."""

    text: str
    kind: str = "update"
    status: str | None = None
    audience: str = "public"
    next_update_at: str | None = None


def document(body: bytes, form: Form, name: str) -> Response[bytes]:
    """A document; as HTML it stands on its own, and may use nothing but its own style."""
    headers = {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": f'inline; filename="{name}.{form}"',
    }
    if form == "html":
        headers["Content-Security-Policy"] = rendering.POLICY
    return Response(body, media_type=MEDIA[form], headers=headers)


async def _report(request: AnyRequest, id: str, form: Form, whole: bool = False) -> Response[bytes]:
    number, role = number_of(id), principal_of(request).role
    place = reports.zone_of(context(request), principal_of(request))
    body = await reports.report_of(context(request), number, role, form, whole=whole, place=place)
    return document(body, form, f"report-{number}")


@get("/incidents/{id:str}/report.md", guards=may("see_incidents"), summary="The report as Markdown")
async def report_markdown(request: AnyRequest, id: FromPath[str], whole: FromQuery[bool] = False) -> Response[bytes]:
    """`whole`: a timeline of more than 250 entries line by line, instead of runs of lesser entries drawn together."""
    return await _report(request, id, "md", whole)


@get("/incidents/{id:str}/report.html", guards=may("see_incidents"), summary="The report as a page to read and print")
async def report_html(request: AnyRequest, id: FromPath[str], whole: FromQuery[bool] = False) -> Response[bytes]:
    return await _report(request, id, "html", whole)


@get("/incidents/{id:str}/report.json", guards=may("see_incidents"), summary="The report as data, every entry in it")
async def report_json(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return await _report(request, id, "json")


async def _review(request: AnyRequest, id: str, form: Form) -> Response[bytes]:
    number, role = number_of(id), principal_of(request).role
    place = reports.zone_of(context(request), principal_of(request))
    return document(await reviews.review_of(context(request), number, role, form, place), form, f"review-{number}")


@get("/incidents/{id:str}/review.md", guards=may("see_reviews"), summary="The review as Markdown, from resolved on")
async def review_markdown(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    """As it was published, else a draft from what is known now. 409 while the incident is open."""
    return await _review(request, id, "md")


@get("/incidents/{id:str}/review.html", guards=may("see_reviews"), summary="The review as a page to read and print")
async def review_html(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return await _review(request, id, "html")


@get(
    "/incidents/{id:str}/review.json", guards=may("see_reviews"), summary="The review as data, with its state and dates"
)
async def review_json(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return await _review(request, id, "json")


@get("/incidents/{id:str}/review.ics", guards=may("see_reviews"), summary="The review's meeting, for calendars")
async def review_meeting(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    """409 while no meeting is planned."""
    number = number_of(id)
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="review-{number}.ics"'}
    body = await meetings.meeting_of(context(request), number)
    return Response(body, media_type="text/calendar; charset=utf-8", headers=headers)


@post("/lint", guards=may("see_incidents"), status_code=200, summary="Check the language of an update or a review")
async def lint(request: AnyRequest, data: JSONBody[Words]) -> Response[bytes]:
    """`items` are findings, `hints` good advice. Nothing is stopped by them. The names of our services and people are known."""
    read_time(data.next_update_at, "next_update_at")
    found = await language.lint(
        context(request).directory, data.text, data.kind, status=data.status, audience=data.audience,
        has_next=data.next_update_at is not None,
    )  # fmt: skip
    return reply(found)


@get("/metrics/incidents", guards=may("see_incidents"), summary="How long incidents took to resolve, against targets")
async def incident_metrics(
    request: AnyRequest,
    from_: From = None,
    to: To = None,
    severity: FromQuery[str | None] = None,
    service: FromQuery[str | None] = None,
) -> Response[bytes]:
    """Of incidents that began in the period: the last 30 days without one. Minutes; what cannot be known is null."""
    return reply(
        await statistics.incidents(
            context(request),
            start=read_time(from_, "from"),
            end=read_time(to, "to"),
            severity=severity,
            service=service,
        )
    )


ROUTES = [
    report_markdown, report_html, report_json, review_markdown, review_html, review_json, review_meeting, lint, incident_metrics,
]  # fmt: skip
