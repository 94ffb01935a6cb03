"""Schedules in the browser: somebody else takes a shift, layers change after a look ahead, and there is a way back."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from urllib.parse import quote

import httpx
import msgspec
import pytest

from tocsin.core.configuration import Schedule
from tocsin.core.schedule import who
from tocsin.core.spelling import decode
from tocsin.manage import configuration
from tocsin.manage.files import File

from .visitor import Site, Visitor, text_of

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
WEEKLY = {"id": "weekly", "users": ["alice", "bob"], "starts": "2026-01-05T09:00"}
PAGE = "/schedules/primary"


@pytest.fixture
async def rota(site: Site) -> Site:
    """Alice and Bob take weeks, made by hand and stored."""
    world = site.world
    schedule = decode({"id": "primary", "name": "Payments", "team": "payments", "layers": [WEEKLY]}, Schedule)
    wanted = replace(world.ctx.directory, schedules={"primary": schedule})
    await configuration.change(world.ctx, configuration.ITSELF, lambda _: wanted)
    return site


def on_call(site: Site, at: datetime = NOW) -> str | None:
    found = who(site.world.ctx.directory.schedules["primary"], at)
    return found[0] if found else None


def form_of(html: str) -> dict[str, str]:
    """The fields of the editor as a browser would send them."""
    form = html[html.index('id="editor"') :]
    found: dict[str, str] = {}
    for tag in re.findall(r"<input\b[^>]*>", form):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        unchecked = 'type="checkbox"' in tag and " checked" not in tag
        if name and not unchecked and name[1] != "_csrf":
            found[unescape(name[1])] = unescape(value[1]) if value else ""
    for name, inner in re.findall(r'<select\b[^>]*name="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option(?: value="([^"]*)")? selected>([^<]*)', inner)
        found[name] = (chosen[1] if chosen[1] is not None else chosen[2]) if chosen else ""
    return found


async def press(visitor: Visitor, do: str, **changes: str) -> httpx.Response:
    """A button of the editor, with some fields filled in differently."""
    given = {**form_of(visitor.seen), **{k.replace("__", "."): v for k, v in changes.items()}, "do": do}
    answer = await visitor.send(f"{PAGE}/edit", given)
    if answer.status_code != 303:
        visitor.seen = answer.text
    return answer


async def test_two_clicks_and_somebody_else_has_the_shift(rota: Site) -> None:
    alice = await rota.someone("alice")
    page = await alice.get(PAGE)
    assert "Alice is on call" in text_of(page)
    [running] = [link for link in re.findall(r'href="([^"]*cover=[^"]*)"', page) if "cover=2026-03-02T09" in link][:1]
    page = await alice.get(unescape(running))  # the first click
    assert "Someone else takes this" in text_of(page)
    assert 'name="user" value="bob"' in page
    hidden = {"from": "2026-03-02T10:00", "to": "2026-03-09T09:00", "zone": "UTC"}
    assert all(f'name="{name}" value="{value}"' in page for name, value in hidden.items())
    answer = await alice.send(f"{PAGE}/cover", {**hidden, "user": "bob"})  # the second
    assert "Bob takes it" in await alice.says(answer)
    assert on_call(rota) == "bob"
    assert "Bob takes it running" in text_of(alice.seen)
    one = re.search(r'name="one" value="([0-9a-f]+)"', alice.seen)
    assert one is not None
    assert "Ended" in await alice.says(await alice.send(f"{PAGE}/uncover", {"one": one[1], "field": "overrides"}))
    assert on_call(rota) == "alice"


async def test_a_shadow_is_let_in_by_the_same_panel(rota: Site) -> None:
    alice = await rota.someone("alice")
    given = {"from": "2026-03-02T09:00", "to": "2026-03-05T09:00", "zone": "UTC", "user": "carol", "field": "shadows"}
    words = await alice.says(await alice.send(f"{PAGE}/cover", given, page=PAGE))
    assert "Carol watches it" in words
    assert "shadowed by Carol" in words
    assert on_call(rota) == "alice"


async def test_what_cannot_be_taken_is_told(rota: Site) -> None:
    alice = await rota.someone("alice")
    past = await alice.get(f"{PAGE}?cover=2026-02-23T09:00:00Z~2026-03-02T09:00:00Z")
    assert "This is over: who was on call then is history" in text_of(past)
    for given, said in (
        ({"from": "2026-02-01T09:00", "to": "2026-02-02T09:00", "user": "bob"}, "lies in the past"),
        ({"from": "2026-04-02T09:00", "to": "2026-04-01T09:00", "user": "bob"}, "end it later"),
        ({"from": "2026-04-01T09:00", "to": "2026-04-02T09:00", "user": "nobody"}, "unknown user"),
        ({"from": "x", "to": "2026-04-02T09:00", "user": "bob"}, "not a local time"),
        ({"from": "2026-04-01T09:00", "to": "2026-04-02T09:00", "user": "bob", "zone": "Mars"}, "not a time zone"),
    ):
        answer = await alice.send(f"{PAGE}/cover", {"zone": "UTC", **given}, page=PAGE)
        assert said in await alice.says(answer), given
    olga = await rota.someone("olga")
    page = await olga.get(f"{PAGE}?cover=2026-03-02T09:00:00Z~2026-03-09T09:00:00Z")
    assert "needs the role responder" in text_of(page)
    for odd in (
        "x",
        "~",
        "2026-03-02T09:00:00~2026-03-09",
        "2026-03-09T09:00:00Z~2026-03-02T09:00:00Z",
        "0001-01-01T00:00:00Z~9999-01-01T00:00:00Z",
    ):
        assert 'id="cover"' not in await olga.get(f"{PAGE}?cover={quote(odd)}")


@pytest.mark.parametrize(
    "query",
    ["view=month", "view=month&at=2026-12-31", "at=2026-03-29", "zone=schedule", "at=9999-12-31", "at=x", "view=y"],
)
async def test_every_view_opens_and_names_who_is_on_call(rota: Site, query: str) -> None:
    page = await (await rota.someone("olga")).get(f"{PAGE}?{query}")
    assert "Alice" in text_of(page)
    assert 'class="rota' in page


async def test_the_list_draws_every_schedule_and_says_who_is_on(rota: Site) -> None:
    page = await (await rota.someone("olga")).get("/schedules")
    assert "Payments Alice now" in text_of(page)
    assert "New schedule" not in text_of(page)
    await (await rota.someone("olga")).get("/schedules/nothing", 404)


async def test_layers_change_after_a_look_ahead(rota: Site) -> None:
    erin = await rota.someone("erin")
    await erin.get(f"{PAGE}/edit")
    await press(erin, "add-office")
    assert "Layer office: a rotation needs users" in text_of(erin.seen)
    await press(erin, "preview", layer__1__user__0="carol")
    words = text_of(erin.seen)
    assert "What this would change" in words
    assert "Carol +" in words
    assert on_call(rota) == "alice", "nothing is saved yet"
    assert "Alice is on call now" in words
    answer = await press(erin, "save", layer__1__user__0="carol")
    assert answer.status_code == 409
    assert "confirm that this is meant" in text_of(erin.seen)
    assert on_call(rota) == "alice"
    answer = await press(erin, "save", layer__1__user__0="carol", confirm="yes")
    assert "Saved" in await erin.says(answer)
    assert on_call(rota) == "carol"
    assert [layer.id for layer in rota.world.ctx.directory.schedules["primary"].layers] == ["weekly", "office"]


async def test_the_buttons_of_the_editor(rota: Site) -> None:
    erin = await rota.someone("erin")
    await erin.get(f"{PAGE}/edit")
    await press(erin, "user.0", layer__0__user__1="carol")
    assert form_of(erin.seen)["layer.0.user.1"] == "carol", "what was typed stays"
    await press(erin, "user-up.0.1", layer__0__user__2="bob")
    assert [form_of(erin.seen)[f"layer.0.user.{n}"] for n in range(3)] == ["carol", "alice", "bob"]
    await press(erin, "user-remove.0.0")
    await press(erin, "window.0")
    assert form_of(erin.seen)["layer.0.window.0.from"] == "09:00"
    assert "Nobody is on call" in text_of(erin.seen)
    await press(erin, "window-remove.0.0")
    await press(erin, "add-nights")
    await press(erin, "up.0")
    assert form_of(erin.seen)["layer.1.id"] == "weekly"
    assert "Layer nights: " in text_of(erin.seen), "and what is wrong names its layer"
    await press(erin, "remove.0")
    assert "layer.1.id" not in form_of(erin.seen)
    for odd in ("up.9", "remove.x", "user-up.0", "nonsense", "", "window-remove.0.7", "user.", "down.0"):
        assert (await press(erin, odd)).status_code == 200
    await press(erin, "preview", limit__nights="3", limit__backup_follows_primary="true")
    assert "Against the limits of this schedule" in text_of(erin.seen)
    assert "at most 3 is kind" in text_of(erin.seen)
    await press(erin, "preview", limit__nights="many")
    assert "limits: " in text_of(erin.seen)
    await press(erin, "add-days", limit__nights="")
    await press(erin, "add-sun")
    assert len([name for name in form_of(erin.seen) if name.endswith(".id") and name.startswith("layer.")]) == 11


async def test_somebody_else_saved_meanwhile(rota: Site) -> None:
    erin, ada = await rota.someone("erin"), await rota.someone("ada")
    await erin.get(f"{PAGE}/edit")
    await ada.get(f"{PAGE}/edit")
    assert (await press(ada, "save", name="Ada's")).status_code == 303
    answer = await press(erin, "save", name="Erin's")
    assert answer.status_code == 409
    assert "Somebody changed this schedule while you were editing" in text_of(erin.seen)
    assert rota.world.ctx.directory.schedules["primary"].name == "Ada's"
    assert (await press(erin, "save")).status_code == 303
    assert rota.world.ctx.directory.schedules["primary"].name == "Erin's"


async def test_versions_and_undo(rota: Site) -> None:
    erin = await rota.someone("erin")
    await erin.get(f"{PAGE}/edit")
    answer = await press(erin, "save", layer__0__user__0="nobody", layer__0__user__1="alice")
    assert (answer.status_code, "unknown user" in answer.text, "confirm that" in answer.text) == (422, True, False)
    await press(erin, "save", layer__0__user__0="bob", layer__0__user__1="alice", confirm="yes")
    assert on_call(rota) == "bob"
    words = text_of(await erin.get(f"{PAGE}/versions"))
    assert "What revision 2 meant" in words
    assert "layers[weekly].users alice, bob → bob, alice" in words
    words = text_of(await erin.get(f"{PAGE}/versions?revision=1"))
    assert "Going back to revision 1" in words
    assert "Bob is on call now" in words
    answer = await erin.send(f"{PAGE}/revert", {"revision": "1"})
    assert "would lose this shift to Alice" in await erin.says(answer)
    answer = await erin.send(f"{PAGE}/revert", {"revision": "1", "confirm": "yes"})
    assert "as it was at revision 1" in await erin.says(answer)
    assert on_call(rota) == "alice"
    for odd in ("x", "", "99999999999999999999"):
        assert (await erin.send(f"{PAGE}/revert", {"revision": odd})).status_code == 303


async def test_a_schedule_that_policies_need_is_not_removed_and_another_is_and_comes_back(rota: Site) -> None:
    erin = await rota.someone("erin")
    await erin.get(f"{PAGE}/edit")
    words = await erin.says(await press(erin, "delete"))
    assert "still named by the escalation policy 'payments'" in words
    await erin.send(
        "/new/schedule",
        {
            "pattern": "weekly",
            "do": "save",
            "id": "spare",
            "time_zone": "UTC",
            "starts": "2026-03-02T09:00",
            "user.0": "bob",
        },
    )
    await erin.get("/schedules/spare/edit")
    answer = await erin.send("/schedules/spare/edit", {**form_of(erin.seen), "do": "delete"})
    assert "Bring it back" in await erin.says(answer)
    revision = re.findall(r"revision=(\d+)", erin.seen)[-1]
    await erin.get(f"/schedules/spare/versions?revision={revision}")
    assert "as it was" in await erin.says(await erin.send("/schedules/spare/revert", {"revision": revision}))


async def test_a_schedule_of_a_file_shows_where_it_stands_and_still_takes_overrides(rota: Site) -> None:
    text = "version: 1\nschedules:\n  - {id: filed, layers: [{id: weekly, users: [alice], starts: 2026-01-05T09:00}]}\n"
    await configuration.apply(rota.world.ctx, configuration.ITSELF, [File("filed.yaml", text)])
    erin = await rota.someone("erin")
    answer = await erin.http.get("/schedules/filed/edit")
    assert "filed.yaml:3" in await erin.says(answer)
    given = {"from": "2026-03-03T09:00", "to": "2026-03-04T09:00", "zone": "UTC", "user": "carol"}
    assert "Carol takes it" in await erin.says(await erin.send("/schedules/filed/cover", given))


async def test_a_new_schedule_from_each_pattern(rota: Site) -> None:
    erin = await rota.someone("erin")
    await erin.get("/new/schedule")
    base = {"time_zone": "Europe/Berlin", "starts": "2026-03-02T09:00"}
    fillings = {
        "weekly": {"user.0": "alice", "user.1": "bob"},
        "primary_secondary": {"user.0": "alice", "user.1": "bob"},
        "follow_the_sun": {"region.0.id": "eu", "region.0.user.0": "alice", "region.0.from": "08:00", "region.0.to": "20:00",
                           "region.1.id": "us", "region.1.user.0": "bob", "region.1.from": "20:00", "region.1.to": "08:00"},
        "by_day": {"day.mon": "alice", "day.tue": "bob"},
        "days_and_nights": {"user.0": "alice", "night.0": "bob", "from": "09:00", "to": "18:00"},
    }  # fmt: skip
    for name, filling in fillings.items():
        assert "Look ahead" in text_of(await erin.get(f"/new/schedule?pattern={name}"))
        given = {**base, "pattern": name, "id": name.replace("_", "-"), **filling}
        shown = await erin.send("/new/schedule", {**given, "do": "preview"})
        assert shown.status_code == 200
        assert 'class="rota' in shown.text
        words = await erin.says(await erin.send("/new/schedule", {**given, "do": "save"}))
        assert "Made" in words
    made = rota.world.ctx.directory.schedules
    assert {
        "weekly",
        "primary-secondary-primary",
        "primary-secondary-secondary",
        "follow-the-sun",
        "by-day",
        "days-and-nights",
    } <= made.keys()
    wrong = await erin.send("/new/schedule", {**base, "pattern": "weekly", "id": "x", "do": "save"})
    assert wrong.status_code == 422
    assert "This needs somebody" in text_of(wrong.text)


async def test_who_leaves_hands_everything_over(rota: Site) -> None:
    olga = await rota.someone("olga")
    words = text_of(await olga.get("/people"))
    assert "Alice on call: Payments" in words
    words = text_of(await olga.get("/people/alice"))
    assert "On call now: Payments" in words
    assert "Team payments" in words
    assert "Hand everything over" not in words
    erin = await rota.someone("erin")
    await erin.get("/people/alice")
    nobody = await erin.send("/people/alice/hand-over", {"to": ""})
    assert nobody.status_code == 422
    assert "cannot take over" in text_of(nobody.text)
    words = await erin.says(await erin.send("/people/alice/hand-over", {"to": "carol"}))
    assert "Carol has it now" in words
    assert on_call(rota) == "carol"
    assert "Nothing: no schedule, team or escalation policy names them" in words
    await erin.get("/people/nobody", status=404)


async def test_calendar_links_are_shown_and_revoked(rota: Site) -> None:
    alice = await rota.someone("alice")
    await alice.get(PAGE)
    await alice.says(await alice.send(f"{PAGE}/link", {"of": "schedule"}))
    await alice.says(await alice.send(f"{PAGE}/link", {"of": "user"}))
    addresses = re.findall(r"http://tocsin.test(/ical/[^<\s]+)", alice.seen)
    assert len(addresses) == 2
    for address in addresses:
        assert (await rota.stranger().http.get(address)).status_code == 200
    number = re.findall(r'name="link" value="(\d+)"', alice.seen)
    assert "Revoked" in await alice.says(await alice.send(f"{PAGE}/unlink", {"link": number[1]}))
    states = {(await rota.stranger().http.get(address)).status_code for address in addresses}
    assert states == {200, 410}
    ctx = rota.world.ctx
    owned = msgspec.structs.replace(ctx.directory.schedules["primary"], team="payments")
    ctx.directory = replace(ctx.directory, schedules={**ctx.directory.schedules, "primary": owned})
    await alice.says(await alice.send(f"{PAGE}/link", {"of": "team"}))
    assert "All shifts of the team" in text_of(alice.seen)
    assert len(set(re.findall(r"http://tocsin.test(/ical/[^<\s]+)", alice.seen)) - set(addresses)) == 1
    bob = await rota.someone("bob") if "bob" in rota.world.ctx.directory.users else alice
    assert addresses[0] not in await bob.get(PAGE)
