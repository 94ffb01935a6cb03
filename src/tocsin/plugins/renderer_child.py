"""Renders templates that people wrote, as a child process with little memory: requests and answers are lines of JSON."""

from __future__ import annotations

import json
import resource
import sys

from tocsin.core.words_template import TemplateError, render

MEMORY = 256 * 2**20
"""Bytes of address space beyond what the process began with."""


def bound() -> None:
    """From here on: no more than so much memory, no files, no children."""
    with open("/proc/self/statm") as statm:
        own = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (own + MEMORY, own + MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))


def answer(line: str) -> dict[str, str]:
    """`{"text": ...}` or `{"error": ...}` for one request `{"source": ..., "values": {...}}`."""
    asked = json.loads(line)
    try:
        return {"text": render(asked["source"], asked["values"])}
    except TemplateError as error:
        return {"error": str(error)[:500]}


def main() -> None:
    render("{{ warm }}", {"warm": "up"})
    bound()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(line)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
