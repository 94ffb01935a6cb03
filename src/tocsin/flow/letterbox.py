"""The links in letters to subscribers: signed with the installation's secret, so that nobody can act for an address he does not read."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Literal

from tocsin.core.errors import NotFound
from tocsin.flow.context import Context

Purpose = Literal["confirm", "unsubscribe"]
_SIGNED = 18
"""Bytes of a link's signature."""


def confirm_link(ctx: Context, subscriber: int, address: str) -> str:
    """Below our external URL. Its page has a button: looking at it confirms nothing."""
    return f"/status/confirm/{token(ctx, 'confirm', subscriber, address)}"


def unsubscribe_link(ctx: Context, subscriber: int, address: str) -> str:
    """Below our external URL; a POST to it needs nothing else (RFC 8058)."""
    return f"/status/unsubscribe/{token(ctx, 'unsubscribe', subscriber, address)}"


def token(ctx: Context, purpose: Purpose, subscriber: int, address: str) -> str:
    said = f"subscriber\0{purpose}\0{subscriber}\0{address.lower()}"
    digest = hmac.digest(ctx.secret, said.encode(), hashlib.sha256)
    return f"{subscriber}-{base64.urlsafe_b64encode(digest[:_SIGNED]).decode()}"


def number_of(text: str) -> int:
    """The subscriber that a link is about; its signature is checked with `fits`, once the address is known. Raises NotFound."""
    number = text.partition("-")[0]
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise NotFound("This link is not one of ours, or was cut short on its way.")
    return int(number)


def fits(ctx: Context, purpose: Purpose, text: str, subscriber: int, address: str) -> bool:
    return hmac.compare_digest(text.encode("utf-8", "replace"), token(ctx, purpose, subscriber, address).encode())
