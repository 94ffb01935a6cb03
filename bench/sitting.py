"""What all measurements of one sitting share, and what a measurement is."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import machine

NOISE = 0.15
"""Two results of a peer, before and after ours, that differ by more make the sitting noisy."""


@dataclass(frozen=True, kw_only=True)
class Sitting:
    """How long and how often, and where files go. `state` is kept between sittings."""

    folder: Path
    state: Path
    seconds: float
    runs: int
    quick: bool


@dataclass
class Measured:
    """What came out. `ours` in `unit`; `peer`: its results before and after ours; `broken`: promises that did not hold."""

    ours: float
    unit: str
    peer: Sequence[float] = ()
    broken: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def their(self) -> float | None:
        return statistics.fmean(self.peer) if self.peer else None

    @property
    def ratio(self) -> float | None:
        return self.ours / self.their if self.their else None

    @property
    def noisy(self) -> bool:
        return bool(self.peer) and max(self.peer) > (1 + NOISE) * min(self.peer)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table. `floor` and `aim` hold for the ratio, or for our own figure when there is no peer.

    `less`: less is better. `floor` None: only reported.
    """

    name: str
    what: str
    peer: str = ""
    floor: float | None = None
    aim: float | None = None
    less: bool = False
    measure: Callable[[Sitting], Measured]

    def verdict(self, measured: Measured) -> str:
        figure = measured.ratio if measured.peer else measured.ours
        if measured.broken:
            word = "BROKEN"
        elif figure is None:
            word = "-"
        elif self.aim is not None and self._meets(figure, self.aim):
            word = "aim"
        elif self.floor is None:
            word = "reported"
        else:
            word = "floor" if self._meets(figure, self.floor) else "BELOW"
        return f"{word}, noisy" if measured.noisy else word

    def _meets(self, figure: float, bound: float) -> bool:
        return figure <= bound if self.less else figure >= bound


class Sink:
    """A receiver of pages in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = machine.free_port()
        self._log = folder / "sink.log"
        self.received = 0

    def __enter__(self) -> Sink:
        command = [sys.executable, "-m", "bench.load.sink", str(self.port)]
        self._process: subprocess.Popen[bytes] = machine.spawn(command, self._log)
        machine.wait_for_port(self.port, self._process, self._log)
        return self

    def __exit__(self, *_: object) -> None:
        machine.stop(self._process)
        told = re.search(r"^(\d+)$", self._log.read_text(), re.MULTILINE)
        self.received = int(told[1]) if told else 0
