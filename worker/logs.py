"""Writes logs: one event a line on standard error, as JSON or as text. They contain no personal data.

Each verdict is a line, so lines have to be cheap: structlog's own processors, which use the standard library, took a
good part of a lookup's time. Celery's records come from the standard library and are written in the same form. What is
the same in each line is encoded once.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, TextIO

from structlog.typing import EventDict

from config.logger import structlog
from config.settings import LogFormat

Render = Callable[[EventDict], str]

_TALK_OF_EACH_BELL = ("celery.worker.strategy", "celery.app.trace")
"""Celery's two lines for each task that comes and goes: a bell says nothing worth keeping."""

_JSON = json.JSONEncoder(default=repr)
_QUOTED = frozenset(" \t\r\n=\"'")
_HEAD = ("timestamp", "level", "event", "logger", "exception")


def set_up(form: LogFormat, level: int = logging.INFO, **always: str) -> None:
    """Have structlog and the standard library's logging write to standard error. With JSON, the facts in `always` are
    in each line; people who read text know which process they look at.
    """
    render = _renderer(form, always)
    structlog.configure(
        processors=[_complete, structlog.processors.format_exc_info, lambda _, __, facts: render(facts)],
        logger_factory=partial(_LogLines, sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OfTheLibrary(render))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("psycopg").setLevel(max(level, logging.ERROR))  # it logs what it raises as well
    for name in _TALK_OF_EACH_BELL:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def hand_on() -> None:
    """Have structlog write through the standard library's loggers, unless the program around it has set structlog up:
    levels and handlers remain that program's.
    """
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.processors.format_exc_info,
            lambda _, __, facts: _line(facts["event"], facts),  # a record of the standard library has the rest
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


class _LogLines:
    """A named logger's way out: one write a line, so that lines of several threads do not mix.

    What cannot be written is lost, as with the standard library: a full disk or a closed pipe must stop no work.
    """

    def __init__(self, stream: TextIO, name: str = "jurat") -> None:
        self.name = name
        self._stream = stream

    def write(self, line: str) -> None:
        try:
            self._stream.write(line + "\n")
        except (OSError, ValueError):
            return

    debug = info = warning = error = critical = write


class _OfTheLibrary(logging.Formatter):
    """A record of the standard library as one of our lines. A traceback becomes text here, without local variables."""

    def __init__(self, render: Render) -> None:
        super().__init__()
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        facts: EventDict = {"event": record.getMessage().rstrip()}
        _stamp(facts, record.levelname.lower(), record.name)
        if record.exc_info:
            facts["exception"] = self.formatException(record.exc_info)
        return self._render(facts)


def _complete(logger: _LogLines, level: str, facts: EventDict) -> EventDict:
    _stamp(facts, level, logger.name)
    return facts


def _stamp(facts: EventDict, level: str, logger: str) -> None:
    facts["level"] = level
    facts["logger"] = logger
    facts["timestamp"] = datetime.now(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def _renderer(form: LogFormat, always: Mapping[str, str]) -> Render:
    if form is LogFormat.JSON:
        if not always:
            return _JSON.encode
        more = _JSON.encode(always).removeprefix("{")
        return lambda facts: f"{_JSON.encode(facts)[:-1]}, {more}"
    if not sys.stderr.isatty():
        return _text
    in_colour = structlog.dev.ConsoleRenderer(colors=True)
    return lambda facts: in_colour(None, facts["level"], facts)


def _text(facts: EventDict) -> str:
    """As structlog's renderer for people lays a line out, without colours."""
    head = f"{facts['timestamp']} [{facts['level']:<9}] {facts['event']:<30} [{facts['logger']}]"
    return _line(head, facts)


def _line(head: str, facts: EventDict) -> str:
    more = [f"{key}={_value(facts[key])}" for key in sorted(facts) if key not in _HEAD]
    line = f"{head} {' '.join(more)}"
    exception = facts.get("exception")
    return line.rstrip() if exception is None else f"{line.rstrip()}\n{exception}"


def _value(value: Any) -> str:
    if not isinstance(value, str):
        return repr(value)
    return str(value) if _QUOTED.isdisjoint(value) else repr(str(value))
