"""People answer by telephone: a digit by text message, a key during a call."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from tocsin.core.configuration import User
from tocsin.core.device import digits
from tocsin.core.errors import Conflict, Forbidden, NotFound, TocsinError
from tocsin.core.incident import display_name, parse_id
from tocsin.core.permission import allowed
from tocsin.core.severity import Severity
from tocsin.flow import closing, respond
from tocsin.flow.context import Context
from tocsin.flow.message import message_of_link, page_of_link
from tocsin.manage import configuration
from tocsin.plugins.channels.twilio_voice import spoken_case
from tocsin.store import access, devices, escalations, messages, reading_incidents, reports
from tocsin.store.reports import Asked

Act = Literal["acknowledge", "escalate", "resolve"]
WORDS: dict[str, Act] = {
    "1": "acknowledge", "4": "acknowledge", "ack": "acknowledge", "acknowledge": "acknowledge",
    "5": "escalate", "escalate": "escalate",
    "6": "resolve", "resolve": "resolve",
}  # fmt: skip
KEYS: dict[str, Act] = {"4": "acknowledge", "5": "escalate", "6": "resolve"}
STOP = {"stop", "stopall", "unsubscribe", "cancel", "end", "quit"}
START = {"start", "unstop", "yes"}
_DONE: dict[Act, str] = {"acknowledge": "Acknowledged", "escalate": "Escalated", "resolve": "Resolved"}
_HELP = "Reply 1 to acknowledge, 5 to escalate, 6 to resolve; 1 41 means incident 41, 1 all means all. STOP ends text messages."


# --- text messages ----------------------------------------------------------------------------------------------------


async def text_message(ctx: Context, sid: str, sender: str, text: str) -> str:
    """What is answered to a text message (empty: nothing). One that comes in twice, by its `sid`, acts once."""
    async with ctx.db.reading(reserved=True) as tx:
        known = await reports.answered(tx, sid)
    if known:
        return known
    answer = await _text_message(ctx, digits(sender), text.strip().lower())
    async with ctx.db.transaction() as tx:
        await reports.answer_with(tx, sid, answer, ctx.clock.now())
    return answer


async def _text_message(ctx: Context, number: str, text: str) -> str:
    people = owners(ctx, number)
    if not people:
        return ""  # a stranger gets no answer, and learns nothing
    if text in STOP | START:
        return await _stop(ctx, number, people, text in STOP)
    found = re.fullmatch(r"([a-z0-9]+)[\s,]*([\w-]*)[.!]?", text)
    act = WORDS.get(found[1]) if found else None
    if found is None or act is None:
        return _HELP
    async with ctx.db.reading(reserved=True) as tx:
        asked = await reports.asked(tx, [person.id for person in people])
    return await _act(ctx, act, asked, found[2])


def owners(ctx: Context, number: str) -> list[User]:
    """The people whom this number reaches."""
    return [
        user
        for user in ctx.directory.users.values()
        if any(
            m.type in ("sms", "voice") and digits(m.settings.get("number", "")) == number for m in user.contact_methods
        )
    ]


async def _stop(ctx: Context, number: str, people: Sequence[User], stops: bool) -> str:
    async with ctx.db.transaction() as tx:
        now = ctx.clock.now()
        changed = await devices.stop(tx, number, now) if stops else await devices.start(tx, number)
        if changed:
            await devices.changed(tx)
            for person in people:
                act = "number.stop" if stops else "number.start"
                await access.audit(tx, now, f"user:{person.id}", act, f"user:{person.id}")
    if changed:
        await configuration.refresh(ctx)
    return "" if stops else "Text messages from Tocsin reach you again. STOP ends them."


async def _act(ctx: Context, act: Act, asked: Sequence[Asked], which: str) -> str:
    waiting = [one for one in asked if not one.answered]
    if act == "acknowledge" and which == "all":
        said = [await _answered(ctx, act, one) for one in waiting]
        return "\n".join(said[:10]) or "Nothing waits for you."
    if which:
        one = _named(asked, which)
        return await _answered(ctx, act, one) if one else f"No open incident {which[:20]} was sent to this number."
    if not asked:
        return "Nothing that is open was sent to this number."
    if act == "acknowledge" and not waiting:
        return f"Nothing waits for you: {_name(asked[0])} is acknowledged."
    said = [await _answered(ctx, act, asked[0])]
    others = [one for one in waiting if one.incident_id != asked[0].incident_id]
    if others:
        listed = ", ".join(f"{one.incident_id}" for one in others[:5])
        said.append(
            f"{len(others)} more {'waits' if len(others) == 1 else 'wait'} ({listed}): reply 1 {others[0].incident_id}, or 1 all."
        )
    return "\n".join(said)


def _named(asked: Sequence[Asked], which: str) -> Asked | None:
    try:
        number = parse_id(which)
    except NotFound:
        return None
    return next((one for one in asked if one.incident_id == number), None)


def _name(one: Asked) -> str:
    return display_name(one.incident_id, one.created_at)


async def _answered(ctx: Context, act: Act, one: Asked) -> str:
    """Do it; one line that names the incident."""
    try:
        said = await _do(ctx, act, one.incident_id, one.user_id, "by text message")
    except TocsinError as error:
        return f"{_name(one)}: {error}"
    return f"{said}: {_name(one)} {one.title[:80]}"


async def _do(ctx: Context, act: Act, number: int, user: str, how: str) -> str:
    """Raises Conflict, NotFound, Forbidden."""
    person, actor, note = ctx.directory.users.get(user), f"user:{user}", f"{_DONE[act]} {how}"
    if act == "acknowledge":
        result = await respond.acknowledge(ctx, number, actor, note)
    elif person is None or not allowed(person.role, "respond"):
        raise Forbidden(f"you may acknowledge, and not {act}")
    elif act == "escalate":
        result = await respond.escalate(ctx, number, actor, note)
    else:
        result = await closing.resolve(ctx, number, actor, note)
    return _DONE[act] if result.changed else result.sentence


# --- calls ------------------------------------------------------------------------------------------------------------


class Spoken(NamedTuple):
    """What a call says next. `asks`: then it waits for a key again."""

    words: str
    asks: bool


async def key(ctx: Context, token: str, pressed: str) -> Spoken:
    """Somebody pressed a key while a call told them of an incident (or several: `token` ends the acknowledge URL of its message).

    Raises NotFound when the token is none of ours.
    """
    told = await _told(ctx, token)
    if not told:
        raise NotFound("This call is not one of ours.")
    act = KEYS.get(pressed[:1])
    if act is None:
        words = await _words(ctx, [number for number, _ in told])
        return Spoken(words if pressed[:1] == "*" else f"This key does nothing. {words}", True)
    said = []
    for number, user in told if act == "acknowledge" else told[:1]:
        try:
            said.append(await _do(ctx, act, number, user, "by telephone"))
        except Conflict as error:
            said.append(str(error))
        except TocsinError as error:
            return Spoken(f"{error}. {await _words(ctx, [number])}", True)
    done = next((words for words in said if words == _DONE[act]), said[0])
    return Spoken(f"{done}. Goodbye.".replace("..", "."), False)


async def _told(ctx: Context, token: str) -> list[tuple[int, str]]:
    """(incident, user) of each incident that the call told of."""
    page, message = page_of_link(ctx, token), message_of_link(ctx, token)
    async with ctx.db.reading(reserved=True) as tx:
        if page is not None:
            found = await escalations.page_incident(tx, page)
            return [] if found is None else [(found[0], found[1])]
        return [] if message is None else list(dict(await messages.pages_of(tx, message)).items())


async def _words(ctx: Context, numbers: Sequence[int]) -> str:
    async with ctx.db.reading(reserved=True) as tx:
        row = await reading_incidents.get(tx, numbers[0])
    if row is None:
        raise NotFound("There is no such incident.")
    service = ctx.directory.services.get(row["service"] or "")
    label = service.label if service else row["service"] or ""
    return spoken_case(Severity(row["severity"]).key, row["title"], label, len(numbers) - 1)
