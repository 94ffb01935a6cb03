"""Muting in the browser: look at what it would mute, make it, see what it holds back, change its end, end it; heartbeats."""

from __future__ import annotations

import re

from tocsin.core.incident import public_id
from tocsin.flow import heartbeats
from tocsin.store.heartbeats import Received

from ..story.quiet import configure, service
from ..story.world import ORGANISATION
from .visitor import Site, text_of

FORM = {
    "kind": "silence",
    "scope": "service:api",
    "matchers": 'host="a"',
    "when": "once",
    "duration": "2h",
    "reason": "new disks",
}
BEAT = {
    "id": "backup",
    "name": "Nightly backup",
    "service": "api",
    "period": "1h",
    "grace": "10m",
    "key": "k-0123456789-abcdef",
}


async def test_a_planned_window_that_held_nothing_back_is_counted_and_not_listed(site: Site) -> None:
    window = {
        "id": "w",
        "matchers": ['host="a"'],
        "from": "2026-03-02T10:00",
        "to": "2026-03-02T11:00",
        "reason": "Noise of host a",
    }
    await configure(
        site.world,
        mutes=[window, {**window, "id": "x", "reason": "Later", "from": "2026-03-08T10:00", "to": "2026-03-08T11:00"}],
    )
    alice = await site.someone("alice")
    listed = await alice.get("/mutes")
    assert "Noise of host a" in listed
    assert listed.count("bar-of silence") == 2, "what is to come is drawn on a scale of its own"
    await site.world.wait(hours=2)
    words = text_of(await alice.get("/mutes"))
    assert "Noise of host a" not in words
    assert "One planned window of the last five days held nothing back." in words


async def test_a_mute_from_look_to_end(site: Site) -> None:
    await site.world.fire("one", labels={"host": "a"})
    alice = await site.someone("alice")
    looked = await alice.send("/mutes/new", {**FORM, "do": "preview"}, page="/mutes/new")
    words = text_of(looked.text)
    assert "It would match 1 open alert" in words
    assert "one is broken" in words
    assert 'value="new disks"' in looked.text, "what was typed stays"
    assert "Nothing is muted" in text_of(await alice.get("/mutes"))
    made = await alice.send("/mutes/new", {**FORM, "do": "make"}, page="/mutes/new")
    assert "Muted." in await alice.says(made)
    place = made.headers["location"]
    await site.world.fire("two", labels={"host": "a"})
    words = text_of(await alice.get(place))
    assert "two is broken" in words
    listed = await alice.get("/mutes")
    assert "1 held back now" in text_of(listed)
    assert "strip-draw" in listed
    assert "It ends 30 minutes from now." in await alice.says(
        await alice.send(f"{place}/change", {"duration": "30m"}, page=place)
    )
    assert "Ends soon" in text_of(await alice.get("/mutes"))
    assert "Ended. What still fires pages now." in await alice.says(await alice.send(f"{place}/end", page=place))
    await site.world.settle()
    words = text_of(await alice.get(place))
    assert "What it held back" in words
    assert site.world.phone("alice").times == 2


async def test_an_alert_leads_to_a_mute_of_its_like_and_says_what_mutes_it(site: Site) -> None:
    outcome = await site.world.fire("one", labels={"host": "a", "severity": "critical"})
    alice = await site.someone("alice")
    page = await alice.get(f"/alerts/{outcome.alert_id}")
    assert f"/mutes/new?alert={outcome.alert_id}" in page
    form = await alice.get(f"/mutes/new?alert={outcome.alert_id}")
    assert "host=&#34;a&#34;" in form
    assert "severity=" not in re.findall(r"<textarea[^>]*>(.*?)</textarea>", form, re.S)[0]
    await alice.send("/mutes/new", {**FORM, "do": "make"}, page="/mutes/new")
    muted = await site.world.fire("two", labels={"host": "a"})
    assert "new disks" in text_of(await alice.get(f"/alerts/{muted.alert_id}"))
    assert "new disks" in text_of(await alice.get("/services/api"))


async def test_a_recurring_mute_and_its_windows(site: Site) -> None:
    await configure(site.world)
    alice = await site.someone("alice")
    form = {
        **FORM,
        "when": "recurring",
        "rule": "FREQ=DAILY",
        "starts": "2026-03-02T22:00",
        "length": "4h",
        "time_zone": "Europe/Berlin",
    }
    made = await alice.send("/mutes/new", {**form, "do": "make"}, page="/mutes/new")
    words = await alice.says(made)
    assert "every day" in words
    assert "Its windows" in words
    place = made.headers["location"]
    rule = re.search(r'action="/mutes/(new-disks-[0-9a-f]{6})/end"', await alice.get(place))
    assert rule
    assert "Ended" in await alice.says(await alice.send(f"/mutes/{rule[1]}/end", page=place))
    assert rule[1] not in site.world.ctx.directory.mutes


async def test_what_is_wrong_stands_at_its_field(site: Site) -> None:
    alice = await site.someone("alice")
    for change, field in (
        ({"reason": ""}, "reason"), ({"matchers": "nonsense"}, "matchers"), ({"scope": "service:gone"}, "scope"),
        ({"until": "2020-01-01T00:00"}, "until"), ({"when": "recurring", "rule": "", "rrule": "X", "starts": "2026-03-02T22:00"}, "rrule"),
        ({"kind": "maintenance", "scope": ""}, "scope"),
    ):  # fmt: skip
        answer = await alice.send("/mutes/new", {**FORM, **change, "do": "make"}, page="/mutes/new")
        assert answer.status_code == 422, change
        assert f'id="w-{field}"' in answer.text, (change, text_of(answer.text))


async def test_an_observer_sees_mutes_and_has_no_buttons(site: Site) -> None:
    alice = await site.someone("alice")
    made = await alice.send("/mutes/new", {**FORM, "do": "make"}, page="/mutes/new")
    olga = await site.someone("olga")
    assert "new disks" in text_of(await olga.get("/mutes"))
    page = await olga.get(made.headers["location"])
    assert "End it now" not in page
    await olga.get("/mutes/new", 403)


async def test_heartbeats_are_drawn_paused_and_resumed(site: Site) -> None:
    await configure(site.world, heartbeats=[BEAT])
    alice = await site.someone("alice")
    assert "Never heard" in text_of(await alice.get("/heartbeats"))
    beat = site.world.ctx.directory.heartbeats["backup"]
    for kind, body in (("start", b""), ("success", b"<b>42 files</b>"), ("fail", b"")):
        now = site.world.clock.now()
        received = Received(
            at=now,
            kind=kind,
            exit_status=3 if kind == "fail" else None,
            rid=None,
            seconds=None,
            method="GET",
            remote="",
            agent="",
            body=body,
        )  # type: ignore[arg-type]
        await heartbeats.receive(site.world.ctx, beat, received)
        await site.world.wait(minutes=5)
    page = await alice.get("/heartbeats/backup")
    words = text_of(page)
    assert "Down" in words
    assert "exit 3" in words
    assert "&lt;b&gt;42 files" in page
    assert "pulse-draw" in page
    assert "k-0123456789-abcdef" not in page, "only managers see where to ping"
    assert "Paused" in await alice.says(await alice.send("/heartbeats/backup/pause", page="/heartbeats/backup"))
    assert "Up" in await alice.says(await alice.send("/heartbeats/backup/resume", page="/heartbeats/backup"))
    assert "Nightly backup" in text_of(await alice.get("/services/api"))


async def test_an_incident_shows_what_it_hides(site: Site) -> None:
    await configure(
        site.world, services=[service("shop", depends_on=["db"], hidden_by_dependencies="true"), service("db")]
    )
    cause = await site.world.fire("db", service="db")
    hidden = await site.world.fire("slow", service="shop")
    alice = await site.someone("alice")
    words = text_of(await alice.get(f"/incidents/{public_id(cause.incident or 0)}"))
    assert "Hidden under it" in words
    assert "slow is broken" in words
    assert "Hides other alerts" in words
    hides = f"INC-2026-{cause.incident:03d}"
    assert hides in text_of(await alice.get(f"/alerts/{hidden.alert_id}"))


async def test_a_heartbeat_is_made_changed_and_removed_in_the_browser(site: Site) -> None:
    users = [{**user, "role": "manager" if user["id"] == "erin" else "responder"} for user in ORGANISATION["users"]]
    await configure(site.world, heartbeats=[BEAT], users=users)
    erin, alice = await site.someone("erin"), await site.someone("alice")
    await alice.get("/new/heartbeat", 403)
    page = await erin.get("/new/heartbeat?service=api")
    key = re.search(r'name="key" type="text" value="([^"]+)"', page)
    assert key
    form = {
        "id": "reports",
        "service": "api",
        "rhythm": "cron",
        "cron": "30 2 * *",
        "period": "1d",
        "grace": "2h",
        "key": key[1],
    }
    wrong = await erin.send("/new/heartbeat", form)
    assert wrong.status_code == 422
    assert "is not a cron expression" in text_of(wrong.text)
    assert 'value="30 2 * *"' in wrong.text, "what was typed stays"
    said = await erin.says(
        await erin.send("/new/heartbeat", {**form, "cron": "30 2 * * *", "time_zone": "Europe/Berlin"})
    )
    for part in ("Made. It waits for its first ping", "reports", "grace 2h"):
        assert part in said, part
    taken = await erin.send("/new/heartbeat", {**form, "cron": "30 2 * * *"}, page="/new/heartbeat")
    assert (taken.status_code, "There already is a heartbeat" in text_of(taken.text)) == (422, True)
    change = {
        "name": "Reports",
        "service": "grouped",
        "rhythm": "period",
        "period": "12h",
        "cron": "30 2 * * *",
        "key": key[1],
    }
    said = await erin.says(await erin.send("/heartbeats/reports/edit", change, page="/heartbeats/reports/edit"))
    assert "Saved." in said
    made = site.world.ctx.directory.heartbeats["reports"]
    assert (made.name, made.service, str(made.period), made.cron, str(made.grace)) == (
        "Reports",
        "grouped",
        "12h",
        None,
        "1h",
    )
    of_file = await erin.send("/heartbeats/backup/edit", {**change, "key": "k" * 20}, page="/new/heartbeat")
    assert of_file.status_code == 409
    assert "tocsin.yml" in text_of(await erin.get("/heartbeats/backup/edit"))
    said = await erin.says(await erin.send("/heartbeats/reports/delete", page="/heartbeats/reports/edit"))
    assert "Removed: Reports" in said
    assert "reports" not in site.world.ctx.directory.heartbeats
