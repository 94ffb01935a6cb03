"""A sentence carried over one redirect, in a cookie."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

from tocsin.web.viewer import Flash

COOKIE = "tocsin_flash"
LONGEST = 300


def flash_cookie(text: str, kind: str = "done") -> Cookie:
    """Shown on the next page, once."""
    value = base64.urlsafe_b64encode(f"{kind}:{text[:LONGEST]}".encode()).decode()
    return Cookie(key=COOKIE, value=value, path="/", httponly=True, samesite="lax", max_age=60)


def spent_cookie() -> Cookie:
    return Cookie(key=COOKIE, value="", path="/", httponly=True, samesite="lax", max_age=0)


def read_flash(request: ASGIConnection[Any, Any, Any, Any]) -> Flash | None:
    raw = request.cookies.get(COOKIE)
    if not raw:
        return None
    try:
        kind, _, text = base64.urlsafe_b64decode(raw.encode()).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return Flash(kind="problem" if kind == "problem" else "done", text=text) if text else None
