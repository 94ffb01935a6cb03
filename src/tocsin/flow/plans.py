"""Planned mutes become silences: of each rule the window that is open or comes next stands in the database.

Every window ends by its own timer, and the next one is set in the same transaction. So a rule needs no timer of its own, and between
two windows that touch nothing gets through.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

import msgspec

from tocsin.core.directory import Directory
from tocsin.core.mute import Mute
from tocsin.core.planned import MuteRule
from tocsin.core.spelling import plain
from tocsin.core.window import Window, next_window, scope
from tocsin.store import mutes
from tocsin.store.database import Tx

KEPT = timedelta(days=90)
"""How long ended windows of a rule are kept."""


async def go_on(tx: Tx, directory: Directory, name: str, now: datetime) -> None:
    """A window of the rule `name` ended: set the next one. What the rule says is read from the database, because this node may not
    have heard of its last change yet."""
    rule = await mutes.rule(tx, name)
    if rule is not None:
        await _set(tx, directory, [rule], now)
        await mutes.forget_windows(tx, name, now - KEPT)


async def follow(tx: Tx, old: Directory, new: Directory, now: datetime) -> None:
    """The configuration changed: end windows of rules that are gone, change those of rules that changed, set those of new ones."""
    if not (old.mutes or new.mutes):
        return
    gone = sorted((await mutes.rules_in_use(tx, now)) - new.mutes.keys())
    for window in await mutes.windows_of(tx, gone, now):
        await _end(tx, window, now)
    await _set(tx, new, list(new.mutes.values()), now)


async def _set(tx: Tx, directory: Directory, rules: Sequence[MuteRule], now: datetime) -> None:
    names = [rule.id for rule in rules]
    standing: dict[str, list[Mute]] = {}
    for window in await mutes.windows_of(tx, names, now):
        standing.setdefault(window.rule or "", []).append(window)
    skipped = await mutes.ended_by_hand(tx, names, now)
    for rule in rules:
        wanted = next_window(rule, directory, skipped.get(rule.id, now))
        kept = False
        for window in standing.get(rule.id, ()):
            if wanted is not None and not kept and _same(window, rule, directory, wanted, now):
                kept = True
            else:
                await _end(tx, window, now)
        if wanted is not None and not kept:
            await mutes.add(tx, made(rule, directory, wanted, now))


def made(rule: MuteRule, directory: Directory, window: Window, now: datetime) -> Mute:
    """The silence that is one window of a rule."""
    services = scope(rule, directory)
    return Mute(
        public_id=str(uuid4()), service=services[0] if services else None, matchers=tuple(c.matcher for c in rule.matchers),
        starts_at=max(window.start, now), ends_at=window.end, created_by=f"mute:{rule.id}", comment=rule.reason,
        created_at=now, updated_at=now, services=services if len(services) > 1 else (), kind=rule.kind, rule=rule.id,
        planned_end=window.end, announce=plain(rule.announce) if rule.announce is not None else None,
    )  # fmt: skip


def _same(window: Mute, rule: MuteRule, directory: Directory, wanted: Window, now: datetime) -> bool:
    fresh = made(rule, directory, wanted, now)
    begun = window.starts_at <= now
    return (
        (window.service, window.services, window.matchers, window.kind, window.comment, window.planned_end, window.announce)
        == (fresh.service, fresh.services, fresh.matchers, fresh.kind, fresh.comment, fresh.planned_end, fresh.announce)
        and (fresh.starts_at <= now if begun else window.starts_at == fresh.starts_at)
    )  # fmt: skip


async def _end(tx: Tx, window: Mute, now: datetime) -> None:
    """It ends because the configuration says so, which is no person's wish to skip it."""
    starts = min(window.starts_at, now)
    await mutes.change(
        tx, msgspec.structs.replace(window, starts_at=starts, ends_at=now, planned_end=now, updated_at=now)
    )
