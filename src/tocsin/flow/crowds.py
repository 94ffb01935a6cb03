"""Many incidents of one kind of news for one person at once: one message that counts them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from tocsin.core.incident import display_name
from tocsin.store.incidents import Incident
from tocsin.store.notices import NewNotice

FEW = 5
"""So much news of one kind comes one by one."""
NAMED = 3

_SAID = {
    "update_due": "Updates are due, or late, of {} incidents",
    "manager": "For your information: {} incidents in what your team owns",
    "queue": "Nobody acknowledged {} incidents that page nobody: you own the queue",
    "no_commander": "Nobody has taken command of {} incidents: take it, or give it to somebody",
    "silence": "The status page is green although {} SEV1 and SEV2 incidents are open: publish a public update, or say in them why not",
}


def bundled(made: Sequence[NewNotice], about: Mapping[int, Incident]) -> list[NewNotice]:
    """What falls due together, with more than a few of one kind for one contact method as one message. `about`: its incidents."""
    groups: dict[tuple[str, str, str], list[NewNotice]] = {}
    for notice in made:
        groups.setdefault((notice.kind, notice.user_id, notice.method), []).append(notice)
    return [
        one
        for (kind, *_), group in groups.items()
        for one in ([_one(kind, group, about)] if len(group) > FEW and kind in _SAID else group)
    ]


def _one(kind: str, group: Sequence[NewNotice], about: Mapping[int, Incident]) -> NewNotice:
    found = [about[notice.incident_id] for notice in group[:NAMED] if notice.incident_id is not None]
    names = [display_name(one.id, one.created_at) for one in found]
    said = f"{_SAID[kind].format(len(group))}."
    return msgspec.structs.replace(
        group[0], key=f"many:{group[0].key}", incident_id=None, heading=said, path="/incidents",
        text=f"{', '.join(names)} and {len(group) - len(names)} others.",
    )  # fmt: skip
