"""What a rehearsal foresees, as people and programs read it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tocsin.core.directory import Directory
from tocsin.core.escalation import PageReason, Rung
from tocsin.core.rehearsal import RehearsalItem
from tocsin.manage.lists import time_text


def item_view(item: RehearsalItem) -> dict[str, Any]:
    return {
        "at": time_text(item.at),
        "user": item.user,
        "method": item.method,
        "step": item.step,
        "tier": item.tier,
        "reason": item.reason,
    }


def rung_view(directory: Directory, at: datetime, rung: Rung) -> dict[str, Any]:
    """`{at, step, round, tier, people: [{user, name, reason, sentence, via}], nobody}`, step and round from 1."""
    return {
        "at": time_text(at),
        "step": rung.step + 1,
        "round": rung.round + 1,
        "tier": rung.tier,
        "people": [
            {
                "user": page.user,
                "name": directory.users[page.user].label,
                "reason": page.reason.value,
                "sentence": PageReason(page.reason).sentence,
                "via": page.via,
            }
            for page in rung.pages
        ],
        "nobody": rung.nobody,
    }
