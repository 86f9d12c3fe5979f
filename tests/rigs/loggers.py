"""Undoes what a program sets up for its own process's logs, where a test ran it in this one."""

from __future__ import annotations

import sys

import structlog

_OURS = ("adapters", "cli", "config", "jurat", "store", "tasks", "worker")
_found: dict[str, list[structlog._config.BoundLoggerLazyProxy]] = {}
"""The loggers of each module that was looked through: there are hundreds, and none gets a logger later."""


def forget() -> None:
    """Have structlog as it was. The loggers of modules kept what was set up when they first wrote a line."""
    structlog.reset_defaults()
    for name in sys.modules.keys() - _found.keys():
        ours = name.partition(".")[0] in _OURS
        values = vars(sys.modules[name]).values() if ours else ()
        _found[name] = [value for value in values if type(value) is structlog._config.BoundLoggerLazyProxy]
    for loggers in _found.values():
        for logger in loggers:
            vars(logger).pop("bind", None)
