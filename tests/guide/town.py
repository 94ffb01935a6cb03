"""A whole installation for stories that are written down: its configuration is the document's, its people have tokens and browsers, time is
the story's, and everything that goes out arrives at a server of ours."""

from __future__ import annotations

import asyncio
import hashlib
import re
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn

from tocsin.core.directory import Directory
from tocsin.manage import configuration
from tocsin.manage.files import File
from tocsin.plugins.channels import registry as channels
from tocsin.plugins.rooms import registry as rooms
from tocsin.serving import application
from tocsin.store import access
from tocsin.store.database import Database

from ..fakes.mail import MailServer
from ..fakes.ports import free_port
from ..fakes.sink import Sink, status
from ..story.world import World

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "sev1-story.md"
BEGINS = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
OUTSIDE = "http://127.0.0.1:9900"
"""Where the document says that chat and contact methods listen."""


@dataclass
class Town:
    """The running server, and what arrived outside of it."""

    world: World
    url: str
    sink: Sink
    mail: MailServer
    token: dict[str, str] = field(default_factory=dict)

    async def settle(self) -> None:
        """Let everything happen that is due now."""
        await self.world.settle()

    async def until(self, clock: str) -> None:
        """Time goes on to this minute of the day (`14:40`); what falls due on the way happens at its time."""
        hour, minute = clock.split(":")
        now = self.world.clock.now()
        at = now.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
        assert at >= now, f"the story goes back from {now:%H:%M} to {clock}"
        await self.world.wait(seconds=(at - now).total_seconds())

    def arrived(self, path: str) -> list[Any]:
        """The JSON that came to a path outside, in order."""
        return [one.json() for one in self.sink.at(path)]


def configured() -> str:
    """The configuration that the document shows."""
    (found,) = re.findall(r"```yaml\n(version: 1\n.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


@asynccontextmanager
async def open_town(db: Database) -> AsyncIterator[Town]:
    """Configured, served on a port, at the first minute of the story."""
    async with AsyncExitStack() as stack:
        sink, mail = await stack.enter_async_context(Sink()), await stack.enter_async_context(MailServer())
        world = await stack.enter_async_context(World(db, Directory(), start=BEGINS))
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        settings = replace(world.ctx.settings, external_url=url, smtp_url=mail.url, mail_from="tocsin@example.com")
        carriers, members = channels.create(settings), rooms.create()
        for one in carriers.values():
            await one.open()
            stack.push_async_callback(one.close)
        for member in members.values():
            await member.start()
            stack.push_async_callback(member.stop)
        for ctx in world.nodes:
            ctx.settings, ctx.channels, ctx.rooms = settings, carriers, members
        sink.script("/chat", status(200, body=b'{"url": "https://chat.example.com/c/41"}'))
        text = configured().replace(OUTSIDE, sink.url("").rstrip("/"))
        await configuration.apply(world.ctx, configuration.ITSELF, [File("tocsin.yml", text)])
        for ctx in world.nodes:
            ctx.directory = world.ctx.directory
        town = Town(world, url, sink, mail)
        for user, one in world.ctx.directory.users.items():
            town.token[user] = f"tocsin_{user}"
            digest = hashlib.sha256(town.token[user].encode()).digest()
            async with db.transaction() as tx:
                await access.add_token(tx, user, digest, one.role, "tocsin", BEGINS, user=user)
        await stack.enter_async_context(_serving(town, port, stack))
        await town.settle()
        yield town


@asynccontextmanager
async def _serving(town: Town, port: int, stack: AsyncExitStack) -> AsyncIterator[None]:
    world = town.world
    app = application(world.ctx, world.intake, world.engine, stack)
    sock = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=1)  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    server.capture_signals = _nothing  # type: ignore[assignment,method-assign]
    serving = asyncio.create_task(server.serve([sock]))
    while not server.started:
        await asyncio.sleep(0.005)
    yield
    server.should_exit = server.force_exit = True
    await serving


class _nothing:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...
