"""Contract, "What a page looks like on a `webhook` contact method", "Delivery", "Escalation" and the `acknowledge_url`."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from standardwebhooks.webhooks import Webhook

from ..fakes.sink import status
from .world import SECRET, Api, House, fresh, until


def test_a_page_has_exactly_the_written_body(house: House) -> None:
    made = house.trigger("of-bob", summary="The lights are out")
    got = house.page("/bob", made["id"])
    page = got.json()
    assert got.method == "POST"
    assert got.headers["content-type"].startswith("application/json")
    assert page.keys() >= {"type", "page_id", "reason", "step", "user", "incident", "acknowledge_url", "sent_at"}
    assert (page["type"], page["user"], page["step"]) == ("page", "bob", 1)
    assert page["reason"]
    assert page["page_id"]
    incident = page["incident"]
    assert incident.keys() >= {"id", "title", "severity", "status", "service", "url"}
    assert (incident["id"], incident["title"], incident["url"]) == (made["id"], "The lights are out", made["url"])
    assert (incident["severity"], incident["status"], incident["service"]) == ("sev1_critical", "detected", "of-bob")
    assert page["acknowledge_url"].startswith(house.url + "/")
    assert abs((datetime.now(UTC) - datetime.fromisoformat(page["sent_at"])).total_seconds()) < 30
    assert got.headers["idempotency-key"]


def test_a_page_is_signed_when_there_is_a_secret(house: House) -> None:
    made = house.trigger("of-carol")
    got = house.page("/carol", made["id"])
    assert Webhook(SECRET).verify(got.body, dict(got.headers)) == got.json()
    unsigned = house.page("/bob", house.trigger("of-bob")["id"])
    assert "webhook-signature" not in unsigned.headers


def test_500_429_and_silence_are_tried_again_with_the_same_key(house: House, api: Api) -> None:
    house.sink.script("/bob", status(500), status(429, {"Retry-After": "1"}))
    made = house.trigger("of-bob")
    until(lambda: len(house.pages_to("/bob", made["id"])) == 3, 15)
    got = house.pages_to("/bob", made["id"])
    assert len({r.key for r in got}) == 1
    until(lambda: api.items(f"/incidents/{made['id']}/pages")[0]["state"] == "delivered")


def test_another_4xx_is_permanent_and_starts_the_next_rule_at_once(house: House, api: Api) -> None:
    house.sink.always("/grace", status(410))
    made = house.trigger("of-grace")
    house.page("/grace-second", made["id"])  # its rule says an hour later
    assert len(house.pages_to("/grace", made["id"])) == 1
    assert "notification_failed" in api.kinds(made["id"])
    (page,) = until(lambda: [p for p in api.items(f"/incidents/{made['id']}/pages") if p["state"] == "delivered"])
    assert [n["state"] for n in page["notifications"]] == ["failed", "delivered"]


def test_without_rules_high_goes_by_all_methods_and_low_by_mail(house: House) -> None:
    high, low = fresh("High"), fresh("Low")
    loud = house.trigger("of-heidi", summary=high)["id"]
    house.page("/heidi", loud)
    until(lambda: [m for m in house.mail.messages if high in m.message["Subject"]])
    quiet = house.trigger("of-heidi", summary=low, severity="warning")["id"]
    until(lambda: [m for m in house.mail.messages if low in m.message["Subject"]])
    assert house.pages_to("/heidi", quiet) == []


def test_written_rules_are_the_whole_truth(house: House) -> None:
    word = fresh("Gentle")
    made = house.trigger("listed", summary=word, severity="warning")["id"]
    (mail,) = until(lambda: [m for m in house.mail.messages if word in m.message["Subject"]])
    assert mail.recipients == ("alice@example.com",)
    assert "/a/" in mail.text
    assert house.pages_to("/alice", made) == []


def test_nobody_on_call_brings_the_next_step_at_once(house: House, api: Api) -> None:
    made = house.trigger("unmanned")
    assert made["assignee"] == "dave"
    page = house.page("/dave", made["id"]).json()
    assert page["step"] == 2
    assert "nobody_on_call" in api.kinds(made["id"])


def test_pages_that_reach_nobody_bring_the_next_step_at_once(house: House, api: Api) -> None:
    made = house.trigger("voiceless")  # Frank has no contact method
    page = house.page("/dave", made["id"]).json()
    assert page["step"] == 2
    states = {p["user"]: p["state"] for p in api.items(f"/incidents/{made['id']}/pages")}
    assert states["frank"] == "undelivered"
    assert "page_undelivered" in api.kinds(made["id"])
    assert api.incident(made["id"])["assignee"] == "dave"


def test_an_unanswered_page_climbs_and_ends_with_an_alarm_and_the_manager(house: House, api: Api) -> None:
    made = house.trigger("impatient")
    first = house.page("/dave", made["id"])
    second = house.page("/bob", made["id"])
    assert 0.8 < second.monotonic - first.monotonic < 3
    page = house.page("/erin", made["id"]).json()
    assert page["user"] == "erin"
    until(lambda: "exhausted" in api.kinds(made["id"]))
    assert api.incident(made["id"])["alarm"]
    time.sleep(1.5)
    for path in ("/dave", "/bob", "/erin"):
        assert len(house.pages_to(path, made["id"])) == 1, path


def test_pages_show_user_step_state_and_notifications(house: House, api: Api) -> None:
    made = house.trigger("of-bob")
    house.page("/bob", made["id"])
    (page,) = until(lambda: [p for p in api.items(f"/incidents/{made['id']}/pages") if p["state"] == "delivered"])
    assert (page["user"], page["step"]) == ("bob", 1)
    (notification,) = page["notifications"]
    assert (notification["method"], notification["channel"], notification["state"]) == ("hook", "webhook", "delivered")


def test_explain_says_why_each_page_happened(house: House, api: Api) -> None:
    made = house.trigger("of-bob")
    house.page("/bob", made["id"])
    items = api.items(f"/incidents/{made['id']}/explain")
    said = [i for i in items if i["kind"] == "page"]
    assert said
    assert all(item["sentence"] for item in items)
    assert said[0]["user"] == "bob"
    assert said[0]["reason"]


class TestAcknowledgeUrl:
    def page(self, house: House) -> tuple[str, str]:
        """An incident and the path of the link in its page."""
        made = house.trigger("of-bob")["id"]
        return made, urlsplit(house.page("/bob", made).json()["acknowledge_url"]).path

    def test_get_and_head_never_change_anything(self, house: House, api: Api) -> None:
        made, path = self.page(house)
        shown = house.http.get(path)
        assert shown.status == 200
        assert shown.headers["content-type"].startswith("text/html")
        assert "<form" in shown.text
        assert "post" in shown.text.lower()
        head = house.http.call("HEAD", path)
        assert (head.status, head.body) == (200, b"")
        assert api.incident(made)["status"] == "detected"

    def test_post_needs_nothing_but_the_url(self, house: House, api: Api) -> None:
        made, path = self.page(house)
        assert house.http.call("POST", path).status == 200
        done = api.incident(made)
        assert (done["status"], done["acknowledged_by"], done["assignee"]) == ("acknowledged", "user:bob", "bob")

    def test_the_form_itself_is_enough(self, house: House, api: Api) -> None:
        made, path = self.page(house)
        form = re.search(r"<form[^>]*>", house.http.get(path).text)
        assert form is not None
        action = re.search(r'action="([^"]*)"', form[0])
        told = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "cross-site", "Origin": "null"}
        where = urlsplit(action[1]).path if action else path
        assert house.http.call("POST", where, raw=b"", headers=told).status == 200
        assert api.incident(made)["status"] == "acknowledged"

    def test_again_and_after_resolve_it_is_200_and_polite(self, house: House, api: Api) -> None:
        made, path = self.page(house)
        api.act(made, "acknowledge")
        assert house.http.call("POST", path).status == 200
        assert api.incident(made)["acknowledged_by"] == "token:bootstrap"
        api.act(made, "resolve")
        for method in ("POST", "GET", "POST"):
            told = house.http.call(method, path)
            assert told.status == 200
            assert told.headers["content-type"].startswith("text/html")
        assert api.incident(made)["status"] == "resolved"

    def test_a_forged_link_opens_nothing(self, house: House, api: Api) -> None:
        made, path = self.page(house)
        flipped = path[:-1] + ("A" if path[-1] != "A" else "B")
        for bad in (flipped, path.rpartition(".")[0], "/a/1", "/a/x.y", "/a/" + "9" * 30 + ".x"):
            assert house.http.call("POST", bad).status == 404, bad
        assert api.incident(made)["status"] == "detected"


def test_acknowledging_before_a_retry_stops_the_retry(house: House, api: Api) -> None:
    house.sink.script("/bob", *[status(503)] * 5)
    made = house.trigger("of-bob")["id"]
    house.page("/bob", made)
    api.act(made, "acknowledge")
    seen = len(house.pages_to("/bob", made))
    time.sleep(2.5)
    assert len(house.pages_to("/bob", made)) <= seen + 1  # one that had begun may finish
    house.sink._scripts["/bob"].clear()  # what is left of the script


def test_a_page_of_low_urgency_has_the_same_shape_in_mail(house: House) -> None:
    word = fresh("Mail")
    made = house.trigger("listed", summary=word, severity="warning")
    (mail,) = until(lambda: [m for m in house.mail.messages if word in m.message["Subject"]])
    seen: Any = mail.message
    assert made["url"] in mail.text
    assert seen["From"]
    assert seen["To"]
