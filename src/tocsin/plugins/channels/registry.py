"""The list of channels."""

from __future__ import annotations

import importlib
import secrets
from collections.abc import Callable
from email.utils import parseaddr
from functools import cache
from typing import Any

from tocsin.core.errors import Invalid
from tocsin.plugins.channels.apprise import AppriseChannel, Library
from tocsin.plugins.channels.base import Channel, Field
from tocsin.plugins.channels.email import EmailChannel
from tocsin.plugins.channels.twilio import Account
from tocsin.plugins.channels.twilio_sms import SmsChannel
from tocsin.plugins.channels.twilio_voice import VoiceChannel
from tocsin.plugins.channels.webhook import WebhookChannel
from tocsin.plugins.channels.webpush import Library as PushLibrary
from tocsin.plugins.channels.webpush import WebPushChannel
from tocsin.settings import Settings

FIELDS: dict[str, tuple[Field, ...]] = {
    member.type: member.fields
    for member in (WebhookChannel, EmailChannel, AppriseChannel, SmsChannel, VoiceChannel, WebPushChannel)
}
"""What each type of contact method asks for."""

_LIMITS = {"timeout": float, "concurrency": int, "lane_limit": int}


def create(settings: Settings, push_key: str = "") -> dict[str, Channel]:
    """Every channel by its type; nothing is opened or sent. `push_key` is the installation's (store/installation.py).

    Raises Invalid when a setting cannot be used.
    """
    account = Account.of(settings)
    limits = _limits(settings.channel_limits)
    members: tuple[Channel, ...] = (
        WebhookChannel(**limits.get("webhook", {})),
        EmailChannel(settings.smtp_url, settings.mail_from, **limits.get("email", {})),
        AppriseChannel(_apprise_library, **limits.get("apprise", {})),
        SmsChannel(account, **limits.get("sms", {})),
        VoiceChannel(account, **limits.get("voice", {})),
        WebPushChannel(_push_library(settings, push_key), **limits.get("webpush", {})),
    )
    return {member.type: member for member in members}


def _apprise_library() -> Library:
    """Loaded at first use: it costs most of a second and more than 20 MB, which only its users should pay."""
    loaded: Library = importlib.import_module("tocsin.plugins.channels.apprise_library").library()
    return loaded


def _push_library(settings: Settings, key: str) -> Callable[[], PushLibrary]:
    """Loaded at first use: it brings a tenth of a second and 12 MB of cryptography."""
    address = parseaddr(settings.mail_from)[1]
    contact = settings.external_url if settings.external_url.startswith("https://") else f"mailto:{address}"

    @cache
    def load() -> PushLibrary:
        module = importlib.import_module("tocsin.plugins.channels.webpush_library")
        loaded: PushLibrary = module.WebPushLibrary(key or secrets.token_hex(32), contact)
        return loaded

    return load


def _limits(text: str) -> dict[str, dict[str, Any]]:
    """`webhook.timeout=3 email.concurrency=8` as `{"webhook": {"timeout": 3.0}, ...}`."""
    limits: dict[str, dict[str, Any]] = {}
    for word in text.replace(",", " ").split():
        name, _, value = word.partition("=")
        channel, _, limit = name.partition(".")
        if channel not in FIELDS or limit not in _LIMITS:
            raise Invalid(
                f"TOCSIN_CHANNEL_LIMITS: {word!r} is not known; write for example webhook.timeout=3 email.concurrency=8 "
                f"(channels: {', '.join(FIELDS)}; limits: {', '.join(_LIMITS)})"
            )
        limits.setdefault(channel, {})[limit] = _number(word, value, _LIMITS[limit])
    return limits


def _number(word: str, value: str, kind: type[int] | type[float]) -> float:
    try:
        number = kind(value)
    except ValueError:
        number = kind(0)
    if not 0 < number <= 10_000:
        raise Invalid(f"TOCSIN_CHANNEL_LIMITS: {word!r} needs a number above 0")
    return number
