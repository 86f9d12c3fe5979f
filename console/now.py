"""The first page: what someone should look at now, and what to do about it."""

from __future__ import annotations

from flask import Blueprint, abort, render_template
from sqlalchemy.exc import SQLAlchemyError

from console import runbooks
from console.identity.roles import Role
from console.parts import parts
from console.people import needs
from pages.language import gettext, ngettext, number, percent
from store.schema import grants
from store.sentences import Sentence

pages = Blueprint("now", __name__, url_prefix="/<locale>")


@pages.get("/")
@needs(Role.READER)
def now() -> str:
    """What `jurat now` says, worst first."""
    look = parts().watch.look()
    fleet = look.seen.fleet if look.seen else None
    return render_template(
        "now.html", found=look.found, fleet=fleet, age=round(look.age), reads=look.seen is not None or _reads(),
        said=said,
    )  # fmt: skip


@pages.get("/runbooks/<name>")
@needs(Role.READER)
def runbook(name: str) -> str:
    """What to do about one of them."""
    page = runbooks.read(name) or abort(404)
    return render_template("runbook.html", name=name, page=page)


def said(value: str | float) -> str:
    """A sentence of `jurat now` in the language of this request; a text that is none, as it is."""
    if not isinstance(value, str):
        return number(value) if isinstance(value, int) else percent(value)
    if not isinstance(value, Sentence):
        return value
    text = ngettext(value.one, value.many, int(value.values["count"])) if value.many else gettext(value.one)
    return text % {name: said(each) for name, each in value.values.items()}


def _reads() -> bool:
    """Whether it is not for want of a role that nothing was seen."""
    try:
        return parts().database.may(grants.DatabaseRole.READER)
    except SQLAlchemyError:  # away, as the page says already
        return True
