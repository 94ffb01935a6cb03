"""Who is told of an incident: the audiences of updates, the channels that lead to them, and who of them hears of which severity. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Literal, Self, get_args

from tocsin.core.errors import Invalid
from tocsin.core.severity import parse
from tocsin.core.spelling import Spelled, Written

Audience = Literal["responders", "stakeholders", "executives", "public"]
AUDIENCES: tuple[Audience, ...] = get_args(Audience)

ChannelAudience = Literal["responders", "stakeholders", "executives", "support", "social"]
CHANNEL_AUDIENCES: tuple[ChannelAudience, ...] = get_args(ChannelAudience)
APPROVED: frozenset[str] = frozenset({"support", "social"})
"""Whoever speaks there speaks to customers: nothing goes out before a person approved it (S0-100)."""

SAID: dict[str, str] = {
    "responders": "Responders", "stakeholders": "Stakeholders", "executives": "Executives", "public": "Public",
    "support": "Support", "social": "Social media",
}  # fmt: skip

ChannelType = Literal["webhook", "email", "apprise"]
FIELDS: dict[ChannelType, tuple[str, ...]] = {"webhook": ("url", "secret"), "email": ("address",), "apprise": ("url",)}
"""Which of its fields a channel of each type has; plugins/channels says what they mean."""


def read_audience(text: str, pointer: str = "/audience") -> Audience:
    """Raises Invalid for anything else."""
    for audience in AUDIENCES:
        if text.strip().lower() == audience:
            return audience
    raise Invalid(f"{text[:60]!r} is no audience: use {', '.join(AUDIENCES)}", pointer)


class Audiences(Spelled):
    """Audiences as the matrix names them: `responders, public`; `nobody` for none."""

    __slots__ = ("names",)

    def __init__(self, names: Iterable[Audience]) -> None:
        given = frozenset(names)
        self.names: tuple[Audience, ...] = tuple(one for one in AUDIENCES if one in given)

    @classmethod
    def read(cls, value: Any) -> Self:
        if isinstance(value, str):
            value = [] if value.strip().lower() in ("nobody", "") else value.split(",")
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
            raise ValueError(f"write audiences with commas between them, of {', '.join(AUDIENCES)}; or nobody")
        try:
            return cls(read_audience(one.strip()) for one in value)
        except Invalid as error:
            raise ValueError(str(error)) from None

    def plain(self) -> str:
        return ", ".join(self.names) or "nobody"

    def __contains__(self, audience: object) -> bool:
        return audience in self.names

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Audiences) and self.names == other.names

    def __hash__(self) -> int:
        return hash(self.names)

    def __repr__(self) -> str:
        return f"Audiences({self.plain()})"


class Channel(Written, frozen=True, kw_only=True):
    """A place where an audience listens: `#engineering-incidents`, the executives' list, the support desk.

    It gets updates for its `audience` about incidents of `severities` (none named: of all that the matrix tells that audience) that touch
    one of `services` (none named: any). `url`, `secret`, `address` belong to the `type`.
    """

    id: str
    name: str = ""
    audience: ChannelAudience
    type: ChannelType
    url: str = ""
    secret: str = ""
    address: str = ""
    severities: tuple[str, ...] = ()
    services: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return self.name or self.id

    @property
    def settings(self) -> dict[str, str]:
        """What its type of channel asks for."""
        return {name: value for name in ("url", "secret", "address") if (value := getattr(self, name))}

    @property
    def recipient(self) -> str:
        """What stands for it in the outbox in place of a person."""
        return f"{RECIPIENT}{self.id}"

    def hears_of(self, severity: int, services: Collection[str]) -> bool:
        """Whether it is told of an incident of this severity that touches these services."""
        graded = not self.severities or severity in {parse(one) for one in self.severities}
        return graded and (not self.services or any(one in services for one in self.services))


RECIPIENT = "channel:"


def channel_of(recipient: str) -> str | None:
    """The id of the channel that stands in the outbox in place of a person; None for a person."""
    return recipient.removeprefix(RECIPIENT) if recipient.startswith(RECIPIENT) else None


def public_impact(severity: int, components: Collection[str], users: int | None, percent: float | None) -> bool:
    """Whether the world can see it, so that a word on social media is worth drafting (S0-100): a SEV1 or SEV2 that the public was told
    of, and that takes a component down or hits a known number of people."""
    hit = any(state in ("partial_outage", "major_outage") for state in components) or bool(users) or bool(percent)
    return severity <= 2 and hit
