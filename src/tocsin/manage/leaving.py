"""Somebody leaves: what depends on them, and all of it handed to somebody else, in one transaction."""

from __future__ import annotations

from typing import Any

from tocsin.core.configuration import LABELS
from tocsin.core.directory import Directory
from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.permission import Principal
from tocsin.core.shape import short
from tocsin.core.successor import on_call_now, past, replaced
from tocsin.flow.context import Context
from tocsin.manage.configuration import change
from tocsin.manage.lists import time_text
from tocsin.manage.objects import with_object

NOBODY = "\0nobody"
"""In place of somebody, to see what names them; no user can be called that."""


def depends(ctx: Context, user: str) -> dict[str, Any]:
    """What would be handed over: `{"user", "name", "on_call": [{schedule, name, until}], "named_in": [{kind, id, name, origin}]}`.

    `on_call` is where they are on call now; `origin` ({file, line}) says where a file has to be changed by hand, else null. Raises
    NotFound.
    """
    directory, now = ctx.directory, ctx.clock.now()
    person = directory.users.get(user)
    if person is None:
        raise NotFound(f"There is no user {short(user)}.")
    named = replaced(directory, user, NOBODY, now)
    return {
        "user": user,
        "name": person.label,
        "on_call": [
            {"schedule": schedule.id, "name": schedule.name or schedule.id, "until": time_text(end)}
            for schedule, end in on_call_now(directory, user, now)
        ],
        "named_in": [_named(directory, kind, name) for kind, name in named],
    }


def _named(directory: Directory, kind: str, name: str) -> dict[str, Any]:
    origin = directory.origins.get((kind, name))
    one = directory.kind(kind)[name]
    return {
        "kind": LABELS[kind], "id": name, "name": one.name or name,
        "origin": {"file": origin.file, "line": origin.line} if origin else None,
    }  # fmt: skip


async def hand_over(ctx: Context, principal: Principal, user: str, to: str, *, remove: bool = False) -> dict[str, Any]:
    """`{"from", "to", "changed": [{kind, id}], "removed"}`: turns, coming overrides, teams and steps of `user` are `to`'s from now on.

    With `remove` the user goes away too. Raises NotFound, Invalid, Conflict (something that names them is written in a file, or an
    open incident needs them), Forbidden.
    """
    now = ctx.clock.now()
    changed: list[dict[str, str]] = []

    def decide(old: Directory) -> Directory:
        if user not in old.users:
            raise NotFound(f"There is no user {short(user)}.")
        if to not in old.users or to == user:
            raise Invalid(f"{short(to)} cannot take over: name another user", "/to")
        wanted = replaced(old, user, to, now)
        _refuse_files(old, wanted, user, remove)
        new = old
        for (kind, name), one in wanted.items():
            new = with_object(ctx, new, kind, name, one)
            changed.append({"kind": LABELS[kind], "id": name})
        if remove:
            for schedule in list(new.schedules.values()):
                if (clean := past(schedule, user)) != schedule:
                    new = with_object(ctx, new, "schedules", schedule.id, clean)
            new = with_object(ctx, new, "users", user, None)
        return new

    await change(ctx, principal, decide)
    return {"from": user, "to": to, "changed": changed, "removed": remove}


def _refuse_files(old: Directory, wanted: Any, user: str, remove: bool) -> None:
    """Raise Conflict naming each file and line that has to be changed by hand."""
    named = [*wanted, *([("users", user)] if remove else [])]
    written = [
        f"the {LABELS[kind]} {short(name)} ({origin.file}:{origin.line})"
        for kind, name in named
        if (origin := old.origins.get((kind, name))) is not None
    ]
    if written:
        raise Conflict(f"Change these in their files and apply them again: {', '.join(written[:20])}.")
