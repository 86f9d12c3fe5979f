"""The way to structlog: each module that logs gets its logger here."""

from __future__ import annotations

import sys
from typing import Any

# structlog takes rich, 80 modules with what that needs, for tracebacks that we do not draw. Imports do not find what is
# None here. Only `demo` has use for rich, and imports it by itself.
_modules: dict[str, Any] = sys.modules
_absent = "rich" not in _modules
if _absent:
    _modules["rich"] = None
import structlog  # noqa: E402 - only now it is out of the way

if _absent:
    del _modules["rich"]

get_logger = structlog.get_logger

__all__ = ["get_logger", "structlog"]
