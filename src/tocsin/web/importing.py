"""Incidents of the past come in by a form: all or none, with what is wrong line by line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Response, get, post
from litestar.datastructures import UploadFile

from tocsin.core.errors import Invalid
from tocsin.core.past_file import PastFile, read_file
from tocsin.manage import imports
from tocsin.web.authentication import AnyRequest, clean, context, fields, may, viewer_of
from tocsin.web.pages import go, show

LARGEST = 8 * 1024 * 1024
"""Bytes of a form; more goes through the API."""
KEPT = 200_000
"""Characters of a text that is shown again when something in it is wrong."""


@get("/incidents/import", guards=may("import_incidents"), name="import", include_in_schema=False)
async def form(request: AnyRequest) -> Response[bytes]:
    return await _form(request, "", "", [])


@post(
    "/incidents/import", guards=may("import_incidents"), status_code=200, request_max_body_size=LARGEST, include_in_schema=False
)  # fmt: skip
async def take(request: AnyRequest) -> Response[Any]:
    given = await fields(request)
    text = await _text(request, given.get("text", ""))
    source, found = given.get("source", "").strip()[:100], PastFile([], [])
    try:
        found = read_file(text)
        made = await imports.take(
            context(request), viewer_of(request).someone.id, found.items, source or found.source[:100]
        )
    except Invalid as error:
        wrong = [(*found.at(one), one.message) for one in error.problems]
        return await _form(request, text, source, wrong)
    known = f", {made['known']} {'was' if made['known'] == 1 else 'were'} there already" if made["known"] else ""
    return go("/incidents", f"{made['created']} imported{known}. Nobody was paged or told.")


async def _text(request: AnyRequest, pasted: str) -> str:
    """What was pasted, else what the chosen file holds."""
    file = (await request.form()).get("file")
    if pasted.strip() or not isinstance(file, UploadFile):
        return pasted
    return clean((await file.read()).decode("utf-8", "replace"))


async def _form(request: AnyRequest, text: str, source: str, wrong: Sequence[tuple[str, str, str]]) -> Response[bytes]:
    shown = text if len(text) <= KEPT else ""
    return await show(
        request,
        viewer_of(request),
        "incidents/import.html",
        422 if wrong else 200,
        text=shown,
        source=source,
        wrong=wrong,
    )


ROUTES: Sequence[Any] = (form, take)
