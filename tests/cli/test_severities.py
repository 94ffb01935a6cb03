"""`tocsin severity show` and `set`."""

from __future__ import annotations

from tocsin.manage import configuration

from .conftest import Terminal


async def test_show_and_set(terminal: Terminal) -> None:
    shown = await terminal.ok("severity", "show")
    assert "sev1_critical" in shown.out
    assert "Business hours: mon-fri 09:00-17:00 UTC" in shown.out
    dry = await terminal.ok("severity", "set", "SEV1", "response_time=3m", "who=All of us", "--dry-run", role="manager")
    assert "~ sev1_critical.response_time: inherited -> 3m" in dry.out
    assert (await terminal.ok("severity", "show", "--json")).json()["overrides"] == {}
    await terminal.ok("severity", "set", "critical", "response_time=3m", "who=All of us", role="manager")
    shown = await terminal.ok("severity", "show")
    assert "3m *" in shown.out
    assert "token:manager  sev1_critical.response_time  inherited  3m" in (await terminal.ok("severity", "changes")).out
    back = await terminal.ok("severity", "set", "1", "response_time=", role="manager")
    assert "~ sev1_critical.response_time: 3m -> inherited" in back.out
    assert (await terminal.ok("severity", "show", "--json")).json()["overrides"] == {
        "sev1_critical": {"who": "All of us"}
    }


async def test_the_queue_of_a_team(terminal: Terminal) -> None:
    assert "Nothing waits." in (await terminal.ok("queue")).err
    await terminal.desk.world.fire("label", "info", title="A label is wrong")
    shown = await terminal.ok("queue", "--team", "payments")
    assert "A label is wrong" in shown.out
    assert "payments: 1 waiting, next digest" in shown.err
    assert (await terminal.ok("queue", "--json")).json()["items"][0]["waiting"] == 1


async def test_what_is_refused(terminal: Terminal) -> None:
    wrong = await terminal.run("severity", "set", "SEV1", "respons_time=3m", role="manager")
    assert (wrong.code, "did you mean 'response_time'?" in wrong.err) == (2, True)
    wrong = await terminal.run("severity", "set", "SEV1", "page=loudly", role="manager")
    assert (wrong.code, "loudly" in wrong.err) == (2, True)
    assert (await terminal.run("severity", "set", "SEV1", "page", role="manager")).code == 2
    assert (await terminal.run("severity", "set", "SEV9", "page=now", role="manager")).code == 2
    assert (await terminal.run("severity", "set", "SEV1", "page=now")).code == 1


async def test_the_business_hours_of_a_team(terminal: Terminal) -> None:
    ctx = terminal.desk.world.ctx
    wanted = ctx.directory
    await configuration.change(ctx, configuration.ITSELF, lambda _: wanted)
    assert "payments" in (await terminal.ok("team", "list")).out
    shown = (await terminal.ok("team", "hours", "payments")).out
    assert "In business hours now; they end" in shown
    assert "Nothing is written: this is the default." in shown
    changes = (
        "tue-thu=10:00-18:00",
        "sat,sun=11:00-13:00",
        "mon=closed",
        "--time-zone",
        "Europe/Berlin",
        "--holiday",
        "2026-03-08=Town day",
    )
    told = (await terminal.ok("team", "hours", "payments", *changes, role="manager")).out
    assert "Outside business hours now; they begin" in told
    assert "Holiday: 2026-03-08 Town day" in told
    found = (await terminal.ok("team", "hours", "payments", "--json")).json()
    assert found["text"] == "tue-thu 10:00-18:00, fri 09:00-17:00, sat, sun 11:00-13:00 Europe/Berlin"
    again = await terminal.ok(
        "team", "hours", "payments", "fri=closed", "--no-holiday", "2026-03-08", "--json", role="manager"
    )
    assert (again.json()["week"]["fri"], again.json()["holidays"]) == (None, [])
    for wrong, said in (
        ("fri=9-5", "is not a time of day"),
        ("fry=closed", "did you mean 'fri'?"),
        ("fri", "DAYS=HOURS"),
    ):
        refused = await terminal.run("team", "hours", "payments", wrong, role="manager")
        assert (refused.code, said in refused.err) == (2, True), refused.err
    assert (await terminal.run("team", "hours", "payments", "--no-holiday", "2026-01-01", role="manager")).code == 2
    assert (await terminal.run("team", "hours", "payments", "--default", "fri=closed", role="manager")).code == 2
    assert "this is the default" in (await terminal.ok("team", "hours", "payments", "--default", role="manager")).out
