"""Signs people in and out. Replace it with your own log-in; jurat sees the participant's id alone."""

from __future__ import annotations

import functools
import secrets
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from flask import Blueprint, Response, abort, flash, g, redirect, render_template, request, session, url_for

from examples.platform.web import store
from examples.platform.web.figures import reading
from examples.platform.web.parts import parts
from examples.platform.web.store import SHORTEST_PASSWORD, Account
from pages.language import gettext as _

pages = Blueprint("accounts", __name__, url_prefix="/<locale>")
View = TypeVar("View", bound=Callable[..., Any])

LONGEST_NAME, LONGEST_PASSWORD = 40, 200
SESSION_LASTS = timedelta(hours=12)
"""From signing in, whatever happens meanwhile: a cookie that was copied does not outlive the day."""


def account() -> Account | None:
    """The account that is signed in; None if there is none."""
    if "account" not in g:
        g.account = _of_session()
    found: Account | None = g.account
    return found


def _of_session() -> Account | None:
    name, number, since = (session.get(key) for key in ("account", "session", "since"))
    if not name or since is None or time.time() - since > SESSION_LASTS.total_seconds():
        return None  # the database is not asked: pages for everyone do without it
    if session.get("office"):
        with reading() as connection:
            found = store.find_officer(connection, name)
    else:
        with parts().reads.begin() as connection:
            found = store.find_account(connection, name)
    return found if found and found.session == number else None


def member() -> Account:
    """The account that is signed in, on a page that needs one."""
    return account() or abort(403)


def signed_in_as(*roles: str) -> Callable[[View], View]:
    """A page for people who are signed in, with one of these roles if any are given. Others sign in first."""

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
    session.update(account=found.name, session=found.session, office=found.in_office, since=int(time.time()))
    session["csrf_token"] = secrets.token_hex(20)


@pages.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> Any:
    """Name and password."""
    if request.method != "POST":
        return render_template("sign-in.html", next=come_back())
    found = _let_in(store.folded(request.form.get("name", "")), request.form.get("password", ""))
    if found is None:
        problems = {"name": _("The name or the password is not correct. Check both and try again.")}
        return render_template("sign-in.html", next=come_back(), problems=problems), 422
    begin_session(found)
    return redirect(come_back(), 303)


@pages.post("/sign-out")
def sign_out() -> Response:
    """Forget who this is, here and wherever this account was signed in: a cookie may have been copied."""
    try:
        if who := account():
            with (parts().office if who.in_office else parts().engine).begin() as connection:
                store.end_sessions(connection, who)
    finally:
        session.clear()  # also while the database is away: this browser may be shared
    flash(_("You are signed out on all your devices."))
    return redirect(url_for("reading.home"), 303)


@pages.route("/account/new", methods=["GET", "POST"])
def new() -> Any:
    """An account of one's own, to try the way more than once: a confirmed answer cannot be changed."""
    if request.method != "POST":
        return render_template("new-account.html", next=come_back())
    name, password = store.folded(request.form.get("name", "")), request.form.get("password", "")
    problems: dict[str, str] = {}
    if not _is_name(name):
        problems["name"] = _("Choose a name of 40 characters or fewer.")
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD or "\0" in password:
        problems["password"] = _("Choose a password of at least 8 characters.")
    made = None
    if not problems:
        known = store.hashed(password)  # before the transaction: on SQLite all others who write wait for it
        if not _is_of_the_office(name):
            with parts().engine.begin() as connection:
                made = store.add_account(connection, name, known)
        made = made or _let_in(name, password)  # the form was sent twice
        if made is None:
            problems["name"] = _("This name is already taken. Choose another one.")
    if made is None:
        return render_template("new-account.html", next=come_back(), problems=problems), 422
    begin_session(made)
    return redirect(come_back(), 303)


def _is_name(name: str) -> bool:
    return 1 <= len(name) <= LONGEST_NAME and name.isprintable()


def _is_of_the_office(name: str) -> bool:
    with reading() as connection:
        return store.find_officer(connection, name) is not None


def _let_in(name: str, password: str) -> Account | None:
    """The account with this name and password. Checking a password takes long, so no transaction is open meanwhile.

    A name of the office is the office's alone, whatever the participants' pages have stored under it.
    """
    parts().passwords.count_one()
    in_office, recipe = False, None
    if _is_name(name):  # PostgreSQL takes no NUL, not even in a search
        with reading() as connection:
            recipe = store.recipe_of(connection, name, in_office=True)
        in_office = recipe is not None
        if not in_office:
            with parts().reads.begin() as connection:
                recipe = store.recipe_of(connection, name, in_office=False)
    known = store.derived(password, recipe or store.NOBODYS)
    found = None
    if recipe is not None:
        with reading() if in_office else parts().reads.begin() as connection:
            found = store.enter(connection, name, known, in_office=in_office)
    if found is not None:
        parts().passwords.was_right()
    return found
