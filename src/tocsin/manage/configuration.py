"""What is configured, as a whole: files applied completely or not at all, exported, and read again when it changed.

Every change is one transaction under one lock, checked as a whole before anything is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import structlog

from tocsin.core.configuration import KINDS, LABELS
from tocsin.core.directory import NOTHING_CHANGED, SEVERITIES, Directory, Origin
from tocsin.core.errors import Conflict, Forbidden, Problem
from tocsin.core.incident import display_name, public_id
from tocsin.core.permission import Permission, Principal, allowed, require
from tocsin.core.rota import carried
from tocsin.core.severity_policy import Severities
from tocsin.core.shape import short
from tocsin.core.spelling import plain
from tocsin.core.validation import Finding, World, check
from tocsin.flow.context import Context
from tocsin.flow.following import follow
from tocsin.manage import files as yaml_files
from tocsin.manage import shift_news
from tocsin.manage.access import FIRST_ADMIN
from tocsin.manage.drafts import Draft, Place, complain, draft, explain, stored_place
from tocsin.manage.files import File
from tocsin.manage.plans import Plan, compare
from tocsin.plugins.rooms import registry as rooms
from tocsin.plugins.sources import registry
from tocsin.store import devices, notices
from tocsin.store import objects as store
from tocsin.store.access import audit
from tocsin.store.database import Tx

log = structlog.get_logger("tocsin.configuration")

ITSELF = Principal("tocsin", "admin", None, "Tocsin")
"""Who applies the file given to `tocsin up --config`."""


def world(ctx: Context) -> World:
    """What the checks need to know of the plug-ins."""
    return World(ctx.channels, frozenset(registry.TYPES), rooms.CONFIGURED, ctx.probes)


# --- files ------------------------------------------------------------------------------------------------------------


async def plan(ctx: Context, principal: Principal, files: Sequence[File], *, prune: bool = False) -> Plan:
    """What `apply` would do. Raises what `apply` would raise; changes nothing."""
    return await apply(ctx, principal, files, prune=prune, dry_run=True)


async def apply(
    ctx: Context, principal: Principal, files: Sequence[File], *, prune: bool = False, dry_run: bool = False
) -> Plan:
    """Make the configuration what the files say, in one transaction; again does nothing.

    `prune` also removes every object that is in none of the files. Raises Invalid with all problems by file and line,
    Conflict when something to be removed is needed by an open incident, Forbidden.
    """
    require(principal, "configure")
    wanted = await asyncio.to_thread(draft, files)
    return await change(ctx, principal, lambda old: _applied(old, wanted, world(ctx), prune), dry_run=dry_run)


async def change(
    ctx: Context,
    principal: Principal,
    decide: Callable[[Directory], Directory],
    *,
    dry_run: bool = False,
    needs: Permission = "configure",
) -> Plan:
    """Replace the configuration by what `decide` makes of it, in one transaction; then use it on this node.

    `decide` is pure, runs in a thread, and raises what shall stop the change. `needs` is less than `configure` where `decide` lets
    less be changed. Raises Conflict, Forbidden.
    """
    require(principal, needs)
    async with ctx.db.transaction() as tx:
        await store.lock(tx)
        old = await store.load(tx)
        new = await asyncio.to_thread(decide, old)
        made = await _write(ctx, tx, principal, old, new, dry_run=dry_run)
        fresh = await devices.load(tx)
    _adopt(ctx, fresh)
    return made


def _applied(old: Directory, wanted: Draft, world: World, prune: bool) -> Directory:
    """The directory after the files, checked as a whole. Raises Invalid."""
    wanted.objects["schedules"] = [carried(old.schedules.get(one.id), one) for one in wanted.objects["schedules"]]
    kept = {kind: [] if prune else _kept(old, wanted, kind) for kind in KINDS}
    objects = {kind: [*kept[kind], *wanted.objects[kind]] for kind in KINDS}
    default = wanted.default_escalation_policy
    if default is None and not prune:
        default = old.default_escalation_policy
    if wanted.whole:
        found = check(objects, world, default_escalation_policy=default, also_known=wanted.unreadable)
        fresh = without_old_faults(found, objects, {kind: len(kept[kind]) for kind in KINDS}, old, world)
        wanted.problems += _explained(fresh, old, kept, wanted)
    complain(wanted.problems)
    origins = _origins(old, kept, wanted)
    severities = _severities(old, wanted, prune, origins)
    return Directory.of(objects, default, origins, old.revision, severities)


def _severities(old: Directory, wanted: Draft, prune: bool, origins: dict[tuple[str, str], Origin]) -> Severities:
    """The organisation's severities after the files; their place is added to `origins`."""
    if wanted.severities_place is not None:
        origins[SEVERITIES] = wanted.severities_place.origin
    elif prune:
        return NOTHING_CHANGED
    elif SEVERITIES in old.origins:
        origins[SEVERITIES] = old.origins[SEVERITIES]
    return wanted.severities if wanted.severities_place is not None else old.severities


def _explained(
    found: Sequence[Finding], old: Directory, kept: Mapping[str, Sequence[Any]], wanted: Draft
) -> list[Problem]:
    """Findings about the stored objects that are kept, followed by those of the files, at their files and lines."""
    places = {
        kind: [
            *(stored_place(kind, o.id, old.origins.get((kind, o.id), Origin())) for o in kept[kind]),
            *wanted.places[kind],
        ]
        for kind in KINDS
    }
    default = wanted.default_place or Place("/default_escalation_policy", Origin())
    return [explain(finding, places, default) for finding in found]


def _origins(old: Directory, kept: Mapping[str, Sequence[Any]], wanted: Draft) -> dict[tuple[str, str], Origin]:
    held = {(kind, one.id) for kind in KINDS for one in kept[kind]}
    origins = {at: origin for at, origin in old.origins.items() if at in held}
    for kind in KINDS:
        origins |= {(kind, o.id): p.origin for o, p in zip(wanted.objects[kind], wanted.places[kind], strict=True)}
    return origins


def _kept(old: Directory, wanted: Draft, kind: str) -> list[Any]:
    """The stored objects that the files do not speak of."""
    spoken = {one.id for one in wanted.objects[kind]} | wanted.unreadable[kind]
    return [one for name, one in old.kind(kind).items() if name not in spoken]


def without_old_faults(
    found: list[Finding], objects: Mapping[str, Sequence[Any]], kept: Mapping[str, int], old: Directory, world: World
) -> list[Finding]:
    """Leave out what was already wrong with untouched objects (a channel that is gone): it must not block other changes."""

    def untouched(finding: Finding) -> bool:
        return 0 <= finding.place < kept[finding.kind] and finding.first is None

    if not any(untouched(finding) for finding in found):
        return found
    stored = {kind: list(old.kind(kind).values()) for kind in KINDS}
    before = {
        (f.kind, stored[f.kind][f.place].id, f.path, f.message)
        for f in check(stored, world, default_escalation_policy=old.default_escalation_policy)
        if f.place >= 0
    }
    return [
        f for f in found if not untouched(f) or (f.kind, objects[f.kind][f.place].id, f.path, f.message) not in before
    ]


async def _write(
    ctx: Context, tx: Tx, principal: Principal, old: Directory, new: Directory, *, dry_run: bool = False
) -> Plan:
    """Write the difference, if there is one and it is allowed. Raises Conflict, Forbidden."""
    made = compare(old, new, ctx.channels)
    notes = await asyncio.to_thread(shift_news.interrupted, old, new, ctx.clock.now())
    made = msgspec.structs.replace(made, notes=notes)
    _guard_administrators(principal, old, new)
    for kind in KINDS:
        await _refuse_in_use(tx, kind, [name for name in old.kind(kind) if name not in new.kind(kind)])
    if dry_run or not (made.items or made.moved):
        return msgspec.structs.replace(made, dry_run=dry_run, revision=old.revision)
    changes, moved = _changes(old, new)
    now = ctx.clock.now()
    revision = await store.save(tx, changes, principal.id, now, settings=_settings(new), moved=moved)
    await follow(tx, old, new, now)
    await _audit_severities(tx, principal, old, new, now)
    await notices.add(tx, await asyncio.to_thread(shift_news.news, old, new, revision, principal.id, now))
    return msgspec.structs.replace(made, revision=revision)


def _settings(new: Directory) -> dict[str, Any]:
    origin = new.origins.get(SEVERITIES)
    return {
        "default_escalation_policy": new.default_escalation_policy,
        "severities": plain(new.severities) or None,
        "severities_origin": {"file": origin.file, "line": origin.line} if origin and origin.file else None,
    }


async def _audit_severities(tx: Tx, principal: Principal, old: Directory, new: Directory, now: datetime) -> None:
    """What severity means is policy: each change of it is in the audit trail, whoever made it and by which door."""
    before = {"organisation": old.severities, **{f"service:{s.id}": s.severities for s in old.services.values()}}
    after = {"organisation": new.severities, **{f"service:{s.id}": s.severities for s in new.services.values()}}
    for subject in sorted(before.keys() | after.keys()):
        was, is_now = before.get(subject, NOTHING_CHANGED), after.get(subject, NOTHING_CHANGED)
        if was != is_now:
            data = {"before": plain(was), "after": plain(is_now)}
            await audit(tx, now, principal.id, "severities.change", subject, data)


def _changes(old: Directory, new: Directory) -> tuple[list[store.Change], list[store.Change]]:
    """What to write, and what only moved in its file."""
    changes: list[store.Change] = []
    moved: list[store.Change] = []
    for kind in KINDS:
        before, after = old.kind(kind), new.kind(kind)
        changes += [store.Change(kind, name, None) for name in before if name not in after]
        for name, one in after.items():
            origin = new.origins.get((kind, name), Origin())
            change = store.Change(kind, name, plain(one), origin)
            if before.get(name) != one:
                changes.append(change)
            elif origin != old.origins.get((kind, name), Origin()):
                moved.append(change)
    return changes, moved


async def _refuse_in_use(tx: Tx, kind: str, removed: Sequence[str]) -> None:
    uses = await store.in_use(tx, kind, removed)
    if uses:
        listed = "; ".join(
            f"{short(use.id)} by {display_name(use.incident, use.created_at)} ({public_id(use.incident)})"
            for use in uses[:20]
        )
        more = f" and {len(uses) - 20} more" if len(uses) > 20 else ""
        raise Conflict(
            f"Open incidents still need what would be removed ({LABELS[kind]} {listed}{more}):"
            " resolve them first. Nothing was changed."
        )


def _guard_administrators(principal: Principal, old: Directory, new: Directory) -> None:
    """Only who manages access may make or unmake an administrator: else the right to configure would be every right."""
    if allowed(principal.role, "manage_access"):
        return
    for name in sorted(old.users.keys() | new.users.keys()):
        before, after = old.users.get(name), new.users.get(name)
        roles = {before.role if before else None, after.role if after else None}
        if len(roles) == 2 and ("admin" in roles or name == FIRST_ADMIN):
            raise Forbidden(
                f"{principal.name} may not make or unmake the administrator {short(name)}: an admin has to."
            )


async def export(ctx: Context, principal: Principal) -> str:
    """Everything configured as one YAML file, secrets included; applying it changes nothing."""
    require(principal, "configure")
    async with ctx.db.reading() as tx:
        directory = await store.load(tx)
    return await asyncio.to_thread(yaml_files.write, directory)


# --- this node's copy -------------------------------------------------------------------------------------------------


async def refresh(ctx: Context) -> bool:
    """Read the configuration again if it has changed; True when it had.

    A configuration that this release cannot read (written by a newer one) leaves the last good one in place, and is logged.
    """
    async with ctx.db.reading() as tx:
        if await store.revision(tx) == ctx.directory.revision:
            return False
        try:
            fresh = await devices.load(tx)
        except msgspec.ValidationError as error:
            log.error("configuration_unreadable", error=str(error), kept_revision=ctx.directory.revision)
            return False
    return _adopt(ctx, fresh)


def _adopt(ctx: Context, fresh: Directory) -> bool:
    """Use `fresh` from now on, unless something newer already arrived."""
    if fresh.revision <= ctx.directory.revision:
        return False
    ctx.directory = fresh
    ctx.wake.set("configuration", "timers")
    return True
