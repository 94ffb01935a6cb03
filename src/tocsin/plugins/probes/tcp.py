"""Opens a TCP connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from tocsin.plugins.channels.names import Names
from tocsin.plugins.channels.public import PrivateAddressError, PublicNames
from tocsin.plugins.probes.base import INSIDE, Field, Sample, field_problem


class TcpProbe:
    """Good when something takes the connection."""

    type = "tcp"
    label = "TCP"
    fields: tuple[Field, ...] = (
        Field(name="host", label="Host", kind="text", help="db.example.com"),
        Field(name="port", label="Port", kind="text", help="5432"),
    )

    def __init__(self, timeout: float = 5.0) -> None:
        self.timeout = timeout

    def problem(self, settings: Mapping[str, str]) -> str | None:
        if problem := field_problem(self.fields, settings):
            return problem
        port = settings["port"]
        if not (port.isascii() and port.isdigit() and len(port) < 9 and 1 <= int(port) <= 65_535):
            return "port: write a number from 1 to 65535"
        if any(sign in settings["host"] for sign in "/@ ") or not settings["host"].isprintable():
            return "host: write a name or an address, without scheme or path"
        return None

    async def sample(self, settings: Mapping[str, str], public_only: bool = False) -> Sample:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self.timeout):
                writer = await _connect(
                    settings["host"], int(settings["port"]), PublicNames() if public_only else Names()
                )
        except PrivateAddressError:
            return Sample(False, INSIDE, _since(began))
        except TimeoutError:
            return Sample(False, f"no connection within {self.timeout:g} s", _since(began))
        except (OSError, UnicodeError) as error:
            refused = isinstance(error, ConnectionError)
            return Sample(False, "it refuses connections" if refused else "it cannot be reached", _since(began))
        writer.transport.abort()
        return Sample(True, "it takes connections", _since(began))


async def _connect(host: str, port: int, names: Names) -> asyncio.StreamWriter:
    """To the first address of `host` that takes it: to the very addresses that were looked at. Raises OSError."""
    refused: OSError = OSError("it has no address")
    for found in await names.resolve(host, port):
        try:
            return (await asyncio.open_connection(found["host"], port))[1]
        except OSError as error:
            refused = error
    raise refused


def _since(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 1)
