"""`/twilio/...`: text messages that people send us, keys they press during our calls, and what became of what we sent.

Open doors, but each request must be signed with the token of our account (X-Twilio-Signature, over the address outside and the form).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import structlog
from litestar import Response, Router, post
from litestar.params import FromPath

from tocsin.api import problems
from tocsin.api.answers import AnyRequest
from tocsin.api.authentication import context
from tocsin.core.errors import Forbidden, NotFound
from tocsin.flow import bounces
from tocsin.manage import replies
from tocsin.plugins.channels import twilio, twilio_voice

log = structlog.get_logger(__name__)

DOOR: dict[str, Any] = {"open_door": True}
LIMIT = 64 * 1024


async def _form(request: AnyRequest) -> dict[str, str]:
    """The fields of a signed request. Raises Forbidden."""
    settings = context(request).settings
    body = (await request.body()).decode("utf-8", "replace")
    fields = parse_qsl(body, keep_blank_values=True)
    query = request.scope["query_string"].decode("latin-1")
    url = f"{settings.external_url}{request.scope['raw_path'].decode('latin-1')}{f'?{query}' if query else ''}"
    if not twilio.is_signed(settings.twilio_auth_token, url, fields, request.headers.get("x-twilio-signature", "")):
        log.warning(
            "a request that is not Twilio's was refused (is TOCSIN_EXTERNAL_URL the address that it calls?)", url=url
        )
        raise Forbidden("This request is not signed by our account at Twilio.")
    return {name: value.replace("\0", "") for name, value in fields}


def _twiml(text: str) -> Response[bytes]:
    return Response(text.encode(), media_type="text/xml", headers={"Cache-Control": "no-store"})


@post("/twilio/sms", status_code=200, opt=DOOR, include_in_schema=False)
async def sms(request: AnyRequest) -> Response[bytes]:
    """A text message came in; the answer is sent back as one."""
    form = await _form(request)
    sid = form.get("MessageSid") or form.get("SmsSid") or ""
    if not sid:
        raise NotFound("A text message has a MessageSid.")
    said = await replies.text_message(context(request), sid, form.get("From", ""), form.get("Body", ""))
    inner = f"<Message>{escape(said)}</Message>" if said else ""
    return _twiml(f'<?xml version="1.0" encoding="UTF-8"?><Response>{inner}</Response>')


@post("/twilio/voice/{token:str}", status_code=200, opt=DOOR, include_in_schema=False)
async def voice(request: AnyRequest, token: FromPath[str]) -> Response[bytes]:
    """Somebody pressed a key during a call."""
    form, ctx = await _form(request), context(request)
    said = await replies.key(ctx, token, form.get("Digits", ""))
    if not said.asks:
        return _twiml(twilio_voice.saying(said.words))
    return _twiml(twilio_voice.asking(said.words, f"{ctx.settings.external_url}/twilio/voice/{token}"))


@post("/twilio/status", status_code=204, opt=DOOR, include_in_schema=False)
async def status(request: AnyRequest) -> None:
    """What became of a message or a call. In any order, as often as they like."""
    word = twilio.word(await _form(request))
    if word is not None:
        await bounces.report(context(request), word)


def create_twilio_routes() -> Router:
    """The doors that Twilio calls."""
    return Router(
        "/", route_handlers=[sms, voice, status], exception_handlers=problems.HANDLERS, request_max_body_size=LIMIT,
        include_in_schema=False,
    )  # fmt: skip
