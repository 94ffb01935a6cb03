"""What people read: subjects, texts, HTML, threads."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from tests.fakes.messages import INSTANCE, brief, message

from tocsin.plugins.channels import letters
from tocsin.plugins.channels.base import Message

SENDER = Address("Tocsin", addr_spec="tocsin@example.com")


def written(sent: Message) -> EmailMessage:
    """The mail as the receiving side reads it off the wire."""
    raw = letters.write(sent, SENDER, "alice@example.com").as_bytes()
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def test_the_same_notification_is_the_same_mail_and_an_incident_is_one_thread() -> None:
    first, again = written(message()), written(message(sent_at=datetime.now(UTC) + timedelta(minutes=1)))
    other = written(message(key=f"{INSTANCE}:1842", type="update", acknowledge_url=""))
    assert first["Message-ID"] == again["Message-ID"] != other["Message-ID"]
    for mail in (first, again, other):
        assert mail["References"] == mail["In-Reply-To"] == f"<incident-41@{INSTANCE}>"
    assert written(message(incident=brief(42)))["References"] != first["References"]


def test_headers_keep_machines_from_answering_and_let_people_sort() -> None:
    mail = written(message())
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Tocsin-Incident"] == "INC-1A2B3C4D"
    assert mail["Idempotency-Key"] == message().key
    assert (mail["From"], mail["To"]) == ("Tocsin <tocsin@example.com>", "Alice Ng <alice@example.com>")
    assert mail["Date"].datetime.tzinfo is not None


@pytest.mark.parametrize(
    ("title", "subject"),
    [
        ("Überlauf 漢字 ☃", "[SEV1] Überlauf 漢字 ☃ (INC-2026-041)"),
        ("two\r\nBcc: eve@example.com", "[SEV1] two Bcc: eve@example.com (INC-2026-041)"),
        ("\x00nul\x1b[31m tab\there", "[SEV1] nul [31m tab here (INC-2026-041)"),
        ("half \ud83d pair", "[SEV1] half ? pair (INC-2026-041)"),
        ("=?utf-8?q?trick?=", "[SEV1] = ?utf-8?q?trick?= (INC-2026-041)"),
        ("=?utf-8?q?=0D=0ABcc:_eve=40example.com?=", "[SEV1] = ?utf-8?q?=0D=0ABcc:_eve=40example.com?= (INC-2026-041)"),
        ("ü" * 400, "[SEV1] " + "ü" * 179 + "… (INC-2026-041)"),
        ("x" * 400, "[SEV1] " + "x" * 179 + "… (INC-2026-041)"),
        ("", "[SEV1] (INC-2026-041)"),
    ],
)
def test_any_title_makes_one_subject(title: str, subject: str) -> None:
    mail = written(message(incident=brief(title=title)))
    assert " ".join(str(mail["Subject"]).split()) == subject
    assert mail["Bcc"] is None
    assert mail.get_all("To") == ["Alice Ng <alice@example.com>"]


@pytest.mark.parametrize("field", ["user_name", "reason", "key", "instance", "time_zone", "page_id"])
def test_no_field_can_add_a_header(field: str) -> None:
    for evil in ("x\r\nBcc: eve@example.com\r\n\r\nbody", "=?utf-8?q?=0D=0ABcc:_eve=40example.com?="):
        mail = written(message(**{field: evil}))
        assert mail["Bcc"] is None
        assert mail.get_body(("html",)) is not None


@pytest.mark.parametrize("title", ["漢" * 400, "x" * 5000, "word " * 300, "<b>" * 100])
def test_the_wire_holds_only_short_ascii_lines(title: str) -> None:
    sent = message(incident=brief(title=title, description=title * 3), reason=title)
    raw = letters.write(sent, SENDER, "alice@example.com").as_bytes()
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")


def test_the_text_says_what_where_since_when_why_and_what_to_do() -> None:
    mail = written(message(sent_at=datetime(2026, 8, 21, 12, 5, 1, tzinfo=UTC)))
    body = mail.get_body(("plain",))
    assert body is not None
    text = body.get_content().replace("\r\n", "\n")
    for part in (
        "SEV1 critical: Checkout is failing",
        "Payments API",
        "14:05 UTC+02:00, Fri 21 Aug 2026\n",
        "You are on call for Payments primary.",
        "ACKNOWLEDGE: https://tocsin.example.com/a/77.sig\n",
        "Open the room: https://tocsin.example.com/incidents/INC-1A2B3C4D\n",
        "Times are in Europe/Berlin",
    ):
        assert part in text


def test_an_update_has_nothing_to_acknowledge() -> None:
    text, html = letters.bodies(message(type="update", acknowledge_url=""))
    assert "cknowledge" not in text + html
    assert text.startswith("Update on INC-2026-041")


def test_a_bundle_lists_every_incident() -> None:
    others = (brief(42, title="Disk is full", severity="sev3_medium"), brief(43, title="Certificate <expires>"))
    sent = message(bundled=others)
    text, html = letters.bodies(sent)
    for found in (text, html, letters.push(sent)):
        assert "INC-2026-042" in found
        assert "Disk is full" in found
    assert "Certificate &lt;expires&gt;" in html
    assert letters.subject(sent) == "[SEV1] Checkout is failing (INC-2026-041) and 2 more"


def test_nothing_in_the_html_comes_alive() -> None:
    evil = '<script>alert(1)</script><img src=x onerror=alert(1)>"\'><a href="javascript:x">'
    case = brief(title=evil, description=evil, service_name=evil, status=evil, name=evil, severity=evil)
    _, html = letters.bodies(message(incident=case, reason=evil, user_name=evil, bundled=(case,)))
    parser = _Tags()
    parser.feed(html)
    assert not parser.tags & {"script", "img", "iframe", "form", "object"}
    assert parser.links <= {message().acknowledge_url, brief().url}


def test_the_html_asks_for_nothing_from_the_net_and_knows_the_dark() -> None:
    _, html = letters.bodies(message())
    assert "prefers-color-scheme: dark" in html
    for word in ("<img", "src=", "@import", "url(", "<link"):
        assert word not in html


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links |= {value or "" for name, value in attrs if name == "href"}


@pytest.mark.parametrize(
    ("ago", "words"),
    [(0, ""), (119, ""), (120, " (2 min before this mail)"), (7199, " (119 min before this mail)"),
     (7200, " (2 h before this mail)"), (3 * 86400, " (3 days before this mail)")],
)  # fmt: skip
def test_since(ago: int, words: str) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    said = letters.since(at, ZoneInfo("America/St_Johns"), at + timedelta(seconds=ago))
    assert said == "23:34 UTC-03:30, Thu 1 Jan 2026" + words


def test_an_unknown_zone_is_utc() -> None:
    for zone in ("", "Mars/Olympus", "../../etc/passwd", "\x00"):
        text, _ = letters.bodies(message(time_zone=zone))
        assert "12:05 UTC+00:00" in text
        assert "Times are in UTC" in text


def test_the_push_has_its_links_first() -> None:
    lines = letters.push(message(incident=brief(description="long story"))).splitlines()
    assert lines[:3] == [
        "You are on call for Payments primary.",
        "Acknowledge: https://tocsin.example.com/a/77.sig",
        "Room: https://tocsin.example.com/incidents/INC-1A2B3C4D",
    ]
