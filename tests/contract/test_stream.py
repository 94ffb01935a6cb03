"""Contract, `GET /stream`: timeline entries as they are committed, `Last-Event-ID` honoured."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from .world import TOKEN, Api, House


class Listener:
    """Server-sent events as a browser reads them."""

    def __init__(self, reply: http.client.HTTPResponse) -> None:
        self._reply = reply
        self.last_id = ""

    def next(self) -> dict[str, Any]:
        """The next event that carries data."""
        data, kind = "", "message"
        while line := self._reply.readline().decode():
            name, _, value = line.rstrip("\n").partition(":")
            match name:
                case "id":
                    self.last_id = value.strip()
                case "data":
                    data += value.strip()
                case "event":
                    kind = value.strip()
                case "" if line == "\n" and data:
                    return {"event": kind, "id": self.last_id, **json.loads(data)}
        raise AssertionError("the stream ended")

    def alive(self) -> None:
        """Wait for the first sign of life: from here on everything is heard."""
        while not self._reply.readline().startswith(b": "):
            pass


@contextmanager
def listening(house: House, query: str = "", token: str = TOKEN, **headers: str) -> Iterator[Listener]:
    place = urlsplit(house.url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=10)
    told = {"Authorization": f"Bearer {token}", **{k.replace("_", "-"): v for k, v in headers.items()}}
    try:
        connection.request("GET", f"/api/v1/stream{query}", headers=told)
        reply = connection.getresponse()
        assert reply.status == 200
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert reply.headers["cache-control"] == "no-store"
        yield Listener(reply)
    finally:
        connection.close()


def test_entries_arrive_as_they_are_committed(house: House, api: Api) -> None:
    with listening(house) as ear:
        ear.alive()
        made = api.declare(service="of-bob")["id"]
        api.act(made, "notes", {"text": "heard"}, 201)
        heard: list[dict[str, Any]] = []
        while not heard or heard[-1]["kind"] != "note_added":
            entry = ear.next()
            if entry["incident"] == made:
                heard.append(entry)
    assert [e["kind"] for e in heard][:3] == ["incident_created", "response_triggered", "paged"]
    assert heard[-1].keys() >= {"id", "at", "kind", "actor", "details", "data", "incident"}
    assert heard[-1]["details"] == "heard"


def test_last_event_id_goes_on_where_it_was(house: House, api: Api) -> None:
    made = api.declare(severity="sev4_low")["id"]
    with listening(house, f"?incident={made}") as ear:
        ear.alive()
        api.act(made, "notes", {"text": "one"}, 201)
        assert ear.next()["details"] == "one"
        place = ear.last_id
    for text in ("two", "three"):
        api.act(made, "notes", {"text": text}, 201)
    with listening(house, f"?incident={made}", Last_Event_ID=place) as ear:
        assert [ear.next()["details"], ear.next()["details"]] == ["two", "three"]
        api.act(made, "notes", {"text": "four"}, 201)
        assert ear.next()["details"] == "four"


def test_an_id_that_is_not_ours_says_load_anew(house: House) -> None:
    with listening(house, Last_Event_ID="not one of ours") as ear:
        assert ear.next()["event"] == "reload"


def test_an_incident_nobody_knows_is_404_and_strangers_hear_nothing(house: House, api: Api) -> None:
    api.get("/stream?incident=INC-00000000").problem(404)
    house.http.get("/api/v1/stream").problem(401)


def test_a_stakeholder_hears_of_incidents_but_not_of_pages(house: House, of_role: dict[str, Api]) -> None:
    with listening(house, token=of_role["stakeholder"].token) as ear:
        ear.alive()
        made = house.api.declare(service="of-bob")["id"]
        house.api.act(made, "notes", {"text": "the end"}, 201)
        kinds = []
        while not kinds or kinds[-1] != "note_added":
            entry = ear.next()
            if entry["incident"] == made:
                kinds.append(entry["kind"])
    assert kinds == ["incident_created", "note_added"]
