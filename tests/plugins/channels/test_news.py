"""News that is about no incident, as each way of writing tells it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.headerregistry import Address

import msgspec

from tocsin.plugins.channels.base import Brief, Message, News
from tocsin.plugins.channels.letters import push, subject, write
from tocsin.plugins.channels.webhook import encode

AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
TEXT = "You are on call now:\n- Wed 4 Mar 2026 18:00 to Thu 5 Mar 2026 08:00 (UTC+00:00): instead of Alice <Ng>\n\nChanged by Erin."
HEADING = "Your shifts changed: Payments primary"
URL = "https://tocsin.example/schedules/primary"
MESSAGE = Message(
    type="update", key="t-u7", page_id="", reason="", step=1, user="carol", user_name="Carol", time_zone="UTC",
    incident=Brief(
        id="", number=0, name=HEADING, title=HEADING, severity="sev4_low", status="", service=None, service_name="", url=URL, created_at=AT
    ),
    acknowledge_url="", sent_at=AT, instance="t", news=News(heading=HEADING, text=TEXT, url=URL),
)  # fmt: skip


def test_a_webhook_gets_it_with_the_fields_of_every_message_and_no_incident() -> None:
    body = json.loads(encode(MESSAGE))
    assert body == {
        "type": "update", "page_id": "", "reason": HEADING, "step": 1, "user": "carol", "incident": None, "acknowledge_url": "",
        "sent_at": "2026-03-02T10:00:00Z", "news": {"heading": HEADING, "text": TEXT, "url": URL},
    }  # fmt: skip


def test_a_mail_says_it_under_its_own_subject_and_in_no_incidents_thread() -> None:
    mail = write(MESSAGE, Address("Tocsin", addr_spec="tocsin@example.com"), "carol@example.com")
    assert mail["Subject"] == HEADING
    assert mail["In-Reply-To"] is None
    assert mail["X-Tocsin-Incident"] is None
    assert mail["Importance"] is None
    text, html = (part.get_content() for part in mail.iter_parts())
    assert TEXT in text.replace("\r\n", "\n")
    assert URL in text
    assert "instead of Alice &lt;Ng&gt;" in html
    assert f'href="{URL}"' in html
    assert "SEV4" not in text + html


def test_a_small_screen_shows_the_lines_and_the_address() -> None:
    assert subject(MESSAGE) == HEADING
    assert push(MESSAGE) == f"{TEXT}\n{URL}"


def test_a_mail_brings_an_appointment_that_calendars_understand() -> None:
    invited = msgspec.structs.replace(
        MESSAGE,
        news=News(heading=HEADING, text=TEXT, url=URL, calendar="BEGIN:VCALENDAR\r\nSUMMARY:Ä\r\nEND:VCALENDAR\r\n"),
    )
    mail = write(invited, Address("Tocsin", addr_spec="tocsin@example.com"), "carol@example.com")
    [part] = mail.iter_attachments()
    assert (part.get_content_type(), part.get_param("method"), part.get_filename()) == (
        "text/calendar",
        "REQUEST",
        "invitation.ics",
    )
    assert "SUMMARY:Ä" in part.get_content()
