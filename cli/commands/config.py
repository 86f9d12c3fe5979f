"""`config`: checks, publishes and shows the configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.command import Group, as_option, confirm, contract_name
from cli.database import open_database
from cli.output import Exit, Failure, Output, columns, count_text, fields_of, time_text

if TYPE_CHECKING:
    from config.problems import Problem

_PATHS = click.argument("paths", metavar="PATH…", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))


@click.group(cls=Group)
def config() -> None:
    """Check, compare, publish and show the configuration: sources, criteria, consultations."""


@config.command(
    examples=("jurat config lint jurat.yaml", "jurat config lint config.d/ --json"),
    environment=("JURAT_SOURCE_SECRETS",),
    codes={Exit.DONE: "no errors", Exit.USAGE: "errors, or wrong usage"},
)
@_PATHS
def lint(out: Output, paths: Sequence[Path]) -> Exit:
    """Check files, or folders of them, without a database.

    Prints one line for each problem, `file:line:column: error: what is wrong — what to do`, and what sources imply.
    Warnings do not prevent publishing. The tests of registries are run, and each registry is simulated with every kind
    of failure, without a network. `config apply` checks zones and code lists against the database.
    """
    from cli.registry_lint import all_problems, lint_here, problem_lines
    from config.document import FOREVER, RETAIN
    from config.durations import duration_text

    report = lint_here(paths)
    problems = all_problems(report)
    implied = {name: each.as_data() for name, each in report.implied.items()}
    out.show(_document(problems) | {"implied": implied}, problem_lines(problems))
    out.say(_summary(problems))
    for name, each in report.implied.items():
        out.say(f"implied in {name}: {each}")
    if silent := [name for name, each in report.document.consultations.items() if each.retain is None]:
        kept = duration_text(RETAIN)
        out.say(f"no retain: {', '.join(silent)}. Verdicts are kept for {kept}; write retain: {kept}, or {FOREVER}")
    return Exit.USAGE if _count(problems, "error") else Exit.DONE


@config.command(examples=("jurat config schema > jurat.schema.json",), environment=())
def schema(out: Output) -> None:
    """Print the JSON Schema of a configuration, for editors.

    Name it in the first line of your file: `# yaml-language-server: $schema=./jurat.schema.json`.
    """
    from config.schema import schema as json_schema
    from config.schema import schema_text

    out.show(json_schema(), schema_text().splitlines())


@config.command(
    examples=("jurat config apply jurat.yaml", "jurat config apply config.d/ --dry-run"),
    environment=("JURAT_DATABASE_URL", "JURAT_SOURCE_SECRETS"),
    codes={
        Exit.DONE: "published, or nothing new; with --dry-run: it would be",
        Exit.REFUSED: "refused: pending checks, or consultations of the platform, need something that it removes",
        Exit.USAGE: "errors in the configuration, wrong usage or settings; nothing was changed",
    },
)
@_PATHS
@click.option(
    "--force",
    is_flag=True,
    help="Apply it even if it removes the source or question of pending checks: they end undetermined.",
)
@click.option("--dry-run", is_flag=True, help="Check everything, also against the database, and change nothing.")
@as_option
def apply(out: Output, paths: Sequence[Path], *, force: bool, dry_run: bool, who: str) -> None:
    """Publish a configuration as the next version. Running workers load it within 5 s.

    Consultations that a platform published itself are kept and listed; a name that both use is refused. An invalid
    configuration changes nothing. The same holds if a registry's tests fail, or if it takes an outage for an answer. A
    configuration equal to the version before makes no new version.
    """
    from cli.registry_lint import all_problems, lint_here, problem_lines
    from store.configurations.orphans import sentence_about
    from store.configurations.publisher import ConfigPublisher

    with open_database() as service:
        report = lint_here(paths, service.queries.zone_versions())
        problems = all_problems(report, service.queries.code_list_names())
        for line in problem_lines(problems):
            out.say(line)
        if report.configuration is None or _count(problems, "error"):
            out.show({"version": None, "changed": False, **_document(problems)}, ())
            raise Failure(f"{_summary(problems)}; nothing was changed", Exit.USAGE)
        if dry_run:
            would_be = ConfigPublisher(service.database).predict(report.configuration)
            if would_be.orphans and not force:
                raise Failure(sentence_about(would_be.orphans), Exit.REFUSED)
            version, changed, digest = would_be.version, would_be.changed, would_be.digest
        else:
            version, changed = ConfigPublisher(service.database).apply(report.configuration, who, force=force)
            digest = service.queries.applied(version).digest
        kept = sorted(service.queries.published())
    document = {"version": version, "changed": changed, "digest": digest, **_document(problems)}
    out.show({**document, "published": kept, "dry_run": dry_run}, [f"version {version}"])
    would = "would be " if dry_run else ""
    out.say(f"{would}applied" if changed else "nothing new: it is equal to the version before")
    if kept:
        out.say(_kept_text(kept))


@config.command(
    examples=("jurat config show", "jurat config show --version 3 > jurat.yaml", "jurat config show --sources"),
)
@click.option(
    "--version", "version", type=click.IntRange(min=1), metavar="N", help="Show this version, not the newest."
)
@click.option(
    "--sources", "settings", is_flag=True, help="Show the settings instead: each value's source, secrets hidden."
)
def show(out: Output, *, version: int | None, settings: bool) -> None:
    """Show an applied configuration as YAML. It holds references to secrets, and no secret.

    Consultations that the platform publishes itself follow as comments: `config apply` keeps them.
    """
    if settings:
        _show_settings(out)
        return

    from config.as_yaml import set_apart, without_defaults, yaml_lines

    with open_database() as service:
        newest = service.queries.config_version()
        if newest is None:
            raise Failure("no configuration was applied yet; run `bin/jurat config apply PATH`", Exit.USAGE)
        try:
            applied = service.queries.applied(version or newest)
            text = service.queries.config(version or newest)
        except LookupError:
            raise Failure(f"there is no version {version}; the newest is {newest}", Exit.USAGE) from None
        published = service.queries.published()
    document, theirs = set_apart(without_defaults(text), published)
    facts = {
        "version": applied.version,
        "newest": newest,
        **fields_of(applied, "applied_by", "login", "applied_at", "digest"),
    }
    login = f" as {applied.login}" if applied.login else ""
    head = f"# version {applied.version}, applied by {applied.applied_by}{login} at {time_text(applied.applied_at)}"
    lines = () if out.json else [head, *yaml_lines(document), *_platform_lines(theirs)]
    out.show({**facts, "document": document, "published": theirs}, lines)


@config.command(
    examples=("jurat config diff jurat.yaml", "jurat config diff config.d/ --version 3 --json"),
    codes={Exit.DONE: "no difference", Exit.REFUSED: "differences, as with diff(1)"},
)
@_PATHS
@click.option(
    "--version", "version", type=click.IntRange(min=1), metavar="N", help="Compare with this version, not the newest."
)
def diff(out: Output, paths: Sequence[Path], *, version: int | None) -> Exit:
    """Show what files change in the applied configuration, option by option, with presets filled in.

    Each line begins with + (added), - (removed) or ~ (changed), and names the option as lint does. Defaults are left
    out, secrets are references. Nothing is tested or published.
    """
    from cli.registry_lint import lint_here, problem_lines
    from config.as_yaml import parse_stored
    from config.differences import differences
    from config.document import Document
    from config.problems import dotted
    from config.publications import remove_consultations

    with open_database() as service:
        newest = service.queries.config_version()
        against = version or newest
        try:
            text = None if against is None else service.queries.config(against)
        except LookupError:
            known = "none was applied yet" if newest is None else f"the newest is {newest}"
            raise Failure(f"there is no version {version}; {known}", Exit.USAGE) from None
        published = service.queries.published()
    report = lint_here(paths)
    if report.configuration is None:
        for line in problem_lines(report.problems):
            out.say(line)
        raise Failure(f"{_summary(report.problems)}; nothing was compared", Exit.USAGE)
    before = Document() if text is None else parse_stored(text)
    if before is None:
        said = f"version {against} was applied by another version of jurat, and this one cannot compare it"
        raise Failure(f"{said}; see `bin/jurat config show --version {against}`", Exit.DEPENDENCY)
    kept = [name for name in before.consultations if name in published]
    found = differences(remove_consultations(before, kept), report.configuration.document)
    changes = [{"path": dotted(each.path), "change": each.change, "old": each.old, "new": each.new} for each in found]
    out.show({"version": against, "differs": bool(found), "changes": changes, "published": kept}, map(str, found))
    than = "; no configuration was applied yet" if against is None else f" from version {against}"
    out.say((count_text(len(found), "difference") if found else "no difference") + than)
    if kept:
        out.say(_kept_text(kept))
    return Exit.REFUSED if found else Exit.DONE


@config.command(
    examples=("jurat config shadow report", "jurat config shadow report professionals --json"),
    codes={Exit.DONE: "no verdict would differ", Exit.REFUSED: "some would, as with diff(1)"},
)
@click.argument("what", metavar="report", type=click.Choice(["report"]))
@click.argument("name", metavar="[NAME]", required=False)
def shadow(out: Output, *, what: str, name: str | None) -> Exit:
    """Show how many verdicts would differ under the shadows of sources, or of one, by reason, without personal data.

    Workers count lookups, and start from zero at the next `config apply`. A shadow decides nothing: once it has found
    the same as its source for long enough, name it in the criteria. What it did not answer is counted apart.
    """
    from cli.lookups.shadow_report import read_reports

    del what
    with open_database() as service:
        reports = read_reports(service, name)
    for report in reports:
        out.say(report.summary())
    rows = [(report.source, *row) for report in reports for row in report.rows()]
    out.show([report.as_data() for report in reports], columns(("source", "decided", "shadow", "count"), rows))
    return Exit.REFUSED if any(report.differing for report in reports) else Exit.DONE


@config.command(
    examples=("jurat config withdraw summer-call", "jurat config withdraw summer-call --yes"),
    codes={Exit.REFUSED: "you said no, or pending checks would lose their question"},
)
@click.argument("name", type=contract_name)
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_option
def withdraw(out: Output, name: str, *, yes: bool, who: str) -> None:
    """Withdraw a consultation that the platform published itself, at once, as the platform can. Asks first.

    Participants can no longer answer it; verdicts stay. Refused while pending checks would lose their question. The
    platform may publish it again.
    """
    from store.configurations.consultations import Consultations

    with open_database() as service:
        if not yes and not confirm(f"Participants will no longer be able to answer '{name}'.", "Withdraw it?"):
            raise Failure("nothing was withdrawn", Exit.REFUSED)
        version = Consultations(service.database).withdraw(name, who)
    out.show({"name": name, "version": version}, [f"withdrawn; version {version}"])


def _kept_text(names: Sequence[str]) -> str:
    return f"kept: {count_text(len(names), 'consultation')} that the platform publishes itself ({', '.join(names)})"


def _document(problems: Sequence[Problem]) -> dict[str, Any]:
    return {"errors": _count(problems, "error"), "warnings": _count(problems, "warning"), "problems": list(problems)}


def _summary(problems: Sequence[Problem]) -> str:
    errors, warnings = _count(problems, "error"), _count(problems, "warning")
    return f"{count_text(errors, 'error')}, {count_text(warnings, 'warning')}"


def _count(problems: Sequence[Problem], severity: str) -> int:
    return sum(problem.severity == severity for problem in problems)


def _platform_lines(consultations: Mapping[str, Any]) -> list[str]:
    """What the platform published, as comments: files with the same names would be refused."""
    from config.as_yaml import yaml_lines

    if not consultations:
        return []
    lines = yaml_lines({"consultations": dict(consultations)})
    return ["# published by the platform, and kept by `config apply`:", *(f"# {line}" for line in lines)]


def _show_settings(out: Output) -> None:
    from config.settings import printable_settings, provenance, read_settings, unknown_variables

    values, origins = printable_settings(read_settings()), provenance()
    settings = [{"setting": name, "value": value, "from": origins[name]} for name, value in values.items()]
    rows = columns(("setting", "value", "from"), (list(line.values()) for line in settings))
    strangers = unknown_variables()
    out.show({"settings": settings, "unknown": strangers}, rows)
    for sentence in strangers:
        out.say(sentence)
