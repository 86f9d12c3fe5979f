"""A small OpenID provider on loopback: real HTTP, real signatures, and what a real one checks of its clients.

https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth and RFC 7636 (PKCE).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "jurat", "the secret of the console"


class Provider:
    """Signs in whom `claims` describe. What `wrong` names is done as an attacker, or a broken provider, would do it."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.claims: dict[str, Any] = {"sub": "clerk-7"}
        self.wrong: set[str] = set()
        self.asked: dict[str, dict[str, str]] = {}
        self.discovered = 0
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                provider.get(self, url.path, dict(parse_qsl(url.query)))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                provider.token(self, form)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def get(self, handler: BaseHTTPRequestHandler, path: str, query: dict[str, str]) -> None:
        match path:
            case "/.well-known/openid-configuration":
                self.discovered += 1
                if "down" in self.wrong:
                    handler.send_error(503)
                    return
                issuer = "https://other.example" if "issuer" in self.wrong else self.issuer
                _answer(handler, {
                    "issuer": issuer, "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/keys",
                    "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
                })  # fmt: skip
            case "/keys":
                _answer(handler, {"keys": [self.key.as_dict(private=False)]})
            case "/authorize":
                assert query["response_type"] == "code"
                assert query["client_id"] == CLIENT
                assert query["code_challenge_method"] == "S256"
                assert "openid" in query["scope"].split()
                code = secrets.token_urlsafe()
                self.asked[code] = query
                state = "another state" if "state" in self.wrong else query["state"]
                back = f"{query['redirect_uri']}?{urlencode({'code': code, 'state': state})}"
                handler.send_response(302)
                handler.send_header("Location", back)
                handler.end_headers()

    def token(self, handler: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        basic = base64.b64encode(f"{CLIENT}:{SECRET.replace(' ', '+')}".encode()).decode()
        plain = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        sent = handler.headers.get("Authorization", "").removeprefix("Basic ")
        asked = self.asked.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        proven = asked is not None and challenge.rstrip(b"=").decode() == asked["code_challenge"]
        if sent not in (basic, plain) or asked is None or not proven or form["redirect_uri"] != asked["redirect_uri"]:
            _answer(handler, {"error": "invalid_grant"}, 400)
            return
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"], **self.claims,
        }  # fmt: skip
        claims |= {"aud": "another client"} if "audience" in self.wrong else {}
        claims |= {"iss": "https://other.example"} if "iss" in self.wrong else {}
        claims |= {"exp": now - 3600} if "expired" in self.wrong else {}
        claims |= {"nonce": "another nonce"} if "nonce" in self.wrong else {}
        answer = {"access_token": "x", "token_type": "Bearer"}
        answer |= {} if "no token" in self.wrong else {"id_token": self._signed(claims)}
        _answer(handler, answer)

    def _signed(self, claims: dict[str, Any]) -> str:
        if {"unsigned", "public key as a secret"} & self.wrong:
            header = {"alg": "none" if "unsigned" in self.wrong else "HS256", "kid": "one"}
            signed = ".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
            proof = hmac.digest(self.key.as_pem(private=False), signed.encode(), "sha256")
            return f"{signed}.{'' if 'unsigned' in self.wrong else _encoded(proof)}"
        key = RSAKey.generate_key(2048) if "key" in self.wrong else self.key
        return str(jwt.encode({"alg": "RS256", "kid": "one"}, claims, key))


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def _answer(handler: BaseHTTPRequestHandler, document: dict[str, Any], status: int = 200) -> None:
    body = json.dumps(document).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
