"""`codes`: access codes, which are stored only as keyed hashes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import datetime
from math import prod
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.command import Group, as_option, configured_name, future_moment
from cli.database import applied_configuration, open_database
from cli.output import Exit, Failure, Output, columns, count_text, new_file, time_text

if TYPE_CHECKING:
    from adapters.fingerprints import Fingerprints
    from worker.service import Service

MOST_CODES = 100_000
_LARGEST_FILE = 10 << 20
_SHOWN = 50
SAFE = 10**9
"""So many guesses for one hit are enough: one client tries some 100,000 a day, with ever new accounts."""
_MANY = 10
"""With so many codes, a character that they share is part of their form and takes no guess."""


_EXPIRES = click.option(
    "--expires",
    type=future_moment("it has passed already", whole_day=True),
    metavar="DATE",
    help="Last day on which the codes are valid (in UTC), or a time with its offset.",
)


@click.group(cls=Group)
def codes() -> None:
    """Generate, import and list access codes."""


@codes.command(
    examples=(
        "jurat codes generate spring --count 500 --out codes.txt",
        "jurat codes generate spring --count 20 --expires 2027-06-30",
    ),
    environment=("JURAT_DATABASE_URL", "JURAT_HASH_KEYS"),
)
@click.argument("code_list", metavar="LIST", type=configured_name)
@click.option("--count", required=True, type=click.IntRange(1, MOST_CODES), metavar="N", help="How many.")
@_EXPIRES
@click.option(
    "--out",
    "target",
    metavar="FILE",
    default="-",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="A new file, for you alone (0600); - is standard output.",
)
@as_option
def generate(out: Output, code_list: str, *, count: int, expires: datetime | None, target: str, who: str) -> None:
    """Generate codes and print them once, one a line.

    They are not stored: the database keeps only what it needs to recognise them. Print or send them, and delete them
    after the next backup.
    """
    from jurat.codes import generate as new_code
    from store.hash_keys import for_new_hashes
    from store.requests.code_lists import add_codes

    codes: set[str] = set()
    while len(codes) < count:
        codes.add(new_code())
    with open_database() as service:
        with service.database.begin() as connection:
            fingerprints = for_new_hashes(connection, _fingerprints(service))
        stored = [fingerprints.newest(code_list, code.replace("-", "")) for code in codes]
        if target == "-":
            add_codes(service.database, code_list, stored, who, expires)
        else:
            with new_file(Path(target), 0o600) as stream:
                stream.write("".join(f"{code}\n" for code in sorted(codes)))
                stream.flush()
                os.fsync(stream.fileno())
                add_codes(service.database, code_list, stored, who, expires)
    printed = sorted(codes) if target == "-" else []
    document = {"list": code_list, "codes": count, "expires_at": expires}
    out.show({**document, **({"generated": printed} if printed else {"file": target})}, printed)
    out.say(
        f"added {count_text(count, 'code')} to the list {code_list}"
        + (f", valid until {time_text(expires)}" if expires else "")
        + ("" if target == "-" else f"; they are in {target} and nowhere else")
    )


@codes.command(
    name="import",
    examples=("jurat codes import members numbers.txt --unchecked", "jurat codes import spring - < codes.txt"),
    environment=("JURAT_DATABASE_URL", "JURAT_HASH_KEYS"),
    codes={Exit.USAGE: "bad lines in the file, wrong usage or settings; nothing was imported"},
)
@click.argument("code_list", metavar="LIST", type=configured_name)
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--checked/--unchecked",
    default=None,
    help="Whether jurat generated them, with a check character.  [default: as the applied source of this list says]",
)
@_EXPIRES
@as_option
def import_(
    out: Output, code_list: str, file: str, *, checked: bool | None, expires: datetime | None, who: str
) -> None:
    """Import codes that were made elsewhere: one a line, in UTF-8. Spaces, hyphens and case do not count.

    With a single bad line, nothing is imported; each is reported with its line and column. Codes that are already in
    the list stay as they are. A list that jurat did not generate needs `checked: false` in its source. Codes that are
    easily guessed are imported with a warning.
    """
    from store.requests.code_lists import import_codes

    with open_database() as service:
        fingerprints = _fingerprints(service)
        mode = _check_mode(service, code_list, checked)
        given = _read(file, checked=mode)
        added = import_codes(service.database, fingerprints, code_list, given, who, expires)
    document = {"list": code_list, "codes": len(given), "added": added, "checked": mode, "expires_at": expires}
    out.show(document, [f"{added} of {len(given)}"])
    out.say(f"added {count_text(added, 'code')} to the list {code_list}; {len(given) - added} were already in it")
    if not mode and (guesses := guesses_needed(given)) < SAFE:
        out.say(
            f"warning: of {guesses:,} guesses at these codes, one is right; use longer random codes, or have the "
            "platform limit attempts across accounts"
        )


@codes.command(name="list", examples=("jurat codes list",))
def list_(out: Output) -> None:
    """List the lists, and how many of their codes are used."""
    with open_database() as service:
        rows = list(service.queries.code_lists().values())
    head = ("codes", "free", "redeemed", "expired", "revoked")
    out.show(rows, columns(("list", *head), map(attrgetter("name", *head), rows)))
    if not rows:
        out.say("there are no codes; run `bin/jurat codes generate LIST --count N`")


def guesses_needed(codes: list[str]) -> int:
    """How many guesses find one of `codes` on average, for someone who knows their form: its length and where digits
    and letters are. Of several forms the easiest counts.
    """
    by_length: dict[int, list[str]] = {}
    for code in codes:
        by_length.setdefault(len(code), []).append(code)
    return min(prod(map(_choices, zip(*alike, strict=True))) // len(alike) for alike in by_length.values()) or 1


def _choices(column: tuple[str, ...]) -> int:
    """How many characters may be at one place, judged by those that are."""
    seen = set(column)
    if len(seen) == 1 and len(column) >= _MANY:
        return 1
    digits, letters = (any(map(test, seen)) for test in (str.isdigit, str.isalpha))
    return 10 * digits + 26 * letters


def _fingerprints(service: Service) -> Fingerprints:
    if service.fingerprints is None:
        from worker.keyring import how_to_set

        advice = how_to_set("JURAT_HASH_KEYS", service.queries.hash_keys())
        raise Failure(f"JURAT_HASH_KEYS is not set: codes are stored only as keyed hashes; {advice}", Exit.USAGE)
    return service.fingerprints


def _check_mode(service: Service, code_list: str, given: bool | None) -> bool:  # noqa: FBT001 - three values
    """Whether codes of this list have jurat's check character, which lookups then check too."""
    from store.requests.code_lists import readers_of

    applied = applied_configuration(service)
    configured = readers_of(code_list, applied.sources, applied.questions.values(), open_ones=False) if applied else {}
    for name, checked in configured.items():
        if given is not None and given is not checked:
            raise Failure(
                f"the source {name} reads this list with `checked: {str(checked).lower()}`; remove the option, or "
                "change the source first",
                Exit.USAGE,
            )
    if given is None and not configured:
        raise Failure(
            f"no applied source or question has the list {code_list}; add --checked or --unchecked, as its source will",
            Exit.USAGE,
        )
    return next(iter(configured.values()), bool(given))


def _read(file: str, *, checked: bool) -> list[str]:
    """The cleaned codes of a file. Raises Failure with the place of each bad line, without its text."""
    from jurat.codes import clean

    place = "standard input" if file == "-" else file
    wanted = "12 letters and digits with a check character" if checked else "4 to 64 letters and digits"
    first: dict[str, int] = {}
    problems: list[str] = []
    for number, line in enumerate(_lines(file, place), 1):
        text = line.strip()
        if not text:
            continue
        column = len(line) - len(line.lstrip()) + 1
        code = clean(text, checked=checked)
        if code is None:
            problems.append(f"{place}:{number}:{column}: this is no code: {wanted} are expected")
        elif code in first:
            problems.append(f"{place}:{number}:{column}: this is the same code as in line {first[code]}; remove one")
        else:
            first[code] = number
    if not first and not problems:
        raise Failure(f"{place}: holds no codes", Exit.USAGE)
    if len(first) > MOST_CODES:
        raise Failure(f"{place}: more than {MOST_CODES:,} codes; split the file", Exit.USAGE)
    if problems:
        more = [f"{place}: and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        raise Failure("\n".join([*problems[:_SHOWN], *more, "nothing was imported"]), Exit.USAGE)
    return list(first)


def _lines(file: str, place: str) -> Iterator[str]:
    from config.regular_files import read_given

    most = _LARGEST_FILE + 1
    content = sys.stdin.buffer.read(most) if file == "-" else read_given(Path(file), most)
    if len(content) > _LARGEST_FILE:
        raise Failure(f"{place}: is larger than {_LARGEST_FILE >> 20} MiB; split it", Exit.USAGE)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Failure(f"{place}:{line}:1: this is not UTF-8 text; save the file as UTF-8", Exit.USAGE) from None
    yield from text.split("\n")
