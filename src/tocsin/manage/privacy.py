"""Private incidents: who may see them, and how every door that shows incidents to people asks.

Whoever asks is remembered for the time of the request (`ASKING`), set where the request is let in. What the system does by itself
asks in nobody's name and sees everything.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextvars import ContextVar

from tocsin.core.errors import Invalid, NotFound
from tocsin.core.incident import parse_id, public_id, unknown
from tocsin.core.permission import Principal
from tocsin.core.timeline import Kind
from tocsin.flow.acts import Result, checked, known, locked, tell, user_of
from tocsin.flow.context import Context
from tocsin.store import incidents
from tocsin.store import privacy as store
from tocsin.store.database import Tx
from tocsin.store.reading_incidents import Row
from tocsin.store.writing import notify

ASKING: ContextVar[Principal | None] = ContextVar("asking", default=None)
"""Who asks in this request; None: the system itself."""


def sees_all(who: Principal | None) -> bool:
    return who is None or who.role == "admin"


async def hidden(tx: Tx) -> list[int]:
    """The incidents that whoever asks may not see: for every list, search and count."""
    who = ASKING.get()
    return [] if who is None or sees_all(who) else await store.hidden(tx, who.user, who.id)


async def hidden_from(ctx: Context, who: Principal, among: Collection[int]) -> set[int]:
    """Those of these incidents that somebody may not see."""
    if sees_all(who) or not among:
        return set()
    async with ctx.db.reading() as tx:
        return set(among).intersection(await store.hidden(tx, who.user, who.id))


_TELLING = ("related", "merged", "severity_changed")
"""The kinds of entries that name another incident,"""
_OTHERS = ("other", "from", "into")
"""and where in their data."""


async def veiled(tx: Tx, rows: Sequence[Row]) -> list[Row]:
    """Entries of a timeline without the names of incidents that were hidden since, as whoever asks may read them."""
    if not any(row["kind"] in _TELLING for row in rows):
        return list(rows)
    unseen = await hidden(tx)
    return [veil(row, unseen) for row in rows]


def mentioned(row: Row) -> set[int]:
    """The other incidents that an entry of a timeline names."""
    return {parse_id(row["data"][key]) for key in _named(row)}


def _named(row: Row) -> list[str]:
    """Where its data names another incident (`from` of a severity is another severity)."""
    keys = _OTHERS[:1] if row["kind"] == "severity_changed" else _OTHERS if row["kind"] in _TELLING else ()
    return [key for key in keys if row["data"].get(key)]


def veil(row: Row, unseen: Collection[int]) -> Row:
    """An entry without the names of these incidents."""
    if not mentioned(row).intersection(unseen):
        return row
    named, notes = _named(row), row["data"].get("notes")
    if row["kind"] == "severity_changed":
        said = f"{row['details'].partition('. ')[0]}. A private incident was merged into it"
    elif row["kind"] == "related":
        said = f"{'Linked' if row['data'].get('linked') else 'No longer linked'} with a private incident"
    else:
        said = "Merged into a private incident" if "into" in named else "A private incident was merged into this"
    data = {**row["data"], **dict.fromkeys(named)}
    return {**row, "details": f"{said}. {notes}" if notes else said, "data": data}


async def enter(ctx: Context, who: Principal, incident: int | None) -> None:
    """Let a request in: it asks in this name from now on. Raises NotFound for an incident that they may not see, in the words of one
    that does not exist.
    """
    ASKING.set(who)
    if incident is not None:
        await require(ctx, incident)


def named(path: str, name: object) -> int | None:
    """The incident that a path is about (`/incidents/NAME/...`, in the API too); None when it is about something else."""
    head, found, _ = path.partition("/incidents/")
    if not found or head not in ("", "/api/v1") or not isinstance(name, str):
        return None
    try:
        return parse_id(name)
    except NotFound:
        return None


async def require(ctx: Context, incident: int, pointer: str | None = None) -> None:
    """Whoever asks may see this incident. Raises NotFound; with `pointer` (it was named in a body) Invalid."""
    who = ASKING.get()
    if who is None or sees_all(who):
        return
    async with ctx.db.reading() as tx:
        if not await store.is_hidden(tx, incident, who.user, who.id):
            return
    if pointer is not None:
        raise Invalid(f"there is no incident {public_id(incident)}", pointer)
    raise unknown(incident)


async def make_private(ctx: Context, number: int, actor: str, private: bool, notes: str = "") -> Result:
    """Hide an incident from everybody who is not on it, or show it again. Whoever hides it still sees it. Raises NotFound."""
    notes = checked(notes, "/notes", needed=False)
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        if incident.private is private:
            return Result(number, False, "It is private already" if private else "Everybody sees it already")
        own = user_of(actor) or ("" if sees_all(ASKING.get()) else actor)  # a token of nobody keeps its sight
        readers = [*incident.readers, own] if private and own and own not in incident.readers else incident.readers
        await incidents.update(tx, incident, private=private, readers=readers)
        text = "Private: only those who are on it see it" if private else "No longer private: everybody sees it"
        kind: Kind = "made_private" if private else "made_visible"
        await tell(tx, incident, ctx.clock.now(), kind, actor, text + (f". {notes}" if notes else ""), notes=notes)
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return Result(number, True, text)


async def let_in(ctx: Context, number: int, actor: str, user: str) -> Result:
    """Let somebody see a private incident without being a responder. Raises NotFound; Invalid for an unknown user."""
    known(ctx.directory, user)
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        name = ctx.directory.users[user].label
        if user in incident.readers:
            return Result(number, False, f"{name} may see it already")
        await incidents.update(tx, incident, readers=[*incident.readers, user])
        await tell(tx, incident, ctx.clock.now(), "reader_added", actor, f"{name} may see it", user=user)
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return Result(number, True, f"{name} may see it now")
