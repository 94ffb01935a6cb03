"""Renders templates that people wrote where they can do no harm: in a child process, for a bounded time, in bounded memory.

A template that loops, eats memory or reaches for internals costs its child, and whoever wrote it reads why. The child is started at
first use and again after each such death; it ends by itself when this process does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping
from typing import Any

from tocsin.core.errors import Unavailable
from tocsin.core.words_template import TemplateError, TooMuch

LIMIT = 2.0
"""Seconds for one rendering."""
START = 20.0
"""Seconds for the child to start, on a machine that has much else to do."""
LONGEST_LINE = 2**20


class Renderer:
    """One child of this node; requests take turns."""

    def __init__(self, limit: float = LIMIT) -> None:
        self._limit = limit
        self._child: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def render(self, source: str, values: Mapping[str, Any]) -> str:
        """The text. Raises TemplateError for what is wrong with the template; Unavailable when no child can be started."""
        async with self._turn:
            child = await self._started()
            try:
                async with asyncio.timeout(self._limit):
                    answered = await self._ask(child, source, values)
            except TimeoutError:
                await self._kill()
                raise TooMuch(f"it takes longer than {self._limit:g} s: look for a loop that never ends") from None
            except (OSError, ValueError, EOFError):
                await self._kill()
                raise TooMuch("it takes too much memory") from None
            except BaseException:
                await self._kill()
                raise
        if "error" in answered:
            raise TemplateError(answered["error"])
        return answered["text"]

    async def stop(self) -> None:
        async with self._turn:
            await self._kill()

    async def _ask(self, child: asyncio.subprocess.Process, source: str, values: Mapping[str, Any]) -> dict[str, str]:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps({"source": source, "values": values}).encode() + b"\n")
        await child.stdin.drain()
        line = await child.stdout.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        found: dict[str, str] = json.loads(line)
        return found

    async def _started(self) -> asyncio.subprocess.Process:
        if self._child is not None and self._child.returncode is None:
            return self._child
        try:
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tocsin.plugins.renderer_child", stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, limit=LONGEST_LINE, cwd="/",
                env={"PYTHONPATH": ":".join(path for path in sys.path if path), "LC_ALL": "C.UTF-8"}, start_new_session=True,
            )  # fmt: skip
            self._child = child
            async with asyncio.timeout(START):
                await self._ask(child, "", {})
        except (OSError, ValueError, EOFError, TimeoutError) as error:
            await self._kill()
            raise Unavailable(f"Edited templates cannot be rendered now ({type(error).__name__}): try again") from None
        return child

    async def _kill(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        if child.stdin is not None:
            child.stdin.close()
        await child.wait()
