"""A real SMTP server (aiosmtpd) on 127.0.0.1 that records messages and misbehaves on request.

For example:

    async with MailServer() as server:
        Settings(smtp_url=server.url)
        server.refuse["bob@example.com"] = "550 5.1.1 no such user"     # at RCPT
        server.answers.append("451 4.3.0 try later")                    # at DATA, one per message, then 250
        server.hang_at = "DATA"                                         # EHLO, MAIL, RCPT or DATA never answers
        (mail,) = await server.wait(1)
        assert mail.message["Subject"]
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import ssl
import warnings
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any, Self
from urllib.parse import quote

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass(frozen=True)
class Mail:
    """One accepted message. `connection` counts the sockets from 1."""

    at: datetime
    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    connection: int
    encrypted: bool
    user: str

    @property
    def message(self) -> EmailMessage:
        parsed = email.message_from_bytes(self.raw, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        assert part is not None, f"the mail has no {kind} part"
        content: str = part.get_content()
        return content


class MailServer:
    """Accepts everything unless told otherwise.

    `auth` demands that user and password; `tls` offers STARTTLS with that context, or TLS from the first byte when `implicit`.
    """

    def __init__(
        self, *, auth: tuple[str, str] | None = None, tls: ssl.SSLContext | None = None, implicit: bool = False
    ) -> None:
        self.messages: list[Mail] = []
        self.refuse: dict[str, str] = {}
        self.answers: deque[str] = deque()
        self.hang_at = ""
        self.drop_at = ""
        self.connections = 0
        self.open_connections = 0
        self.most_connections = 0
        self.port = 0
        self._auth, self._tls, self._implicit = auth, tls, implicit
        self._server: asyncio.Server | None = None
        self._arrived = asyncio.Event()
        self._end = asyncio.Event()
        self._transports: set[asyncio.Transport] = set()

    @property
    def url(self) -> str:
        who = f"{quote(self._auth[0], safe='')}:{quote(self._auth[1], safe='')}@" if self._auth else ""
        return f"{'smtps' if self._implicit else 'smtp'}://{who}127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, port: int = 0) -> None:
        self._end.clear()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._connection, "127.0.0.1", port, ssl=self._tls if self._implicit else None, backlog=256
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._end.set()
        if self._server is not None:
            self._server.close()
            self.disconnect()
            await self._server.wait_closed()
            self._server = None

    def disconnect(self) -> None:
        """Cut every open connection."""
        for transport in tuple(self._transports):
            transport.abort()

    async def wait(self, count: int, to: str | None = None, timeout: float = 5.0) -> list[Mail]:
        """The messages (to one address) once there are at least `count`; raises TimeoutError."""
        async with asyncio.timeout(timeout):
            while len(found := [m for m in self.messages if to is None or to in m.recipients]) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return found

    def _connection(self) -> SMTP:
        self.connections += 1
        with warnings.catch_warnings(action="ignore"):  # signing in without TLS is what some tests are about
            return self._conversation()

    def _conversation(self) -> SMTP:
        return _Conversation(
            self,
            self.connections,
            handler=_Handler(self),
            hostname="mail.test",
            enable_SMTPUTF8=True,
            tls_context=None if self._implicit else self._tls,
            authenticator=self._authenticate if self._auth else None,
            auth_exclude_mechanism=None if self._auth else ["LOGIN", "PLAIN"],
            auth_required=self._auth is not None,
            auth_require_tls=self._tls is not None and not self._implicit,
        )

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == self._auth, handled=False, auth_data=given[0])

    async def interfere(self, command: str, transport: Any) -> None:
        if self.hang_at == command:
            await self._end.wait()
        if self.drop_at == command and transport is not None:
            transport.abort()

    def record(self, mail: Mail) -> None:
        self.messages.append(mail)
        self._arrived.set()


class _Conversation(SMTP):
    def __init__(self, owner: MailServer, number: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.owner, self.number = owner, number
        self._counted = False

    def connection_made(self, transport: Any) -> None:
        if not self._counted:
            self._counted = True
            self.owner.open_connections += 1
            self.owner.most_connections = max(self.owner.most_connections, self.owner.open_connections)
        self.owner._transports.add(transport)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.owner._transports.discard(self.transport)
        self.owner.open_connections -= 1
        super().connection_lost(error)


class _Handler:
    def __init__(self, owner: MailServer) -> None:
        self.owner = owner

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        await self.owner.interfere("EHLO", server.transport)
        session.host_name = hostname
        return responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await self.owner.interfere("MAIL", server.transport)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await self.owner.interfere("RCPT", server.transport)
        if address in self.owner.refuse:
            return self.owner.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: _Conversation, session: Session, envelope: Envelope) -> str:
        await self.owner.interfere("DATA", server.transport)
        answer = self.owner.answers.popleft() if self.owner.answers else "250 2.0.0 OK queued"
        if answer.startswith("2"):
            self.owner.record(_mail(server, session, envelope))
        return answer


def _mail(server: _Conversation, session: Session, envelope: Envelope) -> Mail:
    assert isinstance(envelope.content, bytes)
    return Mail(
        at=datetime.now(UTC),
        sender=envelope.mail_from or "",
        recipients=tuple(envelope.rcpt_tos),
        raw=envelope.content,
        connection=server.number,
        encrypted=session.ssl is not None or server.owner._implicit,
        user=str(session.auth_data or ""),
    )
