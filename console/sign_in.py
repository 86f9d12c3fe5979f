"""Signs people in: by a link that `jurat console` printed, or by OpenID Connect. A trusted proxy needs no page."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, current_app, redirect, render_template, request, url_for

from console.identity.oidc import CannotSignIn
from console.identity.sessions import Way, own
from console.parts import parts
from console.people import way_back
from pages.language import best

pages = Blueprint("sign_in", __name__)

_NEXT = "next"


@pages.get("/<locale>/sign-in")
def ways() -> str:
    """The ways that there are."""
    return render_template("sign-in.html", ways=parts().ways, next=request.args.get(_NEXT, ""))


@pages.get("/<locale>/sign-in/link/<token>")
def link(token: str) -> Any:
    """Whom a link signs in. Looking does not use it: a browser or a scanner may look before its reader does."""
    found = parts().ways.links.look(token)
    return render_template("link.html", found=found), 200 if found else 404


@pages.post("/<locale>/sign-in/link/<token>")
def use_link(token: str) -> Any:
    """Sign in, once."""
    found = parts().ways.links.use(token)
    if found is None:
        return render_template("link.html", found=None), 404
    parts().sessions.sign_in(own(), found, Way.LINK)
    return redirect(url_for("now.now"), 303)


@pages.get("/<locale>/sign-in/openid")
def openid() -> Any:
    """To the provider."""
    client = parts().openid or abort(404)
    session = own()
    try:
        there = client.begin(_come_back())
    except CannotSignIn as error:
        return _not_signed_in(error)
    session[_NEXT] = way_back()
    return there


@pages.get("/sign-in/openid/done")
def openid_done() -> Any:
    """Back from the provider."""
    client = parts().openid or abort(404)
    wanted = own().pop(_NEXT, None)
    try:
        found = client.finish()
    except CannotSignIn as error:
        return _not_signed_in(error)
    parts().sessions.sign_in(own(), found, Way.OPENID)
    return redirect(wanted or url_for("now.now", locale=best()), 303)


@pages.post("/<locale>/sign-out")
def sign_out() -> Any:
    """End the session, and with it all that it kept."""
    parts().sessions.end(own())
    return redirect(url_for("sign_in.ways"), 303)


def _not_signed_in(error: CannotSignIn) -> tuple[str, int]:
    current_app.logger.warning("nobody was signed in by OpenID Connect: %s", error)
    return render_template("not-signed-in.html", away=error.is_away), 503 if error.is_away else 403


def _come_back() -> str:
    """The address that the provider knows us by."""
    path = url_for("sign_in.openid_done")
    return (parts().ways.url or request.host_url).rstrip("/") + path
