"""The language check for whoever asks: a page, the API, a file on its own."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, get_args

from tocsin.core.directory import Directory
from tocsin.core.errors import Invalid
from tocsin.core.incident import STATUSES
from tocsin.core.language import LONGEST, Audience, lint_review, lint_update
from tocsin.core.language.text import Finding

KINDS = ("update", "review")


def own_words(directory: Directory) -> list[str]:
    """Ids and names of services, but for what the public reads on the status page anyway."""
    public = {
        word.lower()
        for page in directory.status_pages.values()
        for part in page.components
        for word in (part.id, part.name)
        if word
    }
    names = {word for service in directory.services.values() for word in (service.id, service.name) if word}
    return sorted(name for name in names if name.lower() not in public)


def people(directory: Directory) -> list[str]:
    return [user.label for user in directory.users.values()]


def view(one: Finding) -> dict[str, Any]:
    """`{level, line, rule, message, suggestion, excerpt, instead}`."""
    return {
        "level": one.level, "line": one.line, "rule": one.rule, "message": one.message, "suggestion": one.suggestion,
        "excerpt": one.excerpt, "instead": one.instead,
    }  # fmt: skip


def checked(
    text: str, kind: str, *, status: str | None = None, audience: str = "public", words: Collection[str] = (),
    names: Collection[str] = (), has_next: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """`{"items": [findings], "hints": [hints]}`: hints are good advice and fail nothing. Raises Invalid."""
    if kind not in KINDS:
        raise Invalid(f"{kind!r} cannot be checked: use update or review", "/kind")
    if status is not None and status not in STATUSES:
        raise Invalid(f"{status!r} is not a status: use {', '.join(STATUSES)}", "/status")
    if audience not in get_args(Audience):
        raise Invalid(f"{audience!r} is not an audience: use {', '.join(get_args(Audience))}", "/audience")
    if len(text) > LONGEST:
        raise Invalid(f"shorten this to {LONGEST} characters", "/text")
    if kind == "review":
        found = lint_review(text, people=names)
    else:
        found = lint_update(text, status=status, audience=audience, own_words=words, has_next=has_next, people=names)
    return {
        "items": [view(one) for one in found if one.level != "hint"],
        "hints": [view(one) for one in found if one.level == "hint"],
    }


async def lint(directory: Directory, text: str, kind: str, **options: Any) -> dict[str, Any]:
    """The same with this server's own services and people. Raises Invalid."""
    return await asyncio.to_thread(checked, text, kind, words=own_words(directory), names=people(directory), **options)
