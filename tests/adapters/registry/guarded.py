"""A server that plays the registries of guarded.yaml: it checks what authorises a request as the standards say.

Its checks share no code with the adapter. Keys are those of `KEYS`, people those of `PEOPLE`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote_plus, urlsplit

from ruamel.yaml import YAML

CLIENT, SECRET = "town & client", "s3cret:+/é"
SIGNING = b"a key of thirty-two bytes or more"
KEYS = {
    "JURAT_SOURCE_CLIENT": CLIENT,
    "JURAT_SOURCE_CLIENT_SECRET": SECRET,
    "JURAT_SOURCE_SIGNING_KEY": base64.b64encode(SIGNING).decode(),
}
PEOPLE = {
    "9000010000": {"number": "9000010000", "family": "VALOMBRE", "given": "Iris", "status": "active"},
    "9000010745": {"number": "9000010745", "family": "CORVEC", "given": "Tugdual", "status": "struck off"},
}
SKEW_S = 300
FILE = Path(__file__).with_name("guarded.yaml")


def document(port: int) -> Any:
    """The configuration, for the server on `port`."""
    return YAML(typ="safe").load(FILE.read_text("utf-8").replace(":8000/", f":{port}/"))


def text_of(body: bytes, name: str) -> str:
    """The text of the first element with that name, whatever its prefix."""
    found = re.search(rf"<(?:\w+:)?{name}(?: [^>]*)?>([^<]*)<", body.decode())
    return found[1].replace("&amp;", "&") if found else ""


def token_of(body: bytes, password: str) -> tuple[str, str, bool]:
    """User and nonce of a UsernameToken, and whether its digest is that of the password."""
    nonce, created = text_of(body, "Nonce"), text_of(body, "Created")
    wanted = hashlib.sha1(base64.b64decode(nonce) + created.encode() + password.encode()).digest()
    return text_of(body, "Username"), nonce, base64.b64decode(text_of(body, "Password")) == wanted


class Guarded:
    """The server. Change `life`, `token_answer` and `refusing` to change what it does; `end_tokens` revokes all.

    `asked` counts requests by what came of them: `token`, `served`, `refused`.
    """

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.life: int | None = 3600
        self.token_answer: tuple[int, Any] | None = None
        """What the token endpoint answers in place of a token."""
        self.refusing = False
        """Whether every bearer gets a 401."""
        self.same_token = False
        self.delay = 0.0
        """Seconds that the token endpoint takes."""
        self.seen: list[bytes] = []
        """Every request, as it came."""
        self.nonces: list[str] = []
        self.tokens: dict[str, float] = {}
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"guarded": self}))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def end_tokens(self) -> None:
        """No token that was given is good any more."""
        self.tokens.clear()


class _Handler(BaseHTTPRequestHandler):
    guarded: Guarded
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        """Nothing is written."""

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.guarded.seen.append(f"{self.requestline}\n{self.headers}".encode() + body)
        if self.path == "/token":
            return self._give_token(body.decode())
        with self.guarded.lock:
            good, number = getattr(self, f"_{urlsplit(self.path).path.split('/')[1]}")(body)
            self.guarded.asked["served" if good else "refused"] += 1
        person = PEOPLE.get(number)
        if not good:
            return self._answer(401, {"error": "refused"})
        if self.path == "/residents":
            inner = "".join(f"<{key}>{value}</{key}>" for key, value in (person or {}).items())
            found = f"<person>{inner}</person>" if person else ""
            return self._answer(200, f"<Envelope><Body><found>{found}</found></Body></Envelope>")
        return self._answer(200, {"people": [person] if person else []})

    def _give_token(self, form: str) -> None:
        time.sleep(self.guarded.delay)
        with self.guarded.lock:
            self.guarded.asked["token"] += 1
            count = 1 if self.guarded.same_token else self.guarded.asked["token"]
        if self.guarded.token_answer is not None:
            return self._answer(*self.guarded.token_answer)
        # RFC 6749, 2.3.1: both are encoded as in a form before they are encoded as HTTP Basic.
        user, _, password = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).partition(
            b":"
        )
        fields = {name: values[0] for name, values in parse_qs(form).items()}
        client = unquote_plus(user.decode()), unquote_plus(password.decode())
        if not user:
            client = fields.pop("client_id", ""), fields.pop("client_secret", "")
        if client != (CLIENT, SECRET):
            return self._answer(401, {"error": "invalid_client", "error_description": f"not {client}"})
        if fields != {"grant_type": "client_credentials", "scope": "people.read"}:
            return self._answer(400, {"error": "invalid_scope"})
        token = f"tok3n-{count}.~+/="
        life = {} if self.guarded.life is None else {"expires_in": self.guarded.life}
        self.guarded.tokens[token] = time.monotonic() + (self.guarded.life or 3600)
        return self._answer(200, {"access_token": token, "token_type": "bearer", **life})

    def _pharmacists(self, _: bytes) -> tuple[bool, str]:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        good = not self.guarded.refusing and self.guarded.tokens.get(token, 0.0) > time.monotonic()
        return good, parse_qs(urlsplit(self.path).query)["number"][0]

    def _surveyors(self, body: bytes) -> tuple[bool, str]:
        found = re.fullmatch(r'HMAC-SHA512 id="([^"]*)", signature="([^"]*)"', self.headers.get("Authorization", ""))
        moment, nonce = self.headers.get("X-Time", "0"), self.headers.get("X-Nonce", "")
        hashed = base64.b64encode(hashlib.sha512(body).digest()).decode()
        text = f"{self.command}\n{self.path}\n{moment}\n{nonce}\n{hashed}"
        wanted = base64.b64encode(hmac.new(SIGNING, text.encode(), hashlib.sha512).digest()).decode()
        good = found is not None and found.groups() == (CLIENT, wanted) and abs(time.time() - int(moment)) < SKEW_S
        return good and self._is_new(nonce), json.loads(body)["number"]

    def _residents(self, body: bytes) -> tuple[bool, str]:
        user, nonce, is_right = token_of(body, SECRET)
        return user == CLIENT and is_right and self._is_new(nonce), text_of(body, "number")

    def _is_new(self, nonce: str) -> bool:
        new = bool(nonce) and nonce not in self.guarded.nonces
        self.guarded.nonces.append(nonce)
        return new

    def _answer(self, status: int, content: Any) -> None:
        body = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/xml" if isinstance(content, str) else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
