"""A probe as it is configured at a service, and what a run of samples says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from tocsin.core.spelling import Duration, Spelled


class Probe(Spelled):
    """What shows that a service does its work. `settings` holds the fields that the probe of that `type` declares.

    The service counts as restored after `samples` good samples in a row, `interval` apart; as many bad ones in a row during the
    stability watch are a relapse. In file and JSON everything stands flat beside `id` and `type`.
    """

    __slots__ = ("id", "interval", "samples", "settings", "type")

    def __init__(
        self, id: str, type: str, settings: Mapping[str, str], samples: int = 3, interval: Duration = Duration(1)
    ) -> None:
        self.id, self.type, self.settings = id, type, dict(settings)
        self.samples, self.interval = samples, interval

    @classmethod
    def read(cls, value: Any) -> Self:
        if not isinstance(value, dict):
            raise ValueError(
                "write a probe as fields, like {id: web, type: http, url: https://shop.example.com/healthz}"
            )
        for name in ("id", "type"):
            if name not in value:
                raise ValueError(f"the field {name!r} is missing")
        own = {name: str(setting) for name, setting in value.items() if isinstance(setting, str | int)}
        if strange := value.keys() - own.keys():
            raise ValueError(f"{min(strange)} must be text")
        samples = own.pop("samples", "3")
        if not (samples.isascii() and samples.isdigit()):
            raise ValueError("samples must be a whole number")
        interval = Duration.parse(own.pop("interval", "1s"))
        return cls(own.pop("id"), own.pop("type"), own, int(samples), interval)

    def plain(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"id": self.id, "type": self.type, **self.settings}
        if self.samples != 3:
            shown["samples"] = self.samples
        if self.interval != Duration(1):
            shown["interval"] = str(self.interval)
        return shown

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Probe) and self.plain() == other.plain()

    def __hash__(self) -> int:
        return hash((self.id, self.type))

    def __repr__(self) -> str:
        return f"Probe({self.id!r}, {self.type!r})"
