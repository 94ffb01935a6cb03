"""Ports for the servers that tests start."""

from __future__ import annotations

import random
import socket

_PORTS = range(12_000, 32_000)
"""Below those that the system gives to outgoing connections: what is free here stays free until the server takes it."""
_DICE = random.SystemRandom()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    for port in _DICE.sample(_PORTS, 200):
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free")
