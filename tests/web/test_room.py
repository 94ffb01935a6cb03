"""The incident room and *Now*, without a script running: plain links and forms do everything."""

from __future__ import annotations

import re
from html import escape

from tocsin.core.incident import parse_id
from tocsin.flow import chat, roles
from tocsin.web.refilled import Form, Reader
from tocsin.web.streams import frame

from .visitor import Site, text_of


async def test_the_room_says_what_is_broken_since_when_who_was_paged_and_what_comes_next(site: Site) -> None:
    room = await site.room(title="Checkout answers with errors")
    words = text_of(await (await site.someone("alice")).get(room))
    for told in (
        "SEV1 Critical", "Unanswered", "Checkout answers with errors", "Payments API", "Alice", "Delivered",
        "Step 2 is paged in 10:00", "Bob", "phone (phone) delivered rang", "Acknowledge: I am on it", "Incident opened",
    ):  # fmt: skip
        assert told in words, told


async def test_the_room_leads_to_what_to_do_first(site: Site) -> None:
    alice = await site.someone("alice")
    page = await alice.get(await site.room(labels={"runbook": "https://runbooks.example/disk?a=1&b"}))
    assert '<a href="https://runbooks.example/disk?a=1&amp;b" rel="noreferrer noopener">Runbook</a>' in page
    assert '<a href="https://runbooks.example/disk?a=1&amp;b" rel="noreferrer noopener">What to do first</a>' in page
    page = await alice.get(await site.room(key="two", labels={"runbook_url": "javascript:alert(1)"}))
    assert "Runbook: javascript:alert(1)" in text_of(page)
    assert 'href="javascript' not in page


async def test_alice_acknowledges_by_a_plain_form_and_everybody_sees_it(site: Site) -> None:
    room = await site.room()
    alice, bob = await site.someone("alice"), await site.someone("bob")
    assert "Acknowledged." in await alice.says(await alice.send(f"{room}/acknowledge", page=room))
    words = text_of(await bob.get(room))
    assert "Alice answered at" in words
    assert "Acknowledge: I am on it" not in words
    assert "Stopped: someone answered" in words
    again = await bob.says(await bob.send(f"{room}/acknowledge"))
    assert "Already acknowledged by" in again
    assert (await site.world.incident())["acknowledged_by"] == "user:alice"


async def test_htmx_gets_the_room_drawn_anew_with_one_sentence(site: Site) -> None:
    room = await site.room()
    alice = await site.someone("alice")
    answer = await alice.send(f"{room}/acknowledge", page=room, hx_request="true")
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert 'id="messages" hx-swap-oob="true"' in answer.text
    assert "Alice answered at" in text_of(answer.text)


async def test_acknowledging_on_now_draws_now_anew_and_without_a_script_leads_back_to_it(site: Site) -> None:
    first, second = await site.room(key="one"), await site.room(key="two")
    alice = await site.someone("alice")
    drawn = await alice.send(f"{first}/acknowledge?from=now", {"from": "now"}, page="/", hx_request="true")
    assert "Alice is on it" in text_of(drawn.text)
    assert "<html" not in drawn.text
    plain = await alice.send(f"{second}/acknowledge", {"from": "now"}, page="/")
    assert plain.headers["location"] == "/"


async def test_the_life_of_an_incident_in_forms(site: Site) -> None:
    room = await site.room()
    alice = await site.someone("alice")

    async def does(action: str, **form: str) -> str:
        return await alice.says(await alice.send(f"{room}/{action}", form, page=room))

    assert "Escalated" in await does("escalate", reason="I am at the dentist")
    assert "I am at the dentist" in text_of(alice.seen)
    assert "Assigned to Carol" in await does("assign", user="carol")
    assert "Noted" in await does("note", text="See https://wiki.example/disk & <b>hurry</b>")
    assert '<a href="https://wiki.example/disk"' in alice.seen
    assert "&lt;b&gt;hurry&lt;/b&gt;" in alice.seen
    assert "Resolved" in await does("resolve", notes="Removed old logs")
    assert "Lasted" in text_of(alice.seen)
    assert "there is nothing to acknowledge" in await does("acknowledge")
    assert "Reopened" in await does("reopen", notes="It is back")
    assert "Investigating" in text_of(alice.seen)


async def test_a_form_that_is_not_right_says_so_and_changes_nothing(site: Site) -> None:
    room = await site.room()
    alice = await site.someone("alice")
    assert "write something here" in await alice.says(await alice.send(f"{room}/escalate", {"reason": " "}, page=room))
    assert "there is no user" in await alice.says(await alice.send(f"{room}/assign", {"user": "zoe"}))
    assert (await site.world.incident())["escalations_count"] == 0


async def test_no_form_of_the_room_loses_what_was_written_when_it_is_refused(site: Site) -> None:
    room = await site.room()
    number = parse_id(room.split("/")[2])
    await roles.assign(site.world.ctx, number, "user:bob", "incident_commander", "bob")
    await chat.post(site.world.ctx, number, "user:alice", "db-1 is slow")
    (entry,) = await site.world.rows("SELECT id FROM timeline WHERE kind = 'message_posted'")
    alice = await site.someone("alice")
    tried = []
    for page in (room, f"{room}/entries/{entry['id']}", f"{room}/updates", "/incidents/new"):
        for form in forms_of(await alice.get(page)):
            given, typed = filled(form)
            if typed and (said := form.tag.of("action")).startswith((room, "/incidents/new")):
                answer = await alice.send(said, given)
                assert answer.status_code in (409, 422), (said, answer.status_code)
                back = max(forms_of(answer.text), key=lambda one: one.likeness(said, given))
                assert "data-refused" in back.tag.attributes or said.endswith(("/updates", "/new")), said
                for name in typed:
                    assert escape(given[name], quote=False) in answer.text, (said, name)
                assert all("open" in fold.attributes for fold in back.folds), said
                tried.append(said.rpartition("/")[2])
    assert set(tried) >= {
        "message", "severity", "escalate", "handover", "resolve", "restore", "merge", "times", "task", "decision", "finding", "impact",
        "correct", "communications", "updates", "page", "tags", "related", "new",
    }  # fmt: skip


def forms_of(page: str) -> list[Form]:
    return Reader(page).forms


def filled(form: Form) -> tuple[dict[str, str], list[str]]:
    """What somebody sends who writes too much into every field, and the names of those fields."""
    given = {one.of("name"): one.of("value") for one in form.parts if one.of("type") == "hidden"}
    kinds = ("", "text", "datetime-local")
    areas = [one for one in form.parts if one.name == "textarea"]
    lines = [one for one in form.parts if one.name == "input" and one.of("type") in kinds]
    typed = {one.of("name"): f"{one.of('name')} <typed> " + "x" * 10_001 for one in (*areas, *lines)}
    return given | typed, list(typed)


async def test_a_refused_severity_keeps_choice_and_reason_and_asks_at_its_field(site: Site) -> None:
    room = await site.room()
    number = parse_id(room.split("/")[2])
    await roles.assign(site.world.ctx, number, "user:bob", "incident_commander", "bob")
    alice = await site.someone("alice")
    given = {"severity": "sev3_medium", "reason": "Only the <test> shop"}
    answer = await alice.send(f"{room}/severity", given, page=room)
    assert answer.status_code == 409
    for live in (answer.text, (await alice.send(f"{room}/severity", given, hx_request="true")).text):
        form = live[live.index('id="sv-severity"') : live.index("Change the severity")]
        assert '<option value="sev3_medium" selected>' in form
        assert "\nOnly the &lt;test&gt; shop</textarea>" in form
        assert 'aria-invalid="true" aria-describedby="refused-sv-confirm"' in form
        assert "Bob leads this incident" in form[form.index('id="refused-sv-confirm"') :]
    assert "It is SEV3 now" in await alice.says(await alice.send(f"{room}/severity", {**given, "confirm": "yes"}))
    assert (await alice.send(f"{room}/resolve", {"notes": ""}, page=room)).status_code == 303
    gone = await alice.send(f"{room}/escalate", {"reason": "Please <help>"}, page=room)
    assert gone.status_code == 409
    assert "You had written: Please &lt;help&gt;" in gone.text, "that form is gone, and its words are not"


async def test_other_names_of_an_incident_lead_to_its_room_and_unknown_ones_are_a_page(site: Site) -> None:
    room = await site.room()
    alice = await site.someone("alice")
    for name in (
        str(parse_id(room.split("/")[2])),
        f"INC-2026-{parse_id(room.split('/')[2]):03d}",
        room.split("/")[2].lower(),
    ):
        answer = await alice.http.get(f"/incidents/{name}")
        assert answer.headers["location"] == room
    for name in ("nonsense", "INC-00000000", "99999999999"):
        assert (
            "There is no" in (words := text_of(await alice.get(f"/incidents/{name}", 404)))
            or "is not an incident" in words
        )


async def test_now_shows_the_worst_first_and_raises_the_alarm_when_no_one_answers(site: Site) -> None:
    await site.room(key="small", severity="warning", title="A small thing")
    await site.room(key="big", severity="critical", title="A big thing")
    alice = await site.someone("alice")
    words = text_of(await alice.get("/"))
    assert words.index("A big thing") < words.index("A small thing")
    assert "2 open incidents" in words
    assert "You were paged" in words
    assert "No answer yet: Alice" in words
    assert "Next step in 10:00" in words
    await site.world.wait(minutes=30)
    alice = await site.someone("alice")
    assert "No one is answering" in text_of(await alice.get("/"))


async def test_quiet_pages_say_what_to_do_next(site: Site) -> None:
    alice = await site.someone("alice")
    assert "Nothing is on fire" in text_of(await alice.get("/"))
    assert "No incident yet" in text_of(await alice.get("/incidents"))
    assert "No alert is open" in text_of(await alice.get("/alerts"))
    assert "Nothing fits" in text_of(await alice.get("/incidents?q=zzz"))


async def test_the_list_is_searched_filtered_and_turned(site: Site) -> None:
    for n in range(55):
        await site.world.fire(key=f"k{n}", title=f"Trouble number {n}", severity="error" if n % 2 else "critical")
    alice = await site.someone("alice")
    page = await alice.get("/incidents")
    assert page.count('class="item wide') == 50
    older = re.search(r'href="(/incidents\?cursor=[^"]+)"', page)
    assert older
    assert (await alice.get(older[1])).count('class="item wide') == 5
    assert (await alice.get("/incidents?q=number 7&severity=sev2_high&status=open&service=api")).count(
        'class="item wide'
    ) == 1
    day = site.world.clock.now().strftime("%Y-%m-%d")
    assert (await alice.get(f"/incidents?from={day}&to={day}&q=number 54")).count('class="item wide') == 1
    assert "Nothing fits" in text_of(await alice.get("/incidents?to=2020-01-01"))
    for wrong in ("from=yesterday", "status=broken", "severity=awful", "cursor=!!"):
        assert "is not" in text_of(await alice.get(f"/incidents?{wrong}", 422)), wrong


async def test_declaring_pages_people_and_a_form_with_mistakes_keeps_what_was_typed(site: Site) -> None:
    alice = await site.someone("alice")
    wrong = await alice.send(
        "/incidents/new", {"title": "", "severity": "sev1_critical", "description": "Kept"}, page="/incidents/new"
    )
    assert wrong.status_code == 422
    assert "Kept" in wrong.text
    assert 'aria-invalid="true"' in wrong.text
    words = await alice.says(
        await alice.send("/incidents/new", {"title": "Phones are dead", "severity": "sev1_critical", "service": "api"})
    )
    assert "Phones are dead" in words
    await site.world.settle()
    assert site.world.phone("alice").rang()


async def test_a_test_alert_goes_the_way_of_a_real_one(site: Site) -> None:
    alice = await site.someone("alice")
    words = await alice.says(
        await alice.send("/services/api/test", {"severity": "sev1_critical"}, page="/services/api")
    )
    assert "Test alert for Payments API" in words
    await site.world.settle()
    assert site.world.phone("alice").rang()


async def test_earlier_entries_can_be_reached_without_a_script(site: Site) -> None:
    room = await site.room()
    alice = await site.someone("alice")
    for n in range(120):
        await alice.send(f"{room}/note", {"text": f"Note number {n}."}, page=room if n == 0 else None)
    page = await alice.get(room)
    assert "Note number 119." in page
    assert "Note number 3." not in page
    earlier = re.search(r'href="(/incidents/[^"]+/earlier\?before=\d+)"', page)
    assert earlier
    assert "Note number 3." in await alice.get(earlier[1])
    assert "<html" not in await alice.get(earlier[1], hx_request="true")


async def test_alerts_and_one_alert(site: Site) -> None:
    await site.world.fire(
        key="disk",
        labels={"region": "fra"},
        details={"free": "3%"},
        links=[{"href": "javascript:alert(1)", "text": "look"}],
    )
    alice = await site.someone("alice")
    page = await alice.get("/alerts")
    path = re.search(r'href="(/alerts/\d+)"', page)
    assert path
    shown = await alice.get(path[1])
    assert "region=fra" in shown
    assert "3%" in shown
    assert 'href="javascript' not in shown
    await alice.get("/alerts/999999", 404)


async def test_the_palette_finds_pages_and_incidents_by_words_and_name(site: Site) -> None:
    room = await site.room(title="Checkout is slow")
    alice = await site.someone("alice")
    assert room in await alice.get("/palette")
    assert room in await alice.get("/palette?q=checkout")
    assert room in await alice.get(f"/palette?q={room.split('/')[2]}")
    assert text_of(await alice.get("/palette?q=team")).split()[:1] == ["Teams"], "what is called so comes first"
    found = text_of(await alice.get("/palette?q=on call"))
    assert "On call" in found
    assert "Tokens" not in found
    assert "Nothing found" in text_of(await alice.get("/palette?q=zzzz"))


def test_an_event_of_the_stream_has_one_line_per_line() -> None:
    assert frame("entry", "<li>\n</li>", "7:9:") == b"id: 7:9:\nevent: entry\ndata: <li>\ndata: </li>\n\n"


async def test_the_room_explains_why_each_page_happened_and_proves_its_timeline(site: Site) -> None:
    room = await site.room()
    words = text_of(await (await site.someone("olga")).get(f"{room}/explain"))
    assert "was on call" in words
    assert "The timeline is whole: 4 entries" in words
