"""The link in a page: opening it changes nothing; posting to it, with nothing else, acknowledges."""

from __future__ import annotations

from urllib.parse import urlsplit

from tocsin.core.spelling import plain
from tocsin.flow import merge

from ..story.world import directory
from .visitor import Site, text_of


async def link_of(site: Site) -> str:
    await site.world.fire(labels={"runbook": "https://runbooks.example/disk"})
    return urlsplit(site.world.phone("alice").last.acknowledge_url).path


async def test_get_and_head_never_change_anything(site: Site) -> None:
    link = await link_of(site)
    scanner = site.stranger()
    words = text_of(await scanner.get(link))
    assert "disk is broken" in words
    assert "You answer as Alice" in words
    head = await scanner.http.head(link)
    assert (head.status_code, head.content) == (200, b"")
    assert (await site.world.incident())["status"] == "detected"


async def test_a_post_with_nothing_but_the_link_acknowledges_as_the_person_paged(site: Site) -> None:
    link = await link_of(site)
    answer = await site.stranger().http.post(link)
    assert answer.status_code == 200
    assert "Acknowledged. You have it" in text_of(answer.text)
    assert 'href="https://runbooks.example/disk"' in answer.text, "what to do first is one tap away"
    row = await site.world.incident()
    assert (row["status"], row["acknowledged_by"]) == ("acknowledged", "user:alice")


async def test_again_and_after_the_end_it_answers_200_politely(site: Site) -> None:
    link = await link_of(site)
    phone = site.stranger()
    await phone.http.post(link)
    again = await phone.http.post(link, content=b"\x00 any body", headers={"content-type": "application/json"})
    assert again.status_code == 200
    assert "answered already" in text_of(again.text)
    await site.world.ends()
    over = await phone.http.post(link)
    assert over.status_code == 200
    assert "It is over" in text_of(over.text)
    assert "It is over" in text_of(await phone.get(link))


async def test_the_link_of_a_page_goes_where_its_incident_was_merged(site: Site) -> None:
    """The other one still pages: nobody is told that it is over, and whoever takes it has it."""
    world = site.world
    first = await world.fire("first")
    link = urlsplit(world.phone("alice").last.acknowledge_url).path
    target = (await world.fire("second", service="grouped", labels={"cluster": "eu"})).incident
    await merge.merge(world.ctx, first.incident or 0, "user:bob", target or 0)
    phone = site.stranger()
    assert "Acknowledge: I am on it" in text_of(await phone.get(link))
    assert "You have it" in text_of((await phone.http.post(link)).text)
    assert (await world.incident(target))["acknowledged_by"] == "user:alice"


async def test_a_link_that_was_changed_is_not_found(site: Site) -> None:
    link = await link_of(site)
    stranger = site.stranger()
    for wrong in (
        "/a/1",
        "/a/x.y",
        link[:-1],
        link[:-1] + ("a" if link[-1] != "a" else "b"),
        "/a/%00",
        "/a/99999999999999999999.aa",
    ):
        assert (await stranger.http.post(wrong)).status_code == 404, wrong
        await stranger.get(wrong, 404)
    assert (await site.world.incident())["status"] == "detected"


async def test_the_link_is_not_told_to_other_sites(site: Site) -> None:
    answer = await site.stranger().http.get(await link_of(site))
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"


async def test_whoever_leads_a_sev2_escalates_by_the_link_they_were_sent(site: Site) -> None:
    world = site.world
    users = [plain(user) for user in world.ctx.directory.users.values()]
    users = [{**user, "updates": ["phone"]} if user["id"] == "alice" else user for user in users]
    steps = [{"targets": [{"schedule": "primary"}]}, {"after": "15m", "tier": "senior", "targets": [{"user": "bob"}]}]
    world.ctx.directory = directory({"users": users, "escalation_policies": [{"id": "payments", "steps": steps}]})
    number = (await world.fire(severity="error")).incident
    assert number is not None
    await world.acknowledge(number)
    await world.wait(minutes=30)
    (asked,) = [m for m in world.phone("alice").messages if m.news is not None]
    link = asked.news.url.removeprefix("http://tocsin.test") if asked.news else ""
    stranger = site.stranger()
    words = text_of(await stranger.get(link))
    assert "You decide as Alice" in words
    assert world.phone("bob").times == 0, "looking does nothing"
    cut = await stranger.http.get(link[:-1])
    assert cut.status_code == 404
    assert (await stranger.http.get(link.replace(".alice.", ".erin."))).status_code == 404
    done = await stranger.http.post(link, data={"reason": "The bank is silent"})
    assert done.status_code == 200
    assert "Escalated to" in text_of(done.text)
    await world.settle()
    assert world.phone("bob").times == 1
    again = await stranger.http.post(link)
    assert (again.status_code, "This was decided already" in text_of(again.text)) == (200, True)
    assert world.phone("carol").times == 0
    (entry,) = await world.rows("SELECT actor, details FROM timeline WHERE kind = 'escalated'")
    assert entry["actor"] == "user:alice"
    assert "The bank is silent" in entry["details"]
