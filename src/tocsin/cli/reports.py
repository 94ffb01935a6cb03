"""Reports, reviews and the language check from a terminal."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.cli import show
from tocsin.cli.client import Client, WrongInput, path
from tocsin.cli.incidents import Id
from tocsin.cli.show import AsJson, when

Format = Annotated[str, typer.Option("--format", "-f", help="md, html or json.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write it to this file.")]


def _given(text: str, output: Path | None) -> None:
    """The document as it is: to the file, or to standard output."""
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WrongInput(f"{output} cannot be written: {error.strerror}") from error
    show.say(f"Written to {output}.")


def _form(text: str, as_json: bool) -> str:
    if as_json:
        return "json"
    if text not in ("md", "html", "json"):
        raise WrongInput(f"{text!r} is not a format: use md, html or json")
    return text


def report(
    id: Id,
    format: Format = "md",
    output: Output = None,
    whole: Annotated[bool, typer.Option("--whole", help="A long timeline line by line.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the report of an incident, from what is known now."""
    form = _form(format, as_json)
    query = {"whole": "true"} if whole and form != "json" else {}
    _given(Client.from_environment().text(path("incidents", id, f"report.{form}"), query), output)


def review(
    id: Id,
    publish: Annotated[bool, typer.Option("--publish", help="Publish it as it is now.")] = False,
    incomplete: Annotated[
        str, typer.Option("--incomplete", metavar="REASON", help="With --publish: why parts are missing.")
    ] = "",
    waive: Annotated[
        str | None, typer.Option("--waive", metavar="REASON", help="No review is written, because ...")
    ] = None,
    section: Annotated[
        str | None, typer.Option("--section", help="Write this section: root_cause, lessons_learned ...")
    ] = None,
    text: Annotated[
        str | None, typer.Option("--text", help="With --section: what to write, - for standard input.")
    ] = None,
    factor: Annotated[
        list[str] | None,
        typer.Option("--factor", metavar="KIND=TEXT", help="Add a factor: technical, process, knowledge or external."),
    ] = None,
    action: Annotated[
        list[str] | None, typer.Option("--action", metavar="TEXT", help="Add an action item; may be repeated.")
    ] = None,
    owner: Annotated[str, typer.Option("--owner", help="With --action: who does it.")] = "",
    due: Annotated[str, typer.Option("--due", metavar="DAY", help="With --action: by when, like 2026-01-05.")] = "",
    format: Format = "md",
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Print the review of an incident, write into it, publish or waive it."""
    if publish and waive is not None:
        raise WrongInput("Either --publish or --waive")
    if (section is None) != (text is None):
        raise WrongInput("--section and --text go together")
    client = Client.from_environment()
    wrote = _write(client, id, section, text, factor or [], action or [], owner, due)
    if publish or waive is not None:
        verb, body = ("publish", {"incomplete": incomplete}) if publish else ("waive", {"reason": waive})
        found = client.post(path("incidents", id, "review", verb), body)
        return show.json(found) if as_json else _settled(found)
    if wrote and not as_json and output is None:
        return show.line("Saved.")
    form = _form(format, as_json)
    _given(client.text(path("incidents", id, f"review.{form}"), {}), output)


def _write(
    client: Client,
    id: str,
    section: str | None,
    text: str | None,
    factors: list[str],
    actions: list[str],
    owner: str,
    due: str,
) -> bool:
    """What was given on the command line; what the language check says of it goes to standard error."""
    if section is not None and text is not None:
        said = sys.stdin.read() if text == "-" else text
        written = client.put(path("incidents", id, "review", "sections", section), {"text": said})
        for one in written["findings"]:
            show.say(f"line {one['line']}: {one['message']}. {one['suggestion']}")
    for one in factors:
        kind, equals, what = one.partition("=")
        if not equals:
            raise WrongInput(f"Write a factor like process=No step stops at one region, not {one!r}")
        client.post(path("incidents", id, "review", "factors"), {"kind": kind, "text": what})
    for what in actions:
        body = {"action": what, "owner": owner or None, "due_on": due or None}
        client.post(path("incidents", id, "review", "actions"), body)
    return bool(section or factors or actions)


def _settled(found: dict[str, Any]) -> None:
    state = found["review"]
    show.line(f"{found['name']}: {found['result']['sentence']}.")
    if state["reason"]:
        show.line(f"Reason: {state['reason']}")


def reviews(
    state: Annotated[str | None, typer.Option("--state", help="draft, in_review, published, waived, or open.")] = None,
    limit: show.Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List reviews, the one drafted last first."""
    found = Client.from_environment().items("reviews", {"state": state}, limit)
    if as_json:
        return show.json(found)
    rows = [
        (one["name"], one["severity"], one["state"] + (" OVERDUE" if one["overdue"] else ""), one["owner"], when(one["meeting_at"]),
         when(one["publish_by"]), one["title"])
        for one in found["items"]
    ]  # fmt: skip
    show.table(("Incident", "Severity", "State", "Owner", "Meeting", "Publish by", "Title"), rows, "No reviews.")


def lint(
    file: Annotated[str, typer.Argument(metavar="FILE", help="- for standard input.")],
    update: Annotated[bool, typer.Option("--update", help="The file is an update to people outside.")] = False,
    review: Annotated[bool, typer.Option("--review", help="The file is a review.")] = False,
    status: Annotated[
        str | None, typer.Option("--status", help="Of the incident: investigating, identified ...")
    ] = None,
    audience: Annotated[
        str, typer.Option("--audience", help="responders, stakeholders, executives or public.")
    ] = "public",
    word: Annotated[list[str] | None, typer.Option("--word", help="A name of ours that readers do not know.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check the language of a text, without a server. Exit code 1 with findings; hints are no findings."""
    if update == review:
        raise WrongInput("Say what it is: --update or --review")
    offline = importlib.import_module("tocsin.manage.language")
    found = offline.checked(
        _read(file), "review" if review else "update", status=status, audience=audience, words=word or []
    )
    if as_json:
        show.json(found)
    else:
        _told(found)
    if found["items"]:
        raise typer.Exit(1)


def _read(file: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        text = raw.decode()
    except OSError as error:
        raise WrongInput(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise WrongInput(f"{file} is not UTF-8 text") from error
    return text


def _told(found: dict[str, Any]) -> None:
    for one in found["items"]:
        show.line(f"line {one['line']}: {one['rule'].replace('_', ' ')}: {one['message']}. {one['suggestion']}")
    for one in found["hints"]:
        show.say(f"hint, line {one['line']}: {one['message']}. {one['suggestion']}")
    if not found["items"]:
        show.line("Nothing to change.")


COMMANDS: dict[str, Callable[..., None]] = {"report": report, "review": review, "reviews": reviews}
"""Commands of `tocsin incident`."""
