"""A cause hides its symptoms, says so, and gives them back when it is over."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tocsin.core.alert import Reason
from tocsin.core.severity import Severity
from tocsin.flow import closing, declaring
from tocsin.store import inhibitions, mutes

from .quiet import configure, service, silence
from .world import World

BY_CLUSTER = {
    "id": "cluster-down", "source": ['alertname="ClusterDown"'], "target": ['severity="warning"'], "equal": ["cluster"],
}  # fmt: skip
CAUSE = {"alertname": "ClusterDown", "cluster": "eu"}
SYMPTOM = {"alertname": "Slow", "severity": "warning", "cluster": "eu"}


async def told(world: World, key: str) -> tuple[str, bool, str | None]:
    row = await world.row("SELECT reason, incident_id, inhibited_by FROM alerts WHERE dedup_key = $1", key)
    return row["reason"], row["incident_id"] is not None, row["inhibited_by"]


async def test_a_firing_alert_hides_others_with_equal_labels(world: World) -> None:
    await configure(world, inhibitions=[BY_CLUSTER])
    await world.fire("cause", labels=CAUSE)
    assert (await world.fire("near", labels=SYMPTOM)).reason is Reason.INHIBITED
    assert (await world.fire("far", labels={**SYMPTOM, "cluster": "us"})).reason is Reason.OPENED
    assert await told(world, "near") == ("inhibited", False, "cluster-down")
    assert world.phone("alice").times == 2


async def test_symptoms_come_forth_when_their_cause_resolves_and_they_still_fire(world: World) -> None:
    await configure(world, inhibitions=[BY_CLUSTER])
    await world.fire("cause", labels=CAUSE)
    await world.fire("stays", labels=SYMPTOM)
    await world.fire("goes", labels=SYMPTOM)
    assert (await world.ends("goes")).reason is Reason.RESOLVED
    await world.ends("cause")
    assert await told(world, "stays") == ("uninhibited", True, None)
    assert (await told(world, "goes"))[1] is False
    assert world.phone("alice").times == 2


async def test_cause_and_symptoms_in_one_request_in_any_order(world: World) -> None:
    await configure(world, inhibitions=[BY_CLUSTER])
    outcomes = await world.send(
        world.event(key="symptom", labels=SYMPTOM), world.event(key="cause", labels=CAUSE),
        world.event(key="other", labels={"alertname": "x"}),
    )  # fmt: skip
    assert [o.reason for o in outcomes] == [Reason.INHIBITED, Reason.OPENED, Reason.OPENED]
    assert [o.incident is None for o in outcomes] == [True, False, False]
    await world.ends("cause")
    assert await told(world, "symptom") == ("uninhibited", True, None)


async def test_an_alert_on_both_sides_hides_neither_itself_nor_its_like(world: World) -> None:
    both = {"id": "both", "source": ['page=~".+"'], "target": ['page=~".+"'], "equal": ["cluster"]}
    await configure(world, inhibitions=[both])
    for key in ("one", "two"):
        assert (await world.fire(key, labels={"page": "yes", "cluster": "eu"})).reason is Reason.OPENED


async def test_of_two_alerts_that_would_hide_each_other_one_is_always_seen(world: World) -> None:
    await configure(world, inhibitions=[
        {"id": "a-b", "source": ['n="a"'], "target": ['n="b"']}, {"id": "b-a", "source": ['n="b"'], "target": ['n="a"']},
    ])  # fmt: skip
    await silence(world, 'n="a"', minutes=10)
    assert (await world.fire("a", labels={"n": "a"})).reason is Reason.MUTED
    assert (await world.fire("b", labels={"n": "b"})).reason is Reason.INHIBITED
    await world.wait(minutes=10)
    assert await told(world, "a") == ("unmuted", True, None)
    assert await told(world, "b") == ("inhibited", False, "a-b")


async def test_a_muted_cause_still_hides(world: World) -> None:
    await configure(world, inhibitions=[BY_CLUSTER])
    await silence(world, 'alertname="ClusterDown"', hours=2)
    assert (await world.fire("cause", labels=CAUSE)).reason is Reason.MUTED
    assert (await world.fire("symptom", labels=SYMPTOM)).reason is Reason.INHIBITED


async def test_a_symptom_that_comes_forth_into_a_silence_stays_muted(world: World) -> None:
    await configure(world, inhibitions=[BY_CLUSTER])
    await world.fire("cause", labels=CAUSE)
    await world.fire("symptom", labels=SYMPTOM)
    await silence(world, 'alertname="Slow"', hours=1)
    await world.ends("cause")
    assert await told(world, "symptom") == ("muted", False, None)
    await world.wait(hours=1)
    assert await told(world, "symptom") == ("unmuted", True, None)


async def test_a_removed_inhibition_gives_back_and_a_new_one_finds_its_causes(world: World) -> None:
    await configure(world)
    await world.fire("cause", labels=CAUSE)
    await configure(world, inhibitions=[BY_CLUSTER])
    assert (await world.fire("symptom", labels=SYMPTOM)).reason is Reason.INHIBITED, (
        "the cause fired before the rule was"
    )
    await configure(world, inhibitions=[{**BY_CLUSTER, "reason": "said better"}])
    assert await told(world, "symptom") == ("inhibited", False, "cluster-down")
    await configure(world)
    assert await told(world, "symptom") == ("uninhibited", True, None)


def dependant(id: str, on: str) -> dict[str, Any]:
    return service(id, depends_on=[on], hidden_by_dependencies="true")


async def chain(world: World, **more: object) -> None:
    await configure(
        world,
        services=[
            {**dependant("shop", "basket"), "name": "Web shop"}, dependant("basket", "db"), service("db", **more),
        ],
    )  # fmt: skip


async def test_an_open_incident_hides_alerts_of_what_depends_on_its_service(world: World) -> None:
    await chain(world)
    cause = await world.fire("db", service="db")
    assert (await world.fire("slow", service="shop")).reason is Reason.INHIBITED, "through the service in between"
    assert (await world.fire("slow", service="basket")).reason is Reason.INHIBITED
    assert world.phone("alice").times == 1
    assert cause.incident
    [said] = await world.rows(
        "SELECT details, data FROM timeline WHERE kind = 'alerts_hidden' AND incident_id = $1", cause.incident
    )
    assert said["details"] == "Hides alerts of Web shop, which depends on it, until it is over"
    assert said["data"] == {"service": "shop"}
    await world.ends("db", service="db")
    rows = await world.rows("SELECT service, reason FROM alerts WHERE dedup_key = 'slow' ORDER BY service")
    assert [tuple(r) for r in rows] == [("basket", "uninhibited"), ("shop", "inhibited")], (
        "the next cause up hides it now"
    )
    assert world.phone("alice").times == 2
    await world.ends("slow", service="basket")
    assert (await world.row("SELECT reason FROM alerts WHERE service = 'shop'"))[0] == "uninhibited"
    assert world.phone("alice").times == 3


async def test_minor_incidents_hide_nothing(world: World) -> None:
    await chain(world)
    await world.fire("db", severity="warning", service="db")
    assert (await world.fire("slow", service="shop")).reason is Reason.OPENED


async def test_a_dependency_alone_never_keeps_a_page_back(world: World) -> None:
    await configure(world, services=[service("shop", depends_on=["db"]), service("db")])
    await world.fire("db", service="db")
    assert (await world.fire("slow", service="shop")).reason is Reason.OPENED
    await configure(world, services=[dependant("shop", "db"), service("db")])
    assert (await world.fire("slower", service="shop")).reason is Reason.INHIBITED
    await configure(world, services=[service("shop", depends_on=["db"]), service("db")])
    assert await told(world, "slower") == ("uninhibited", True, None)


async def test_dependencies_in_a_circle_hide_under_the_first_and_come_back(world: World) -> None:
    await configure(world, services=[dependant("one", "two"), dependant("two", "one")])
    assert (await world.fire("x", service="one")).reason is Reason.OPENED
    assert (await world.fire("y", service="two")).reason is Reason.INHIBITED
    assert (await world.fire("z", service="one")).reason is Reason.OPENED, "nothing hides under itself"
    await world.ends("x", service="one")
    assert await told(world, "y") == ("inhibited", False, "depends_on"), (
        "the other incident of the service is open still"
    )
    await world.ends("z", service="one")
    assert await told(world, "y") == ("uninhibited", True, None)


async def test_a_restored_cause_hides_no_more(world: World) -> None:
    await chain(world)
    number = await declaring.declare(world.ctx, "user:bob", "Database is gone", "", Severity.SEV1, ["db"])
    await world.settle()
    assert (await world.fire("slow", service="shop")).reason is Reason.INHIBITED
    await closing.resolve(world.ctx, number, "user:bob", "")
    await world.settle()
    assert await told(world, "slow") == ("uninhibited", True, None)


async def test_the_cause_ends_while_its_symptom_is_being_written(world: World) -> None:
    """Nothing may stay hidden under a cause that is over."""
    await chain(world)
    cause = await world.fire("db", service="db")
    async with world.db.transaction() as tx:
        await tx.execute("UPDATE incidents SET status = 'resolved' WHERE id = $1", cause.incident)
    assert (await world.fire("slow", service="shop")).reason is Reason.OPENED


async def test_an_alert_that_is_quiet_for_long_resolves_with_the_reason(world: World) -> None:
    await configure(world, services=[service("api2", auto_resolve="4h")])
    outcome = await world.fire(service="api2")
    await world.wait(hours=3)
    await world.fire(service="api2")
    await world.wait(hours=3, minutes=59)
    assert (await world.incident(outcome.incident))["status"] == "detected"
    await world.wait(minutes=2)
    assert (await world.incident(outcome.incident))["status"] == "resolved"
    assert (await world.row("SELECT resolved_by FROM alerts"))[0] == "quiet"
    said = await world.row("SELECT details FROM timeline WHERE kind = 'alert_resolved'")
    assert "no event for the quiet time" in said["details"]


async def test_a_quiet_time_that_is_given_later_holds_for_open_alerts(world: World) -> None:
    await configure(world, services=[service("api2")])
    await world.fire(service="api2")
    await configure(world, services=[service("api2", auto_resolve="1h")])
    await world.fire(service="api2")
    await world.wait(minutes=61)
    assert (await world.row("SELECT resolved_by FROM alerts"))[0] == "quiet"


async def test_nothing_is_asked_of_the_database_for_alerts_that_nothing_speaks_of(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def watched(module: Any, name: str) -> None:
        real = getattr(module, name)

        async def call(*given: Any) -> Any:
            asked.append(name)
            return await real(*given)

        monkeypatch.setattr(module, name, call)

    for module, name in ((inhibitions, "sources"), (inhibitions, "grave"), (mutes, "standing"), (mutes, "stamp")):
        watched(module, name)
    await world.fire("one", labels=SYMPTOM)
    assert asked == []
    await configure(world, inhibitions=[BY_CLUSTER], services=[dependant("shop", "db"), service("db")])
    await world.fire("two", labels={"alertname": "Other"}, service="db")
    assert asked == []
    await world.fire("three", labels=SYMPTOM, service="shop")
    assert asked == ["sources", "grave"]


async def test_a_cause_that_ends_while_we_look_hides_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await configure(world, inhibitions=[BY_CLUSTER])
    await world.fire("cause", labels=CAUSE)
    real, ended = inhibitions.sources, []

    async def sources(tx: Any, limit: int) -> Any:
        found = await real(tx, limit)
        if not ended:
            ended.append(True)
            async with world.db.transaction() as other:
                now = world.clock.now()
                await other.execute("UPDATE alerts SET resolved_at = $1 WHERE dedup_key = 'cause'", now)
        return found

    monkeypatch.setattr(inhibitions, "sources", sources)
    assert (await world.fire("symptom", labels=SYMPTOM)).reason is Reason.OPENED


async def test_a_cause_that_ends_while_its_symptom_is_written_gives_it_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one who ends the cause waits for the one who hides under it, and then sees what is hidden."""
    await configure(world, inhibitions=[BY_CLUSTER])
    await world.fire("cause", labels=CAUSE)
    real, ending = inhibitions.still_firing, []

    async def end() -> None:
        async with world.db.transaction() as other:
            now = world.clock.now()
            await other.execute("UPDATE alerts SET resolved_at = $1 WHERE dedup_key = 'cause'", now)

    async def still_firing(tx: Any, alerts: Any) -> bool:
        found = await real(tx, alerts)
        ending.append(asyncio.create_task(end()))
        await asyncio.sleep(0.05)
        return found

    monkeypatch.setattr(inhibitions, "still_firing", still_firing)
    assert (await world.fire("symptom", labels=SYMPTOM)).reason is Reason.INHIBITED
    monkeypatch.undo()
    await asyncio.gather(*ending)
    await world.settle()
    assert await told(world, "symptom") == ("uninhibited", True, None)


async def test_a_storm_of_symptoms_is_hidden_and_given_back_together(world: World) -> None:
    await configure(world, inhibitions=[BY_CLUSTER])
    await world.fire("cause", labels=CAUSE)
    await world.send(*(world.event(key=f"s{n}", labels={**SYMPTOM, "host": str(n)}) for n in range(1200)))
    assert (await world.row("SELECT count(*) FROM alerts WHERE inhibitor_alert IS NOT NULL"))[0] == 1200
    await world.ends("cause")
    assert (await world.row("SELECT count(*) FROM alerts WHERE reason = 'uninhibited' AND incident_id IS NOT NULL"))[
        0
    ] == 1200
