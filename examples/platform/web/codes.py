"""Access codes: made here, handed to jurat sealed, and shown once to be printed. The platform stores none of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from babel.dates import format_date
from flask import Blueprint, abort, render_template, request

from examples.platform.web import figures
from examples.platform.web.accounts import member, signed_in_as
from examples.platform.web.figures import reading
from examples.platform.web.language import gettext as _
from examples.platform.web.language import locale, quoting
from examples.platform.web.parts import parts
from examples.platform.web.store import ADMINISTRATOR
from examples.platform.web.waiting import said_of, wait_for
from jurat import InvalidSubmission
from jurat.codes import generate
from jurat.publications import NAME

pages = Blueprint("codes", __name__, url_prefix="/codes")

MOST = 1_000
"""Codes of one page. For more, an administrator uses it several times, or `bin/jurat codes generate`."""


@pages.route("/", methods=["GET", "POST"])
@signed_in_as(ADMINISTRATOR)
def make() -> Any:
    """The lists, and a form to add to one. What it made is shown in answer, once."""
    with reading() as connection:
        lists = figures.code_lists(connection)
    if request.method == "GET":
        return render_template("office/codes.html", lists=lists, values={}, problems={}, most=MOST)
    values = {name: request.form.get(name, "").strip() for name in ("list", "new", "count", "until")}
    problems = _problems(values, [row.list for row in lists])
    if not problems:
        made = [generate() for __ in range(int(values["count"]))]
        name, until = values["new"] or values["list"], _day(values["until"])
        expires = datetime.combine(until + timedelta(days=1), time(), UTC) if until else None
        try:
            with parts().office.begin() as connection:
                asked = parts().client.add_codes(connection, name, made, by=member().name, expires=expires)
        except InvalidSubmission as error:
            place = "new" if values["new"] else "list"
            problems[place] = quoting(_("jurat did not take this: %(problem)s"), error)
        else:
            parts().ring()
            return render_template(
                "office/cards.html",
                codes=made,
                name=name,
                until=until and _spoken(until),
                request_id=asked,
                asked=wait_for(asked),
            )
    return render_template("office/codes.html", lists=lists, values=values, problems=problems, most=MOST), 422


@pages.get("/requests/<uuid:request_id>")
@signed_in_as(ADMINISTRATOR)
def added(request_id: UUID) -> Any:
    """Whether codes that were made are valid yet."""
    asked = said_of(request_id)
    if asked is None or asked.kind != "codes":
        abort(404)
    return render_template("office/added.html", asked=asked)


def _problems(values: dict[str, str], lists: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    if values["new"]:
        if not NAME.fullmatch(values["new"]):
            found["new"] = _(
                "Choose a name of lower-case letters, digits and hyphens that begins with a letter or a digit."
            )
    elif values["list"] not in lists:
        found["list"] = _("Choose a list, or write the name of a new one.")
    if not (values["count"].isascii() and values["count"].isdecimal()) or not 1 <= int(values["count"][:6]) <= MOST:
        found["count"] = _("How many codes? At most 1,000 at once.")
    if values["until"]:
        until = _day(values["until"])
        if until is None or not datetime.now(UTC).date() <= until < date(9998, 1, 1):
            found["until"] = _("Write a day that is still to come, as year-month-day, or leave it empty.")
    return found


def _spoken(day: date) -> str:
    return str(format_date(day, "long", locale=locale()))


def _day(written: str) -> date | None:
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None
