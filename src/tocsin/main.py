"""The program `tocsin`: the client's commands, and those that touch the host.

All raise TocsinError; the command line group turns it into a sentence and an exit code.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer

from tocsin import logs
from tocsin.cli.app import app
from tocsin.core.errors import Invalid
from tocsin.settings import Settings, load, misspelt

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
    _host().run(_settings(data), **_options(host, port, config), demo=demo)


def serve(config: Config = None, host: Host = "127.0.0.1", port: Port = 8420) -> None:
    """A node of a cluster: the same as `up` on the PostgreSQL that TOCSIN_DATABASE_URL names."""
    settings = _settings()
    if not settings.database_url:
        raise Invalid("`tocsin serve` needs TOCSIN_DATABASE_URL. To run with a database of its own, use `tocsin up`.")
    _host().run(settings, **_options(host, port, config))


def migrate_database(data: Data = None) -> None:
    """Bring the database to this release's schema, and do nothing else."""
    _host().migrate(_settings(data))


def _settings(data: Path | None = None) -> Settings:
    """The settings from the environment, with what the command line says on top."""
    settings = load(os.environ)
    logs.configure(settings.log_format)
    for name, meant in misspelt(os.environ):
        log.warning("unknown setting, ignored", name=name, perhaps=meant)
    return settings if data is None else replace(settings, data=data.expanduser().absolute())


def _options(host: str, port: int, config: Path | None) -> dict[str, Any]:
    told = bool(os.environ.get("TOCSIN_EXTERNAL_URL"))
    return {"host": host, "port": port, "config": [config] if config else [], "guess_url": not told}


def _host() -> Any:
    """The half that is a server: loaded only by the commands that need it, because it takes as long as all the others together."""
    return importlib.import_module("tocsin.host")


for _name, _command in (("up", up), ("serve", serve), ("migrate", migrate_database)):
    app.command(_name)(_command)


def run() -> None:
    """The console script."""
    app()
