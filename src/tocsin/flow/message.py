"""What a notification says, and the signed link by which its reader acknowledges."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime
from typing import Any

from tocsin.core.directory import Directory
from tocsin.core.escalation import PageReason
from tocsin.core.incident import display_name, public_id
from tocsin.core.matrix import matrix_of
from tocsin.core.severity import Severity
from tocsin.core.tier import ABOUT
from tocsin.flow.context import Context
from tocsin.plugins.channels.base import Brief, Message
from tocsin.store.notifications import Letter


def _signature(secret: bytes, page: int, what: bytes = b"acknowledge") -> str:
    digest = hmac.digest(secret, b"%b:%d" % (what, page), hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:18]).decode()


def acknowledge_link(ctx: Context, page: int) -> str:
    """The URL that acknowledges the incident in the name of the person who got this page."""
    return f"{ctx.settings.external_url}/a/{page}.{_signature(ctx.secret, page)}"


def page_of_link(ctx: Context, token: str) -> int | None:
    """The page of a link's last part, or None when it was not signed by us."""
    number, _, signature = token.partition(".")
    if not (number.isascii() and number.isdigit() and len(number) < 19 and signature.isascii()):
        return None
    page = int(number)
    return page if hmac.compare_digest(signature, _signature(ctx.secret, page)) else None


def acknowledge_message_link(ctx: Context, message: int) -> str:
    """The URL that acknowledges every incident which this message named, in the name of the person who got it."""
    return f"{ctx.settings.external_url}/a/m{message}.{_signature(ctx.secret, message, b'acknowledge all')}"


def message_of_link(ctx: Context, token: str) -> int | None:
    """The message of a link's last part, or None when it is none of a message, or was not signed by us."""
    number, _, signature = token.partition(".")
    digits = number.removeprefix("m")
    if not (
        number.startswith("m") and digits.isascii() and digits.isdigit() and len(digits) < 19 and signature.isascii()
    ):
        return None
    message = int(digits)
    return message if hmac.compare_digest(signature, _signature(ctx.secret, message, b"acknowledge all")) else None


def incident_url(ctx: Context, number: int) -> str:
    """Where the room of an incident is."""
    return f"{ctx.settings.external_url}/incidents/{public_id(number)}"


def brief(ctx: Context, letter: Letter) -> Brief:
    """The incident of a letter as messages tell it."""
    return case_of(ctx, letter.incident_id, letter)


def case_of(ctx: Context, number: int, case: Any) -> Brief:
    """An incident as messages tell it, from a row that holds its title, severity, status, service and counts."""
    service = ctx.directory.services.get(case.service) if case.service else None
    return Brief(
        id=public_id(number), number=number, name=display_name(number, case.created_at), title=case.title,
        severity=Severity(case.severity).key, status=case.status, service=case.service,
        service_name=service.label if service else case.service or "", url=incident_url(ctx, number),
        created_at=case.created_at, description=case.description, alerts_count=case.alerts_count,
    )  # fmt: skip


def reason(directory: Directory, letter: Letter) -> str:
    """Sentences for the person paged: why you, and what whoever asked for you says."""
    sentence = PageReason(letter.reason).sentence
    kind, _, name = letter.via.partition(":")
    if kind == "schedule" and (schedule := directory.schedules.get(name)) is not None:
        sentence = f"{sentence.removesuffix('.')} ({schedule.name or name})."
    if kind == "team" and (team := directory.teams.get(name)) is not None:
        sentence = f"{sentence.removesuffix('.')} ({team.name or name})."
    return f"{sentence} {letter.note}" if letter.note else sentence


def role(directory: Directory, letter: Letter) -> str:
    """Why this very person, as far as their tier says it, and who responds to such a severity by the matrix; empty when no rung of
    the ladder paged them."""
    about = ABOUT.get(letter.tier)
    if about is None or not PageReason(letter.reason).from_ladder:
        return ""
    who = matrix_of(directory, letter.service)[Severity(letter.severity)].who
    return (
        f"{about.sentence} Who responds to a {Severity(letter.severity).name}: {who.rstrip('.')}."
        if who
        else about.sentence
    )


def compose(ctx: Context, letters: list[Letter], now: datetime) -> Message:
    """One message for one letter, or for several of one person that travel together."""
    first = letters[0]
    user = ctx.directory.users.get(first.user_id)
    return Message(
        type="page", key=_key(ctx, first), page_id=f"{first.page_id}", reason=reason(ctx.directory, first),
        step=first.step, user=first.user_id, user_name=user.label if user else first.user_id,
        time_zone=user.time_zone if user else "UTC", incident=brief(ctx, first),
        acknowledge_url=_link(ctx, letters), sent_at=now, instance=ctx.instance, bundled=_others(ctx, letters),
        public_only=is_typed(ctx, first.user_id, first.method), role=role(ctx.directory, first),
    )  # fmt: skip


def _key(ctx: Context, letter: Letter) -> str:
    return f"{ctx.instance}-n{letter.id}" if letter.message is None else f"{ctx.instance}-m{letter.message}"


def _link(ctx: Context, letters: list[Letter]) -> str:
    """One link for all: it answers every incident that the message names."""
    message = letters[0].message
    if message is None or len(letters) == 1:
        return acknowledge_link(ctx, letters[0].page_id)
    return acknowledge_message_link(ctx, message)


def _others(ctx: Context, letters: list[Letter]) -> tuple[Brief, ...]:
    """The incidents beside the first one, each once."""
    by_incident = {letter.incident_id: letter for letter in reversed(letters)}
    del by_incident[letters[0].incident_id]
    return tuple(brief(ctx, letter) for letter in reversed(by_incident.values()))


def is_typed(ctx: Context, user: str, method: str) -> bool:
    """Whether a person typed the address of this contact method, so that it may lead to public places only."""
    known = ctx.directory.method(user, method)
    return known is not None and known.typed
