"""Fills in requests, with what authorises them and is new each time: a token, a signature, a password's digest."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets as randomness
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Final

from adapters.base import Another
from adapters.http_client.transport import Sender, target_of
from adapters.registry.templates import Message, RequestTemplate, Template, Values
from adapters.registry.tokens import BEARER, TokenKeeper
from config.registry.model.auth import SIGNATURE, WSSE, HmacAuth, OAuth2Auth, WsSecurityAuth
from config.registry.model.inputs import Input
from config.registry.model.source import Step
from config.registry.model.templates import SECRETS

_NONCE_BYTES: Final = 16

Fresh = Mapping[str, str]
"""What is new in one sending of a request, by name."""


class StepRequest:
    """The request of a step. This one has nothing that is new each time.

    `names` are those of `fresh`. With `alone`, it goes over a connection of its own: on a kept one that was closed, the
    transport would send it again with the same nonce.
    """

    names: Sequence[str] = ()
    alone = False

    def __init__(self, template: RequestTemplate) -> None:
        self._template = template
        self.hosts: Sequence[str] = (template.host,)

    def fresh(self, deadline: float) -> Fresh:
        """What one sending needs, got until `deadline`. Raises SourceError where that is not to be had."""
        return {}

    def renewed(self, refused: Fresh, deadline: float) -> Fresh | None:
        """The same after the registry has refused it with a 401; None where sending it again is useless."""
        return None

    def fill_in(self, values: Values) -> Message:
        """As `RequestTemplate.fill_in`, without what authorises it."""
        return self._template.fill_in(values)

    def authorise(self, message: Message, values: Values, fresh: Fresh) -> Message:
        """The message as it is sent, with what is `fresh`. It is that of `fill_in`, or for a page after the first."""
        return message


class _Bearing(StepRequest):
    """With an access token."""

    names = (BEARER,)

    def __init__(self, template: RequestTemplate, keeper: TokenKeeper) -> None:
        super().__init__(template)
        self.hosts = (template.host, keeper.host)
        self._keeper = keeper

    def fresh(self, deadline: float) -> Fresh:
        return self._keeper.get(deadline)

    def renewed(self, refused: Fresh, deadline: float) -> Fresh | None:
        token = self._keeper.get(deadline, refused)
        self._keeper.await_turn(deadline)
        return token

    def authorise(self, message: Message, values: Values, fresh: Fresh) -> Message:
        return self._template.with_headers(message, fresh)


class _Signed(StepRequest):
    """With a signature over parts of it (RFC 2104)."""

    names = ("time", "nonce", "body_hash", SIGNATURE)
    alone = True

    def __init__(self, template: RequestTemplate, auth: HmacAuth, secrets: Values) -> None:
        super().__init__(template)
        self._auth = auth
        self._key = _decoded(Template.of(auth.key, str).expand(secrets), auth.key_encoding)
        self._parts = [Template.of(text, str) for text in auth.sign]

    def fresh(self, deadline: float) -> Fresh:
        return {"time": _TIMES[self._auth.time](time.time()), "nonce": randomness.token_hex(_NONCE_BYTES)}

    def authorise(self, message: Message, values: Values, fresh: Fresh) -> Message:
        signed = {name: value for name, value in values.items() if name.startswith(SECRETS)}
        signed |= {**self._of(message), **fresh}
        if SIGNATURE not in signed:
            text = self._auth.join.join(part.expand(signed) for part in self._parts)
            digest = hmac.digest(self._key, text.encode(), self._auth.hash)
            signed[SIGNATURE] = _ENCODINGS[self._auth.encoding](digest)
        return self._template.with_headers(message, signed)

    def _of(self, message: Message) -> dict[str, str]:
        """The parts of a request, as they are sent."""
        body = message.body or b""
        path, _, query = target_of(message.url, message.params).partition("?")
        return {
            "method": message.method,
            "path": path,
            "query": query,
            "body": body.decode(),
            "body_hash": _ENCODINGS[self._auth.encoding](hashlib.new(self._auth.hash, body).digest()),
        }


class _WithDigest(StepRequest):
    """With a UsernameToken in its XML."""

    names = WSSE
    alone = True

    def __init__(self, template: RequestTemplate, auth: WsSecurityAuth, secrets: Values) -> None:
        super().__init__(template)
        self._password = Template.of(auth.password, str).expand(secrets)

    def fresh(self, deadline: float) -> Fresh:
        nonce, created = randomness.token_bytes(_NONCE_BYTES), _TIMES["iso8601"](time.time())
        digest = password_digest(nonce, created, self._password)
        return dict(zip(WSSE, (base64.b64encode(nonce).decode(), created, digest), strict=True))

    def fill_in(self, values: Values) -> Message:
        return self._template.fill_in({**values, **dict.fromkeys(WSSE, "")})

    def authorise(self, message: Message, values: Values, fresh: Fresh) -> Message:
        return replace(message, body=self._template.fill_in({**values, **fresh}).body)


class RequestBuilder:
    """Builds the requests of a source's steps. Steps with the same `auth` share its token.

    `secrets` are the source's, by `secrets.NAME`. `pay` pays for what a lookup sends in addition. `uncached` asks
    caches on the way for new answers. Raises ValueError where a secret is not of the form that its use needs.
    """

    def __init__(
        self,
        inputs: Mapping[str, Input],
        secrets: Values,
        transport: Sender,
        pay: Another | None,
        *,
        uncached: bool = False,
    ) -> None:
        self._inputs = inputs
        self._uncached = uncached
        self._secrets = secrets
        self._transport = transport
        self._pay = pay
        self._keepers: list[tuple[OAuth2Auth, TokenKeeper]] = []

    def build(self, step: Step) -> StepRequest:
        """The request of one step."""
        template = RequestTemplate(step, self._inputs, uncached=self._uncached)
        match step.request.auth:
            case OAuth2Auth() as auth:
                return _Bearing(template, self._keeper(auth))
            case HmacAuth() as auth:
                return _Signed(template, auth, self._secrets)
            case WsSecurityAuth() as auth:
                return _WithDigest(template, auth, self._secrets)
        return StepRequest(template)

    def _keeper(self, auth: OAuth2Auth) -> TokenKeeper:
        for known, keeper in self._keepers:
            if known == auth:
                return keeper
        keeper = TokenKeeper(auth, self._secrets, self._transport, pay=self._pay)
        self._keepers.append((auth, keeper))
        return keeper


def password_digest(nonce: bytes, created: str, password: str) -> str:
    """Base64(SHA-1(nonce + created + password)): OASIS Web Services Security, UsernameToken Profile 1.1, 3.1."""
    # The profile knows no other hash. Its weakness is in collisions, which this use does not rest on.
    return base64.b64encode(hashlib.sha1(nonce + (created + password).encode()).digest()).decode()  # noqa: S324


def _iso(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_TIMES: Final[Mapping[str, Callable[[float], str]]] = {
    "unix": lambda now: str(int(now)),
    "unix_ms": lambda now: str(int(now * 1000)),
    "iso8601": _iso,
    "http": lambda now: formatdate(now, usegmt=True),
}
_ENCODINGS: Final[Mapping[str, Callable[[bytes], str]]] = {
    "hex": bytes.hex,
    "base64": lambda digest: base64.b64encode(digest).decode(),
}


def _decoded(key: str, encoding: str) -> bytes:
    try:
        match encoding:
            case "hex":
                return bytes.fromhex(key)
            case "base64":
                return base64.b64decode(key, validate=True)
        return key.encode()
    except ValueError:
        pass  # raised below: here its context would be the exception, which holds the key
    raise ValueError(f"the key of auth is not {encoding}")
