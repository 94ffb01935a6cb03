"""One server for the whole contract, as its own process, with a sink and a mail server beside it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..fakes.mail import MailServer
from ..fakes.sink import Sink
from ..test_up import tocsin
from .world import CLOSED, CONFIGURATION, SECRET, TOKEN, Api, House, Loop


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    """Running and ready."""
    folder = Path(tempfile.mkdtemp(prefix="tocsin-contract-"))
    folder.chmod(0o755)
    loop, sink, mail = Loop(), Sink(), MailServer()
    loop.run(sink.start())
    loop.run(mail.start())
    file = folder / "tocsin.yml"
    file.write_text(CONFIGURATION.format(sink=sink.port, secret=SECRET, closed=CLOSED))
    environment = {"TOCSIN_BOOTSTRAP_TOKEN": TOKEN, "TOCSIN_SMTP_URL": f"smtp://127.0.0.1:{mail.port}"}
    try:
        with tocsin("up", "--data", str(folder / "data"), "--port", "0", "--config", str(file), **environment) as one:
            yield House(one.url, sink, mail, loop.loop, lambda: one.said)
            assert one.stop() == 0, one.said
    finally:
        loop.run(mail.stop())
        loop.run(sink.stop())
        loop.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def api(house: House) -> Api:
    """The API as the bootstrap token."""
    return house.api


@pytest.fixture(scope="session")
def of_role(house: House) -> dict[str, Api]:
    """The API as a token of each role."""
    made = {}
    for role in ("admin", "manager", "responder", "observer", "stakeholder"):
        token = house.api.post("/tokens", {"name": f"a {role}", "role": role}).ok(201)["token"]
        made[role] = Api(house.url, token)
    return made
