"""Imports zones that are lists of addresses: a file is checked apart, what it would change is shown, and confirmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import render_template, request

from adapters.address.address_lists import addresses_of
from adapters.address.base.columns import UNPLACED
from adapters.address.languages import codes
from adapters.apart import NotEnded
from adapters.file_lines import FileError
from adapters.zone_import.address_lists import LISTED
from adapters.zone_import.list_examination import read_apart
from console.address_imports import columns_of, no_number
from console.identity.roles import Role
from console.parts import parts
from console.people import member, needs
from console.uploads import Busy, sent, takes_file
from console.zone_imports import CheckedZones, begins_of, confirm_page, may_import
from console.zones import pages
from pages.language import gettext as _
from pages.language import number
from store.datasets.zones import NewZone, import_zones
from store.queries import ZoneRow
from store.schema import grants

MOST_ROWS = 100_000
"""Rows of a file that is imported here; more take longer than a page may."""

"""The fields of an address without its position."""


@pages.get("/import-addresses")
@needs(Role.ADMINISTRATOR)
def lists_form() -> str:
    """The form that asks for a file."""
    return _form({}, {"title": "title"}, ())


@pages.post("/import-addresses")
@needs(Role.ADMINISTRATOR)
@takes_file
def check_lists() -> Any:
    """Read a file and show what it would change. Nothing is stored."""
    may_import()
    problems: dict[str, str] = {}
    begins, given = begins_of(problems), sent()
    zone, title, language = (request.form.get(each, "").strip() for each in ("zone", "title", "language"))
    columns, faults = columns_of(UNPLACED, problems, placed=False)
    if not zone:
        problems["zone"] = _("Enter the column that says in which zone an address is.")
    if language not in codes():
        problems["language"] = _("Choose a language.")
    if given is None:
        problems["file"] = _("Choose a file.")
    if problems or given is None:
        return _form(problems, request.form, faults), 422
    overlapping = bool(request.form.get("overlapping"))
    try:
        with parts().uploads.turn(), given.file("addresses", given.table_suffix) as path:
            lists = read_apart(
                path, columns, zone, title or "title", language, no_number(), overlapping=overlapping, most=MOST_ROWS
            )
    except (FileError, NotEnded) as error:
        return _form({"file": _("This file cannot be imported.")}, request.form, str(error).splitlines()), 422
    except Busy:
        return _form({"file": _("Another file is being read. Try again in a minute.")}, request.form, ()), 503
    new = [NewZone(each.id, each.title, each.digest, each.content, LISTED) for each in lists]
    would = import_zones(parts().database.admin, new, member().name, begins, dry_run=True)
    heads = (_("Addresses"), _("Gained"), _("Lost"))
    return confirm_page(CheckedZones(new, begins, "zones.lists_form"), would, heads, _difference)


def _difference(zone: NewZone, before: ZoneRow | None) -> Sequence[str]:
    has = addresses_of(zone.geometry)
    if before is None:
        return number(len(has)), "", ""
    had = addresses_of(before.geometry)
    return [number(len(each)) for each in (has, has - had, had - has)]


def _form(problems: Mapping[str, str], values: Mapping[str, str], faults: Sequence[str]) -> str:
    return render_template(
        "zones/import-addresses.html", problems=problems, values=values, faults=faults, columns=UNPLACED,
        languages=codes(), most=MOST_ROWS, importing=parts().database.may(grants.DatabaseRole.ADMIN),
    )  # fmt: skip
