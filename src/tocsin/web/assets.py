"""Static files, held in memory under a name that holds their hash: browsers may keep them for ever."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

_TYPES = {
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "png": "image/png",
}


@dataclass(frozen=True)
class Asset:
    """One file. `packed` is the same, gzipped."""

    name: str
    body: bytes
    packed: bytes
    digest: str
    media_type: str

    @property
    def url(self) -> str:
        return f"/static/{self.digest}/{self.name}"


class Assets:
    """Every file below `web/static` that a browser may ask for."""

    def __init__(self) -> None:
        self._by_name = {asset.name: asset for asset in _walk(files("tocsin.web") / "static", "")}

    def url(self, name: str) -> str:
        """The address of a file, with its hash. Raises KeyError when there is none."""
        return self._by_name[name].url

    def body(self, name: str) -> bytes:
        """What a file holds. Raises KeyError when there is none."""
        return self._by_name[name].body

    def find(self, name: str) -> Asset | None:
        return self._by_name.get(name)


def _walk(folder: Traversable, prefix: str) -> list[Asset]:
    found: list[Asset] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _walk(entry, f"{prefix}{entry.name}/")
        elif (ending := entry.name.rsplit(".", 1)[-1]) in _TYPES:
            body = entry.read_bytes()
            digest = hashlib.sha256(body).hexdigest()[:12]
            found.append(Asset(prefix + entry.name, body, gzip.compress(body, mtime=0), digest, _TYPES[ending]))
    return found


@cache
def assets() -> Assets:
    """Read once per process."""
    return Assets()
