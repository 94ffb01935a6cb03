"""The real program, started quickly and made to die at a named line.

Run as a program this is a nursery: it imports Tocsin once, then forks a process for each line of JSON on its standard input and
answers with the new process's id. The process runs what the command `tocsin` runs. At the end of its input the nursery ends
everything that it forked.

    {"argv": ["serve", "--port", "8420"], "env": {"TOCSIN_...": "..."}, "log": "/tmp/node.log", "point": "a name from points.py"}
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from typing import Any

from tests.crash import points

from tocsin import host, main

HEAVY = (host,)
"""What the commands of the host import when they are called; here it is done before the fork."""


def become(order: dict[str, Any]) -> None:
    """In the forked process: be a node until the end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    output = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout = os.fdopen(1, "w", buffering=1)
    sys.stderr = os.fdopen(2, "w", buffering=1)
    for name in [name for name in os.environ if name.startswith("TOCSIN_")]:
        del os.environ[name]
    os.environ.update(order["env"])
    sys.argv = ["tocsin", *order["argv"]]
    if order["point"]:
        points.arm(points.BY_NAME[order["point"]])
    main.run()


def nurse() -> None:
    children: list[int] = []  # as descriptors: an id may be somebody else's by the time it is needed
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are buried by the kernel
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                become(order)
                code = 0
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else 1
            except BaseException as error:
                os.write(2, f"{type(error).__name__}: {error}\n".encode())
            finally:
                os._exit(code)
        children.append(os.pidfd_open(pid))
        print(pid, flush=True)
    for child in children:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(child, signal.SIGKILL)


if __name__ == "__main__":
    nurse()
