"""Asks a URL, and looks at the status and, if wanted, for words in the answer."""

from __future__ import annotations

import time
from collections.abc import Mapping

import aiohttp
from yarl import URL

from tocsin import __version__
from tocsin.plugins.channels.names import Names
from tocsin.plugins.channels.public import PrivateAddressError, PublicNames, public_socket
from tocsin.plugins.probes.base import INSIDE, Field, Sample, field_problem

MOST_READ = 256 * 1024
"""Bytes of an answer in which words are looked for."""


def read_statuses(text: str) -> list[tuple[int, int]]:
    """`200`, `200-299`, `200-299, 404` as ranges. Raises ValueError."""
    ranges = []
    for part in text.replace(",", " ").split():
        low, dash, high = part.partition("-")
        if not (low.isdigit() and (high.isdigit() if dash else True)):
            raise ValueError(part)
        ranges.append((int(low), int(high) if dash else int(low)))
    if not ranges or any(not 100 <= low <= high <= 599 for low, high in ranges):
        raise ValueError(text)
    return ranges


class HttpProbe:
    """Redirects are followed; a certificate that is not valid is a bad sample."""

    type = "http"
    label = "HTTP"
    fields: tuple[Field, ...] = (
        Field(name="url", label="URL", kind="url", help="https://shop.example.com/healthz"),
        Field(name="status", label="Good statuses", kind="text", required=False, help="200-399 when left out"),
        Field(name="contains", label="Words in the answer", kind="text", required=False),
    )
    usual = "200-399"

    def __init__(self, timeout: float = 5.0) -> None:
        self.timeout = timeout

    def problem(self, settings: Mapping[str, str]) -> str | None:
        if problem := field_problem(self.fields, settings):
            return problem
        try:
            url = URL(settings["url"])
            fine = url.scheme in ("http", "https") and bool(url.host) and url.port is not None
        except ValueError:
            fine = False
        if not fine:
            return "url: write a whole address, like https://shop.example.com/healthz"
        try:
            read_statuses(settings.get("status") or self.usual)
        except ValueError:
            return "status: write statuses like 200, 200-299 or 200-299, 404"
        return None

    async def sample(self, settings: Mapping[str, str], public_only: bool = False) -> Sample:
        wanted, began = settings.get("status") or self.usual, time.monotonic()
        try:
            async with (
                aiohttp.ClientSession(
                    timeout=aiohttp.ClientTimeout(total=self.timeout),
                    headers={"User-Agent": f"Tocsin/{__version__} probe"},
                    cookie_jar=aiohttp.DummyCookieJar(),
                    connector=aiohttp.TCPConnector(
                        resolver=PublicNames() if public_only else Names(),
                        socket_factory=public_socket if public_only else None,
                    ),
                ) as session,
                session.get(settings["url"]) as answer,
            ):
                body = await answer.content.read(MOST_READ) if settings.get("contains") else b""
                status = answer.status
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            return Sample(False, self._said(error), _since(began))
        if not any(low <= status <= high for low, high in read_statuses(wanted)):
            return Sample(False, f"HTTP {status}, wanted {wanted}", _since(began))
        if (words := settings.get("contains")) and words.encode() not in body:
            return Sample(False, f"HTTP {status}, but the answer does not contain {words[:60]!r}", _since(began))
        return Sample(True, f"HTTP {status}", _since(began))

    def _said(self, error: Exception) -> str:
        """In words, without the address: it may hold what nobody should read."""
        if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, PrivateAddressError):
            return INSIDE
        if isinstance(error, TimeoutError):
            return f"no answer within {self.timeout:g} s"
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            return "its host is not known"
        if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
            return "its certificate is not valid"
        if isinstance(error, aiohttp.ClientConnectorError | ConnectionError):
            return "it refuses connections"
        return f"no answer ({type(error).__name__})"


def _since(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 1)
