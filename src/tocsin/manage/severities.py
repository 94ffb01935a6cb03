"""The severity matrix as people see and change it: the organisation's, and what a service decides otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from tocsin.core.business import business_hours_of
from tocsin.core.directory import NOTHING_CHANGED, SEVERITIES, Directory, Origin
from tocsin.core.errors import Conflict, NotFound
from tocsin.core.matrix import DEFAULTS, Matrix, changed, matrix_of, row_view, warnings
from tocsin.core.permission import Principal
from tocsin.core.severity import Severity
from tocsin.core.severity_policy import Severities
from tocsin.core.shape import faults, short
from tocsin.core.spelling import decode, plain
from tocsin.flow.context import Context
from tocsin.manage import teams
from tocsin.manage.configuration import change
from tocsin.manage.drafts import Place, complain
from tocsin.manage.lists import time_text
from tocsin.manage.objects import with_object
from tocsin.manage.plans import FieldChange, severity_changes
from tocsin.store.access import audited

MOST_CHANGES = 50
"""Changes of the audit trail shown at most."""


def matrix_view(matrix: Matrix) -> dict[str, dict[str, Any]]:
    return {severity.key: row_view(row) for severity, row in matrix.items()}


def view(ctx: Context, service: str | None = None) -> dict[str, Any]:
    """The matrix in force for new incidents of a service, or of the organisation.

    `{service, severities: {sev1_critical: {response_time, ...}}, inherited, overrides, warnings, business_hours, origin}`:
    `inherited` is what would hold without `overrides`; `warnings` say what this policy gives up; `origin` is `{file, line}` when a
    file says so. Raises NotFound.
    """
    directory = ctx.directory
    _known(directory, service)
    origin = _origin(directory, service)
    return {
        "service": service,
        "severities": matrix_view(matrix_of(directory, service)),
        "inherited": matrix_view(_below(directory, service)),
        "overrides": plain(_own(directory, service)),
        "warnings": warnings(matrix_of(directory, service)),
        "business_hours": _hours(ctx, service),
        "origin": {"file": origin.file, "line": origin.line} if origin else None,
    }


def _hours(ctx: Context, service: str | None) -> dict[str, Any]:
    team = ctx.directory.team_of(service)
    return teams.hours_view(ctx, business_hours_of(ctx.directory, service), team.business_hours if team else None)


async def put(
    ctx: Context, principal: Principal, body: Any, service: str | None = None, *, dry_run: bool = False
) -> dict[str, Any]:
    """Replace what the organisation or a service decides otherwise; `view` and `changes` ({field, old, new}) afterwards.

    `body` is spelled like `severities` of the file (or is a whole `view`, of which `overrides` counts); null stands for what is
    inherited. Running incidents keep the matrix that they began with. Raises Invalid, NotFound, Conflict when a file says it, Forbidden.
    """
    wanted = _read(body)
    changes: list[FieldChange] = []

    def decide(old: Directory) -> Directory:
        _refuse_of_file(old, service)
        changes[:] = severity_changes(_own(old, service), wanted)
        if service is None:
            return replace(old, severities=wanted)
        one = msgspec.structs.replace(old.services[service], severities=wanted)
        return with_object(ctx, old, "services", service, one)

    _known(ctx.directory, service)
    await change(ctx, principal, decide, dry_run=dry_run)
    return {**view(ctx, service), "changes": [msgspec.to_builtins(item) for item in changes], "dry_run": dry_run}


async def merge(
    ctx: Context, principal: Principal, severity: Severity, fields: dict[str, str | None], service: str | None = None,
    *, dry_run: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Change some fields of one row; None sets one back to what is inherited. Raises as `put`."""
    _known(ctx.directory, service)
    own = plain(_own(ctx.directory, service))
    return await put(
        ctx, principal, {**own, severity.key: {**own.get(severity.key, {}), **fields}}, service, dry_run=dry_run
    )


async def trail(ctx: Context, service: str | None = None) -> list[dict[str, Any]]:
    """Who changed what, newest first: `{at, actor, changes: [{field, old, new}]}`. Raises NotFound."""
    _known(ctx.directory, service)
    subject = f"service:{service}" if service else "organisation"
    async with ctx.db.reading() as tx:
        rows = await audited(tx, "severities.change", subject, MOST_CHANGES)
    return [
        {"at": time_text(row["at"]), "actor": row["actor"], "changes": _differences(row["data"])}
        for row in rows
    ]  # fmt: skip


def _differences(data: dict[str, Any]) -> list[dict[str, Any]]:
    before, after = (decode(data.get(when) or {}, Severities) for when in ("before", "after"))
    return [msgspec.to_builtins(item) for item in severity_changes(before, after)]


def _read(body: Any) -> Severities:
    raw = body["overrides"] if isinstance(body, dict) and "overrides" in body else body
    if isinstance(raw, dict):
        raw = {name: _given(row) for name, row in raw.items()}
    wrong = [Place("", Origin()).problem(*fault) for fault in faults(raw, Severities)]
    complain(wrong, "The severity matrix")
    return decode(raw, Severities)


def _given(row: Any) -> Any:
    return {name: value for name, value in row.items() if value is not None} if isinstance(row, dict) else row


def _known(directory: Directory, service: str | None) -> None:
    if service is not None and service not in directory.services:
        raise NotFound(f"There is no service {short(service)}.")


def _own(directory: Directory, service: str | None) -> Severities:
    if service is None:
        return directory.severities
    owner = directory.services.get(service)
    return owner.severities if owner else NOTHING_CHANGED


def _below(directory: Directory, service: str | None) -> Matrix:
    return DEFAULTS if service is None else changed(DEFAULTS, directory.severities)


def _origin(directory: Directory, service: str | None) -> Origin | None:
    origin = directory.origins.get(SEVERITIES if service is None else ("services", service))
    return origin if origin and origin.file else None


def _refuse_of_file(old: Directory, service: str | None) -> None:
    _known(old, service)
    if origin := _origin(old, service):
        what = "The severity matrix" if service is None else f"The service {short(service)}"
        raise Conflict(f"{what} is written in {origin.file}:{origin.line}: change it there and apply the file again.")
