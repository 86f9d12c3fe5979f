"""`zones show | locate | diff | affected`: shows a zone, an address in it, and what a new version changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import click

from cli.command import CheckIdParam, Command, as_option
from cli.commands.checks import given_answer, named_fields
from cli.output import Exit, Failure, Output, columns, count_text, time_text

if TYPE_CHECKING:
    from cli.lookups.address_query import Inquiry, Sighting
    from store.explanation import AffectedRow
    from store.queries import ZoneRow

F = TypeVar("F", bound=Callable[..., Any])

_READS = ("JURAT_DATABASE_URL",)
_FIELDS = "number|street|postcode|city|city_code|country"
_ADDRESS = "number=8,street=quai de la Brême,postcode=00100,city=Valmont"


def _address_options(function: F) -> F:
    """The address that is asked about, and the source that is asked."""
    for option in (
        click.option("--source", metavar="NAME", help="Ask this source; else the first one of the zone's question."),
        click.option(
            "--answer-file",
            metavar="FILE",
            type=click.Path(dir_okay=False, allow_dash=True),
            help="Read the address as a JSON object; - is stdin.",
        ),
        click.option("--field", "fields", metavar="NAME=VALUE", multiple=True, help="One field of it; repeat it."),
        click.option(
            "--address",
            metavar="NAME=VALUE,…",
            help=f"The address, such as {_ADDRESS}. Others on this machine can see it: prefer a file.",
        ),
    ):
        function = option(function)
    return function


def _dataset_option(function: F) -> F:
    option = click.option(
        "--dataset", metavar="NAME", help="The address base to show or to count; else that of the zone's question."
    )
    return option(function)


@click.command(
    cls=Command,
    name="show",
    examples=(
        "jurat zones show old-town --out old-town.svg",
        f'jurat zones show old-town --address "{_ADDRESS}"',
        f'jurat zones show old-town --out near.png --address "{_ADDRESS}"',
        "jurat zones show old-town --out review.svg --check 0197a3c2-5d6e-7f80-9a1b-2c3d4e5f6071",
    ),
    environment=("JURAT_DATABASE_URL", "JURAT_UNSEAL_KEYS", "JURAT_PRIVATE_NETWORKS", "JURAT_SOURCE_SECRETS"),
    codes={
        Exit.REFUSED: "the answer of the check cannot be opened: it is not in review, or is sealed for another key",
        Exit.DEPENDENCY: "the database is down, the source gives no answer now, or a PNG cannot be made here",
    },
)
@click.argument("zone", metavar="ZONE")
@click.option(
    "--out",
    "target",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the picture is written, as .svg or .png, for you alone (0600); without it there are only the words.",
)
@_address_options
@click.option(
    "--check", "check_id", type=CheckIdParam(), metavar="ID", help="The address of a check that is in review."
)
@click.option("--version", type=click.IntRange(1), metavar="N", help="This version of the zone; else the one in force.")
@_dataset_option
@as_option
@click.pass_obj
def show(
    out: Output,
    zone: str,
    *,
    target: Path | None,
    address: str | None,
    fields: Sequence[str],
    answer_file: str | None,
    source: str | None,
    check_id: UUID | None,
    version: int | None,
    dataset: str | None,
    who: str,
) -> Exit:
    """Draw a zone, and perhaps an address beside its border, with the same in words.

    The picture shows the border and its margin, the candidates of the source with as much as each may be off, and the
    distance that decides. It is made here, without tiles or network but for the look-up, which the source's limits
    count. It shows a home: nothing keeps it but the file. --check opens a sealed answer, which is in the audit.
    Without --out the words alone are printed, and no file is written.
    """
    from cli.database import opened
    from cli.lookups import known_addresses
    from cli.lookups.address_query import answer_in_review, look_up, planned, question_of, zone_of, zone_row
    from cli.lookups.verdict_text import story
    from cli.pictures.files import write_picture
    from cli.pictures.scene import Stored, compose

    if target and target.suffix not in {".svg", ".png"}:
        raise click.BadParameter("a name that ends in .svg or .png is expected", param_hint="--out")
    answer = _answer(out, address, fields, answer_file)
    if answer is not None and check_id is not None:
        raise click.UsageError("Give an address or --check, not both.")
    with opened() as service:
        row = zone_row(service, zone, version)
        shown = zone_of(row)
        houses = known_addresses.houses(service, zone, dataset)
        lines = [f"{row.title} ({row.name}), version {row.version}"]
        sightings: list[Sighting] = []
        if answer is not None or check_id is not None:
            with planned(service) as plan:
                question = question_of(plan, zone)
                if check_id is not None:
                    answer, question, asked = answer_in_review(service, plan, check_id, zone, who)
                    source = source or asked
                inquiry = look_up(service, plan, answer or {}, source=source, question=question)
            sightings = inquiry.sightings(shown)
            lines = story(row.title, shown, inquiry, sightings)
        if target:
            neighbours = [
                Stored(other.title, other.geometry) for name, other in service.queries.zones().items() if name != zone
            ]
            title = f"Zone {row.title} ({row.name}, version {row.version})" if sightings else f"Zone {row.title}"
            scene = compose(title, lines, Stored(row.title, row.geometry), neighbours, sightings, houses)
            write_picture(scene, target)
    file = str(target) if target else None
    out.show({"zone": row.name, "version": row.version, "file": file, "caption": lines}, lines)
    if target:
        out.say(f"drawn in {target}")
    return Exit.DONE


@click.command(
    cls=Command,
    name="locate",
    examples=(
        f'jurat zones locate "{_ADDRESS}"',
        f'jurat zones locate --zone old-town --address "{_ADDRESS}"',
        "jurat zones locate --answer-file address.json",
    ),
    environment=(*_READS, "JURAT_PRIVATE_NETWORKS", "JURAT_SOURCE_SECRETS"),
    codes={
        Exit.DONE: "it would be accepted; without --zone: by one zone",
        Exit.REFUSED: "it would be refused; without --zone: by all",
        Exit.DEPENDENCY: "the database is down, or the source gives no answer now",
        Exit.UNDETERMINED: "it would be undetermined",
    },
)
@click.argument("written", metavar="[ADDRESS]", required=False)
@click.option("--zone", metavar="ZONE", help="What the rule says for this zone; else for all that are in force.")
@_address_options
@click.pass_obj
def locate(
    out: Output,
    *,
    written: str | None,
    zone: str | None,
    address: str | None,
    fields: Sequence[str],
    answer_file: str | None,
    source: str | None,
) -> Exit:
    """Say what the rule would decide about an address and why. Nothing is written but what the look-up costs.

    ADDRESS is NAME=VALUE,… as with --address.
    """
    from cli.database import opened
    from cli.lookups.address_query import look_up, planned, question_of, zone_row

    if written is not None and (address is not None or fields or answer_file is not None):
        raise click.UsageError("Give the address once: as ADDRESS, or with --address, --field or --answer-file.")
    place = "ADDRESS" if written else "--address"
    answer = _answer(out, written or address, fields, answer_file, place)
    if answer is None:
        raise click.UsageError("Give the address: as NAME=VALUE,…, or with --address, --field or --answer-file.")
    with opened() as service:
        rows = [zone_row(service, zone)] if zone else list(service.queries.zones().values())
        if not rows:
            raise Failure("no zone is imported; run `bin/jurat zones import FILE`", Exit.USAGE)
        with planned(service) as plan:
            inquiry = look_up(service, plan, answer, source=source, question=question_of(plan, zone))
    if zone:
        return _locate_in(out, rows[0], inquiry)
    return _locate_anywhere(out, rows, inquiry)


def _locate_in(out: Output, row: ZoneRow, inquiry: Inquiry) -> Exit:
    from cli.lookups.address_query import zone_of
    from cli.lookups.verdict_text import candidate_data, decision_data, story

    zone = zone_of(row)
    sightings = inquiry.sightings(zone)
    document = decision_data(zone, inquiry.residence(zone))
    out.show(
        {"source": inquiry.source, **document, "candidates": candidate_data(sightings)},
        story(row.title, zone, inquiry, sightings),
    )
    return {"accepted": Exit.DONE, "refused": Exit.REFUSED}.get(document["outcome"], Exit.UNDETERMINED)


def _locate_anywhere(out: Output, rows: Sequence[ZoneRow], inquiry: Inquiry) -> Exit:
    """What holds for each zone that does not refuse; where no zone could be decided, why not is told once."""
    from adapters.address.zone_index import ZoneIndex
    from cli.lookups.address_query import zone_of
    from cli.lookups.verdict_text import candidate_data, decision_data, story

    zones = {row.name: zone_of(row) for row in rows}
    said = [decision_data(zone, inquiry.residence(zone)) for zone in zones.values()]
    index = ZoneIndex(list(zones.values()))
    holding = {each.name for place in inquiry.places.places for each in index.zones_at(place.longitude, place.latitude)}
    first = next((zone for name, zone in zones.items() if name in holding), zones[rows[0].name])
    sightings = inquiry.sightings(first)
    document: dict[str, Any] = {"source": inquiry.source, "candidates": candidate_data(sightings)}
    if not any("margin" in each["rules"] for each in said):
        out.show({**document, "zones": said[:1]}, story("any zone", first, inquiry, sightings))
        return Exit.UNDETERMINED
    near = [each for each in said if each["outcome"] != "refused"]
    lines = columns(
        ("zone", "outcome", "reason", "distance", "margin"),
        (
            (each["zone"], each["outcome"], each["reason"], f"{each['distance_m']:+g} m", f"{each['margin_m']:g} m")
            for each in near
        ),
    )
    outside = len(said) - len(near)
    lines.append(f"it lies outside of {count_text(outside, 'other zone' if near else 'zone')}, beyond the margin")
    out.show({**document, "zones": near}, lines)
    outcomes = {each["outcome"] for each in near}
    return Exit.DONE if "accepted" in outcomes else Exit.UNDETERMINED if outcomes else Exit.REFUSED


@click.command(
    cls=Command,
    name="diff",
    examples=("jurat zones diff old-town", "jurat zones diff old-town --from 1 --to 3 --out moved.csv"),
    environment=_READS,
)
@click.argument("zone", metavar="ZONE")
@click.option("--from", "before", type=click.IntRange(1), metavar="N", help="The older version; else the one before.")
@click.option("--to", "after", type=click.IntRange(1), metavar="M", help="The newer version; else the newest.")
@_dataset_option
@click.option(
    "--out",
    "target",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="List the addresses of the local base that move, as CSV.",
)
@click.pass_obj
def diff(
    out: Output, zone: str, *, before: int | None, after: int | None, dataset: str | None, target: Path | None
) -> Exit:
    """Say what changed between two versions of a zone: its area, its border, and which addresses move."""
    from adapters.zone_import.changes import changed_area, compare
    from cli.database import opened
    from cli.lookups import known_addresses
    from cli.lookups.address_query import two_versions, zone_of

    with opened() as service:
        old, new = two_versions(service, zone, before, after)
        zones = (zone_of(old), zone_of(new))
        change = compare(old.geometry, new.geometry)
        moved = known_addresses.moved(service, *zones, changed_area(old.geometry, new.geometry), dataset, target)
    document = {
        "zone": zone,
        "from": old.version,
        "to": new.version,
        "area_before_m2": round(change.area_before),
        "area_after_m2": round(change.area_after),
        "gained_m2": round(change.gained),
        "lost_m2": round(change.lost),
        "shift_m": round(change.shift, 1),
        "reach_m": round(change.reach, 1),
        "entered": moved.entered if moved else None,
        "left": moved.left if moved else None,
    }
    percent = 100 * (change.area_after / change.area_before - 1)
    lines = [
        f"{zone}: version {old.version} to {new.version}",
        f"area: {_area(change.area_before)} to {_area(change.area_after)} ({percent:+.2f} %)",
        f"gained: {_area(change.gained)}; lost: {_area(change.lost)}; at most {change.reach:.1f} m from the old border",
        f"border: moved by at most {change.shift:.1f} m",
        "addresses: no local base to count them in; import one with `bin/jurat datasets import-addresses`"
        if moved is None
        else f"addresses: {moved.entered:,} come in, {moved.left:,} go out",
    ]
    out.show(document, lines)
    if moved and target:
        out.say(f"the addresses that move are listed in {target}")
    return Exit.DONE


@click.command(
    cls=Command,
    name="affected",
    examples=("jurat zones affected old-town --from 1 --to 2", "jurat zones affected old-town --from 1 --to 2 --json"),
    environment=_READS,
)
@click.argument("zone", metavar="ZONE")
@click.option("--from", "before", type=click.IntRange(1), metavar="N", required=True, help="The older version.")
@click.option("--to", "after", type=click.IntRange(1), metavar="M", required=True, help="The newer version.")
@click.pass_obj
def affected(out: Output, zone: str, *, before: int, after: int) -> Exit:
    """List the verdicts about a version whose addresses may have changed sides in a newer one.

    The addresses are erased, so this is an upper bound: every verdict whose distance to the border, as its evidence has
    it, is at most that of the farthest place that came in or went out. A person can reopen those checks.
    """
    from adapters.zone_import.changes import compare
    from cli.database import opened
    from cli.lookups.address_query import two_versions, zone_of
    from store.explanation import Explanations

    with opened() as service:
        old, new = two_versions(service, zone, before, after)
        zone_of(old), zone_of(new)
        reach = compare(old.geometry, new.geometry).reach
        found = Explanations(service.database).near_border(zone, old.version, reach) if reach else iter(())
        document = {"zone": zone, "from": old.version, "to": new.version, "reach_m": round(reach, 1)}
        count = 0
        if out.json:
            verdicts = list(found)
            count = len(verdicts)
            out.show({**document, "verdicts": verdicts}, ())
        else:
            for each in found:  # one by one: there may be any number of them
                count += 1
                out.show(None, [_verdict_line(each)])
    out.say(f"places up to {reach:.1f} m from the old border changed sides: {count_text(count, 'verdict')} may change")
    return Exit.DONE


def _verdict_line(row: AffectedRow) -> str:
    where = f"{row.distance_m:+g} m"
    decided = time_text(row.decided_at)
    return f"{row.check}  {row.consultation}/{row.question}  {row.outcome}  {row.reason}  {where}  {decided}"


def _answer(
    out: Output, address: str | None, fields: Sequence[str], file: str | None, place: str = "--address"
) -> dict[str, Any] | None:
    """The address from the one place where it was given (`place`: the words themselves); None where it was not."""
    parts = [part.strip() for part in re.split(rf",(?=\s*(?:{_FIELDS})\s*=)", address)] if address else []
    if file is not None:
        if parts or fields:
            option = place if parts else "--field"
            raise click.UsageError(f"Give the address once: with --answer-file or with {option}.")
        return given_answer(out, None, file, ())
    content = named_fields(parts, place)
    return {**content, **named_fields(fields, known=content)} or None


def _area(square_metres: float) -> str:
    return f"{square_metres / 1e6:,.3f} km²" if square_metres >= 1e5 else f"{square_metres:,.0f} m²"
