"""PagerDuty's REST API v2, as far as an incident system needs it: real error bodies, limits, and the rules that surprise people."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

KEY = "y_NbAkKc66ryYTWUXYEu"
ACCEPT = "application/vnd.pagerduty+json;version=2"


def error(status: int, code: int, message: str, *errors: str) -> tuple[int, dict[str, Any]]:
    return status, {"error": {"message": message, "code": code, **({"errors": list(errors)} if errors else {})}}


NOT_FOUND = error(404, 2100, "Not Found")
INVALID = "Invalid Input Provided"


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    body: Any


@dataclass
class PagerDuty:
    """A fake account: one service, its incidents, who is on call. `limited`: so many calls are answered 429 first."""

    services: set[str] = field(default_factory=lambda: {"PSERVICE"})
    policies: set[str] = field(default_factory=lambda: {"PPOLICY1", "PPOLICY2"})
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    oncalls: list[dict[str, Any]] = field(default_factory=list)
    incidents: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    limited: int = 0
    broken: int = 0
    reset: str = "0"
    silent: threading.Event | None = None
    """Answers only once this is set."""

    def __post_init__(self) -> None:
        self.users = self.users or {
            "PALICE": {
                "id": "PALICE",
                "type": "user",
                "name": "Alice Ng",
                "summary": "Alice Ng",
                "email": "alice@example.com",
            }
        }

    def __enter__(self) -> Self:
        account = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                account.serve(self)

            do_GET = do_POST = do_PUT = _any

            def log_message(self, *args: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers.get("Content-Length") or 0)
        raw = request.rfile.read(length)
        parts = urlsplit(request.path)
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Asked(request.command, parts.path, parse_qs(parts.query), headers, json.loads(raw) if raw else None)
        self.asked.append(asked)
        if self.silent is not None:
            self.silent.wait(20)
        extra = {"ratelimit-limit": "960", "ratelimit-remaining": "959", "ratelimit-reset": self.reset}
        if self.limited:
            self.limited -= 1
            extra["ratelimit-remaining"] = "0"
            status, body = error(429, 2020, "Rate Limit Exceeded")
        elif self.broken:
            self.broken -= 1
            status, body = 502, {}
        else:
            status, body = self.answer(asked)
        written = json.dumps(body).encode()
        request.send_response(status)
        for name, value in {**extra, "Content-Type": "application/json", "Content-Length": str(len(written))}.items():
            request.send_header(name, value)
        with contextlib.suppress(ConnectionError):  # whoever asked may have given up
            request.end_headers()
            request.wfile.write(written)

    def answer(self, asked: Asked) -> tuple[int, dict[str, Any]]:
        if asked.headers.get("authorization") != f"Token token={KEY}":
            return error(401, 2006, "Authentication failed")
        if asked.headers.get("accept") != ACCEPT:
            return error(400, 2001, INVALID, "Accept header is required")
        match asked.method, asked.path.strip("/").split("/"):
            case "POST", ["incidents"]:
                return self._changing(asked, self._create)
            case "GET", ["incidents"]:
                return 200, self._list(asked)
            case "PUT", ["incidents", name]:
                return self._changing(asked, lambda asked: self._change(asked, name))
            case "GET", ["oncalls"]:
                return 200, {"oncalls": self._oncalls(asked), "limit": 25, "offset": 0, "more": False, "total": None}
        return NOT_FOUND

    def _changing(self, asked: Asked, act: Any) -> tuple[int, dict[str, Any]]:
        """Every change names a user of the account."""
        sender = asked.headers.get("from")
        if not sender:
            return error(400, 2001, INVALID, "Requester User From header is required")
        if sender not in {user["email"] for user in self.users.values()}:
            return error(400, 1008, "Requester User Not Found")
        answered: tuple[int, dict[str, Any]] = act(asked)
        return answered

    def _create(self, asked: Asked) -> tuple[int, dict[str, Any]]:
        wanted = asked.body.get("incident", {})
        missing = [name for name in ("type", "title", "service") if not wanted.get(name)]
        if missing:
            return error(400, 2001, INVALID, *(f"{name.title()} cannot be empty." for name in missing))
        if wanted["service"]["id"] not in self.services:
            return error(400, 2001, INVALID, "Service not found")
        if wanted.get("urgency", "high") not in ("high", "low"):
            return error(400, 2001, INVALID, "Urgency is invalid")
        key = wanted.get("incident_key")
        if key is not None and any(
            one["incident_key"] == key and one["status"] != "resolved" for one in self.incidents.values()
        ):
            return error(400, 2001, INVALID, "Open incident already exists on service with matching incident key")
        made = f"Q{len(self.incidents) + 1:013d}"
        self.incidents[made] = {
            **wanted, "id": made, "incident_key": key or made, "status": "triggered", "incident_number": len(self.incidents) + 1,
            "escalation_policy": {"id": "PPOLICY1", "type": "escalation_policy_reference"},
        }  # fmt: skip
        return 201, {"incident": self.incidents[made]}

    def _list(self, asked: Asked) -> dict[str, Any]:
        keys, statuses = asked.query.get("incident_key"), asked.query.get("statuses[]")
        found = [
            one
            for one in self.incidents.values()
            if (keys is None or one["incident_key"] in keys) and (statuses is None or one["status"] in statuses)
        ]
        return {"incidents": found, "limit": 25, "offset": 0, "more": False, "total": None}

    def _change(self, asked: Asked, name: str) -> tuple[int, dict[str, Any]]:
        incident = self.incidents.get(name)
        if incident is None:
            return NOT_FOUND
        wanted = asked.body["incident"]
        if wanted.get("type") not in ("incident", "incident_reference"):
            return error(400, 2001, INVALID, "Type is invalid")
        if incident["status"] == "resolved":
            return error(400, 1001, "Incident Already Resolved")
        if (policy := wanted.get("escalation_policy")) is not None:
            if policy["id"] not in self.policies:
                return error(400, 1014, "Escalation Policy Not Found")
            incident["escalation_policy"] = policy
        incident["status"] = wanted.get("status", incident["status"])
        return 200, {"incident": incident}

    def _oncalls(self, asked: Asked) -> list[dict[str, Any]]:
        wanted = asked.query.get("schedule_ids[]", [])
        whole = "users" in asked.query.get("include[]", [])
        return [
            {**one, "user": self.users[one["user"]["id"]] if whole else one["user"]}
            for one in self.oncalls
            if not wanted or (one["schedule"] or {}).get("id") in wanted
        ]
