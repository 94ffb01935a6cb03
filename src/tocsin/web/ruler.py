"""The severity matrix as a drawing: when what comes due, of all severities on one scale of time that is wider where it is early."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from tocsin.core.spelling import Duration

WIDE, NARROW = 960, 360
"""Widths for which it is drawn; a stylesheet shows one of them."""

_TICKS = ("1m", "5m", "15m", "1h", "4h", "12h", "1d", "3d")
_FEW = ("1m", "15m", "1h", "8h", "3d")
_EARLIEST, _LATEST = 50, 4 * 86400
_ROW, _TOP = 66, 34

MARKS = {
    "response_time": ("ack", "Acknowledge"),
    "inform_manager": ("manager", "Tell the manager"),
    "escalation_time": ("escalate", "Escalate"),
    "communication_frequency": ("update", "First update"),
    "resolution_target": ("restore", "Restored"),
}
"""Field -> (shape, name), in the order of the legend."""
_BELOW = ("communication_frequency", "resolution_target")
"""Marks that stand below the line, so that they do not meet those above it."""
_APART, _APART_LABELLED = 13.0, 24.0
"""How far apart two marks on one side stand at least."""


@dataclass(frozen=True)
class Mark:
    """One shape at (x, y); its value stands at `label_y`."""

    shape: str
    name: str
    value: str
    x: float
    y: float
    label_y: float


@dataclass(frozen=True)
class Track:
    """The line of one severity, from the first moment to its last mark."""

    key: str
    y: float
    end: float
    marks: tuple[Mark, ...]
    told: str


@dataclass(frozen=True)
class Ruler:
    """The whole drawing: `ticks` are (x, text)."""

    width: int
    height: int
    left: float
    top: float
    right: float
    labelled: bool
    ticks: tuple[tuple[float, str], ...]
    tracks: tuple[Track, ...]


def ruler(matrix: Mapping[str, Mapping[str, str]], width: int) -> Ruler:
    """Of the rows of a matrix as they are viewed ({sev1_critical: {response_time: "5m", ...}})."""
    labelled = width >= WIDE
    left, right = (92.0, width - 24.0) if labelled else (52.0, width - 14.0)

    def x(text: str) -> float:
        seconds = min(max(int(Duration.parse(text)), _EARLIEST), _LATEST)
        share = math.log(seconds / _EARLIEST) / math.log(_LATEST / _EARLIEST)
        return round(left + share * (right - left), 1)

    tracks = []
    for place, (key, row) in enumerate(matrix.items()):
        y = _TOP + _ROW * place + _ROW / 2
        marks = tuple(_marks(row, x, y, _APART_LABELLED if labelled else _APART))
        told = ", ".join(f"{mark.name.lower()} {mark.value}" for mark in marks)
        tracks.append(Track(key, y, max(mark.x for mark in marks), marks, told))
    ticks = tuple((x(text), text) for text in (_TICKS if labelled else _FEW))
    return Ruler(width, _TOP + _ROW * len(matrix) + 6, left, _TOP, right, labelled, ticks, tuple(tracks))


def _marks(row: Mapping[str, str], x: Callable[[str], float], y: float, apart: float) -> Iterable[Mark]:
    """Above the line in the order of their time, then below it; those that would meet stand side by side."""
    for below in (False, True):
        fields = sorted(
            (field for field in MARKS if (field in _BELOW) == below and row[field] != "off"),
            key=lambda field: x(row[field]),
        )
        free = 0.0
        for field in fields:
            at = max(x(row[field]), free)
            free = at + apart
            shape, name = MARKS[field]
            yield Mark(shape, name, row[field], at, y + (9 if below else -9), y + (27 if below else -19))
