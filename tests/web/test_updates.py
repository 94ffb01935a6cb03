"""Updates in the browser: written from the facts, checked while writing, published; subscriptions, promises, wording."""

from __future__ import annotations

import re

from tocsin.flow import updates
from tocsin.manage import configuration, subscriptions
from tocsin.manage.files import File, write

from .visitor import ADMIN, Site, text_of


async def answered(site: Site) -> str:
    """The room of an incident that Alice answered."""
    room = await site.room()
    await site.world.acknowledge(1)
    return room


async def test_alice_writes_an_update_from_the_facts_and_publishes_it(site: Site) -> None:
    room = await answered(site)
    alice = await site.someone("alice")
    words = text_of(await alice.get(room))
    assert "Write an update" in words
    page = await alice.get(f"{room}/updates?audience=stakeholders")
    assert "INCIDENT DETECTED - SEV-1 - disk is broken" in page
    form = {"audience": "stakeholders", "message": "Cards are <b>declined</b>.", "next": "30m", "status": "identified"}
    words = await alice.says(await alice.send(f"{room}/updates", form))
    assert "Published for stakeholders; nobody asked to be told, and no channel leads to them." in words
    assert "longer is for incidents of two hours and more" in words
    assert "Cards are &lt;b&gt;declined&lt;/b&gt;." in alice.seen
    assert (await site.world.incident(1))["status"] == "identified"
    assert "Stakeholders were told" in text_of(await alice.get(room))
    assert "Tell the end to all who were told of it" in alice.seen


async def test_what_was_written_stays_when_it_cannot_be_published(site: Site) -> None:
    room = await answered(site)
    alice = await site.someone("alice")
    await alice.get(f"{room}/updates?audience=public")
    assert "The public hears from the comms lead or the commander" in text_of(alice.seen)
    answer = await alice.send(f"{room}/updates", {"audience": "public", "message": "My own words"})
    assert answer.status_code == 422
    assert "My own words" in answer.text
    assert "take the role of comms lead" in text_of(answer.text)
    kept = await alice.says(
        await alice.send(f"{room}/updates", {"audience": "public", "message": "My own words", "act": "keep"})
    )
    assert "Kept as a draft" in kept
    assert "My own words" in alice.seen


async def test_the_language_check_speaks_while_writing(site: Site) -> None:
    room = await answered(site)
    alice = await site.someone("alice")
    await alice.get(f"{room}/updates")
    bad = "The billing microservice deployment caused a null pointer exception in the payment gateway adapter module."
    answer = await alice.send(f"{room}/updates/check", {"audience": "public", "message": bad}, hx_request="true")
    assert "null pointer exception" in answer.text
    assert "<html" not in answer.text
    written = {"audience": "stakeholders", "message": "Sorry.\nIn order to pay, call us."}
    page = await alice.send(f"{room}/updates/mend", {**written, "mend": "99"})
    place = re.search(r'value="(\d+)" formaction="[^"]*/mend[^"]*">(?:(?!</button>).)*Use “to”', page.text, re.DOTALL)
    assert place
    mended = await alice.send(f"{room}/updates/mend", {**written, "mend": place[1]})
    assert "Sorry.\nTo pay, call us.</textarea>" in mended.text


async def test_a_policy_is_ticked_and_stops_a_text_until_somebody_says_why(site: Site) -> None:
    room = await answered(site)
    await configuration.apply(site.world.ctx, ADMIN, [File("tocsin.yml", write(site.world.ctx.directory))])
    erin = await site.someone("erin")
    assert "What stops an update" in text_of(await erin.get("/updates"))
    assert "Kept" in await erin.says(await erin.send("/updates/wording", {"stakeholders.jargon": "1"}))
    alice = await site.someone("alice")
    await alice.get(f"{room}/updates")
    bad = {"audience": "stakeholders", "message": "The kubernetes pods restarted. Customers cannot pay."}
    answer = await alice.send(f"{room}/updates", bad)
    assert answer.status_code == 422
    assert "stopped by policy" in text_of(answer.text)
    assert "Or publish it all the same, because" in text_of(answer.text)
    said = await alice.says(await alice.send(f"{room}/updates", {**bad, "overrule": "They are engineers"}))
    assert "Published for stakeholders" in said
    await erin.get("/updates")
    await erin.send("/updates/wording", {})
    assert site.world.ctx.directory.wording == {}


async def test_a_stakeholder_reads_what_was_said_and_subscribes(site: Site) -> None:
    room = await answered(site)
    await updates.publish(site.world.ctx, 1, "user:erin", "stakeholders", "Cards are declined.")
    charlie = await site.someone("charlie")
    words = text_of(await charlie.get(f"{room}/updates"))
    assert "Cards are declined." in words
    assert "Publish" not in words
    form = {"severity": "sev1_critical", "audience": "stakeholders"}
    assert "add one first" in await charlie.says(await charlie.send("/subscriptions", form, page="/updates"))
    bob = await site.someone("bob")
    words = await bob.says(await bob.send("/subscriptions", form, page="/updates"))
    assert "You are told of every service from now on." in words
    assert "SEV1" in words
    mine = await subscriptions.list_subscriptions(site.world.ctx, ADMIN, "*")
    end = str(mine["items"][0]["id"])
    assert "not told of these any more" in await bob.says(await bob.send("/subscriptions", {"end": end}))


async def test_promises_are_shown_over_a_period(site: Site) -> None:
    await answered(site)
    for minutes in (5, 40):
        await updates.publish(site.world.ctx, 1, "user:alice", "stakeholders", "Cards are declined.")
        await site.world.wait(minutes=minutes)
    words = text_of(await (await site.someone("olga")).get("/updates?days=7"))
    assert "50 %" in words
    assert "1 broken" in words
    assert "None is configured. Add some under channels" in words


async def test_erin_changes_the_wording_and_goes_back(site: Site) -> None:
    await configuration.apply(site.world.ctx, ADMIN, [File("tocsin.yml", write(site.world.ctx.directory))])
    erin, place = await site.someone("erin"), "/update-templates/update/executives"
    words = text_of(await erin.get(place))
    assert "The built-in wording counts." in words
    assert "Carol Diaz is in command" in words
    wrong = await erin.send(place, {"body": "{{ title.__class__ }}", "act": "save"})
    assert wrong.status_code == 422
    assert "not allowed here" in text_of(wrong.text)
    assert "title.__class__" in wrong.text
    poor = await erin.send(place, {"body": "{{ severity }}: {{ impact }}", "act": "save"})
    assert "it does not say when the next update comes: use {{ next_update }}" in text_of(poor.text)
    shown = await erin.send(place, {"body": "{{ severity }} <i>{{ title }}</i>", "act": "preview"})
    assert "SEV-1 &lt;i&gt;Card payments fail&lt;/i&gt;" in shown.text
    assert "Your own wording counts." in await erin.says(
        await erin.send(place, {"body": "{{ severity }}: {{ impact }} {{ next_update }}", "act": "save"})
    )
    assert "The built-in wording counts." in await erin.says(await erin.send(place, {"act": "reset"}))
    olga = await site.someone("olga")
    assert "Keep it" not in text_of(await olga.get(place))
    assert (await olga.send(place, {"body": "x"}, page="/account")).status_code == 403
