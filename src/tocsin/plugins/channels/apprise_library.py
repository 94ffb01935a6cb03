"""The part of the apprise channel that needs the Apprise library; loaded by the registry when somebody uses it."""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from typing import Any

from apprise import Apprise, AppriseAsset, AppriseResultStatus, NotifyFormat, NotifyType, OverflowMode

from tocsin.plugins.channels.apprise import Outcome, Tone

_WRONG = "url: Apprise knows no such service, or the URL is not complete (its documentation lists the forms)"
_CODE = re.compile(r"error=(\d{3})\b")
_ASSET: dict[str, Any] = {
    "app_id": "Tocsin",
    "app_desc": "Tocsin",
    "app_url": "",
    "async_mode": False,
    "interpret_emojis": False,
    "pgp_autogen": False,
    "pem_autogen": False,
}
_TYPES = {"info": NotifyType.INFO, "warning": NotifyType.WARNING, "failure": NotifyType.FAILURE}


class AppriseLibrary:
    """Blocking calls into Apprise: one URL at a time, nothing stored on disk, nothing logged (its words may hold tokens)."""

    def __init__(self) -> None:
        quiet = logging.getLogger("apprise")
        quiet.addHandler(logging.NullHandler())
        quiet.propagate = False
        self._asset = AppriseAsset(storage_mode="memory", service_timeout=0)
        for name, value in _ASSET.items():
            setattr(self._asset, name, value)

    def problem(self, url: str) -> str | None:
        return None if self._service(url) is not None else _WRONG

    def notify(self, url: str, title: str, body: str, tone: Tone, timeout: float) -> Outcome:
        service = self._service(url)
        if service is None:
            raise ValueError(_WRONG)
        service.retry = 0  # retries are ours
        service.socket_connect_timeout = min(service.socket_connect_timeout, timeout)
        service.socket_read_timeout = min(service.socket_read_timeout, timeout)
        if "overflow=" not in url:
            service.overflow_mode = OverflowMode.TRUNCATE  # the links come first; a long text must not be refused whole
        caller = Apprise(asset=self._asset)
        caller.add(service)
        result = caller.notify(body, title=title, notify_type=_TYPES[tone], body_format=NotifyFormat.TEXT)
        return _outcome(result, str(service.service_name))

    def _service(self, url: str) -> Any:
        """A new instance each time: they keep state between calls and are not made for several threads."""
        return Apprise.instantiate(url, asset=self._asset)


def _outcome(result: Any, service: str) -> Outcome:
    match result.status:
        case AppriseResultStatus.SUCCESS | AppriseResultStatus.PARTIAL:
            return Outcome("accepted", service)
        case AppriseResultStatus.NOMATCH:
            raise ValueError(_WRONG)
        case AppriseResultStatus.TIMEOUT:
            return Outcome("timeout", service)
    codes = [int(found[1]) for entry in result.logs() if (found := _CODE.search(str(entry)))]
    return Outcome("failed", service, codes[-1] if codes else 0)


@lru_cache(maxsize=1)
def library() -> AppriseLibrary:
    """The one instance of this process."""
    return AppriseLibrary()
