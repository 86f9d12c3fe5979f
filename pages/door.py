"""Lets in only requests for a site's own address, and addresses that can be read; says what a browser may do."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, request
from werkzeug.exceptions import SecurityError

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing but our own files, and no script or style in a page (https://www.w3.org/TR/CSP3/)."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

STRICT = {"Strict-Transport-Security": "max-age=31536000"}
"""A browser that was here by https once comes by nothing else for a year (RFC 6797)."""

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
HEALTH = "health"


def install(app: Flask, host: str | None) -> None:
    """Refuse every other `host` (with its port, if that is not the usual one).

    Redirects and printed cards repeat the name by which a browser asks, so an attacker who chooses it could send people
    elsewhere. Without `host` the site is for people at this machine, at any port: a tunnel or container may have
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

    @app.after_request
    def guard(response: Response) -> Response:
        response.headers.update(HEADERS)
        if current_app.config["SESSION_COOKIE_SECURE"]:
            response.headers.update(STRICT)
        if not (request.endpoint or "").endswith("static"):  # pages are personal; the back button asks again
            response.headers["Cache-Control"] = "no-store"
            response.vary.add("Cookie")
        return response

    @app.get("/health", endpoint=HEALTH)
    def health() -> tuple[str, int]:
        # It asks nothing: while the database is unreachable the pages say so, and another process would fare no better.
        return "", 204


def _is_ours(asked: str, host: str | None) -> bool:
    return asked == host if host else urlsplit(f"//{asked}").hostname in LOOPBACK
