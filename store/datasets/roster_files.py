"""Imports a roster: a file becomes a new version, batch by batch, and takes effect as a whole.

Of each row, only the keyed hash of the number and the columns that the source's rules read are stored, sealed. Reports
hold counts and columns, and no names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from json.encoder import encode_basestring
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from adapters.base import Unreadable
from adapters.file_lines import PACKED, file_digest, unchanged
from adapters.fingerprints import Fingerprints
from adapters.registry.record import RecordReader
from adapters.registry.roster_rows import SHOWN_PROBLEMS, RosterRow, RosterRows
from adapters.registry.roster_seal import RosterSeal, namespace
from adapters.rosters import SEALED
from config.registry import RosterSource
from config.registry.model.record import STATUS
from store.datasets.address_bases import DatasetRow
from store.datasets.imports import ImportRefused
from store.datasets.rosters import RosterEntry, RosterImport
from store.hash_keys import for_new_hashes
from store.key_use import old_workers
from store.workers import WorkerRow

BATCH = 20_000
KIND: Final = "roster"
"""Stored where an address base has the format of its file."""

_SHRUNK = 0.5
"""A roster that has lost more than this share of its people is more likely truncated than right."""


class Doubtful(ImportRefused):
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

    def digest(self, layout: str, key_id: str) -> str:
        """A hash of the file and all settings: the same digest gives the same dataset. `layout` is that of its rows."""
        file = (layout, self.source.file.encoding, self.source.file.delimiter)
        return file_digest(self.path, KIND, *file, key_id, self.data_date.isoformat(), self.skip_malformed)

    def shorter(self, rows: RosterRows) -> int:
        """Of rows that were read, how many numbers have fewer digits than others, where absence refuses: a spreadsheet
        may have dropped zeros.
        """
        refuses = self.source.record.absent == "refused" and self.source.number_input.format is None
        return rows.shorter if refuses else 0

    def rows(self) -> RosterRows:
        return RosterRows(
            unchanged(self.path),
            self.path.name,
            self.source.file,
            self.source.number_input,
            packed=self.path.suffix in PACKED,
            skip_malformed=self.skip_malformed,
        )


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
    in_clear: bool = False,
) -> ImportedRoster:
    """Import a roster and switch to it. After each batch, `report` gets the number of rows read.

    Memory does not grow with the file. With `in_clear` the rows are not sealed, unless those in force are.

    Raises:
        FileError: with everything that is wrong with the file; the version in force stays.
        Doubtful: its data are older than those in force, or half of the people are missing. Not with `force`.
        Overtaken: another import of this name began, or it was removed.
        OtherKind: an address base has this name.
    """
    key_id, hashed = fingerprints.newest_digest(namespace(new.name))
    before = next((row for row in imports.versions() if (row.name, row.state) == (new.name, "active")), None)
    sealed = not in_clear or (before is not None and before.is_sealed)
    layout = SEALED * sealed + new.source.layout
    digest = new.digest(layout, key_id)
    if before is not None and before.digest == digest:
        return ImportedRoster(before)
    if before is not None and before.is_roster and new.data_date < before.data_date and not force:
        raise Doubtful(
            f"the data of {new.data_date} are older than those in force, of {before.data_date}; give their day with "
            "--data-date, or import them with --force"
        )
    rows = new.rows()
    staged = imports.stage(new.name, KIND, "", digest, new.data_date, who, layout=layout, key_id=key_id)
    seal = RosterSeal(fingerprints, key_id, new.name, staged.version)
    close = seal.close if sealed else lambda _, kept: kept
    with imports.removing_on_failure(staged):
        entries = _entries(rows, hashed, new.source.file.keep, close)
        while imports.add(staged, islice(entries, BATCH)):
            report(rows.rows)
        people = rows.rows - rows.left_out
        if before is not None and people < before.people * _SHRUNK and not force:
            raise Doubtful(
                f"the roster has {people:,} people, and {before.people:,} are in force: is the file truncated? If it "
                "is right, import it with --force"
            )
        enrolled = imports.switch(staged, who, rows.left_out)
    return ImportedRoster(enrolled.row, rows, enrolled.shared, enrolled.sharing)


def import_for_workers(
    engine: Engine,
    new: NewRoster,
    fingerprints: Fingerprints,
    who: str,
    report: Callable[[int], None] = lambda _: None,
    *,
    force: bool = False,
) -> tuple[ImportedRoster, list[WorkerRow]]:
    """Import a roster with the key in use, sealed where all live workers could open it; and those that could not.

    Raises as `import_roster`, and ConfigurationError if the key in use is missing.
    """
    with engine.begin() as connection:
        fingerprints = for_new_hashes(connection, fingerprints)
        old = old_workers(connection)
    return import_roster(RosterImport(engine), new, fingerprints, who, report, force=force, in_clear=bool(old)), old


def _entries(
    people: Iterable[RosterRow], hashed: Callable[[str], bytes], keep: Iterable[str], close: Callable[[str, str], str]
) -> Iterator[RosterEntry]:
    """What is stored of each person. Building the JSON by hand takes a third of the time."""
    keys = [f"{encode_basestring(name)}:" for name in keep]
    for line, number, kept in people:
        members = [key + encode_basestring(text) for key, text in zip(keys, kept, strict=True)]
        yield RosterEntry(line, hashed(number), close(number, f"{{{','.join(members)}}}"))


@dataclass(slots=True)
class RosterSurvey:
    """What the source would make of the rows of a file. `statuses` counts them by meaning, None for an unknown status;
    `unreadable` rows are no record, for instance as a date has another format.
    """

    statuses: Counter[str | None] = field(default_factory=Counter)
    unreadable: int = 0
    unreadable_at: list[int] = field(default_factory=list)


def survey(people: Iterable[RosterRow], source: RosterSource) -> RosterSurvey:
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
