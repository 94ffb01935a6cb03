"""What people's own devices say of how they can be reached: browsers that take web push, numbers that answered STOP."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec

from tocsin.core.configuration import ContactMethod, NotificationRule, NotificationRules, User

TYPE = "webpush"
ALL = "all"
"""What a configured contact method of the type `webpush` names instead of one device: all that its owner subscribed."""


EVERY = ContactMethod(TYPE, TYPE, {"device": ALL})
"""All devices of a person, by the name under which every rule may call them without being told of a contact method."""


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A browser that proved that a push reaches it."""

    id: int
    user: str
    name: str
    endpoint: str
    p256dh: str
    auth: str

    @property
    def method(self) -> ContactMethod:
        """The device as a contact method. Its id holds a colon: no configured one can be called so."""
        return ContactMethod(
            f"{TYPE}:{self.id}",
            TYPE,
            {
                "device": self.name, "endpoint": self.endpoint, "p256dh": self.p256dh, "auth": self.auth, "subscribed": "yes",
            },
        )  # fmt: skip


def is_own(method: ContactMethod) -> bool:
    """True for a contact method that a device brought, which no configuration holds."""
    return method.id.startswith(f"{TYPE}:")


def name_of(method: ContactMethod) -> str:
    """What people call a contact method: its id, or the name that its owner gave a device."""
    return method.settings.get("device", method.id) if is_own(method) else method.id


def nameable(methods: Iterable[ContactMethod]) -> list[ContactMethod]:
    """What rules may name: the methods that are written, and the devices together."""
    known = list(methods)
    written = [m for m in known if not is_own(m)]
    if len(written) < len(known) and not any(_is_every(m) or m.id == TYPE for m in written):
        written.append(EVERY)
    return written


def _is_every(method: ContactMethod) -> bool:
    return method.type == TYPE and method.settings.get("device") == ALL


def digits(number: str) -> str:
    """A telephone number with its country, without what people write between the digits: `+49 30 1234` as `+49301234`."""
    return "+" + "".join(c for c in number if c in "0123456789")


def with_own(users: Iterable[User], devices: Iterable[Device], stopped: Collection[str]) -> list[User]:
    """The users as pages see them: with their devices, and knowing which numbers want no text messages."""
    by_user: dict[str, list[ContactMethod]] = {}
    for device in devices:
        by_user.setdefault(device.user, []).append(device.method)
    return [_with_own(user, by_user.get(user.id, ()), stopped) for user in users]


def _with_own(user: User, own: Sequence[ContactMethod], stopped: Collection[str]) -> User:
    methods = [_marked(method, stopped) for method in user.contact_methods]
    rules = user.notification_rules
    named = {rule.method for rule in (*(rules.high or ()), *(rules.low or ()))}
    if TYPE in named and all(m.id != TYPE for m in methods):
        methods.append(EVERY)
    if own:
        every = {m.id for m in methods if _is_every(m)}
        rules = NotificationRules(high=_spread(rules.high, every, own), low=_spread(rules.low, every, own))
        methods = [*(m for m in methods if m.id not in every), *own]
    if tuple(methods) == user.contact_methods:
        return user
    return msgspec.structs.replace(user, contact_methods=tuple(methods), notification_rules=rules)


def _marked(method: ContactMethod, stopped: Collection[str]) -> ContactMethod:
    if method.type != "sms" or digits(method.settings.get("number", "")) not in stopped:
        return method
    settings = {**method.settings, "stopped": "yes"}
    return ContactMethod(method.id, method.type, settings, typed=method.typed, verified=method.verified)


def _spread(
    rules: tuple[NotificationRule, ...] | None, every: Collection[str], own: Sequence[ContactMethod]
) -> tuple[NotificationRule, ...] | None:
    """A rule for all devices becomes one for each."""
    if rules is None:
        return None
    return tuple(
        NotificationRule(after=rule.after, method=name)
        for rule in rules
        for name in ([m.id for m in own] if rule.method in every else [rule.method])
    )
