"""The program `tocsin`: the client's commands, and those that touch the host."""

from __future__ import annotations

import os
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NoReturn

import structlog
import typer
import uvloop

from tocsin import logs
from tocsin.cli.app import app
from tocsin.core.errors import Invalid, TocsinError, Unavailable
from tocsin.node import Options
from tocsin.node import run as run_node
from tocsin.postgres.server import Server
from tocsin.settings import Settings, load, misspelt
from tocsin.store.migrate import migrate

log = structlog.get_logger("tocsin.main")

Data = Annotated[
    Path | None, typer.Option("--data", help="Folder for everything; before TOCSIN_DATA.", show_default=False)
]
Config = Annotated[Path | None, typer.Option("--config", help="Configuration file to apply first.", show_default=False)]
Host = Annotated[str, typer.Option("--host", help="Address to listen on.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 takes a free one.")]
Demo = Annotated[bool, typer.Option("--demo", help="Load a small believable organisation.")]


def up(
    data: Data = None, config: Config = None, host: Host = "127.0.0.1", port: Port = 8420, demo: Demo = False
) -> None:
    """Everything in one process: database, migrations, server and engine. Ctrl-C stops it."""
    _finish(run_node(_settings(data), _options(host, port, config, demo=demo)))


def serve(config: Config = None, host: Host = "127.0.0.1", port: Port = 8420) -> None:
    """A node of a cluster: the same as `up` on the PostgreSQL that TOCSIN_DATABASE_URL names."""
    settings = _settings()
    if not settings.database_url:
        _give_up(
            Invalid("`tocsin serve` needs TOCSIN_DATABASE_URL. To run with a database of its own, use `tocsin up`.")
        )
    _finish(run_node(settings, _options(host, port, config)))


def migrate_database(data: Data = None) -> None:
    """Bring the database to this release's schema, and do nothing else."""
    _finish(_migrate(_settings(data)))


async def _migrate(settings: Settings) -> None:
    server = None if settings.database_url else Server(settings.data)
    try:
        if server is not None:
            await server.start()
        done = await migrate(server.url if server is not None else settings.database_url)
    finally:
        if server is not None:
            await server.stop()
    typer.echo("\n".join(f"applied {label}" for label in done) or "nothing to do: the database is up to date")


def _settings(data: Path | None = None) -> Settings:
    """The settings from the environment, with what the command line says on top."""
    try:
        settings = load(os.environ)
    except Invalid as error:
        _give_up(error)
    logs.configure(settings.log_format)
    for name, meant in misspelt(os.environ):
        log.warning("unknown setting, ignored", name=name, perhaps=meant)
    return settings if data is None else replace(settings, data=data.expanduser().absolute())


def _options(host: str, port: int, config: Path | None, *, demo: bool = False) -> Options:
    told = bool(os.environ.get("TOCSIN_EXTERNAL_URL"))
    return Options(host=host, port=port, config=[config] if config else [], demo=demo, guess_url=not told)


def _finish(work: Coroutine[Any, Any, None]) -> None:
    try:
        uvloop.run(work)
    except TocsinError as error:
        _give_up(error)


def _give_up(error: TocsinError) -> NoReturn:
    typer.echo(f"{error.title}: {error}", err=True)
    raise SystemExit(2 if isinstance(error, Invalid) else 3 if isinstance(error, Unavailable) else 1)


def run() -> None:
    """The console script."""
    for name, command in (("up", up), ("serve", serve), ("migrate", migrate_database)):
        app.command(name)(command)
    app()
