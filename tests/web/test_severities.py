"""The severity matrix in the browser: everybody who sees the configuration reads it, managers change it and see the difference first."""

from __future__ import annotations

import re
from html import unescape

import pytest

from tocsin.core.matrix import matrix_of
from tocsin.core.severity import Severity
from tocsin.manage import configuration
from tocsin.manage.files import File, write

from .test_policies import form_of
from .visitor import ADMIN, Site, text_of


@pytest.fixture
async def stored(site: Site) -> Site:
    """The organisation stands in the database, from a file that says nothing of severities."""
    ctx = site.world.ctx
    text = write(ctx.directory).replace("services:", "services:\n- {id: byhand}", 1)
    await configuration.apply(ctx, ADMIN, [File("tocsin.yml", text)])
    return site


async def test_the_matrix_is_read_by_who_sees_the_configuration(stored: Site) -> None:
    olga = await stored.someone("olga")
    words = text_of(await olga.get("/severities"))
    assert "Acknowledge within 5m 15m 1h 4h" in words
    assert "mon-fri 09:00-17:00" in words
    assert "Nobody yet: these are the defaults." in words
    assert "Change" not in words
    charlie = await stored.someone("charlie")
    await charlie.get("/severities", status=403)
    await olga.get("/severities/sev1_critical", status=403)


async def test_the_queue_of_a_team_is_seen_by_everybody(site: Site) -> None:
    charlie = await site.someone("charlie")
    assert "Nothing waits" in text_of(await charlie.get("/queues"))
    await site.world.fire("label", "info", title="A <label> is wrong")
    words = text_of(await charlie.get("/queues"))
    assert "1 waiting · owned by Erin · next digest" in words
    assert "Nobody has it yet: acknowledge by" in words
    assert "A &lt;label&gt; is wrong" in charlie.seen
    await charlie.get("/queues?team=nobody", status=404)


async def test_a_manager_sees_the_difference_and_saves_it(stored: Site) -> None:
    erin = await stored.someone("erin")
    html = await erin.get("/severities/SEV1")
    form = dict(re.findall(r'<input id="f-\w+" name="(\w+)" value="([^"]*)"', html))
    form |= {
        name: re.findall(rf'name="{name}".*?value="(\w+)" selected', html)[0]
        for name in ("page", "progress", "top", "review")
    }
    wanted = {**form, "response_time": "3m", "who": ""}
    shown = text_of((await erin.send("/severities/SEV1", {**wanted, "act": "preview"})).text)
    assert "This would change" in shown
    assert "Acknowledge within: 5m → 3m" in shown
    assert matrix_of(stored.world.ctx.directory, None)[Severity.SEV1].response_time == 300, "nothing is saved yet"
    said = await erin.says(await erin.send("/severities/SEV1", {**wanted, "act": "save"}))
    assert "SEV1 changed: 1 field" in said
    assert "3m instead of 5m" in said
    assert "Who changed it Erin" in said
    assert matrix_of(stored.world.ctx.directory, None)[Severity.SEV1].response_time == 180
    again = text_of((await erin.send("/severities/SEV1", {**wanted, "act": "save"}, page="/severities/SEV1")).text)
    assert "Nothing would change" in again
    fewer = {
        **wanted,
        "audiences.chosen": "yes",
        "audiences.responders": "yes",
        "audiences.public": "yes",
        "act": "save",
    }
    assert "SEV1 changed: 1 field" in await erin.says(
        await erin.send("/severities/SEV1", fewer, page="/severities/SEV1")
    )
    assert str(matrix_of(stored.world.ctx.directory, None)[Severity.SEV1].audiences) == "Audiences(responders, public)"


async def test_what_cannot_be_used_is_said_at_its_field_and_kept_in_the_form(stored: Site) -> None:
    erin = await stored.someone("erin")
    answer = await erin.send("/severities/SEV2", {"response_time": "soon", "who": "Us <all>"}, page="/severities/SEV2")
    assert answer.status_code == 422
    assert "'soon' is not a duration" in text_of(answer.text)
    assert 'value="soon"' in answer.text
    assert "Us &lt;all&gt;" in answer.text


async def test_a_service_of_a_file_is_changed_in_the_file(stored: Site) -> None:
    erin = await stored.someone("erin")
    words = text_of(await erin.get("/services/api/severities"))
    assert "Written in tocsin.yml:" in words
    answer = await erin.send(
        "/services/api/severities/1", {"page": "never", "act": "save"}, page="/services/api/severities/1"
    )
    assert answer.status_code == 422
    assert "change it there and apply the file again" in text_of(answer.text)
    await erin.get("/services/ghost/severities", status=404)


async def test_the_room_says_until_when_somebody_should_answer(stored: Site) -> None:
    room = await stored.room(severity="critical")
    alice = await stored.someone("alice")
    words = text_of(await alice.get(room))
    assert "Answer within 5m" in words
    await stored.world.wait(minutes=6)
    words = text_of(await alice.get(room))
    assert "Not answered within 5m" in words
    assert "Update due" in words


async def test_the_business_hours_of_a_team_are_changed_where_people_see_them(site: Site) -> None:
    """The world stands at 10:00 UTC on Monday, 2 March 2026."""
    ctx = site.world.ctx
    wanted = ctx.directory
    await configuration.change(ctx, configuration.ITSELF, lambda _: wanted)
    erin = await site.someone("erin")
    assert "payments In business hours they end" in text_of(await erin.get("/teams"))
    words = text_of(await erin.get("/teams/payments"))
    assert "Nothing is written, so the default holds: Monday to Friday, 09:00 to 17:00" in words
    form = form_of(erin.seen)
    typed = {
        **form,
        "fri.from": "09:00",
        "fri.to": "15:00",
        "holiday.0.day": "2026-03-02",
        "holiday.0.name": "Town <day>",
    }
    more = await erin.send("/teams/payments/hours", {**typed, "do": "holiday"})
    assert 'name="holiday.1.day"' in more.text, "one line more, and nothing typed is lost"
    assert "Town &lt;day&gt;" in more.text

    bad = await erin.send("/teams/payments/hours", {**typed, "fri.to": "3 pm", "do": "save"})
    assert bad.status_code == 422
    assert "'3 pm' is not a time of day: write" in unescape(bad.text)
    assert bad.text.count('aria-invalid="true"') == 2, "Friday's two times, and no other day's"
    bad = await erin.send("/teams/payments/hours", {**typed, "time_zone": "Berlin", "do": "save"})
    assert "did you mean 'Europe/Berlin'?" in unescape(bad.text)
    twice = {**typed, "holiday.1.day": "2026-03-02", "do": "save"}
    assert 'id="w-holiday-1"' in (await erin.send("/teams/payments/hours", twice)).text

    said = await erin.says(
        await erin.send("/teams/payments/hours", {**typed, "time_zone": "Europe/Berlin", "do": "save"})
    )
    assert "Outside business hours Town <day> they begin Tue 3 Mar 08:00 UTC" in said
    assert "mon-thu 09:00-17:00, fri 09:00-15:00 Europe/Berlin" in said
    late = await erin.send("/teams/payments/hours", {**typed, "do": "save"})
    assert (late.status_code, "Somebody changed these hours" in late.text) == (409, True)
    olga = await site.someone("olga")
    assert "Change them" not in text_of(await olga.get("/teams/payments"))
    assert "Town <day>" in text_of(await olga.get("/services/api/severities"))
    assert "/teams/payments" in await olga.get("/people/erin")
    base = re.search(r'name="base" value="(\w+)"', await erin.get("/teams/payments"))
    assert base
    gone = await erin.send("/teams/payments/hours", {"base": base[1], "do": "default"})
    assert "so the default holds" in await erin.says(gone)
    base = re.search(r'name="base" value="(\w+)"', erin.seen)
    assert base

    await configuration.apply(ctx, ADMIN, [File("tocsin.yml", write(ctx.directory))])
    shown = text_of(await erin.get("/teams/payments"))
    assert "Written in tocsin.yml:" in shown
    assert "Change them" not in shown
    refused = await erin.send("/teams/payments/hours", {"base": base[1], "do": "default"}, page="/account")
    assert "is written in tocsin.yml:" in unescape(refused.text)
    await erin.get("/teams/ghost", status=404)
