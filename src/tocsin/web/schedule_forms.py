"""A schedule as a form: what a person typed so far, and what each button makes of it. Pure; nothing typed is lost on the way.

Fields are named by place: `layer.0.user.2` is the third turn of the first layer, `layer.0.window.1.day.mon` a day of its second
window. A button sends `do`, like `user.0` (one more turn), `up.1`, `remove.2`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tocsin.core.spelling import WEEKDAYS

MOST = 60
"""Layers, turns and windows that a form may have of each."""

Draft = dict[str, Any]
"""A schedule spelled as in a file, whose texts may still be wrong: `{id, name, time_zone, team, layers: [...], limits: {...}}`."""

LIMITS = ("longest", "rest", "nights", "rest_after_night_page", "secondary_percent", "backup_follows_primary")
"""The limits of a schedule (core/limits.py); an empty one is the default."""


def read(form: Mapping[str, str]) -> Draft:
    """What the form says, layers in the order of the schedule (the last one wins)."""
    return {
        "id": form.get("id", "").strip(),
        "name": form.get("name", "").strip(),
        "time_zone": form.get("time_zone", "UTC").strip(),
        "team": form.get("team", "").strip(),
        "layers": [_layer(form, f"layer.{n}.") for n in range(MOST) if f"layer.{n}.id" in form],
        "limits": {name: text for name in LIMITS if (text := form.get(f"limit.{name}", "").strip())},
    }


def _layer(form: Mapping[str, str], at: str) -> Draft:
    windows = [_window(form, f"{at}window.{n}.") for n in range(MOST) if f"{at}window.{n}.from" in form]
    return {
        "id": form[f"{at}id"].strip(),
        "starts": form.get(f"{at}starts", ""),
        "rotation": {"every": form.get(f"{at}every", "1"), "unit": form.get(f"{at}unit", "week")},
        "users": [form[f"{at}user.{n}"] for n in range(MOST) if f"{at}user.{n}" in form],
        "restrictions": windows,
    }


def _window(form: Mapping[str, str], at: str) -> Draft:
    return {
        "days": [day for day in WEEKDAYS if form.get(f"{at}day.{day}")],
        "from": form[f"{at}from"],
        "to": form.get(f"{at}to", ""),
    }


def of(schedule: Mapping[str, Any]) -> Draft:
    """The form of a schedule given in its plain form."""
    return {
        "id": schedule["id"],
        "name": schedule.get("name", ""),
        "time_zone": schedule.get("time_zone", "UTC"),
        "team": schedule.get("team") or "",
        "layers": [
            {
                "id": layer["id"],
                "starts": layer["starts"],
                "rotation": {"every": "1", "unit": "week", **layer.get("rotation", {})},
                "users": list(layer["users"]),
                "restrictions": [{"days": list(WEEKDAYS), **window} for window in layer.get("restrictions", ())],
            }
            for layer in schedule.get("layers", ())
        ],
        "limits": {
            name: "true" if value is True else str(value)
            for name, value in (schedule.get("limits") or {}).items()
            if value is not False
        },
    }


def body(draft: Draft) -> dict[str, Any]:
    """The draft as the API takes it: empty turns left out, empty texts as their defaults."""
    layers = [
        {
            **layer,
            "users": [user for user in layer["users"] if user],
            "restrictions": [_days(window) for window in layer["restrictions"]],
        }
        for layer in draft["layers"]
    ]
    given = {name: draft[name] for name in ("name", "time_zone")}
    return {**given, "team": draft["team"] or None, "layers": layers, "limits": draft["limits"] or None}


def _days(window: Draft) -> Draft:
    if len(window["days"]) == len(WEEKDAYS):
        return {"from": window["from"], "to": window["to"]}
    return window


def act(draft: Draft, do: str, starts: str) -> Draft:
    """What a button makes of the draft. An unknown one changes nothing. `starts`: when a new layer begins."""
    verb, _, rest = do.partition(".")
    places = [int(part) for part in rest.split(".") if part.isascii() and part.isdigit() and len(part) < 4]
    layers: list[Draft] = draft["layers"]
    if verb in _PATTERNS:
        made = _PATTERNS[verb]
        return {
            **draft,
            "layers": [*layers, *({**layer, "starts": starts, "id": _free(layers, layer["id"])} for layer in made)],
        }
    if not places or places[0] >= len(layers):
        return draft
    at = places[0]
    if verb == "remove":
        return {**draft, "layers": [layer for n, layer in enumerate(layers) if n != at]}
    if verb in ("up", "down"):
        return {**draft, "layers": _moved(layers, at, 1 if verb == "up" else -1)}
    changed = _in_layer(layers[at], verb, places[1:])
    return {**draft, "layers": [changed if n == at else layer for n, layer in enumerate(layers)]}


def _in_layer(layer: Draft, verb: str, places: list[int]) -> Draft:
    users, windows = layer["users"], layer["restrictions"]
    match verb, places:
        case "user", []:
            return {**layer, "users": [*users, ""]}
        case "user-remove", [at]:
            return {**layer, "users": [user for n, user in enumerate(users) if n != at]}
        case "user-up", [at]:
            return {**layer, "users": _moved(users, at, -1)}
        case "window", []:
            return {**layer, "restrictions": [*windows, {"days": list(WEEKDAYS[:5]), "from": "09:00", "to": "17:00"}]}
        case "window-remove", [at]:
            return {**layer, "restrictions": [window for n, window in enumerate(windows) if n != at]}
    return layer


def _moved(several: list[Any], at: int, by: int) -> list[Any]:
    to = at + by
    if not (0 <= at < len(several) and 0 <= to < len(several)):
        return several
    moved = list(several)
    moved[at], moved[to] = moved[to], moved[at]
    return moved


def _free(layers: list[Draft], wanted: str) -> str:
    taken = {layer["id"] for layer in layers}
    return next(name for name in [wanted, *(f"{wanted}-{n}" for n in range(2, MOST + 3))] if name not in taken)


def _new(id: str, unit: str = "week", *windows: Draft) -> Draft:
    return {"id": id, "rotation": {"every": "1", "unit": unit}, "users": [""], "restrictions": list(windows)}


def _hours(start: str, end: str, *days: str) -> Draft:
    return {"days": list(days or WEEKDAYS), "from": start, "to": end}


_PATTERNS: dict[str, list[Draft]] = {
    "add": [_new("weekly")],
    "add-office": [_new("office", "week", _hours("09:00", "17:00", *WEEKDAYS[:5]))],
    "add-nights": [_new("nights", "day", _hours("20:00", "08:00"))],
    "add-weekends": [_new("weekends", "week", _hours("00:00", "24:00", "sat", "sun"))],
    "add-days": [_new(name, "week", _hours("00:00", "24:00", day)) for name, day in zip(
        ("mondays", "tuesdays", "wednesdays", "thursdays", "fridays", "saturdays", "sundays"), WEEKDAYS, strict=True)],
    "add-sun": [
        _new("morning", "week", _hours("06:00", "14:00")), _new("afternoon", "week", _hours("14:00", "22:00")),
        _new("night", "week", _hours("22:00", "06:00")),
    ],
}  # fmt: skip
"""What a button adds: one layer or several, without people yet."""

PATTERNS = {
    "add": "A turn around the clock",
    "add-office": "Office hours",
    "add-nights": "Nights, one each",
    "add-weekends": "Weekends",
    "add-days": "By day: one layer for each weekday",
    "add-sun": "Follow the sun: three regions",
}
"""The buttons, and what they say."""
