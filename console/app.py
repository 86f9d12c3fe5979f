"""The application: its parts, its pages, what holds for every page, and what is shown when something goes wrong."""

from __future__ import annotations

import secrets
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Flask, current_app, flash, g, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError, CSRFProtect
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

import console.address_imports
import console.code_revocations
import console.inquiries
import console.list_imports
import console.seals
import console.zone_imports  # noqa: F401 - they add their views to those of datasets, codes, sources, audit and zones
from adapters.fingerprints import Fingerprints
from config.problems import InvalidConfiguration
from console import (
    audit,
    codes,
    configuration,
    consultations,
    datasets,
    fleet,
    now,
    participants,
    parts,
    people,
    reviews,
    sign_in,
    sources,
    uploads,
    zones,
)
from console.identity.sessions import MemorySessions
from console.parts import Ways
from jurat.database import is_away
from jurat.seal_keys import SealOf
from pages import door, language, shared
from pages.language import gettext as _

_MODULES = (
    sign_in, now, reviews, participants, sources, configuration, zones, codes, datasets, consultations,
    fleet, audit,
)  # fmt: skip

LARGEST_FORM = 64 * 1024
"""Bytes of a request that are read, where it has no file."""

LONGEST_BODY = 2 * uploads.LARGEST_REQUEST
"""Bytes that the server takes, so that a page can say of a file that it is too large."""


def create_app(
    engine: Engine,
    ways: Ways,
    sessions: MemorySessions | None = None,
    fingerprints: Fingerprints | None = None,
    timezone: str | None = None,
    seal: SealOf | None = None,
) -> Flask:
    """The console on a database. It keeps sessions, and the key that signs its forms, in this process alone. Times are
    those of `timezone`, such as `Europe/Paris`, or of UTC.
    """
    url = urlsplit(ways.url or "")
    https = url.scheme == "https"
    app = Flask(__name__)
    app.session_interface = sessions = sessions or MemorySessions()
    app.config.update(
        SECRET_KEY=secrets.token_bytes(32),
        SESSION_COOKIE_NAME="__Host-jurat" if https else "jurat",
        SESSION_COOKIE_SECURE=https,
        MAX_CONTENT_LENGTH=LARGEST_FORM,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session
        SEND_FILE_MAX_AGE_DEFAULT=3600,
    )
    parts.install(app, engine, sessions, ways, fingerprints, seal)
    language.install(app, Path(__file__).parent / "translations", timezone)
    door.install(app, url.netloc.lower() or None)
    shared.install(app)
    people.install(app)
    uploads.install(app)
    CSRFProtect(app)
    for module in _MODULES:
        app.register_blueprint(module.pages)
    app.jinja_env.globals.update(in_language=_in_language)
    app.jinja_env.filters.update(quoted=shlex.quote, capitalized=lambda text: text[:1].upper() + text[1:])
    app.register_error_handler(CSRFError, _form_lost)
    app.register_error_handler(SQLAlchemyError, _apologise)
    app.register_error_handler(InvalidConfiguration, _cannot_read)
    for status in (400, 403, 404, 405, 413, 429, 500):
        app.register_error_handler(status, _refuse)

    @app.get("/")
    def start() -> Any:
        return redirect(url_for("now.now", locale=language.best()))

    return app


def _form_lost(_error: CSRFError) -> tuple[str, int]:
    return render_template("form-lost.html", back=_here()), 400


def _apologise(error: SQLAlchemyError) -> tuple[str, int]:
    current_app.logger.error("%s", type(error).__name__)  # no more of it: the text of an error may quote a row
    return render_template("sorry.html", back=_here(), away=is_away(error)), 503


def _cannot_read(_: InvalidConfiguration) -> tuple[str, int]:
    return render_template("sorry.html", back=_here(), unreadable=True), 503


def _refuse(error: Any) -> Any:
    if error.code == 413 and uploads.sends_file() and g.get("person"):
        flash(_("The file is larger than %(count)s MB. Nothing was done.") % {"count": uploads.LARGEST_MB})
        return redirect(request.path, 303)  # where the form is
    return render_template("refused.html", status=error.code), error.code


def _takes_get() -> bool:
    return request.url_rule is not None and "GET" in (request.url_rule.methods or ())


def _here() -> str:
    return request.path if _takes_get() else url_for("now.now")


def _in_language(other: str) -> str:
    """This page in another language; the first page if this one only takes forms, or has no language."""
    if request.endpoint is None or request.method != "GET" or not _has_language():
        return url_for("now.now", locale=other)
    there = url_for(request.endpoint, **{**(request.view_args or {}), "locale": other})
    # What the address asks for is no argument of `url_for`, which takes some of them for its own.
    return f"{there}?{asked}" if (asked := urlencode(list(request.args.items(multi=True)))) else there


def _has_language() -> bool:
    return request.url_rule is not None and "locale" in request.url_rule.arguments
