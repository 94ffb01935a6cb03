"""Signed words between us and a room, as Standard Webhooks say: what goes out, and what comes back with the same secret."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from standardwebhooks import Webhook

from tocsin.core.errors import Unauthenticated

TOLERANCE = timedelta(minutes=5)
"""How old a signed message may be, or how far ahead its sender's clock."""


def sign(secret: str, key: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks for a body."""
    return {
        "webhook-id": key,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(key, at.astimezone(UTC), body.decode()),
    }


def verified(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """The id of a message that came from a room. Raises Unauthenticated when it is not signed with the room's secret, or old."""
    given = {name.lower(): value for name, value in headers.items()}
    key, stamp, signed = (given.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not (key and signed and stamp.isascii() and stamp.isdigit() and len(stamp) < 12):
        raise Unauthenticated(
            "Sign the message as Standard Webhooks say: webhook-id, webhook-timestamp, webhook-signature"
        )
    at = datetime.fromtimestamp(int(stamp), UTC)
    if abs(now - at) > TOLERANCE:
        raise Unauthenticated("The message's webhook-timestamp is more than five minutes from now")
    try:
        wanted = Webhook(secret).sign(key, at, body.decode())
    except UnicodeDecodeError:
        raise Unauthenticated("The message is not UTF-8 text") from None
    if not any(hmac.compare_digest(wanted.encode(), one.encode()) for one in signed.split(" ")):
        raise Unauthenticated("The signature does not fit the room's secret")
    return key
