"""What a node knows of the configuration may be older than a key it is shown: it looks before it says that it knows no such key.

The other nodes tell each other of changes, within milliseconds, or within seconds when a connection was lost. A sender that was given
its key just now may come first, to another node; and senders do not repeat what was refused.
"""

from __future__ import annotations

import asyncio

from tocsin.flow.context import Context
from tocsin.manage.configuration import refresh

PAUSE = 0.25
"""Seconds between two looks: a flood of wrong keys shares them, and waits so long."""


class Newest:
    """Looks at the configuration in the database, for all who ask at the same time together."""

    def __init__(self, ctx: Context, pause: float = PAUSE) -> None:
        self._ctx = ctx
        self._pause = pause
        self._free = 0.0
        """When the next look may begin, by the loop's clock."""
        self._next: asyncio.Task[bool] | None = None
        """The look that has not begun yet."""

    async def look(self) -> None:
        """Return when this node knows all that was committed before the call. Raises Unavailable when the database is away."""
        if self._next is None:
            self._next = asyncio.create_task(self._look())
        await asyncio.shield(self._next)  # others wait for it too

    async def _look(self) -> bool:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._free - loop.time())
        self._free = loop.time() + self._pause
        self._next = None  # whoever comes from here on may know of something newer
        return await refresh(self._ctx)
