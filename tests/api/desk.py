"""The API on a world: one token per role, answers checked for their shape as they come."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import httpx
from litestar import Litestar

from tocsin.store import access

from ..served import app_of
from ..story.world import World

ROLES = ("admin", "manager", "responder", "observer", "stakeholder")


@dataclass
class Desk:
    """Speaks to the API as somebody."""

    world: World
    app: Litestar
    http: httpx.AsyncClient

    async def call(
        self, method: str, path: str, body: Any = None, *, role: str | None = "responder", raw: bytes | None = None,
        headers: dict[str, str] | None = None, query: dict[str, Any] | None = None, **more: Any,
    ) -> httpx.Response:  # fmt: skip
        """`path` is below /api/v1; `role` None sends no token; `raw` is a body as it is; other names are query parameters."""
        given = dict(headers or {})
        if role is not None:
            given["Authorization"] = f"Bearer tocsin_{role}"
        return await self.http.request(
            method,
            f"/api/v1{path}",
            json=body if raw is None else None,
            content=raw,
            headers=given,
            params={**more, **(query or {})},
        )

    async def get(self, path: str, role: str | None = "responder", **query: Any) -> Any:
        """The JSON of an answer that must be 200."""
        answer = await self.call("GET", path, role=role, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: Any = None, status: int = 200, **more: Any) -> Any:
        """The JSON of an answer that must have this status."""
        answer = await self.call("POST", path, body, **more)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def refused(self, method: str, path: str, status: int, body: Any = None, **more: Any) -> dict[str, Any]:
        """The problem document of a refusal, whose shape is checked."""
        answer = await self.call(method, path, body, **more)
        assert answer.status_code == status, answer.text
        return problem(answer)


def problem(answer: httpx.Response) -> dict[str, Any]:
    """RFC 9457, and nothing that is not in it."""
    assert answer.headers["content-type"].startswith("application/problem+json"), answer.text
    found: dict[str, Any] = answer.json()
    assert found["status"] == answer.status_code
    assert found["type"]
    assert found["title"]
    assert found["detail"]
    assert set(found) <= {"type", "title", "status", "detail", "errors", "findings"}
    for error in found.get("errors", []):
        assert {"pointer", "detail"} <= set(error)
        assert error["pointer"] == "" or error["pointer"].startswith("/")
    return found


async def open_desk(world: World) -> Desk:
    async with world.db.transaction() as tx:
        for role in ROLES:
            digest = hashlib.sha256(f"tocsin_{role}".encode()).digest()
            await access.add_token(tx, role, digest, role, "tocsin", world.clock.now())
    app = app_of(world)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]
    return Desk(world, app, httpx.AsyncClient(transport=transport, base_url="http://tocsin.test"))
