"""A client of PagerDuty's REST API v2 (S0-77 to S0-80): open an incident, ask who is on call, escalate, answer, and hear back.

What the API wants beyond its quick start: `From`, the e-mail address of a user, on every change; `incident_key`, so that the same
trouble is one incident; and patience when it answers 429, for as long as its `ratelimit-reset` says.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import urllib3
from urllib3.util import Retry, Timeout

from tocsin import __version__
from tocsin.library.incidents import IncidentStatus, SeverityLevel

log = logging.getLogger(__name__)

BASE_URL = "https://api.pagerduty.com"
ATTEMPTS = 4
"""Tries of one call in all: after 429 and 5xx, and when the connection fails before anything was sent."""
LONGEST_WAIT = 60.0
"""Seconds that one answer may make us wait."""
_NOT_POSSIBLE = (400, 404, 409)
"""Answers that mean: not with this incident, or not to that policy."""
_HEARD = {"incident.acknowledged": IncidentStatus.ACKNOWLEDGED, "incident.resolved": IncidentStatus.RESOLVED}


class PagerDutyError(Exception):
    """PagerDuty said no, or nothing. `status` is the HTTP status (0: no answer), `code` PagerDuty's own (2006: wrong key)."""

    def __init__(self, message: str, status: int = 0, code: int | None = None) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Desk(Protocol):
    """What hears PagerDuty: IncidentResponseSystem."""

    def update_incident_status(
        self, incident_id: str, new_status: IncidentStatus, actor: str, notes: str = ""
    ) -> bool: ...


class _Patience(Retry):
    """Retries that also read PagerDuty's `ratelimit-reset` (seconds until there are calls left)."""

    def get_retry_after(self, response: urllib3.BaseHTTPResponse) -> float | None:
        wait = super().get_retry_after(response)
        if wait is None and response.status == 429:
            text = response.headers.get("ratelimit-reset", "")
            wait = float(text) if text.isascii() and text.isdigit() else None
        return None if wait is None else min(wait, LONGEST_WAIT)


class PagerDutyIntegration:
    """One service in PagerDuty. `from_email` is the address of the user in whose name incidents change. Raises PagerDutyError for
    whatever PagerDuty refuses; every call ends within `timeout` seconds for each of its tries."""

    def __init__(
        self,
        api_key: str,
        service_id: str,
        from_email: str = "",
        *,
        base_url: str = BASE_URL,
        timeout: float = 10.0,
        webhook_secret: str = "",
    ) -> None:
        self.service_id = service_id
        self.from_email = from_email
        self.base_url = base_url.rstrip("/")
        self.headers = {
            "Authorization": f"Token token={api_key}",
            "Accept": "application/vnd.pagerduty+json;version=2",
            "Content-Type": "application/json",
            "User-Agent": f"Tocsin/{__version__}",
        }
        self._webhook_secret = webhook_secret.encode()
        self._pool = urllib3.PoolManager(
            timeout=Timeout(total=timeout),
            retries=_Patience(
                total=ATTEMPTS - 1, status_forcelist=(429, 500, 502, 503, 504), allowed_methods=None, redirect=False,
                backoff_factor=0.5, respect_retry_after_header=True, raise_on_status=False,
            ),
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"PagerDutyIntegration(service_id={self.service_id!r})"

    def create_incident(
        self,
        title: str,
        description: str,
        urgency: str = "high",
        *,
        severity: SeverityLevel | None = None,
        incident_key: str | None = None,
    ) -> str:
        """Open an incident on the service; its id in PagerDuty. `severity` decides the urgency: SEV1 and SEV2 are high.

        With an `incident_key` of one that is open already, that one's id.
        """
        if severity is not None:
            urgency = SeverityLevel(severity).core.urgency
        incident: dict[str, Any] = {
            "type": "incident",
            "title": title[:1024],
            "service": {"id": self.service_id, "type": "service_reference"},
            "urgency": "high" if urgency == "high" else "low",
            "body": {"type": "incident_body", "details": description},
        }
        if incident_key is not None:
            incident["incident_key"] = incident_key
        try:
            made = self._call("POST", "/incidents", body={"incident": incident}, expected=201)
        except PagerDutyError as error:
            if incident_key is None or error.status != 400 or (known := self._open_with(incident_key)) is None:
                raise
            return known
        return str(made["incident"]["id"])

    def _open_with(self, incident_key: str) -> str | None:
        """The open incident with a key."""
        query = {"incident_key": incident_key, "statuses[]": ["triggered", "acknowledged"]}
        found = self._call("GET", "/incidents", query=query)["incidents"]
        return str(found[0]["id"]) if found else None

    def get_oncall_user(self, schedule_id: str) -> dict[str, Any] | None:
        """Who is on call in a schedule now, as PagerDuty describes a user; None for nobody."""
        query = {"schedule_ids[]": [schedule_id], "earliest": "true", "include[]": ["users"]}
        found = self._call("GET", "/oncalls", query=query)["oncalls"]
        first = min(found, key=lambda one: one["escalation_level"], default=None)
        return None if first is None else dict(first["user"])

    def escalate_incident(self, incident_id: str, policy_id: str) -> bool:
        """Hand an incident to another escalation policy; False when there is no such incident or policy, or it is resolved."""
        policy = {"id": policy_id, "type": "escalation_policy_reference"}
        return self._change(incident_id, {"escalation_policy": policy})

    def acknowledge_incident(self, incident_id: str) -> bool:
        """False when there is no such incident, or it is resolved."""
        return self._change(incident_id, {"status": "acknowledged"})

    def resolve_incident(self, incident_id: str) -> bool:
        """False when there is no such incident, or it was resolved before."""
        return self._change(incident_id, {"status": "resolved"})

    def receive_webhook(self, system: Desk, body: bytes, headers: Mapping[str, str]) -> bool:
        """Take a webhook (v3) of PagerDuty, so that an answer there counts here: incidents opened with our id as `incident_key`
        are acknowledged and resolved. False when it is about something else. Raises PagerDutyError when it is not signed with
        the webhook's secret, or PagerDuty did not write it.
        """
        signature = next((value for name, value in headers.items() if name.lower() == "x-pagerduty-signature"), "")
        wanted = f"v1={hmac.new(self._webhook_secret, body, hashlib.sha256).hexdigest()}"
        if not self._webhook_secret or not any(
            hmac.compare_digest(wanted.encode(), one.strip().encode()) for one in signature.split(",")
        ):
            raise PagerDutyError("the webhook is not signed with the secret that was given", 401)
        try:
            event = json.loads(body)["event"]
            status, key = _HEARD.get(event["event_type"]), event["data"].get("incident_key")
            agent = (event.get("agent") or {}).get("summary") or "pagerduty"
        except (ValueError, KeyError, TypeError, AttributeError):
            raise PagerDutyError("this is no webhook of PagerDuty", 400) from None
        return (
            status is not None and key is not None and system.update_incident_status(key, status, agent, "in PagerDuty")
        )

    # --- the wire -----------------------------------------------------------------------------------------------------

    def _change(self, incident_id: str, fields: dict[str, Any]) -> bool:
        body = {"incident": {"type": "incident_reference", **fields}}
        try:
            self._call("PUT", f"/incidents/{quote(incident_id, safe='')}", body=body)
        except PagerDutyError as error:
            if error.status not in _NOT_POSSIBLE:
                raise
            log.warning("PagerDuty refused for %s: %s", incident_id, error)
            return False
        return True

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Sequence[str]] | None = None,
        body: Any = None,
        expected: int = 200,
    ) -> dict[str, Any]:
        headers = dict(self.headers)
        if body is not None:
            if not self.from_email:
                raise PagerDutyError("PagerDuty changes incidents in the name of a user: give from_email", 400)
            headers["From"] = self.from_email
        url = f"{self.base_url}{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")
        try:
            answered = self._pool.request(
                method, url, body=None if body is None else json.dumps(body).encode(), headers=headers
            )
        except urllib3.exceptions.HTTPError as error:
            raise PagerDutyError(f"PagerDuty cannot be reached: {type(error).__name__}") from error
        return _read(answered.status, answered.data, expected)


def _read(status: int, data: bytes, expected: int) -> dict[str, Any]:
    """The body of a good answer. Raises PagerDutyError with what a bad one says."""
    try:
        body = json.loads(data) if data else {}
    except ValueError:
        body = {}
    if status == expected and isinstance(body, dict):
        return body
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        raise PagerDutyError(f"PagerDuty answered HTTP {status}", status)
    details = error.get("errors") or []
    said = ", ".join(str(one) for one in details) if isinstance(details, list) else str(details)
    raise PagerDutyError(f"PagerDuty: {error.get('message')}{f' ({said})' if said else ''}", status, error.get("code"))
