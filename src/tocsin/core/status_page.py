"""What is configured about the public status page: its components, and the services that each of them stands for."""

from __future__ import annotations

from typing import Literal

from tocsin.core.spelling import Duration, Written

ComponentState = Literal["operational", "under_maintenance", "degraded_performance", "partial_outage", "major_outage"]


class Component(Written, frozen=True, kw_only=True):
    """One line of the page, in the words of the public. `group` is the heading under which it stands with its like.

    `services` stay inside: the page never names them.
    """

    id: str
    name: str = ""
    description: str = ""
    group: str | None = None
    services: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return self.name or self.id


class StatusPage(Written, frozen=True, kw_only=True):
    """`public`: read without signing in. `silence_alarm`: how long a SEV1 or SEV2 may be open while the page shows nothing (`0s`: for
    ever). Days of its history are days in `time_zone`."""

    id: str
    name: str = ""
    public: bool = False
    description: str = ""
    time_zone: str = "UTC"
    components: tuple[Component, ...] = ()
    silence_alarm: Duration = Duration(900)

    @property
    def label(self) -> str:
        return self.name or self.id

    def component(self, id: str) -> Component | None:
        return next((one for one in self.components if one.id == id), None)
