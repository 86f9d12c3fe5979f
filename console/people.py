"""Finds who sends a request, and guards the pages by their roles."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, abort, g, redirect, request, url_for

from console.identity.roles import Person, Role
from console.identity.sessions import Way, own
from console.parts import parts

LONGEST_WAY = 2000
"""Characters of a page's address to which somebody comes back after signing in."""

View = TypeVar("View", bound=Callable[..., Any])


def install(app: Flask) -> None:
    """Find the person before each request."""
    app.before_request(_find)
    app.jinja_env.globals.update(person=lambda: g.get("person"), Role=Role)


def _find() -> None:
    """A proxy says with each request who sends it and what they may do; otherwise the session knows."""
    session, proxy, found = own(), parts().ways.proxy, None
    if proxy and request.endpoint is not None and not request.endpoint.endswith("static"):
        found = proxy.person(request)
        before = session.person if session.way is Way.PROXY else None
        if before and (found is None or found.name != before.name):
            parts().sessions.end(session)
        if found and (session.person is None or session.way is not Way.PROXY):
            parts().sessions.sign_in(session, found, Way.PROXY)
        elif found:
            session.person = found  # with the roles of now
    g.person = found or session.person


def member() -> Person:
    """Who is signed in, on a page that needs somebody."""
    found: Person | None = g.get("person")
    return found or abort(403)


def needs(*roles: Role) -> Callable[[View], View]:
    """A page for people with one of these roles. Who is not signed in does that first."""

    def wrap(view: View) -> View:
        @functools.wraps(view)
        def guarded(*arguments: Any, **values: Any) -> Any:
            if g.person is None:
                return redirect(url_for("sign_in.ways", next=_here()))
            if not g.person.has(roles):
                abort(403)
            return view(*arguments, **values)

        guarded.roles = roles  # type: ignore[attr-defined]
        return guarded  # type: ignore[return-value]

    return wrap


def way_back() -> str:
    """Where to go after signing in: a page of this console, whatever the address says."""
    wanted = request.values.get("next", "")
    own_page = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    fits = len(wanted) <= LONGEST_WAY  # a session keeps it, and anyone can begin one
    return wanted if own_page and fits and "\\" not in wanted else url_for("now.now")


def _here() -> str:
    return request.full_path.rstrip("?") if request.method == "GET" else url_for("now.now")
