"""The contract of a probe: it describes its fields and takes one sample, which is good or not and says why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from tocsin.plugins.channels.base import Field, field_problem

__all__ = ["INSIDE", "Field", "Probe", "Sample", "field_problem"]


class Sample(msgspec.Struct, frozen=True):
    """One look. `text` is shown to people (`HTTP 503, wanted 200-399`); it holds no secret and no path of a URL."""

    good: bool
    text: str
    milliseconds: float = 0.0


INSIDE = "it leads into a private network, and only probes of the configuration file may"
"""What a probe says that somebody typed."""


class Probe(Protocol):
    """One way to measure whether a service does its work, made by the registry. `timeout` (seconds) bounds one sample."""

    type: str
    label: str
    fields: tuple[Field, ...]
    timeout: float

    def problem(self, settings: Mapping[str, str]) -> str | None:
        """Why these settings can never work (None: they may), naming the field and the fix. No network."""
        ...

    async def sample(self, settings: Mapping[str, str], public_only: bool = False) -> Sample:
        """Look once; never raises for what the other side does. Called outside any transaction.

        `public_only`: a person typed where to look, so no connection goes into a private network, whatever names and redirects say.
        """
        ...
