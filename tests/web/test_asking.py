"""Asking people for help, and for quiet, from the room: plain forms, each with one sentence back."""

from __future__ import annotations

from .visitor import Site, text_of


async def test_a_snooze_is_seen_and_ended_with_one_button(site: Site) -> None:
    room = await site.room()
    alice, bob = await site.someone("alice"), await site.someone("bob")
    assert "Snoozed for 30m" in await alice.says(await alice.send(f"{room}/snooze", {"for": "30m"}, page=room))
    words = text_of(await bob.get(room))
    assert "by Alice. Nothing rings" in words
    assert "End the snooze" in words
    assert "The snooze is over" in await bob.says(await bob.send(f"{room}/unsnooze"))
    assert "is not a duration" in await alice.says(await alice.send(f"{room}/snooze", {"for": "soon"}, page=room))


async def test_a_handover_is_accepted_with_one_button(site: Site) -> None:
    room = await site.room()
    alice, bob = await site.someone("alice"), await site.someone("bob")
    await alice.send(f"{room}/acknowledge", page=room)
    told = await alice.says(await alice.send(f"{room}/handover", {"user": "bob", "reason": "my shift ends"}))
    assert "It stays with Alice until they accept. my shift ends" in told
    words = text_of(await bob.get(room))
    assert "Alice asks you to take over. my shift ends Accept: it is mine now Decline" in words
    assert "Bob has the incident now" in await bob.says(await bob.send(f"{room}/acknowledge"))
    assert (await site.world.incident())["assignee"] == "bob"


async def test_somebody_is_paged_from_the_room_and_says_that_they_come(site: Site) -> None:
    room = await site.room()
    alice, bob = await site.someone("alice"), await site.someone("bob")
    await alice.send(f"{room}/acknowledge", page=room)
    told = await alice.says(await alice.send(f"{room}/page", {"whom": "user:bob", "reason": "the replica"}))
    assert "Paged Bob" in told
    assert "asked for directly" in told
    await site.world.settle()
    assert "You were asked to join. Alice: the replica I am coming" in text_of(await bob.get(room))
    told = await bob.says(await bob.send(f"{room}/acknowledge"))
    assert "Helping: Bob" in told
    assert "You were asked to join" not in told
    told = await alice.says(await alice.send(f"{room}/responders/remove", {"user": "bob"}, page=room))
    assert "Helping" not in told
    told = await alice.says(await alice.send(f"{room}/page", {"whom": "nobody", "reason": "x"}))
    assert "choose whom to page" in told


async def test_assigning_may_page_and_responders_are_added(site: Site) -> None:
    room = await site.room()
    alice = await site.someone("alice")
    told = await alice.says(await alice.send(f"{room}/assign", {"user": "carol", "page": "yes"}, page=room))
    assert "Assigned to Carol, who was paged" in told
    told = await alice.says(await alice.send(f"{room}/responders", {"user": "bob"}))
    assert "Helping: Bob" in told


async def test_a_sev2_that_is_not_restored_offers_the_next_tier_with_one_tap(site: Site) -> None:
    room = await site.room(severity="error")
    alice = await site.someone("alice")
    await alice.send(f"{room}/acknowledge", page=room)
    await site.world.wait(minutes=30)
    assert "Not restored in time. Escalate to" not in text_of(await alice.get(room)), "no tier stands above on call"


async def test_declaring_may_page_somebody_besides(site: Site) -> None:
    alice = await site.someone("alice")
    form = {"title": "Checkout", "severity": "sev4_low", "service": "api", "page": "user:carol"}
    told = await alice.says(await alice.send("/incidents/new", form, page="/incidents/new"))
    assert "Carol" in told
    await site.world.settle()
    assert site.world.phone("carol").rang()
    answer = await alice.send("/incidents/new", {**form, "page": "user:zoe"}, page="/incidents/new")
    assert answer.status_code == 422
    assert "there is no user" in text_of(answer.text)


async def test_all_hands_is_offered_on_a_sev1_only(site: Site) -> None:
    room = await site.room()
    alice = await site.someone("alice")
    assert "Call all hands" in text_of(await alice.get(room))
    told = await alice.says(await alice.send(f"{room}/allhands", {"reason": "all is down"}))
    assert "Nobody else is on call" in told or "All hands: paged" in told
    other = await site.room(key="other", severity="error")
    assert "Call all hands" not in text_of(await alice.get(other))


async def test_the_link_of_a_page_answers_what_was_asked_of_this_very_person(site: Site) -> None:
    room = await site.room()
    alice = await site.someone("alice")
    await alice.send(f"{room}/acknowledge", page=room)
    await alice.send(f"{room}/handover", {"user": "bob", "reason": "my shift ends"})
    await site.world.settle()
    link = site.world.phone("bob").last.acknowledge_url.removeprefix(site.world.ctx.settings.external_url)
    stranger = site.stranger()
    words = text_of(await stranger.get(link))
    assert "Alice: my shift ends" in words
    assert "Accept: it is mine now" in words
    answer = await stranger.http.post(link)
    assert answer.status_code == 200
    assert "Bob has the incident now." in text_of(answer.text)
    assert (await site.world.incident())["assignee"] == "bob"
    again = text_of((await stranger.http.post(link)).text)
    assert "It was answered already" in again
