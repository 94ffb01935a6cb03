"""Twilio in memory: takes messages and calls over HTTP as the real one does, and calls us back, signed with the account's token."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Any, Self
from xml.etree import ElementTree

import httpx
from aiohttp import web

ACCOUNT = "AC0123456789abcdef0123456789abcdef"
TOKEN = "a token of thirty-two characters"
NUMBER = "+12125550100"


@dataclass
class Sent:
    """One message or call: what we asked for."""

    sid: str
    form: dict[str, str]

    @property
    def body(self) -> str:
        return self.form["Body"]

    @property
    def said(self) -> str:
        """The words of a call."""
        return " ".join(node.text or "" for node in ElementTree.fromstring(self.form["Twiml"]).iter("Say"))

    @property
    def action(self) -> str:
        """Where a key goes."""
        gather = ElementTree.fromstring(self.form["Twiml"]).find("Gather")
        assert gather is not None, "this call asks for no key"
        return gather.attrib["action"]


@dataclass
class Twilio:
    """`refuse[number]`: (HTTP status, error code) instead of taking it. `app`: our application, which is called back."""

    refuse: dict[str, tuple[int, int]] = field(default_factory=dict)
    messages: list[Sent] = field(default_factory=list)
    calls: list[Sent] = field(default_factory=list)
    app: Any = None
    outside: str = "http://tocsin.test"
    _runner: web.AppRunner | None = None
    _http: httpx.AsyncClient | None = None
    url: str = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/2010-04-01/Accounts/{account}/{kind}.json", self._create)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()
        if self._http is not None:
            await self._http.aclose()

    async def _create(self, request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "")
        wanted = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if given != f"Basic {wanted}" or request.match_info["account"] != ACCOUNT:
            return web.json_response({"code": 20003, "message": "Authenticate", "status": 401}, status=401)
        form = {name: str(value) for name, value in (await request.post()).items()}
        if not re.fullmatch(r"\+[1-9]\d{7,14}", form.get("To", "")):
            return web.json_response({"code": 21211, "message": "Invalid 'To' Phone Number"}, status=400)
        if form["To"] in self.refuse:
            status, code = self.refuse[form["To"]]
            return web.json_response({"code": code, "message": "no", "status": status}, status=status)
        kind, kept = ("CA", self.calls) if request.match_info["kind"] == "Calls" else ("SM", self.messages)
        sid = f"{kind}{len(self.messages) + len(self.calls):032x}"
        kept.append(Sent(sid, form))
        return web.json_response({"sid": sid, "status": "queued", "error_code": None}, status=201)

    # --- what it calls ------------------------------------------------------------------------------------------------

    async def call(self, path: str, form: dict[str, str], *, token: str = TOKEN, url: str = "") -> httpx.Response:
        """A signed request to our application."""
        if self._http is None:
            transport = httpx.ASGITransport(app=self.app)
            self._http = httpx.AsyncClient(transport=transport, base_url=self.outside)
        text = (url or f"{self.outside}{path}") + "".join(f"{k}{v}" for k, v in sorted(form.items()))
        signed = base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()
        return await self._http.post(path, data=form, headers={"X-Twilio-Signature": signed})

    async def reports(self, sent: Sent, status: str, **more: str) -> httpx.Response:
        """What became of a message or a call."""
        kind = "Call" if sent.sid.startswith("CA") else "Message"
        form = {f"{kind}Sid": sent.sid, f"{kind}Status": status, "AccountSid": ACCOUNT, "To": sent.form["To"], **more}
        return await self.call("/twilio/status", form)

    async def replies(self, sender: str, text: str, sid: str = "") -> str:
        """A text message from a phone; what is answered."""
        self._incoming = getattr(self, "_incoming", 0) + 1
        form = {
            "MessageSid": sid or f"SM{self._incoming:032d}",
            "From": sender,
            "To": NUMBER,
            "Body": text,
            "NumMedia": "0",
        }
        answer = await self.call("/twilio/sms", form)
        assert answer.status_code == 200, answer.text
        return ElementTree.fromstring(answer.text).findtext("Message", "")

    async def presses(self, sent: Sent, key: str) -> str:
        """Somebody presses a key during a call; the words that follow."""
        path = sent.action.removeprefix(self.outside)
        answer = await self.call(path, {"CallSid": sent.sid, "Digits": key, "CallStatus": "in-progress"})
        assert answer.status_code == 200, answer.text
        return " ".join(node.text or "" for node in ElementTree.fromstring(answer.text).iter("Say"))
