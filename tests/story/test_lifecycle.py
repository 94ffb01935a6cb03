"""An incident lives: it is moved along, restored and watched, comes back, ends, is closed, reopened, merged, linked; its times are
corrected."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.incident import public_id
from tocsin.core.moment import Change, moments
from tocsin.flow import closing, merge, respond, restore, step, times
from tocsin.manage import edits, privacy
from tocsin.plugins.probes.base import Field, Sample
from tocsin.store.database import Database, in_transaction

from .quiet import silence
from .world import ORGANISATION, World, directory

ALICE = "user:alice"


class FakeProbe:
    """Answers as the test says; the network must not be used inside a transaction."""

    type, label, timeout = "fake", "Fake", 1.0
    fields = (Field(name="at", label="At", kind="text"),)

    def __init__(self) -> None:
        self.good = True
        self.script: list[bool] = []
        self.taken = 0

    def problem(self, settings: Mapping[str, str]) -> str | None:
        return None

    async def sample(self, settings: Mapping[str, str], public_only: bool = False) -> Sample:
        assert not in_transaction.get(), "no network inside a transaction"
        self.taken += 1
        good = self.script.pop(0) if self.script else self.good
        return Sample(good, "HTTP 200" if good else "HTTP 503, wanted 200-399", 12.0)


@pytest.fixture
async def probed(db: Database) -> AsyncIterator[tuple[World, FakeProbe]]:
    """A world whose service `api` has a probe that wants three good samples."""
    services = [dict(one) for one in ORGANISATION["services"]]
    services[0]["probes"] = [{"id": "web", "type": "fake", "at": "x", "interval": "0s"}]
    async with World(db, directory({"services": services})) as world:
        probe = FakeProbe()
        for ctx in world.nodes:
            ctx.probes = {"fake": probe}
        yield world, probe


async def story(world: World, number: int, kind: str) -> list[dict[str, Any]]:
    rows = await world.rows(
        "SELECT details, data, actor FROM timeline WHERE incident_id = $1 AND kind = $2 ORDER BY seq", number, kind
    )
    return [dict(row) for row in rows]


async def test_a_person_moves_it_along_and_has_answered_it_with_that(world: World) -> None:
    number = (await world.fire()).incident
    assert (await step.change(world.ctx, number, ALICE, "investigating", "looking at the disk")).changed
    row = await world.incident()
    assert (row["status"], row["acknowledged_by"], row["assignee"]) == ("investigating", ALICE, "alice")
    await world.wait(minutes=20)
    assert not world.phone("bob").rang(), "whoever moves it on has answered"
    await step.change(world.ctx, number, "user:bob", "identified")
    assert (await world.incident())["identified_at"] == world.clock.now()
    told = [entry["details"] for entry in await story(world, number, "status_updated")]
    assert told == ["from detected to investigating. looking at the disk", "from investigating to identified."]
    assert not (await step.change(world.ctx, number, ALICE, "identified")).changed
    await step.change(world.ctx, number, ALICE, "investigating", "it was not the disk")
    assert (await world.incident())["identified_at"] is None


async def test_an_illegal_move_is_one_clear_error_and_changes_nothing(world: World) -> None:
    number = (await world.fire()).incident
    await step.change(world.ctx, number, ALICE, "investigating")
    before = dict(await world.incident())
    for status in ("detected", "acknowledged"):
        with pytest.raises(Conflict, match="cannot become"):
            await step.change(world.ctx, number, ALICE, status)
    with pytest.raises(Conflict, match="needs it to be resolved"):
        await step.change(world.ctx, number, ALICE, "closed")
    with pytest.raises(Invalid, match="not a status"):
        await step.change(world.ctx, number, ALICE, "fixed")
    with pytest.raises(NotFound):
        await step.change(world.ctx, 4711, ALICE, "investigating")
    assert dict(await world.incident()) == before


async def test_without_a_probe_the_human_check_restores_with_an_estimated_time(world: World) -> None:
    number = (await world.fire()).incident
    await world.ends()
    number = (await world.fire("other")).incident
    result = await restore.restore(world.ctx, number, ALICE, "bought something")
    assert "estimated" in result.sentence
    assert "1 of its alerts still fires" in result.sentence
    row = await world.incident()
    assert (row["status"], row["restored_at"]) == ("monitoring", world.clock.now())
    assert moments(row)["restored"].certainty == "estimated"
    (told,) = await story(world, number, "restored")
    assert "Checked by Alice: bought something" in told["details"]
    assert not (await restore.restore(world.ctx, number, "user:bob")).changed


async def test_a_quiet_watch_resolves_it_and_keeps_the_time_of_restoration(probed: tuple[World, FakeProbe]) -> None:
    world, probe = probed
    number = (await world.fire()).incident
    await world.wait(minutes=4)
    await step.change(world.ctx, number, ALICE, "monitoring", "checkout works")
    restored = world.clock.now()
    assert probe.taken == 3
    (told,) = await story(world, number, "restored")
    assert "web of Payments API: 3 of 3 good (HTTP 200, 12 ms)" in told["details"]
    assert told["data"]["certainty"] == "observed"
    assert moments(await world.incident())["restored"].source == "probes"
    await world.ends()
    await world.wait(minutes=29)
    assert probe.taken == 3 + 29, "a good sample a minute is enough"
    await world.wait(minutes=2)
    row = await world.incident()
    assert (row["status"], row["restored_at"], row["resolved_at"]) == (
        "resolved", restored, restored + timedelta(minutes=30),
    )  # fmt: skip
    assert await world.rows("SELECT FROM timers WHERE kind IN ('probe', 'watch')") == []


async def test_a_failing_probe_keeps_it_open_unless_somebody_says_why(probed: tuple[World, FakeProbe]) -> None:
    world, probe = probed
    number = (await world.fire()).incident
    probe.script = [True, True, False]
    with pytest.raises(Conflict, match=r"2 of 3 good .*stays detected.*force"):
        await restore.restore(world.ctx, number, ALICE, "looks fine to me")
    row = await world.incident()
    assert (row["status"], row["restored_at"], row["acknowledged_at"]) == ("detected", None, None)
    assert len(await story(world, number, "not_restored")) == 1
    probe.good = False
    result = await restore.restore(world.ctx, number, ALICE, "", "the probe looks at the old address")
    assert result.changed
    row = await world.incident()
    assert (row["status"], moments(row)["restored"].certainty) == ("monitoring", "estimated")
    (told,) = await story(world, number, "restored")
    assert "the probe looks at the old address" in told["details"]


async def test_a_probe_that_fails_during_the_watch_is_a_relapse_on_the_same_clock(
    probed: tuple[World, FakeProbe],
) -> None:
    world, probe = probed
    number = (await world.fire()).incident
    detected = (await world.incident())["detected_at"]
    await world.ends()
    number = (await world.fire("again")).incident
    detected = (await world.incident())["detected_at"]
    await restore.restore(world.ctx, number, ALICE)
    world.phone("alice").rang()
    probe.script = [False, True]
    await world.wait(minutes=1)
    assert (await world.incident())["status"] == "monitoring", "one bad sample is no relapse"
    probe.good = False
    await world.wait(minutes=1)
    row = await world.incident()
    assert (row["status"], row["restored_at"], row["detected_at"]) == ("investigating", None, detected)
    assert world.phone("alice").rang()
    (told,) = await story(world, number, "relapsed")
    assert "0 of 3 good (HTTP 503" in told["details"]
    assert told["data"]["cause"] == "probe"
    probe.good = True
    await restore.restore(world.ctx, number, ALICE)
    assert (await world.incident())["restored_at"] == world.clock.now()


async def test_a_step_back_from_the_watch_goes_on_with_the_same_clocks(world: World) -> None:
    number = (await world.fire(severity="critical")).incident
    await step.change(world.ctx, number, ALICE, "identified")
    await restore.restore(world.ctx, number, ALICE)
    await step.change(world.ctx, number, ALICE, "identified", "not yet")
    row = await world.incident()
    assert (row["status"], row["restored_at"]) == ("identified", None)
    assert row["identified_at"] is not None
    await world.wait(minutes=31)
    assert (await world.incident())["status"] == "identified", "nothing is watched any more"


async def test_closing_needs_the_end_and_for_the_worst_a_review(world: World) -> None:
    small = (await world.fire("small", severity="warning")).incident
    with pytest.raises(Conflict, match="resolved"):
        await closing.close(world.ctx, small, ALICE)
    await closing.resolve(world.ctx, small, ALICE)
    assert (await closing.close(world.ctx, small, ALICE, "done")).changed
    assert not (await closing.close(world.ctx, small, ALICE)).changed
    assert (await world.incident(small))["closed_at"] is not None
    with pytest.raises(Conflict):
        await closing.resolve(world.ctx, small, ALICE)
    big = (await world.fire("big")).incident
    await closing.resolve(world.ctx, big, ALICE)
    with pytest.raises(Conflict, match="review"):
        await closing.close(world.ctx, big, ALICE)


async def test_reopening_clears_the_end_and_keeps_it_on_the_timeline(world: World) -> None:
    number = (await world.fire()).incident
    await closing.resolve(world.ctx, number, ALICE)
    row = await world.incident()
    assert moments(row)["restored"] == moments(row)["restored"].__class__(row["restored_at"], ALICE, "estimated")
    assert (await step.change(world.ctx, number, "user:bob", "investigating", "still slow")).changed
    row = await world.incident()
    assert (row["status"], row["restored_at"], row["resolved_at"]) == ("investigating", None, None)
    assert "restored" not in row["moments"]
    (told,) = await story(world, number, "reopened")
    assert told["data"]["moments"]["restored"]["certainty"] == "estimated"


async def test_a_merged_incident_ends_and_its_alerts_go_with_it(world: World) -> None:
    target = (await world.fire("first", severity="error")).incident
    await world.wait(minutes=2)
    twin = (await world.fire("second")).incident
    world.phone("alice").rang()
    await edits.edit(world.ctx, twin or 0, ALICE, edits.Edits(impact={"percent": 12}))
    result = await merge.merge(world.ctx, twin, ALICE, target, "the same disk")
    await world.settle()
    assert "SEV1" in result.sentence
    row = await world.incident(twin)
    assert (row["status"], row["merged_into"], row["alerts_count"]) == ("closed", target, 0)
    row = await world.incident(target)
    assert (row["severity"], row["impact"]) == (1, {"percent": 12.0}), (
        "what was known of either is known of the one that is left"
    )
    (graver,) = await story(world, target, "severity_changed")
    assert (graver["actor"], graver["data"]["reason"]) == (ALICE, "merged")
    assert world.phone("alice").rang()
    assert "more severe" in world.phone("alice").last.reason
    assert await world.rows("SELECT FROM timers WHERE incident_id = $1", twin) == []
    assert (await world.incident(target))["alerts_count"] == 2
    again = await world.fire("second")
    assert (again.reason.value, again.incident) == ("repeated", target)
    (here,), (there,) = await story(world, twin, "merged"), await story(world, target, "merged")
    assert f"INC-2026-{target:03d}" in here["details"]
    assert f"INC-2026-{twin:03d}" in there["details"]
    assert "1 alert" in there["details"]
    await respond.acknowledge(world.ctx, target, ALICE)
    await world.ends("first")
    assert (await world.incident(target))["status"] == "acknowledged"
    await world.ends("second")
    assert (await world.incident(target))["status"] == "resolved"
    assert not (await merge.merge(world.ctx, twin, ALICE, target)).changed


async def test_what_comes_again_after_a_merge_joins_the_incident_that_it_went_into(world: World) -> None:
    target = (await world.fire("first")).incident or 0
    (begun,) = await story(world, target, "response_triggered")
    assert begun["data"]["room"] == {
        "name": f"inc-20260302-api-{target:03d}", "url": f"http://tocsin.test/incidents/{public_id(target)}",
    }  # fmt: skip
    alone = (await world.fire("second", severity="error")).incident
    grouped = (await world.fire("a", severity="error", service="grouped", labels={"cluster": "eu"})).incident
    await merge.merge(world.ctx, alone, ALICE, target)
    await merge.merge(world.ctx, grouped, ALICE, target)
    await world.settle()
    assert (await world.incident(target))["severity"] == 1
    await respond.acknowledge(world.ctx, target, ALICE)
    await world.ends("second")
    world.phone("alice").rang()
    again = await world.fire("second", severity="error")
    more = await world.fire("b", severity="error", service="grouped", labels={"cluster": "eu"})
    other = await world.fire("c", severity="error", service="grouped", labels={"cluster": "us"})
    assert [(one.reason.value, one.incident) for one in (again, more)] == [("joined", target)] * 2
    assert other.reason.value == "opened"
    assert world.phone("alice").times == 4  # three incidents at first, and the one of the other cluster
    await world.wait(seconds=5)
    assert (await world.incident(target))["alerts_count"] == 4
    await closing.resolve(world.ctx, target, ALICE)
    assert (await world.fire("second")).reason.value == "opened"
    late = await world.fire("d", severity="error", service="grouped", labels={"cluster": "eu"})
    assert late.reason.value == "opened"


async def test_what_a_silence_let_go_after_a_merge_or_in_a_watch_belongs_where_its_key_did(world: World) -> None:
    target = (await world.fire("first")).incident or 0
    alone = (await world.fire("second", severity="error")).incident
    await merge.merge(world.ctx, alone, ALICE, target)
    await respond.acknowledge(world.ctx, target, ALICE)
    watched = (await world.fire("third", severity="error")).incident or 0
    await respond.acknowledge(world.ctx, watched, ALICE)
    await restore.restore(world.ctx, watched, ALICE, force="seen")
    for key in ("second", "third"):
        await world.ends(key)
    await silence(world, 'cluster="eu"', minutes=5)
    world.phone("alice").rang()
    rung = world.phone("alice").times
    for key in ("second", "third"):
        assert (await world.fire(key, severity="error", labels={"cluster": "eu"})).reason.value == "muted"
    await world.wait(minutes=6)
    rows = await world.rows(
        "SELECT dedup_key, incident_id, reason FROM alerts WHERE resolved_at IS NULL AND dedup_key <> 'first' ORDER BY 1"
    )
    assert [tuple(row) for row in rows] == [("second", target, "unmuted"), ("third", watched, "unmuted")]
    assert len(await world.rows("SELECT FROM incidents")) == 3, "nothing was opened"
    assert (await world.incident(watched))["status"] == "investigating", "it came back"
    assert world.phone("alice").times == rung + 1, "about what came back"
    await world.wait(seconds=5)
    assert (await world.incident(target))["alerts_count"] == 2


async def test_merges_are_one_level_deep(world: World) -> None:
    one, two, three = [(await world.fire(key)).incident for key in ("one", "two", "three")]
    with pytest.raises(Invalid, match="itself"):
        await merge.merge(world.ctx, one, ALICE, one)
    with pytest.raises(Invalid, match="no incident"):
        await merge.merge(world.ctx, one, ALICE, 4711)
    await merge.merge(world.ctx, two, ALICE, one)
    with pytest.raises(Conflict, match="already"):
        await merge.merge(world.ctx, two, ALICE, three)
    with pytest.raises(Conflict, match="merge into that one"):
        await merge.merge(world.ctx, three, ALICE, two)
    with pytest.raises(Conflict, match="the other way round"):
        await merge.merge(world.ctx, one, ALICE, three)
    with pytest.raises(Conflict, match="reopen that one"):
        await closing.reopen(world.ctx, two, ALICE)
    await closing.resolve(world.ctx, three, ALICE)
    four = (await world.fire("four")).incident
    with pytest.raises(Conflict, match="is resolved"):
        await merge.merge(world.ctx, four, ALICE, three)


async def test_links_stand_on_both_ends(world: World) -> None:
    one, two = [(await world.fire(key)).incident for key in ("one", "two")]
    assert (await merge.relate(world.ctx, one, ALICE, two, "same deploy")).changed
    assert not (await merge.relate(world.ctx, two, ALICE, one)).changed
    assert (await world.incident(one))["related"] == [two]
    assert (await world.incident(two))["related"] == [one]
    assert (await merge.unrelate(world.ctx, two, ALICE, one)).changed
    assert (await world.incident(one))["related"] == []
    assert len(await story(world, two, "related")) == 2


async def test_people_correct_times_and_the_timeline_tells_it(world: World) -> None:
    number = (await world.fire()).incident
    began = world.clock.now() - timedelta(minutes=7)
    assert moments(await world.incident())["impact_started"].certainty == "unknown"
    assert (
        await times.correct(world.ctx, number, ALICE, [Change("impact_started", began, "estimated")], "logs")
    ).changed
    known = moments(await world.incident())["impact_started"]
    assert (known.at, known.source, known.certainty) == (began, ALICE, "estimated")
    assert not (
        await times.correct(world.ctx, number, "user:bob", [Change("impact_started", began, "estimated")])
    ).changed
    (told,) = await story(world, number, "times_corrected")
    assert told["details"].endswith("09:53:00 UTC (estimated). logs")
    await closing.resolve(world.ctx, number, ALICE)
    now = world.clock.now()
    refused: list[tuple[Change, type[Exception]]] = [
        (Change("closed", now, "exact"), Conflict),
        (Change("restored", None, "unknown"), Invalid),
        (Change("detected", None, "unknown"), Invalid),
        (Change("restored", now + timedelta(minutes=1), "exact"), Invalid),
        (Change("restored", began - timedelta(minutes=1), "exact"), Invalid),
    ]
    for change, error in refused:
        with pytest.raises(error):
            await times.correct(world.ctx, number, ALICE, [change])
    with pytest.raises(Invalid):
        await times.correct(world.ctx, number, ALICE, [])


async def test_two_people_restore_at_once_and_it_is_restored_once(probed: tuple[World, FakeProbe]) -> None:
    world, _ = probed
    number = (await world.fire()).incident
    nodes = (world.ctx, replace(world.ctx))
    results = await asyncio.gather(
        *(restore.restore(ctx, number, who) for ctx, who in zip(nodes, (ALICE, "user:bob"), strict=True))
    )
    assert sorted(one.changed for one in results) == [False, True]
    assert len(await story(world, number, "restored")) == 1
    assert isinstance((await world.incident())["restored_at"], datetime)


async def test_of_a_private_incident_nobody_is_told_who_is_not_on_it(db: Database) -> None:
    users = [{**user, "updates": ["phone"]} for user in ORGANISATION["users"]]
    async with World(db, directory({"users": users})) as world:
        number = (await world.fire()).incident
        assert number is not None
        await privacy.make_private(world.ctx, number, ALICE, True)
        await world.acknowledge(number)
        await world.wait(minutes=11)
        assert not world.phone("erin").rang()
        (told,) = await story(world, number, "manager_informed")
        assert told["details"] == "It is private: Erin, who manages the team, is not told"
        other = (await world.fire("other")).incident
        assert other is not None
        await world.acknowledge(other)
        await world.wait(minutes=11)
        assert world.phone("erin").rang()


async def test_a_storm_that_recovered_holds_up_no_escalation(
    probed: tuple[World, FakeProbe], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty watched incidents: few probes at once, few endings at once, and the timers go on meanwhile."""
    world, probe = probed
    await world.send(*(world.event(key=f"k{n}") for n in range(30)))
    for number in range(1, 31):
        await restore.restore(world.ctx, number, ALICE, force="seen by hand")
    await world.send(*(world.event("resolve", f"k{n}") for n in range(30)))
    sampling = most = 0
    sample = probe.sample

    async def counted(*given: Any) -> Sample:
        nonlocal sampling, most
        sampling, most = sampling + 1, max(most, sampling + 1)
        await asyncio.sleep(0)
        sampling -= 1
        return await sample(*given)

    monkeypatch.setattr(probe, "sample", counted)
    await world.wait(minutes=1)
    assert probe.taken == 90 + 30
    assert most <= 10
    real, go_on = closing.finish, asyncio.Event()

    async def slow(*given: Any) -> None:
        await go_on.wait()
        await real(*given)

    monkeypatch.setattr("tocsin.flow.alarms.finish", slow)
    world.clock.advance(timedelta(minutes=18, seconds=30))
    new = await world.fire("other", severity="error")
    world.clock.advance(timedelta(minutes=10, seconds=30))
    async with asyncio.timeout(10):
        while await world.engine.turn():
            pass
    paged = await world.row("SELECT count(*) FROM pages WHERE user_id = 'bob' AND incident_id = $1", new.incident)
    assert paged[0] == 1, "the second rung was climbed while the watches were still ending"
    assert (await world.row("SELECT count(*) FROM incidents WHERE status = 'resolved'"))[0] == 0
    go_on.set()
    await world.wait(minutes=1)
    assert (await world.row("SELECT count(*) FROM incidents WHERE status = 'resolved'"))[0] == 30
