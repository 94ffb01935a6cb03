"""`tocsin severity show` and `set`."""

from __future__ import annotations

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
