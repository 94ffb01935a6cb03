"""What a person is shown when something that they asked for is refused: the page that they were on, with all that they had written."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from litestar import Response

from tocsin.core.errors import Invalid, TocsinError, Unconfirmed
from tocsin.web.authentication import AnyRequest, context, viewer_of
from tocsin.web.errors import status_of
from tocsin.web.pages import render, respond, templates
from tocsin.web.refilled import refilled
from tocsin.web.viewer import Flash, Viewer

REFUSED = "Tocsin-Refused"
"""The header that tells the script of a part of a page that its form was refused, and keeps what it holds."""
CHOICES = frozenset(
    (
        "_csrf", "from", "status", "severity", "role", "user", "whom", "for", "entry", "finding", "task", "certainty", "check_in",
        "owner", "page", "take", "tier", "tell", "confirm", "private", "state", "as", "act", "time", "draft", "update",
    )
)  # fmt: skip
"""Fields whose values are chosen, not written."""


async def refuse(
    request: AnyRequest, template: str, data: Mapping[str, Any], given: Mapping[str, str], error: TocsinError, *, whole: bool = True
) -> Response[bytes]:  # fmt: skip
    """The page drawn anew, with the form as it was sent and each problem at its field. `whole`: the form is on this page unless it is
    gone; what was written in one that is gone stands in the sentence above."""
    viewer, said = viewer_of(request), str(error)
    text = await _drawn(request, viewer, template, data, said)
    back = await asyncio.to_thread(refilled, text, request.url.path, given, _problems(error), _tell)
    if back is None and whole and (written := _written(given)):
        text = await _drawn(request, viewer, template, data, f"{said} You had written: {written}")
    status = 200 if viewer.live else status_of(error)
    return respond(request, _with(viewer, said), back or text, status, {REFUSED: "yes", "Cache-Control": "no-store"})


async def _drawn(request: AnyRequest, viewer: Viewer, template: str, data: Mapping[str, Any], said: str) -> str:
    return await asyncio.to_thread(render, context(request), _with(viewer, said), template, data)


def _with(viewer: Viewer, said: str) -> Viewer:
    return replace(viewer, flash=Flash(kind="problem", text=said))


def _problems(error: TocsinError) -> list[tuple[str, str]]:
    """(field of a form, what is wrong with it)."""
    if isinstance(error, Invalid):
        return [(one.pointer.strip("/").split("/")[-1], one.message) for one in error.problems]
    return [("confirm" if isinstance(error, Unconfirmed) else "", str(error))]


def _tell(id: str, problem: str) -> str:
    return templates().get_template("components/refusal.html").render(id=id, problem=problem)


def _written(given: Mapping[str, str]) -> str:
    return " / ".join(text.strip() for name, text in given.items() if name not in CHOICES and text.strip())
