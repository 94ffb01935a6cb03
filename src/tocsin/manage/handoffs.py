"""Handoffs: what the outgoing leaves the incoming. Gathered from what is known, edited by the outgoing, signed by the incoming."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import msgspec

from tocsin.core.directory import Directory
from tocsin.core.errors import Conflict, Forbidden, Invalid, NotFound
from tocsin.core.handoff import (
    LONGEST_TEXT,
    MOST_ADDED,
    Added,
    Edits,
    Item,
    Period,
    Section,
    State,
    clock,
    days,
    markdown,
)
from tocsin.core.incident import public_id
from tocsin.core.permission import Principal, allowed
from tocsin.flow import relieve
from tocsin.flow.context import Context
from tocsin.manage.handoff_parts import sections_of
from tocsin.manage.lists import DEFAULT, Moment, RowId, check_limit, read_cursor, time_text, words, write_cursor
from tocsin.store import handoffs, merges
from tocsin.store.access import audit
from tocsin.store.database import Tx
from tocsin.store.handoffs import Handoff

# --- reading ----------------------------------------------------------------------------------------------------------


def head(ctx: Context, handoff: Handoff) -> dict[str, Any]:
    """One handoff without its sections. `from` to `at` is the outgoing's shift, which ends at `at`; `until` ends the incoming's.

    `in_the_loop`: who gets copies of pages because it is not signed.
    """
    schedule = ctx.directory.schedules.get(handoff.schedule)
    return {
        "id": handoff.id,
        "schedule": handoff.schedule,
        "schedule_name": (schedule.name if schedule else "") or handoff.schedule,
        "outgoing": handoff.outgoing,
        "incoming": handoff.incoming,
        "from": time_text(handoff.starts_at),
        "at": time_text(handoff.at),
        "until": time_text(handoff.until),
        "state": handoff.state,
        "in_the_loop": handoff.outgoing if handoff.state == "unsigned" else None,
        "transferred": [public_id(number) for number in handoff.transferred],
        "edited_at": time_text(handoff.edited_at),
        "edited_by": handoff.edited_by,
        "signed_at": time_text(handoff.signed_at),
        "signed_by": handoff.signed_by,
    }


async def list_handoffs(
    ctx: Context, *, schedule: str | None = None, user: str | None = None, state: str | None = None,
    cursor: str | None = None, limit: int = DEFAULT,
) -> dict[str, Any]:  # fmt: skip
    """`{"items", "next"}`, the latest moment first. `state`: several by comma; without it all but void ones. Raises Invalid."""
    check_limit(limit)
    states = words(state)
    for one in states:
        if one not in get_args(State):
            raise Invalid(f"{one!r} is not a state of a handoff: use {', '.join(get_args(State))}", "/state")
    before = read_cursor(cursor, tuple[Moment, RowId])
    async with ctx.db.reading() as tx:
        rows = await handoffs.listed(tx, schedule or None, user or None, states, before, limit + 1)
    last = rows[:limit][-1] if len(rows) > limit else None
    following = write_cursor(last.at, last.id) if last else None
    return {"items": [head(ctx, row) for row in rows[:limit]], "next": following}


async def unsigned(ctx: Context, schedule: str | None = None) -> list[dict[str, Any]]:
    """The heads of handoffs that keep somebody in the loop, oldest first. Asks the database only when there are any."""
    if not ctx.in_the_loop:
        return []
    async with ctx.db.reading() as tx:
        rows = await handoffs.waiting(tx)
    return [head(ctx, row) for row in rows if row.state == "unsigned" and schedule in (None, row.schedule)]


async def get(ctx: Context, id: int) -> dict[str, Any]:
    """One handoff whole: its head, `period` in both people's zones, `sections`, `notes`, and `offered`: the answered incidents
    that the outgoing still holds, `{id, name, title}` each; `transferred_names` as people call those of `transferred`. Raises NotFound."""
    async with ctx.db.reading() as tx:
        handoff = await _find(tx, id)
        gathered, offered = await sections_of(ctx, tx, handoff)
        names = await merges.names(tx, handoff.transferred)
    return _whole(ctx, handoff, gathered, offered, names)


def _whole(
    ctx: Context, handoff: Handoff, sections: Mapping[Section, Sequence[Item]], offered: Sequence[dict[str, str]],
    names: Mapping[int, str],
) -> dict[str, Any]:  # fmt: skip
    zones = {"outgoing": _zone(ctx.directory, handoff.outgoing), "incoming": _zone(ctx.directory, handoff.incoming)}
    return {
        **head(ctx, handoff),
        "title": days(handoff.starts_at, handoff.at, zones["outgoing"]),
        "period": {
            who: {"time_zone": place, "from": clock(handoff.starts_at, place), "to": clock(handoff.at, place)}
            for who, place in zones.items()
        },
        "sections": {name: [msgspec.to_builtins(item) for item in items] for name, items in sections.items()},
        "dropped": list(handoff.edits.dropped),
        "notes": handoff.edits.notes,
        "offered": offered,
        "transferred_names": [names.get(number, public_id(number)) for number in handoff.transferred],
    }


async def as_markdown(ctx: Context, id: int) -> str:
    """The handoff as a document. Raises NotFound."""
    async with ctx.db.reading() as tx:
        handoff = await _find(tx, id)
        sections, _ = await sections_of(ctx, tx, handoff)
    people, schedule = ctx.directory.users, ctx.directory.schedules.get(handoff.schedule)
    periods = [
        Period(people[user].label if user in people else user, _zone(ctx.directory, user))
        for user in (handoff.outgoing, handoff.incoming)
    ]
    signed = ""
    if handoff.signed_at is not None:
        signed = (
            f"Signed by {_actor(ctx.directory, handoff.signed_by)}, {clock(handoff.signed_at, periods[0].time_zone)}."
        )
    title = (schedule.name if schedule else "") or handoff.schedule
    sections = {
        section: [
            msgspec.structs.replace(item, who=people[item.who].label) if item.who in people else item for item in items
        ]
        for section, items in sections.items()
    }
    return markdown(title, handoff.handover, periods[0], periods[1], sections, handoff.edits.notes, signed)


def _zone(directory: Directory, user: str) -> str:
    known = directory.users.get(user)
    return known.time_zone if known else "UTC"


def _actor(directory: Directory, actor: str | None) -> str:
    kind, _, name = (actor or "").partition(":")
    known = directory.users.get(name) if kind == "user" else None
    return known.label if known else actor or "nobody"


async def _find(tx: Tx, id: int) -> Handoff:
    found = await handoffs.find(tx, id) if 0 < id < 2**63 else None
    if found is None:
        raise NotFound(f"There is no handoff {id}")
    return found


# --- editing and signing ----------------------------------------------------------------------------------------------


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line to add to a section."""

    section: Section
    text: str


class Change(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody writes into a handoff; what is left out stays.

    `tickets` and `remarks` by the key of a line (empty text: what was gathered). `add` lines of one's own; `drop` leaves lines
    out (own ones are removed), `restore` brings them back.
    """

    notes: str | None = None
    tickets: dict[str, str] = {}
    remarks: dict[str, str] = {}
    add: tuple[Line, ...] = ()
    drop: tuple[str, ...] = ()
    restore: tuple[str, ...] = ()


async def edit(ctx: Context, id: int, change: Change, principal: Principal) -> dict[str, Any]:
    """Write into a handoff; the whole of it afterwards. Raises NotFound, Invalid; Forbidden for whom it is not theirs to write;
    Conflict once it is signed."""
    async with ctx.db.transaction() as tx:
        handoff = await _locked(tx, id)
        _check_person(principal, handoff.outgoing, "written by the outgoing")
        _check_open(handoff)
        edits = changed(handoff.edits, change)
        await handoffs.edit(tx, id, edits, principal.id, ctx.clock.now())
    return await get(ctx, id)


def changed(edits: Edits, change: Change) -> Edits:
    """The edits with one change more. Raises Invalid."""
    for pointer, text in (
        ("/notes", change.notes or ""),
        *((f"/remarks/{key}", text) for key, text in change.remarks.items()),
        *((f"/tickets/{key}", text) for key, text in change.tickets.items()),
        *((f"/add/{place}/text", line.text) for place, line in enumerate(change.add)),
    ):
        if len(text) > LONGEST_TEXT:
            raise Invalid(f"Shorten this to {LONGEST_TEXT} characters", pointer)
    for place, line in enumerate(change.add):
        if not line.text.strip():
            raise Invalid("Write something here", f"/add/{place}/text")
    number = max((one.id for one in edits.added), default=0)
    new = [Added(id=number + n, section=line.section, text=_clean(line.text)) for n, line in enumerate(change.add, 1)]
    gone = set(change.drop)
    added = (*(one for one in edits.added if f"added:{one.id}" not in gone), *new)
    dropped = [*edits.dropped, *(key for key in change.drop if not key.startswith("added:"))]
    if len(added) > MOST_ADDED or len(dropped) > 10 * MOST_ADDED:
        raise Invalid(f"A handoff holds at most {MOST_ADDED} lines of its own", "/add")
    return Edits(
        dropped=tuple(dict.fromkeys(key for key in dropped if key not in change.restore)),
        tickets=_kept(edits.tickets, change.tickets),
        remarks=_kept(edits.remarks, change.remarks),
        added=added,
        notes=edits.notes if change.notes is None else change.notes.replace("\0", "\N{REPLACEMENT CHARACTER}").strip(),
    )


def _kept(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    return {_clean(key): text for key, words in {**old, **new}.items() if (text := _clean(words))}


def _clean(text: str) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").strip()


async def sign(ctx: Context, id: int, principal: Principal) -> dict[str, Any]:
    """The incoming has read it: it is kept as it is now, and the outgoing is out of the loop. Signing twice changes nothing.

    Raises NotFound; Forbidden for anybody but the incoming (a manager may sign for them, a token speaks for them); Conflict when
    there is nothing to sign any more.
    """
    async with ctx.db.transaction() as tx:
        handoff = await _locked(tx, id)
        _check_person(principal, handoff.incoming, "signed by the incoming")
        if handoff.state == "signed":
            names = await merges.names(tx, handoff.transferred)
            return _whole(ctx, handoff, (await sections_of(ctx, tx, handoff))[0], [], names)
        _check_open(handoff)
        now = ctx.clock.now()
        sections, _ = await sections_of(ctx, tx, handoff)
        await handoffs.sign(tx, id, msgspec.to_builtins(sections), principal.id, now)
        await audit(tx, now, principal.id, "handoff.sign", f"handoff:{id}", {"incoming": handoff.incoming})
    await relieve.refresh_loop(ctx)
    return await get(ctx, id)


async def _locked(tx: Tx, id: int) -> Handoff:
    found = await handoffs.lock(tx, [id]) if 0 < id < 2**63 else {}
    if id not in found:
        raise NotFound(f"There is no handoff {id}")
    return found[id]


def may_write(principal: Principal, handoff: Mapping[str, Any]) -> bool:
    """May they edit this handoff (a view of it)?"""
    return handoff["state"] in ("draft", "unsigned") and _speaks_for(principal, handoff["outgoing"])


def may_sign(principal: Principal, handoff: Mapping[str, Any]) -> bool:
    """May they sign this handoff (a view of it)?"""
    return handoff["state"] in ("draft", "unsigned") and _speaks_for(principal, handoff["incoming"])


def _speaks_for(principal: Principal, user: str) -> bool:
    return principal.user in (None, user) or allowed(principal.role, "configure")


def _check_person(principal: Principal, user: str, what: str) -> None:
    if not _speaks_for(principal, user):
        raise Forbidden(f"A handoff is {what} ({user}), or by a manager; you are {principal.user}")


def _check_open(handoff: Handoff) -> None:
    if handoff.state == "signed":
        raise Conflict("It is signed: what was handed over stays as it was read")
    if handoff.state in ("lapsed", "void"):
        gone = "the shift after it is over, too" if handoff.state == "lapsed" else "the schedule was changed since"
        raise Conflict(f"This handoff is past: {gone}")
