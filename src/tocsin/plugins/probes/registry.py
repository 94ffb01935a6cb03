"""The list of probes."""

from __future__ import annotations

from tocsin.plugins.probes.base import Probe
from tocsin.plugins.probes.http import HttpProbe
from tocsin.plugins.probes.tcp import TcpProbe


def create() -> dict[str, Probe]:
    """Every probe by its type; nothing is opened."""
    members: tuple[Probe, ...] = (HttpProbe(), TcpProbe())
    return {member.type: member for member in members}
