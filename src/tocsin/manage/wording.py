"""The policy of wording as people see and change it: which rules stop an update to whom."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from tocsin.core.audience import AUDIENCES, Audience
from tocsin.core.permission import Principal, require
from tocsin.core.wording import ANY, RULES
from tocsin.flow.context import Context
from tocsin.manage import objects

KIND = "wording"


class Policy(NamedTuple):
    """Of one audience."""

    block: Collection[str]
    strict: bool


def policy(ctx: Context) -> dict[str, Any]:
    """`{rules, audiences: [{audience, block, strict, origin}]}`; `origin`: {file, line} where a file says it, else null."""
    listed = []
    for audience in AUDIENCES:
        rule, origin = ctx.directory.wording.get(audience), ctx.directory.origins.get((KIND, audience))
        listed.append(
            {
                "audience": audience,
                "block": list(rule.block) if rule else [],
                "strict": rule.strict if rule else False,
                "origin": {"file": origin.file, "line": origin.line} if rule and origin and origin.file else None,
            }
        )
    return {"rules": [ANY, *RULES], "audiences": listed}


async def change(ctx: Context, principal: Principal, wanted: Mapping[Audience, Policy]) -> None:
    """What is to hold for these audiences. What a file says stays. Raises Forbidden, Invalid."""
    require(principal, "configure")
    for one in policy(ctx)["audiences"]:
        name, new = one["audience"], wanted.get(one["audience"])
        known = name in ctx.directory.wording
        if new is None or one["origin"] or (list(new.block), new.strict) == (one["block"], one["strict"]):
            continue
        if not new.block and known:
            await objects.remove(ctx, principal, KIND, name)
        elif new.block:
            body = {"block": list(new.block), "strict": "true" if new.strict else "false"}
            await (
                objects.update(ctx, principal, KIND, name, body)
                if known
                else objects.create(ctx, principal, KIND, {"id": name, **body})
            )
