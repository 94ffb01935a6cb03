"""The API on a real socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tocsin.gate import App, Gate, HttpServer

from .desk import Desk


@asynccontextmanager
async def listening(desk: Desk) -> AsyncIterator[tuple[str, Gate]]:
    """The address of a server, and the gate that stops its streams."""
    sock = socket.create_server(("127.0.0.1", 0))
    gate = Gate()
    app: App = desk.app  # type: ignore[assignment]
    gate.open(app)
    server = HttpServer(gate)
    serving = asyncio.create_task(server.serve([sock]))
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}", gate
    finally:
        gate.stop()
        server.should_exit = True
        await serving
