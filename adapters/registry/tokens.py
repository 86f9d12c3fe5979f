"""Keeps the access token of an OAuth 2.0 client until it ends, for all threads of a process.

The token endpoint is asked by the source's own transport, within the lookup's time, and from the source's quota. The
token is only in memory.
"""

from __future__ import annotations

import base64
import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

from adapters.base import Another, Credentials, SourceError, TimedOut, Unavailable, Unreadable
from adapters.http_client.reply import Reply, raise_for_trouble
from adapters.http_client.transport import Sender
from adapters.registry.templates import Template
from config.registry.model.auth import OAuth2Auth
from config.registry.model.hosts import listing_of

BEARER: Final = "access_token"

_MARGIN_S: Final = 30.0
"""Seconds before its end at which a token is not sent any more; at most a tenth of its life."""

_USUAL_LIFE_S: Final = 3600.0
"""The life of a token if its answer has none. One that ended sooner is renewed when the registry refuses it."""

_LONGEST_LIFE_S: Final = 86_400.0
_SENDABLE: Final = re.compile(r"[\x21-\x7e]{1,8000}")
_CODE: Final = re.compile(
    "invalid_(?:client|grant|scope|request|target)|unauthorized_client|unsupported_grant_type|access_denied"
)
"""Codes of RFC 6749, 5.2, and RFC 8707: nothing else that the endpoint says is shown."""


@dataclass(frozen=True, slots=True)
class _Token:
    """`until` is a reading of the clock. The values are told apart by identity: a server may give a token twice."""

    values: Mapping[str, str] = field(repr=False)
    until: float


class TokenKeeper:
    """The token of one client, asked for at the first use, and again when it ends or is refused. Thread-safe.

    `secrets` are the source's, by `secrets.NAME`. `pay` pays for each request from the source's quota.
    """

    def __init__(
        self,
        auth: OAuth2Auth,
        secrets: Mapping[str, str],
        transport: Sender,
        *,
        pay: Another | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        client = [Template.of(text, str).expand(secrets) for text in (auth.client_id, auth.client_secret)]
        form = {name: Template.of(text, str).expand(secrets) for name, text in auth.form.items()}
        self._headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        if auth.method == "client_secret_basic":
            pair = ":".join(map(quote_plus, client))  # RFC 6749, 2.3.1
            self._headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form |= zip(("client_id", "client_secret"), client, strict=True)
        self._body = urlencode({"grant_type": "client_credentials", **form}).encode()
        self._url = auth.url
        self.host = listing_of(auth.url)
        self._transport = transport
        self._pay = pay
        self._clock = clock
        self._sleep = sleep
        self._lock = Lock()
        self._token = _Token({}, -math.inf)
        self._failure: SourceError | None = None
        self._asked_at = -math.inf

    def get(self, deadline: float, refused: Mapping[str, str] | None = None) -> Mapping[str, str]:
        """The token under `access_token`, another than the `refused` one. Waits until `deadline` for another thread.

        Raises SourceError where the endpoint gives none. All threads that waited for one request get its error.
        """
        came = self._clock()
        if (kept := self._kept(refused)) is not None:
            return kept
        if not self._lock.acquire(timeout=max(0.0, deadline - came)):
            raise TimedOut("the token endpoint gave no token in time")
        try:
            if (kept := self._kept(refused)) is not None:
                return kept
            if self._failure is None or self._asked_at < came:
                self._failure = self._renew(deadline)
                self._asked_at = self._clock()
            if (error := self._failure) is None:
                return self._token.values
        finally:
            self._lock.release()
        raise type(error)(f"its token endpoint: {error.detail}", retry_after=error.retry_after)

    def _kept(self, refused: Mapping[str, str] | None) -> Mapping[str, str] | None:
        token = self._token
        return token.values if token.values is not refused and self._clock() < token.until else None

    def _renew(self, deadline: float) -> SourceError | None:
        try:
            self.await_turn(deadline)
            asked_at = self._clock()
            reply = self._transport.send(
                "POST",
                self._url,
                params=(),
                headers=self._headers,
                body=self._body,
                timeout=deadline - asked_at,
                fresh=False,
            )
            text, life = _read(reply)
        except SourceError as error:
            return error.with_traceback(None)  # which holds the answer
        self._token = _Token({BEARER: text}, asked_at + life - min(_MARGIN_S, life / 10))
        return None

    def await_turn(self, deadline: float) -> None:
        """Pay for one more request, and wait for its turn if there is time. Raises SourceError if there is no quota.

        At a slow rate there is no time. Then it is sent at once, and the lookups after it wait: without a token, none
        would ever succeed.
        """
        wait = 0.0 if self._pay is None else self._pay(math.inf)
        if wait is None:
            raise Unavailable("the quota of the source allows no further request now")
        if wait <= (deadline - self._clock()) / 2:
            self._sleep(wait)


def _read(reply: Reply) -> tuple[str, float]:
    """The token and its life in seconds (RFC 6749, 5.1).

    Raises SourceError: Credentials if the endpoint refuses our client (5.2), as an administrator must act then.
    """
    if 400 <= reply.status < 500 and reply.status not in (408, 429):
        code = _CODE.fullmatch(str(_members(reply).get("error")))
        raise Credentials(f"it refuses our client (HTTP {reply.status}{f', {code[0]}' if code else ''})")
    raise_for_trouble(reply)
    members = _members(reply)
    text, kind = members.get(BEARER), members.get("token_type")
    if not isinstance(text, str) or not _SENDABLE.fullmatch(text):
        raise Unreadable("its answer has no access_token that a header can carry")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise Unreadable("its answer has no token_type Bearer")
    return text, _life(members.get("expires_in"))


def _members(reply: Reply) -> Mapping[str, Any]:
    try:
        tree = reply.json()
    except Unreadable:
        return {}
    return tree if isinstance(tree, dict) else {}


def _life(expires_in: Any) -> float:
    if isinstance(expires_in, str) and expires_in.isdecimal():
        expires_in = int(expires_in[:9])
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float):
        return _USUAL_LIFE_S
    return float(max(0, min(expires_in, _LONGEST_LIFE_S)))
