"""Sends what a worker process writes outside its log there as well: Celery's own prints, warnings, and exceptions that
nothing caught. With JSON, every line from the start to the end is an object.

Not included: the sentence of a process that is refused its start (exit code 2), which a person reads, and what the
interpreter itself writes when it crashes.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
import warnings
from contextlib import suppress
from types import TracebackType
from typing import Any, TextIO

import celery.apps.worker
from celery.utils.log import LoggingProxy

from config.logger import get_logger
from config.settings import LogFormat

log = get_logger("jurat.worker")


def capture(worker: Any, form: LogFormat) -> None:
    """Send what this process writes to its log, which is set up; `worker` is Celery's, about to start."""
    logging.captureWarnings(True)
    warnings.formatwarning = _without_source
    sys.excepthook = _log_failure
    threading.excepthook = _log_thread_failure
    sys.unraisablehook = _log_ignored
    program: Any = celery.apps.worker
    program.cry = stacks
    if form is LogFormat.JSON:
        worker.quiet = True  # no banner
        program.safe_say = _say
        printed: Any = LoggingProxy(logging.getLogger("jurat.printed"), logging.WARNING)
        sys.stdout = sys.stderr = printed


def stacks() -> str:
    """Where each thread is. Celery, which shows it at SIGUSR1, would add local variables, so keys and answers too."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return "\n".join(
        f"{names.get(ident, 'unknown')}\n{''.join(traceback.format_stack(frame))}"
        for ident, frame in sys._current_frames().items()  # noqa: SLF001 - documented, for debuggers
    )


def _say(message: str, _: TextIO | None = None) -> None:
    """Celery's words at a signal, as a line. Written past Python's buffers: a signal may come while they are in use."""
    record = logging.makeLogRecord({"name": "celery.apps.worker", "levelname": "INFO", "msg": message})
    with suppress(OSError):
        os.write(2, f"{logging.getLogger().handlers[0].format(record)}\n".encode())


def _without_source(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,  # noqa: ARG001 - the signature of `warnings`
) -> str:
    return f"{filename}:{lineno}: {category.__name__}: {message}"


def _log_failure(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    log.critical("process failed", error=kind.__name__, exc_info=(kind, error, trace))


def _log_thread_failure(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_type is SystemExit:  # as Python's own hook does it
        return
    name = failed.thread.name if failed.thread else None
    exc_info = (failed.exc_type, failed.exc_value, failed.exc_traceback)
    log.critical("thread failed", thread=name, error=failed.exc_type.__name__, exc_info=exc_info)


def _log_ignored(ignored: sys.UnraisableHookArgs) -> None:
    """Log an exception that Python cannot raise, as in a destructor; the object may hold anything, and is not shown."""
    exc_info = (ignored.exc_type, ignored.exc_value, ignored.exc_traceback)
    log.error("exception ignored", error=ignored.exc_type.__name__, exc_info=exc_info)
