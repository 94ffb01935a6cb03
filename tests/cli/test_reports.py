"""Reports, reviews and the language check from a terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from click.testing import Result
from typer.testing import CliRunner

from tocsin.cli.app import app
from tocsin.flow import closing

from .conftest import Terminal

BAD = "The billing microservice deployment caused a null pointer exception in the payment gateway adapter module."
GOOD = "Some users may experience failed payments. We identified the issue and a fix is being deployed. Next update in 15 minutes."


async def test_a_report_and_a_review_from_a_terminal(terminal: Terminal, tmp_path: Path) -> None:
    await terminal.desk.world.fire(severity="critical", title="Queue grows")
    said = await terminal.ok("incident", "report", "1")
    assert said.out.startswith("# Incident Report: Queue grows\n")
    early = await terminal.run("incident", "review", "1")
    assert early.code == 1
    assert "Incident must be closed before generating PIR" in early.err
    await closing.resolve(terminal.desk.world.ctx, 1, "user:alice")
    assert (await terminal.ok("incident", "review", "1")).out.startswith("# Post-Incident Review: Queue grows\n")
    written = await terminal.ok("incident", "review", "1", "--section", "root_cause", "--text", "Bob pushed bad code.")
    assert "The system allowed bad code to be pushed" in written.err
    await terminal.ok("incident", "review", "1", "--section", "lessons_learned", "--text", "Watch the queue")
    refused = await terminal.run("incident", "review", "1", "--publish")
    assert refused.code == 1
    assert "Action Items" in refused.err
    await terminal.ok(
        "incident",
        "review",
        "1",
        "--factor",
        "process=No limit",
        "--action",
        "Limit it",
        "--owner",
        "bob",
        "--due",
        "2026-03-20",
    )
    data = (await terminal.ok("incident", "review", "1", "--json")).json()
    assert [one["owner"] for one in data["action_items"]] == ["bob"]
    assert "published" in (await terminal.ok("incident", "review", "1", "--publish")).out
    assert "published" in (await terminal.ok("incident", "reviews")).out
    page = tmp_path / "review.html"
    await terminal.ok("incident", "review", "1", "--format", "html", "--output", str(page))
    assert "<h3>Root Cause</h3>" in page.read_text()
    assert (await terminal.ok("incident", "close", "1")).code == 0


async def test_a_review_is_waived_from_a_terminal(terminal: Terminal) -> None:
    await terminal.desk.world.fire(severity="critical")
    await closing.resolve(terminal.desk.world.ctx, 1, "user:alice")
    said = await terminal.ok("incident", "review", "1", "--waive", "A false alarm")
    assert "Review waived." in said.out
    assert "A false alarm" in said.out
    for wrong in (
        ("--publish", "--waive", "x"),
        ("--section", "root_cause"),
        ("--factor", "nothing"),
        ("--format", "pdf"),
    ):
        assert (await terminal.run("incident", "review", "1", *wrong)).code == 2, wrong


def lint(*words: str, text: str | None = None) -> Result:
    """In a place where no server can be reached."""
    return CliRunner().invoke(
        app, ["lint", *words], input=text, env={"TOCSIN_URL": "http://127.0.0.1:9", "TOCSIN_TOKEN": ""}
    )


def test_the_program_itself_checks_a_file(tmp_path: Path) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_text(BAD)
    done = subprocess.run(
        [sys.executable, "-m", "tocsin", "lint", "--update", str(bad), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert [one["rule"] for one in json.loads(done.stdout)["items"]].count("jargon") == 5


def test_a_file_is_checked_without_a_server(tmp_path: Path) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_text(BAD)
    done = lint("--update", str(bad), "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["items"]
    assert lint("--update", "-", text=GOOD).exit_code == 0
    assert "What caused this?" in lint("--review", "-", text="Who caused this?").stdout
    assert lint("--update", str(tmp_path / "missing.txt")).exit_code == 2
    bad.write_bytes(b"\xff\xfe")
    assert lint("--update", str(bad)).exit_code == 2
    assert lint(str(bad)).exit_code == 2
