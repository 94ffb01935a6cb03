"""Prometheus label sets: their fingerprint, and a cache, because the same few thousand sets come again every minute."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from tocsin.plugins.sources.text import launder

_OFFSET = 14695981039346656037
_PRIME = 1099511628211
_MASK = 0xFFFFFFFFFFFFFFFF


def fingerprint(labels: Mapping[str, str]) -> str:
    """Alertmanager's identity of a label set, 16 hexadecimal digits: FNV-1a (64 bits) over the names in byte order, each name
    and value followed by the byte 0xFF (prometheus/common, model.LabelSet.Fingerprint)."""
    digest = _OFFSET
    for name in sorted(labels):
        for byte in b"%b\xff%b\xff" % (name.encode(), labels[name].encode()):
            digest = (digest ^ byte) * _PRIME & _MASK
    return f"{digest:016x}"


class LabelSet(msgspec.Struct, frozen=True, gc=False):
    """One label set, without the labels whose value is empty. `alertname` and `severity` are empty when absent.

    `problem` says, in Alertmanager's words, why it cannot identify an alert; empty when it can.
    """

    labels: dict[str, str]
    fingerprint: str
    alertname: str = ""
    severity: str = ""
    instance: str = ""
    problem: str = ""


_decode = msgspec.json.Decoder(dict[str, str | None]).decode


def read(raw: bytes) -> LabelSet:
    """Raise msgspec.DecodeError, UnicodeDecodeError or RecursionError when `raw` is not a JSON object of texts.

    Any name but the empty one is allowed, as in today's Alertmanager (0.25 knew only [a-zA-Z_][a-zA-Z0-9_]*): a page is not
    lost over the name of a label.
    """
    try:
        sent = _decode(raw)
    except UnicodeDecodeError:
        sent = _decode(launder(raw) or raw)
    labels = {name: value for name, value in sent.items() if value}
    problem = "at least one label pair required" if not labels else ""
    if "" in labels:
        problem = 'invalid label set: invalid name ""'
    get = labels.get
    return LabelSet(
        labels, fingerprint(labels), get("alertname", ""), get("severity", ""), get("instance", ""), problem
    )


class LabelSets:
    """Remembers the label sets read last, by their JSON text. Holds at most twice `size` of them: when the young half is
    full it becomes the old one, and what is asked for again moves back to the young."""

    def __init__(self, size: int = 4096, longest: int = 2048) -> None:
        self._size = size
        self._longest = longest
        self._young: dict[bytes, LabelSet] = {}
        self._old: dict[bytes, LabelSet] = {}

    def read(self, raw: bytes) -> LabelSet:
        """As the function `read`. The labels are shared: never change them."""
        found = self._young.get(raw)
        if found is not None:
            return found
        found = self._old.get(raw) or read(raw)
        if len(raw) <= self._longest:
            if len(self._young) >= self._size:
                self._old, self._young = self._young, {}
            self._young[raw] = found
        return found
