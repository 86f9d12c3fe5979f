"""Imports a roster for `datasets import-roster`, and reports. Reports hold counts and columns, and no names."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from adapters.registry.roster_rows import RosterRows
from cli.database import applied_configuration, open_database
from cli.imports.address_base import failures
from cli.output import Exit, Failure, Output, columns, count_text, fields_of
from config.configuration import Configuration
from config.lint import lint
from config.registry import RosterSource
from config.suggestions import suggest
from store.datasets.roster_files import ImportedRoster, NewRoster, import_for_workers, survey
from worker.keyring import how_to_set

_SHARED: Final = {
    "one": "is ambiguous",
    "all": "must pass with all of its rows",
    "any": "must pass with any of its rows",
    "newest": "must pass with the newest of its rows",
}


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
    new = NewRoster(file, model, day, skip_malformed)
    rows = new.rows()
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
    _report_columns(out, rows, new)
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
        new = NewRoster(file, model, day, skip_malformed)
        with failures():
            done, old = import_for_workers(service.database, new, service.fingerprints, who, progress, force=force)
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
    _report_columns(out, rows, new)
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


def _report_columns(out: Output, rows: RosterRows, new: NewRoster) -> None:
    """Say which columns are stored, and which rows are left out."""
    found = _columns(rows, new.source)
    kept = ", ".join(found["kept"]) or "nothing else"
    others = ", ".join(found["not_stored"])
    out.say(f"stored: the hash of {found['number']}, and {kept}{f'; not stored: {others}' if others else ''}")
    if new.shorter(rows):
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
