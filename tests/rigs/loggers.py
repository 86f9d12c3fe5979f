"""Undoes what a program sets up for its own process's logs, where a test ran it in this one."""

from __future__ import annotations

import sys

import structlog

_OURS = ("adapters", "cli", "config", "jurat", "store", "tasks", "worker")


def forget() -> None:
    """Have structlog as it was. The loggers of modules kept what was set up when they first wrote a line."""
    structlog.reset_defaults()
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in _OURS:
            for value in vars(module).values():
                if isinstance(value, structlog._config.BoundLoggerLazyProxy):
                    vars(value).pop("bind", None)
