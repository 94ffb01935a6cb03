"""A browser's end of web push: its keys, and what it reads in a body that its push service hands over."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.fakes.sink import Received


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Browser:
    """One subscription at one push service."""

    endpoint: str
    auth: bytes = b"sixteen secret b"
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def keys(self) -> dict[str, str]:
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {"p256dh": encoded(point), "auth": encoded(self.auth)}

    @property
    def settings(self) -> dict[str, str]:
        """As a configuration file would write it."""
        return {"device": "Phone", "endpoint": self.endpoint, **self.keys}

    def read(self, request: Received) -> dict[str, Any]:
        """What the service worker gets. Raises when the body is not for this browser."""
        assert request.headers["content-encoding"] == "aes128gcm"
        assert len(request.body) <= 4096
        text = http_ece.decrypt(request.body, private_key=self._key, auth_secret=self.auth, version="aes128gcm")
        note: dict[str, Any] = json.loads(text)
        return note


def vapid_claims(request: Received, public_key: str) -> dict[str, Any]:
    """The claims of the request's signature, checked against the key that browsers subscribed to. Raises InvalidSignature."""
    scheme, _, rest = request.headers["authorization"].partition(" ")
    assert scheme == "vapid"
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    assert parts["k"] == public_key
    signed, _, signature = parts["t"].rpartition(".")
    raw = decoded(signature)
    known = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(public_key))
    pair = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    known.verify(pair, signed.encode(), ec.ECDSA(SHA256()))
    head, body = (json.loads(decoded(part)) for part in signed.split("."))
    assert head["alg"] == "ES256"
    claims: dict[str, Any] = body
    return claims
