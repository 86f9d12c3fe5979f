"""Lets in only requests for this platform's own address, and addresses that can be read."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, request
from werkzeug.exceptions import SecurityError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
HEALTH = "health"


def install(app: Flask, host: str | None) -> None:
    """Refuse every other `host` (with its port, if that is not the usual one).

    Redirects and printed cards repeat the name by which a browser asks, so an attacker who chooses it could send people
    elsewhere. Without `host` the platform is for people at this machine, at any port: a tunnel or container may have
    its own.
    """

    @app.before_request
    def own_address() -> Any:
        if request.endpoint == HEALTH:
            return None  # a supervisor asks for processes by number
        if isinstance(request.routing_exception, SecurityError):
            return Response("The name of this server could not be read.\n", 400, mimetype="text/plain")
        if not _is_ours(request.host.lower(), host):
            current_app.logger.warning("a request for another address was refused; is ADDRESS right?")
            abort(400)
        return None

    @app.url_value_preprocessor
    def readable(_endpoint: str | None, values: dict[str, Any] | None) -> None:
        # No name has such characters, and PostgreSQL does not even take NUL in a question about one.
        if any(isinstance(value, str) and not value.isprintable() for value in (values or {}).values()):
            abort(404)

    @app.get("/health", endpoint=HEALTH)
    def health() -> tuple[str, int]:
        # It asks nothing: while the database is unreachable the pages say so, and another process would fare no better.
        return "", 204


def _is_ours(asked: str, host: str | None) -> bool:
    return asked == host if host else urlsplit(f"//{asked}").hostname in LOOPBACK
