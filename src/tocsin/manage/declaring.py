"""Declaring an incident: what people answer becomes a severity with a sentence; then everything else follows (flow/declaring.py)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from tocsin.core import role
from tocsin.core import severity as severities
from tocsin.core.criteria import BY_ID, CRITERIA, Assessment, assess
from tocsin.core.directory import Directory
from tocsin.core.errors import Invalid
from tocsin.core.impact import NOTHING, Impact, read_impact
from tocsin.core.matrix import bands_of, matrix_of
from tocsin.core.moment import check_past
from tocsin.core.severity import Severity
from tocsin.core.tag import MOST_TAGS, read_tag
from tocsin.flow import declaring, summon
from tocsin.flow.acts import checked, known
from tocsin.flow.context import Context
from tocsin.flow.declaring import Birth
from tocsin.manage.birth import tier_1
from tocsin.manage.lists import read_time

LONGEST_PUBLIC_TITLE = 200


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whom to page besides: one `user`, or every member of a `team`."""

    user: str | None = None
    team: str | None = None
    reason: str | None = None


class Declaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A person declares an incident. `service` and `affected_services` are ids.

    `severity` in any spelling; it may be left out when `impact` answers at least one question of the severity guide. When it is milder
    than the guide says, `severity_reason` says why. `roles`: role -> user. `private`: only people who work on it see it; a yes to
    `breach` makes it so anyway.
    """

    title: str
    severity: str | int | None = None
    description: str | None = None
    reporter: str | None = None
    service: str | None = None
    affected_services: list[str] | None = None
    page: Asked | None = None
    impact: dict[str, Any] | None = None
    criteria: list[str] | None = None
    severity_reason: str | None = None
    roles: dict[str, Any] | None = None
    private: bool = False
    public_title: str | None = None
    impact_started_at: str | None = None
    tags: list[str] | None = None

    @property
    def services(self) -> list[str]:
        return [*([self.service] if self.service is not None else []), *(self.affected_services or [])]


async def declare(ctx: Context, actor: str, given: Declaration) -> int:
    """Declare it; returns its number. Raises Invalid, naming the field."""
    if given.service is not None and given.service not in ctx.directory.services:
        raise Invalid(f"there is no service {given.service!r}", "/service")
    asked = summon.people(ctx.directory, given.page.user, given.page.team, "/page") if given.page else []
    impact = impact_of(given)
    assessed = assessment(ctx.directory, impact, given.services)
    severity, reason = _severity(given, assessed)
    started = read_time(given.impact_started_at, "impact_started_at")
    if started is not None:
        check_past(started, ctx.clock.now(), "/impact_started_at")
    birth = Birth(
        impact=impact, assessed=assessed, reason=reason, roles=_roles(ctx.directory, given.roles or {}),
        private=given.private or bool(assessed and assessed.private), public_title=_public_title(given.public_title),
        impact_started_at=started, tags=_tags(given.tags or ()),
    )  # fmt: skip
    return await declaring.declare(
        ctx, actor, given.title, given.description or "", severity, given.services, _reporter(given.reporter), asked=asked,
        note=summon.said(ctx.directory, actor, (given.page.reason or "") if given.page else ""), birth=birth,
    )  # fmt: skip


def impact_of(given: Declaration) -> Impact:
    """The impact with the answers that stand beside it. Raises Invalid."""
    impact = read_impact(given.impact, BY_ID) if given.impact is not None else NOTHING
    if given.criteria:
        beside = read_impact({"criteria": given.criteria}, BY_ID, "").criteria
        impact = msgspec.structs.replace(impact, criteria=tuple(dict.fromkeys([*impact.criteria, *beside])))
    return impact


def _severity(given: Declaration, assessed: Assessment | None) -> tuple[Severity, str]:
    """The severity, and why it is not the one that was computed."""
    reason = checked(given.severity_reason or "", "/severity_reason", needed=False)
    if given.severity is None or given.severity == "":
        if assessed is None:
            raise Invalid("answer a question of the severity guide, or give a severity", "/severity")
        return assessed.severity, ""
    severity = severities.parse(given.severity)
    if assessed is None or assessed.severity == severity:
        return severity, ""
    if severity > assessed.severity and not reason:
        raise Invalid(
            f"the answers mean {assessed.severity.name} ({assessed.because}): say why {severity.name} is enough", "/severity_reason"
        )  # fmt: skip
    return severity, reason


def _roles(directory: Directory, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Roles as `incidents.roles` has them, from any spelling. Raises Invalid."""
    found: dict[str, Any] = {}
    for name, who in raw.items():
        try:
            part = role.parse(name)
        except Invalid as error:
            raise Invalid(str(error), f"/roles/{name[:60]}") from None
        users = who if isinstance(who, list) and part in role.SEVERAL else [who]
        for user in users:
            if not isinstance(user, str):
                raise Invalid("write the id of a user", f"/roles/{name[:60]}")
            if user:
                found = role.given(found, part, known(directory, user, f"/roles/{name[:60]}"))
    return found


def _public_title(text: str | None) -> str | None:
    title = checked(text or "", "/public_title", needed=False)
    if len(title) > LONGEST_PUBLIC_TITLE:
        raise Invalid(f"shorten this to {LONGEST_PUBLIC_TITLE} characters", "/public_title")
    return title or None


def _tags(given: Sequence[str]) -> tuple[str, ...]:
    if len(given) > MOST_TAGS:
        raise Invalid(f"at most {MOST_TAGS} tags", "/tags")
    return tuple(dict.fromkeys(read_tag(tag, f"/tags/{position}") for position, tag in enumerate(given)))


def _reporter(text: str | None) -> str | None:
    name = (text or "").replace("\0", "").strip()
    if len(name) > 200:
        raise Invalid("shorten this to 200 characters", "/reporter")
    return name or None


# --- what the guide says ----------------------------------------------------------------------------------------------


def assessment(directory: Directory, impact: Impact, services: Iterable[str]) -> Assessment | None:
    """What severity the answers mean for these services, under the matrix of the first, which the incident is to keep."""
    affected = [service for service in services if service in directory.services]
    matrix = matrix_of(directory, affected[0] if affected else None)
    return assess(impact, bands_of(matrix, tier_1(directory, affected)))


def preview(ctx: Context, impact: Any, services: Sequence[str]) -> dict[str, Any]:
    """`{severity, sentence, private, reasons, changes}`; severity null and a sentence while no question is answered. Raises Invalid."""
    found = assessment(ctx.directory, read_impact(impact or {}, BY_ID), services)
    if found is None:
        sentence = "Answer a question of the guide, or say what share of users is affected."
        return {"severity": None, "sentence": sentence, "private": False, "reasons": [], "changes": []}
    return found.plain()


def guide(ctx: Context) -> dict[str, Any]:
    """The questions of the severity guide, the worst first: `{items: [{id, severity, text, question, example}], bands}`.

    `bands`: `{sev1_critical: {users_from, users_from_tier_1}}`, the shares of users under the organisation's matrix.
    """
    matrix = matrix_of(ctx.directory, None)
    items = [
        {"id": one.id, "severity": one.severity.key, "text": one.text, "question": one.question, "example": one.example}
        for one in CRITERIA
    ]
    shares = ("users_from", "users_from_tier_1")
    bands = {severity.key: {name: getattr(row, name).plain() for name in shares} for severity, row in matrix.items()}
    return {"items": items, "next": None, "bands": bands}
