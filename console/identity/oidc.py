"""Signs people in by OpenID Connect: the authorization code flow with PKCE, state and nonce, by Authlib.

https://openid.net/specs/openid-connect-core-1_0.html and -discovery-1_0.html.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from authlib.integrations.flask_client import OAuth, OAuthError
from flask import Flask, session
from joserfc.errors import JoseError
from requests import RequestException

from console.identity.roles import Person, Role, person_of

PATIENCE = 5.0
"""Seconds that the provider may take for each answer."""

REST_S = 5.0
"""Seconds for which a provider that did not answer is not asked again: each attempt would hold a thread."""

MOST_BEGUN = 5
"""Ways to the provider that one session has begun; the oldest gives way. Anyone can begin any number of them."""

_NAME = "openid"
_STATE = f"_state_{_NAME}_"
"""With this Authlib begins the keys under which a session keeps them."""

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""How a provider may sign, whatever it says of itself: by a key of which the public half is enough to check it."""


class CannotSignIn(Exception):
    """The provider signs nobody in; `is_away` where it did not answer. The text names nobody."""

    def __init__(self, why: str, *, is_away: bool = False) -> None:
        super().__init__(why)
        self.is_away = is_away


@dataclass(frozen=True, slots=True)
class Provider:
    """An OpenID provider, and how its claims become a name and roles.

    `roles` has for each role the groups that give it. If groups give the role of a reader, nobody else is let in.
    """

    issuer: str
    client: str
    secret: str | None = field(repr=False)
    name_claim: str
    roles_claim: str
    roles: Mapping[Role, frozenset[str]]

    def person(self, claims: Mapping[str, Any]) -> Person:
        """Whom these claims describe. Raises CannotSignIn."""
        name = claims.get(self.name_claim)
        found = set(_groups(claims.get(self.roles_claim)))
        roles = [role for role, groups in self.roles.items() if groups & found]
        if Role.READER in self.roles and not roles:
            raise CannotSignIn("no role")
        try:
            return person_of(name if isinstance(name, str) else "", roles)
        except ValueError:
            raise CannotSignIn("no name") from None


class OpenIdConnect:
    """The client of one provider in one application."""

    def __init__(self, app: Flask, provider: Provider) -> None:
        self.provider = provider
        registered = OAuth(app).register(
            _NAME,
            client_id=provider.client,
            client_secret=provider.secret,
            server_metadata_url=f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={
                "scope": "openid profile email",
                "code_challenge_method": "S256",
                "default_timeout": PATIENCE,
                **({} if provider.secret else {"token_endpoint_auth_method": "none"}),
            },
        )
        self._client: Any = registered
        self._rests_until = 0.0

    def begin(self, back: str) -> Any:
        """The way to the provider, which sends the browser to the address `back` afterwards. Raises CannotSignIn."""
        self._discover()
        begun = [key for key in list(session) if key.startswith(_STATE)]
        for key in begun[: 1 - MOST_BEGUN]:
            session.pop(key, None)
        return self._client.authorize_redirect(back)

    def finish(self) -> Person:
        """Who came back from the provider with this request. Raises CannotSignIn."""
        self._discover()
        try:
            token = self._client.authorize_access_token()
        except RequestException:
            raise CannotSignIn("away", is_away=True) from None
        except (OAuthError, JoseError, ValueError, KeyError):  # the text may quote what was sent
            raise CannotSignIn("refused") from None
        claims = token.get("userinfo")
        if not claims:
            raise CannotSignIn("no identity")
        return self.provider.person(claims)

    def _discover(self) -> None:
        """Read what the provider says of itself, once. It must be who it was asked for, or it could be another one."""
        if time.monotonic() < self._rests_until:
            raise CannotSignIn("away", is_away=True)
        try:
            said = self._client.load_server_metadata()
        except (RequestException, ValueError):
            self._rests_until = time.monotonic() + REST_S
            raise CannotSignIn("away", is_away=True) from None
        if said.get("issuer") != self.provider.issuer:
            self._client.server_metadata.clear()
            raise CannotSignIn("another issuer")
        offered = said.get("id_token_signing_alg_values_supported") or ["RS256"]
        said["id_token_signing_alg_values_supported"] = [name for name in offered if name in ALGORITHMS] or ["RS256"]


def _groups(claim: object) -> Iterator[str]:
    each = claim if isinstance(claim, list) else claim.split() if isinstance(claim, str) else ()
    return (group for group in each if isinstance(group, str))
