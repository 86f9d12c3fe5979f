"""jurat's worker with a `requests.Session` for each thread instead of its own transport: how much that gives.

The application of `celery -A bench.speed.with_requests worker`. The class keeps its name and its other methods, so that
nothing else of the worker differs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import requests

from adapters.base import TimedOut, Unavailable
from adapters.http_client.last_answer import last_answer
from adapters.http_client.reply import Reply, retry_after
from adapters.http_client.transport import Transport
from worker.app import app as app  # noqa: PLC0414 - what Celery looks for

_thread = threading.local()


def _send(
    _: Transport,
    method: str,
    url: str,
    *,
    params: Any = (),
    headers: Mapping[str, str] = MappingProxyType({}),
    body: bytes | None = None,
    timeout: float,
    fresh: bool = False,
) -> Reply:
    """As `Transport.send`, as far as the bench's registry needs it."""
    last_answer.status = None
    if fresh or not hasattr(_thread, "session"):
        _thread.session = requests.Session()
    try:
        reply = _thread.session.request(
            method, url, params=params, headers=headers, data=body, timeout=timeout, allow_redirects=False
        )
    except requests.Timeout:
        raise TimedOut("no answer in time") from None
    except requests.RequestException:
        raise Unavailable("no answer") from None
    last_answer.status = reply.status_code
    fields = dict(reply.headers.lower_items())
    return Reply(reply.status_code, fields, reply.content, retry_after(fields.get("retry-after"), time.time()))


Transport.send = _send  # type: ignore[method-assign, assignment] # this is what the arm differs by
