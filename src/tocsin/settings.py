"""Process settings: one frozen value from the environment. docs/operations/settings.md lists every field (a test compares)."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tocsin.core.errors import Invalid, Problem
from tocsin.core.network import networks

PREFIX = "TOCSIN_"
_CLIENT = ("TOCSIN_URL", "TOCSIN_TOKEN")
"""Names with our prefix that the command line client reads; no settings of a server."""

_SECRET: Mapping[str, Any] = {"secret": True}


def default_data() -> Path:
    """Where the data lives unless told: the system's place for root, the user's own otherwise (XDG)."""
    if os.geteuid() == 0:
        return Path("/var/lib/tocsin")
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "share") / "tocsin"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of one process. Environment names are `TOCSIN_` and the field in capitals; secrets also have a `_FILE` form."""

    data: Path = field(default_factory=default_data)
    database_url: str = field(default="", metadata=_SECRET)
    external_url: str = "http://127.0.0.1:8420"
    trusted_proxies: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    secret_key: str = field(default="", metadata=_SECRET)
    bootstrap_token: str = field(default="", metadata=_SECRET)
    smtp_url: str = field(default="", metadata=_SECRET)
    mail_from: str = "tocsin@localhost"
    twilio_account_sid: str = ""
    twilio_auth_token: str = field(default="", metadata=_SECRET)
    twilio_from: str = ""
    twilio_url: str = "https://api.twilio.com"
    channel_limits: str = ""
    log_format: str = "text"
    lease_seconds: float = 10.0


def load(environment: Mapping[str, str]) -> Settings:
    """The settings that `environment` holds; an empty value counts as absent.

    Raises Invalid naming every bad setting at once. Messages never quote the value of a secret.
    """
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for item in fields(Settings):
        name = PREFIX + item.name.upper()
        try:
            text = _text(environment, name, secret="secret" in item.metadata)
            if text:
                values[item.name] = _READERS[item.name](text)
        except ValueError as error:
            problems.append(Problem(f"{name} {error}"))
    if problems:
        raise Invalid("\n".join(str(problem) for problem in problems), problems=tuple(problems))
    return Settings(**values)


def names() -> list[str]:
    """Every environment name that `load` reads."""
    found = []
    for item in fields(Settings):
        name = PREFIX + item.name.upper()
        found += [name, f"{name}_FILE"] if "secret" in item.metadata else [name]
    return found


def misspelt(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """Names in `environment` that look like ours but are not, each with the one it resembles.

    Only close ones: a container platform may put names with our prefix there on its own.
    """
    known = [*names(), *_CLIENT]
    strangers = sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
    return [(name, near[0]) for name in strangers if (near := get_close_matches(name, known, n=1, cutoff=0.85))]


def _text(environment: Mapping[str, str], name: str, *, secret: bool) -> str:
    text = environment.get(name, "").strip()
    file = environment.get(f"{name}_FILE", "").strip() if secret else ""
    if text and file:
        raise ValueError(f"and {name}_FILE are both set: keep one")
    if not file:
        return text
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ValueError(f"cannot be read from the file that {name}_FILE names ({file}): {reason}") from None


def _data(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _database_url(text: str) -> str:
    if urlsplit(text).scheme not in ("postgresql", "postgres"):
        raise ValueError("must look like postgresql://user:password@host:5432/database")
    return text


def _external_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError(
            f"must be the address under which people reach Tocsin, like https://tocsin.example.com, not {text!r}"
        )
    return text.rstrip("/")


def _trusted_proxies(text: str) -> tuple[str, ...]:
    if text == "none":
        return ()
    try:
        return networks(text)
    except ValueError as error:
        raise ValueError(
            f"must be addresses or networks of your proxies, like 10.0.0.7, 192.168.1.0/24, or none: {str(error)!r} is neither"
        ) from None


def _long(text: str) -> str:
    if len(text) < 32:
        raise ValueError(f"has {len(text)} characters and needs at least 32: make one with `openssl rand -hex 32`")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("may hold only printable ASCII characters without spaces")
    return text


def _smtp_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError("must look like smtp://user:password@mail.example.com:587")
    return text


def _mail_from(text: str) -> str:
    if "@" not in text.strip("@") or not text.isprintable():
        raise ValueError(f"must be a mail address, like tocsin@example.com, not {text!r}")
    return text


def _twilio_account_sid(text: str) -> str:
    if not text.startswith("AC") or not text.isalnum() or not text.isascii():
        raise ValueError(f"must be the account's id as Twilio's console shows it, beginning with AC, not {text!r}")
    return text


def _twilio_from(text: str) -> str:
    """A number with its country, or a messaging service."""
    number = text.startswith("+") and text[1:].isascii() and text[1:].isdigit() and 7 < len(text) < 17
    if not number and not (text.startswith("MG") and text.isalnum()):
        raise ValueError(f"must be a number like +4930901820, or a messaging service (MG...), not {text!r}")
    return text


def _twilio_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must look like https://api.twilio.com")
    return text.rstrip("/")


def _log_format(text: str) -> str:
    if text not in ("text", "json"):
        raise ValueError(f"must be text or json, not {text!r}")
    return text


def _lease_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 2.0 <= seconds <= 300.0:
        raise ValueError(f"must be a number of seconds from 2 to 300, not {text!r}")
    return seconds


_READERS: dict[str, Callable[[str], Any]] = {
    "data": _data,
    "database_url": _database_url,
    "external_url": _external_url,
    "trusted_proxies": _trusted_proxies,
    "secret_key": _long,
    "bootstrap_token": _long,
    "smtp_url": _smtp_url,
    "mail_from": _mail_from,
    "twilio_account_sid": _twilio_account_sid,
    "twilio_auth_token": str,
    "twilio_from": _twilio_from,
    "twilio_url": _twilio_url,
    "channel_limits": str,
    "log_format": _log_format,
    "lease_seconds": _lease_seconds,
}
