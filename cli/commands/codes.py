"""`codes`: access codes, which are kept as keyed hashes alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.command import ConfiguredName, Group, as_option
from cli.output import Exit, Failure, Output, columns, count_text, time_text

if TYPE_CHECKING:
    from adapters.fingerprints import Fingerprints
    from worker.bootstrap import Service

MOST_CODES = 100_000
_LARGEST_FILE = 10 << 20
_SHOWN = 50


class Expiry(click.ParamType[datetime]):
    """A day, which still counts, or a time with its offset."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """In UTC."""
        try:
            if len(value) == len("2027-06-30"):
                day = datetime.combine(date.fromisoformat(value), datetime.min.time(), UTC)
                moment = day + timedelta(days=1)
            else:
                moment = datetime.fromisoformat(value)
        except (ValueError, OverflowError):
            self.fail("a day such as 2027-06-30 or a time such as 2027-06-30T18:00+02:00 is expected", param, ctx)
        if moment.tzinfo is None:
            self.fail("a time needs its offset, such as 2027-06-30T18:00+02:00, or Z for UTC", param, ctx)
        if moment <= datetime.now(UTC):
            self.fail("it has passed already", param, ctx)
        return moment.astimezone(UTC)


_EXPIRES = click.option(
    "--expires",
    type=Expiry(),
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
@click.argument("code_list", metavar="LIST", type=ConfiguredName())
@click.option("--count", required=True, type=click.IntRange(1, MOST_CODES), metavar="N", help="How many.")
@_EXPIRES
@click.option(
    "--out",
    "target",
    metavar="FILE",
    default="-",
    show_default=True,
    type=click.Path(dir_okay=False, allow_dash=True),
    help="A new file, for you alone (0600); - is standard output.",
)
@as_option
@click.pass_obj
def generate(out: Output, code_list: str, *, count: int, expires: datetime | None, target: str, who: str) -> Exit:
    """Generate codes and print them once, one a line.

    They are not kept: the database has only what it needs to recognise them. Print or send them, then remove them.
    """
    from cli.database import opened
    from jurat.codes import generate as new_code
    from store.requests.code_lists import add_codes

    made: set[str] = set()
    while len(made) < count:
        made.add(new_code())
    with opened() as service:
        fingerprints = _fingerprints(service)
        stored = [fingerprints.newest(code_list, code.replace("-", "")) for code in made]
        if target == "-":
            add_codes(service.database, code_list, stored, who, expires)
        else:
            with _new_file(Path(target), made):
                add_codes(service.database, code_list, stored, who, expires)
    shown = sorted(made) if target == "-" else []
    document = {"list": code_list, "codes": count, "expires_at": expires}
    out.show({**document, **({"generated": shown} if shown else {"file": target})}, shown)
    out.say(
        f"added {count_text(count, 'code')} to the list {code_list}"
        + (f", valid until {time_text(expires)}" if expires else "")
        + ("" if target == "-" else f"; they stand in {target} and nowhere else")
    )
    return Exit.DONE


@codes.command(
    name="import",
    examples=("jurat codes import members numbers.txt --unchecked", "jurat codes import spring - < codes.txt"),
    environment=("JURAT_DATABASE_URL", "JURAT_HASH_KEYS"),
    codes={Exit.USAGE: "bad lines in the file, wrong usage or settings; nothing was imported"},
)
@click.argument("code_list", metavar="LIST", type=ConfiguredName())
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--checked/--unchecked",
    default=None,
    help="Whether jurat generated them, with a check character.  [default: as the applied source of this list says]",
)
@_EXPIRES
@as_option
@click.pass_obj
def import_(
    out: Output, code_list: str, file: str, *, checked: bool | None, expires: datetime | None, who: str
) -> Exit:
    """Import codes that were made elsewhere: one a line, in UTF-8. Spaces, hyphens and case do not count.

    With one bad line nothing is imported, and each is told with its line and column. Codes that the list has already
    stay as they are. A list of codes that jurat did not generate needs `checked: false` in its source.
    """
    from cli.database import opened
    from store.requests.code_lists import add_codes

    with opened() as service:
        fingerprints = _fingerprints(service)
        mode = _mode(service, code_list, checked)
        found = _read(file, checked=mode)
        stored = [fingerprints.newest(code_list, code) for code in found]
        added = add_codes(service.database, code_list, stored, who, expires)
    document = {"list": code_list, "codes": len(stored), "added": added, "checked": mode, "expires_at": expires}
    out.show(document, [f"{added} of {len(stored)}"])
    out.say(f"added {count_text(added, 'code')} to the list {code_list}; it had {len(stored) - added} of them already")
    return Exit.DONE


@codes.command(name="list", examples=("jurat codes list",), environment=("JURAT_DATABASE_URL",))
@click.pass_obj
def list_(out: Output) -> Exit:
    """List the lists, and how many of their codes are used."""
    from cli.database import opened

    with opened() as service:
        rows = list(service.queries.code_lists().values())
    head = ("list", "codes", "free", "redeemed", "expired", "revoked")
    lines = columns(head, ((row.name, row.codes, row.free, row.redeemed, row.expired, row.revoked) for row in rows))
    out.show(rows, lines)
    if not rows:
        out.say("there are no codes; run `bin/jurat codes generate LIST --count N`")
    return Exit.DONE


def _fingerprints(service: Service) -> Fingerprints:
    if service.fingerprints is None:
        from cli.diagnosis.workforce import hashed_with
        from worker.keyring import how_to_set

        advice = how_to_set("JURAT_HASH_KEYS", hashed_with(service.queries))
        raise Failure(f"JURAT_HASH_KEYS is not set: codes are kept as keyed hashes alone; {advice}", Exit.USAGE)
    return service.fingerprints


class _new_file:  # noqa: N801 - a context manager
    """A file with the codes, there before they are stored, and gone again when that fails."""

    def __init__(self, path: Path, made: set[str]) -> None:
        self._path = path
        self._made = made

    def __enter__(self) -> None:
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise Failure(
                f"{self._path}: there already, and not overwritten; choose another file", Exit.USAGE
            ) from None
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write("".join(f"{code}\n" for code in sorted(self._made)))
            stream.flush()
            os.fsync(handle)

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None:
            self._path.unlink(missing_ok=True)


def _mode(service: Service, code_list: str, asked: bool | None) -> bool:  # noqa: FBT001 - three values, by position
    """Whether codes of this list are read as jurat's own: look-ups read what a participant types in the same way."""
    from config.configuration import Configuration
    from store.requests.code_lists import readers_of

    version = service.queries.config_version()
    applied = Configuration.from_json(service.queries.config(version)) if version else None
    configured = readers_of(code_list, applied.sources, applied.questions.values(), open_ones=False) if applied else {}
    for name, checked in configured.items():
        if asked is not None and asked is not checked:
            raise Failure(
                f"the source {name} reads this list with `checked: {str(checked).lower()}`; leave out the option, or "
                "change the source first",
                Exit.USAGE,
            )
    if asked is None and not configured:
        raise Failure(
            f"no applied source or question has the list {code_list}; say --checked or --unchecked, as its source will",
            Exit.USAGE,
        )
    return next(iter(configured.values()), bool(asked))


def _read(file: str, *, checked: bool) -> list[str]:
    """The cleaned codes of a file. Raises Failure with each bad line; none is shown, for it may be a code."""
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
            problems.append(f"{place}:{number}:{column}: the same code as in line {first[code]}; remove one")
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
