"""The configuration changed: what stands in the database because of it changes in the same transaction."""

from __future__ import annotations

from datetime import datetime

from tocsin.core.directory import Directory
from tocsin.core.inhibition import concerned, rules_of
from tocsin.flow import heartbeats, plans
from tocsin.store import endings, inhibitions
from tocsin.store.database import Tx

AT_ONCE = 2000


async def follow(tx: Tx, old: Directory, new: Directory, now: datetime) -> None:
    """Windows of planned mutes, marks of alerts that hide others, and timers of heartbeats, as the new configuration asks."""
    await plans.follow(tx, old, new, now)
    await heartbeats.follow(tx, old, new, now)
    for name, service in new.services.items():
        before = old.services.get(name)
        if before is not None and before.auto_resolve != service.auto_resolve:
            await endings.quiet_of(tx, name, service.auto_resolve)
    if _hides(old) != _hides(new):
        await _remark(tx, new)
        await inhibitions.look_again(tx, now)


def _hides(directory: Directory) -> tuple[object, object]:
    arrows = {
        name: service.depends_on
        for name, service in directory.services.items()
        if service.depends_on and service.hidden_by_dependencies
    }
    return dict(directory.inhibitions), arrows


async def _remark(tx: Tx, directory: Directory) -> None:
    rules = rules_of(directory)
    sources: list[int] = []
    after = 0
    while rules and (some := await inhibitions.open_labels(tx, after, AT_ONCE)):
        sources += [id for id, labels in some if concerned(rules, labels)[0]]
        after = some[-1][0]
    await inhibitions.remark(tx, sources)
