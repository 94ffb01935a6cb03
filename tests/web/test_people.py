"""One's own page: what reaches one, when, and what rang; changed without any JavaScript."""

from __future__ import annotations

import re

from tocsin.core.permission import Principal
from tocsin.core.spelling import plain
from tocsin.flow import digesting
from tocsin.manage import configuration, objects
from tocsin.manage.files import File

from ..fakes.phones import Sms
from ..story.world import directory
from .visitor import Site, Visitor, text_of

ADMIN = Principal("token:admin", "admin", None, "The token admin")


async def alice(site: Site) -> tuple[Visitor, Sms]:
    """Alice, made by hand, with a phone that she has not told anybody of yet."""
    sms, ctx = Sms(), site.world.ctx
    ctx.channels = {**ctx.channels, "sms": sms}  # type: ignore[dict-item]
    ctx.directory = type(ctx.directory)()
    await objects.create(ctx, ADMIN, "users", {"id": "alice", "name": "Alice Ng", "role": "responder"})
    return await site.someone("alice"), sms


async def has_phone(visitor: Visitor, sms: Sms) -> None:
    await visitor.get("/me")
    await visitor.send("/me/methods", {"type": "sms", "f-number": "+49301"})
    (code,) = re.findall(r"\d{6}", sms.to("+49301")[0].news.heading)  # type: ignore[union-attr]
    await visitor.says(await visitor.send("/me/methods/sms/verify", {"code": code}))


async def test_from_nothing_to_a_phone_that_rings(site: Site) -> None:
    visitor, sms = await alice(site)
    assert "No page can reach you." in text_of(await visitor.get("/me"))
    words = await visitor.says(await visitor.send("/me/methods", {"type": "sms", "f-number": "+49301"}))
    assert "A code is on its way" in words
    assert "Not verified: not used" in words
    (code,) = re.findall(r"\d{6}", sms.to("+49301")[0].news.heading)  # type: ignore[union-attr]
    wrong = await visitor.says(await visitor.send("/me/methods/sms/verify", {"code": "12"}))
    assert "This is not the code that was sent: 4 tries left" in wrong
    words = await visitor.says(await visitor.send("/me/methods/sms/verify", {"code": code}))
    assert "sms is verified" in words
    assert "No page can reach you." not in words
    assert "High urgency by default at once sms" in words


async def test_rules_are_edited_as_rows_and_by_template(site: Site) -> None:
    visitor, sms = await alice(site)
    await has_phone(visitor, sms)
    form = {"after-0": "2", "method-0": "sms", "after-1": "90s", "method-1": "sms", "after-2": "5m", "method-2": ""}
    words = await visitor.says(await visitor.send("/me/rules/high", form))
    assert "High urgency 1 min sms 2 min sms" in words
    words = await visitor.says(await visitor.send("/me/ladder", {"name": "insistent"}))
    assert "High urgency at once sms 1 min sms 2 min sms" in words
    words = await visitor.says(await visitor.send("/me/rules/high", {"default": "1"}))
    assert "High urgency by default at once sms" in words
    words = await visitor.says(await visitor.send("/me/rules/high", {"after-0": "soon", "method-0": "sms"}))
    assert "'soon' is not a duration" in words


async def test_quiet_hours_and_limits(site: Site) -> None:
    visitor, sms = await alice(site)
    await has_phone(visitor, sms)
    answer = await visitor.send("/me/quiet", {"from": "22:00", "to": "07:00", "day-sat": "on", "day-sun": "on"})
    assert "Saved: low urgency waits" in await visitor.says(answer)
    assert 'aria-label="Quiet from 22:00 to 07:00, beginning on sat, sun"' in visitor.seen
    assert visitor.seen.count('class="asleep"') == 4
    assert "need days" in await visitor.says(await visitor.send("/me/quiet", {"from": "22:00", "to": "07:00"}))
    assert "Quiet hours are off." in await visitor.says(await visitor.send("/me/quiet", {"off": "1"}))
    form = {"within": "2", "email": "on", "count-sms": "3", "within-sms": "30", "updates-sms": "on"}
    await visitor.says(await visitor.send("/me/limits", form))
    person = site.world.ctx.directory.users["alice"]
    assert (str(person.bundling.within), person.bundling.email, person.updates) == ("2m", True, ("sms",))
    assert [(x.type, x.count, str(x.within)) for x in person.limits] == [("sms", 3, "30m")]


async def test_what_a_file_says_is_shown_with_its_line_and_without_forms(site: Site) -> None:
    ctx = site.world.ctx
    ctx.channels = {**ctx.channels, "sms": Sms()}  # type: ignore[dict-item]
    ctx.directory = type(ctx.directory)()
    text = 'version: 1\nusers:\n  - {id: alice, contact_methods: [{id: sms, type: sms, number: "+49301"}]}\n'
    await configuration.apply(ctx, ADMIN, [File("people.yml", text)])
    visitor = await site.someone("alice")
    words = text_of(await visitor.get("/me"))
    assert "This is written in people.yml:3" in words
    assert "Remove" not in words
    assert "Test" not in await visitor.says(await visitor.send("/me/methods/sms/remove"))
    assert "A test message went out" in await visitor.says(await visitor.send("/me/methods/sms/test"))


async def test_the_history_says_what_rang_and_why(site: Site) -> None:
    visitor = await site.someone("alice")
    assert "Nothing rang yet" in text_of(await visitor.get("/me/history"))
    await site.world.fire()
    words = text_of(await visitor.get("/me/history"))
    assert "disk is broken Delivered You are on call." in words
    assert "rang" in words


async def test_what_one_was_told_stands_with_its_receipts(site: Site) -> None:
    world = site.world
    visitor = await site.someone("alice")
    assert "Nothing yet" in text_of(await visitor.get("/me/news"))
    users = [{**plain(user), "updates": ["phone"]} for user in world.ctx.directory.users.values()]
    world.ctx.directory = directory({"users": users})
    await digesting.keep_watch(world.ctx)
    await world.fire(severity="critical")
    await world.fire("label", "info")
    await world.wait(hours=23, minutes=1)
    await (erin := await site.someone("erin")).get("/me/news")
    words = text_of(erin.seen) + text_of(await (await site.someone("alice")).get("/me/news"))
    assert "Delivered" in words or "delivered" in words
    assert "disk is broken" in words
    assert '/queues?team=payments">payments: 1 waits in the queue' in erin.seen


async def test_one_link_answers_all_that_a_message_named(site: Site) -> None:
    visitor, sms = await alice(site)
    await has_phone(visitor, sms)
    world = site.world
    ctx = world.ctx
    policy = {"id": "p", "steps": [{"after": "0s", "targets": [{"user": "alice"}]}]}
    await objects.create(ctx, ADMIN, "escalation_policies", policy)
    key = {"id": "events", "type": "pagerduty", "key": "k" * 32}
    await objects.create(ctx, ADMIN, "services", {"id": "api", "escalation_policy": "p", "integrations": [key]})
    await world.send(*(world.event(key=k) for k in "abc"))
    link = sms.to("+49301")[-1].acknowledge_url
    stranger = site.stranger()
    words = text_of(await stranger.get(link))
    assert "3 incidents Acknowledge all 3" in words
    assert {(await world.incident(n))["status"] for n in (1, 2, 3)} == {"detected"}, "looking changes nothing"
    answer = await stranger.http.post(link)
    assert "You have all 3, and the paging stops." in text_of(answer.text)
    assert {(await world.incident(n))["acknowledged_by"] for n in (1, 2, 3)} == {"user:alice"}
    assert "It was answered already." in text_of((await stranger.http.post(link)).text)


async def test_the_built_in_administrator_is_told_why_there_is_no_page(site: Site) -> None:
    admin = await site.someone("admin")
    assert "nobody to be paged" in text_of(await admin.get("/me", 404))
