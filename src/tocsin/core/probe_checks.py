"""Does a configured probe make sense?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from tocsin.core.probe import Probe
from tocsin.core.shape import Fault, Path, unknown
from tocsin.core.spelling import Duration

MOST_SAMPLES = 10
LONGEST_INTERVAL = Duration(10)


class Measurer(Protocol):
    """What the checks need to know of a kind of probe (`plugins.probes.base.Probe`)."""

    def problem(self, settings: Mapping[str, str]) -> str | None: ...


def probe_faults(probe: Probe, known: Mapping[str, Measurer], path: Path) -> Iterator[Fault]:
    """What is wrong with one probe."""
    if not 1 <= probe.samples <= MOST_SAMPLES:
        yield Fault((*path, "samples"), f"write a number from 1 to {MOST_SAMPLES}")
    if probe.interval > LONGEST_INTERVAL:
        yield Fault((*path, "interval"), f"write at most {LONGEST_INTERVAL}: somebody waits for the answer")
    if probe.type not in known:
        yield Fault((*path, "type"), unknown("type of probe", probe.type, known))
    elif problem := known[probe.type].problem(probe.settings):
        name, _, text = problem.partition(": ")
        yield Fault((*path, name), text)
