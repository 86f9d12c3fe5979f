"""Access codes: how many each list has, new ones, which are shown once, and those that were made elsewhere.

Codes are stored as keyed hashes alone. The console makes these only where it has the keys for them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for

from config.moments import moment_of
from config.names import NAME_PATTERN
from console.applied import applied
from console.forms import form_id, hasher, is_first, may_add_hashes
from console.identity.roles import Role
from console.identity.sessions import own
from console.parts import parts
from console.people import member, needs
from console.uploads import sent, takes_file
from jurat.errors import ConfigurationError
from jurat.ids import uuid7
from pages.language import day, ngettext, number, quoting
from pages.language import gettext as _
from store.queries import Queries
from store.requests.code_files import MOST_CODES, SAFE, WrongCodes, codes_in, guesses_needed
from store.requests.code_lists import add_generated, import_codes, new_codes, readers_of
from store.schema import grants

pages = Blueprint("codes", __name__, url_prefix="/<locale>/codes")

MOST_SHOWN = 300
"""Codes that a page shows; a file may have more."""

SHOWN_LINES = 50
"""Lines of a file that are said to be wrong."""


@dataclass(frozen=True, slots=True)
class Given:
    """Codes of a file that was checked, and when they expire."""

    code_list: str
    codes: list[str] = field(repr=False)
    expires: datetime | None


@pages.get("/")
@needs(Role.ADMINISTRATOR)
def lists() -> str:
    """The lists, and how many of their codes are used."""
    return render_template("codes/lists.html", rows=_lists(), **may_add_hashes())


@pages.get("/generate")
@needs(Role.ADMINISTRATOR)
def generate_form() -> str:
    """The form that asks how many codes to generate."""
    return _generate_form({}, {"list": request.args.get("list", ""), "how": "page"})


@pages.post("/generate")
@needs(Role.ADMINISTRATOR)
def generate() -> Any:
    """Generate codes and show them, once: they are stored nowhere. A form that is sent again makes none."""
    fingerprints = hasher()
    problems: dict[str, str] = {}
    code_list, expires, as_file = _list_of(problems), _expires(problems), request.form.get("how") == "file"
    count, most = request.form.get("count", "", type=str), MOST_CODES if as_file else MOST_SHOWN
    if not re.fullmatch("[0-9]{1,6}", count) or not 0 < int(count) <= most:
        problems["count"] = _("Enter a number from 1 to %(most)s.") % {"most": number(most)}
    if problems:
        return _generate_form(problems, request.form), 422
    if not is_first(form_id()):
        flash(_("These codes were created already and cannot be shown again. If you have lost them, create new ones."))
        return redirect(url_for("codes.lists"), 303)
    codes = new_codes(int(count))
    try:
        add_generated(parts().database.admin, fingerprints, code_list, codes, member().name, expires)
    except ConfigurationError as error:
        return not_done(error)
    if as_file:
        named = {"Content-Disposition": f'attachment; filename="{code_list}.txt"'}
        return Response("".join(f"{code}\n" for code in codes), mimetype="text/plain", headers=named)
    return render_template(
        "codes/cards.html", codes=codes, name=code_list, until=day(request.form["expires"]) if expires else None
    )


@pages.get("/import")
@needs(Role.ADMINISTRATOR)
def import_form() -> str:
    """The form that asks for a file."""
    return _import_form({}, {}, ())


@pages.post("/import")
@needs(Role.ADMINISTRATOR)
@takes_file
def check() -> Any:
    """Read a file and show what it has. Nothing is stored."""
    hasher()
    problems: dict[str, str] = {}
    code_list, expires = _list_of(problems), _expires(problems)
    checked = is_checked(code_list, problems) if "list" not in problems else None
    given = sent()
    if given is None:
        problems["file"] = _("Choose a file.")
    if problems or given is None or checked is None:
        return _import_form(problems, request.form, ()), 422
    try:
        codes = codes_in(given.content, checked=checked)
    except WrongCodes as error:
        return _import_form({"file": _("This file cannot be imported.")}, request.form, error.lines), 422
    token = parts().uploads.keep(own(), Given(code_list, codes, expires))
    guesses = None if checked or (needed := guesses_needed(codes)) >= SAFE else needed
    return render_template(
        "codes/confirm.html", token=token, name=code_list, count=len(codes), expires=expires, guesses=guesses,
        read=_is_read(code_list),
    )  # fmt: skip


@pages.post("/import/done")
@needs(Role.ADMINISTRATOR)
def confirm() -> Any:
    """Add what was checked and shown."""
    fingerprints = hasher()
    given = parts().uploads.find(own(), request.form.get("token", ""), Given)
    if given is None:
        flash(_("This was done already, or it waited for too long. Nothing was done now."))
        return redirect(url_for("codes.lists"), 303)
    try:
        database, name = parts().database.admin, member().name
        added = import_codes(database, fingerprints, given.code_list, given.codes, name, given.expires)
    except ConfigurationError as error:
        return not_done(error)
    parts().uploads.drop(own())
    flash(
        ngettext("%(count)s code was added to the list.", "%(count)s codes were added to the list.", added)
        % {"count": number(added)}
    )
    return redirect(url_for("codes.lists"), 303)


def _lists() -> list[Any]:
    """The lists; none where the console's login may not read them."""
    database = parts().database
    return list(Queries(database.admin).code_lists().values()) if database.may(grants.DatabaseRole.ADMIN) else []


def _list_of(problems: dict[str, str]) -> str:
    name = request.form.get("list", "").strip()
    if not re.fullmatch(NAME_PATTERN, name):
        problems["list"] = _("Enter the name of a list: lower-case letters, digits and hyphens.")
    return name


def _expires(problems: dict[str, str]) -> datetime | None:
    """The end of the last day; None is never."""
    written = request.form.get("expires", "").strip()
    try:
        expires = moment_of(written, whole_day=True) if written else None
    except ValueError:
        problems["expires"] = _("Enter a day such as 2027-06-30.")
        return None
    if expires and expires <= datetime.now(UTC):
        problems["expires"] = _("This day has passed already.")
    return expires


def is_checked(code_list: str, problems: dict[str, str]) -> bool | None:
    """Whether the codes have jurat's check character, which lookups then check too: as the list's source says."""
    chosen = {"jurat": True, "others": False}.get(request.form.get("made", ""))
    config = applied()
    readers = readers_of(code_list, config.sources, config.questions.values(), open_ones=False)
    wanted = next(iter(readers.values()), chosen)
    if wanted is None:
        problems["made"] = _("No source reads this list yet. Choose who made the codes.")
    elif chosen is not None and chosen is not wanted:
        problems["made"] = _("The source of this list reads its codes otherwise. Change the source first.")
    return wanted


def _is_read(code_list: str) -> bool:
    config = applied()
    return bool(readers_of(code_list, config.sources, config.questions.values()))


def not_done(error: ConfigurationError) -> Any:
    """Say why something was not done, at the lists."""
    flash(quoting(_("This was not done. %(problem)s"), error))
    return redirect(url_for("codes.lists"), 303)


def _generate_form(problems: Mapping[str, str], values: Mapping[str, str]) -> str:
    return render_template(
        "codes/generate.html", problems=problems, values=values, rows=_lists(), id=uuid7(), most=MOST_SHOWN,
        most_in_file=MOST_CODES, **may_add_hashes(),
    )  # fmt: skip


def _import_form(
    problems: Mapping[str, str], values: Mapping[str, str], lines: tuple[tuple[int, int, str], ...]
) -> str:
    return render_template(
        "codes/import.html", problems=problems, values=values, lines=lines[:SHOWN_LINES],
        more=max(0, len(lines) - SHOWN_LINES), rows=_lists(), **may_add_hashes(),
    )  # fmt: skip
