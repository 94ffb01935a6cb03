"""People's own devices beside what is configured: how rules become methods, and what stays as it was."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from tocsin.core.configuration import User
from tocsin.core.device import Device, digits, is_own, nameable, with_own
from tocsin.core.notification import plan
from tocsin.core.spelling import decode

HOOK = {"id": "hook", "type": "webhook", "url": "https://example.com"}
TEXT = {"id": "text", "type": "sms", "number": "+49 30 901820"}
PUSH = {"id": "push", "type": "webpush", "device": "all"}


def alice(*methods: dict[str, str], **more: Any) -> User:
    return decode({"id": "alice", "contact_methods": list(methods), **more}, User)


def device(id: int, user: str = "alice") -> Device:
    return Device(id=id, user=user, name=f"Phone {id}", endpoint=f"https://push.example.com/{id}", p256dh="k", auth="a")


def planned(user: User) -> list[tuple[int, str]]:
    return [(int(after), method.id) for after, method in plan(user, "high")]


def test_without_rules_every_device_is_paged_at_once() -> None:
    (user,) = with_own([alice(HOOK)], [device(1), device(2), device(3, "bob")], ())
    assert planned(user) == [(0, "hook"), (0, "webpush:1"), (0, "webpush:2")]


def test_a_rule_for_all_devices_is_one_for_each() -> None:
    rules = {
        "high": [
            {"after": "0s", "method": "push"},
            {"after": "2m", "method": "hook"},
            {"after": "5m", "method": "push"},
        ]
    }
    written = alice(HOOK, PUSH, notification_rules=rules)
    (user,) = with_own([written], [device(1), device(2)], ())
    assert planned(user) == [(0, "webpush:1"), (0, "webpush:2"), (120, "hook"), (300, "webpush:1"), (300, "webpush:2")]
    (without,) = with_own([written], [], ())
    assert planned(without) == [(0, "push"), (120, "hook"), (300, "push")], "it fails, is told, and the next rule comes"


def test_written_rules_that_do_not_name_devices_leave_them_out() -> None:
    (user,) = with_own([alice(HOOK, notification_rules={"high": [{"method": "hook"}]})], [device(1)], ())
    assert planned(user) == [(0, "hook")]


def test_a_stopped_number_is_marked_however_it_is_written() -> None:
    (user,) = with_own([alice(TEXT, {"id": "call", "type": "voice", "number": "+4930901820"})], [], {"+4930901820"})
    assert [m.settings.get("stopped") for m in user.contact_methods] == ["yes", None]


def test_devices_are_told_apart_from_what_is_written() -> None:
    (user,) = with_own([alice(HOOK)], [device(7)], ())
    assert [is_own(method) for method in user.contact_methods] == [False, True]


@given(
    some.lists(some.builds(device, some.integers(1, 9), some.sampled_from(["alice", "bob"])), max_size=6),
    some.booleans(),
)
def test_nothing_that_is_written_is_lost(devices: list[Device], stops: bool) -> None:
    written = alice(HOOK, TEXT)
    (user,) = with_own([written], devices, {"+4930901820"} if stops else ())
    assert [m.id for m in user.contact_methods[:2]] == ["hook", "text"]
    assert len(user.contact_methods) == 2 + sum(d.user == "alice" for d in devices)
    assert (user.id, user.role, user.notification_rules) == (written.id, written.role, written.notification_rules)


@given(some.text())
def test_digits_are_all_that_is_kept_of_a_number(text: str) -> None:
    assert set(digits(text)[1:]) <= set("0123456789")
    assert digits(digits(text)) == digits(text)


def test_every_rule_may_name_all_devices_together() -> None:
    written = alice(
        HOOK, notification_rules={"high": [{"after": "0s", "method": "webpush"}, {"after": "2m", "method": "hook"}]}
    )
    (user,) = with_own([written], [device(1), device(2)], ())
    assert planned(user) == [(0, "webpush:1"), (0, "webpush:2"), (120, "hook")]
    assert [m.id for m in nameable(user.contact_methods)] == ["hook", "webpush"]
    (without,) = with_own([written], [], ())
    assert planned(without) == [(0, "webpush"), (120, "hook")], "it fails, is told, and the next rule comes"
    (untouched,) = with_own([alice(HOOK)], [], ())
    assert [m.id for m in nameable(untouched.contact_methods)] == ["hook"]
