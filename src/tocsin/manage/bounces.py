"""Mail that did not arrive, as whoever keeps addresses sees it: subscribers of the status page and people, in one list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tocsin.core.errors import Invalid
from tocsin.core.permission import Principal, require
from tocsin.core.shape import short
from tocsin.flow.context import Context
from tocsin.manage.lists import DEFAULT, Moment, check_limit, listing, read_cursor, time_text, write_cursor
from tocsin.store import bounces as store

KINDS = ("subscriber", "contact_method")
CHANNEL = "email"


async def list_bounces(
    ctx: Context, principal: Principal, *, kind: str | None = None, limit: int = DEFAULT, cursor: str | None = None
) -> dict[str, Any]:
    """`{"items", "next"}`, the latest refusal first: `{kind, address, subscriber, user, method, state, times, at, error}`.

    An address is in it until it takes a letter again. `times`: refusals since the last that it took; `subscriber` is the number of
    one, `user` and `method` name somebody's contact method; `state` suspended: it is not written to any more. Raises Invalid,
    Forbidden.
    """
    require(principal, "configure")
    check_limit(limit)
    if kind and kind not in KINDS:
        raise Invalid(f"{short(kind)} has no address here: use {' or '.join(KINDS)}", "/kind")
    before = read_cursor(cursor, tuple[Moment, str, str])
    methods = [
        (user.id, method.id, method.settings.get("address", user.email or ""))
        for user in ctx.directory.users.values()
        for method in user.contact_methods
        if method.type == CHANNEL
    ]
    async with ctx.db.reading() as tx:
        rows = await store.listed(tx, methods, kind or None, before, limit + 1)
    return listing(rows, limit, _view, lambda row: write_cursor(row["at"], row["kind"], row["key"]))


def _view(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "kind": row["kind"],
        "address": row["address"],
        "subscriber": row["subscriber"],
        "user": row["user_id"],
        "method": row["method"],
        "state": row["state"],
        "times": row["times"],
        "at": time_text(row["at"]),
        "error": row["error"],
    }
