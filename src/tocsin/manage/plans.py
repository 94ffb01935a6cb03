"""What a change of the configuration would do: `+ ~ -`, field by field, without showing a secret. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from tocsin.core.configuration import KINDS
from tocsin.core.directory import SEVERITIES, Directory, Origin
from tocsin.core.severity_policy import Severities
from tocsin.core.spelling import plain
from tocsin.core.validation import Carrier

SECRET = "********"


class FieldChange(msgspec.Struct, frozen=True):
    """One field that differs: `contact_methods[mail].address`. None: not there."""

    field: str
    old: Any
    new: Any


class Item(msgspec.Struct, frozen=True):
    """One object that is added (`+`), changed (`~`) or removed (`-`). `file` and `line` say where it is written (or was)."""

    action: Literal["+", "~", "-"]
    kind: str
    id: str
    fields: tuple[FieldChange, ...] = ()
    file: str = ""
    line: int = 0


class Plan(msgspec.Struct, frozen=True):
    """All that would change (or did). `moved` counts objects that only changed their place in a file.

    `revision` is the configuration's version afterwards; on a dry run the one before.
    """

    items: tuple[Item, ...] = ()
    moved: int = 0
    dry_run: bool = False
    revision: int = 0
    notes: tuple[str, ...] = ()
    """What people should know of it: who loses the shift that is running."""


def compare(old: Directory, new: Directory, channels: Mapping[str, Carrier]) -> Plan:
    """What leads from `old` to `new`: first what is added and changed, then what is removed."""
    written: list[Item] = []
    removed: list[Item] = []
    moved = 0
    for kind in KINDS:
        before, after = old.kind(kind), new.kind(kind)
        for name in sorted(before.keys() | after.keys()):
            origin = (
                new.origins.get((kind, name), Origin()) if name in after else old.origins.get((kind, name), Origin())
            )
            if name not in after:
                removed.append(Item("-", kind, name, (), origin.file, origin.line))
            elif name not in before:
                written.append(Item("+", kind, name, (), origin.file, origin.line))
            elif fields := tuple(_fields(before[name], after[name], channels)):
                written.append(Item("~", kind, name, fields, origin.file, origin.line))
            elif origin != old.origins.get((kind, name), Origin()):
                moved += 1
    if old.severities == new.severities and old.origins.get(SEVERITIES) != new.origins.get(SEVERITIES):
        moved += 1
    return Plan((*written, *_settings(old, new), *removed), moved)


def _settings(old: Directory, new: Directory) -> Iterator[Item]:
    before, after = old.default_escalation_policy, new.default_escalation_policy
    if before != after:
        name = "default_escalation_policy"
        action: Literal["+", "~", "-"] = "+" if before is None else "-" if after is None else "~"
        yield Item(action, "settings", name, (FieldChange(name, before, after),))
    if fields := tuple(severity_changes(old.severities, new.severities)):
        origin = (new if new.severities else old).origins.get(SEVERITIES, Origin())
        verb: Literal["+", "~", "-"] = "~" if old.severities and new.severities else "+" if new.severities else "-"
        yield Item(verb, "settings", "severities", fields, origin.file, origin.line)


def severity_changes(old: Severities, new: Severities) -> Iterator[FieldChange]:
    """What differs between two sets of changes of the matrix, field by field: `sev1_critical.response_time`."""
    before, after = plain(old), plain(new)
    for name in [*before, *(n for n in after if n not in before)]:
        was, is_now = before.get(name, {}), after.get(name, {})
        for part in [*was, *(n for n in is_now if n not in was)]:
            if was.get(part) != is_now.get(part):
                yield FieldChange(f"{name}.{part}", was.get(part), is_now.get(part))


def _fields(old: Any, new: Any, channels: Mapping[str, Carrier]) -> Iterator[FieldChange]:
    before, after = plain(old), plain(new)
    yield from _differ("", before, after, masked(before, channels), masked(after, channels))


def _differ(path: str, old: Any, new: Any, shown_old: Any, shown_new: Any) -> Iterator[FieldChange]:
    """Compare what is, show what may be seen."""
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(n for n in new if n not in old)]:
            inner = f"{path}.{name}" if path else name
            yield from _differ(inner, old.get(name), new.get(name), shown_old.get(name), shown_new.get(name))
    elif _has_ids(old) and _has_ids(new):
        olds, news, shown_olds, shown_news = (_by_id(part) for part in (old, new, shown_old, shown_new))
        for name in [*olds, *(n for n in news if n not in olds)]:
            inner = f"{path}[{name}]"
            yield from _differ(inner, olds.get(name), news.get(name), shown_olds.get(name), shown_news.get(name))
        if olds == news:
            yield FieldChange(path, list(olds), list(news))
    elif _are_alike(old, new):
        for position, pair in enumerate(zip(old, new, shown_old, shown_new, strict=True)):
            yield from _differ(f"{path}[{position}]", *pair)
    else:
        yield FieldChange(path, shown_old, shown_new)


def _are_alike(old: Any, new: Any) -> bool:
    """Two lists of as many things with fields, so that the fields can be compared one by one."""
    lists = isinstance(old, list) and isinstance(new, list) and len(old) == len(new)
    return lists and all(isinstance(item, dict) for item in [*old, *new])


def _has_ids(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) and "id" in item for item in value)


def _by_id(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {item["id"]: item for item in items}


def masked(body: dict[str, Any], channels: Mapping[str, Carrier]) -> dict[str, Any]:
    """An object's plain form without its secrets: integration keys, and of contact methods all but e-mail addresses."""
    shown = dict(body)
    if "type" in body:  # a room or a channel: its address may hold a token
        shown.update(dict.fromkeys({"url", "secret"} & body.keys(), SECRET))
    if "contact_methods" in body:
        shown["contact_methods"] = [_masked_method(method, channels) for method in body["contact_methods"]]
    if "period" in body or "cron" in body:
        shown["key"] = SECRET
    if "integrations" in body:
        shown["integrations"] = [{**integration, "key": SECRET} for integration in body["integrations"]]
    return shown


def _masked_method(method: dict[str, Any], channels: Mapping[str, Carrier]) -> dict[str, Any]:
    channel = channels.get(method["type"])
    open_fields = {"id", "type", *(f.name for f in channel.fields if f.kind == "email")} if channel else {"id", "type"}
    return {name: value if name in open_fields else SECRET for name, value in method.items()}
