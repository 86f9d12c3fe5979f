"""Access codes: made here, handed to jurat sealed, and shown once to be printed. The platform stores none of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from re import fullmatch
from typing import Any
from uuid import UUID, uuid4

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy.exc import SQLAlchemyError

from examples.platform.web import figures, store
from examples.platform.web.accounts import member, signed_in_as
from examples.platform.web.figures import reading
from examples.platform.web.parts import parts
from examples.platform.web.store import ADMINISTRATOR
from examples.platform.web.waiting import request_status, uuid_or_400, wait_for_request
from jurat import InvalidSubmission, JuratError
from jurat.codes import generate
from jurat.publications import NAME
from pages.language import day, quoting
from pages.language import gettext as _

pages = Blueprint("codes", __name__, url_prefix="/codes")

MOST = 1_000
"""Codes of one page. For more, an administrator uses it several times, or `bin/jurat codes generate`."""


@pages.route("/", methods=["GET", "POST"])
@signed_in_as(ADMINISTRATOR)
def make() -> Any:
    """The lists, and a form to add to one. What it made is shown in answer, once."""
    with reading() as connection:
        lists = figures.code_lists(connection)
    if request.method != "POST":
        return render_template("office/codes.html", lists=lists, values={"id": uuid4()}, problems={})
    values = {name: request.form.get(name, "").strip() for name in ("id", "list", "new", "count", "until")}
    problems = _problems(values, [row.list for row in lists])
    if not problems:
        own, made = uuid_or_400(values["id"]), [generate() for __ in range(int(values["count"]))]
        name, until = values["new"] or values["list"], _day(values["until"])
        expires = datetime.combine(until + timedelta(days=1), time(), UTC) if until else None
        try:
            with parts().office.begin() as connection:
                if not store.begin_batch(connection, own):  # a page that is sent again makes no second codes
                    return _made_before(own)
                parts().client.add_codes(connection, name, made, by=member().name, expires=expires, id=own)
        except InvalidSubmission as error:
            place = "new" if values["new"] else "list"
            problems[place] = quoting(_("jurat did not accept this: %(problem)s"), error)
        else:
            parts().ring()
            try:
                asked = wait_for_request(own)
            except (SQLAlchemyError, JuratError):  # the codes are on their way, and can never be shown again
                asked = None
            return render_template(
                "office/cards.html",
                codes=made,
                name=name,
                until=until and day(values["until"]),
                request_id=own,
                asked=asked,
            )
    return render_template("office/codes.html", lists=lists, values=values, problems=problems), 422


@pages.get("/requests/<uuid:request_id>")
@signed_in_as(ADMINISTRATOR)
def added(request_id: UUID) -> Any:
    """Whether codes that were made are valid yet."""
    asked = request_status(request_id)
    if asked is None or asked.kind != "codes":
        abort(404)
    return render_template("office/added.html", asked=asked)


def _made_before(request_id: UUID) -> Any:
    flash(_("These codes have already been created and cannot be shown again. If you have lost them, create new ones."))
    return redirect(url_for("office.codes.added", request_id=request_id), 303)


def _problems(values: dict[str, str], lists: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    if values["new"] and values["list"]:
        found["list"] = _("Choose a list or enter the name of a new one, but not both.")
    elif values["new"]:
        if not NAME.fullmatch(values["new"]):
            found["new"] = _("Use only lower-case letters, digits and hyphens, and begin with a letter or a digit.")
    elif values["list"] not in lists:
        found["list"] = _("Choose a list, or enter the name of a new one.")
    if not fullmatch("[1-9][0-9]{0,3}", values["count"]) or int(values["count"]) > MOST:
        found["count"] = _("Enter how many codes you need, up to 1,000 at a time.")
    if values["until"]:
        until = _day(values["until"])
        if until is None or not datetime.now(UTC).date() <= until < date(9998, 1, 1):
            found["until"] = _("Enter a date in the future as year-month-day, or leave this empty.")
    return found


def _day(written: str) -> date | None:
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None
