"""Writes a message as a mail: plain text and HTML, in the reader's own time zone, one thread per incident."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta, tzinfo
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tocsin.plugins.channels.base import Brief, Message, News

_POLICY = SMTP.clone(cte_type="7bit")
_LONG_LINES = _POLICY.clone(max_line_length=900)
"""An address in a header stays whole: folded, it would be written as an encoded word, which mail programs do not follow."""
_SUBJECT_LETTERS = 180
_DESCRIPTION_LETTERS = 4000
_SHAPES = {"SEV1": "■", "SEV2": "▲", "SEV3": "●", "SEV4": "○"}


class _Case(NamedTuple):
    """An incident as the templates show it."""

    severity: str
    word: str
    shape: str
    name: str
    title: str
    service: str
    status: str
    since: str
    url: str
    alerts: int
    description: str


def write(message: Message, sender: Address, recipient: str) -> EmailMessage:
    """The whole mail. The same notification always gets the same Message-ID, so that a repeated mail is seen to be one."""
    listed = message.news is not None and message.news.unsubscribe
    mail = EmailMessage(policy=_LONG_LINES if listed else _POLICY)
    named = header(message.news.sender)[:100] if message.news else ""
    mail["From"] = Address(display_name=named, addr_spec=sender.addr_spec) if named else sender
    mail["To"] = Address(display_name=header(message.user_name)[:100], addr_spec=recipient)
    mail["Subject"] = subject(message)
    mail["Date"] = message.sent_at
    domain = _domain(message.instance)
    thread = f"<incident-{message.incident.number}@{domain}>"
    mail["Message-ID"] = f"<{hashlib.sha256(message.key.encode()).hexdigest()[:24]}@{domain}>"
    if message.news is None:
        mail["In-Reply-To"] = thread
        mail["References"] = thread
    elif message.news.unsubscribe:
        _listed(mail, message.news, domain)
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    if message.news is None:
        mail["X-Tocsin-Incident"] = header(message.incident.id)
    mail["Idempotency-Key"] = header(message.key)
    if message.type == "page":
        mail["Importance"] = "high"
        mail["X-Priority"] = "1"
    text, html = bodies(message)
    mail.set_content(text, cte="quoted-printable")
    mail.add_alternative(html, subtype="html", cte="quoted-printable")
    if message.news is not None and message.news.calendar:
        called_off = "METHOD:CANCEL" in message.news.calendar.splitlines()
        appointment = {"method": "CANCEL" if called_off else "REQUEST", "charset": "utf-8"}
        mail.add_attachment(
            message.news.calendar.encode(),
            "text",
            "calendar",
            filename="cancellation.ics" if called_off else "invitation.ics",
            params=appointment,
            cte="base64",
        )
    return mail


def _listed(mail: EmailMessage, news: News, domain: str) -> None:
    """A letter that many get: how to end it with one click (RFC 2369, RFC 8058), and what it goes on from."""
    mail["List-Id"] = f"<status.{domain}>"
    mail["List-Unsubscribe"] = f"<{news.unsubscribe}>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    if news.thread:
        mail["In-Reply-To"] = mail["References"] = f"<status-{news.thread}@{domain}>"


def subject(message: Message) -> str:
    """`[SEV1] title (INC-2026-041)`; the same for every mail of an incident, because mail programs thread by it."""
    case = message.incident
    title = header(message.news.heading if message.news is not None else case.title)
    if len(title) > _SUBJECT_LETTERS:
        title = title[: _SUBJECT_LETTERS - 1] + "…"
    if message.news is not None:
        return title
    more = f" and {len(message.bundled)} more" if message.bundled else ""
    return f"[{_severity(case.severity)[0]}] {title} ({header(case.name)}){more}"


def bodies(message: Message) -> tuple[str, str]:
    """The mail's text and its HTML."""
    name, templates = (
        "page" if message.news is None else "subscriber" if message.news.unsubscribe else "news",
        _templates(),
    )
    values = _values(message)
    return templates.get_template(f"{name}.txt").render(values), templates.get_template(f"{name}.html").render(values)


def push(message: Message) -> str:
    """A few lines for a small screen, the links first."""
    if message.news is not None:
        return f"{_paragraphs(message.news.text)}\n{message.news.url}"
    return _templates().get_template("push.txt").render(_values(message)).strip()


def _values(message: Message) -> dict[str, Any]:
    zone = _zone(message.time_zone)
    return {
        "message": message,
        "reason": clean(message.reason),
        "role": clean(message.role),
        "user": clean(message.user_name) or message.user,
        "zone": str(zone),
        "case": _case(message.incident, zone, message.sent_at),
        "others": [_case(brief, zone, message.sent_at) for brief in message.bundled],
        "heading": clean(message.news.heading) if message.news else "",
        "sender": clean(message.news.sender) if message.news else "",
        "said": _paragraphs(message.news.text) if message.news else "",
    }


def clean(text: str) -> str:
    """One line of printable text."""
    readable = text.encode("utf-8", "replace").decode()
    return " ".join("".join(c if c.isprintable() else " " for c in readable).split())


def header(text: str) -> str:
    """One line that may stand in a header: what looks like an encoded word (RFC 2047) would be decoded, and is broken up."""
    return clean(text).replace("=?", "= ?")


def _case(brief: Brief, zone: tzinfo, now: datetime) -> _Case:
    severity, word = _severity(brief.severity)
    return _Case(
        severity=severity,
        word=word,
        shape=_SHAPES.get(severity, "■"),
        name=clean(brief.name),
        title=clean(brief.title),
        service=clean(brief.service_name or brief.service or ""),
        status=clean(brief.status),
        since=since(brief.created_at, zone, now),
        url=brief.url,
        alerts=brief.alerts_count,
        description=_paragraphs(brief.description),
    )


def since(at: datetime, zone: tzinfo, now: datetime) -> str:
    """`14:05 UTC+02:00, Fri 21 Aug 2026`, and how long before this mail when that is worth saying."""
    local = at.astimezone(zone)
    offset = local.strftime("%z")
    text = f"{local:%H:%M} UTC{offset[:3]}:{offset[3:5]}, {local:%a} {local.day} {local:%b %Y}"
    ago = now - at
    if ago < timedelta(minutes=2):
        return text
    minutes = int(ago.total_seconds() // 60)
    length = (
        f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"
    )
    return f"{text} ({length} before this mail)"


def _severity(key: str) -> tuple[str, str]:
    """(`SEV1`, `critical`) of `sev1_critical`."""
    match = re.fullmatch(r"(sev\d)_(\w+)", key)
    return (match[1].upper(), match[2]) if match else (header(key).upper(), "")


def _paragraphs(text: str) -> str:
    """Many lines, without control characters, cut when very long."""
    lines = (clean(line) for line in text[:_DESCRIPTION_LETTERS].splitlines())
    whole = "\n".join(lines).strip()
    return whole + " …" if len(text) > _DESCRIPTION_LETTERS else whole


def _domain(instance: str) -> str:
    """The right side of message ids: short, so that header folding leaves them alone."""
    if not instance:
        return "tocsin"
    if re.fullmatch(r"[A-Za-z0-9.-]{1,36}", instance):
        return instance
    return hashlib.sha256(instance.encode()).hexdigest()[:24]


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


@lru_cache(maxsize=1)
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=lambda name: bool(name and name.endswith(".html")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
