"""Zones: what is imported, how it looks, and what a new version changes on the map and for whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from adapters.address.address_lists import ListedAddress, addresses_of, is_list
from adapters.address.zones import ZoneGeometry
from adapters.base import Box
from adapters.zone_import.address_lists import LISTED
from adapters.zone_import.changes import compare
from config.limits import SourceKind
from config.uses import asking_several, zones_in_use
from console.applied import applied, queries
from console.identity.roles import Role
from console.parts import parts
from console.people import member, needs
from console.sources import ACTS
from console.zone_maps import change_map, map_of
from pages.language import gettext as _
from pages.language import number
from store.explanation import AffectedRow, Explanations
from store.known_addresses import in_dataset, local_base, moved
from store.queries import ZoneImport, ZoneRow
from store.schema import grants

pages = Blueprint("zones", __name__, url_prefix="/<locale>/zones")

PAGE = 50
"""Zones on a page."""

MOST_HOUSES, MOST_VERDICTS = 200_000, 20_000
"""Addresses and verdicts that one page looks at; a command looks at all."""

SHOWN_CHECKS = 25


@dataclass(frozen=True, slots=True)
class ShownZone:
    """A version of a zone with its state, and whether a question is about the zone."""

    zone: ZoneImport
    state: str
    used: bool


@pages.get("/")
@needs(Role.READER)
def zones() -> str:
    """The imported zones: of each, the version in force and those to come."""
    shown = [each for each in _listed(None) if each.state != "replaced"]
    names = sorted({each.zone.name for each in shown})
    after = request.args.get("after", "")
    here = [name for name in names if name > after][:PAGE]
    more = here[-1] if here and here[-1] != names[-1] else None
    rows = [each for each in shown if each.zone.name in here]
    return render_template(
        "zones/zones.html", rows=rows, more=more, continued=bool(after), many=len(names), words=_states(),
        importing=parts().database.may(grants.DatabaseRole.ADMIN), problems={}, values={}, asking=_asking(),
    )  # fmt: skip


@pages.get("/<name>/")  # with its last slash it is no other page, whatever a zone is called
@needs(Role.READER)
def zone(name: str) -> str:
    """One zone, with its picture and its versions, the newest first."""
    history = _listed(name)
    if not history:
        abort(404)
    current = next((each for each in history if each.state == "in force"), history[-1])
    listed = _addresses(current.zone) if current.zone.crs == LISTED else None
    return render_template(
        "zones/zone.html", current=current, history=history[::-1], picture=map_of(name), words=_states(),
        listed=listed, streets=len({(each.street, each.city_code or each.city) for each in listed or ()}),
    )  # fmt: skip


@pages.get("/<name>/changes")
@needs(Role.READER)
def changes(name: str) -> Any:
    """What changed between two versions: areas, the border, and the map."""
    old, new = _two_versions(name)
    if is_list(old.geometry) or is_list(new.geometry):
        return _listed_versions(name)
    try:
        change, drawn = compare(old.geometry, new.geometry), change_map(old, new)
    except ValueError:
        return _damaged(name)
    return render_template(
        "zones/changes.html", old=old, new=new, change=change, picture=drawn, versions=_numbers(name), area=area_text
    )


@pages.get("/<name>/affected")
@needs(Role.READER)
def affected(name: str) -> Any:
    """For whom something changed: addresses of the local base that change sides, and verdicts that may change."""
    old, new = _two_versions(name)
    if is_list(old.geometry) or is_list(new.geometry):
        return _listed_versions(name)
    houses, verdicts, too_long, engine = None, list[AffectedRow](), False, _base_reader()
    try:
        change = compare(old.geometry, new.geometry)
    except ValueError:
        return _damaged(name)
    try:
        if change.box:
            houses = _houses(engine, old, new, change.box) if engine else None
            several = asking_several(applied().questions.values(), name)
            found = Explanations(parts().database.reader).near_border(name, old.version, change.reach, several)
            verdicts = list(islice(found, MOST_VERDICTS + 1))
    except DBAPIError:  # a database with much of it takes longer than a page may
        too_long = True
    counts = Counter((each.consultation, each.question, each.outcome) for each in verdicts)
    return render_template(
        "zones/affected.html", old=old, new=new, change=change, too_long=too_long, houses=houses,
        may_count=engine is not None, most_houses=MOST_HOUSES, verdicts=verdicts, most=MOST_VERDICTS,
        counts=sorted(counts.items()), shown=verdicts[:SHOWN_CHECKS],
    )  # fmt: skip


@pages.post("/locate")
@needs(Role.READER)
def locate() -> Any:
    """In which zones a place lies. Its coordinates are in no address of a page and in no log."""
    problems: dict[str, str] = {}
    place = [
        _degrees("latitude", 90, _("Enter the latitude in degrees, such as 48.8566."), problems),
        _degrees("longitude", 180, _("Enter the longitude in degrees, such as 2.3522."), problems),
    ]
    if problems:
        return render_template(
            "zones/locate.html", problems=problems, values=request.form, found=None, asking=_asking()
        ), 422
    latitude, longitude = place
    found, damaged = located(longitude, latitude)
    holding = [(row, metres) for row, inside, metres in found if inside]
    return _place_page(problems={}, found=holding, damaged=damaged, many=len(found) + damaged)


def _place_page(**found: Any) -> str:
    return render_template("zones/locate.html", values=request.form, asking=_asking(), **found)


def _asking() -> list[str]:
    """The sources that look an address up, for somebody who may have a worker ask them."""
    models = applied().sources.items() if member().has(ACTS) else ()
    return sorted(name for name, model in models if model.kind is SourceKind.ADDRESS)


def located(longitude: float, latitude: float) -> tuple[list[tuple[ZoneRow, bool, int]], int]:
    """Of each zone in force, whether a place is inside and its metres from the border; and how many are damaged."""
    found, damaged = list[tuple[ZoneRow, bool, int]](), 0
    for row in queries().zones().values():
        if is_list(row.geometry):  # a place alone is no address
            continue
        try:
            inside, metres = ZoneGeometry(row.name, row.version, row.geometry, row.digest).locate(longitude, latitude)
        except ValueError:
            damaged += 1
        else:
            found.append((row, inside, int(metres)))
    return found, damaged


def area_text(square_metres: float) -> str:
    """An area for people."""
    if square_metres >= 1e5:
        return _("%(area)s km²") % {"area": number(round(square_metres / 1e6, 3))}
    return _("%(area)s m²") % {"area": number(round(square_metres))}


def _listed(name: str | None) -> list[ShownZone]:
    found = queries()
    history = found.zone_history(name)
    used = zones_in_use(applied().questions.values(), {each.name for each in history})
    states = found.zone_states(history)
    return [ShownZone(zone, state, zone.name in used) for zone, state in zip(history, states, strict=True)]


def _addresses(zone: ZoneImport) -> Collection[ListedAddress]:
    """Those of a zone that is a list; none if it is damaged."""
    row = queries().zone(zone.name, zone.version)
    try:
        return addresses_of(row.geometry) if row else ()
    except ValueError:
        return ()


def _states() -> dict[str, str]:
    return {"in force": _("in force"), "to come": _("to come"), "replaced": _("replaced")}


def _numbers(name: str) -> list[int]:
    return [each.version for each in queries().zone_history(name)] or abort(404)


def _two_versions(name: str) -> tuple[ZoneRow, ZoneRow]:
    """The two versions that the address names: by default the newest, and the one before it."""
    numbers = _numbers(name)
    after = request.args.get("after", numbers[-1], type=int)
    before = request.args.get("before", max((each for each in numbers if each < after), default=0), type=int)
    if not {before, after} <= set(numbers):
        abort(404)
    found = queries()
    old, new = found.zone(name, before), found.zone(name, after)
    return (old, new) if old and new else abort(404)


def _damaged(name: str) -> Any:
    flash(_("A version of this zone is damaged. Import the zone again."))
    return redirect(url_for("zones.zone", name=name))


def _listed_versions(name: str) -> Any:
    flash(_("Lists of addresses are compared by the commands zones diff and zones affected."))
    return redirect(url_for("zones.zone", name=name))


def _base_reader() -> Engine | None:
    """What reads address bases, which readers may not; None for them."""
    database, me = parts().database, member()
    if me.has([Role.ADMINISTRATOR]) and database.may(grants.DatabaseRole.ADMIN):
        return database.admin
    return database.reviewer if me.has([Role.REVIEWER]) and database.may(grants.DatabaseRole.REVIEWER) else None


def _houses(engine: Engine, old: ZoneRow, new: ZoneRow, box: Box) -> tuple[int, int, bool] | None:
    """How many known addresses come in and go out, and whether those are all; None without a local base."""
    config = applied()
    model = local_base(config.sources, config.questions.values(), old.name)
    if model is None or not model.dataset:
        return None
    explanations = Explanations(engine)
    if not explanations.has_dataset(model.dataset):
        return None
    before, after = (ZoneGeometry(row.name, row.version, row.geometry, row.digest) for row in (old, new))
    houses = in_dataset(explanations, model.dataset, box)
    counts = Counter(comes_in for _house, comes_in in moved(islice(houses, MOST_HOUSES), before, after))
    return counts[True], counts[False], next(houses, None) is None


def _degrees(name: str, most: int, problem: str, problems: dict[str, str]) -> float:
    try:
        found = float(request.form.get(name, "").strip().replace(",", "."))
        if not -most <= found <= most:
            raise ValueError
    except ValueError:
        problems[name] = problem
        return 0.0
    return found
