"""What the commands on the host do: be a node, or migrate a database."""

from __future__ import annotations

from typing import Any

import typer
import uvloop

from tocsin.node import Options
from tocsin.node import run as run_node
from tocsin.postgres.server import Server
from tocsin.settings import Settings
from tocsin.store import migrate as migrations


def run(settings: Settings, **options: Any) -> None:
    """Be a node until told to stop; `options` are those of node.Options."""
    uvloop.run(run_node(settings, Options(**options)))


def migrate(settings: Settings) -> None:
    """Bring the database to this release's schema, and do nothing else."""
    uvloop.run(_migrate(settings))


async def _migrate(settings: Settings) -> None:
    server = None if settings.database_url else Server(settings.data)
    try:
        if server is not None:
            await server.start()
        done = await migrations.migrate(server.url if server is not None else settings.database_url)
    finally:
        if server is not None:
            await server.stop()
    typer.echo("\n".join(f"applied {label}" for label in done) or "nothing to do: the database is up to date")
