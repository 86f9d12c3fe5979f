"""Imports address bases: a file is checked apart, what it has is shown, and then it is imported in the background."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from flask import flash, redirect, render_template, request, url_for

from adapters.address.base.columns import FIELDS, own_layout
from adapters.address.base.examination import Examined, examine_apart, layout_for
from adapters.address.languages import codes
from adapters.apart import NotEnded
from config.addresses import AddressFileSource
from config.names import NAME_PATTERN
from console.applied import applied
from console.background import TaskKind, Work
from console.datasets import SHOWN_LINES, day_of, pages, today
from console.identity.roles import Role
from console.identity.sessions import own
from console.parts import parts
from console.people import member, needs
from console.uploads import Busy, Sent, sent, takes_file
from console.zone_imports import may_import
from pages.language import gettext as _
from store.datasets.address_files import NewAddressBase, import_base
from store.datasets.imports import DatasetImport, Versions
from store.schema import grants

MOST_ADDRESSES = 250_000
"""Rows of a file that is imported here."""


@dataclass(frozen=True, slots=True)
class CheckedAddresses:
    """A file that was checked, how it is read, and what it has."""

    sent: Sent = field(repr=False)
    name: str
    columns: Mapping[str, str]
    streets: Sequence[str]
    language: str
    day: date
    found: Examined


@pages.get("/addresses")
@needs(Role.ADMINISTRATOR)
def addresses_form() -> str:
    """The form that asks for a file."""
    return _form({}, {"day": today().isoformat(), "name": request.args.get("name", "")}, ())


@pages.post("/addresses")
@needs(Role.ADMINISTRATOR)
@takes_file
def check_addresses() -> Any:
    """Read a file and show what it has. Nothing is stored."""
    may_import()
    problems: dict[str, str] = {}
    name, day, given = request.form.get("name", "").strip(), day_of(problems), sent()
    columns, faults = columns_of(FIELDS, problems)
    language = request.form.get("language", "")
    if not re.fullmatch(NAME_PATTERN, name):
        problems["name"] = _("Enter a name: lower-case letters, digits and hyphens.")
    if language not in codes():
        problems["language"] = _("Choose a language.")
    if given is None:
        problems["file"] = _("Choose a file.")
    if problems or given is None:
        return _form(problems, request.form, faults), 422
    try:
        with parts().uploads.turn(), given.file("addresses", given.table_suffix) as path:
            found = examine_apart(path, columns, language, MOST_ADDRESSES, no_number())
    except NotEnded as error:
        found = Examined(problem=str(error))
    except Busy:
        return _form({"file": _("Another file is being read. Try again in a minute.")}, request.form, ()), 503
    if found.problem:
        return _form({"file": _("This file cannot be imported.")}, request.form, found.problem.splitlines()), 422
    checked = CheckedAddresses(given, name, columns, no_number(), language, day, found)
    return render_template(
        "datasets/addresses-confirm.html", checked=checked, token=parts().uploads.keep(own(), checked),
        before=[row for row in _versions() if row.name == name and row.state == "active"],
    )  # fmt: skip


@pages.post("/addresses/done")
@needs(Role.ADMINISTRATOR)
def import_addresses() -> Any:
    """Begin to import what was checked and shown."""
    may_import()
    checked = parts().uploads.find(own(), request.form.get("token", ""), CheckedAddresses)
    if checked is None:
        flash(_("This was done already, or it waited for too long. Nothing was done now."))
        return redirect(url_for("datasets.datasets"), 303)
    engine, who = parts().database.admin, member().name

    def do(work: Work) -> int:
        with checked.sent.file("addresses", checked.sent.table_suffix) as path:
            layout = layout_for(path, checked.columns, checked.streets)
            base = NewAddressBase(checked.name, path, layout, checked.language, checked.day)
            return import_base(DatasetImport(engine), base, who, work.report).row.addresses

    if not parts().background.begin(Work(TaskKind.IMPORT, checked.name, checked.found.rows), do):
        flash(_("Something else is under way. Try again in a minute."))
        return redirect(url_for("datasets.under_way"), 303)
    parts().uploads.drop(own())
    return redirect(url_for("datasets.under_way"), 303)


def columns_of(
    fields: Sequence[str], problems: dict[str, str], *, placed: bool = True
) -> tuple[dict[str, str], list[str]]:
    """The columns of a table of one's own, as the form names them, and what is wrong with these."""
    columns = {each: column for each in fields if (column := request.form.get(f"column-{each}", "").strip())}
    try:
        if columns:
            own_layout(columns, placed=placed)
    except ValueError as error:
        problems["column-number"] = _("Not all columns are named that are needed.")
        return columns, [str(error)]
    return columns, []


def no_number() -> list[str]:
    """The values of the column of numbers that stand for no house, as the form names them."""
    return [value.strip() for value in request.form.get("no-number", "").split(",") if value.strip()]


def _versions() -> Sequence[Any]:
    return Versions(parts().database.reader).versions()


def _form(problems: Mapping[str, str], values: Mapping[str, str], faults: Sequence[str]) -> str:
    sources = applied().sources.values()
    names = {each.dataset for each in sources if isinstance(each, AddressFileSource) and each.dataset}
    return render_template(
        "datasets/addresses.html", problems=problems, values=values, faults=faults[:SHOWN_LINES], columns=FIELDS,
        names=sorted(names), languages=codes(), most=MOST_ADDRESSES,
        administers=parts().database.may(grants.DatabaseRole.ADMIN),
    )  # fmt: skip
