"""Makes the Celery application that `celery -A worker.app worker --concurrency 64 -Q checks.ban` runs.

As operators expect, `--concurrency` is the number of lookups at once, and `-Q` names the sources that it serves.
"""

from __future__ import annotations

import sys
from typing import Any

from worker.garbage import collect_as_usual, collect_seldom

collect_seldom()
# Megabytes in each process for what no worker uses: the library for Redis takes OpenTelemetry for metrics of its own.
# Imports do not find what is None here.
_modules: dict[str, Any] = sys.modules
_absent = "opentelemetry" not in _modules
if _absent:
    _modules["opentelemetry"] = None
from config.settings import Settings, SettingsError, read_settings  # noqa: E402 - only now it is out of the way
from worker.celery_app import make_app, refuse  # noqa: E402
from worker.cores import leave_none  # noqa: E402

if _absent:
    del _modules["opentelemetry"]


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
collect_as_usual()
