"""Configuration files from a terminal: `apply` and `export`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from tocsin.cli import show
from tocsin.cli.client import Client, WrongInput
from tocsin.cli.show import AsJson

Files = Annotated[
    list[str], typer.Argument(metavar="FILE...", help="YAML files, applied together; - is standard input.")
]

_COLOURS = {"+": "green", "~": "yellow", "-": "red"}
_LONGEST = 160
"""Characters of a value that a plan shows."""


def apply(
    files: Files,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and change nothing.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Also remove everything that is in none of the files.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the configuration what the files say: all of it or nothing, and nothing the second time."""
    body = {"files": read(files)}
    flags = f"?dry_run={str(dry_run).lower()}&prune={str(prune).lower()}"
    plan = Client.from_environment().post(f"apply{flags}", body)
    if as_json:
        return show.json(plan)
    for line in described(plan):
        show.console().print(line, soft_wrap=True)


def export(as_json: AsJson = False) -> None:
    """Print the whole configuration as YAML, secrets included; applying it changes nothing."""
    found = Client.from_environment().get("export")
    if as_json:
        return show.json(found)
    sys.stdout.write(found["text"])


def read(names: Sequence[str]) -> list[dict[str, str]]:
    """The files as the server wants them. Raises WrongInput naming every file that cannot be read."""
    found, wrong = [], []
    for name in names:
        try:
            raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
            found.append({"name": "<standard input>" if name == "-" else name, "text": raw.decode("utf-8")})
        except OSError as error:
            wrong.append(f"{name}: {error.strerror or error}")
        except UnicodeDecodeError as error:
            line = raw[: error.start].count(b"\n") + 1
            wrong.append(f"{name}:{line}: this is not UTF-8 text: save the file as UTF-8")
    if wrong:
        raise WrongInput("\n".join(wrong))
    return found


def described(plan: dict[str, Any]) -> Iterator[Text]:
    """A plan of the API in lines: `+ ~ -` and the object, its changed fields below, and a sentence at the end."""
    for item in plan["items"]:
        place = f"  ({item['file']}:{item['line']})" if item["file"] else ""
        said = f"{item['action']} {item['kind']} {item['id']}{place}"
        yield Text(show.clean(said), style=_COLOURS[item["action"]])
        for change in item["fields"]:
            yield Text(show.clean(f"    {change['field']}: {_value(change['old'])} -> {_value(change['new'])}"))
    for note in plan["notes"]:
        yield Text(show.clean(note), style="bold red")
    yield Text(_summary(plan))


def _value(value: Any) -> str:
    if value is None:
        return "(none)"
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _summary(plan: dict[str, Any]) -> str:
    count = {action: sum(item["action"] == action for item in plan["items"]) for action in "+~-"}
    moved = f" {plan['moved']} only changed their place in a file." if plan["moved"] else ""
    if not plan["items"]:
        return f"Nothing to do.{moved}"
    if plan["dry_run"]:
        counted = f"{count['+']} to add, {count['~']} to change, {count['-']} to remove."
        return f"{counted}{moved} This was a dry run: nothing was changed."
    return (
        f"{count['+']} added, {count['~']} changed, {count['-']} removed; this is revision {plan['revision']}.{moved}"
    )
