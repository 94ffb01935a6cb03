"""What the language check says of an update, and what of that the policy of its audience stops."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from tocsin.core.directory import Directory
from tocsin.core.language import lint_update
from tocsin.core.language.text import Finding
from tocsin.core.wording import Unfit, stopping

ROOM = re.compile(r"#?\binc-\d{8}-[a-z0-9-]+")
"""The name of an incident's room, which is no jargon."""


def own_words(directory: Directory) -> list[str]:
    """Ids and names of services that mean nothing outside: those that the status page uses itself are public."""
    key = ("own words",)
    if key not in directory.memo:
        public = {one.label.lower() for page in directory.status_pages.values() for one in page.components}
        names = {name for one in directory.services.values() for name in (one.id, one.name) if name}
        directory.memo[key] = sorted(name for name in names if name.lower() not in public)
    found: list[str] = directory.memo[key]
    return found


def findings(directory: Directory, text: str, audience: str, status: str | None, has_next: bool) -> list[Finding]:
    """What the check says of a text, with the services and people of this configuration."""
    people = [name for user in directory.users.values() if (name := user.name)] if audience != "responders" else []
    return lint_update(
        ROOM.sub("the room", text), status=status, audience=audience, own_words=own_words(directory), has_next=has_next,
        people=people,
    )  # fmt: skip


async def stopped(
    directory: Directory, text: str, audience: str, status: str | None, has_next: bool
) -> Sequence[Finding]:
    """What stops it; nothing is looked at where no policy says anything."""
    rule = directory.wording.get(audience)
    if rule is None or not rule.block:
        return ()
    return stopping(rule, await asyncio.to_thread(findings, directory, text, audience, status, has_next))


async def check(
    directory: Directory, text: str, audience: str, status: str | None, has_next: bool, overrule: str
) -> list[str]:
    """The rules that somebody overrules with a reason. Raises Unfit when the policy stops the text."""
    found = await stopped(directory, text, audience, status, has_next)
    strict = bool(found) and directory.wording[audience].strict
    if found and (strict or not overrule):
        raise Unfit(audience, found, strict)
    return list(dict.fromkeys(one.rule for one in found))
