"""Process settings: one frozen value from the environment. docs/operations/settings.md lists every field (a test compares)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of one process. Environment names are `TOCSIN_` and the field in capitals; secrets also have a `_FILE` form."""

    data: Path = Path("/var/lib/tocsin")
    database_url: str = ""
    external_url: str = "http://127.0.0.1:8420"
    secret_key: str = ""
    bootstrap_token: str = ""
    smtp_url: str = ""
    mail_from: str = "tocsin@localhost"
    channel_limits: str = ""
    log_format: str = "text"
    lease_seconds: float = 10.0
