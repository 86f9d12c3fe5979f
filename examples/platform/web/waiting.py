"""Waits a moment for the workers, so that most pages already have the result."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import chain, repeat
from uuid import UUID

from werkzeug.exceptions import BadRequest

from examples.platform.web.parts import parts
from jurat import RequestState, RequestStatus, State, UnknownRequest

VERDICT_S = 0.8
"""Seconds that Confirm waits for the verdict; then a page says that it is on its way."""

REQUEST_S = 1.5
"""Seconds to wait until a worker has done what a person asked for."""

PAUSES_S = (0.02, 0.03, 0.05)
"""Between two looks; the last one holds on."""


def uuid_or_400(written: str) -> UUID:
    """The id that a form brings along for its request: sent twice, it is one request."""
    try:
        return UUID(written)
    except ValueError:
        raise BadRequest from None


def request_status(request: UUID) -> RequestStatus | None:
    """What came of a request; None if there is none."""
    try:
        return parts().client.request(request)
    except UnknownRequest:
        return None


def wait_for_request(request: UUID) -> RequestStatus | None:
    """The same, once it was dealt with, or after a moment."""
    looks = _looks(REQUEST_S)
    while (found := request_status(request)) and found.state is RequestState.WAITING and next(looks, False):
        pass
    return found


def wait_for_verdict(check: UUID) -> None:
    """Give the workers a moment: most answers have their verdict before it is over."""
    for _ in _looks(VERDICT_S):
        result = parts().client.result(check)
        if result.settled or result.state is State.REVIEW:
            return


def _looks(seconds: float) -> Iterator[bool]:
    """Yield after each pause, for so many seconds."""
    end = time.monotonic() + seconds
    for pause in chain(PAUSES_S, repeat(PAUSES_S[-1])):
        left = end - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(pause, left))
        yield True
