"""The part of the webpush channel that needs the pywebpush library; loaded by the registry when somebody uses it."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02
from pywebpush import WebPusher

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""How many points the curve P-256 has: private keys lie below."""


class WebPushLibrary:
    """`key`: our private key in hexadecimal. `contact`: whom a push service may turn to (`mailto:` or `https:`)."""

    def __init__(self, key: str, contact: str) -> None:
        private = ec.derive_private_key(int(key, 16) % (_ORDER - 1) + 1, ec.SECP256R1())
        self._vapid = Vapid02(private, conf={"no-strict": True})  # its idea of a contact leaves out ports
        self._contact = contact

    def public_key(self) -> str:
        raw = self._vapid.public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    def encrypt(self, keys: Mapping[str, str], text: bytes) -> bytes:
        body: bytes = WebPusher({"endpoint": "", "keys": dict(keys)}).encode(text, "aes128gcm")["body"]
        return body

    def authorize(self, audience: str, expires: int) -> str:
        claims = {"aud": audience, "exp": expires, "sub": self._contact}
        header: str = self._vapid.sign(claims)["Authorization"]
        return header
