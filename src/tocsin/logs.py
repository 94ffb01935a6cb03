"""Logs: one line per happening on standard error, as text for people or as JSON for machines, ours and the libraries' alike."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def configure(form: str) -> None:
    """Send all logs to standard error; `form` is text or json. Everything from INFO, of the libraries only from WARNING."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    if form == "json":
        rendering: list[Any] = [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer(default=str)]
    else:
        rendering = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_plain_traceback)]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("tocsin").setLevel(logging.INFO)
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)  # what it warns of, we say ourselves


_plain_traceback = structlog.dev.plain_traceback
"""Short: no local variables, which may hold secrets."""
