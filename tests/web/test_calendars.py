"""Shifts in people's own calendars: read by the icalendar library and by Debian's khal, behind links that can be revoked."""

from __future__ import annotations

import asyncio
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from icalendar import Calendar

from tocsin.core.configuration import Schedule
from tocsin.core.directory import Directory
from tocsin.core.permission import Principal
from tocsin.core.schedule import shifts
from tocsin.core.spelling import decode
from tocsin.manage import calendars

from ..story.world import ORGANISATION
from .visitor import Site

ALICE = Principal("user:alice", "responder", "alice", "Alice")
BERLIN = {
    "id": "primary", "name": "Payments primary", "team": "payments", "time_zone": "Europe/Berlin",
    "layers": [{"id": "weekly", "users": ["alice", "bob"], "starts": "2026-01-05T09:00"}],
    "overrides": [{"user": "carol", "from": "2026-03-07T20:00", "to": "2026-03-08T08:00"}],
    "shadows": [{"user": "erin", "from": "2026-03-04T09:00", "to": "2026-03-06T18:00"}],
}  # fmt: skip


def use(site: Site, **changes: Any) -> None:
    """The schedule, with changes, as a new revision."""
    old = site.world.ctx.directory
    kinds = {
        "users": old.users,
        "teams": old.teams,
        "escalation_policies": old.escalation_policies,
        "services": old.services,
    }
    objects = {kind: list(several.values()) for kind, several in kinds.items()}
    objects["schedules"] = [decode({**BERLIN, **changes}, Schedule)]
    site.world.ctx.directory = Directory.of(objects, old.default_escalation_policy, old.origins, old.revision + 1)


async def link(site: Site, kind: calendars.Kind = "schedule", subject: str = "primary") -> str:
    made = await calendars.create_link(site.world.ctx, ALICE, [(kind, subject)])
    return str(made["url"]).removeprefix("http://tocsin.test")


async def fetched(site: Site, path: str, status: int = 200, **headers: str) -> httpx.Response:
    answer = await site.stranger().http.get(path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    assert answer.status_code == status, answer.text
    return answer


def events(answer: httpx.Response) -> list[Any]:
    calendar: Any = Calendar.from_ical(answer.content)
    return list(calendar.walk("VEVENT"))


async def test_one_event_in_utc_for_each_shift_a_year_ahead(site: Site) -> None:
    use(site)
    answer = await fetched(site, await link(site))
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    found = events(answer)
    start, end = datetime(2026, 2, 2, tzinfo=UTC), datetime(2027, 3, 3, tzinfo=UTC)
    schedule = site.world.ctx.directory.schedules["primary"]
    final = [(s.start, s.end) for s in shifts(schedule, start, end)][1:]
    told = [(e.decoded("dtstart"), e.decoded("dtend")) for e in found if "Shadow" not in e["summary"]]
    assert told[1:] == final
    assert told[0] == (datetime(2026, 2, 2, 8, tzinfo=UTC) - timedelta(weeks=1), datetime(2026, 2, 2, 8, tzinfo=UTC)), (
        "whole, not cut"
    )
    assert all(e["dtstart"].to_ical().endswith(b"Z") for e in found)
    assert told[-1][1] >= datetime(2027, 3, 2, tzinfo=UTC)
    summaries = [str(e["summary"]) for e in found]
    assert "Carol · On call: Payments primary" in summaries
    assert "Erin · Shadow: Payments primary" in summaries
    assert len({str(e["uid"]) for e in found}) == len(found)


async def test_a_shift_stays_the_same_event_day_after_day_and_when_others_change(site: Site) -> None:
    use(site)
    path = await link(site)

    async def uids() -> dict[datetime, str]:
        return {e.decoded("dtstart"): str(e["uid"]) for e in events(await fetched(site, path))}

    first = await uids()
    site.world.clock.advance(timedelta(days=3))
    second = await uids()
    shared = first.keys() & second.keys()
    assert len(shared) > 50
    assert all(first[start] == second[start] for start in shared)
    use(site, overrides=[])
    third = await uids()
    assert all(third[start] == uid for start, uid in first.items() if start in third)
    assert datetime(2026, 3, 7, 19, tzinfo=UTC) not in third


async def test_somebody_who_is_always_on_call_is_one_event_for_ever(site: Site) -> None:
    use(site, layers=[{"id": "one", "users": ["alice"], "starts": "2020-01-05T09:00"}], overrides=[], shadows=[])
    path = await link(site)
    [first] = events(await fetched(site, path))
    site.world.clock.advance(timedelta(days=40))
    [second] = events(await fetched(site, path))
    assert first["uid"] == second["uid"]


async def test_a_person_sees_all_their_shifts_and_a_team_all_its_schedules(site: Site) -> None:
    use(site)
    mine = events(await fetched(site, await link(site, "user", "carol")))
    assert [str(e["summary"]) for e in mine] == ["On call: Payments primary"]
    shadow = events(await fetched(site, await link(site, "user", "erin")))
    assert [(str(e["summary"]), str(e["transp"])) for e in shadow] == [("Shadow: Payments primary", "TRANSPARENT")]
    team = events(await fetched(site, await link(site, "team", "payments")))
    assert len(team) > 50


async def test_a_calendar_that_did_not_change_is_not_sent_again(site: Site) -> None:
    use(site)
    path = await link(site)
    answer = await fetched(site, path)
    tag = answer.headers["etag"]
    assert answer.headers["cache-control"] == "private, max-age=300"
    again = await fetched(site, path, 304, if_none_match=tag)
    assert again.content == b""
    await fetched(site, path, 304, if_none_match=f'"other", W/{tag}')
    head = await site.stranger().http.head(path)
    assert (head.status_code, head.headers["etag"]) == (200, tag)
    use(site, overrides=[])
    fresh = await fetched(site, path, 200, if_none_match=tag)
    assert fresh.headers["etag"] != tag


async def test_a_revoked_link_says_so_and_shows_nothing_more(site: Site) -> None:
    use(site)
    path = await link(site)
    assert await link(site) == path, "the one that she has already"
    [shown] = (await calendars.list_links(site.world.ctx, ALICE))["items"]
    bob = Principal("user:bob", "responder", "bob", "Bob")
    assert (await calendars.list_links(site.world.ctx, bob))["items"] == []
    with pytest.raises(Exception, match="no calendar link"):
        await calendars.revoke_link(site.world.ctx, bob, shown["id"])
    await calendars.revoke_link(site.world.ctx, ALICE, shown["id"])
    answer = await fetched(site, path, 410)
    assert "was revoked" in answer.text
    assert "VEVENT" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    fresh = await link(site)
    assert fresh != path
    assert len(events(await fetched(site, fresh))) > 50


async def test_links_that_are_cut_or_made_up_are_404_and_one_of_somebody_who_left_is_410(site: Site) -> None:
    use(site)
    path = await link(site)
    made_up = ("x", "-.ics", "1-.ics", "\u2603-a", f"{'9' * 40}-x")
    for wrong in (path[:-8], path.replace("/ical/1-", "/ical/2-"), *(f"/ical/{token}" for token in made_up)):
        answer = await fetched(site, wrong, 404)
        assert "not one of ours" in answer.text
    old = site.world.ctx.directory
    kept = [user for user in old.users.values() if user.id != "alice"]
    site.world.ctx.directory = Directory.of(
        {"users": kept, "schedules": list(old.schedules.values())}, revision=old.revision + 1
    )
    assert "does not exist any more" in (await fetched(site, path, 410)).text


@pytest.mark.skipif(shutil.which("khal") is None, reason="needs khal: apt-get install khal")
async def test_khal_reads_the_feed_and_shows_the_shifts_in_local_time(site: Site, tmp_path: Path) -> None:
    use(site)
    body = (await fetched(site, await link(site))).content
    (tmp_path / "feed.ics").write_bytes(body)
    calendar = tmp_path / "calendar"
    calendar.mkdir()
    config = tmp_path / "khal.conf"
    config.write_text(
        f"[calendars]\n[[oncall]]\npath = {calendar}\n[locale]\nlocal_timezone = Europe/Berlin\ndefault_timezone = Europe/Berlin\n"
        "timeformat = %H:%M\ndateformat = %Y-%m-%d\nlongdateformat = %Y-%m-%d\ndatetimeformat = %Y-%m-%d %H:%M\n"
        f"longdatetimeformat = %Y-%m-%d %H:%M\n[sqlite]\npath = {tmp_path / 'khal.db'}\n"
    )
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}

    async def khal(*words: str) -> str:
        process = await asyncio.create_subprocess_exec(
            "khal",
            "-c",
            str(config),
            *words,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        assert process.returncode == 0, out.decode()
        return out.decode()

    await khal("import", "--batch", str(tmp_path / "feed.ics"))
    line = "{start-long}|{end-long}|{title}"
    listed = await khal("list", "--once", "--format", line, "2026-03-02", "30d")
    assert "2026-03-02 09:00|2026-03-07 20:00|Alice · On call: Payments primary" in listed
    assert "2026-03-07 20:00|2026-03-08 08:00|Carol · On call: Payments primary" in listed
    assert "2026-03-23 09:00|2026-03-30 09:00|Bob · On call: Payments primary" in listed, "through the change of clocks"
    assert ORGANISATION["users"][0]["name"] in listed
