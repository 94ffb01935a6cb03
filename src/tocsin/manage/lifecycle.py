"""Where an incident stands in its life: where it may go, its nine times, what it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tocsin.core.incident import display_name, public_id, unknown
from tocsin.core.lifecycle import MOVES, way
from tocsin.core.moment import MEANS, NAMES, moments
from tocsin.flow.context import Context
from tocsin.flow.probing import probes_of
from tocsin.manage import privacy
from tocsin.manage.lists import time_text
from tocsin.store import merges, timers
from tocsin.store import reading_incidents as reading


def moves_view(row: Mapping[str, Any]) -> list[dict[str, str]]:
    """The legal next moves: `{"status", "way"}`. From a merged incident there is none."""
    if row["merged_into"] is not None:
        return []
    return [{"status": new, "way": way(row["status"], new)} for new in MOVES[row["status"]]]


def times_view(row: Mapping[str, Any]) -> dict[str, Any]:
    """The nine times by name: `{"at", "source", "certainty"}`."""
    return {
        name: {"at": time_text(moment.at), "source": moment.source, "certainty": moment.certainty}
        for name, moment in moments(row).items()
    }


def durations_view(row: Mapping[str, Any]) -> dict[str, float | None]:
    """What lies between them, in seconds; null while an end is missing.

    `impact`: from the start of the impact (else the detection) to the restoration. `restore`: detected to restored, the headline.
    `resolve`: declared to resolved. `acknowledge`: detected to acknowledged. `detect`: start of the impact to detection.
    """
    at = {name: moment.at for name, moment in moments(row).items()}
    return {
        "detect": _between(at["impact_started"], at["detected"]),
        "acknowledge": _between(at["detected"], at["acknowledged"]),
        "impact": _between(at["impact_started"] or at["detected"], at["restored"]),
        "restore": _between(at["detected"], at["restored"]),
        "resolve": _between(at["declared"], at["resolved"]),
    }


def _between(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds()


def belongings_view(row: Mapping[str, Any]) -> dict[str, Any]:
    """Who may see it, what it was merged into, and what it is linked with."""
    into = row["merged_into"]
    return {
        "private": row["private"],
        "readers": list(row["readers"]),
        "public_title": row["public_title"],
        "merged_into": None if into is None else public_id(into),
        "related": [public_id(number) for number in row["related"]],
    }


async def times(ctx: Context, number: int) -> dict[str, Any]:
    """`{"items": [{"name", "at", "source", "certainty", "means"}], "durations"}`, in order. Raises NotFound."""
    async with ctx.db.reading() as tx:
        row = await reading.get(tx, number)
    if row is None:
        raise unknown(number)
    known = times_view(row)
    items = [{"name": name, **known[name], "means": MEANS[name]} for name in NAMES]
    return {"items": items, "durations": durations_view(row)}


async def kin(ctx: Context, number: int) -> dict[str, Any]:
    """What belongs to an incident, by name, as far as whoever asks may see it: `{"into", "merged", "related", "probes",
    "watch_until"}`."""
    async with ctx.db.reading() as tx:
        row = await reading.get(tx, number)
        if row is None:
            raise unknown(number)
        hidden = set(await privacy.hidden(tx))
        inside = await merges.merged_into(tx, number)
        wanted = [*inside, *row["related"], *([row["merged_into"]] if row["merged_into"] is not None else [])]
        watched = await timers.set_for(tx, "watch", number) if row["status"] == "monitoring" else None
        titles = await merges.titles(tx, [one for one in wanted if one not in hidden]) if wanted else {}
    return {
        "into": _named(titles, row["merged_into"]),
        "merged": [_named(titles, one) for one in inside if one in titles],
        "related": [_named(titles, one) for one in row["related"] if one in titles],
        "watch_until": time_text(watched),
        "probes": [
            {"service": service, "id": probe.id, "type": probe.type, "samples": probe.samples}
            for service, probe in probes_of(ctx.directory, row["affected_services"])
        ],
    }


def _named(titles: Mapping[int, tuple[str, str, datetime]], number: int | None) -> dict[str, str] | None:
    if number is None or number not in titles:
        return None
    title, status, created_at = titles[number]
    return {"id": public_id(number), "name": display_name(number, created_at), "title": title, "status": status}
