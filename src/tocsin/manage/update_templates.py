"""The wording of updates as people see, try and change it."""

from __future__ import annotations

from typing import Any

from tocsin.core.audience import AUDIENCES, SAID, read_audience
from tocsin.core.briefing import NAMES
from tocsin.core.errors import Invalid
from tocsin.core.permission import Principal
from tocsin.core.update_template import MOMENTS, UpdateTemplate, lacking, read_moment
from tocsin.core.update_words import BUILT_IN
from tocsin.core.words_template import LONGEST_TEXT, TemplateError, check
from tocsin.flow import composing
from tocsin.flow.context import Context
from tocsin.manage import objects
from tocsin.manage.updates import findings

LONGEST_SOURCE = 4096


def catalogue(ctx: Context) -> dict[str, Any]:
    """`{items: [{moment, audience, label, configured, body}], names}`: what counts for each moment and audience.

    `configured`: ids of configured templates, of which one for all severities or for some may count; `body`: the built-in text.
    """
    items = [
        {
            "moment": moment,
            "audience": audience,
            "label": f"{SAID[audience]}: {moment}",
            "configured": [
                {"id": one.id, "severities": list(one.severities)}
                for one in sorted(ctx.directory.update_templates.values(), key=lambda one: one.id)
                if (one.moment, one.audience) == (moment, audience)
            ],
            "body": BUILT_IN[moment, audience],
        }
        for moment in MOMENTS
        for audience in AUDIENCES
    ]
    return {"items": items, "names": dict(NAMES)}


async def preview(
    ctx: Context, principal: Principal, body: str, audience: str, moment: str, number: int | None = None
) -> dict[str, Any]:
    """What a text makes of an incident (None: of one that never was): `{text, findings}`.

    It is rendered in a child process with little time and memory. Raises Invalid at /body when it cannot be used; NotFound.
    """
    if not body.strip():
        raise Invalid("write a template here", "/body")
    if len(body) > LONGEST_SOURCE:
        raise Invalid(f"shorten this to {LONGEST_SOURCE} characters", "/body")
    one = UpdateTemplate(id="preview", audience=read_audience(audience), moment=read_moment(moment), body=body)
    try:
        text, status = await composing.preview(ctx, one, number)
    except TemplateError as error:
        raise Invalid(str(error), "/body") from None
    missing = lacking(one.moment, check(body))
    needed = [
        {
            "level": "error",
            "line": 1,
            "rule": "required",
            "message": f"It cannot be kept: {each}",
            "suggestion": "",
            "excerpt": "",
            "instead": None,
            "stops": True,
        }
        for each in missing
    ]
    found = findings(ctx, text, one.audience, status, has_next=True)
    return {"text": text[:LONGEST_TEXT], "findings": [*needed, *found]}


async def save(ctx: Context, principal: Principal, id: str, body: str, audience: str, moment: str) -> dict[str, Any]:
    """Keep a template, once it renders. Raises Invalid, Conflict when a file says it, Forbidden."""
    await preview(ctx, principal, body, audience, moment)
    wanted = {"audience": audience, "moment": moment, "body": body}
    if id in ctx.directory.update_templates:
        found = await objects.update(ctx, principal, "update_templates", id, wanted)
    else:
        found = await objects.create(ctx, principal, "update_templates", {"id": id, **wanted})
    return objects.view(ctx, principal, found)


async def remove(ctx: Context, principal: Principal, id: str) -> None:
    """Back to the built-in text. Raises NotFound, Conflict when a file says it, Forbidden."""
    await objects.remove(ctx, principal, "update_templates", id)
