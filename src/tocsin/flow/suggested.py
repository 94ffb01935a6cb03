"""An incident is not restored in time, and whoever leads it is asked whether to escalate: the signed link by which they say yes."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import NamedTuple

from tocsin.core.errors import Conflict, NotFound
from tocsin.flow import respond
from tocsin.flow.acts import Result
from tocsin.flow.context import Context
from tocsin.store import incidents
from tocsin.store.incidents import Incident

PREFIX = "/e/"


class Asked(NamedTuple):
    """Who was asked, about which incident, in which round of paging. `stands`: nobody has decided since."""

    number: int
    cycle: int
    user: str
    stands: bool = False


def path(ctx: Context, incident: Incident, user: str) -> str:
    """Where this person says yes, below our external URL."""
    said = f"{incident.id}.{incident.cycle}.{user}"
    return f"{PREFIX}{said}.{_signature(ctx.secret, said)}"


def _signature(secret: bytes, said: str) -> str:
    digest = hmac.digest(secret, b"escalate:" + said.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:18]).decode()


def _read(ctx: Context, token: str) -> Asked:
    said, _, signature = token.rpartition(".")
    number, _, rest = said.partition(".")
    cycle, _, user = rest.partition(".")
    numbers = number.isascii() and number.isdigit() and cycle.isascii() and cycle.isdigit()
    if not (numbers and len(number) < 19 and len(cycle) < 10 and signature.isascii()):
        raise NotFound("This link is not one of ours, or was cut short on its way.")
    if not hmac.compare_digest(signature, _signature(ctx.secret, said)):
        raise NotFound("This link is not one of ours, or was cut short on its way.")
    return Asked(int(number), int(cycle), user)


async def asked(ctx: Context, token: str) -> Asked:
    """What a link asks. Raises NotFound."""
    found = _read(ctx, token)
    async with ctx.db.transaction() as tx:
        incident = (await incidents.lock(tx, [found.number])).get(found.number)
    if incident is None:
        raise NotFound("This incident is not there any more.")
    stands = incident.open and incident.cycle == found.cycle and incident.prompted_at is not None
    return found._replace(stands=stands)


async def accept(ctx: Context, token: str, reason: str) -> Result:
    """Escalate in the name of whoever was asked. Raises NotFound, Conflict when it was decided already, Invalid."""
    found = await asked(ctx, token)
    if not found.stands:
        raise Conflict("This was decided already, or the incident is over.")
    return await respond.escalate(ctx, found.number, f"user:{found.user}", reason or "Not restored in time")
