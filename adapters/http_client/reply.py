"""The reply of a source over HTTP: its status, headers and body, and how long it asks us to wait."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from adapters.base import Credentials, RejectedRequest, Throttled, Unavailable, Unreadable

LONGEST_WAIT_S = 3600.0
"""The longest pause that a source can ask for."""

WHOLE = frozenset({200, 201, 203})
"""Statuses of a whole answer: not deferred (202), without a body (204, 205) or a part (206)."""

_DEEPEST_JSON = 64


@dataclass(frozen=True, slots=True)
class Reply:
    """What a source answered. `headers` have lower-case names; `body` is decoded (gzip). Neither is in its repr.

    `retry_after` is how many seconds the source asked us to wait (see the function `retry_after`).
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    retry_after: float | None = None

    def json(self, encoding: str = "utf-8-sig") -> Any:
        """The body as JSON, parsed strictly (RFC 8259).

        Raises Unreadable where it is empty, not in that encoding, not JSON, repeats a key, has NaN or a number that
        Python cannot represent, or is nested deeper than 64 levels.
        """
        if not self.body.strip():
            raise Unreadable("the answer is empty")
        try:
            tree = _STRICT.decode(self.body.decode(encoding))
        except (ValueError, RecursionError):
            pass  # raised below: here its context would be the parser's exception, which holds the whole body
        else:
            if self.body.count(b"[") + self.body.count(b"{") > _DEEPEST_JSON < _depth(tree):
                raise Unreadable(f"the answer is nested deeper than {_DEEPEST_JSON} levels")
            return tree
        raise Unreadable("the answer is not JSON, or not strictly")


def raise_for_trouble(reply: Reply) -> None:
    """Raise the error that a status means by HTTP, unless it is one of a whole answer.

    Raises:
        Credentials: 401, 403 and 407.
        Throttled: 429.
        Unavailable: 408 and 5xx.
        Unreadable: 1xx, 3xx (redirects are not followed), and a 2xx that is not in `WHOLE`.
        RejectedRequest: every other 4xx.
    """
    status, wait = reply.status, reply.retry_after
    if status in WHOLE:
        return
    if 200 <= status < 300:
        raise Unreadable(f"the answer is not the whole one (HTTP {status})")
    if status in {401, 403, 407}:
        raise Credentials(f"the source refused our credentials (HTTP {status})")
    if status == 429:
        raise Throttled("the source says that we asked too often (HTTP 429)", retry_after=wait)
    if status == 408 or status >= 500:
        raise Unavailable(f"the source is in trouble (HTTP {status})", retry_after=wait)
    if status >= 400:
        raise RejectedRequest(f"the source rejected our request (HTTP {status})")
    raise Unreadable(f"the source answered HTTP {status}; redirects are not followed")


def retry_after(header: str | None, now: float) -> float | None:
    """The seconds that a Retry-After header asks for (RFC 9110, 10.2.3); `now` is in seconds since the epoch.

    None where it is missing, negative, past or malformed; at most `LONGEST_WAIT_S`.
    """
    if header is None:
        return None
    if re.fullmatch("[0-9]+", header := header.strip()):
        return min(float(header), LONGEST_WAIT_S)
    try:
        moment = parsedate_to_datetime(header)
        wait = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return None
    return min(wait, LONGEST_WAIT_S) if wait > 0 else None


def _depth(tree: Any) -> int:
    depth, level = 0, [tree]
    while level := [node for node in level if isinstance(node, dict | list)]:
        depth += 1
        level = [child for node in level for child in (node.values() if isinstance(node, dict) else node)]
    return depth


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key is repeated")
    return members


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("no finite number")
    return number


_STRICT = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_finite)
