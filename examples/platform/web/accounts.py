"""Signing in and out. Your own log-in stands here; jurat sees the participant's id alone."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, Response, abort, flash, g, redirect, render_template, request, session, url_for

from examples.platform.web import store
from examples.platform.web.language import gettext as _
from examples.platform.web.parts import parts
from examples.platform.web.store import Account

pages = Blueprint("accounts", __name__, url_prefix="/<locale>")
View = TypeVar("View", bound=Callable[..., Any])

LONGEST_NAME, SHORTEST_PASSWORD, LONGEST_PASSWORD = 40, 8, 200


def account() -> Account | None:
    """Who is signed in."""
    if "account" not in g:
        name = session.get("account")
        with parts().reads.begin() as connection:
            g.account = store.find_account(connection, name) if name else None
    found: Account | None = g.account
    return found


def member() -> Account:
    """Who is signed in, on a page that only they see."""
    return account() or abort(403)


def signed_in_as(*roles: str) -> Callable[[View], View]:
    """A page for who is signed in, with one of these roles where some are given. Others sign in first."""

    def wrap(view: View) -> View:
        @functools.wraps(view)
        def guarded(*arguments: Any, **values: Any) -> Any:
            found = account()
            if found is None:
                return redirect(url_for("accounts.sign_in", next=request.path))
            if roles and found.role not in roles:
                abort(403)
            return view(*arguments, **values)

        return guarded  # type: ignore[return-value]

    return wrap


def come_back() -> str:
    """Where to go after signing in: a page of this platform, whatever the address says."""
    wanted = request.values.get("next", "")
    own = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if own else url_for("reading.home")


def begin_session(found: Account) -> None:
    """A session that has nothing of the one before."""
    session.clear()
    session["account"] = found.name
    session["csrf_token"] = secrets.token_hex(20)


@pages.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> Any:
    """Name and password."""
    if request.method == "GET":
        return render_template("sign-in.html", next=come_back())
    with parts().reads.begin() as connection:
        found = store.signed_in(connection, request.form.get("name", "").strip(), request.form.get("password", ""))
    if found is None:
        problems = {"name": _("There is no account with this name and password. Look at both again.")}
        return render_template("sign-in.html", next=come_back(), problems=problems), 422
    begin_session(found)
    return redirect(come_back(), 303)


@pages.post("/sign-out")
def sign_out() -> Response:
    """Forget who this is."""
    session.clear()
    flash(_("You are signed out."))
    return redirect(url_for("reading.home"), 303)


@pages.route("/account/new", methods=["GET", "POST"])
def new() -> Any:
    """An account of one's own, to try the way more than once: a confirmed answer can not be changed."""
    if request.method == "GET":
        return render_template("new-account.html", next=come_back())
    name, password = request.form.get("name", "").strip(), request.form.get("password", "")
    problems: dict[str, str] = {}
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        problems["name"] = _("Choose a name of at most 40 letters.")
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD or "\0" in password:
        problems["password"] = _("Choose a password of at least 8 characters.")
    made = None
    if not problems:
        with parts().engine.begin() as connection:
            made = store.add_account(connection, name, password)
        if made is None:
            problems["name"] = _("Somebody has this name already. Choose another one.")
    if made is None:
        return render_template("new-account.html", next=come_back(), problems=problems), 422
    begin_session(made)
    return redirect(come_back(), 303)
