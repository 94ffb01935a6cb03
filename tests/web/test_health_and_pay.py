"""On-call health and pay in the browser."""

from __future__ import annotations

from tocsin.core.spelling import plain

from ..story.world import directory
from .visitor import Site, text_of


async def test_one_tap_on_an_alert_and_another_takes_it_back(site: Site) -> None:
    room = await site.room()
    alice = await site.someone("alice")
    words = text_of(await alice.get(room))
    assert "Useful Noise Tune" in words.replace("  ", " ")
    assert "Noted: noise." in await alice.says(
        await alice.send("/alerts/1/verdict", {"verdict": "noise", "next": room})
    )
    assert 'aria-pressed="true"' in alice.seen
    assert "Taken back." in await alice.says(await alice.send("/alerts/1/verdict", {"verdict": ""}, page="/alerts/1"))
    olga = await site.someone("olga")
    assert "Useful" not in text_of(await olga.get("/alerts/1"))


async def test_alice_sees_herself_and_olga_only_groups(site: Site) -> None:
    for key in ("a", "b", "c"):
        await site.world.fire(key)
    await site.world.wait(minutes=1)
    alice = text_of(await (await site.someone("alice")).get("/health"))
    assert "only you see this" in alice
    assert "limit 2" in alice
    olga = text_of(await (await site.someone("olga")).get("/health"))
    assert "would be somebody's own" in olga
    assert "Over the limit" not in olga


async def test_erin_sets_rates_and_everybody_sees_what_is_theirs(site: Site) -> None:
    await site.world.wait(days=2)
    erin, alice = await site.someone("erin"), await site.someone("alice")
    wrong = await erin.send(
        "/pay/rates",
        {"valid_from": "2026-01-01", "currency": "EUR", "idle.night": "much", "paged.night": "more"},
        page="/pay",
    )
    assert wrong.status_code == 422
    assert "'much' is not an amount" in text_of(wrong.text)
    assert "'more' is not an amount" in text_of(wrong.text), "all of it at once"
    assert "2 fields cannot be used" in text_of(wrong.text)
    form = {"valid_from": "2026-01-01", "currency": "eur", "idle.night": "5.00"}
    assert "From 2026-01-01 on" in await erin.says(await erin.send("/pay/rates", form))
    assert "Alice" in text_of(await erin.get("/pay"))
    words = text_of(await alice.get("/pay"))
    assert "Only your own" in words
    assert "EUR" in words
    answer = await alice.http.get("/pay/report.csv?month=2026-03")
    assert answer.text.splitlines()[1].startswith("alice,Alice,UTC,2026-03-01,2026-04-01,")
    assert "Nothing in this month" in text_of(await alice.get("/pay?month=2025-01"))
    gone = await erin.says(await erin.send("/pay/rates/remove", {"valid_from": "2026-01-01"}, page="/pay"))
    assert "Removed the rates from 2026-01-01 on" in gone
    assert "No rates yet" in gone
    again = await erin.send("/pay/rates/remove", {"valid_from": "2026-01-01"})
    assert "No rates begin on 2026-01-01" in await erin.says(again)


async def test_a_schedule_shows_who_carries_how_much_and_its_limits(site: Site) -> None:
    layer = {"id": "weekly", "users": ["alice"], "starts": "2026-01-05T09:00"}
    users = site.world.ctx.directory.users
    site.world.ctx.directory = directory(
        {"schedules": [{"id": "primary", "layers": [layer]}], "users": [plain(u) for u in users.values()]}
    )
    words = text_of(await (await site.someone("olga")).get("/schedules/primary"))
    for part in ("Who carries how much", "Alice", "Too long at a stretch", "add people to the rotation"):
        assert part in words, part
