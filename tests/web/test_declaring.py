"""The page that declares an incident, and the impact in its room."""

from __future__ import annotations

import re

from tocsin.manage import imports

from .visitor import Site, text_of


async def test_without_javascript_the_computed_severity_is_seen_before_anything_is_sent(site: Site) -> None:
    alice = await site.someone("alice")
    await alice.get("/incidents/new")
    given = {
        "title": "Checkout fails",
        "what": "Nobody can pay",
        "service": "api",
        "q-critical_features_out": "yes",
        "percent": "12 %",
    }
    page = (await alice.send("/incidents/new", given)).text
    said = text_of(page)
    assert "This is what your answers mean" in said
    assert "SEV2, because: critical features out while the core works, 12% of users (SEV2 from 10%)" in said
    assert "Declare SEV2 and page" in said
    seen = re.search(r'name="seen" value="(\w+)"', page)
    assert seen is not None
    again = await alice.send("/incidents/new", {**given, "seen": seen[1]})
    assert again.status_code == 303
    room = text_of(await alice.get(again.headers["location"]))
    assert "Nobody can pay" in room
    assert "First minutes" in room
    assert "critical features out while the core works" in room


async def test_htmx_shows_what_answers_mean_and_declares_nothing(site: Site) -> None:
    alice = await site.someone("alice")
    await alice.get("/incidents/new")
    given = {"title": "Odd", "service": "api", "q-breach": "unsure", "seen": "sev1_critical"}
    page = await alice.send("/incidents/new", given, HX_Request="true")
    said = text_of(page.text)
    assert "It becomes private" in said
    assert "Nothing fits" in text_of(await alice.get("/incidents?q=Odd"))


async def test_a_milder_severity_needs_a_reason_and_bad_numbers_are_named(site: Site) -> None:
    alice = await site.someone("alice")
    await alice.get("/incidents/new")
    given = {"title": "Odd", "service": "api", "percent": "60", "severity": "sev4_low"}
    answer = await alice.send("/incidents/new", given)
    assert (answer.status_code, "say why SEV4 is enough" in text_of(answer.text)) == (422, True)
    answer = await alice.send("/incidents/new", {**given, "severity_reason": "Only robots"})
    assert answer.status_code == 303
    answer = await alice.send("/incidents/new", {**given, "percent": "lots"})
    assert (answer.status_code, "is not a number" in text_of(answer.text)) == (422, True)
    answer = await alice.send("/incidents/new", {"title": "x", "service": "api"})
    assert (answer.status_code, "answer a question" in text_of(answer.text)) == (422, True)


async def test_the_past_is_offered_while_declaring_and_in_the_room(site: Site) -> None:
    alice = await site.someone("alice")
    await alice.get("/incidents/new")
    old = {
        "title": "Connection pool exhausted",
        "service": "api",
        "severity": "sev3_medium",
        "workaround": "Restart <b>it</b>",
    }
    await alice.send("/incidents/new", old)
    page = (await alice.send("/incidents/new", {"title": "The connection pool is exhausted", "step": "check"})).text
    assert "Restart &lt;b&gt;it&lt;/b&gt;" in page
    made = await alice.send("/incidents/new", {**old, "title": "Connection pool exhausted again", "workaround": ""})
    room = made.headers["location"]
    assert "Restart" in text_of(await alice.get(f"{room}/similar"))
    part = await alice.get(f"{room}/similar", HX_Request="true")
    assert "<html" not in part


async def test_in_the_room_the_impact_is_learnt_and_suggests(site: Site) -> None:
    alice = await site.someone("alice")
    await alice.get("/incidents/new")
    made = await alice.send(
        "/incidents/new", {"title": "Slow", "service": "api", "severity": "sev3_medium", "percent": "2"}
    )
    room = made.headers["location"]
    await alice.send(f"{room}/impact", {"what": "Nobody can pay", "percent": "70"})
    page = text_of(await alice.get(room))
    assert "it is SEV3: raise it" in page
    assert "Raise to SEV1" in page
    await alice.send(f"{room}/suggested", {"severity": "sev1_critical", "reason": "70% now"})
    page = text_of(await alice.get(room))
    assert "Raise to SEV1" not in page
    await alice.send(f"{room}/tags", {"add": "Peak, money"})
    await alice.send(f"{room}/tags", {"remove": "peak"})
    assert ">money " in re.sub(r"\s+", " ", await alice.get(room))


async def test_an_imported_incident_says_where_it_comes_from(site: Site) -> None:
    items = [{"title": "Old", "external_id": "<b>J-1</b>", "resolved_at": "2025-01-02"}]
    told = await imports.take(site.world.ctx, "user:ada", items, "Jira")
    alice = await site.someone("alice")
    page = await alice.get(f"/incidents/{told['items'][0]['id']}")
    assert "where it comes from it is &lt;b&gt;J-1&lt;/b&gt;" in page
    assert "First minutes" not in page


async def test_past_incidents_come_in_by_a_form(site: Site) -> None:
    place, admin = "/incidents/import", await site.someone("ada")
    assert place in await admin.get("/incidents")
    table = "external_id,title,severity,affected_services,resolved_at,percent\nJIRA-1,The pool is full,SEV1,api,{},80\n"
    wrong = await admin.send(place, {"text": table.format("yesterday") + "JIRA-2,A disk,SEV9,,,\n"}, page=place)
    words = text_of(wrong.text)
    assert (wrong.status_code, "Nothing was imported 3 problems" in words) == (422, True), words
    assert "Line 2 resolved_at" in words
    assert "Line 3 severity" in words
    assert "The pool is full" in wrong.text, "what was pasted stays"
    assert await site.world.incident() is None
    token = {"_csrf": re.findall(r'name="_csrf" value="([^"]+)"', await admin.get(place))[0]}
    file = {"file": ("past.csv", table.format("2025-11-20T15:45:00Z").encode(), "text/csv")}
    made = await admin.http.post(place, data={**token, "source": "Jira"}, files=file)
    assert "1 imported. Nobody was paged or told." in await admin.says(made)
    row = await site.world.incident()
    assert (row["title"], row["status"], row["impact"]) == ("The pool is full", "resolved", {"percent": 80})
    again = await admin.http.post(place, data=token, files=file)
    assert "0 imported, 1 was there already" in await admin.says(again)
    assert not site.world.phone("alice").rang()
    assert (await (await site.someone("alice")).http.get(place)).status_code == 403
