"""How one is reached, from a terminal: one's own with a personal token, somebody else's with `--user`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tocsin.cli import show
from tocsin.cli.client import Client, WrongInput, path
from tocsin.cli.show import AsJson, Limit, clean, when

app = typer.Typer(no_args_is_help=True, help="How you are reached: contact methods, rules, quiet hours, limits.")
methods = typer.Typer(no_args_is_help=True, help="Contact methods: add, verify, test, change, remove.")
app.add_typer(methods, name="method")

User = Annotated[str | None, typer.Option("--user", help="Another person than the token's own.", envvar="TOCSIN_USER")]
Method = Annotated[str, typer.Argument(help="The id of the contact method.")]
Settings = Annotated[
    list[str], typer.Argument(help="What its type asks for, like number=+49301234 or address=a@example.com.")
]


def _base(user: str | None, *parts: str) -> str:
    return path("me", *parts) if user is None else path("users", user, "reach", *parts)


@app.command("show")
def show_me(user: User = None, as_json: AsJson = False) -> None:
    """Everything about how you are reached."""
    me = Client.from_environment().get(_base(user))
    if as_json:
        return show.json(me)
    origin = me["origin"]
    show.fields(
        (
            ("Person", f"{me['name']} ({me['user']})"),
            ("Time zone", me["time_zone"]),
            ("Written in", f"{origin['file']}:{origin['line']} (read-only here)" if origin else "Tocsin itself"),
            ("High urgency", _rules(me["plan"]["high"])),
            ("Low urgency", _rules(me["plan"]["low"])),
            ("Quiet hours", _quiet(me["quiet_hours"])),
            ("Together", f"within {me['bundling']['within']}{', e-mail too' if me['bundling']['email'] else ''}"),
            ("Limits", ", ".join(f"{x['type']} {x['count']} in {x['within']}" for x in me["limits"])),
        )
    )
    _methods(me)


def _rules(plan: list[dict[str, Any]]) -> str:
    return (
        ", ".join(f"at {rule['after']} {rule['method']} ({rule['type']})" for rule in plan)
        or "nothing: no page can reach you"
    )


def _quiet(quiet: dict[str, Any] | None) -> str:
    if not quiet:
        return ""
    days = "every day" if len(quiet["days"]) == 7 else " ".join(quiet["days"])
    return f"{quiet['from']} to {quiet['to']} {days}"


def _methods(me: dict[str, Any]) -> None:
    rows = [
        (m["id"], m["type"], " ".join(f"{k}={v}" for k, v in m["settings"].items()), "verified" if m["verified"] else "not verified",
         m["source"], "yes" if m["updates"] else "")
        for m in me["contact_methods"]
    ]  # fmt: skip
    show.table(
        ("Method", "Type", "Settings", "State", "From", "Updates"), rows, "No contact method: no page can reach you."
    )


@app.command("history")
def history(user: User = None, limit: Limit = 50, as_json: AsJson = False) -> None:
    """What rang, why, and what became of it; newest first."""
    found = Client.from_environment().items(_base(user, "notifications"), limit=limit)
    if as_json:
        return show.json(found)
    rows = [
        (when(n["sent_at"] or n["scheduled_at"]), n["incident"]["name"], n["incident"]["title"], n["method"], n["state"],
         n["receipt"] or n["error"] or (f"waits: {n['held']}" if n["held"] else ""), n["why"])
        for n in found["items"]
    ]  # fmt: skip
    show.table(("When", "Incident", "Title", "By", "State", "Receipt", "Why"), rows, "Nothing rang yet.")


@app.command("news")
def told(user: User = None, limit: Limit = 50, as_json: AsJson = False) -> None:
    """What you were told without having to answer, and what became of it; newest first."""
    found = Client.from_environment().items(_base(user, "news"), limit=limit)
    if as_json:
        return show.json(found)
    rows = [
        (when(n["sent_at"] or n["created_at"]), (n["incident"] or {}).get("name"), n["heading"], n["method"], n["state"],
         n["receipt"] or n["error"])
        for n in found["items"]
    ]  # fmt: skip
    show.table(("When", "Incident", "What", "By", "State", "Receipt"), rows, "Nothing yet.")


@app.command("rules")
def rules(
    urgency: Annotated[str, typer.Argument(help="high or low.")],
    steps: Annotated[
        list[str] | None, typer.Argument(help="Like hook@0s mail@2m; left out: back to the default.")
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="An explicit nothing: this urgency never reaches you.")] = False,
    user: User = None,
    as_json: AsJson = False,
) -> None:
    """Say which contact methods are used, and when: `tocsin me rules high push@0s sms@1m voice@3m`."""
    if urgency not in ("high", "low"):
        raise WrongInput("Say `high` or `low`")
    client = Client.from_environment()
    written = dict(client.get(_base(user))["notification_rules"])
    wanted = [_rule(step) for step in steps or ()]
    changed = {**written, urgency: wanted if wanted or none else None}
    _done(client, user, {"notification_rules": {k: v for k, v in changed.items() if v is not None}}, as_json)


def _rule(step: str) -> dict[str, str]:
    name, _, after = step.partition("@")
    return {"method": name, "after": after or "0s"}


@app.command("quiet")
def quiet(
    start: Annotated[str | None, typer.Argument(metavar="FROM", help="Like 22:00.")] = None,
    end: Annotated[str | None, typer.Argument(metavar="TO", help="Like 07:00.")] = None,
    days: Annotated[
        str | None, typer.Option("--days", help="Days on which they begin, like mon,tue; left out: all.")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="No quiet hours any more.")] = False,
    user: User = None,
    as_json: AsJson = False,
) -> None:
    """Set quiet hours: low urgency waits until they end. High urgency never waits."""
    if not off and (start is None or end is None):
        raise WrongInput("Write from and to, like `tocsin me quiet 22:00 07:00`, or --off")
    hours: dict[str, Any] | None = None if off else {"from": start, "to": end}
    if hours is not None and days:
        hours["days"] = [day.strip() for day in days.split(",")]
    _done(Client.from_environment(), user, {"quiet_hours": hours}, as_json)


@app.command("limit")
def limit(
    type: Annotated[str, typer.Argument(help="A type of contact method, like sms or voice.")],
    count: Annotated[int | None, typer.Argument(help="How often it may ring; left out: back to the default.")] = None,
    within: Annotated[str, typer.Option("--within", help="Within which time.")] = "10m",
    user: User = None,
    as_json: AsJson = False,
) -> None:
    """Set how often contact methods of one type may ring you."""
    client = Client.from_environment()
    kept = [
        {name: one[name] for name in ("type", "count", "within")}
        for one in client.get(_base(user))["limits"]
        if one["own"] and one["type"] != type
    ]
    own = [] if count is None else [{"type": type, "count": count, "within": within}]
    _done(client, user, {"limits": [*kept, *own] or None}, as_json)


@app.command("bundle")
def bundle(
    within: Annotated[str, typer.Argument(help="Like 1m; 0s: each incident is a message of its own.")],
    email: Annotated[bool, typer.Option("--email", help="E-mail too is bundled, limited and quiet.")] = False,
    user: User = None,
    as_json: AsJson = False,
) -> None:
    """Set within which time several incidents are one message."""
    _done(Client.from_environment(), user, {"bundling": {"within": within, "email": email}}, as_json)


@app.command("updates")
def updates(
    names: Annotated[list[str] | None, typer.Argument(help="Contact methods that get updates; left out: none.")] = None,
    user: User = None,
    as_json: AsJson = False,
) -> None:
    """Say which contact methods get updates besides pages."""
    _done(Client.from_environment(), user, {"updates": names or None}, as_json)


def _done(client: Client, user: str | None, body: dict[str, Any], as_json: bool) -> None:
    me = client.patch(_base(user), body)
    if as_json:
        return show.json(me)
    show.line(f"High urgency: {_rules(me['plan']['high'])}")
    show.line(f"Low urgency: {_rules(me['plan']['low'])}")
    if me["quiet_hours"]:
        show.line(f"Quiet hours: {_quiet(me['quiet_hours'])} ({me['time_zone']})")


# --- contact methods --------------------------------------------------------------------------------------------------


def _settings(words: list[str]) -> dict[str, str]:
    for word in words:
        if "=" not in word:
            raise WrongInput(f"{word!r} says nothing: write name=value, like number=+49301234")
    return dict(word.split("=", 1) for word in words)


@methods.command("list")
def list_methods(user: User = None, as_json: AsJson = False) -> None:
    """List contact methods, and whether pages use them."""
    me = Client.from_environment().get(_base(user))
    if as_json:
        return show.json(me["contact_methods"])
    _methods(me)


@methods.command("add")
def add(
    type: Annotated[str, typer.Argument(help="Like sms, voice, email or webhook.")],
    settings: Settings,
    name: Annotated[str | None, typer.Option("--id", help="Its id; left out: its type.")] = None,
    user: User = None,
    as_json: AsJson = False,
) -> None:
    """Add a contact method and have a code sent to it."""
    client = Client.from_environment()
    before = {m["id"] for m in client.get(_base(user))["contact_methods"]}
    me = client.post(_base(user, "methods"), {"type": type, **_settings(settings), **({"id": name} if name else {})})
    (made,) = [m["id"] for m in me["contact_methods"] if m["id"] not in before]
    sent = client.post(_base(user, "methods", made, "code"))
    if as_json:
        return show.json({**me, "code": sent})
    _say_code(made, sent)


@methods.command("code")
def code(method: Method, user: User = None, as_json: AsJson = False) -> None:
    """Have a new code sent to a contact method."""
    sent = Client.from_environment().post(_base(user, "methods", method, "code"))
    if as_json:
        return show.json(sent)
    _say_code(method, sent)


def _say_code(method: str, sent: dict[str, Any]) -> None:
    show.line(f"A code was sent to {method} ({sent['receipt']}). Enter it until {when(sent['expires_at'])}:")
    show.line(f"  tocsin me method verify {method} CODE")


@methods.command("verify")
def verify(
    method: Method,
    code: Annotated[str, typer.Argument(help="What arrived there.")],
    user: User = None,
    as_json: AsJson = False,
) -> None:
    """Enter the code: from then on pages use the method."""
    me = Client.from_environment().post(_base(user, "methods", method, "verify"), {"code": code})
    if as_json:
        return show.json(me)
    show.line(f"{method} is verified. High urgency: {_rules(me['plan']['high'])}")


@methods.command("test")
def send_test(method: Method, user: User = None, as_json: AsJson = False) -> None:
    """Send a test message over a verified contact method."""
    sent = Client.from_environment().post(_base(user, "methods", method, "test"))
    if as_json:
        return show.json(sent)
    show.line(f"Sent over {method}: {clean(sent['receipt'])}")


@methods.command("change")
def change(method: Method, settings: Settings, user: User = None, as_json: AsJson = False) -> None:
    """Change the settings of a contact method; another address has to be verified again."""
    me = Client.from_environment().patch(_base(user, "methods", method), _settings(settings))
    if as_json:
        return show.json(me)
    _methods(me)


@methods.command("remove")
def remove(method: Method, user: User = None, as_json: AsJson = False) -> None:
    """Remove a contact method, with the rules that name it."""
    me = Client.from_environment().delete(_base(user, "methods", method))
    if as_json:
        return show.json(me)
    _methods(me)
