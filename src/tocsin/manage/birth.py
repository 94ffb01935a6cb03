"""What an incident says of how it came to be, and whether its impact speaks for another severity."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tocsin.core.criteria import suggest
from tocsin.core.directory import Directory
from tocsin.core.impact import stored_impact
from tocsin.core.matrix import bands_of
from tocsin.core.severity import Severity
from tocsin.flow.context import Context
from tocsin.flow.rules import known_rules
from tocsin.store.reading_incidents import Row


def tier_1(directory: Directory, services: Iterable[str]) -> bool:
    """Whether one of these services is marked tier 1, so that fewer users count for more (C-8)."""
    found = (directory.services.get(one) for one in services)
    return any(one is not None and one.tier == 1 for one in found)


def birth_view(row: Row, ctx: Context) -> dict[str, Any]:
    """`origin` (event, person, import), `external_id` of an imported one, and `severity_suggestion`: `{severity, up, sentence}` while it is
    open and its impact speaks for another severity, else null."""
    return {
        "origin": "import" if row["imported_at"] else row["origin"],
        "external_id": row["external_id"],
        "severity_suggestion": suggestion_view(row, ctx),
    }


def suggestion_view(row: Row, ctx: Context) -> dict[str, Any] | None:
    if not row["impact"] or row["status"] in ("resolved", "closed"):
        return None
    impact, now = stored_impact(row["impact"]), Severity(row["severity"])
    rows = known_rules(ctx, row["matrix"], row["service"]).rows
    found = suggest(now, impact, bands_of(rows, tier_1(ctx.directory, row["affected_services"])))
    return {"severity": found.severity.key, "up": found.up, "sentence": found.sentence} if found else None
