"""`tocsin me`: how one is reached, from a terminal."""

from __future__ import annotations

import re

from tocsin.manage import objects

from ..api.test_people import ADMIN, furnish
from .conftest import Terminal


async def test_a_phone_from_a_terminal(terminal: Terminal) -> None:
    sms, secret = await furnish(terminal.desk)
    mine = {"TOCSIN_TOKEN": secret}
    assert "no page can reach you" in (await terminal.ok("me", "show", **mine)).out
    said = await terminal.ok("me", "method", "add", "sms", "number=+49301", **mine)
    assert "tocsin me method verify sms CODE" in said.out
    (code,) = re.findall(r"\d{6}", sms.to("+49301")[0].news.heading)  # type: ignore[union-attr]
    wrong = await terminal.run("me", "method", "verify", "sms", "000000" if code != "000000" else "1", **mine)
    assert (wrong.code, "not the code" in wrong.err) == (2, True)
    assert "sms is verified" in (await terminal.ok("me", "method", "verify", "sms", code, **mine)).out
    said = await terminal.ok("me", "rules", "high", "sms@0s", "sms@5m", **mine)
    assert "at 0s sms (sms), at 5m sms (sms)" in said.out
    said = await terminal.ok("me", "quiet", "22:00", "07:00", "--days", "sat,sun", **mine)
    assert "Quiet hours: 22:00 to 07:00 sat sun" in said.out
    me = (await terminal.ok("me", "limit", "sms", "3", "--within", "1h", "--json", **mine)).json()
    assert me["limits"] == [{"type": "sms", "count": 3, "within": "1h", "own": True}]
    assert (await terminal.ok("me", "updates", "sms", "--json", **mine)).json()["updates"] == ["sms"]
    assert (await terminal.ok("me", "bundle", "2m", "--json", **mine)).json()["bundling"]["within"] == "2m"
    me = (await terminal.ok("me", "show", "--json", **mine)).json()
    assert (me["quiet_hours"]["from"], len(me["plan"]["high"])) == ("22:00", 2)
    assert (await terminal.ok("me", "quiet", "--off", "--json", **mine)).json()["quiet_hours"] is None
    assert "Nothing rang yet." in (await terminal.ok("me", "history", **mine)).err
    assert (await terminal.ok("me", "news", "--json", **mine)).json() == {"items": [], "next": None}
    assert (await terminal.ok("me", "method", "list", "--json", **mine)).json()[0]["verified"]
    assert "No contact method" in (await terminal.ok("me", "method", "remove", "sms", **mine)).err


async def test_wrong_usage_is_exit_2_and_somebody_else_needs_the_right(terminal: Terminal) -> None:
    await furnish(terminal.desk)
    for words in (("quiet",), ("rules", "loud"), ("method", "add", "sms", "+49301")):
        assert (await terminal.run("me", *words, "--user", "alice", role="admin")).code == 2, words
    assert (await terminal.run("me", "show", "--user", "alice")).code == 1
    assert "Alice (alice)" in (await terminal.ok("me", "show", role="admin", TOCSIN_USER="alice")).out
    await objects.update(terminal.desk.world.ctx, ADMIN, "users", "alice", {"time_zone": "Asia/Tokyo"})
    assert "Asia/Tokyo" in (await terminal.ok("me", "show", "--user", "alice", role="admin")).out
