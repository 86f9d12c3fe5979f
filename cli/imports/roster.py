"""Imports a roster: a file becomes a new version, batch by batch, and takes effect as a whole.

Of each row, only the keyed hash of the number and the columns that the source's rules read are stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from json.encoder import encode_basestring
from pathlib import Path
from typing import Final

from adapters.base import Unreadable
from adapters.fingerprints import Fingerprints
from adapters.registry.record import RecordReader
from adapters.registry.roster import namespace
from adapters.registry.roster_rows import SHOWN_PROBLEMS, Person, RosterFileError, RosterRows
from cli.imports.address_base import file_digest
from config.registry import RosterSource
from config.registry.model.record import STATUS
from config.regular_files import open_regular
from store.datasets.address_bases import DatasetRow
from store.datasets.rosters import RosterEntry, RosterImport

BATCH = 20_000
KIND: Final = "roster"
"""Stored where an address base has the format of its file."""

_SHRUNK = 0.5
"""A roster that has lost more than this share of its people is more likely truncated than right."""


class Doubtful(Exception):
    """The file is well formed, and yet probably wrong. It is imported only by force."""


@dataclass(frozen=True, slots=True)
class NewRoster:
    """A file to import as the source says. `data_date` is the day of the data."""

    path: Path
    source: RosterSource
    data_date: date
    skip_malformed: bool = False

    @property
    def name(self) -> str:
        return self.source.dataset

    def digest(self, key_id: str) -> str:
        """A hash of the file and all settings: the same digest gives the same dataset."""
        layout = (KIND, self.source.layout, self.source.file.encoding, self.source.file.delimiter)
        return file_digest(self.path, *layout, key_id, self.data_date.isoformat(), self.skip_malformed)

    @contextmanager
    def open_rows(self) -> Iterator[RosterRows]:
        """The rows of the file, to be read once. Raises RosterFileError if it is unreadable or was changed."""
        try:
            before = self.path.stat()
            with open_regular(self.path) as raw:
                yield RosterRows(
                    raw,
                    self.path.name,
                    self.source.file,
                    self.source.number_input,
                    packed=self.path.suffix == ".gz",
                    skip_malformed=self.skip_malformed,
                )
            after = self.path.stat()
        except OSError as error:
            raise RosterFileError(f"{self.path.name}: cannot be read: {error.strerror}") from None
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise RosterFileError(f"{self.path.name}: was changed while it was read; try again")


@dataclass(frozen=True, slots=True)
class ImportedRoster:
    """The version in force now. `rows` counts what was read; None if the file was imported before and nothing was done.

    `shared` numbers are in several rows each, `sharing` in all.
    """

    row: DatasetRow
    rows: RosterRows | None = None
    shared: int = 0
    sharing: int = 0


def import_roster(
    imports: RosterImport,
    new: NewRoster,
    fingerprints: Fingerprints,
    who: str,
    report: Callable[[int], None] = lambda _: None,
    *,
    force: bool = False,
) -> ImportedRoster:
    """Import a roster and switch to it. After each batch, `report` gets the number of rows read.

    Memory does not grow with the file.

    Raises:
        RosterFileError: with everything that is wrong with the file; the version in force stays.
        Doubtful: its data are older than those in force, or half of the people are missing. Not with `force`.
        Overtaken: another import of this name began, or it was removed.
        OtherKind: an address base has this name.
    """
    key_id, hashed = fingerprints.newest_digest(namespace(new.name))
    digest = new.digest(key_id)
    before = next((row for row in imports.versions() if (row.name, row.state) == (new.name, "active")), None)
    if before is not None and before.digest == digest:
        return ImportedRoster(before)
    if before is not None and before.is_roster and new.data_date < before.data_date and not force:
        raise Doubtful(
            f"the data of {new.data_date} are older than those in force, of {before.data_date}; give their day with "
            "--data-date, or import them with --force"
        )
    staged = imports.stage(new.name, KIND, "", digest, new.data_date, who, layout=new.source.layout, key_id=key_id)
    try:
        with new.open_rows() as rows:
            entries = _entries(rows, hashed, new.source.file.keep)
            while imports.add(staged, islice(entries, BATCH)):
                report(rows.rows)
        people = rows.rows - rows.left_out
        if before is not None and people < before.people * _SHRUNK and not force:
            raise Doubtful(
                f"the roster has {people:,} people, and {before.people:,} are in force: is the file truncated? If it "
                "is right, import it with --force"
            )
        enrolled = imports.switch(staged, who, rows.left_out)
    except Exception:
        imports.give_up(staged)
        raise
    return ImportedRoster(enrolled.row, rows, enrolled.shared, enrolled.sharing)


def _entries(people: Iterable[Person], hashed: Callable[[str], bytes], keep: Iterable[str]) -> Iterator[RosterEntry]:
    """What is stored of each person. Building the JSON by hand takes a third of the time."""
    keys = [f"{encode_basestring(name)}:" for name in keep]
    for line, number, kept in people:
        members = [key + encode_basestring(text) for key, text in zip(keys, kept, strict=True)]
        yield RosterEntry(line, hashed(number), f"{{{','.join(members)}}}")


@dataclass(slots=True)
class RosterSurvey:
    """What the source would make of the rows of a file. `statuses` counts them by meaning, None for an unknown status;
    `unreadable` rows are no record, for instance as a date has another format.
    """

    statuses: Counter[str | None] = field(default_factory=Counter)
    unreadable: int = 0
    unreadable_at: list[int] = field(default_factory=list)


def survey(people: Iterable[Person], source: RosterSource) -> RosterSurvey:
    """Read every row as a lookup would, and store nothing."""
    reader = RecordReader(source.record)
    meanings = {word: meaning for meaning, words in source.record.status.items() for word in words}
    found = RosterSurvey()
    for line, number, kept in people:
        row = {source.file.number: number, **dict(zip(source.file.keep, kept, strict=True))}
        try:
            record = reader.read(row)
        except Unreadable:
            found.unreadable += 1
            if len(found.unreadable_at) < SHOWN_PROBLEMS:
                found.unreadable_at.append(line)
            continue
        if meanings:
            meant = {meanings.get(value) for value in record.values(STATUS)}
            found.statuses[meant.pop() if len(meant) == 1 else None] += 1
    return found
