"""What rings one person: several incidents as one message, low urgency after quiet hours, a storm within the person's limits.

Decided in one transaction under a lock per person, before anything is sent, so that nodes agree and a crash sends the same message again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tocsin.core.errors import Contended
from tocsin.core.escalation import PageReason
from tocsin.core.notification import Choice, Waiting, choose, is_calm
from tocsin.flow.context import Context
from tocsin.plugins.channels.base import Channel
from tocsin.store import messages
from tocsin.store.database import Tx
from tocsin.store.messages import Made, Person
from tocsin.store.notifications import Held, Letter

MOST_RACES = 3
"""How often we look again after losing a race for locks."""


@dataclass
class Gathered:
    """`messages`: each list is one message, the worst incident first. `told`: their reader knows already. The rest waits, or went."""

    messages: list[list[Letter]] = field(default_factory=list)
    told: list[Letter] = field(default_factory=list)


def is_gathered(ctx: Context, channel: Channel, held: Held, old: timedelta) -> bool:
    """Whether this notification may wait for others, or travel with them: never where a channel carries one incident at a time."""
    if not channel.bundles:
        return False
    user = ctx.directory.users.get(held.user_id)
    return is_calm(user, channel.type, channel.rings) or ctx.clock.now() - held.scheduled_at > old


async def gather(ctx: Context, held: Sequence[Held]) -> Gathered:
    """Decide for notifications leased to this node. What waits is given back to the database, leased to nobody."""
    for _ in range(MOST_RACES):
        try:
            return await _gather(ctx, held)
        except Contended:  # somebody answers several of them at this very moment: look again
            continue
    return await _gather(ctx, held)


async def _gather(ctx: Context, held: Sequence[Held]) -> Gathered:
    now = ctx.clock.now()
    until = now + timedelta(seconds=ctx.lease)
    async with ctx.db.transaction() as tx:
        await messages.lock(tx, [(one.user_id, one.channel) for one in held])
        letters = await messages.begin(tx, [one.id for one in held], ctx.node, now)
        fresh = _by_person(one for one in letters.values() if one.message is None and not one.attempts)
        alone = [[one] for one in letters.values() if one.message is None and one.attempts]
        choices = await _choices(ctx, tx, fresh, now)
        await messages.hold(tx, ctx.node, [wait for choice in choices.values() for wait in choice.wait])
        going = {person: choice for person, choice in choices.items() if choice.send}
        letters |= await _company(ctx, tx, going, fresh, now, until)
        made = [
            Made(user, method, letters[choice.send[0]].channel, choice.urgent, choice.send)
            for (user, method), choice in going.items()
        ]
        for person, number in (await messages.write(tx, made, ctx.node, now, until)).items():
            for id in going[person].send:
                letters[id].message = number
    if any(choice.wait for choice in choices.values()):
        ctx.wake.set("timers")
    told = [letters[id] for choice in choices.values() for id in choice.told]
    return Gathered([*_as_messages(letters.values()), *alone], told)


def _by_person(letters: Iterable[Letter]) -> dict[Person, list[Letter]]:
    found: dict[Person, list[Letter]] = {}
    for letter in letters:
        found.setdefault((letter.user_id, letter.method), []).append(letter)
    return found


def _as_messages(letters: Iterable[Letter]) -> list[list[Letter]]:
    """Those that have a message, by message: what was sent before is sent again as it was."""
    found: dict[int, list[Letter]] = {}
    for letter in sorted(letters, key=_order):
        if letter.message is not None:
            found.setdefault(letter.message, []).append(letter)
    return list(found.values())


def _order(letter: Letter) -> tuple[int, datetime, int]:
    return letter.severity, letter.scheduled_at, letter.id


async def _choices(ctx: Context, tx: Tx, fresh: Mapping[Person, list[Letter]], now: datetime) -> dict[Person, Choice]:
    """What goes and what waits, for each person and method."""
    if not fresh:
        return {}
    rings = await messages.rings(tx, [(person[0], group[0].channel) for person, group in fresh.items()], now)
    company = await messages.company(tx, fresh)
    choices = {}
    for person, group in fresh.items():
        name, method = person
        channel, user = ctx.channels[group[0].channel], ctx.directory.users.get(name)
        if user is None or not is_calm(user, channel.type, channel.rings):
            choices[person] = Choice(tuple(one.id for one in sorted(group, key=_order)), (), ())
            continue
        heard = rings.get((name, channel.type), [])
        last = max((ring.at for by, ring in heard if by == method), default=None)
        choices[person] = choose(
            user, channel.type, [_waiting(one) for one in group], [ring for _, ring in heard], last, now,
            company.get(person),
        )  # fmt: skip
    return choices


def _waiting(letter: Letter) -> Waiting:
    asked = not PageReason(letter.reason).from_ladder
    return Waiting(letter.id, letter.severity, letter.urgency, letter.first, letter.scheduled_at, letter.told_at, asked)


async def _company(
    ctx: Context,
    tx: Tx,
    going: dict[Person, Choice],
    fresh: Mapping[Person, list[Letter]],
    now: datetime,
    until: datetime,
) -> dict[int, Letter]:
    """Whoever waits goes along with a message that goes anyway: named in it, and answered by its link."""
    taken = await messages.take_company(tx, going, ctx.node, until) if going else {}
    if not taken:
        return {}
    letters = await messages.begin(tx, [id for ids in taken.values() for id in ids], ctx.node, now)
    for person, ids in taken.items():
        along = [letters[id] for id in ids if id in letters]
        own = [one for one in fresh[person] if one.id in going[person].send]
        together = sorted([*own, *along], key=_order)
        going[person] = going[person]._replace(send=tuple(one.id for one in together))
    return letters
