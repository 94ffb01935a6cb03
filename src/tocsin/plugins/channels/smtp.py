"""A mail server as an address in a setting, and a few kept connections to it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import aiosmtplib

from tocsin.core.errors import Invalid
from tocsin.plugins.channels.base import Bounced, DeliveryError
from tocsin.plugins.channels.threads import in_thread

_IDLE_SECONDS = 20.0
_QUIT_SECONDS = 1.0


class Server(NamedTuple):
    """One mail server. `starttls` None: encrypt when it offers to. `verify`: its certificate must be trusted."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    tls: bool = False
    starttls: bool | None = None
    verify: bool = False

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"


def parse_server(url: str) -> Server:
    """A server from `smtp[s]://[user:pass@]host[:port][?starttls=auto|always|never][&verify=yes|no]`.

    Unless it says otherwise, a password only travels over TLS with a trusted certificate; a server on this machine is spared
    both. Raises Invalid, never quoting the address.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (465 if parts.scheme == "smtps" else 25)
    except ValueError:
        raise _invalid("it is not an address") from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path.strip("/"):
        raise _invalid("it must look like smtp://[user:pass@]host:port or smtps://...")
    options = _options(parts)
    tls, local = parts.scheme == "smtps", _is_local(parts.hostname)
    starttls: bool | None = {"always": True, "never": False, "auto": None}[options["starttls"]]
    if parts.username and not local and not tls and starttls is None:
        starttls = True
    verify = {"yes": True, "no": False}.get(options["verify"], not local and (tls or starttls is True))
    return Server(
        parts.hostname, port, unquote(parts.username or ""), unquote(parts.password or ""), tls, starttls, verify
    )


def _options(parts: SplitResult) -> dict[str, str]:
    allowed = {"starttls": ("auto", "always", "never"), "verify": ("auto", "yes", "no")}
    found = dict.fromkeys(allowed, "auto")
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in allowed:
            raise _invalid(f"it has no option {name!r}; known are starttls and verify")
        if value not in allowed[name]:
            raise _invalid(f"{name} must be one of {', '.join(allowed[name])}")
        found[name] = value
    return found


def _is_local(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _invalid(why: str) -> Invalid:
    return Invalid(f"TOCSIN_SMTP_URL cannot be used: {why}")


def helo_name(mail_domain: str) -> str:
    """How we introduce ourselves: this machine's full name, else the domain that the mails come from. Asks no name server."""
    name = socket.gethostname()
    return next((n for n in (name, mail_domain) if "." in n and n.isascii()), "[127.0.0.1]")


class Pool:
    """At most `size` connections to one server, each reused until idle for a while. A connection in doubt is never reused."""

    def __init__(self, server: Server, helo: str, size: int, timeout: float, idle: float = _IDLE_SECONDS) -> None:
        self.server = server
        self._helo, self._timeout, self._idle_seconds = helo, timeout, idle
        self._places = asyncio.Semaphore(size)
        self._idle: list[aiosmtplib.SMTP] = []
        self._timers: dict[aiosmtplib.SMTP, asyncio.TimerHandle] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._context: ssl.SSLContext | None = None

    async def send(self, sender: str, recipient: str, content: bytes) -> str:
        """Hand over one mail; the server's last word (`2.0.0 OK`). Raises DeliveryError."""
        async with self._places:
            client = await self._checked() or await self._connect()
            try:
                _, said = await client.sendmail(sender, [recipient], content)
            except (aiosmtplib.SMTPResponseException, aiosmtplib.SMTPRecipientsRefused) as error:
                self._keep(client)
                raise self._refused(error) from None
            except (aiosmtplib.SMTPException, OSError, ValueError) as error:
                client.close()
                raise self._failed(error) from None
            except BaseException:
                client.close()  # cancelled in the middle: nobody knows where the conversation stands
                raise
            self._keep(client)
            return said

    async def close(self) -> None:
        """Say goodbye on idle connections, briefly."""
        idle = [self._take() for _ in tuple(self._idle)]
        await asyncio.gather(*(_quit(client) for client in idle if client), *self._leaving)

    async def _connect(self) -> aiosmtplib.SMTP:
        server = self.server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user or None,
            password=server.password if server.user else None,
            local_hostname=self._helo,
            timeout=self._timeout,
            use_tls=server.tls,
            start_tls=False if server.tls else server.starttls,
            tls_context=await self._tls(),
        )
        try:
            await client.connect()
        except (aiosmtplib.SMTPResponseException, aiosmtplib.SMTPRecipientsRefused) as error:
            raise self._refused(error) from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise self._failed(error) from None
        return client

    async def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            make: Callable[[], ssl.SSLContext] = _trusting if not self.server.verify else ssl.create_default_context
            self._context = await in_thread(make, "certificates")
        return self._context

    async def _checked(self) -> aiosmtplib.SMTP | None:
        """A kept connection that still answers: finding out before the mail is given leaves no doubt whether it arrived."""
        while (client := self._take()) is not None:
            try:
                await client.rset()
            except (aiosmtplib.SMTPException, OSError):
                client.close()
            except BaseException:
                client.close()
                raise
            else:
                return client
        return None

    def _take(self) -> aiosmtplib.SMTP | None:
        if not self._idle:
            return None
        client = self._idle.pop()
        self._timers.pop(client).cancel()
        return client

    def _keep(self, client: aiosmtplib.SMTP) -> None:
        if client.is_connected:
            self._idle.append(client)
            self._timers[client] = asyncio.get_running_loop().call_later(self._idle_seconds, self._expire, client)

    def _expire(self, client: aiosmtplib.SMTP) -> None:
        self._idle.remove(client)
        del self._timers[client]
        task = asyncio.create_task(_quit(client))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def _refused(self, error: aiosmtplib.SMTPResponseException | aiosmtplib.SMTPRecipientsRefused) -> DeliveryError:
        """The server's no: 5xx is for good, 4xx for now."""
        answer = error.recipients[0] if isinstance(error, aiosmtplib.SMTPRecipientsRefused) else error
        what = {
            aiosmtplib.SMTPRecipientRefused: "refused the recipient",
            aiosmtplib.SMTPSenderRefused: "refused the sender (TOCSIN_MAIL_FROM)",
            aiosmtplib.SMTPAuthenticationError: "refused our user and password",
        }.get(type(answer), "answered")
        said = "" if isinstance(answer, aiosmtplib.SMTPAuthenticationError) else f" {_plain(answer.message)}"
        text = f"mail server {self.server.place} {what}: {answer.code}{said}"
        if isinstance(answer, aiosmtplib.SMTPRecipientRefused) and 500 <= answer.code < 600:
            return Bounced(text)
        return DeliveryError(text, permanent=500 <= answer.code < 600)

    def _failed(self, error: Exception) -> DeliveryError:
        """No proper answer, in words of our own."""
        place = f"mail server {self.server.place}"
        if isinstance(_root(error), ssl.SSLCertVerificationError):
            return DeliveryError(f"{place}: its TLS certificate is not trusted", permanent=True)
        match error:
            case aiosmtplib.SMTPTimeoutError() | TimeoutError():
                return DeliveryError(f"{place} did not answer within {self._timeout:g} s", permanent=False)
            case aiosmtplib.SMTPConnectError() | aiosmtplib.SMTPServerDisconnected() | OSError():
                return DeliveryError(f"{place}: cannot connect, or the connection was lost", permanent=False)
            case aiosmtplib.SMTPException() if "STARTTLS" in str(error):
                hint = "add ?starttls=never to TOCSIN_SMTP_URL to send the password in the clear"
                return DeliveryError(f"{place} offers no STARTTLS: {hint}", permanent=True)
            case aiosmtplib.SMTPException() if "AUTH" in str(error).upper():
                return DeliveryError(f"{place} offers no way to sign in, though a user is set", permanent=True)
        return DeliveryError(f"{place}: the conversation failed ({type(error).__name__})", permanent=True)


def _root(error: BaseException) -> BaseException:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error


def _plain(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]


def _trusting() -> ssl.SSLContext:
    """Encrypts without asking who is there: better than plain text when nothing is promised (RFC 7435)."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _quit(client: aiosmtplib.SMTP) -> None:
    with suppress(aiosmtplib.SMTPException, OSError):
        await client.quit(timeout=_QUIT_SECONDS)
    client.close()
