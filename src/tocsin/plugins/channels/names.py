"""Host names to addresses, so that one dead name server entry does not hold up the others."""

from __future__ import annotations

import asyncio
import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from tocsin.plugins.channels.threads import in_thread


class Names(AbstractResolver):
    """The system's resolver, each look-up in its own thread.

    The event loop's own pool has a handful of threads: a few look-ups that time out would stop every other channel. The
    connector asks at most once at a time per host and remembers the answer.
    """

    def __init__(self, at_once: int = 64) -> None:
        self._places = asyncio.Semaphore(at_once)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Addresses of `host`; raises OSError when it has none."""
        async with self._places:
            found = await in_thread(
                lambda: socket.getaddrinfo(host, port, family, socket.SOCK_STREAM), f"resolve {host}"
            )
        return [
            ResolveResult(
                hostname=host, host=str(address[0]), port=port, family=kind, proto=protocol, flags=socket.AI_NUMERICHOST
            )
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Nothing is kept open."""
