"""Updates, communications, subscriptions and promises from a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from tocsin.cli import show
from tocsin.cli.client import Client, WrongInput, path
from tocsin.cli.incidents import Id
from tocsin.cli.show import AsJson, when

Message = Annotated[
    str | None, typer.Argument(metavar="MESSAGE", help="What they read; left out: composed from the facts.")
]


def update(
    id: Id,
    message: Message = None,
    audience: Annotated[
        str, typer.Option("--audience", "-a", help="responders, stakeholders, executives or public.")
    ] = "stakeholders",
    status: Annotated[str | None, typer.Option("--status", help="Move the incident there, too.")] = None,
    next_in: Annotated[str | None, typer.Option("--next", help="Promise the next update after this, like 15m.")] = None,
    next_at: Annotated[str | None, typer.Option("--next-at", help="Or at this time, RFC 3339.")] = None,
    component: Annotated[
        list[str] | None, typer.Option("--component", help="payments=major_outage; may be repeated.")
    ] = None,
    cause: Annotated[str | None, typer.Option("--cause", help="The kind of cause that is confirmed.")] = None,
    compose: Annotated[bool, typer.Option("--compose", help="Only show what it would say, from the facts.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep it as a draft instead of publishing.")] = False,
    draft: Annotated[int | None, typer.Option("--draft", help="Publish this draft (see incident updates).")] = None,
    discard: Annotated[int | None, typer.Option("--discard", help="Throw this draft away.")] = None,
    overrule: Annotated[
        str | None, typer.Option("--overrule", help="Why it is published although the policy of wording stops it.")
    ] = None,
    everyone: Annotated[bool, typer.Option("--everyone", help="Tell the end to all who were told anything.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell an audience what is known; the time of the next update is promised."""
    client, place = Client.from_environment(), path("incidents", id, "updates")
    if discard is not None:
        return _said(client.post(f"{place}/{discard}/discard", {}), as_json)
    if everyone:
        return _everyone(client.post(f"{place}/tell", {}), as_json)
    moves: dict[str, Any] = _given(
        status=status, next_update_in=next_in, next_update_at=next_at, cause=cause, overrule=overrule
    )
    if component:
        moves["components"] = dict(_component(one) for one in component)
    if draft is not None:
        return _said(client.post(f"{place}/{draft}/publish", {**_given(message=message), **moves}), as_json)
    asked = _given(audience=audience, next_update_in=next_in, next_update_at=next_at, cause=cause)
    if compose:
        return _composed(client.post(f"{place}/compose", asked), as_json)
    body: dict[str, Any] = {"audience": audience, "message": message, **moves}
    if message is None:
        composed = client.post(f"{place}/compose", asked)
        body |= {"message": composed["message"], **_given(written_for=composed["next_update_at"])}
    _said(client.post(f"{place}/drafts" if keep else place, body), as_json)


def _given(**fields: str | None) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _component(text: str) -> tuple[str, str]:
    name, equals, state = text.partition("=")
    if not equals:
        raise WrongInput("Write a component with its state, like --component payments=major_outage")
    return name, state


def _said(made: dict[str, Any], as_json: bool) -> None:
    if as_json:
        return show.json(made)
    if made["state"] == "discarded":
        return show.line(f"Draft {made['id']} for {made['audience']} is thrown away.")
    if made["state"] == "draft":
        return show.line(f"Draft {made['id']} for {made['audience']} is kept.")
    to = len(made["receipts"])
    due = f" Next update by {when(made['next_update_at'])}." if made["next_update_at"] else ""
    where = f", to {to} address{'' if to == 1 else 'es'}"
    if made["audience"] == "public":
        where = ", to the status page" if made["on_page"] else "; there is no status page yet that shows it"
    show.line(f"Published for {made['audience']}{where}.{due}")
    for hint in made.get("hints", ()):
        show.line(f"{hint}.")


def _composed(made: dict[str, Any], as_json: bool) -> None:
    if as_json:
        return show.json(made)
    show.line(made["message"])
    if made["problem"]:
        show.say(made["problem"])
    for one in made["findings"]:
        instead = f" ({one['suggestion']})" if one["suggestion"] else ""
        show.say(f"{one['level']}, line {one['line']}: {one['message']}{instead}")


def _everyone(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        return show.json(found)
    told = ", ".join(one["audience"] for one in found["items"])
    show.line(f"Told: {told}." if told else "There is nobody left to tell.")


def updates(id: Id, as_json: AsJson = False) -> None:
    """What was told to whom, what is promised, and the drafts that wait."""
    found = Client.from_environment().get(path("incidents", id, "updates"))
    if as_json:
        return show.json(found)
    rows = [
        (one["id"], one["audience"], one["state"], when(one["published_at"] or one["created_at"]),
         when(one["next_update_at"]), {True: "yes", False: "no", None: ""}[one["kept"]], _receipts(one["receipts"]),
         one["message"].partition("\n")[0][:70])
        for one in found["items"]
    ]  # fmt: skip
    show.table(
        ("Id", "Audience", "State", "At", "Next by", "In time", "Receipts", "Message"),
        rows,
        "Nobody was told anything yet.",
    )
    for one in found["audiences"]:
        if one["overdue"]:
            show.line(f"Overdue: {one['audience']}, promised by {when(one['due_at'])}.")


def _receipts(receipts: list[dict[str, Any]]) -> str:
    counts: dict[str, int] = {}
    for one in receipts:
        counts[one["state"]] = counts.get(one["state"], 0) + 1
    return ", ".join(f"{count} {state}" for state, count in counts.items())


def communicate(
    id: Id,
    message: Annotated[str | None, typer.Argument(metavar="MESSAGE", help="What to tell them.")] = None,
    channel: Annotated[
        str | None, typer.Option("--channel", "-c", help="A channel, an audience, or incident_channel.")
    ] = None,
    approve: Annotated[int | None, typer.Option("--approve", help="Send this draft; MESSAGE mends it.")] = None,
    discard: Annotated[int | None, typer.Option("--discard", help="Throw this draft away.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell a channel; without anything to say: what was told."""
    client, place = Client.from_environment(), path("incidents", id, "communications")
    if approve is not None or discard is not None:
        verb = f"{place}/{approve}/approve" if approve is not None else f"{place}/{discard}/discard"
        return _sent(client.post(verb, _given(message=message) if approve is not None else {}), as_json)
    if message is None:
        return _communications(client.get(place), as_json)
    if not channel:
        raise WrongInput("Say where: tocsin incident communicate ID MESSAGE --channel CHANNEL")
    _sent(client.post(place, {"message": message, "channel": channel}), as_json)


def _sent(made: dict[str, Any], as_json: bool) -> None:
    if as_json:
        return show.json(made)
    said = {
        "sent": f"Sent to {made['channel']}.",
        "recorded": f"Kept as a record: no channel {made['channel']} is configured.",
        "draft": f"Draft {made['id']} for {made['channel']} waits to be approved.",
        "discarded": f"Draft {made['id']} is thrown away.",
    }
    show.line(said[made["state"]])


def _communications(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        return show.json(found)
    rows = [
        (
            one["id"],
            when(one["at"]),
            one["channel"],
            one["state"],
            one["actor"],
            _receipts(one["receipts"]),
            one["message"],
        )
        for one in found["items"]
    ]
    show.table(("Id", "At", "Channel", "State", "By", "Receipts", "Message"), rows, "No channel was told anything yet.")


def promises(
    since: Annotated[str | None, typer.Option("--from", help="RFC 3339 or a date; 30 days ago when left out.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="RFC 3339 or a date; now when left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """How many of the promised updates came in time."""
    query = {name: value for name, value in (("from", since), ("to", to)) if value}
    found = Client.from_environment().get("metrics/promises", query)
    if as_json:
        return show.json(found)
    share = "nothing was promised" if found["share"] is None else f"{found['share']:.0%} kept"
    show.line(f"{share} ({found['kept']} kept, {found['broken']} broken, {found['ahead']} still ahead).")
    rows = [(one["name"], one["title"], one["kept"], one["broken"], one["ahead"]) for one in found["items"]]
    show.table(("Incident", "Title", "Kept", "Broken", "Ahead"), rows, "No update was published in this time.")


subscriptions = typer.Typer(name="subscription", no_args_is_help=True, help="Of which incidents you are told.")


@subscriptions.command("list")
def list_subscriptions(
    user: Annotated[str | None, typer.Option("--user", help="Somebody else; * for everybody.")] = None,
    as_json: AsJson = False,
) -> None:
    """Of which incidents you are told without being on call."""
    found = Client.from_environment().get("subscriptions", {"user": user} if user else {})
    if as_json:
        return show.json(found)
    rows = [
        (one["id"], one["user"], one["service"] or "every service", one["severity"], one["audience"])
        for one in found["items"]
    ]
    show.table(("Id", "User", "Service", "Severity or worse", "Told as"), rows, "None: tocsin subscription add.")


@subscriptions.command("add")
def subscribe(
    service: Annotated[str | None, typer.Option("--service", help="Left out: every service.")] = None,
    severity: Annotated[str, typer.Option("--severity", "-s", help="The mildest to be told of.")] = "SEV2",
    audience: Annotated[str, typer.Option("--as", help="stakeholders or executives.")] = "stakeholders",
    user: Annotated[str | None, typer.Option("--user", help="For somebody else.")] = None,
    as_json: AsJson = False,
) -> None:
    """Be told of incidents of a service, or of all."""
    body: dict[str, Any] = {"severity": severity, "audience": audience, **_given(service=service, user=user)}
    made = Client.from_environment().post("subscriptions", body)
    if as_json:
        return show.json(made)
    show.line(f"{made['user']} is told of {made['service'] or 'every service'} from {made['severity']} on.")


@subscriptions.command("remove")
def unsubscribe(id: Annotated[int, typer.Argument(help="As in the list.")], as_json: AsJson = False) -> None:
    """End a subscription."""
    gone = Client.from_environment().delete(path("subscriptions", str(id)))
    if as_json:
        return show.json(gone)
    show.line("It is ended.")


COMMANDS: dict[str, Callable[..., None]] = {"update": update, "updates": updates, "communicate": communicate}
"""What is added to the commands of incidents."""
