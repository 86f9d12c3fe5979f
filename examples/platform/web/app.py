"""The application: its parts, its languages, what holds for every page, and what is shown when something goes wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Flask, current_app, g, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError, CSRFProtect
from sqlalchemy.exc import SQLAlchemyError

from examples.platform.web import accounts, answering, euros, office, parts, reading, store, voting
from examples.platform.web.parts import Parts
from jurat import JuratError
from pages import door, language, shared

TIMEZONE = "Europe/Paris"
"""Of the town, unless it is said otherwise."""


def create_app(
    made: Parts, secret: bytes, *, https: bool = False, host: str | None = None, timezone: str | None = None
) -> Flask:
    """The platform.

    `secret` signs sessions, and is the same for all its processes. `https` says that browsers reach it by https. `host`
    is the only name by which they do, or None if all are on this machine. Times are those of `timezone`, or of UTC.
    """
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=secret,
        SESSION_COOKIE_NAME="__Host-valmont" if https else "valmont",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=https,
        PERMANENT_SESSION_LIFETIME=accounts.SESSION_LASTS,  # for every signature, whether its cookie lasts or not
        MAX_CONTENT_LENGTH=256 * 1024,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session: an answer that takes two hours to write must not be lost
        SEND_FILE_MAX_AGE_DEFAULT=3600,
    )
    parts.install(app, made)
    language.install(app, Path(__file__).parent / "translations", timezone)
    door.install(app, host)
    shared.install(app)
    CSRFProtect(app)
    for blueprint in (reading, accounts, answering, voting, office):
        app.register_blueprint(blueprint.pages)
    app.jinja_env.globals.update(
        account=_shown, console=made.console, legal=made.legal, in_language=_in_language, is_closed=reading.is_closed
    )
    app.jinja_env.filters["money"] = euros.money
    app.register_error_handler(CSRFError, _session_lost)
    app.register_error_handler(SQLAlchemyError, _apologise)
    app.register_error_handler(JuratError, _apologise)
    for status in (400, 403, 404, 405, 413, 429, 500):
        app.register_error_handler(status, _refuse)

    @app.get("/")
    def start() -> Any:
        return redirect(url_for("reading.home", locale=language.best()))

    return app


def _shown() -> store.Account | None:
    """The account that is signed in, for the head of a page; none while the database does not answer."""
    try:
        return accounts.account()
    except SQLAlchemyError:
        g.account, g.away = None, True
        return None


def _session_lost(_: CSRFError) -> tuple[str, int]:
    return render_template("session-lost.html", back=_here()), 400


def _apologise(error: Exception) -> tuple[str, int]:
    current_app.logger.error("%s", type(error).__name__)  # no more of it: the text of an error may quote a row
    return render_template("sorry.html", back=_here(), sent=_sent()), 503


def _refuse(error: Any) -> tuple[str, int]:
    return render_template("refused.html", status=error.code), error.code


def _may_be_asked_again() -> bool:
    return request.url_rule is not None and "GET" in (request.url_rule.methods or ())


def _sent() -> list[tuple[str, str]]:
    """What was sent and is not stored, to be sent again: every form may be sent twice. A password is typed again."""
    if request.method != "POST" or "password" in request.form:
        return []
    return [(name, value) for name, value in request.form.items(multi=True) if name != "csrf_token"]


def _here() -> str:
    """This page's address; that of the first page if this one only takes forms."""
    return request.path if _may_be_asked_again() else url_for("reading.home")


def _in_language(other: str) -> str:
    """This page in another language; the first page if this one only takes forms."""
    if request.endpoint is None or not _may_be_asked_again():
        return url_for("reading.home", locale=other)
    shown = {"wrong": 1} if "wrong" in request.args else {}  # what is wrong stays on the page
    return url_for(request.endpoint, **{**(request.view_args or {}), **shown, "locale": other})
