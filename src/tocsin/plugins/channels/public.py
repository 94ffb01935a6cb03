"""Addresses that strangers may make us call: public ones only, so that nobody reaches into the network around us through us."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from urllib.parse import urlsplit

from aiohttp import AddrInfoType
from aiohttp.abc import ResolveResult

from tocsin.plugins.channels.names import Names

PATIENCE = 3.0
"""Seconds for a name that is being saved to be resolved."""


def is_public(address: str) -> bool:
    """Whether an IP address lies in the public internet (what an IPv6 address wraps is looked at, too)."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(known, ipaddress.IPv6Address):
        inner = known.ipv4_mapped or known.sixtofour or (known.teredo[1] if known.teredo else None) or _nat64(known)
        if inner is not None:
            known = inner
    return known.is_global and not known.is_multicast


def _nat64(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    inside = address in ipaddress.ip_network("64:ff9b::/96")
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if inside else None


def is_private_host(host: str) -> bool:
    """Whether a host, as an address names it, is surely not public. (A name may still lead inside: `PublicNames` looks.)"""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host.lower().rstrip(".").endswith(("localhost", ".local", ".internal")) or "." not in host
    return not is_public(host)


async def leads_inside(url: str, *, named: bool = True) -> bool:
    """Whether a URL surely leads into a private network, by its host or by what that resolves to now. `named`: its host is a name of
    the DNS; otherwise it may be something else, as in Apprise's URLs, and only counts when it resolves. What does not is not held
    against it: whoever connects looks again.
    """
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    if not host or (("." in host or ":" in host or named) and is_private_host(host)):
        return bool(host)
    try:
        async with asyncio.timeout(PATIENCE):
            await PublicNames().resolve(host)
    except PrivateAddressError:
        return True
    except (OSError, UnicodeError, TimeoutError):
        return False
    return False


class PrivateAddressError(OSError):
    """A name or an address leads into a private network."""


def public_socket(address: AddrInfoType) -> socket.socket:
    """A socket to connect to `address` with (aiohttp's `socket_factory`). This is the last look: past names, redirects, and
    addresses that need no name. Raises PrivateAddressError."""
    family, kind, protocol, _, place = address
    if not is_public(str(place[0])):
        raise PrivateAddressError("it leads into a private network")
    return socket.socket(family, kind, protocol)


class PublicNames(Names):
    """Resolves names to public addresses only. Raises PrivateAddressError when any of them is not: the answer is used at once,
    so that it cannot change between the look and the call."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await super().resolve(host, port, family)
        if not all(is_public(one["host"]) for one in found):
            raise PrivateAddressError(f"{host} leads into a private network")
        return found
