"""`zones import-addresses`: imports zones that are lists of addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import click

from cli.command import as_option, command, dry_run_option, from_option, named_columns, without_number_option
from cli.database import open_database
from cli.output import Exit, Failure, Output, columns, count_text, time_text


@command(
    name="import-addresses",
    examples=(
        "jurat zones import-addresses districts.csv --zone-column bureau --dry-run",
        (
            "jurat zones import-addresses register.csv --zone-column BUREAU \\\n"
            "      --columns number=NUMERO,street=RUE,postcode=CP,city=COMMUNE"
        ),
    ),
    codes={Exit.USAGE: "errors in the file, wrong usage or settings; nothing was imported"},
)
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--zone-column",
    metavar="COLUMN",
    required=True,
    help="The column with the name of the zone, as the configuration uses it.",
)
@click.option("--title-column", metavar="COLUMN", default="title", help="The column with its title for people.")
@click.option(
    "--columns",
    "named",
    metavar="FIELD=COLUMN,…",
    type=named_columns,
    help="The columns that are number, repetition, street, postcode, city and city_code.  [default: as its first line "
    "says]",
)
@click.option("--separator", metavar="CHARACTER", help="Separates the columns.  [default: , ; | or a tab]")
@without_number_option
@click.option("--language", metavar="CODE", default="fr", help="Language of its street names, as in the source.")
@click.option("--overlapping", is_flag=True, help="Allow an address in several zones.")
@from_option
@dry_run_option
@as_option
def import_addresses(
    out: Output,
    file: Path,
    *,
    zone_column: str,
    title_column: str,
    named: Mapping[str, str] | None,
    separator: str | None,
    streets: Sequence[str],
    language: str,
    overlapping: bool,
    begins: datetime | None,
    dry_run: bool,
    who: str,
) -> None:
    """Import zones as lists of their addresses, such as the register of polling districts, each as its next version.

    FILE is BAN's CSV, OpenAddresses' CSV or a CSV file of your own, plain, gzip or zip, without positions if you like.
    It must have every address of these zones: a house that is not in it is outside. With a single bad row, nothing is
    imported; every fault is reported with its line and column.
    """
    from adapters.address.base.columns import zone_layout
    from adapters.address.languages import language as words_of
    from adapters.zone_import.address_lists import LISTED, read_address_lists
    from cli.imports import address_base
    from store.datasets.zones import NewZone, import_zones

    try:
        words_of(language)
        known = address_base.layout(file, None, named, separator, streets, placed=False)
        layout = zone_layout(known, zone_column, title_column)
    except ValueError as error:
        raise Failure(str(error), Exit.USAGE) from None
    with address_base.failures():
        lists = read_address_lists(file, layout, language, overlapping=overlapping)
    with open_database() as service:
        new = [NewZone(each.id, each.title, each.digest, each.content, LISTED) for each in lists]
        done = import_zones(service.database, new, who, begins, dry_run=dry_run)
    head, changed = ("zone", "title", "version", "changed", "addresses"), set(done.new)
    facts = [(each.id, each.title, done.versions[each.id], each.id in changed, each.addresses) for each in lists]
    lines = columns(head, ((*fact[:3], "yes" if fact[3] else "no", fact[4]) for fact in facts))
    zones = [dict(zip(head, fact, strict=True)) for fact in facts]
    out.show({"dry_run": dry_run, "in_force_from": begins, "zones": zones}, lines)
    when = f", in force from {time_text(begins)}" if begins and changed else ""
    would = "would be " if dry_run else ""
    out.say(f"{count_text(len(changed), 'zone')} {would}imported{when}, {len(lists) - len(changed)} unchanged")
