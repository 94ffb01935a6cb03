"""Writes the parts of docs/ that come from the code: `make docs`. A rule of the repository fails when they are out of date.

Such a part stands between `<!-- from the code: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer
from litestar import Litestar

from tocsin import metrics
from tocsin.api.app import create_api_routes, openapi
from tocsin.core import lifecycle
from tocsin.main import app

DOCS = Path(__file__).parents[1] / "docs"
_PART = re.compile(r"(<!-- from the code: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_METHODS = ("get", "post", "put", "patch", "delete")


def routes() -> Iterator[tuple[str, str, str]]:
    """Method, path and summary of every route of the API."""
    schema = Litestar([create_api_routes()], openapi_config=openapi()).openapi_schema.to_schema()
    for path, item in sorted(schema["paths"].items()):
        for method in _METHODS:
            if method in item:
                yield method.upper(), path, item[method].get("summary", "")


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its whole name (`tocsin incident ack`), as click sees it."""

    def below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        if hasattr(command, "commands"):
            for part, inner in sorted(command.commands.items()):
                yield from below(f"{name} {part}", inner)
        else:
            yield name, command

    return below("tocsin", typer.main.get_command(app))


def _routes() -> str:
    rows = [f"| `{method}` | `{path}` | {summary} |" for method, path, summary in routes()]
    return "\n".join(["| method | path | what it does |", "|---|---|---|", *rows])


def _metrics() -> str:
    rows = []
    for family in sorted(metrics.REGISTRY.collect(), key=lambda one: one.name):
        if family.name.startswith("tocsin"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            rows.append(f"| `{name}` | {family.type} | {family.documentation} |")
    return "\n".join(["| metric | type | what it counts |", "|---|---|---|", *rows])


def _commands() -> str:
    parts = []
    for name, command in commands():
        parts += [f"### `{name}`", "", (command.help or "").strip(), ""]
        rows = [f"| {_spelling(one)} | {_meaning(one)} |" for one in command.params if one.name != "help"]
        if rows:
            parts += ["| | |", "|---|---|", *rows, ""]
    return "\n".join(parts).rstrip()


def _spelling(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar or parameter.name.upper()}`"
    return ", ".join(f"`{spelling}`" for spelling in (*parameter.opts, *parameter.secondary_opts))


def _meaning(parameter: Any) -> str:
    return " ".join((getattr(parameter, "help", None) or "").split()).replace("|", "\\|")


def _lifecycle() -> str:
    arrows = [f"    {old} --> {new}" for old, several in lifecycle.MOVES.items() for new in several]
    return "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> detected", *arrows, "```"])


PARTS: dict[str, Callable[[], str]] = {
    "routes": _routes,
    "metrics": _metrics,
    "commands": _commands,
    "lifecycle": _lifecycle,
}


def written(text: str) -> str:
    """`text` with every part made anew."""
    return _PART.sub(lambda match: f"{match[1]}{PARTS[match[2]]()}\n{match[3]}", text)


def main() -> None:
    for path in sorted(DOCS.rglob("*.md")):
        before = path.read_text(encoding="utf-8")
        after = written(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"wrote {path.relative_to(DOCS.parent)}")


if __name__ == "__main__":
    main()
