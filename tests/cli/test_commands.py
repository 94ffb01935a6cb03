"""Commands say what happened, print JSON alone when asked, and tell the shell how it went."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tocsin import __version__
from tocsin.cli import show
from tocsin.cli.client import Client, WrongInput
from tocsin.plugins.probes import registry

from .conftest import Terminal


async def test_an_incident_from_a_terminal(terminal: Terminal) -> None:
    said = await terminal.ok("incident", "declare", "Checkout is down", "--severity", "SEV1", "--service", "api")
    assert "is declared, alice is paged" in said.out
    await terminal.desk.world.settle()
    assert terminal.desk.world.phone("alice").rang()
    (found,) = (await terminal.ok("incident", "list", "--json")).json()["items"]
    assert (found["title"], found["severity"], found["number"]) == ("Checkout is down", "sev1_critical", 1)
    shown = (await terminal.ok("incident", "show", "1")).out
    assert "acknowledge by" in shown
    assert "stakeholders  -" in shown, "whom it is due to tell, and when"
    assert ": Acknowledged.\n" in (await terminal.ok("incident", "ack", found["id"])).out
    await terminal.ok("incident", "role", "1", "IC", "bob")
    assert "incident commander  bob" in (await terminal.ok("incident", "show", "INC-2026-001")).out
    assert "Already acknowledged by token responder" in (await terminal.ok("incident", "ack", "1")).out
    assert "Noted." in (await terminal.ok("incident", "note", "1", "it is the disk")).out
    assert "Escalated" in (await terminal.ok("incident", "escalate", "1", "--reason", "need help")).out
    assert "Assigned to Carol" in (await terminal.ok("incident", "assign", "1", "carol")).out
    assert ": Resolved.\n" in (await terminal.ok("incident", "resolve", "1", "--notes", "replaced it")).out
    assert "It is investigating." in (await terminal.ok("incident", "reopen", "1")).out
    kinds = [e["kind"] for e in (await terminal.ok("incident", "timeline", "1", "--json")).json()["items"]]
    assert kinds[0] == "incident_created"
    assert kinds[-1] == "reopened"
    assert "it is the disk" in (await terminal.ok("incident", "timeline", "1")).out
    assert "alice" in (await terminal.ok("incident", "pages", "1")).out
    assert "Alice was paged at step 1" in (await terminal.ok("incident", "explain", "1")).out


async def test_asking_for_help_and_for_quiet_from_a_terminal(terminal: Terminal) -> None:
    await terminal.desk.world.fire()
    assert "Snoozed for 30m" in (await terminal.ok("incident", "snooze", "1", "30m", "--notes", "deploy")).out
    assert "The snooze is over" in (await terminal.ok("incident", "snooze", "1", "--cancel")).out
    assert "Bob was paged" in (await terminal.ok("incident", "handover", "1", "bob", "shift ends")).out
    assert "withdrawn" in (await terminal.ok("incident", "handover", "1", "--withdraw")).out
    assert "Paged Carol" in (await terminal.ok("incident", "page", "1", "carol", "--reason", "the cache")).out
    assert "Paged Alice, Bob" in (await terminal.ok("incident", "page", "1", "--team", "payments", "--reason", "x")).out
    assert "Bob is a responder and was paged." in (await terminal.ok("incident", "responder", "1", "bob", "--page")).out
    assert "no responder any more" in (await terminal.ok("incident", "responder", "1", "bob", "--remove")).out
    assert "Assigned to Carol, who was paged" in (await terminal.ok("incident", "assign", "1", "carol", "--page")).out
    assert "All hands: paged Alice" in (await terminal.ok("incident", "allhands", "1", "--reason", "all is down")).out
    assert "On call" in (await terminal.ok("incident", "ladder", "1")).out
    for words in (("snooze", "1"), ("snooze", "1", "soon"), ("handover", "1", "bob"), ("page", "1", "bob")):
        assert (await terminal.run("incident", *words)).code == 2, words
    said = await terminal.ok("incident", "declare", "Checkout", "--severity", "SEV4", "--page", "carol")
    assert "is declared" in said.out


async def test_every_reading_command_prints_json_and_nothing_else(terminal: Terminal) -> None:
    await terminal.desk.world.fire()
    for words in (
        ("incident", "list"), ("incident", "show", "1"), ("incident", "show", "1", "--verify"),
        ("incident", "timeline", "1"), ("incident", "pages", "1"), ("incident", "explain", "1"), ("incident", "ladder", "1"), ("oncall",),
        ("schedule", "list"), ("schedule", "show", "primary"), ("alert", "list"), ("service", "list"), ("service", "show", "api"),
        ("token", "list"),
    ):  # fmt: skip
        said = await terminal.ok(*words, "--json", role="admin")
        assert said.json(), words
        assert said.err == "", words


async def test_show_verifies_and_a_changed_past_is_exit_1(terminal: Terminal) -> None:
    await terminal.desk.world.fire()
    said = await terminal.ok("incident", "show", "1", "--verify")
    assert "The timeline is whole: 4 entries" in said.out
    async with terminal.desk.world.db.transaction() as tx:
        await tx.execute("ALTER TABLE timeline DISABLE TRIGGER timeline_append_only")
        await tx.execute("UPDATE timeline SET actor = 'user:mallory' WHERE seq = 2")
    broken = await terminal.run("incident", "show", "1", "--verify")
    assert broken.code == 1
    assert "THE TIMELINE IS BROKEN at entry 2" in broken.out
    broken = await terminal.run("incident", "show", "1", "--verify", "--json")
    assert broken.code == 1
    assert broken.json()["verification"]["broken_at"] == 2


async def test_lists_are_fetched_whole_page_by_page(terminal: Terminal) -> None:
    world = terminal.desk.world
    await world.send(*(world.event("trigger", f"k{n}", "info") for n in range(230)))
    found = (await terminal.ok("incident", "list", "--limit", "1000", "--json")).json()
    assert (len(found["items"]), found["next"]) == (230, None)
    found = (await terminal.ok("incident", "list", "--limit", "201", "--json")).json()
    assert len(found["items"]) == 201
    assert found["next"]
    said = await terminal.ok("incident", "list")
    assert len(said.out.splitlines()) == 51
    assert "There are more" in said.err


async def test_who_is_on_call(terminal: Terminal) -> None:
    assert "primary   alice    weekly" in (await terminal.ok("oncall", "--at", "2026-03-04T00:00:00+01:00")).out
    (shift,) = (
        await terminal.ok("schedule", "show", "primary", "--from", "2026-03-04", "--to", "2026-03-05", "--json")
    ).json()["items"]
    assert shift == {
        "user": "alice", "from": "2026-03-04T00:00:00+00:00", "to": "2026-03-05T00:00:00+00:00", "layer": "weekly",
    }  # fmt: skip


async def test_a_token_is_the_only_thing_on_standard_output(terminal: Terminal) -> None:
    said = await terminal.ok("token", "create", "deploy", "--role", "observer", role="admin")
    assert said.out.startswith("tocsin_")
    assert len(said.out.split()) == 1
    assert "observer" in said.err
    listed = await terminal.ok("incident", "list", TOCSIN_TOKEN=said.out.strip())
    assert "No incidents." in listed.err
    await terminal.ok("token", "revoke", "deploy", role="admin")
    assert (await terminal.run("incident", "list", TOCSIN_TOKEN=said.out.strip())).code == 1


async def test_a_test_alert_from_a_terminal(terminal: Terminal) -> None:
    assert "The test alert opened INC-2026-" in (await terminal.ok("service", "test", "api")).out
    assert "Test alert for Payments API" in (await terminal.ok("alert", "list")).out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("incident", "show", "INC-0BADF00D"), 1, "There is no incident INC-0BADF00D"),
        (("incident", "show", "77"), 1, "(number 77)"),
        (("incident", "note", "77", "x"), 1, "(number 77)"),
        (("incident", "reopen", "1"), 1, "only a resolved or closed one can be reopened"),
        (("incident", "declare", "x", "--severity", "SEV9"), 2, "/severity: 'SEV9' is not a severity"),
        (("incident", "declare"), 2, "Say what is broken"),
        (("incident", "escalate", "1"), 2, "Say why"),
        (("incident", "assign", "1", "nobody"), 2, "/user: there is no user 'nobody'"),
        (("incident", "list", "--status", "odd"), 2, "/status"),
        (("incident", "list", "--limit", "none"), 2, "Invalid value"),
        (("incident", "fly"), 2, "No such command"),
        (("oncall", "--schedule", "nope"), 1, "There is no schedule 'nope'"),
        (("token", "create", "x"), 1, "needs the role admin"),
    ],
)  # fmt: skip
async def test_refusals(terminal: Terminal, words: tuple[str, ...], code: int, said: str) -> None:
    await terminal.desk.world.fire()
    found = await terminal.run(*words)
    assert found.code == code
    assert said in found.err
    assert found.out == ""


async def test_without_a_token_it_says_where_to_get_one(terminal: Terminal) -> None:
    found = await terminal.run("incident", "list", TOCSIN_TOKEN="")
    assert found.code == 1
    assert found.err.startswith("This needs an API token.\nSet TOCSIN_TOKEN")


async def test_no_server_is_exit_3(terminal: Terminal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found = await terminal.run("incident", "list", TOCSIN_URL=f"http://127.0.0.1:{port}")
    assert found.code == 3
    assert f"Cannot reach http://127.0.0.1:{port}" in found.err
    assert (await terminal.run("oncall", TOCSIN_URL="http://nowhere.invalid")).code == 3


async def test_a_server_that_is_not_tocsin_is_exit_3(terminal: Terminal) -> None:
    app = web.Application()
    async with TestServer(app) as other:
        found = await terminal.run("oncall", TOCSIN_URL=str(other.make_url("")))
    assert found.code == 3
    assert "What answered (HTTP 404) is not Tocsin" in found.err
    found = await terminal.run("oncall", TOCSIN_URL=terminal.url.replace("http://", "https://"))
    assert found.code == 3
    assert "does not speak https" in found.err


async def test_it_says_its_version(terminal: Terminal) -> None:
    assert (await terminal.ok("--version")).out == f"tocsin {__version__}\n"


@pytest.mark.parametrize("url", ["ftp://x", "127.0.0.1:8420", "http://", "/tmp/socket"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(WrongInput):
        Client.from_environment({"TOCSIN_URL": url})


def test_a_token_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("tocsin_x\n")
    assert Client.from_environment({"TOCSIN_TOKEN_FILE": str(file)}).token == "tocsin_x"
    with pytest.raises(WrongInput):
        Client.from_environment({"TOCSIN_TOKEN_FILE": str(file) + "-missing"})


async def test_what_an_alert_says_cannot_steer_the_terminal(terminal: Terminal) -> None:
    await terminal.desk.world.fire("disk", title="disk \x1b[2J\x07 [bold]is[/bold] broken\nnow", severity="info")
    said = await terminal.ok("incident", "list")
    assert "\x1b" not in said.out
    assert "\x07" not in said.out
    assert "[bold]is[/bold] broken now" in said.out


def test_one_line_per_value() -> None:
    assert show.clean("a\nb\tc\x00d") == "a b c\N{REPLACEMENT CHARACTER}d"
    assert (show.clean(None), show.clean(""), show.clean(0)) == ("-", "-", "0")


async def test_the_life_of_an_incident_from_a_terminal(terminal: Terminal) -> None:
    for title in ("One", "Two", "Three"):
        await terminal.ok("incident", "declare", title, "--severity", "SEV3", "--service", "api")
    assert "It is identified now." in (await terminal.ok("incident", "status", "1", "identified")).out
    said = await terminal.ok("incident", "restore", "1", "--notes", "bought something")
    assert "estimated. It is monitoring." in said.out
    assert ": Resolved.\n" in (await terminal.ok("incident", "resolve", "1")).out
    assert ": Closed.\n" in (await terminal.ok("incident", "close", "1")).out
    assert "cannot become" in (await terminal.run("incident", "status", "1", "identified")).err
    assert "Merged into" in (await terminal.ok("incident", "merge", "2", "3", "--notes", "the same")).out
    assert "Linked with" in (await terminal.ok("incident", "relate", "3", "1")).out
    assert "No longer linked" in (await terminal.ok("incident", "relate", "3", "1", "--remove")).out
    said = await terminal.ok("incident", "times", "3", "impact_started", "2026-03-02T09:53:00Z", "--estimated")
    assert "Corrected" in said.out
    assert "estimated" in (await terminal.ok("incident", "times", "3")).out
    found = (await terminal.ok("incident", "times", "3", "--json")).json()["items"]
    assert found[0]["at"] == "2026-03-02T09:53:00Z"
    assert (await terminal.run("incident", "times", "3", "engaged")).code == 2
    assert "Bob may see it now" in (await terminal.ok("incident", "private", "3", "--let-in", "bob", role="admin")).out
    assert (await terminal.run("incident", "show", "3", role="observer")).code == 1


async def test_probes_are_written_tried_and_removed(terminal: Terminal) -> None:
    terminal.desk.world.ctx.probes = registry.create()
    at = ("shop", "web")
    await terminal.desk.post("/services", {"id": "shop"}, 201, role="manager")
    made = await terminal.ok("probe", "set", *at, "--url", "http://shop.example.invalid/healthz?key=1", role="manager")
    assert "web looks at http://shop.example.invalid" in made.out
    listed = (await terminal.ok("probe", "list", "shop", "--json")).json()["items"]
    assert (listed[0]["url"], listed[0]["samples"]) == ("http://shop.example.invalid", 3), "the path is for managers"
    tried = await terminal.run("probe", "try", *at)
    assert (tried.code, tried.out[:26]) == (1, "Bad: its host is not known"), tried
    inside = await terminal.run("probe", "set", *at, "--url", "http://169.254.169.254/", role="manager")
    assert (inside.code, "private network" in inside.err) == (2, True)
    patched = await terminal.desk.call(
        "PATCH",
        "/services/shop",
        {"probes": [{"id": "x", "type": "tcp", "host": "10.0.0.1", "port": "22"}]},
        role="manager",
    )
    assert patched.status_code == 422
    assert (await terminal.run("probe", "set", *at, "--url", "http://shop.example.com/")).code == 1
    await terminal.ok("probe", "remove", *at, role="manager")
    assert "only a person can say" in (await terminal.ok("probe", "list", "shop")).err
