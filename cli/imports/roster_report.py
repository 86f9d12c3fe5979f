"""Reports an import of a roster in counts and columns, and names nobody."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.output import Exit, Failure, Output, columns, count_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adapters.registry.roster_rows import RosterRows
    from cli.imports.roster import ImportedRoster, LookedThrough, NewRoster
    from config.configuration import Configuration
    from config.registry import RosterSource
    from worker.bootstrap import Service


def check_roster(
    out: Output, file: Path, name: str, source: str, paths: Sequence[Path], day: date, *, skip_malformed: bool
) -> Exit:
    """Go through the file and say what the source would make of it. With `paths` no database is needed."""
    from cli.imports.roster import NewRoster, look_through

    if paths:
        model = _source(_written(paths), source, name)
    else:
        from cli.database import opened

        with opened() as service:
            model = _source(_applied(service), source, name)
    new = NewRoster(file, model, day, skip_malformed)
    with _failures(), new.opened() as rows:
        found = look_through(rows, model)
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
    _tell(out, rows, model)
    _tell_records(out, found)
    out.say("the file is good; nothing was imported")
    return Exit.DONE


def import_roster(
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
) -> Exit:
    """Import the file, and switch to it."""
    from cli.database import opened
    from cli.diagnosis.workforce import hashed_with
    from cli.imports import roster
    from store.datasets.rosters import RosterImport
    from worker.keyring import how_to_set

    started = time.monotonic()
    with opened() as service:
        model = _source(_written(paths) if paths else _applied(service), source, name)
        if service.fingerprints is None:
            advice = how_to_set("JURAT_HASH_KEYS", hashed_with(service.queries))
            raise Failure(f"JURAT_HASH_KEYS is not set: numbers are kept as keyed hashes alone; {advice}", Exit.USAGE)
        new = roster.NewRoster(file, model, day, skip_malformed)
        with _failures():
            done = roster.import_roster(
                RosterImport(service.database), new, service.fingerprints, who, progress, force=force
            )
    _show(out, done, new, time.monotonic() - started)
    return Exit.DONE


def _show(out: Output, done: ImportedRoster, new: NewRoster, seconds: float) -> None:
    row, rows = done.row, done.rows
    document = {
        "dataset": row.name,
        "version": row.version,
        "changed": rows is not None,
        "data_date": row.data_date,
        "people": row.people,
        "left_out": row.left_out,
        "shared_numbers": None if rows is None else done.shared,
        "columns": None if rows is None else _columns(rows, new.source),
        "seconds": round(seconds, 1),
    }
    head = ("dataset", "version", "people", "left out", "data of")
    out.show(document, columns(head, [(row.name, row.version, row.people, row.left_out, row.data_date)]))
    if rows is None:
        out.say(f"version {row.version} was imported from this file already; nothing was done")
        return
    _tell(out, rows, new.source)
    if done.shared:
        out.say(
            f"{count_text(done.shared, 'number')} in {count_text(done.sharing, 'row')}: whoever gives one of them is "
            "ambiguous"
        )
    out.say(f"imported {count_text(rows.rows, 'row')} in {seconds:.1f} s; version {row.version} is in force")


@contextmanager
def _failures() -> Iterator[None]:
    from adapters.registry.roster_rows import RosterFileError
    from cli.imports.roster import Doubtful
    from store.datasets.imports import OtherKind, Overtaken

    try:
        yield
    except RosterFileError as error:
        raise Failure(f"{error}\nnothing was imported", Exit.USAGE) from None
    except (Doubtful, OtherKind, Overtaken) as error:
        raise Failure(str(error), Exit.REFUSED) from None


def _written(paths: Sequence[Path]) -> Configuration:
    from config.lint import lint

    report = lint(paths)
    if report.configuration is None:
        raise Failure("\n".join([*map(str, report.errors), "nothing was imported"]), Exit.USAGE)
    return report.configuration


def _applied(service: Service) -> Configuration:
    from config.configuration import Configuration

    version = service.queries.config_version()
    if version is None:
        raise Failure("no configuration was applied yet; name one with --config", Exit.USAGE)
    return Configuration.from_json(service.queries.config(version))


def _source(configuration: Configuration, source: str, dataset: str) -> RosterSource:
    from config.registry import RosterSource
    from config.suggestions import suggest

    lists = {name: model for name, model in configuration.sources.items() if isinstance(model, RosterSource)}
    model = lists.get(source)
    if model is None and source in configuration.sources:
        raise Failure(f"the source {source} is not of type roster", Exit.USAGE)
    if model is None:
        raise Failure(f"the configuration has no source {source} of type roster: {suggest(source, lists)}", Exit.USAGE)
    if model.dataset_name != dataset:
        raise Failure(f"the source {source} has the dataset {model.dataset_name}, and not {dataset}", Exit.USAGE)
    return model


def _columns(rows: RosterRows, model: RosterSource) -> dict[str, Any]:
    stored = (model.file.number, *model.file.keep)
    return {
        "number": model.file.number,
        "kept": list(model.file.keep),
        "not_stored": [column for column in rows.columns if column not in stored],
    }


def _tell(out: Output, rows: RosterRows, model: RosterSource) -> None:
    """Which columns are stored, and which rows are not."""
    found = _columns(rows, model)
    kept = ", ".join(found["kept"]) or "nothing else"
    others = ", ".join(found["not_stored"])
    out.say(f"stored: the hash of {found['number']}, and {kept}{f'; not stored: {others}' if others else ''}")
    if rows.left_out:
        out.say(
            f"{count_text(rows.left_out, 'row')} left out, whose number is empty or malformed: "
            f"{_lines(rows.left_out_at, rows.left_out)}; while some are, absence from the list refuses nobody"
        )


def _tell_records(out: Output, found: LookedThrough) -> None:
    if found.unreadable:
        out.say(
            f"{count_text(found.unreadable, 'row')} cannot be read as the source's record says, such as dates of "
            f"another format: {_lines(found.unreadable_at, found.unreadable)}"
        )
    for meaning, count in sorted(found.statuses.items(), key=lambda item: -item[1]):
        out.say(
            f"{count_text(count, 'row')} with a status that "
            + (f"means {meaning}" if meaning else "the source does not know")
        )


def _lines(first: Sequence[int], count: int) -> str:
    more = count - len(first)
    return f"line{'s' if count > 1 else ''} {', '.join(map(str, first))}" + (f" and {more:,} more" if more else "")
