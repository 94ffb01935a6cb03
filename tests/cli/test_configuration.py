"""`tocsin apply` and `tocsin export` against a server on a real socket, as a person at a terminal sees them."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn
from click.testing import Result
from litestar import Litestar
from typer.testing import CliRunner

from tocsin.api.app import create_api_routes
from tocsin.cli.app import app
from tocsin.clock import TravelClock
from tocsin.flow.context import Context
from tocsin.plugins.channels import registry
from tocsin.settings import Settings
from tocsin.store.database import Database

BOOTSTRAP = "bootstrap-0123456789abcdef-0123456789"
CONTRACT = (Path(__file__).parents[1] / "golden" / "configuration" / "good" / "contract.yml").read_text()
PEOPLE = "version: 1\nusers:\n- {id: alice, name: Alice}\n- {id: bob}\n"


@dataclass
class Desk:
    """A terminal whose TOCSIN_URL leads to the server."""

    folder: Path
    url: str

    def file(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    async def run(self, *words: str, stdin: str | None = None, url: str | None = None) -> Result:
        environment = {"TOCSIN_URL": url or self.url, "TOCSIN_TOKEN": BOOTSTRAP}
        return await asyncio.to_thread(CliRunner().invoke, app, list(words), input=stdin, env=environment)


@pytest.fixture
async def desk(db: Database, tmp_path: Path) -> AsyncIterator[Desk]:
    settings = Settings(bootstrap_token=BOOTSTRAP)
    served = Litestar([create_api_routes()])
    served.state.ctx = Context(
        settings=settings, clock=TravelClock(datetime(2026, 3, 2, 12, tzinfo=UTC)), db=db,
        channels=registry.create(settings), secret=b"s" * 32, instance="test",
    )  # fmt: skip
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(served, log_level="error", lifespan="off"))
    running = asyncio.create_task(server.serve([listening]))
    yield Desk(tmp_path, f"http://127.0.0.1:{listening.getsockname()[1]}")
    server.should_exit = True
    await running


def lines(result: Result) -> Sequence[str]:
    return result.stdout.splitlines()


async def test_a_plan_is_shown_then_applied_then_there_is_nothing_to_do(desk: Desk) -> None:
    path = desk.file("people.yml", PEOPLE)
    dry = await desk.run("apply", path, "--dry-run")
    assert dry.exit_code == 0
    assert lines(dry) == [
        f"+ users alice  ({path}:3)",
        f"+ users bob  ({path}:4)",
        "2 to add, 0 to change, 0 to remove. This was a dry run: nothing was changed.",
    ]
    done = await desk.run("apply", path)
    assert lines(done)[-1] == "2 added, 0 changed, 0 removed; this is revision 1."
    again = await desk.run("apply", path)
    assert (again.exit_code, lines(again)) == (0, ["Nothing to do."])


async def test_a_change_shows_its_fields_and_prune_what_goes(desk: Desk) -> None:
    await desk.run("apply", desk.file("a.yml", PEOPLE))
    path = desk.file("a.yml", "version: 1\nusers:\n- {id: alice, name: Alice Ng}\n")
    done = await desk.run("apply", path, "--prune")
    assert lines(done) == [
        f"~ users alice  ({path}:3)",
        "    name: Alice -> Alice Ng",
        f"- users bob  ({path}:4)",
        "0 added, 1 changed, 1 removed; this is revision 2.",
    ]


async def test_a_bad_file_ends_with_2_and_its_lines_on_standard_error(desk: Desk) -> None:
    good = desk.file("good.yml", PEOPLE)
    bad = desk.file("bad.yml", "version: 1\nteams:\n- {id: a, members: [carol]}\nservces:\n")
    result = await desk.run("apply", good, bad)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        f"{bad}:3: /teams/0/members/0: unknown user 'carol': known are alice, bob"
        " (correct the name, or define it under users)",
        f"{bad}:4: /servces: unknown section 'servces': did you mean 'services'?",
    ]
    assert lines(await desk.run("export")) == ["version: 1"]


async def test_every_file_that_cannot_be_read_is_named(desk: Desk) -> None:
    broken = desk.folder / "latin.yml"
    broken.write_bytes(b"version: 1\nusers: [{id: a, name: J\xfcrgen}]\n")
    result = await desk.run("apply", str(desk.folder / "missing.yml"), str(broken), str(desk.folder))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        f"{desk.folder / 'missing.yml'}: No such file or directory",
        f"{broken}:2: this is not UTF-8 text: save the file as UTF-8",
        f"{desk.folder}: Is a directory",
    ]


async def test_export_then_apply_is_a_no_op(desk: Desk) -> None:
    await desk.run("apply", desk.file("tocsin.yml", CONTRACT))
    exported = await desk.run("export")
    assert exported.exit_code == 0
    again = await desk.run("apply", "-", "--prune", stdin=exported.stdout)
    assert lines(again) == ["Nothing to do. 12 only changed their place in a file."]
    assert (await desk.run("export")).stdout == exported.stdout


async def test_json_is_the_only_thing_on_standard_output(desk: Desk) -> None:
    plan = json.loads((await desk.run("apply", desk.file("a.yml", PEOPLE), "--json")).stdout)
    assert [item["id"] for item in plan["items"]] == ["alice", "bob"]
    assert json.loads((await desk.run("export", "--json")).stdout)["text"].startswith("version: 1\n")


async def test_no_server_ends_with_3(desk: Desk) -> None:
    result = await desk.run("apply", desk.file("a.yml", PEOPLE), url="http://127.0.0.1:1")
    assert (result.exit_code, result.stdout) == (3, "")
