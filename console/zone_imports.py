"""Imports zones from a file that a browser sends: it is checked, what it would change is shown, and then confirmed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for

from adapters.zone_import.changes import compare
from adapters.zone_import.files import ZoneFile, ZoneFileError, read_zone_file, refuse_swapped
from adapters.zone_import.layers import ZoneFileRequest, box_of
from config.moments import moment_of
from console.applied import applied, queries
from console.identity.roles import Role
from console.identity.sessions import own
from console.parts import parts
from console.people import member, needs
from console.uploads import Busy, Sent, sent, takes_file
from console.zones import area_text, pages
from jurat.queries import read_json
from jurat.zones import Zone
from pages.language import gettext as _
from pages.language import ngettext, number
from pages.maps import picture
from store.datasets.narrow_zones import narrow_zones
from store.datasets.zones import NewZone, ZonesImported, import_zones
from store.queries import ZoneRow
from store.schema import grants

SHOWN_ZONES, SHOWN_NOTES, SHOWN_OUTLINES = 40, 30, 8
"""Zones, notes and outlines of a file that a page shows."""

COMPARING_S = 3.0
"""Seconds after which no more zones are compared with their versions in force."""

Figures = Callable[[NewZone, ZoneRow | None], Sequence[str]]
"""What is said of a zone beside its version in force, if there is one."""


@dataclass(frozen=True, slots=True)
class CheckedZones:
    """The zones of a file that was checked, when they come into force (None: at once), and the form that it came by."""

    zones: Sequence[NewZone] = field(repr=False)
    begins: datetime | None
    form: str = "zones.import_form"


@pages.get("/import")
@needs(Role.ADMINISTRATOR)
def import_form() -> str:
    """The form that asks for a file."""
    return _form({}, {"name_property": "id", "title_property": "name"}, [])


@pages.post("/import")
@needs(Role.ADMINISTRATOR)
@takes_file
def check() -> Any:
    """Read a file and show what it would change. Nothing is stored."""
    may_import()
    problems: dict[str, str] = {}
    begins, expected = begins_of(problems), _expected(problems)
    given = sent()
    if given is None:
        problems["file"] = _("Choose a file.")
    if problems or given is None:
        return _form(problems, request.form, []), 422
    options = ZoneFileRequest(
        _text("name_property") or "id", _text("title_property") or "name", _text("layer"), _text("crs"), expected,
        bool(request.form.get("overlapping")),
    )  # fmt: skip
    try:
        with parts().uploads.turn():
            read = _read(given, options)
    except ZoneFileError as error:
        return _form({"file": _("This file cannot be imported.")}, request.form, error.problems), 422
    except Busy:
        return _form({"file": _("Another file is being read. Try again in a minute.")}, request.form, []), 503
    new = [NewZone(each.id, each.title, each.digest, each.wkb, read.crs, each.outline) for each in read.zones]
    would = import_zones(parts().database.admin, new, member().name, begins, dry_run=True)
    return _confirm(CheckedZones(new, begins), read, would)


@pages.post("/import/done")
@needs(Role.ADMINISTRATOR)
def confirm() -> Any:
    """Import what was checked and shown."""
    may_import()
    checked = parts().uploads.find(own(), request.form.get("token", ""), CheckedZones)
    if checked is None:
        flash(_("This was done already, or it waited for too long. Nothing was done now."))
        return redirect(url_for("zones.zones"), 303)
    if checked.begins and checked.begins <= datetime.now(UTC):
        flash(_("The date has passed meanwhile. Nothing was imported."))
        return redirect(url_for(checked.form), 303)
    done = import_zones(parts().database.admin, checked.zones, member().name, checked.begins)
    parts().uploads.drop(own())
    flash(
        ngettext("%(count)s zone was imported.", "%(count)s zones were imported.", len(done.new))
        % {"count": number(len(done.new))}
    )
    return redirect(url_for("zones.zones"), 303)


def may_import() -> None:
    """Refuse a form where the console's login may import nothing."""
    if not parts().database.may(grants.DatabaseRole.ADMIN):
        abort(403)


def _read(given: Sent, options: ZoneFileRequest) -> ZoneFile:
    with given.file("zones", given.suffix) as path:
        read = read_zone_file(path, options)
        if options.expected is None:
            refuse_swapped(path, read, queries().some_shapes())
        if narrow := list(narrow_zones(applied(), {zone.id: zone.wkb for zone in read.zones})):
            raise ZoneFileError(path, narrow)
        return read


def _text(name: str) -> str | None:
    return request.form.get(name, "").strip() or None


def begins_of(problems: dict[str, str]) -> datetime | None:
    """When the zones come into force; None is at once."""
    written = _text("begins")
    try:
        begins = moment_of(written) if written else None
    except ValueError:
        problems["begins"] = _("Enter a day such as 2027-06-30.")
        return None
    if begins and begins <= datetime.now(UTC):
        problems["begins"] = _("This day has begun already. Leave it empty, and the zones are in force at once.")
    return begins


def _expected(problems: dict[str, str]) -> tuple[float, float, float, float] | None:
    written = _text("expected")
    try:
        return box_of(written) if written else None
    except ValueError:
        problems["expected"] = _("Enter west, south, east and north in degrees, such as 2.2,48.8,2.5,48.9.")
        return None


def _form(problems: Mapping[str, str], values: Mapping[str, str], faults: Sequence[str]) -> str:
    return render_template(
        "zones/import.html", problems=problems, values=values, faults=faults[:SHOWN_NOTES], all_faults=len(faults),
        importing=parts().database.may(grants.DatabaseRole.ADMIN),
    )  # fmt: skip


def _confirm(checked: CheckedZones, read: ZoneFile, would: ZonesImported) -> str:
    changed = [each for each in checked.zones if each.name in set(would.new)]
    drawn = [Zone(each.name, each.title, read_json(each.outline)) for each in changed[:SHOWN_OUTLINES]]
    return confirm_page(
        checked, would, (_("Gained"), _("Lost"), _("Border moved by")), _difference, crs=read.crs,
        notes=read.notes[:SHOWN_NOTES], all_notes=len(read.notes), picture=picture(drawn) if drawn else None,
    )  # fmt: skip


def confirm_page(
    checked: CheckedZones, would: ZonesImported, heads: Sequence[str], figures: Figures, **shown: Any
) -> str:
    """The page that asks once more, with the `figures` of each zone under `heads`."""
    new = set(would.new)
    changed = [each for each in checked.zones if each.name in new]
    rows = changed[:SHOWN_ZONES]
    before = queries().zones([each.name for each in rows])
    return render_template(
        "zones/confirm.html", token=parts().uploads.keep(own(), checked), checked=checked, rows=rows,
        versions=would.versions, changed=len(changed), before=before, unchanged=len(checked.zones) - len(changed),
        heads=heads, differences=_differences(rows, before, figures), **shown,
    )  # fmt: skip


def _differences(zones: Sequence[NewZone], before: Mapping[str, ZoneRow], figures: Figures) -> dict[str, Sequence[str]]:
    """How zones differ from their versions in force, as far as there is time to compare them."""
    end = time.monotonic() + COMPARING_S
    found: dict[str, Sequence[str]] = {}
    for zone in zones:
        if time.monotonic() < end:
            try:
                found[zone.name] = figures(zone, before.get(zone.name))
            except ValueError:  # the version in force is damaged, which this import mends, or of the other kind
                continue
    return found


def _difference(zone: NewZone, before: ZoneRow | None) -> Sequence[str]:
    if before is None:
        return ()
    change = compare(before.geometry, zone.geometry)
    shift = _("at most %(metres)s m") % {"metres": number(round(change.shift))}
    return area_text(change.gained), area_text(change.lost), shift
