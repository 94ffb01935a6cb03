"""What went wrong on the way to a provider, and when it wants to hear from us again."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp

from tocsin.plugins.channels.base import DeliveryError

MOST_RETRY_AFTER = 900.0
"""Seconds: a provider may ask for patience, not for oblivion."""


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, 0 to MOST_RETRY_AFTER; None when it asks nothing readable.

    A date is read against the answer's own Date, for the two come from one clock; else against `now`.
    """
    said = {name.lower(): value for name, value in headers.items()}
    text = said.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), MOST_RETRY_AFTER)
    until, since = _date(text), _date(said.get("date", "")) or now
    return None if until is None else min(max((until - since).total_seconds(), 0.0), MOST_RETRY_AFTER)


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def network_error(place: str, error: Exception) -> DeliveryError:
    """What went wrong, in words of our own: the library's may quote the address."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return DeliveryError(f"{place}: its TLS certificate is not trusted", permanent=True)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return DeliveryError(f"{place}: the host name cannot be resolved", permanent=False)
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return DeliveryError(f"{place}: TLS cannot be agreed on", permanent=False)
    if isinstance(error, aiohttp.InvalidURL | ValueError):
        return DeliveryError(f"{place}: the address cannot be used", permanent=True)
    if isinstance(error, aiohttp.ClientConnectorError):
        return DeliveryError(f"{place}: cannot connect ({error.os_error.strerror or 'no answer'})", permanent=False)
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | OSError):
        return DeliveryError(f"{place} closed the connection without an answer", permanent=False)
    return DeliveryError(f"{place} answered something that is not HTTP", permanent=False)
