"""docs/guide/sev1-story.md is lived through, command by command, against a running server; what the document shows is what is said.

With WRITE_STORY=1 the document's answers are written anew.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from tocsin.cli.app import app
from tocsin.store.database import Database

from .town import GUIDE, Town, open_town

TITLE = "Checkout fails: cards are declined"


class Told(NamedTuple):
    """A command of the document with what it answers there."""

    command: str
    answer: str
    before: str
    """The line that says when it is, and who acts."""


BLOCK = re.compile(r"(```console\n)(.*?)(```)", re.DOTALL)
HASH = re.compile(r"sha256:[0-9a-f]{64}")
"""Changes with every word of the data."""
SCENE = re.compile(r"# (\d\d:\d\d), (\w+)")


def told(text: str) -> Iterator[Told]:
    """The commands of one block, in order."""
    scene, command, answer = "", "", []
    for line in [*text.splitlines(), "$ "]:
        if line.startswith("$ ") or SCENE.fullmatch(line):
            if command:
                yield Told(command, "\n".join(answer), scene)
                scene, command, answer = "", "", []
            if line.startswith("#"):
                scene = line
            else:
                command = line[2:]
        elif line.startswith("> "):
            command += f"\n{line[2:]}"
        else:
            answer.append(line)


async def lived(town: Town, one: Told, who: str) -> tuple[str, str]:
    """Run a command when and as whom the document says; what it said, and who acted."""
    if one.before:
        scene = SCENE.match(one.before)
        assert scene is not None, one.before
        who = scene[2].lower()
        await town.until(scene[1])
    words = shlex.split(one.command)
    assert words[0] == "tocsin"
    environment = {"TOCSIN_URL": town.url, "TOCSIN_TOKEN": town.token[who]}
    done = await asyncio.to_thread(CliRunner().invoke, app, words[1:], env=environment)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    await town.settle()
    said = HASH.sub("sha256:...", (done.stdout + done.stderr).replace(town.url, "https://tocsin.example.com"))
    return "\n".join(line.rstrip() for line in said.rstrip().splitlines()), who


async def arrived(town: Town) -> None:
    """What the story says of the world outside has really come there."""
    assert [page["incident"]["title"] for page in town.arrived("/alice") if page["type"] == "page"] == [TITLE]
    assert [page["type"] for page in town.arrived("/erin")].count("page") == 1
    assert town.arrived("/bob") == []
    chat = town.arrived("/chat")
    assert [chat[0]["type"], chat[-1]["type"]] == ["room.opened", "room.closed"]
    assert "SEV1 · identified · IC Alice Ng · " + TITLE in [
        one["data"]["topic"]["text"] for one in chat if one["type"] == "room.topic"
    ]
    assert {one["user"] for event in chat if event["type"] == "room.invited" for one in event["data"]["people"]} >= {
        "alice",
        "bob",
    }
    audiences = {event["data"]["message"]["audience"] for event in chat if event["type"] == "room.message"}
    assert audiences >= {"public", "stakeholders", "executives"}
    subjects = [str(mail.message["Subject"]) for mail in town.mail.messages if "stella@example.com" in mail.recipients]
    assert len(subjects) == 4, subjects
    assert len(town.arrived("/executives")) == 4


async def test_the_story_as_it_is_written(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    document, who, blocks = GUIDE.read_text(encoding="utf-8"), "alice", []
    async with open_town(db) as town:
        for block in BLOCK.finditer(document):
            lines = []
            for one in told(block[2]):
                said, who = await lived(town, one, who)
                if not os.environ.get("WRITE_STORY"):
                    assert said == one.answer.rstrip(), one.command
                shown = one.command.replace("\n", "\n> ")
                lines.append("\n".join(part for part in (one.before, f"$ {shown}", said) if part))
            blocks.append("\n".join(lines) + "\n")
        await arrived(town)
    if os.environ.get("WRITE_STORY"):
        answers = iter(blocks)
        GUIDE.write_text(BLOCK.sub(lambda block: f"{block[1]}{next(answers)}{block[3]}", document), encoding="utf-8")
    assert len(blocks) > 3
