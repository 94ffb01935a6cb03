"""The review as a page to work on: part after part, what was gathered, what people wrote, and what the language check says of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from tocsin.core import review, review_text
from tocsin.core.configuration import Role
from tocsin.core.incident import display_name
from tocsin.core.language import lint_review
from tocsin.core.markup import prose
from tocsin.core.record import Record
from tocsin.core.review import FACTORS, SECTIONS, Section, Written
from tocsin.core.review_text import Part
from tocsin.flow.context import Context
from tocsin.manage.language import people, view
from tocsin.manage.lists import time_text
from tocsin.manage.records import short
from tocsin.manage.rendering import html_of, in_zone
from tocsin.manage.review_parts import action_view
from tocsin.manage.reviews import follow_up_view, head, read
from tocsin.store import reviews
from tocsin.store.reviews import Version

HEADINGS: dict[Part, str] = {
    "executive_summary": SECTIONS["executive_summary"],
    "what_happened": SECTIONS["what_happened"],
    "timeline": "Timeline of Events",
    "contributing_factors": SECTIONS["contributing_factors"],
    "root_cause": SECTIONS["root_cause"],
    "went_well": SECTIONS["went_well"],
    "could_be_improved": SECTIONS["could_be_improved"],
    "action_items": SECTIONS["action_items"],
    "key_metrics": SECTIONS["key_metrics"],
    "lessons_learned": SECTIONS["lessons_learned"],
    "follow_up": "Follow-up Actions",
}
"""The parts in the order of the document."""

ASKS: dict[Section, str] = {
    "executive_summary": "One paragraph for somebody who was not there.",
    "what_happened": "What did people notice, and what was going on behind it?",
    "contributing_factors": "What else had to be true for this to happen?",
    "root_cause": "What made it possible? There may be several. Systems, not people.",
    "went_well": "What helped, and should be kept?",
    "could_be_improved": "What made it longer, or harder, than it had to be?",
    "action_items": "Anything about the actions that the list does not say.",
    "key_metrics": "Anything that explains the figures.",
    "lessons_learned": "What would have helped to know before? It comes back when something similar happens.",
}
"""What each section asks for."""


async def page_of(ctx: Context, number: int, role: Role, place: ZoneInfo) -> dict[str, Any]:
    """`{id, name, title, severity, review, parts, factors, kinds, actions, follow_ups, missing, kept}`. Raises NotFound; Conflict.

    Each part: `{name, heading, asks, gathered (HTML), text, html, version, by, at, findings}`; `asks` is empty where nothing is
    written. `kept`: the published document as HTML, else None. Times that were gathered are in the zone `place`.
    """
    async with ctx.db.reading() as tx:
        record, found, written = await read(ctx, tx, number, role)
        versions = await reviews.sections(tx, number)
    kept = found.kept["markdown"] if found is not None and found.state == "published" and found.kept else None
    known = people(ctx.directory)
    parts = [] if kept else await asyncio.to_thread(_parts, record, written, versions, known, place)
    return {
        "id": record.id,
        "name": display_name(number, record.created_at),
        "title": record.title,
        "severity": record.severity,
        "status": record.status,
        "review": head(record, found, ctx.clock.now()),
        "parts": parts,
        "factors": written.factors,
        "kinds": FACTORS,
        "actions": [action_view(one) for one in written.actions],
        "follow_ups": [follow_up_view(one) for one in written.follow_ups],
        "missing": [SECTIONS[name] for name in review.incomplete(record.severity, written)],
        "kept": in_zone(await asyncio.to_thread(html_of, kept), place) if kept else None,
    }


def _parts(
    record: Record, written: Written, versions: Mapping[Section, Version], people: list[str], place: ZoneInfo
) -> list[dict[str, Any]]:
    lines = review_text.gathered(record, written)
    made = []
    for name, heading in HEADINGS.items():
        section = next((one for one in SECTIONS if one == name), None)
        last = versions.get(section) if section else None
        made.append(
            {
                "name": name,
                "heading": heading,
                "asks": ASKS[section] if section else "",
                "gathered": in_zone(html_of("\n".join(lines[name])), place) if lines[name] else "",
                "text": last.text if last else "",
                "html": html_of(prose(last.text)) if last and last.text else "",
                "version": last.version if last else 0,
                "by": short(last.actor) if last else None,
                "at": time_text(last.at) if last else None,
                "findings": [view(one) for one in lint_review(last.text, people=people)] if last else [],
            }
        )
    return made
