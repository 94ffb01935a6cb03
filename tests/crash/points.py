"""The named lines of the path at which a node can be made to die, and the knife.

Nothing in the product knows of this: functions are replaced from outside, before the program runs.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import signal
import sys
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Point:
    """`target` is `module:function` or `module:Class.method`, where it is defined.

    `inside`: counts only while this other function runs. `some`: counts only when there is something to do (the last argument,
    or afterwards the result, is not empty). The node dies at the `passage`-th time.
    """

    name: str
    target: str
    when: Literal["before", "after"] = "after"
    inside: str = ""
    some: bool = False
    passage: int = 1
    public: bool = False
    """The site has a status page, so that incidents have first steps."""


_INTAKE, _FLOW, _STORE = "tocsin.flow.intake:Intake", "tocsin.flow", "tocsin.store"
_FIRE, _RECORD = "tocsin.flow.escalate:fire", "tocsin.flow.receipts:record"
_ACKNOWLEDGE, _RESOLVE = "tocsin.flow.respond:acknowledge", "tocsin.flow.closing:resolve"
_BY_SOURCE = "tocsin.flow.settling:resolve_by_source"

POINTS = (
    # Events come in.
    Point("before it is looked what is open", f"{_STORE}.intake:look", "before", passage=3),
    Point("after it was looked what is open", f"{_STORE}.intake:look", passage=4),
    Point("opening: incident numbers are taken", f"{_STORE}.ids:incident_numbers", passage=2),
    Point("opening: the incidents are written", f"{_STORE}.writing:write_incidents", passage=2),
    Point("opening: the alerts are written", f"{_STORE}.writing:write_alerts", passage=3),
    Point("opening: the pages are written", f"{_STORE}.writing:write_paging", inside=f"{_FLOW}.opening:Opening.commit"),
    Point("opening: committed", f"{_FLOW}.opening:Opening.commit", passage=2),
    Point("opening: committed, a later one", f"{_FLOW}.opening:Opening.commit", passage=6),
    Point("before the pages are handed over", f"{_FLOW}.deliver:Deliveries.hand_over", "before", some=True, passage=2),
    Point("after the pages were handed over", f"{_FLOW}.deliver:Deliveries.hand_over", some=True, passage=4),
    Point("before the sender is answered", f"{_INTAKE}._commit", passage=5),
    Point("before Prometheus is answered", f"{_INTAKE}.accept"),
    Point("the severity rose: the old paging is stopped", f"{_STORE}.stopping:stop_paging", inside=f"{_FLOW}.restart:restart"),
    Point("the severity rose: everything is written", f"{_FLOW}.restart:restart"),
    Point("a first step is done and not told", f"{_STORE}.responses:settle", inside=f"{_FLOW}.responding:_carry", public=True),
    # Pages go out.
    Point("before the letters are read again", f"{_STORE}.notifications:begin", "before", passage=2),
    Point("after the letters were read again", f"{_STORE}.notifications:begin", passage=3),
    Point("before a page is sent", "tocsin.plugins.channels.webhook:WebhookChannel.send", "before", passage=6),
    Point("a page is sent and not recorded", "tocsin.plugins.channels.webhook:WebhookChannel.send", passage=6),
    Point("recording: delivered", f"{_STORE}.notifications:delivered", passage=2),
    Point("recording: told", f"{_STORE}.writing:write_story", inside=_RECORD, passage=2),
    Point("recorded", _RECORD, passage=2),
    Point("recording: to be tried again", f"{_STORE}.notifications:retry"),
    Point("recording: given up", f"{_STORE}.notifications:failed"),
    Point("recording: the next rung came forward", f"{_FLOW}.escalate:come_forward"),
    Point("leases are prolonged", f"{_STORE}.notifications:renew"),
    # Time passes.
    Point("timers are claimed", f"{_STORE}.timers:claim", some=True),
    Point("timers are claimed, again", f"{_STORE}.timers:claim", some=True, passage=3),
    Point("notifications are claimed", f"{_STORE}.notifications:claim", some=True),
    Point("a rung: its timer is finished", f"{_STORE}.timers:finish", inside=_FIRE, some=True),
    Point("a rung: its pages are written", f"{_STORE}.writing:write_paging", inside=_FIRE),
    Point("a rung: it is told", f"{_STORE}.writing:write_story", inside=_FIRE),
    Point("a rung: committed", _FIRE),
    Point("a rung: committed, the second time", _FIRE, passage=2),
    Point("expiry: the timer is finished", f"{_STORE}.timers:finish", inside=f"{_FLOW}.alarms:expire", some=True),
    Point("expiry: the alerts ended", f"{_STORE}.endings:expire_alerts", some=True),
    Point("expiry: the incidents followed", f"{_FLOW}.settling:alerts_ended", inside=f"{_FLOW}.alarms:expire"),
    Point("expiry: committed", f"{_FLOW}.alarms:expire"),
    Point("tally: the timer is finished", f"{_STORE}.timers:finish", inside=f"{_FLOW}.alarms:tally", some=True),
    Point("tally: committed", f"{_FLOW}.alarms:tally"),
    Point("tally: the count is written", f"{_STORE}.incidents:update", inside=f"{_FLOW}.alarms:_counted"),
    Point("tally: told", f"{_FLOW}.alarms:_counted"),
    Point("a silence ended: the timer is finished", f"{_STORE}.timers:finish", inside=f"{_FLOW}.release:unmute", some=True),
    Point("a silence ended: the incidents are written", f"{_STORE}.writing:write_incidents", inside=f"{_FLOW}.release:unmute"),
    Point("a silence ended: the alerts have their places", f"{_STORE}.intake:place"),
    Point("a silence ended: committed", f"{_FLOW}.release:unmute"),
    # Somebody answers.
    Point("acknowledging: the paging is stopped", f"{_STORE}.stopping:stop_response", inside=_ACKNOWLEDGE),
    Point("acknowledging: told", f"{_FLOW}.acts:tell", inside=_ACKNOWLEDGE, passage=2),
    Point("acknowledging: committed", _ACKNOWLEDGE, passage=2),
    Point("the second clock: its timer is finished", f"{_STORE}.timers:finish", inside=f"{_FLOW}.progress:fire", some=True),
    Point("the second clock: committed", f"{_FLOW}.progress:fire"),
    Point("resolving: the alerts are closed", f"{_STORE}.endings:close_alerts_of", inside=_RESOLVE),
    Point("resolving: committed", _RESOLVE),
    Point("a person escalates: pages are written", f"{_STORE}.writing:write_paging", inside=f"{_FLOW}.respond:escalate"),
    Point("a person escalates: committed", f"{_FLOW}.respond:escalate"),
    Point("a source resolves: the alerts ended", f"{_STORE}.endings:end_alerts"),
    Point("a source resolves: the incidents followed", f"{_FLOW}.settling:alerts_ended", inside=_BY_SOURCE),
    Point("a source resolves: committed", _BY_SOURCE),
    Point("a source acknowledges: the alerts are marked", f"{_STORE}.endings:acknowledge_alerts"),
    Point("a source acknowledges: committed", f"{_FLOW}.settling:acknowledge_by_source"),
)  # fmt: skip

BY_NAME = {point.name: point for point in POINTS}


def arm(point: Point) -> None:
    """Make this process die at `point`. Everything that is to be replaced must be imported already."""
    if point.inside:
        _replace(point.inside, _scope)
    seen = [0]

    def passing(something: object) -> None:
        if (point.inside and not _inside.get()) or (point.some and not something):
            return
        seen[0] += 1
        if seen[0] == point.passage:
            os.write(2, f"dies now: {point.name}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    _replace(point.target, functools.partial(_watched, passing, point.when))


_inside: ContextVar[bool] = ContextVar("inside", default=False)


def _scope(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        token = _inside.set(True)
        try:
            return await function(*args, **kwargs)
        finally:
            _inside.reset(token)

    return wrapper


def _watched(passing: Callable[[object], None], when: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def before(args: tuple[Any, ...]) -> None:
        if when == "before":
            passing(args[-1] if args else None)

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            before(args)
            result = await function(*args, **kwargs)
            if when == "after":
                passing(result)
            return result

        return wrapper

    @functools.wraps(function)
    def plain(*args: Any, **kwargs: Any) -> Any:
        before(args)
        result = function(*args, **kwargs)
        if when == "after":
            passing(args[-1] if result is None and args else result)
        return result

    return plain


def _replace(target: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Put `wrap(function)` wherever the function is known by name: its own place, by-name imports, tables of functions."""
    module_name, _, path = target.partition(":")
    owner: Any = importlib.import_module(module_name)
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    original = getattr(owner, name)
    wrapped = wrap(original)
    setattr(owner, name, wrapped)
    for module in [module for key, module in sys.modules.items() if key.startswith("tocsin.")]:
        for attribute, value in list(vars(module).items()):
            if attribute.startswith("__"):
                continue
            if value is original:
                setattr(module, attribute, wrapped)
            elif isinstance(value, dict):
                value.update({key: wrapped for key, entry in value.items() if entry is original})
