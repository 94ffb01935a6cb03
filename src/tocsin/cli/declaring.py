"""Declaring from a terminal: answer what you know, see the severity that follows, then declare; and incidents of the past."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.cli import show
from tocsin.cli.client import Client, WrongInput, path
from tocsin.cli.incidents import Id, told
from tocsin.cli.show import AsJson
from tocsin.core.errors import Invalid
from tocsin.core.past_file import read_file

SEVERITIES = ("sev1_critical", "sev2_high", "sev3_medium", "sev4_low")
MOST_SHOWN = 12
ANSWERS = {
    "y": "criteria",
    "yes": "criteria",
    "u": "unsure",
    "?": "unsure",
    "unsure": "unsure",
    "n": "",
    "no": "",
    "": "",
}

Title = Annotated[str | None, typer.Argument(metavar="TITLE", help="What is broken, in one line.")]
What = Annotated[str | None, typer.Option("--what", "--impact", help="What people cannot do.")]
Who = Annotated[str | None, typer.Option("--who", help="Who is affected.")]
Users = Annotated[int | None, typer.Option("--users", min=0, help="About how many users.")]
Percent = Annotated[float | None, typer.Option("--percent", help="About what percent of all users.")]
Region = Annotated[list[str] | None, typer.Option("--region", help="Where; may be repeated.")]
Workaround = Annotated[str | None, typer.Option("--workaround", help="What helps meanwhile.")]
Yes = Annotated[
    list[str] | None,
    typer.Option(
        "--yes", "--criterion", help="A question of the severity guide that is answered yes; may be repeated."
    ),
]
Unsure = Annotated[list[str] | None, typer.Option("--unsure", help="One that nobody can answer yet: it counts as yes.")]
Unknown = Annotated[bool, typer.Option("--unknown", help="Nobody knows the scope yet.")]


def _impact(
    what: str | None, who: str | None, users: int | None, percent: float | None, region: list[str] | None,
    workaround: str | None, yes: list[str] | None, unsure: list[str] | None, unknown: bool,
) -> dict[str, Any]:  # fmt: skip
    given = {
        "what": what, "who": who, "users": users, "percent": percent, "regions": region, "workaround": workaround, "criteria": yes,
        "unsure": unsure, "unknown": unknown or None,
    }  # fmt: skip
    return {name: value for name, value in given.items() if value not in (None, [])}


def declare(
    words: Title = None,
    title: Annotated[str | None, typer.Option("--title", help="The same as the argument.")] = None,
    severity: Annotated[
        str | None, typer.Option("--severity", "-s", help="SEV1 to SEV4; left out, the answers compute it.")
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why it is milder than the answers say.")] = None,
    what: What = None,
    who: Who = None,
    users: Users = None,
    percent: Percent = None,
    region: Region = None,
    workaround: Workaround = None,
    yes: Yes = None,
    unsure: Unsure = None,
    unknown: Unknown = False,
    description: Annotated[str, typer.Option("--description", "-d", help="What is known.")] = "",
    service: Annotated[list[str] | None, typer.Option("--service", help="Affected service; may be repeated.")] = None,
    reporter: Annotated[str | None, typer.Option("--reporter", help="Who noticed.")] = None,
    role: Annotated[
        list[str] | None, typer.Option("--role", metavar="ROLE=USER", help="Like ic=alice; may be repeated.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="May be repeated.")] = None,
    public_title: Annotated[str | None, typer.Option("--public-title", help="What the public reads.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Only whoever works on it sees it.")] = False,
    page_user: Annotated[str | None, typer.Option("--page", help="Page this user, too.")] = None,
    page_team: Annotated[str | None, typer.Option("--page-team", help="Page every member of this team, too.")] = None,
    as_json: AsJson = False,
) -> None:
    """Declare an incident; it pages like any other. On a terminal it asks what you leave out."""
    client, said = Client.from_environment(), title or words
    impact = _impact(what, who, users, percent, region, workaround, yes, unsure, unknown)
    asking = severity is None and not impact and not as_json and sys.stdin.isatty()
    if asking:
        said = said or typer.prompt("What is broken, in one line?", err=True)
        service = service or _ask_service(client)
    if not said:
        raise WrongInput("Say what is broken: tocsin incident declare TITLE")
    body: dict[str, Any] = {"title": said, "description": description, "affected_services": service or []}
    if asking:
        impact = _ask(client)
        severity, reason = _settle(client, said, impact, service or [])
    computed = {"criteria", "unsure", "unknown", "percent"} & set(impact)
    more = {
        "severity": severity or (None if computed else "SEV2"), "impact": impact or None, "severity_reason": reason,
        "reporter": reporter, "roles": _roles(role or []) or None, "tags": tag, "public_title": public_title,
        "private": private or None,
    }  # fmt: skip
    body |= {name: value for name, value in more.items() if value is not None}
    if page_user or page_team:
        body["page"] = {"user": page_user} if page_user else {"team": page_team}
    found = client.post("incidents", body)
    if as_json:
        return show.json(found)
    paged = f", {found['assignee']} is paged" if found["assignee"] else ""
    show.line(f"{found['id']} ({found['name']}) is declared{paged}: {found['url']}")
    if severity is None and computed:
        show.line(client.post("severity-guide", {"impact": impact, "affected_services": service or []})["sentence"])


def _roles(given: list[str]) -> dict[str, Any]:
    roles: dict[str, Any] = {}
    for one in given:
        name, equals, user = one.partition("=")
        if not equals or not user:
            raise WrongInput(f"--role {one}: write it like ic=alice")
        roles[name] = [*roles[name], user] if isinstance(roles.get(name), list) else user
    return roles


def _ask_service(client: Client) -> list[str]:
    """Whose people are paged: nobody should have to know ids by heart at night."""
    known = [one["id"] for one in client.items("services")["items"]]
    while known:
        shown = ", ".join(known[:MOST_SHOWN]) + (", ..." if len(known) > MOST_SHOWN else "")
        said: str = typer.prompt(
            f"Which service? ({shown}; Enter: not known)", default="", show_default=False, err=True
        )
        chosen = said.replace(",", " ").split()
        if all(one in known for one in chosen):
            return chosen
        show.say("Write the ids of services as they stand there.")
    return []


def _ask(client: Client) -> dict[str, Any]:
    """The impact first, then the questions of the guide, the worst first: after a yes no milder ones."""
    what = typer.prompt("What can people not do?", default="", show_default=False, err=True)
    who = typer.prompt("Who is affected?", default="", show_default=False, err=True)
    share = typer.prompt(
        "About what percent of users? (Enter: nobody knows yet)", default="", show_default=False, err=True
    )
    answers: dict[str, list[str]] = {"criteria": [], "unsure": []}
    questions = client.get("severity-guide")["items"]
    for severity in SEVERITIES:
        for one in (one for one in questions if one["severity"] == severity):
            kept = ANSWERS[_answer(one["question"], one["example"])]
            if kept:
                answers[kept].append(one["id"])
        if any(answers.values()):
            break
    percent = share.strip().rstrip("%").replace(",", ".")
    try:
        known = float(percent) if percent else None
    except ValueError:
        raise WrongInput(f"{share!r} is not a percentage: write a number like 12") from None
    unknown = known is None and not any(answers.values())
    return _impact(what or None, who or None, None, known, None, None, answers["criteria"], answers["unsure"], unknown)


def _answer(question: str, example: str) -> str:
    while True:
        said: str = typer.prompt(f"{question} ({example}) [y/N/unsure]", default="", show_default=False, err=True)
        if said.strip().lower() in ANSWERS:
            return said.strip().lower()
        show.say("Answer y, n or unsure.")


def _settle(client: Client, title: str, impact: dict[str, Any], services: list[str]) -> tuple[str | None, str | None]:
    """Show what the answers mean, and what happened before; take the severity that the person means, and why."""
    found = client.post("severity-guide", {"impact": impact, "affected_services": services})
    show.say(found["sentence"])
    if found["private"]:
        show.say("It becomes private: only whoever works on it sees it.")
    text = f"{title} {impact.get('what', '')}"
    for one in client.post("incidents/similar", {"text": text, "affected_services": services})["items"][:3]:
        helped = one["workaround"] or one["helped"]
        show.say(f"Before: {one['name']} {one['title']}" + (f". What helped: {helped}" if helped else ""))
    said = typer.prompt(
        "Severity? (Enter: as computed; or SEV1 to SEV4)", default="", show_default=False, err=True
    ).strip()
    if not said:
        return None, None
    return said, typer.prompt("Why that one?", default="", show_default=False, err=True) or None


def learn(
    id: Id,
    what: What = None,
    who: Who = None,
    users: Users = None,
    percent: Percent = None,
    region: Region = None,
    workaround: Workaround = None,
    yes: Yes = None,
    unsure: Unsure = None,
    unknown: Unknown = False,
    as_json: AsJson = False,
) -> None:
    """Say what is known of the impact now. It suggests a severity and never changes one."""
    given = _impact(what, who, users, percent, region, workaround, yes, unsure, unknown)
    client = Client.from_environment()
    if not given:
        found = client.get(path("incidents", id))
        if as_json:
            return show.json({"impact": found["impact"], "severity_suggestion": found["severity_suggestion"]})
        show.fields(sorted(found["impact"].items()))
        if found["severity_suggestion"]:
            show.line(found["severity_suggestion"]["sentence"])
        return None
    if yes or unsure:
        before = client.get(path("incidents", id))["impact"]
        for name in ("criteria", "unsure"):
            if name in given:
                given[name] = list(dict.fromkeys([*before.get(name, []), *given[name]]))
    return told(client.patch(path("incidents", id), {"impact": given}), as_json)


def tags(
    id: Id,
    add: Annotated[list[str] | None, typer.Option("--add", help="May be repeated.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", help="May be repeated.")] = None,
    as_json: AsJson = False,
) -> None:
    """Give an incident tags, or take them away."""
    if not add and not remove:
        raise WrongInput("Say which: tocsin incident tag ID --add TAG --remove TAG")
    body = {"add": add or [], "remove": remove or []}
    told(Client.from_environment().post(path("incidents", id, "tags"), body), as_json)


def similar(id: Id, as_json: AsJson = False) -> None:
    """Similar incidents of the past, and what helped then."""
    found = Client.from_environment().get(path("incidents", id, "similar"))
    if as_json:
        return show.json(found)
    rows = [
        (one["name"], one["severity"], show.when(one["created_at"]), one["title"], one["workaround"] or one["helped"])
        for one in found["items"]
    ]
    show.table(("Name", "Severity", "Created", "Title", "What helped"), rows, "Nothing like it is known.")


def firsts(id: Id, as_json: AsJson = False) -> None:
    """The clocks of the first minutes with what proves them, and what became of the first steps."""
    found = Client.from_environment().get(path("incidents", id, "firsts"))
    if as_json:
        return show.json(found)
    rows = [
        (
            one["name"],
            one["state"],
            show.when(one["due_at"]),
            show.when(one["at"]),
            (one["evidence"] or "").partition("\n")[0][:120],
        )
        for one in found["items"]
    ]
    show.table(("Clock", "State", "By", "At", "Proof"), rows, "This severity has no first clocks.")
    for one in found["steps"]:
        show.line(f"{one['name']} {one['state']}" + (f": {one['detail']}" if one["detail"] else ""))


def guide(as_json: AsJson = False) -> None:
    """The questions that compute a severity, with the names for --yes and --unsure."""
    found = Client.from_environment().get("severity-guide")
    if as_json:
        return show.json(found)
    rows = [(one["severity"], one["id"], one["question"], one["example"]) for one in found["items"]]
    show.table(("Severity", "Name", "Question", "Such as"), rows, "There are no questions.")
    shares = [(key, one["users_from"], one["users_from_tier_1"]) for key, one in found["bands"].items()]
    show.table(("Severity", "From this share of users", "Where tier 1 is affected"), shares, "")


def take(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help='JSON: {"items": [...]} or a list, one a line, or a CSV table with headings.'
        ),
    ],
    source: Annotated[str, typer.Option("--source", help="Where they come from, in a word.")] = "",
    as_json: AsJson = False,
) -> None:
    """Import incidents of the past: all or nothing, each once, nobody is paged. Needs the role admin."""
    try:
        read = read_file(file.read_bytes().decode("utf-8", "replace"))
    except OSError as error:
        raise WrongInput(f"{file}: {error.strerror}") from error
    except Invalid as error:
        raise WrongInput("\n".join(f"{file}: {one.message}" for one in error.problems)) from error
    found = Client.from_environment().post("incidents/import", {"items": read.items, "source": source or read.source})
    if as_json:
        return show.json(found)
    known = f", {found['known']} {'was' if found['known'] == 1 else 'were'} there already" if found["known"] else ""
    show.line(f"{found['created']} imported{known}.")


COMMANDS: dict[str, Callable[..., None]] = {
    "declare": declare,
    "impact": learn,
    "tag": tags,
    "similar": similar,
    "guide": guide,
    "firsts": firsts,
    "import": take,
}
"""What is added to the commands of incidents."""
