"""Logs: one event a line on standard error, as JSON for machines or as text for people. They hold no personal data."""

from __future__ import annotations

import logging
import sys

import structlog

from config.settings import LogFormat

_TALK_OF_EACH_BELL = ("celery.worker.strategy", "celery.app.trace")
"""Celery's two lines for each task that comes and goes: a bell says nothing worth keeping."""


def set_up(form: LogFormat, level: int = logging.INFO) -> None:
    """Have structlog, and the standard library's logging through it, write to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if form is LogFormat.JSON
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            # Celery's tracebacks become text here as ours do: the renderer for people would show all local variables.
            foreign_pre_chain=[*shared, structlog.processors.format_exc_info],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _TALK_OF_EACH_BELL:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
