"""Makes the Celery application that `celery -A worker.app worker --concurrency 64 -Q checks.ban` runs.

As operators expect, `--concurrency` is the number of lookups at once, and `-Q` names the sources that it serves.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from config.settings import Settings, SettingsError, read_settings
from worker.cores import leave_none


@contextmanager
def _without(package: str) -> Iterator[None]:
    """While this lasts, imports do not find `package`, an extra that happens to be installed."""
    if package in sys.modules:
        yield
        return
    hiding: dict[str, Any] = sys.modules
    hiding[package] = None
    try:
        yield
    finally:
        del hiding[package]


# structlog takes rich for tracebacks, which a worker never shows that way: megabytes in each process.
with _without("rich"):
    from worker.celery_app import make_app, refuse


def _settings() -> Settings:
    try:
        settings = read_settings()
    except SettingsError as error:
        refuse(str(error))
    if settings.broker_url is None:
        refuse("JURAT_BROKER_URL is not set: give a broker such as redis://localhost:6379/0, or `none` to do without")
    return settings


leave_none()
app = make_app(_settings())
