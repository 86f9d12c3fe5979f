"""`codes`: access codes, which are stored only as keyed hashes."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.command import Group, as_option, configured_name, confirm, future_moment
from cli.database import applied_configuration, open_database
from cli.output import Exit, Failure, Output, columns, count_text, new_file, time_text

if TYPE_CHECKING:
    from adapters.fingerprints import Fingerprints
    from worker.service import Service

_MOST = 100_000
"""As `store.requests.code_files` has it."""

_SHOWN = 50

_EXPIRES = click.option(
    "--expires",
    type=future_moment("it has passed already", whole_day=True),
    metavar="DATE",
    help="Last day on which the codes are valid (in UTC), or a time with its offset.",
)

_CHECKED = click.option(
    "--checked/--unchecked",
    default=None,
    help="Whether jurat generated them, with a check character.  [default: as the applied source of this list says]",
)


@click.group(cls=Group)
def codes() -> None:
    """Generate, import, revoke and list access codes."""


@codes.command(
    examples=(
        "jurat codes generate spring --count 500 --out codes.txt",
        "jurat codes generate spring --count 20 --expires 2027-06-30",
    ),
    environment=("JURAT_DATABASE_URL", "JURAT_HASH_KEYS"),
)
@click.argument("code_list", metavar="LIST", type=configured_name)
@click.option("--count", required=True, type=click.IntRange(1, _MOST), metavar="N", help="How many.")
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
    from store.requests.code_lists import add_generated, new_codes

    codes = new_codes(count)
    with open_database() as service:
        fingerprints = _fingerprints(service)
        if target == "-":
            add_generated(service.database, fingerprints, code_list, codes, who, expires)
        else:
            with new_file(Path(target), 0o600) as stream:
                stream.write("".join(f"{code}\n" for code in codes))
                stream.flush()
                os.fsync(stream.fileno())
                add_generated(service.database, fingerprints, code_list, codes, who, expires)
    printed = codes if target == "-" else []
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
@_CHECKED
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
    from store.requests.code_files import SAFE, guesses_needed
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


@codes.command(
    examples=(
        "jurat codes revoke spring",
        "jurat codes revoke spring lost.txt",
        "jurat codes revoke spring - < lost.txt",
    ),
    environment=("JURAT_DATABASE_URL", "JURAT_HASH_KEYS"),
    codes={
        Exit.REFUSED: "you said no, and nothing was revoked",
        Exit.USAGE: "no such list, bad lines in the file, wrong usage or settings; nothing was revoked",
    },
)
@click.argument("code_list", metavar="LIST", type=configured_name)
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@_CHECKED
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_option
def revoke(out: Output, code_list: str, file: str | None, *, checked: bool | None, yes: bool, who: str) -> None:
    """Revoke those codes of LIST that nobody has redeemed: all of them, or the ones in FILE, one a line.

    Revoked codes let nobody in, for good. What a redeemed code gave stays: `access revoke` takes that from a
    participant. Codes that are added to the list later are valid.
    """
    with open_database() as service:
        before = service.queries.code_lists().get(code_list)
        if before is None:
            raise Failure(f"there is no list {code_list}; `bin/jurat codes list` shows them", Exit.USAGE)
        if file is not None:
            _revoke_some(out, service, code_list, file, who, checked=checked)
            return
        left = count_text(before.codes - before.redeemed - before.revoked, "code")
        warning = f"{left} of the list {code_list} will let nobody in, for good."
        if not yes and not confirm(warning, "Revoke?"):
            raise Failure("nothing was revoked", Exit.REFUSED)
        from store.requests.code_revocations import revoke_list

        revoked = sum(revoke_list(service.database, code_list, who))
        after = service.queries.code_lists()[code_list]
    out.show({"list": code_list, "revoked": revoked, "redeemed": after.redeemed}, [f"{revoked} of {after.codes}"])
    out.say(f"revoked {count_text(revoked, 'code')} of the list {code_list}{_kept(after.redeemed)}")


def _revoke_some(out: Output, service: Service, code_list: str, file: str, who: str, *, checked: bool | None) -> None:
    from store.requests.code_revocations import revoke_codes

    fingerprints = _fingerprints(service)
    given = _read(file, checked=_check_mode(service, code_list, checked), end="nothing was revoked")
    done = revoke_codes(service.database, fingerprints, code_list, given, who)
    out.show({"list": code_list, "codes": len(given), **asdict(done)}, [f"{done.revoked} of {len(given)}"])
    out.say(
        f"revoked {count_text(done.revoked, 'code')} of the list {code_list} (revoked before: {done.before}, not in "
        f"it: {done.unknown}){_kept(done.redeemed)}"
    )


def _kept(redeemed: int) -> str:
    if not redeemed:
        return ""
    codes = count_text(redeemed, "redeemed code")
    return f"; what {codes} gave stays: `bin/jurat access revoke` takes it from a participant"


@codes.command(name="list", examples=("jurat codes list",))
def list_(out: Output) -> None:
    """List the lists, and how many of their codes are used."""
    with open_database() as service:
        rows = list(service.queries.code_lists().values())
    head = ("codes", "free", "redeemed", "expired", "revoked")
    out.show(rows, columns(("list", *head), map(attrgetter("name", *head), rows)))
    if not rows:
        out.say("there are no codes; run `bin/jurat codes generate LIST --count N`")


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


def _read(file: str, *, checked: bool, end: str = "nothing was imported") -> list[str]:
    """The cleaned codes of a file. Raises Failure with the place of each bad line, without its text."""
    from config.regular_files import read_given
    from store.requests.code_files import LARGEST_FILE, WrongCodes, codes_in

    place, most = "standard input" if file == "-" else file, LARGEST_FILE + 1
    content = sys.stdin.buffer.read(most) if file == "-" else read_given(Path(file), most)
    try:
        return codes_in(content, checked=checked)
    except WrongCodes as error:
        where = [f"{place}:{line}:{column}" if line else place for line, column, _ in error.lines]
        said = [f"{at}: {what}" for at, (_, _, what) in zip(where, error.lines, strict=True)]
        more = [f"{place}: and {len(said) - _SHOWN} more"] if len(said) > _SHOWN else []
        raise Failure("\n".join([*said[:_SHOWN], *more, *[end] * (len(said) > 1)]), Exit.USAGE) from None
