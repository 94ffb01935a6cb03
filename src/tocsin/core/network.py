"""Where requests come from, as limits for strangers count it. Pure."""

from __future__ import annotations

import ipaddress


def place(address: str) -> str:
    """An IPv4 address, or the /64 that one holder of IPv6 has to himself. What is no address counts as it is written."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(known, ipaddress.IPv6Address) and known.ipv4_mapped is None:
        return str(ipaddress.ip_network((known, 64), strict=False))
    return str(getattr(known, "ipv4_mapped", None) or known)


def networks(text: str) -> tuple[str, ...]:
    """Addresses and networks of a list with commas, as they are written canonically. Raises ValueError naming the bad one."""
    found = []
    for item in (part.strip() for part in text.split(",")):
        try:
            found.append(str(ipaddress.ip_network(item, strict=False)))
        except ValueError:
            raise ValueError(item) from None
    return tuple(found)
