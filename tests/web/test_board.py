"""The room's board without a script: every form of it, what it shows afterwards, and nothing that people type gets out of its place."""

from __future__ import annotations

import re

from .visitor import Site, Visitor, text_of

ODD = "<script>alert(1)</script> \u202egnp.exe \u200b & \U0001f525 {{ 7 * 7 }}"


async def talked(visitor: Visitor, room: str, action: str, form: dict[str, str]) -> str:
    return await visitor.says(await visitor.send(f"{room}/{action}", form, page=room))


async def test_alice_works_the_whole_board(site: Site) -> None:
    room = await site.room()
    alice = await site.someone("alice")
    assert "Acting Alice" in await talked(alice, room, "acknowledge", {})
    said = await talked(alice, room, "roles", {"role": "incident_commander", "user": "alice"})
    assert "Alice is incident commander." in said
    assert "Acting Alice" not in said
    said = await talked(alice, room, "message", {"text": "db-1 is full"})
    entry = re.search(r'form="pinning" name="entry" value="(\d+)"', alice.seen)
    assert entry
    assert "Pinned as a fact." in await talked(alice, room, "pin", {"entry": entry[1]})
    assert "This entry is pinned already." in await talked(alice, room, "pin", {"entry": entry[1]})
    said = await talked(alice, room, "finding", {"text": "The rotation stopped.", "certainty": "hypothesis"})
    assert "1 fact, 1 hypothesis" in said
    finding = re.search(r'id="finding-(\d+)".*?Hypothesis', alice.seen, re.DOTALL)
    number = re.findall(r'id="finding-(\d+)"', alice.seen)[-1]
    assert finding
    said = await talked(alice, room, "settle", {"finding": number, "certainty": "refuted", "why": "it runs"})
    assert "refuted by Alice: it runs" in said
    said = await talked(
        alice, room, "task", {"text": "Free it", "owner": "bob", "check_in": "15m", "workstream": "Disks"}
    )
    assert "Disks Free it Bob check-in in 15:00" in said
    task = re.search(r'id="task-(\d+)"', alice.seen)
    assert task
    said = await talked(
        alice, room, "task/change", {"task": task[1], "state": "done", "note": "Freed", "check_in": "keep"}
    )
    assert "0 open, 1 over" in said
    said = await talked(
        alice, room, "decision", {"text": "Buy disks", "why": "they are full", "alternatives": "rotate"}
    )
    assert "Buy disks Because they are full Instead of rotate" in said
    assert "What was known then SEV1, acknowledged Fact: db-1 is full" in said
    said = await talked(alice, room, "tick", {"step": "changes"})
    assert "Ticked: Look at what changed around the onset." in said
    assert "Not ticked any more" in await talked(alice, room, "tick", {"untick": "changes"})


async def test_a_role_goes_to_whoever_is_on_call_and_reports_say_what_is_needed(site: Site) -> None:
    room = await site.room()
    bob = await site.someone("bob")
    assert "Alice is comms lead and was paged." in await talked(
        bob, room, "roles", {"role": "comms", "user": "schedule:primary"}
    )
    assert "Bob is subject matter expert." in await talked(bob, room, "roles", {"role": "sme", "user": "bob"})
    report = {"as": "can", "conditions": "The pool is full", "actions": "", "needs": "Somebody who knows pgbouncer"}
    said = await talked(bob, room, "message", report)
    assert "Conditions: The pool is full Needs: Somebody who knows pgbouncer" in said
    assert "Actions:" not in said.split("Conditions: The pool")[1].split("Incident opened")[0]
    assert "say what you see" in await talked(bob, room, "message", {"as": "can", "needs": " "})


async def test_command_is_handed_over_with_read_back(site: Site) -> None:
    room = await site.room()
    alice, bob = await site.someone("alice"), await site.someone("bob")
    await talked(alice, room, "roles", {"role": "incident_commander", "user": "alice"})
    form = {"role": "incident_commander", "user": "bob", "briefing": "We roll back."}
    assert "on its way to Bob" in await talked(alice, room, "roles/handover", form)
    words = text_of(await bob.get(room))
    assert "Alice hands over to you as incident commander. Read this back, and you have it: We roll back." in words
    said = await talked(bob, room, "roles/accept", {"role": "incident_commander", "read_back": "You roll back."})
    assert "Bob took over as incident commander from Alice. Read back: You roll back." in said


async def test_nobody_commands_is_said_in_the_room_and_on_now(site: Site) -> None:
    room = await site.room()
    alice = await site.someone("alice")
    assert "Nobody has taken command" not in text_of(await alice.get(room))
    await site.world.wait(minutes=5)
    assert "Nobody has taken command. Alice stands in as acting commander." in text_of(await alice.get(room))
    assert "Nobody commands" in text_of(await alice.get("/"))
    said = await talked(alice, room, "roles", {"role": "incident_commander", "user": "alice"})
    assert "Nobody has taken command. Alice stands in" not in said
    assert "Nobody commands" not in text_of(await alice.get("/"))


async def test_an_entry_is_corrected_on_its_own_page_and_shown_beside_it(site: Site) -> None:
    room = await site.room()
    alice = await site.someone("alice")
    await talked(alice, room, "message", {"text": "db-1 is full"})
    found = re.search(
        rf'href="({room}/entries/(\d+))">\s*<time[^>]*>[^<]*</time></a></span></p>\s*<p class="said">db-1', alice.seen
    )
    assert found, "the entry leads to its own page"
    page = await alice.get(found[1])
    assert "What should it have said?" in text_of(page)
    said = await alice.says(await alice.send(f"{room}/correct", {"entry": found[2], "text": "db-2 is full"}))
    assert "db-1 is full Corrected by Alice: db-2 is full" in said
    assert "db-1 is full Corrected by Alice" in text_of(await alice.get(found[1]))
    await alice.get(f"{room}/entries/{2**70}", 404)
    await (await site.someone("olga")).get(found[1])


async def test_entries_that_a_stakeholder_may_not_see_have_no_page_for_them(site: Site) -> None:
    room = await site.room()
    row = await site.world.row("SELECT id FROM timeline WHERE kind = 'paged' LIMIT 1")
    await (await site.someone("olga")).get(f"{room}/entries/{row['id']}")
    charlie = await site.someone("charlie")
    await charlie.get(f"{room}/entries/{row['id']}", 404)
    words = text_of(await charlie.get(room))
    assert "What we know" in words
    for hidden in ("Phases", "Around the onset", "Add the task"):
        assert hidden not in words


async def test_whatever_people_type_stays_text(site: Site) -> None:
    room = await site.room()
    alice = await site.someone("alice")
    for action, form in (
        ("message", {"text": ODD}), ("message", {"text": ODD, "as": "note"}), ("finding", {"text": ODD}),
        ("decision", {"text": ODD, "why": ODD, "alternatives": ODD}), ("task", {"text": ODD, "workstream": ODD}),
    ):  # fmt: skip
        await talked(alice, room, action, form)
    assert "<script>alert" not in alice.seen
    assert alice.seen.count("&lt;script&gt;alert(1)") >= 9
    assert "49" not in re.findall(r"{{[^}]*}}|\b49\b", text_of(alice.seen))


async def test_forged_and_empty_forms_have_a_clear_answer(site: Site) -> None:
    room = await site.room()
    alice = await site.someone("alice")
    for action, form, answer in (
        ("message", {"text": " "}, "write something here"),
        ("message", {"text": "x" * 10_001}, "shorten this to 10000 characters"),
        ("roles", {"role": "king", "user": "alice"}, "is not a role"),
        ("roles", {"role": "scribe", "user": "nobody"}, "there is no user"),
        ("pin", {"entry": "1; drop"}, "reload the page"),
        ("settle", {"finding": "", "certainty": "fact"}, "reload the page"),
        ("task", {"text": "x", "check_in": "soon"}, "is not a duration"),
        ("finding", {"text": "x", "certainty": "sure"}, "is not a certainty"),
        ("roles/accept", {"role": "scribe"}, "Nobody has offered you"),
        ("roles/withdraw", {"role": "scribe"}, "is not being handed over"),
    ):  # fmt: skip
        assert answer in await talked(alice, room, action, form), action
