"""The command line's connection to a server: `TOCSIN_URL` and `TOCSIN_TOKEN`, JSON there and back."""

from __future__ import annotations

import http.client
import os
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from uuid import uuid4

import msgspec

from tocsin import __version__

DEFAULT_URL = "http://127.0.0.1:8420"
TIMEOUT = 60.0
PAGE = 200
"""Items fetched at once."""

Query = Mapping[str, str | int | None]


class ClientError(Exception):
    """Ends a command: the message goes to standard error, `exit_code` to the shell."""

    exit_code = 1


class ApiError(ClientError):
    """The server refused. `findings` are (file and line if any, and JSON pointer; sentence)."""

    def __init__(self, status: int, detail: str, findings: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.findings = findings
        self.exit_code = 2 if status in (400, 413, 422) else 3 if status in (502, 503, 504) else 1

    def __str__(self) -> str:
        told = [f"{pointer}: {text}" if pointer else text for pointer, text in self.findings]
        said = "\n".join(told) or super().__str__()
        if self.status != 401:
            return said
        said = said.partition(": send")[0].rstrip(".")  # a header is no help at a terminal
        return f"{said}.\nSet TOCSIN_TOKEN to an API token (the first one is made in the browser, under Tokens)."


class Unreachable(ClientError):
    """No answer from the server."""

    exit_code = 3


class WrongInput(ClientError):
    """What was given cannot be used; the server was not asked."""

    exit_code = 2


def path(*parts: str) -> str:
    """A path below /api/v1 from parts that people typed."""
    return "/".join(quote(part, safe="") for part in parts)


@dataclass(frozen=True)
class Client:
    """Speaks to one server. Every method raises ApiError or Unreachable."""

    url: str
    token: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Client:
        """Raises WrongInput when TOCSIN_URL is no http(s) address, or the token's file cannot be read."""
        url = (environment.get("TOCSIN_URL") or DEFAULT_URL).rstrip("/")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise WrongInput(f"TOCSIN_URL is {url!r}: write it like {DEFAULT_URL}")
        return cls(url, environment.get("TOCSIN_TOKEN") or _token_of_file(environment.get("TOCSIN_TOKEN_FILE")))

    def get(self, path: str, query: Query | None = None) -> Any:
        return self.call("GET", path, query=query)

    def post(self, path: str, body: Any = None) -> Any:
        return self.call("POST", path, body={} if body is None else body)

    def patch(self, path: str, body: Any) -> Any:
        return self.call("PATCH", path, body=body)

    def put(self, path: str, body: Any) -> Any:
        return self.call("PUT", path, body=body)

    def delete(self, path: str) -> Any:
        return self.call("DELETE", path)

    def items(self, path: str, query: Query | None = None, limit: int | None = None) -> dict[str, Any]:
        """A whole list, or its first `limit` items, fetched page by page: `{"items", "next"}`."""
        found: list[Any] = []
        wanted = limit if limit is not None else float("inf")
        for page in self._pages(path, dict(query or {}), wanted):
            found += page["items"]
            if page["next"] is None or len(found) >= wanted:
                return {"items": found, "next": page["next"]}
        return {"items": found, "next": None}

    def _pages(self, path: str, query: dict[str, str | int | None], wanted: float) -> Iterator[Any]:
        seen = 0
        while seen < wanted:
            page = self.get(path, {**query, "limit": int(min(PAGE, wanted - seen))})
            seen += len(page["items"])
            yield page
            query["cursor"] = page["next"]

    def text(self, path: str, query: Query | None = None) -> str:
        """An answer that is no JSON (Markdown, CSV)."""
        status, answer = self._exchange("GET", path, query, None)
        if status != 200:
            _read(status, answer)
        return answer.decode()

    def call(self, method: str, path: str, *, query: Query | None = None, body: Any = None) -> Any:
        """One request below /api/v1. A write whose answer got lost is asked for again, and still done only once."""
        return _read(*self._exchange(method, path, query, body))

    def _exchange(self, method: str, path: str, query: Query | None, body: Any) -> tuple[int, bytes]:
        headers = {"Accept": "application/json", "User-Agent": f"tocsin/{__version__}"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        content = None
        if body is not None:
            content = msgspec.json.encode(body)
            headers["Content-Type"] = "application/json"
        if method != "GET":
            headers["Idempotency-Key"] = str(uuid4())
        given = {name: value for name, value in (query or {}).items() if value is not None}
        target = f"{urlsplit(self.url).path}/api/v1/{path}" + (f"?{urlencode(given)}" if given else "")
        try:
            return self._send(method, target, content, headers)
        except (ConnectionError, http.client.HTTPException) as error:
            if isinstance(error, ConnectionRefusedError):
                raise self._unreachable(error) from error
            try:
                return self._send(method, target, content, headers)
            except (OSError, http.client.HTTPException) as again:
                raise self._unreachable(again) from again
        except (OSError, ValueError) as error:
            raise self._unreachable(error) from error

    def _send(self, method: str, target: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        connection = (
            http.client.HTTPSConnection(host, parts.port, timeout=TIMEOUT, context=ssl.create_default_context())
            if parts.scheme == "https"
            else http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT)
        )
        try:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _unreachable(self, error: Exception) -> Unreachable:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        if isinstance(error, ssl.SSLError) and error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST"):
            reason = "it does not speak https (try http://)"
        return Unreachable(f"Cannot reach {self.url}: {reason}. Is Tocsin running, and is TOCSIN_URL right?")


def _token_of_file(name: str | None) -> str:
    if not name:
        return ""
    try:
        return Path(name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongInput(f"TOCSIN_TOKEN_FILE {name}: {getattr(error, 'strerror', None) or error}") from error


def _pointed(finding: dict[str, Any]) -> str:
    """Where a finding is: `tocsin.yml:4: /users/0/role`, or the pointer alone."""
    place = f"{finding['file']}:{finding.get('line', 0)}" if finding.get("file") else ""
    return ": ".join(part for part in (place, str(finding.get("pointer", ""))) if part)


def _read(status: int, answer: bytes) -> Any:
    try:
        body = msgspec.json.decode(answer) if answer else None
    except msgspec.DecodeError:
        body = None
    if 200 <= status < 300:
        if body is None:
            raise ApiError(502, "What answered is not Tocsin: is TOCSIN_URL right?")
        return body
    if not isinstance(body, dict):
        raise ApiError(502, f"What answered (HTTP {status}) is not Tocsin. Is it running, and is TOCSIN_URL right?")
    findings = tuple((_pointed(e), str(e.get("detail", ""))) for e in body.get("errors") or ())
    raise ApiError(status, str(body.get("detail") or body.get("title") or f"The server answered {status}."), findings)
