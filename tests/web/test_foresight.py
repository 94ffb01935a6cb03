"""The pages of foresight: what would go wrong, who would be paged, drills, and one person's minute."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from tocsin.web import futures

from .visitor import Site, text_of

NIGHT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
AT = "2026-03-02T22:00"


def item(minutes: float, user: str = "ann", step: int = 1, method: str = "hook") -> dict[str, object]:
    at = (NIGHT + timedelta(minutes=minutes)).isoformat()
    return {"at": at, "user": user, "method": method, "step": step, "tier": "on_call", "reason": "on_call_schedule"}


def rehearsed(*items: dict[str, object], pages: list[dict[str, object]] | None = None) -> dict[str, object]:
    rungs = [
        {"at": i["at"], "step": i["step"], "people": [{"user": i["user"]}]}
        for i in (pages if pages is not None else items)
    ]
    return {"at": NIGHT.isoformat(), "items": list(items), "cases": [{"rungs": rungs}]}


def test_a_drawing_has_a_lane_for_each_person_and_true_distances() -> None:
    items = [item(0), item(2), item(10, "ben", 2), item(20, "ann", 3, "")]
    drawn = futures.drawing(rehearsed(*items, pages=[items[0], *items[2:]]), {"ann": "Ann"})
    assert [lane.name for lane in drawn.lanes] == ["Ann", "ben"]
    ann = drawn.lanes[0].marks
    assert [(m.step, m.first, m.tone) for m in ann] == [(1, True, ""), (1, False, ""), (3, True, "lost")]
    places = [float(m.x.rstrip("%")) for m in ann]
    assert places[0] == futures.FIRST
    assert places[2] == futures.LAST
    assert (places[1] - places[0]) * 10 == round((places[2] - places[0]), 2)
    assert [tick.label for tick in drawn.ticks] == ["0", "+2′", "+10′", "+20′"]
    assert drawn.cuts == ()


def test_a_night_in_which_nothing_happens_is_cut_out() -> None:
    drawn = futures.drawing(rehearsed(item(0), item(300), item(310, step=2), item(310, "ben", 2)), {})
    (cut,) = drawn.cuts
    places = [float(m.x.rstrip("%")) for m in drawn.lanes[0].marks]
    assert places[0] < float(cut.rstrip("%")) < places[1] < places[2] == futures.LAST
    assert places[2] - places[1] > 40
    assert [tick.label for tick in drawn.ticks] == ["0", "+5 h", "+10′"]
    assert [m.first for m in drawn.lanes[0].marks] == [True, True, True]
    assert futures.drawing(rehearsed(), {}).lanes == ()


def test_bands_stay_within_the_days_and_can_be_seen() -> None:
    end = NIGHT + timedelta(days=90)
    span = {"from": NIGHT.isoformat(), "to": (NIGHT + timedelta(minutes=1)).isoformat()}
    (band,) = futures.bands([span], NIGHT, end)
    assert (band.x, band.width) == ("0.00%", "0.35%")
    past = {"from": (NIGHT - timedelta(days=9)).isoformat(), "to": (NIGHT + timedelta(days=900)).isoformat()}
    assert [(b.x, b.width) for b in futures.bands([past], NIGHT, end)] == [("0.00%", "100.00%")]


async def test_check_tells_and_draws(site: Site) -> None:
    olga = await site.someone("olga")
    words = text_of(await olga.get("/check"))
    assert "What would go wrong" in words
    assert "In the next 90 days: 1 risk." in words
    assert "Alice holds every shift of primary for 90 days" in words
    page = await olga.get("/check?days=30&team=payments")
    assert '<option value="30" selected>' in page
    assert '<option value="payments" selected>' in page


async def test_a_rehearsal_by_address_and_by_form(site: Site) -> None:
    olga = await site.someone("olga")
    assert "Who would be paged" in text_of(await olga.get("/rehearse"))
    page = await olga.get(f"/rehearse?service=api&severity=sev1_critical&at={AT}")
    words = text_of(page)
    assert "Alice is paged first, loudly." in words
    assert "Taken for granted: Every message is delivered, and nobody answers. Nothing else is open then" in words
    for name in ("Alice", "Bob", "Carol", "Erin"):
        assert f"{name} by phone" in words
    assert page.count('class="mark "') == 4
    assert "no service" in text_of(await olga.get("/rehearse?service=nope", 422))
    payload = {
        "routing_key": "k" * 32,
        "event_action": "trigger",
        "payload": {"summary": "Disk", "source": "d", "severity": "info"},
    }
    answer = await olga.send(
        "/rehearse", {"payload": json.dumps(payload), "source": "pagerduty", "at": AT}, page="/rehearse"
    )
    assert "Nobody is paged: SEV4 pages nobody." in text_of(answer.text)
    bad = await olga.send("/rehearse", {"payload": "{", "source": "pagerduty"}, page="/rehearse")
    assert bad.status_code == 422
    assert "refuses this payload" in text_of(bad.text)


async def test_a_replay_of_an_incident(site: Site) -> None:
    room = await site.room()
    await site.world.settle()
    olga = await site.someone("olga")
    words = text_of(await olga.get(f"{room}/replay"))
    assert "Today the same people would be paged" in words
    await olga.get("/incidents/99/replay", 404)


async def test_a_drill_is_started_watched_and_stopped(site: Site) -> None:
    alice = await site.someone("alice")
    answer = await alice.send("/drills", {"service": "api", "severity": "sev1_critical", "for": "15m"}, page="/drills")
    await site.world.settle()
    words = await alice.says(answer)
    assert "The drill has begun" in words
    place = answer.headers["location"]
    page = await alice.get(place)
    assert "Alice was reached first" in text_of(page)
    assert 'hx-trigger="every 2s"' in page
    part = await alice.get(place, hx_request="true")
    assert "<html" not in part
    again = await alice.send("/drills", {"service": "api"}, page="/drills")
    assert "still running" in await alice.says(again)
    stopped = await alice.send(f"{place}/stop", page=place)
    assert "The drill is over" in await alice.says(stopped)
    assert "hx-trigger" not in await alice.get(place)
    assert "nobody answered" in text_of(await alice.get("/drills"))
    assert (await site.world.incident())["status"] == "resolved"
    olga = await site.someone("olga")
    assert "Start the drill" not in text_of(await olga.get("/drills"))


async def test_explaining_ones_own_minute_and_another_persons(site: Site) -> None:
    await site.room()
    await site.world.settle()
    alice = await site.someone("alice")
    words = text_of(await alice.get("/explain"))
    assert "Alice was on call (primary), and a page was waiting." in words
    assert "Alice was told by phone (phone)" in words
    words = text_of(await alice.get("/explain?user=bob&at=2026-03-02T10:00"))
    assert "Bob was not on call, and no page was waiting." in words
    assert "no user 'zoe'" in text_of(await alice.get("/explain?user=zoe", 422))
    assert "is not a time" in text_of(await alice.get("/explain?user=bob&at=yesterday", 422))
