"""`config`: checking, publishing and showing the configuration."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from worker.command import Group, as_option
from worker.output import Exit, Failure, Output, columns, count_text, time_text

if TYPE_CHECKING:
    from config.configuration import Configuration
    from config.lint import Report
    from config.problems import Problem
    from tasks.ledger.reading import AppliedRow, CodeListRow, Reading

_PATHS = click.argument("paths", metavar="PATH…", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))


@click.group(cls=Group)
def config() -> None:
    """Check, publish and show the configuration: sources, criteria, consultations."""


@config.command(examples=("jurat config lint jurat.yaml", "jurat config lint config.d/ --json"))
@_PATHS
@click.pass_obj
def lint(out: Output, paths: Sequence[Path]) -> Exit:
    """Check files, or folders of them, without a database.

    Prints one line for each problem, `file:line:column: error: what is wrong — what to do`. Warnings do not keep a
    configuration from being published. Zones and code lists are checked by `config apply`, against the database.
    """
    report = _linted(paths)
    out.show(_document(report.problems), map(str, report.problems))
    out.say(_summary(report.problems))
    return Exit.USAGE if report.errors else Exit.DONE


@config.command(examples=("jurat config schema > jurat.schema.json",))
@click.pass_obj
def schema(out: Output) -> Exit:
    """Print the JSON Schema of a configuration, for editors.

    Name it in the first line of your file: `# yaml-language-server: $schema=./jurat.schema.json`.
    """
    from config.schema import schema as made
    from config.schema import schema_text

    out.show(made(), schema_text().splitlines())
    return Exit.DONE


@config.command(
    examples=("jurat config apply jurat.yaml", "jurat config apply config.d/ --dry-run"),
    environment=("JURAT_DATABASE_URL",),
)
@_PATHS
@click.option(
    "--force",
    is_flag=True,
    help="Apply it even where checks are on their way whose source or question it removes: they end undetermined.",
)
@click.option("--dry-run", is_flag=True, help="Check everything, also against the database, and change nothing.")
@as_option
@click.pass_obj
def apply(out: Output, paths: Sequence[Path], *, force: bool, dry_run: bool, who: str) -> Exit:
    """Publish a configuration as the next version. Running workers take it within 5 s.

    An invalid one changes nothing. One that says the same as the version before is no new version.
    """
    from worker.database import opened

    with opened() as service:
        report = _linted(paths, service.reading.zone_versions())
        problems = list(report.problems)
        if report.configuration is not None:
            problems += _unknown_lists(report.configuration, service.reading.code_lists(), paths)
        for problem in problems:
            out.say(str(problem))
        if report.configuration is None or len(problems) > len(report.problems):
            out.show({"version": None, "changed": False, **_document(problems)}, ())
            raise Failure(f"{_summary(problems)}; nothing was changed", Exit.USAGE)
        if dry_run:
            version, changed = _foresee(report.configuration, service.reading, force=force)
        else:
            version, changed = service.publishing.apply(report.configuration, who, force=force)
    document = {"version": version, "changed": changed, "digest": report.configuration.digest, **_document(problems)}
    out.show({**document, "dry_run": dry_run}, [f"version {version}"])
    would = "would be " if dry_run else ""
    out.say(f"{would}applied" if changed else "nothing new: the version before says the same")
    return Exit.DONE


@config.command(
    examples=("jurat config show", "jurat config show --version 3 > jurat.yaml", "jurat config show --sources"),
    environment=("JURAT_DATABASE_URL",),
)
@click.option("--version", "version", type=click.IntRange(min=1), metavar="N", help="Another version than the newest.")
@click.option(
    "--sources", "settings", is_flag=True, help="Show the settings instead: each value's source, secrets hidden."
)
@click.pass_obj
def show(out: Output, *, version: int | None, settings: bool) -> Exit:
    """Show an applied configuration as YAML. Secrets are references in it, so none is shown."""
    if settings:
        return _show_settings(out)
    from worker.database import opened

    with opened() as service:
        newest = service.reading.config_version()
        if newest is None:
            raise Failure("no configuration was applied yet; run `bin/jurat config apply PATH`", Exit.REFUSED)
        try:
            applied = service.reading.applied(version or newest)
            text = service.reading.config(version or newest)
        except LookupError:
            raise Failure(f"there is no version {version}; the newest is {newest}", Exit.USAGE) from None
    document = _readable(text)
    facts = {
        "version": applied.version,
        "newest": newest,
        "applied_by": applied.applied_by,
        "applied_at": applied.applied_at,
        "digest": applied.digest,
    }
    out.show({**facts, "document": document}, () if out.json else [_comment(applied), *_yaml(document)])
    return Exit.DONE


def _linted(paths: Sequence[Path], zones: Collection[str] | None = None) -> Report:
    import os

    from config.lint import lint

    return lint(paths, zones=zones, environ=os.environ)


def _unknown_lists(
    configuration: Configuration, lists: Mapping[str, CodeListRow], paths: Sequence[Path]
) -> list[Problem]:
    """Sources whose list has no codes: each code would be refused as unknown, and a refusal needs positive evidence."""
    from config.problems import Complaint
    from config.reading import read
    from config.sources import CodesSource
    from config.suggestions import did_you_mean

    missing = {
        name: source.list
        for name, source in configuration.sources.items()
        if isinstance(source, CodesSource) and source.list not in lists
    }
    if not missing:
        return []
    positions = read(paths).positions
    problems = []
    for name, code_list in missing.items():
        near = did_you_mean(code_list, lists)
        command = f"run: bin/jurat codes generate {code_list} --count N"
        hint = f"{near} Otherwise {command}" if near else command
        complaint = Complaint(("sources", name, "list"), f"the list '{code_list}' has no codes", hint)
        problems.append(complaint.placed(positions))
    return problems


def _foresee(configuration: Configuration, reading: Reading, *, force: bool) -> tuple[int, bool]:
    """What `apply` would return, or would refuse."""
    orphans = [
        f"{count} of {consultation}/{question} at source {source}"
        for (consultation, question, source), count in reading.unsettled().items()
        if (consultation, question) not in configuration.questions or source not in configuration.sources
    ]
    if orphans and not force:
        raise Failure(
            f"checks are on their way that this configuration has no place for: {', '.join(orphans)}; without --force "
            "it would be refused",
            Exit.REFUSED,
        )
    newest = reading.config_version()
    if newest is None:
        return 1, True
    return (newest, False) if reading.applied(newest).digest == configuration.digest else (newest + 1, True)


def _document(problems: Sequence[Problem]) -> dict[str, Any]:
    return {"errors": _count(problems, "error"), "warnings": _count(problems, "warning"), "problems": list(problems)}


def _summary(problems: Sequence[Problem]) -> str:
    errors, warnings = _count(problems, "error"), _count(problems, "warning")
    return f"{count_text(errors, 'error')}, {count_text(warnings, 'warning')}"


def _count(problems: Sequence[Problem], severity: str) -> int:
    return sum(problem.severity == severity for problem in problems)


def _readable(text: str) -> dict[str, Any]:
    """The document without the defaults that jurat filled in; whole, where another version of jurat wrote it."""
    import json

    from config.configuration import Configuration
    from config.problems import InvalidConfiguration

    try:
        document = Configuration.from_json(text).document
    except InvalidConfiguration:
        whole: dict[str, Any] = json.loads(text)
        return whole
    return document.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _comment(applied: AppliedRow) -> str:
    return f"# version {applied.version}, applied by {applied.applied_by} at {time_text(applied.applied_at)}"


def _yaml(document: dict[str, Any]) -> list[str]:
    from io import StringIO

    from ruamel.yaml import YAML

    stream = StringIO()
    yaml = YAML()
    yaml.width = 120
    yaml.dump(document, stream)
    return stream.getvalue().splitlines()


def _show_settings(out: Output) -> Exit:
    from config.settings import provenance, read_settings, shown, unknown_variables

    values, origins = shown(read_settings()), provenance()
    settings = [{"setting": name, "value": value, "from": origins[name]} for name, value in values.items()]
    rows = columns(("setting", "value", "from"), (list(line.values()) for line in settings))
    strangers = unknown_variables()
    out.show({"settings": settings, "unknown": strangers}, rows)
    for sentence in strangers:
        out.say(sentence)
    return Exit.DONE
