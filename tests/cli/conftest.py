"""A terminal: the client's commands against a real server on a real socket."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
from typer.testing import CliRunner

from tocsin.cli.app import app
from tocsin.store.database import Database

from ..api.desk import Desk, open_desk
from ..story.world import World


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Standard output, which must be JSON and nothing else."""
        return json.loads(self.out)


@dataclass
class Terminal:
    """Runs commands as somebody."""

    desk: Desk
    url: str

    async def run(self, *words: str, role: str = "responder", **environment: str) -> Said:
        given = {"TOCSIN_URL": self.url, "TOCSIN_TOKEN": f"tocsin_{role}", "TZ": "UTC", **environment}
        done = await asyncio.to_thread(CliRunner().invoke, app, list(words), env=given)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Said(done.exit_code, done.stdout, done.stderr)

    async def ok(self, *words: str, **more: str) -> Said:
        said = await self.run(*words, **more)
        assert said.code == 0, said.err
        return said


@pytest.fixture
async def terminal(db: Database) -> AsyncIterator[Terminal]:
    async with World(db) as world:
        desk = await open_desk(world)
        sock = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(desk.app, lifespan="off", log_config=None)  # type: ignore[arg-type]
        server = uvicorn.Server(config)
        server.capture_signals = _nothing  # type: ignore[assignment,method-assign]
        serving = asyncio.create_task(server.serve([sock]))
        yield Terminal(desk, f"http://127.0.0.1:{sock.getsockname()[1]}")
        server.should_exit = True
        await serving
        await desk.http.aclose()


class _nothing:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...
