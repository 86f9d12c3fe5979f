"""`reconcile`: compares what a platform knows of its checks with the database."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from uuid import UUID

from cli.command import command
from cli.database import open_database
from cli.output import Exit, Failure, Output, columns, count_text

_OUTCOMES = ("accepted", "refused", "undetermined")


@command(
    examples=(
        "psql platform -Atc 'SELECT check_id, outcome FROM answers' -F ' ' | jurat reconcile",
        "jurat reconcile --json < ids.txt",
    ),
    codes={Exit.DONE: "all is as the platform knows it", Exit.REFUSED: "some checks are not"},
)
def reconcile(out: Output) -> Exit:
    """Compare a platform's checks with the database, after a backup was restored.

    Standard input has a line for each check: its id, and after a space the outcome that the platform saw, if any. What
    differs is listed: `missing` where there is no such check. The participant has to confirm that answer again, and a
    code that it redeemed is free. Otherwise the outcome that counts here, or the state of a check without one.
    """
    from jurat.database import reader
    from store.restored import differences

    with open_database() as service, reader(service.database).begin() as connection:
        counted = _Counted(_known(line.decode(errors="replace") for line in sys.stdin.buffer))
        found = list(differences(connection, counted))
    if not counted.count:
        raise Failure("standard input has no ids of checks", Exit.USAGE)
    rows = [(each.id, each.known, each.here or "missing") for each in found]
    document = {"ok": not found, "checks": counted.count, "differences": found}
    out.show(document, columns(("check", "known", "here"), rows))
    out.say(f"{count_text(counted.count, 'check')} compared, {count_text(len(found), 'difference')}")
    return Exit.REFUSED if found else Exit.DONE


class _Counted:
    """Counts what passes through."""

    def __init__(self, known: Iterable[tuple[UUID, str]]) -> None:
        self._known = known
        self.count = 0

    def __iter__(self) -> Iterator[tuple[UUID, str]]:
        for each in self._known:
            self.count += 1
            yield each


def _known(lines: Iterable[str]) -> Iterator[tuple[UUID, str]]:
    """Raises Failure for a line that is none; its text is not shown."""
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words:
            continue
        try:
            check, outcome = UUID(words[0]), words[1] if len(words) > 1 else ""
        except ValueError:
            raise Failure(f"standard input:{number}:1: the id of a check is expected", Exit.USAGE) from None
        if len(words) > 2 or (outcome and outcome not in _OUTCOMES):
            column = line.index(words[1]) + 1
            raise Failure(
                f"standard input:{number}:{column}: nothing, or one of {', '.join(_OUTCOMES)} is expected", Exit.USAGE
            )
        yield check, outcome
