"""The configuration over HTTP, as a client sees it: statuses, pointers, files and lines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from litestar import Litestar

from tocsin.api.app import create_api_routes, openapi
from tocsin.clock import TravelClock
from tocsin.core.permission import Principal
from tocsin.flow.context import Context
from tocsin.manage import access
from tocsin.plugins.channels import registry
from tocsin.settings import Settings
from tocsin.store.database import Database

BOOTSTRAP = "bootstrap-0123456789abcdef-0123456789"
ADA = Principal("user:ada", "admin", "ada", "Ada King")
SERVICE = {"id": "api", "integrations": [{"id": "events", "type": "pagerduty", "key": "0123456789abcdef"}]}


class Client(httpx.AsyncClient):
    """Speaks to the application without sockets, with the right to do everything."""

    def __init__(self, app: Litestar) -> None:
        transport = httpx.ASGITransport(app)
        super().__init__(
            transport=transport, base_url="http://tocsin", headers={"Authorization": f"Bearer {BOOTSTRAP}"}
        )
        self.ctx: Context = app.state.ctx


@pytest.fixture
async def client(db: Database) -> AsyncIterator[Client]:
    settings = Settings(bootstrap_token=BOOTSTRAP)
    app = Litestar([create_api_routes()], openapi_config=openapi())
    app.state.ctx = Context(
        settings=settings, clock=TravelClock(datetime(2026, 3, 2, 12, tzinfo=UTC)), db=db,
        channels=registry.create(settings), secret=b"s" * 32, instance="test",
    )  # fmt: skip
    async with Client(app) as client:
        yield client


async def as_role(client: Client, role: str) -> dict[str, str]:
    _, secret = await access.create_token(client.ctx, ADA, role, role)
    return {"Authorization": f"Bearer {secret}"}


async def apply(client: Client, text: str, query: str = "") -> Any:
    return await client.post(f"/api/v1/apply{query}", json={"files": [{"name": "tocsin.yml", "text": text}]})


async def test_a_file_is_applied_and_the_plan_told(client: Client) -> None:
    text = "version: 1\nusers: [{id: alice}]\n"
    dry = (await apply(client, text, "?dry_run=true")).json()
    assert (dry["dry_run"], [(i["action"], i["kind"], i["id"]) for i in dry["items"]]) == (
        True,
        [("+", "users", "alice")],
    )
    done = await apply(client, text)
    assert (done.status_code, done.json()["revision"]) == (200, 1)
    assert (await apply(client, text)).json()["items"] == []
    pruned = (await apply(client, "version: 1\n", "?prune=true")).json()
    assert [(i["action"], i["id"]) for i in pruned["items"]] == [("-", "alice")]


async def test_a_bad_file_is_told_by_file_and_line(client: Client) -> None:
    answer = await apply(client, "version: 1\nusers:\n- id: alice\n  rolle: x\n")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"] == [
        {
            "pointer": "/users/0/rolle",
            "detail": "unknown field 'rolle': did you mean 'role'?",
            "file": "tocsin.yml",
            "line": 4,
        }
    ]


@pytest.mark.parametrize(
    "body",
    [{}, {"files": "x"}, {"files": [{"name": "a"}]}, {"files": [{"name": "a", "text": 1}]}, [], {"files": [], "x": 1},
     {"files": [{"name": "", "text": ""}]}, {"files": [{"name": "a\nb", "text": ""}]}],
)  # fmt: skip
async def test_a_body_that_is_no_list_of_files_is_refused(client: Client, body: Any) -> None:
    assert (await client.post("/api/v1/apply", json=body)).status_code == 422


async def test_a_large_configuration_is_taken(client: Client) -> None:
    text = "version: 1\nusers:\n" + "".join(f"- {{id: user-{n}, name: {'x' * 400}}}\n" for n in range(2000))
    assert len(text) > 512 * 1024
    assert len((await apply(client, text)).json()["items"]) == 2000


async def test_the_export_is_yaml_or_json_and_changes_nothing_when_applied(client: Client) -> None:
    await client.post("/api/v1/services", json=SERVICE)
    answer = await client.get("/api/v1/export")
    assert answer.headers["content-type"].startswith("application/yaml")
    assert "0123456789abcdef" in answer.text
    as_json = await client.get("/api/v1/export", headers={"Accept": "application/json"})
    assert as_json.json() == {"text": answer.text}
    assert (await apply(client, answer.text, "?prune=true")).json()["items"] == []


async def test_an_object_lives_by_post_get_put_patch_delete(client: Client) -> None:
    made = await client.post("/api/v1/users", json={"id": "alice", "name": "Alice"})
    assert made.status_code == 201
    assert made.json()["origin"] is None
    assert (await client.post("/api/v1/users", json={"id": "alice"})).status_code == 409

    seen = (await client.get("/api/v1/users/alice")).json()
    assert seen == made.json()
    put = await client.put("/api/v1/users/alice", json={**seen, "name": "Alice Ng"})
    assert (put.status_code, put.json()["name"]) == (200, "Alice Ng")
    patched = await client.patch("/api/v1/users/alice", json={"time_zone": "Europe/Berlin"})
    assert (patched.json()["name"], patched.json()["time_zone"]) == ("Alice Ng", "Europe/Berlin")
    assert (await client.delete("/api/v1/users/alice")).json()["name"] == "Alice Ng"
    assert (await client.get("/api/v1/users/alice")).status_code == 404
    assert (await client.delete("/api/v1/users/alice")).status_code == 404


async def test_what_a_service_shows_can_be_put_back(client: Client) -> None:
    await client.post("/api/v1/services", json=SERVICE)
    seen = (await client.get("/api/v1/services/api")).json()
    put = await client.put("/api/v1/services/api", json={**seen, "description": "Takes payments"})
    assert (put.status_code, put.json()["description"]) == (200, "Takes payments")
    assert put.json()["integrations"] == SERVICE["integrations"]


@pytest.mark.parametrize("kind", ["users", "teams", "schedules", "escalation_policies", "services"])
async def test_every_kind_can_be_written(client: Client, kind: str) -> None:
    await client.post("/api/v1/users", json={"id": "ada"})
    bodies: dict[str, Any] = {
        "users": {},
        "teams": {"members": ["ada"]},
        "schedules": {"layers": [{"id": "l", "users": ["ada"], "starts": "2026-01-05T09:00"}]},
        "escalation_policies": {"steps": [{"after": "0s", "targets": [{"user": "ada"}]}], "repeat": 2},
        "services": {"tier": 1},
    }
    made = await client.post(f"/api/v1/{kind}", json={"id": "one", **bodies[kind]})
    assert made.status_code == 201, made.text
    listed = (await client.get(f"/api/v1/{kind}")).json()
    assert "one" in [item["id"] for item in listed["items"]]
    assert listed["next"] is None
    assert (await client.patch(f"/api/v1/{kind}/one", json={"name": "One"})).json()["name"] == "One"
    assert (await client.delete(f"/api/v1/{kind}/one")).status_code == 200


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"id": "A B"}, ["/id"]),
        ({}, ["/id"]),
        ({"id": "a", "role": "boss", "colour": 1}, ["/colour", "/role"]),
        ({"id": "a", "contact_methods": [{"id": "m", "type": "email"}]}, ["/contact_methods/0/address"]),
        ({"id": "a", "contact_methods": [{"id": "m", "type": "sms", "number": "0171"}]}, ["/contact_methods/0/number"]),
        ({"id": "a", "name": "nul \x00"}, ["/name"]),
        ([], [""]),
        ("text", [""]),
        (None, [""]),
    ],
)
async def test_a_bad_object_is_told_by_pointer(client: Client, body: Any, pointers: list[str]) -> None:
    answer = await client.post("/api/v1/users", json=body)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == pointers


@pytest.mark.parametrize(
    "body",
    [b'{"id": "a", "name": "half \\ud800"}', b"{", b"", b"\xff", b"[" * 5000, b'{"id": 1e999}',
     b'{"id": "a", "contact_methods": [{"id": "m", "type": "email", "address": {"deep": [1]}}]}'],
)  # fmt: skip
async def test_no_body_is_a_fault_of_ours(client: Client, body: bytes) -> None:
    answer = await client.post("/api/v1/users", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
    assert not client.ctx.directory.users


async def test_what_a_file_owns_answers_409_naming_it(client: Client) -> None:
    await apply(client, "version: 1\nusers: [{id: alice}]\n")
    for method in ("put", "patch", "delete"):
        answer = await client.request(method.upper(), "/api/v1/users/alice", json=None if method == "delete" else {})
        assert answer.status_code == 409
        assert "tocsin.yml:2" in answer.json()["detail"]
    assert (await client.get("/api/v1/users/alice")).json()["origin"] == {"file": "tocsin.yml", "line": 2}


async def test_a_list_goes_on_where_it_stopped(client: Client) -> None:
    await apply(client, "version: 1\nusers: [{id: a}, {id: b}, {id: c}]\n")
    first = (await client.get("/api/v1/users?limit=2")).json()
    second = (await client.get(f"/api/v1/users?limit=2&cursor={first['next']}")).json()
    assert [[item["id"] for item in page["items"]] for page in (first, second)] == [["a", "b"], ["c"]]
    assert second["next"] is None
    assert (await client.get("/api/v1/users?limit=201")).status_code == 422
    assert (await client.get("/api/v1/users?cursor=nonsense")).status_code == 422


@pytest.mark.parametrize(
    ("role", "sees", "writes"),
    [("admin", 200, 201), ("manager", 200, 201), ("responder", 200, 403), ("observer", 200, 403), ("stakeholder", 403, 403)],
)  # fmt: skip
async def test_the_roles(client: Client, role: str, sees: int, writes: int) -> None:
    await client.post("/api/v1/users", json={
        "id": "alice", "contact_methods": [{"id": "hook", "type": "webhook", "url": "https://8.8.8.8/alice"}],
    })  # fmt: skip
    headers = await as_role(client, role)
    seen = await client.get("/api/v1/users/alice", headers=headers)
    assert seen.status_code == sees
    if sees == 200:
        shown = seen.json()["contact_methods"][0]["url"]
        assert shown == ("https://8.8.8.8/alice" if writes == 201 else "********")
    assert (await client.post("/api/v1/users", json={"id": "bob"}, headers=headers)).status_code == writes
    assert (await client.get("/api/v1/export", headers=headers)).status_code == (200 if writes == 201 else 403)
    body = {"files": [{"name": "a.yml", "text": "version: 1"}]}
    assert (await client.post("/api/v1/apply", json=body, headers=headers)).status_code == (
        200 if writes == 201 else 403
    )


async def test_a_manager_cannot_make_themselves_administrator(client: Client) -> None:
    headers = await as_role(client, "manager")
    answer = await client.post("/api/v1/users", json={"id": "mallory", "role": "admin"}, headers=headers)
    assert answer.status_code == 403


async def test_a_write_with_a_key_happens_once(client: Client) -> None:
    headers = {"Idempotency-Key": "make-alice"}
    first = await client.post("/api/v1/users", json={"id": "alice"}, headers=headers)
    again = await client.post("/api/v1/users", json={"id": "alice"}, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()


async def test_the_routes_are_described(client: Client) -> None:
    paths = (await client.get("/api/v1/openapi.json")).json()["paths"]
    assert {"/api/v1/apply", "/api/v1/export", "/api/v1/users", "/api/v1/escalation_policies/{id}"} <= set(paths)
