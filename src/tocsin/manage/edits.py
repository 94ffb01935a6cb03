"""Corrections to what an incident says of itself. What it said before stays in its timeline."""

from __future__ import annotations

from tocsin.core.errors import Invalid, NotFound
from tocsin.core.incident import public_id
from tocsin.core.tag import tags
from tocsin.flow.acts import LONGEST_TEXT, Result, tell
from tocsin.flow.context import Context
from tocsin.store import incidents
from tocsin.store.incidents import Incident
from tocsin.store.writing import notify

LONGEST_TITLE = 1024


def _title(text: str) -> str:
    title = text.replace("\0", "\N{REPLACEMENT CHARACTER}").strip()
    if not title:
        raise Invalid("An incident needs a title", "/title")
    if len(title) > LONGEST_TITLE:
        raise Invalid(f"Shorten the title to {LONGEST_TITLE} characters", "/title")
    return title


def _description(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise Invalid(f"Shorten the description to {LONGEST_TEXT} characters", "/description")
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").strip()


def _retagged(incident: Incident, texts: dict[str, str]) -> list[str]:
    """The tags once title and description are `texts`: what their words give is added, what only the old words gave goes.

    An alert's labels give tags as well, so those of its incident stay.
    """
    told = tags([texts.get("title", incident.title), texts.get("description", incident.description)], ())
    old = tags([incident.title, incident.description], ()) if incident.origin == "person" else []
    kept = [tag for tag in incident.tags if tag not in old or tag in incident.affected_services]
    return list(dict.fromkeys([*kept, *told]))


async def edit(
    ctx: Context, number: int, actor: str, title: str | None = None, description: str | None = None
) -> Result:
    """Set title and description, as far as given; the tags follow the words. Raises NotFound, Invalid."""
    wanted: dict[str, str] = {}
    if title is not None:
        wanted["title"] = _title(title)
    if description is not None:
        wanted["description"] = _description(description)
    async with ctx.db.transaction() as tx:
        locked = await incidents.lock(tx, [number])
        if number not in locked:
            raise NotFound(f"There is no incident {public_id(number)}")
        incident = locked[number]
        changed = {name: text for name, text in wanted.items() if getattr(incident, name) != text}
        if not changed:
            return Result(number, False, "Nothing to change")
        before = {name: getattr(incident, name) for name in changed}
        retagged = _retagged(incident, {**before, **changed})
        await incidents.update(tx, incident, **changed, tags=retagged)
        said = f"Corrected: {' and '.join(changed)}"
        await tell(tx, incident, ctx.clock.now(), "corrected", actor, said, before=before, after=changed)
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return Result(number, True, said)
