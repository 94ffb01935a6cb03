"""What people say to each other in a room: entries of its timeline, never edited, only corrected."""

from __future__ import annotations

from typing import Any

from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.flow.acts import Result, checked, engaged, locked, tell
from tocsin.flow.context import Context
from tocsin.store import room
from tocsin.store.writing import notify


async def report(ctx: Context, number: int, actor: str, conditions: str, actions: str = "", needs: str = "") -> Result:
    """A CAN report: what one sees, what one does, what one needs. At least one of them. Raises NotFound; Invalid."""
    given = {"conditions": conditions, "actions": actions, "needs": needs}
    said = {name: checked(text, f"/{name}", needed=False) for name, text in given.items()}
    text = "\n".join(f"{name.capitalize()}: {text}" for name, text in said.items() if text)
    if not text:
        raise Invalid("say what you see, what you do, or what you need", "/conditions")
    return await _say(ctx, number, actor, text, {"origin": "room", "can": said})


async def post(ctx: Context, number: int, actor: str, text: str, origin: str = "room") -> Result:
    """Say something to everyone in the room; allowed when it is over, too. `origin`: the room in which it was said.
    The `first` one may be what begins the work: then more changes than the talk.

    Raises NotFound; Invalid when it is empty or too long.
    """
    return await _say(ctx, number, actor, checked(text, "/text"), {"origin": origin})


async def _say(ctx: Context, number: int, actor: str, text: str, data: dict[str, Any]) -> Result:
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        now = ctx.clock.now()
        if incident.engaged_at is None:
            data["first"] = True
        await tell(tx, incident, now, "message_posted", actor, text, **data)
        await engaged(tx, incident, actor, now)
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return Result(number, True, "Sent")


async def correct(ctx: Context, number: int, actor: str, entry: int, text: str) -> Result:
    """Say what an entry of the timeline should have said. The entry stays; the correction is an entry that refers to it.

    Raises NotFound; Invalid; Conflict for an entry that is a correction itself.
    """
    text = checked(text, "/text")
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        wrong = await room.entry(tx, number, entry)
        if wrong is None:
            raise NotFound(f"There is no entry {entry} in the timeline of this incident")
        if "corrects" in wrong["data"]:
            raise Conflict("This entry is a correction: correct the entry that it refers to.")
        about = {"entry": entry, "seq": wrong["seq"], "kind": wrong["kind"]}
        await tell(tx, incident, ctx.clock.now(), "corrected", actor, text, corrects=about)
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return Result(number, True, "Corrected; what was written before stays readable")
