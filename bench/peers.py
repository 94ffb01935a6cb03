"""The systems we compare ourselves with, each in a folder of its own: Debian's Alertmanager, PyPI's alerta-server."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import asyncpg

from bench import machine
from tocsin.postgres.server import Server

_INGEST = """\
route: {receiver: none, group_by: [alertname], group_wait: 1h, group_interval: 1h, repeat_interval: 4h}
receivers: [{name: none}]
"""
_PAGING = """\
route: {{receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 1h, repeat_interval: 4h}}
receivers:
  - name: hook
    webhook_configs: [{{url: 'http://127.0.0.1:{sink}/hook', send_resolved: false}}]
"""


class Alertmanager:
    """A fresh one each time: its heap grows with distinct alerts and slows it.

    Without `sink` nobody is told (its fastest way in); with it every alert is a group of its own, told at once.
    """

    def __init__(self, folder: Path, sink: int | None = None) -> None:
        self.folder = folder / "alertmanager"
        self.port = machine.free_port()
        self.url = f"http://127.0.0.1:{self.port}/api/v2/alerts"
        self._configuration = _INGEST if sink is None else _PAGING.format(sink=sink)

    @property
    def pids(self) -> list[int]:
        return [self._process.pid]

    def __enter__(self) -> Alertmanager:
        self.folder.mkdir(parents=True)
        file, log = self.folder / "alertmanager.yml", self.folder / "log"
        file.write_text(self._configuration)
        self._process = machine.spawn(
            [
                "prometheus-alertmanager", f"--config.file={file}", f"--storage.path={self.folder / 'data'}",
                "--cluster.listen-address=", f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=error",
            ],
            log,
        )  # fmt: skip
        machine.wait_for_port(self.port, self._process, log)
        return self

    def __exit__(self, *_: object) -> None:
        machine.stop(self._process)
        shutil.rmtree(self.folder, ignore_errors=True)


_ALERTA = ("alerta-server==9.1.0", "psycopg2-binary", "gunicorn", "setuptools<81")
_ALERTA_CONFIGURATION = """\
DATABASE_URL = {url!r}
SECRET_KEY = 'only-for-this-measurement-0123456789'
AUTH_REQUIRED = False
AUTO_REFRESH_ALLOW = []
RATE_LIMIT = None
"""


class Alerta:
    """alerta-server under gunicorn with two workers, on a PostgreSQL like ours (same programs, same settings).

    `state`: where its environment is made once and kept.
    """

    def __init__(self, folder: Path, state: Path) -> None:
        self.folder = folder / "alerta"
        self.port = machine.free_port()
        self.url = f"http://127.0.0.1:{self.port}/alert"
        self._bin = state / "alerta" / "bin"
        self._database = Server(self.folder / "data")

    @property
    def pids(self) -> list[int]:
        return [*machine.tree(self._process.pid), *machine.tree(self._database.pid)]

    def __enter__(self) -> Alerta:
        self._install()
        self.folder.mkdir(parents=True)
        asyncio.run(self._make_database())
        file, log = self.folder / "alertad.conf", self.folder / "log"
        file.write_text(_ALERTA_CONFIGURATION.format(url=self._database.url.replace("/tocsin?", "/alerta?")))
        env = {"ALERTA_SVR_CONF_FILE": str(file)}
        # The schema first: the workers would make it all at once.
        made = machine.spawn([self._bin / "python", "-c", "from alerta import create_app; create_app()"], log, env)
        if made.wait(60) != 0:
            raise RuntimeError(f"alerta does not start:\n{machine.last_words(log)}")
        self._process = machine.spawn(
            [self._bin / "gunicorn", "-b", f"127.0.0.1:{self.port}", "-w", "2", "--log-level", "warning", "alerta:create_app()"],
            log, env, self.folder,
        )  # fmt: skip
        machine.wait_for_port(self.port, self._process, log)
        return self

    def __exit__(self, *_: object) -> None:
        machine.stop(self._process)
        asyncio.run(self._database.stop())
        shutil.rmtree(self.folder, ignore_errors=True)

    def _install(self) -> None:
        if (self._bin / "gunicorn").exists():
            return
        uv = str(Path(sys.executable).with_name("uv"))
        folder = str(self._bin.parent)
        env = {**os.environ, "UV_LINK_MODE": "copy"}
        for command in (
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder],
            [uv, "pip", "install", "--quiet", "--python", f"{folder}/bin/python", *_ALERTA],
        ):
            subprocess.run(command, check=True, env=env)

    async def _make_database(self) -> None:
        await self._database.start()
        connection = await asyncpg.connect(self._database.url)
        try:
            await connection.execute("CREATE DATABASE alerta")
        finally:
            await connection.close()
