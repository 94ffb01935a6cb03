"""What stories about mutes and heartbeats share: the organisation as a file, with more in it, and mutes made like a person does."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from tocsin.core.mute import parse_matcher
from tocsin.manage import configuration, silences
from tocsin.manage.files import File

from .world import ORGANISATION, World

API = ORGANISATION["services"][0]
GROUPED = ORGANISATION["services"][1]


def service(id: str, **more: Any) -> dict[str, Any]:
    key = (id * 32)[:32].replace(".", "-")
    return {
        "id": id, "team": "payments", "escalation_policy": "payments",
        "integrations": [{"id": "events", "type": "pagerduty", "key": key}], **more,
    }  # fmt: skip


async def configure(world: World, **sections: Any) -> None:
    """Apply the organisation with these sections; sections named before and not now are gone."""
    text = json.dumps({"version": "1", "default_escalation_policy": "payments", **ORGANISATION, **sections})
    await configuration.apply(world.ctx, configuration.ITSELF, [File("tocsin.yml", text)], prune=True)
    for ctx in world.nodes:
        ctx.directory = world.ctx.directory
    await world.settle()


async def silence(world: World, *matchers: str, service: str | None = None, **length: float) -> str:
    now = world.clock.now()
    return await silences.create(
        world.ctx, service,
        silences.Draft(matchers=tuple(parse_matcher(m) for m in matchers), starts_at=now,
                       ends_at=now + timedelta(**length), created_by="bob", comment="known"),
        "user:bob",
    )  # fmt: skip
