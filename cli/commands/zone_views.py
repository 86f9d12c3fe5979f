"""`zones show | locate | diff | affected`: shows a zone, an address in it, and what a new version changes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from cli.command import as_option, check_id, command
from cli.commands.checks import parse_fields, read_answer
from cli.database import applied_configuration, open_database
from cli.output import Exit, Failure, Output, columns, count_text, outcome_code, time_text

if TYPE_CHECKING:
    from adapters.address.zones import Zone
    from cli.lookups.address_query import AnsweredAddress, Sighting

_FIELDS = "number|street|postcode|city|city_code|country"
_ADDRESS = "number=8,street=quai de la Brême,postcode=00100,city=Valmont"


def _address_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--source", metavar="NAME", help="Ask this source.  [default: the first of the zone's question]"),
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


_dataset_option = click.option(
    "--dataset", metavar="NAME", help="The address base to show or count.  [default: that of the zone's question]"
)


@command(
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
    help="Write a picture, .svg or .png, readable by you alone (0600). Without it, only text is printed.",
)
@_address_options
@click.option("--check", "check_id", type=check_id, metavar="ID", help="The address of a check that is in review.")
@click.option(
    "--version", type=click.IntRange(1), metavar="N", help="Version of the zone.  [default: the one in force]"
)
@_dataset_option
@as_option
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
) -> None:
    """Draw a zone, with an address if one is given, and say the same in words.

    The picture shows the border and its margin, the candidates of the source with their possible error, and the
    distance that decides. It is drawn here, without tiles. Only the lookup uses the network, and the source's limits
    count it. The picture shows a home, and only the file keeps it. --check opens a sealed answer; that is audited.
    """
    from adapters.address.address_lists import is_list
    from cli.diagnosis.applied_sources import plan_of
    from cli.lookups import known_addresses
    from cli.lookups.address_query import answer_in_review, look_up, question_of, zone_of, zone_row
    from cli.lookups.verdict_text import reading_lines, verdict_lines
    from cli.pictures.files import write_picture
    from cli.pictures.scene import scene_of

    if target and target.suffix not in {".svg", ".png"}:
        raise click.BadParameter("a name that ends in .svg or .png is expected", param_hint="--out")
    answer = _answer(out, address, fields, answer_file)
    if answer is not None and check_id is not None:
        raise click.UsageError("Give an address or --check, not both.")
    with open_database() as service:
        row = zone_row(service, zone, version)
        shown = zone_of(row)
        if target and is_list(row.geometry):
            raise Failure(f"the zone {zone} is a list of addresses: it has no border to draw", Exit.USAGE)
        houses = known_addresses.house_finder(service, zone, dataset)
        lines = [f"{row.title} ({row.name}), version {row.version}"]
        sightings: list[Sighting] = []
        inquiry: AnsweredAddress | None = None
        if answer is not None or check_id is not None:
            with plan_of(service) as plan:
                question = question_of(plan, zone)
                if check_id is not None:
                    answer, question, asked = answer_in_review(service, plan, check_id, zone, who)
                    source = source or asked
                inquiry = look_up(service, plan, answer or {}, source=source, question=question)
            sightings = inquiry.sightings(shown)
            lines = verdict_lines(row.title, shown, inquiry, sightings)
        if target:
            write_picture(scene_of(row, service.queries.zones(), lines, sightings, houses), target)
    file = str(target) if target else None
    read = [] if inquiry is None or check_id else reading_lines(inquiry.reading())  # the answer of a check stays sealed
    out.show({"zone": row.name, "version": row.version, "file": file, "caption": lines}, [*lines, *read])
    if target:
        out.say(f"wrote {target}")


@command(
    examples=(
        f'jurat zones locate "{_ADDRESS}"',
        f'jurat zones locate --zone old-town --address "{_ADDRESS}"',
        "jurat zones locate --question budget/residence --answer-file address.json",
    ),
    environment=("JURAT_DATABASE_URL", "JURAT_PRIVATE_NETWORKS", "JURAT_SOURCE_SECRETS"),
    codes={
        Exit.DONE: "it would be accepted; without --zone and --question: for one zone",
        Exit.REFUSED: "it would be refused; without --zone and --question: for all",
        Exit.DEPENDENCY: "the database is down, or the source gives no answer now",
        Exit.UNDETERMINED: "it would be undetermined",
    },
)
@click.argument("text", metavar="[ADDRESS]", required=False)
@click.option("--zone", metavar="ZONE", help="Decide for this zone.  [default: all that are in force]")
@click.option(
    "--question", metavar="CONSULTATION/NAME", help="Decide for the zones of this question, and say which it is."
)
@_address_options
def locate(
    out: Output,
    *,
    text: str | None,
    zone: str | None,
    question: str | None,
    address: str | None,
    fields: Sequence[str],
    answer_file: str | None,
    source: str | None,
) -> Exit:
    """Say what the rule would decide about an address, and why. Only the cost of the lookup is recorded.

    ADDRESS is NAME=VALUE,… as with --address.
    """
    from cli.diagnosis.applied_sources import plan_of
    from cli.lookups.address_query import asked_by, look_up, question_of, zone_of, zone_row

    if text is not None and (address is not None or fields or answer_file is not None):
        raise click.UsageError("Give the address once: as ADDRESS, or with --address, --field or --answer-file.")
    if zone and question:
        raise click.UsageError("Give --zone or --question, not both.")
    place = "ADDRESS" if text else "--address"
    answer = _answer(out, text or address, fields, answer_file, place)
    if answer is None:
        raise click.UsageError("Give the address: as NAME=VALUE,…, or with --address, --field or --answer-file.")
    with open_database() as service, plan_of(service) as plan:
        if question:
            asked, area = asked_by(plan, question)
            inquiry = look_up(service, plan, answer, source=source, question=asked)
            return _locate_in(out, f"the area of {question}", area, inquiry)
        rows = [zone_row(service, zone)] if zone else list(service.queries.zones().values())
        if not rows:
            raise Failure("no zone is imported; run `bin/jurat zones import FILE`", Exit.USAGE)
        inquiry = look_up(service, plan, answer, source=source, question=question_of(plan, zone))
    zones = [zone_of(row) for row in rows]
    return _locate_in(out, rows[0].title, zones[0], inquiry) if zone else _locate_anywhere(out, zones, inquiry)


def _locate_in(out: Output, title: str, area: Zone, inquiry: AnsweredAddress) -> Exit:
    """Report what is decided about one zone, or many as one; of these, each that does not refuse."""
    from adapters.address.zone_unions import ZoneUnion
    from cli.lookups.verdict_text import candidate_data, decision_data, reading_lines, verdict_lines

    parts = {part.name: part for part in area.parts} if isinstance(area, ZoneUnion) else {}
    decisions = [decision_data(inquiry.residence(part)) for part in parts.values()]
    near = _not_refused(decisions) if _can_decide(decisions) else []
    # Where a zone is named its own border decides.
    sightings = inquiry.sightings(parts[near[0]["zone"]] if near and inquiry.name_zone else area)
    reading = inquiry.reading()
    document = {
        "source": inquiry.source,
        **decision_data(inquiry.residence(area)),
        "candidates": candidate_data(sightings),
        "reading": asdict(reading),
        **({"zones": near} if parts else {}),
    }
    table = ["", *_zone_lines(near)] if near else []
    out.show(document, [*verdict_lines(title, area, inquiry, sightings), *table, *reading_lines(reading)])
    return outcome_code(document["outcome"])


def _locate_anywhere(out: Output, zones: Sequence[Zone], inquiry: AnsweredAddress) -> Exit:
    """Report each zone that does not refuse; if no zone could be decided, report once why."""
    from adapters.address.zones import ZoneGeometry
    from cli.lookups.verdict_text import candidate_data, decision_data, reading_lines, verdict_lines

    decisions = [decision_data(inquiry.residence(zone)) for zone in zones]
    found = [(place.longitude, place.latitude) for place in inquiry.places.places]
    drawn = [zone for zone in zones if isinstance(zone, ZoneGeometry)]
    first = next((zone for zone in drawn if any(zone.border.holds(*point) for point in found)), zones[0])
    sightings = inquiry.sightings(first)
    reading = inquiry.reading()
    document: dict[str, Any] = {
        "source": inquiry.source,
        "candidates": candidate_data(sightings),
        "reading": asdict(reading),
    }
    if not _can_decide(decisions):
        said = verdict_lines("any zone", first, inquiry, sightings)
        out.show({**document, "zones": decisions[:1]}, [*said, *reading_lines(reading)])
        return Exit.UNDETERMINED
    near = _not_refused(decisions)
    outside = count_text(len(decisions) - len(near), "other zone" if near else "zone")
    lines = [*_zone_lines(near), f"it lies outside of {outside}, beyond the margin"]
    out.show({**document, "zones": near}, [*lines, *reading_lines(reading)])
    outcomes = {each["outcome"] for each in near}
    return Exit.DONE if "accepted" in outcomes else Exit.UNDETERMINED if outcomes else Exit.REFUSED


def _can_decide(decisions: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the address is known so well that its place counts."""
    return any({"margin", "listed"} & each["rules"].keys() for each in decisions)


def _not_refused(decisions: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [each for each in decisions if each["outcome"] != "refused"]


def _zone_lines(decisions: Sequence[Mapping[str, Any]]) -> list[str]:
    head = ("zone", "outcome", "reason", "distance", "margin")
    return columns(head, ((each["zone"], each["outcome"], each["reason"], *_metres(each)) for each in decisions))


def _metres(decision: Mapping[str, Any]) -> tuple[str, str]:
    """Distance and margin; a list of addresses has none."""
    distance, margin = decision["distance_m"], decision["margin_m"]
    return ("-", "-") if distance is None else (f"{distance:+g} m", f"{margin:g} m")


@command(examples=("jurat zones diff old-town", "jurat zones diff old-town --from 1 --to 3 --out moved.csv"))
@click.argument("zone", metavar="ZONE")
@click.option("--from", "before", type=click.IntRange(1), metavar="N", help="Older version.  [default: the one before]")
@click.option("--to", "after", type=click.IntRange(1), metavar="M", help="Newer version.  [default: the newest]")
@_dataset_option
@click.option(
    "--out",
    "target",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="List the addresses of the local base that change sides, as CSV.",
)
def diff(
    out: Output, zone: str, *, before: int | None, after: int | None, dataset: str | None, target: Path | None
) -> None:
    """Say what changed between two versions of a zone: its area, its border, and which addresses change sides.

    Of a zone that is a list, it counts the addresses that came in and went out.
    """
    from adapters.address.zones import ZoneGeometry
    from adapters.zone_import.changes import compare
    from cli.lookups import known_addresses
    from cli.lookups.address_query import two_versions, zone_of
    from cli.lookups.listed_changes import write_listed

    with open_database() as service:
        old, new = two_versions(service, zone, before, after)
        first, second = zone_of(old), zone_of(new)
        if not (isinstance(first, ZoneGeometry) and isinstance(second, ZoneGeometry)):
            write_listed(out, old, new, target)
            return
        change = compare(old.geometry, new.geometry)
        moved = known_addresses.count_moved(service, first, second, change.box, dataset, target)
    entered, left = moved or (None, None)
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
        "entered": entered,
        "left": left,
    }
    percent = 100 * (change.area_after / change.area_before - 1)
    lines = [
        f"{zone}: version {old.version} to {new.version}",
        f"area: {_area(change.area_before)} to {_area(change.area_after)} ({percent:+.2f} %)",
        f"gained: {_area(change.gained)}; lost: {_area(change.lost)}; at most {change.reach:.1f} m from the old border",
        f"border: moved by at most {change.shift:.1f} m",
        "addresses: there is no local base to count; import one with `bin/jurat datasets import-addresses`"
        if moved is None
        else f"addresses: {entered:,} come in, {left:,} go out",
    ]
    out.show(document, lines)
    if moved and target:
        out.say(f"the addresses that change sides are listed in {target}")


@command(
    examples=("jurat zones affected old-town --from 1 --to 2", "jurat zones affected old-town --from 1 --to 2 --json"),
)
@click.argument("zone", metavar="ZONE")
@click.option("--from", "before", type=click.IntRange(1), metavar="N", required=True, help="The older version.")
@click.option("--to", "after", type=click.IntRange(1), metavar="M", required=True, help="The newer version.")
def affected(out: Output, zone: str, *, before: int, after: int) -> None:
    """List the verdicts about a version whose addresses may have changed sides in a newer one.

    The addresses are erased and verdicts keep no distance, so this is an upper bound: every verdict that went by a
    position. Older verdicts with a distance are listed where it is at most that of the farthest place that came in or
    went out. A person can reopen those checks.
    """
    from cli.lookups.address_query import two_versions, zone_of
    from cli.lookups.listed_changes import reach_of
    from config.uses import asking_several
    from store.explanation import Explanations

    with open_database() as service:
        old, new = two_versions(service, zone, before, after)
        zone_of(old), zone_of(new)
        reach = reach_of(old, new)
        configuration = applied_configuration(service)
        several = asking_several(configuration.questions.values(), zone) if configuration else ()
        explanations = Explanations(service.database)
        found = explanations.near_border(zone, old.version, reach, several) if reach else iter(())
        metres = None if math.isinf(reach) else round(reach, 1)
        document = {"zone": zone, "from": old.version, "to": new.version, "reach_m": metres}
        count = 0
        if out.json:
            verdicts = list(found)
            count = len(verdicts)
            out.show({**document, "verdicts": verdicts}, ())
        else:
            for each in found:  # one by one: there may be any number of them
                count += 1
                where = "" if each.distance_m is None else f"  {each.distance_m:+g} m"
                about = f"{each.check}  {each.consultation}/{each.question}"
                out.show(None, [f"{about}  {each.outcome}  {each.reason}{where}  {time_text(each.decided_at)}"])
    where = "addresses of the list" if metres is None else f"places up to {reach:.1f} m from the old border"
    out.say(f"{where} changed sides: {count_text(count, 'verdict')} may change")


def _answer(
    out: Output, address: str | None, fields: Sequence[str], file: str | None, place: str = "--address"
) -> dict[str, Any] | None:
    """The address from the one option that gives it (`place` for `address`); None without any."""
    parts = [part.strip() for part in re.split(rf",(?=\s*(?:{_FIELDS})\s*=)", address)] if address else []
    if file is not None:
        if parts or fields:
            option = place if parts else "--field"
            raise click.UsageError(f"Give the address once: with --answer-file or with {option}.")
        return read_answer(out, None, file, ())
    content = parse_fields(parts, place)
    return {**content, **parse_fields(fields, known=content)} or None


def _area(square_metres: float) -> str:
    return f"{square_metres / 1e6:,.3f} km²" if square_metres >= 1e5 else f"{square_metres:,.0f} m²"
