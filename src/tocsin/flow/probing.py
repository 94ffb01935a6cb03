"""Is it really back? Samples of the probes of the services that an incident affects, taken outside any transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from tocsin.core.directory import Directory
from tocsin.core.probe import Probe
from tocsin.flow.context import Context
from tocsin.plugins.probes.base import Sample

AT_ONCE = 20
"""Probes sampled at the same time."""


class Measured(msgspec.Struct, frozen=True):
    """What one probe of one service showed. `good`: `samples` good ones in a row; `bad`: as many bad ones in a row."""

    service: str
    probe: Probe
    samples: tuple[Sample, ...]

    @property
    def good(self) -> bool:
        return len(self.samples) == self.probe.samples and all(sample.good for sample in self.samples)

    @property
    def bad(self) -> bool:
        return len(self.samples) == self.probe.samples and not any(sample.good for sample in self.samples)

    def sentence(self, directory: Directory) -> str:
        """`web of Payments API: 3 of 3 good (HTTP 200, 41 ms)`."""
        service = directory.services.get(self.service)
        fine = sum(sample.good for sample in self.samples)
        last = self.samples[-1]
        said = f"{last.text}, {last.milliseconds:.0f} ms"
        return f"{self.probe.id} of {service.label if service else self.service}: {fine} of {self.probe.samples} good ({said})"

    def view(self) -> dict[str, Any]:
        """As it is kept on the timeline."""
        return {
            "service": self.service, "probe": self.probe.id, "type": self.probe.type, "wanted": self.probe.samples,
            "good": self.good,
            "samples": [{"good": s.good, "text": s.text, "milliseconds": s.milliseconds} for s in self.samples],
        }  # fmt: skip


def probes_of(directory: Directory, services: Iterable[str]) -> list[tuple[str, Probe]]:
    """(service, probe) of every probe that is configured for these services."""
    known = (directory.services[service] for service in services if service in directory.services)
    return [(service.id, probe) for service in known for probe in service.probes]


async def measure(ctx: Context, probes: Sequence[tuple[str, Probe]], want: bool) -> list[Measured]:
    """Sample all of them at the same time, each until one sample is not as it is wanted (good, or bad), or it has enough."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(service: str, probe: Probe) -> Measured:
        async with places:
            return await _run(ctx, service, probe, want)

    return list(await asyncio.gather(*(one(service, probe) for service, probe in probes)))


async def look(ctx: Context, service: str, probe: Probe) -> Sample:
    """Take one sample. Only a service of the configuration file may be looked at in a private network. Raises KeyError for a type
    that this release does not have."""
    return await ctx.probes[probe.type].sample(probe.settings, ("services", service) not in ctx.directory.origins)


async def _run(ctx: Context, service: str, probe: Probe, want: bool) -> Measured:
    if probe.type not in ctx.probes:  # another release configured it
        return Measured(service, probe, (Sample(False, f"this release has no probe of type {probe.type}"),))
    samples: list[Sample] = []
    while len(samples) < probe.samples:
        if samples:
            await asyncio.sleep(int(probe.interval))
        samples.append(await look(ctx, service, probe))
        if samples[-1].good is not want:
            break
    return Measured(service, probe, tuple(samples))
