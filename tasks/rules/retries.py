"""Says what a failed lookup leads to: how long the check and its source wait, and which failures count. Pure."""

from __future__ import annotations

from adapters.base import Credentials, InMaintenance, SourceError, Throttled
from jurat.vocabulary import Reason

FIRST_RETRY = 1.0
LONGEST_RETRY = 60.0
CREDENTIALS_RETRY = 60.0
ZONE_RETRY = 30.0
"""Seconds. A failed lookup is repeated after 1, 2, 4 … 60 s, each shortened by up to half at random; after 60 s if our
credentials were refused, because a person has to fix them; after 30 s if the zone is missing."""

LONGEST_PAUSE = 3600.0
"""Seconds for which a source's own Retry-After may pause it at most."""

SHUT_OUT_AFTER = 60.0
SHUT_OUT_PAUSE = 1800.0
"""Seconds. A source that refuses the connection so soon after it answered that it was asked too often has shut us out:
it is left alone for half an hour, because each further request would prolong that."""

TROUBLE = frozenset(
    {
        Reason.SOURCE_UNAVAILABLE,
        Reason.SOURCE_THROTTLED,
        Reason.SOURCE_MAINTENANCE,
        Reason.SOURCE_CREDENTIALS,
        Reason.SOURCE_UNREADABLE,
    }
)
"""Reasons of failed lookups for which the source is to blame, not the request: such failures open its breaker."""


def wait_after(error: SourceError, lookups: int, jitter: float) -> tuple[float, float | None]:
    """Seconds until the next lookup of a check, after `lookups` failed ones and this one; and seconds for which its
    whole source pauses, as it asks with a 429 or during maintenance (None: it does not). `jitter` is from 0 to 1.
    """
    wait = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(lookups, 10)) * (1 - jitter / 2)
    if isinstance(error, Credentials):
        wait = max(wait, CREDENTIALS_RETRY)
    if error.retry_after is None:
        return wait, None
    wait = max(wait, min(error.retry_after, LONGEST_PAUSE))
    return wait, wait if isinstance(error, Throttled | InMaintenance) else None


def is_shut_out(since_throttled: float | None) -> bool:
    """Whether a source that refuses the connection has shut us out, so many seconds after it was asked too often."""
    return since_throttled is not None and since_throttled <= SHUT_OUT_AFTER
