"""Imports a roster: a file becomes a new version, batch by batch, and takes effect as a whole.

Of each row, only the keyed hash of the number and the columns that the source's rules read are stored, sealed. Reports
hold counts and columns, and no names.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from json.encoder import encode_basestring
from pathlib import Path
from typing import Any, Final

from adapters.base import Unreadable
from adapters.file_lines import unchanged
from adapters.fingerprints import Fingerprints
from adapters.registry.record import RecordReader
from adapters.registry.roster_rows import SHOWN_PROBLEMS, Person, RosterRows
from adapters.registry.roster_seal import RosterSeal, namespace
from adapters.rosters import SEALED
from cli.database import applied_configuration, open_database
from cli.imports.address_base import failures, file_digest
from cli.output import Exit, Failure, Output, columns, count_text, fields_of
from config.configuration import Configuration
from config.lint import lint
from config.registry import RosterSource
from config.registry.model.record import STATUS
from config.suggestions import suggest
from store.datasets.address_bases import DatasetRow
from store.datasets.imports import Refused
from store.datasets.rosters import RosterEntry, RosterImport
from store.hash_keys import for_new_hashes
from store.key_use import old_workers
from worker.keyring import how_to_set

BATCH = 20_000
KIND: Final = "roster"
"""Stored where an address base has the format of its file."""

_SHRUNK = 0.5
"""A roster that has lost more than this share of its people is more likely truncated than right."""


_SHARED: Final = {
    "one": "is ambiguous",
    "all": "must pass with all of its rows",
    "any": "must pass with any of its rows",
    "newest": "must pass with the newest of its rows",
}


class Doubtful(Refused):
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

    def rows(self) -> RosterRows:
        return RosterRows(
            unchanged(self.path),
            self.path.name,
            self.source.file,
            self.source.number_input,
            packed=self.path.suffix == ".gz",
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


def _entries(
    people: Iterable[Person], hashed: Callable[[str], bytes], keep: Iterable[str], close: Callable[[str, str], str]
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


def check_roster(
    out: Output, file: Path, name: str, source: str, paths: Sequence[Path], day: date, *, skip_malformed: bool
) -> None:
    """Read the file and report what the source would make of it. With `paths`, no database is needed."""
    if paths:
        configuration: Configuration | None = _configuration_in(paths)
    else:
        with open_database() as service:
            configuration = applied_configuration(service)
    model = _source(configuration, source, name)
    rows = NewRoster(file, model, day, skip_malformed).rows()
    with failures():
        found = survey(rows, model)
    people = rows.rows - rows.left_out
    statuses = {meaning: found.statuses.get(meaning, 0) for meaning in (*model.record.status, None)}
    document = {
        "dry_run": True,
        "dataset": name,
        "rows": rows.rows,
        "people": people,
        "left_out": rows.left_out,
        "unreadable": found.unreadable,
        "statuses": {meaning or "unknown": count for meaning, count in statuses.items()} if found.statuses else {},
        "columns": _columns(rows, model),
    }
    out.show(document, columns(("dataset", "rows", "people"), [(name, rows.rows, people)]))
    _report_columns(out, rows, model)
    if found.unreadable:
        out.say(
            f"{count_text(found.unreadable, 'row')} cannot be read as the source's record says, for instance a date of "
            f"another format: {_lines(found.unreadable_at, found.unreadable)}"
        )
    for meaning, count in found.statuses.most_common():
        status = f"means {meaning}" if meaning else "the source does not know"
        out.say(f"{count_text(count, 'row')} with a status that {status}")
    out.say("the file is good; nothing was imported")


def import_roster_file(
    out: Output,
    file: Path,
    name: str,
    source: str,
    paths: Sequence[Path],
    day: date,
    who: str,
    *,
    skip_malformed: bool,
    force: bool,
    progress: Callable[[int], None],
) -> None:
    """Import the file, switch to it, and report."""
    started = time.monotonic()
    with open_database() as service:
        model = _source(_configuration_in(paths) if paths else applied_configuration(service), source, name)
        if service.fingerprints is None:
            advice = how_to_set("JURAT_HASH_KEYS", service.queries.hash_keys())
            raise Failure(f"JURAT_HASH_KEYS is not set: numbers are stored only as keyed hashes; {advice}", Exit.USAGE)
        with service.database.begin() as connection:
            fingerprints = for_new_hashes(connection, service.fingerprints)
            old = old_workers(connection)
        new = NewRoster(file, model, day, skip_malformed)
        imports = RosterImport(service.database)
        with failures():
            done = import_roster(imports, new, fingerprints, who, progress, force=force, in_clear=bool(old))
    _show(out, done, new, time.monotonic() - started)
    if not done.row.is_sealed:
        names = ", ".join(each.name for each in old)
        out.say(
            f"what is kept is in clear: {names}, of an older release, could not open it; upgrade all workers, and "
            "import the file again"
        )


def _show(out: Output, done: ImportedRoster, new: NewRoster, seconds: float) -> None:
    row, rows = done.row, done.rows
    document = {
        "dataset": row.name,
        "version": row.version,
        "changed": rows is not None,
        **fields_of(row, "data_date", "people", "left_out"),
        "sealed": row.is_sealed,
        "shared_numbers": None if rows is None else done.shared,
        "columns": None if rows is None else _columns(rows, new.source),
        "seconds": round(seconds, 1),
    }
    head = ("dataset", "version", "people", "left out", "data of")
    out.show(document, columns(head, [(row.name, row.version, row.people, row.left_out, row.data_date)]))
    if rows is None:
        out.say(f"version {row.version} was already imported from this file; nothing was done")
        return
    _report_columns(out, rows, new.source)
    if done.shared:
        shared = f"{count_text(done.shared, 'number')} in {count_text(done.sharing, 'row')}"
        out.say(f"{shared}: a participant with one of them {_SHARED[new.source.record.several_kind]}")
    out.say(f"imported {count_text(rows.rows, 'row')} in {seconds:.1f} s; version {row.version} is in force")


def _configuration_in(paths: Sequence[Path]) -> Configuration:
    report = lint(paths)
    if report.configuration is None:
        raise Failure("\n".join([*map(str, report.errors), "nothing was imported"]), Exit.USAGE)
    return report.configuration


def _source(configuration: Configuration | None, source: str, dataset: str) -> RosterSource:
    if configuration is None:
        raise Failure("no configuration was applied yet; name one with --config", Exit.USAGE)
    lists = {name: model for name, model in configuration.sources.items() if isinstance(model, RosterSource)}
    model = lists.get(source)
    if model is None and source in configuration.sources:
        raise Failure(f"the source {source} is not of type roster", Exit.USAGE)
    if model is None:
        raise Failure(f"the configuration has no source {source} of type roster: {suggest(source, lists)}", Exit.USAGE)
    if model.dataset != dataset:
        raise Failure(f"the source {source} has the dataset {model.dataset}, not {dataset}", Exit.USAGE)
    return model


def _columns(rows: RosterRows, model: RosterSource) -> dict[str, Any]:
    stored = (model.file.number, *model.file.keep)
    return {
        "number": model.file.number,
        "kept": list(model.file.keep),
        "not_stored": [column for column in rows.columns if column and column not in stored],
    }


def _report_columns(out: Output, rows: RosterRows, model: RosterSource) -> None:
    """Say which columns are stored, and which rows are left out."""
    found = _columns(rows, model)
    kept = ", ".join(found["kept"]) or "nothing else"
    others = ", ".join(found["not_stored"])
    out.say(f"stored: the hash of {found['number']}, and {kept}{f'; not stored: {others}' if others else ''}")
    if rows.shorter and model.record.absent == "refused" and model.number_input.format is None:
        out.say(
            f"{count_text(rows.shorter, 'number')} with fewer digits than others: "
            f"{_lines(rows.shorter_at, rows.shorter)}; if a spreadsheet dropped zeros, export the column as text. "
            "Whoever differs by such zeros alone is not refused"
        )
    if rows.left_out:
        out.say(
            f"{count_text(rows.left_out, 'row')} left out, with an empty or malformed number: "
            f"{_lines(rows.left_out_at, rows.left_out)}; while some are left out, absence refuses no one"
        )


def _lines(first: Sequence[int], count: int) -> str:
    more = count - len(first)
    return f"line{'s' if count > 1 else ''} {', '.join(map(str, first))}" + (f" and {more:,} more" if more else "")
