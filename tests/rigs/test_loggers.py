"""`forget`: a logger that wrote while a command had set up logs in this process."""

from __future__ import annotations

import logging

from structlog.testing import capture_logs

from config.settings import LogFormat
from tests.rigs.loggers import forget
from worker.engine.writer import log
from worker.logs import set_up


def said() -> int:
    with capture_logs() as logs:
        log.warning("a line")
    return len(logs)


def test_a_logger_that_wrote_under_another_setting_is_heard_again() -> None:
    handlers, level = logging.root.handlers[:], logging.root.level
    forget()
    try:
        set_up(LogFormat.TEXT, logging.CRITICAL)
        log.warning("kept back, and the setting with it")
    finally:
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
    assert said() == 0
    forget()
    assert said() == 1
