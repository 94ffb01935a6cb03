"""Receives pages: answers 200 at once, and tells on standard output how many came when it is asked to end.

python -m bench.load.sink PORT
"""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import Callable
from typing import Any

import uvloop

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"


class Receiver(asyncio.Protocol):
    """HTTP/1.1 for webhook clients: kept connections, bodies with a length. `take` gets each body."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._rest = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while (split := self._rest.find(b"\r\n\r\n")) >= 0:
            told = _LENGTH.search(self._rest, 0, split + 2)
            body = split + 4
            end = body + (int(told[1]) if told else 0)
            if len(self._rest) < end:
                return
            self._take(self._rest[body:end])
            self._rest = self._rest[end:]
            self._transport.write(_OK)


async def main(port: int) -> None:
    count = 0

    def take(_: bytes) -> None:
        nonlocal count
        count += 1

    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await loop.create_server(lambda: Receiver(take), "127.0.0.1", port)
    await stop.wait()
    print(count)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1])))
