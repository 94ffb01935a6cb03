"""One node from start to stop: the composition root.

The order of starting: the socket (so that a taken port is the first thing said), the database, migrations, configuration, intake,
engine, and then the gate opens. Stopping is the same backwards, after the requests that have begun are answered.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import structlog
import typer

from tocsin import __version__
from tocsin.clock import Clock
from tocsin.core.errors import Invalid, Unavailable
from tocsin.flow.context import Context
from tocsin.flow.intake import Intake
from tocsin.flow.tick import Engine
from tocsin.gate import Gate, HttpServer, listen
from tocsin.manage import access, configuration, demo
from tocsin.manage.demo_channels import keeping_mail
from tocsin.manage.files import File
from tocsin.plugins.channels import registry as channels
from tocsin.plugins.probes import registry as probes
from tocsin.plugins.rooms import registry as rooms
from tocsin.postgres.server import Server
from tocsin.serving import application
from tocsin.settings import Settings
from tocsin.store.database import Database
from tocsin.store.installation import installation
from tocsin.store.migrate import migrate

log = structlog.get_logger("tocsin.node")

_RETRY_SECONDS = 0.5
_SAY_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line adds to the settings. `config`: files to apply before the node is ready."""

    host: str = "127.0.0.1"
    port: int = 8420
    config: Sequence[Path] = ()
    demo: bool = False
    guess_url: bool = False
    """Nobody said under which address people reach us: take the one that we listen on."""


async def run(settings: Settings, options: Options) -> None:
    """Be a node until SIGINT or SIGTERM. Raises TocsinError when it cannot start; everything begun is stopped first."""
    sock = listen(options.host, options.port)
    if options.guess_url:
        settings = replace(settings, external_url=_guessed_url(options.host, sock.getsockname()[1]))
    gate = Gate()
    http = HttpServer(gate)
    stop = asyncio.Event()

    def on_signal() -> None:
        http.force_exit = stop.is_set()  # the second time: do not wait for requests that have begun
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    serving = asyncio.create_task(http.serve([sock]), name="http")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    async with AsyncExitStack() as stack:
        starting = asyncio.create_task(_start(settings, options, gate, stack), name="start")
        try:
            await asyncio.wait({starting, stopping, serving}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await asyncio.wait({stopping, serving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            log.info("stopping")
            starting.cancel()
            await asyncio.wait({starting})
            gate.stop()
            http.should_exit = True
            await serving
            stopping.cancel()
    log.info("stopped")


async def _start(settings: Settings, options: Options, gate: Gate, stack: AsyncExitStack) -> None:
    began = time.monotonic()
    files = [_read(path) for path in options.config]
    url = settings.database_url or await _embedded(settings, stack)
    said = 0.0
    while True:
        try:
            async with AsyncExitStack() as attempt:
                ctx = await _assemble(settings, files, url, gate, attempt, with_demo=options.demo)
                stack.push_async_exit(attempt.pop_all())
            break
        except Unavailable as error:
            if time.monotonic() - said >= _SAY_SECONDS:
                said = time.monotonic()
                log.warning("waiting for the database", reason=str(error.__cause__ or error))
            await asyncio.sleep(_RETRY_SECONDS)
    await _greet(ctx)
    gc.collect()
    gc.freeze()  # what start-up made stays: the collector need not look at it again
    gc.set_threshold(50_000, 20, 50)  # a storm makes many short-lived objects and no cycles: look more rarely
    log.info("ready", version=__version__, seconds=round(time.monotonic() - began, 2), node=str(ctx.node))


async def _assemble(
    settings: Settings, files: list[File], url: str, gate: Gate, stack: AsyncExitStack, *, with_demo: bool
) -> Context:
    """From a database that answers to an open gate. Raises Unavailable when the database is away, at any step."""
    await migrate(url)
    ctx = await _context(settings, url, stack)
    await configuration.refresh(ctx)
    if files:
        plan = await configuration.apply(ctx, configuration.ITSELF, files)
        log.info("configuration applied", changes=len(plan.items), revision=plan.revision)
    if with_demo:
        ctx.channels = keeping_mail(ctx.channels)
        await demo.load(ctx)
    intake = Intake(ctx)
    stack.push_async_callback(intake.stop)
    await intake.start()
    engine = Engine(ctx)
    stack.push_async_callback(engine.stop)
    await engine.start()
    await _turning(engine)
    gate.open(application(ctx, intake, engine, stack))
    return ctx


async def _turning(engine: Engine) -> None:
    """Wait until the engine has looked at the timers for the first time: before that we are not ready, whatever we say."""
    until = time.monotonic() + _SAY_SECONDS
    while not engine.running and time.monotonic() < until:  # noqa: ASYNC110 - a glance a few times at start, no event needed
        await asyncio.sleep(0.01)


async def _embedded(settings: Settings, stack: AsyncExitStack) -> str:
    server = Server(settings.data)
    stack.push_async_callback(server.stop)
    await server.start()
    watch = asyncio.create_task(server.watch(), name="postgres")
    stack.callback(watch.cancel)
    return server.url


async def _context(settings: Settings, url: str, stack: AsyncExitStack) -> Context:
    db = Database(url)
    stack.push_async_callback(db.close)
    await db.open()
    clock = Clock()
    clock.synchronise(*await db.time())
    async with db.reading() as tx:
        ours = await installation(tx)
    opened = channels.create(settings, ours.push_key)
    for channel in opened.values():
        stack.push_async_callback(channel.close)
        await channel.open()
    talking = rooms.create()
    for room in talking.values():
        stack.push_async_callback(room.stop)
        await room.start()
    return Context(
        settings=settings,
        clock=clock,
        db=db,
        channels=opened,
        probes=probes.create(),
        rooms=talking,
        secret=(settings.secret_key or ours.secret).encode(),
        instance=ours.instance,
    )


def _guessed_url(host: str, port: int) -> str:
    """Where a person on this machine finds us."""
    if host in ("0.0.0.0", "::"):
        log.warning("TOCSIN_EXTERNAL_URL is not set: the links in pages will only work on this machine")
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _read(path: Path) -> File:
    """A configuration file. Raises Invalid when it cannot be read."""
    try:
        return File(str(path), path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Invalid(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Invalid(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from error


async def _greet(ctx: Context) -> None:
    link = None
    try:
        link = await access.first_link(ctx)
    except Unavailable:
        log.warning("the database went away before a sign-in link could be made: start again to get one")
    typer.echo(f"Tocsin {__version__} is ready: {ctx.settings.external_url}")
    if link is not None:
        typer.echo(f"Sign in with this link, once: {link}   (good for {access.LINK_LIFE.seconds // 60} minutes)")
