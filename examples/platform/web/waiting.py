"""Requests that a worker deals with within a second: wait a moment for that, so that most pages already know."""

from __future__ import annotations

import time
from uuid import UUID

from examples.platform.web.parts import parts
from jurat import UnknownRequest
from jurat.asking import Asked, AskedState

PATIENCE_S = 1.5
PAUSE_S = 0.05


def said_of(request: UUID) -> Asked | None:
    """What came of a request; None where there is none."""
    try:
        return parts().client.request(request)
    except UnknownRequest:
        return None


def wait_for(request: UUID) -> Asked | None:
    """The same, once it was dealt with, or after a moment."""
    end = time.monotonic() + PATIENCE_S
    while (found := said_of(request)) and found.state is AskedState.WAITING and time.monotonic() < end:
        time.sleep(PAUSE_S)
    return found
