"""`config`: checks, publishes and shows the configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.command import Group, NameParam, as_option
from cli.output import Exit, Failure, Output, columns, count_text, time_text

if TYPE_CHECKING:
    from config.configuration import Configuration
    from config.document import Document
    from config.lint import Report
    from config.problems import Path as Place
    from config.problems import Problem
    from store.queries import AppliedRow, CodeListRow, Queries

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
@click.pass_obj
def lint(out: Output, paths: Sequence[Path]) -> Exit:
    """Check files, or folders of them, without a database.

    Prints one line for each problem, `file:line:column: error: what is wrong — what to do`. Warnings do not keep a
    configuration from being published. The tests of registries are run, and each registry is played in every bad mood,
    without asking anybody. Zones and code lists are checked by `config apply`, against the database.
    """
    from cli.registry_lint import gate, linted, told

    report = linted(paths)
    problems = sorted([*report.problems, *gate(report)])
    out.show(_document(problems), told(problems))
    out.say(_summary(problems))
    return Exit.USAGE if _count(problems, "error") else Exit.DONE


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
    environment=("JURAT_DATABASE_URL", "JURAT_SOURCE_SECRETS"),
    codes={
        Exit.DONE: "published, or nothing new; with --dry-run: it would be",
        Exit.REFUSED: "refused: checks on their way, or what the platform publishes, need what it takes away",
        Exit.USAGE: "errors in the configuration, wrong usage or settings; nothing was changed",
    },
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

    Consultations that a platform has published itself are kept, and said; a name that both have is refused.
    An invalid one changes nothing, and so does one with a registry whose tests fail, or that takes an outage for an
    answer. One that says the same as the version before is no new version.
    """
    from cli.database import opened
    from cli.registry_lint import gate, linted, told

    with opened() as service:
        report = linted(paths, service.queries.zone_versions())
        problems = [*report.problems, *gate(report)]
        if report.configuration is not None:
            problems += _unknown_lists(report, service.queries.code_lists())
        problems.sort()
        for line in told(problems):
            out.say(line)
        if report.configuration is None or _count(problems, "error"):
            out.show({"version": None, "changed": False, **_document(problems)}, ())
            raise Failure(f"{_summary(problems)}; nothing was changed", Exit.USAGE)
        if dry_run:
            whole = service.publisher.whole(report.configuration)
            digest = whole.digest
            version, changed = _foresee(whole, service.queries, force=force)
        else:
            version, changed = service.publisher.apply(report.configuration, who, force=force)
            digest = service.queries.applied(version).digest
        kept = sorted(service.queries.published())
    document = {"version": version, "changed": changed, "digest": digest, **_document(problems)}
    out.show({**document, "published": kept, "dry_run": dry_run}, [f"version {version}"])
    would = "would be " if dry_run else ""
    out.say(f"{would}applied" if changed else "nothing new: the version before says the same")
    if kept:
        out.say(_kept(kept))
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
    """Show an applied configuration as YAML. Secrets are references in it, so none is shown.

    Consultations that the platform publishes itself stand behind it, as comments: `config apply` keeps them.
    """
    if settings:
        return _show_settings(out)
    from cli.database import opened

    with opened() as service:
        newest = service.queries.config_version()
        if newest is None:
            raise Failure("no configuration was applied yet; run `bin/jurat config apply PATH`", Exit.USAGE)
        try:
            applied = service.queries.applied(version or newest)
            text = service.queries.config(version or newest)
        except LookupError:
            raise Failure(f"there is no version {version}; the newest is {newest}", Exit.USAGE) from None
        published = service.queries.published()
    document = _readable(text)
    theirs = {name: part for name, part in document.get("consultations", {}).items() if name in published}
    if left := {name: part for name, part in document.get("consultations", {}).items() if name not in theirs}:
        document["consultations"] = left
    else:
        document.pop("consultations", None)
    facts = {
        "version": applied.version,
        "newest": newest,
        "applied_by": applied.applied_by,
        "applied_at": applied.applied_at,
        "digest": applied.digest,
    }
    shown = () if out.json else [_comment(applied), *_yaml(document), *_theirs(theirs)]
    out.show({**facts, "document": document, "published": theirs}, shown)
    return Exit.DONE


@config.command(
    examples=("jurat config diff jurat.yaml", "jurat config diff config.d/ --version 3 --json"),
    environment=("JURAT_DATABASE_URL",),
    codes={Exit.DONE: "nothing differs", Exit.REFUSED: "something differs, as diff(1) says it"},
)
@_PATHS
@click.option(
    "--version", "version", type=click.IntRange(min=1), metavar="N", help="Against another version than the newest."
)
@click.pass_obj
def diff(out: Output, paths: Sequence[Path], *, version: int | None) -> Exit:
    """Show what files change against the applied configuration, option by option, with presets filled in.

    Each line begins with + (added), - (removed) or ~ (changed), and names the option as lint does. Defaults are left
    out, secrets are references. Nothing is tested or published.
    """
    from cli.database import opened
    from cli.registry_lint import linted, told
    from config.differences import differences
    from config.document import Document
    from config.problems import dotted
    from config.publications import without

    with opened() as service:
        newest = service.queries.config_version()
        against = version or newest
        try:
            text = None if against is None else service.queries.config(against)
        except LookupError:
            raise Failure(f"there is no version {version}; {_newest(newest)}", Exit.USAGE) from None
        published = service.queries.published()
    report = linted(paths)
    if report.configuration is None:
        for line in told(report.problems):
            out.say(line)
        raise Failure(f"{_summary(report.problems)}; nothing was compared", Exit.USAGE)
    before = Document() if text is None else _stored(text, against)
    kept = [name for name in before.consultations if name in published]
    found = differences(without(before, kept), report.configuration.document)
    changes = [{"path": dotted(each.path), "change": each.change, "old": each.old, "new": each.new} for each in found]
    out.show({"version": against, "differs": bool(found), "changes": changes, "published": kept}, map(str, found))
    than = "no configuration was applied yet" if against is None else f"against version {against}"
    out.say(f"{count_text(len(found), 'difference')}, {than}" if found else f"nothing differs, {than}")
    if kept:
        out.say(_kept(kept))
    return Exit.REFUSED if found else Exit.DONE


@config.command(
    examples=("jurat config withdraw summer-call", "jurat config withdraw summer-call --yes"),
    environment=("JURAT_DATABASE_URL",),
    codes={Exit.REFUSED: "you said no, or checks are on their way that would lose their question"},
)
@click.argument("name", type=NameParam())
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_option
@click.pass_obj
def withdraw(out: Output, name: str, *, yes: bool, who: str) -> Exit:
    """Withdraw a consultation that the platform published itself, at once, as the platform may. Asks first.

    Participants can answer it no more; verdicts stay. Refused while checks are on their way that would lose their
    question. The platform may publish it again.
    """
    from cli.confirmation import agreed
    from cli.database import opened
    from store.configurations.consultations import Consultations

    with opened() as service:
        if not yes and not agreed(f"Participants can answer '{name}' no more.", "Withdraw it?"):
            raise Failure("nothing was withdrawn", Exit.REFUSED)
        version = Consultations(service.database).withdraw(name, who)
    out.show({"name": name, "version": version}, [f"withdrawn; version {version}"])
    return Exit.DONE


def _kept(names: Sequence[str]) -> str:
    return f"kept: {count_text(len(names), 'consultation')} that the platform publishes itself ({', '.join(names)})"


def _newest(newest: int | None) -> str:
    return "none was applied yet" if newest is None else f"the newest is {newest}"


def _stored(text: str, version: int | None) -> Document:
    from config.configuration import Configuration
    from config.problems import InvalidConfiguration

    try:
        return Configuration.from_json(text).document
    except InvalidConfiguration:
        said = f"version {version} was applied by another version of jurat, and cannot be compared by this one"
        raise Failure(f"{said}; see `bin/jurat config show --version {version}`", Exit.DEPENDENCY) from None


def _unknown_lists(report: Report, lists: Mapping[str, CodeListRow]) -> list[Problem]:
    """Lists without codes. A source may not have one: nobody could have got a code of it. A question may, whose codes
    are still to be made: until then what is typed is undetermined.
    """
    from config.document import Parameter
    from config.problems import Complaint, Severity
    from config.sources import CodesSource
    from config.suggestions import did_you_mean

    named: list[tuple[Place, str, Severity]] = [
        (("sources", name, "list"), source.list, Severity.ERROR)
        for name, source in report.document.sources.items()
        if isinstance(source, CodesSource) and source.list is not None
    ]
    for name, consultation in report.document.consultations.items():
        for question, asked in consultation.questions.items():
            if code_list := asked.parameters.get(Parameter.LIST):
                path = ("consultations", name, "questions", question, "with", "list")
                named.append((path, code_list, Severity.WARNING))
    problems = []
    for place, code_list, severity in named:
        if code_list not in lists:
            near = did_you_mean(code_list, lists)
            command = f"run: bin/jurat codes generate {code_list} --count N"
            hint = f"{near} Otherwise {command}" if near else command
            complaint = Complaint(place, f"the list '{code_list}' has no codes", hint, severity)
            problems.append(complaint.placed(report.positions))
    return problems


def _foresee(configuration: Configuration, queries: Queries, *, force: bool) -> tuple[int, bool]:
    """What `apply` would return, or would refuse."""
    orphans = [
        f"{count} of {consultation}/{question} at source {source}"
        for (consultation, question, source), count in queries.unsettled().items()
        if (consultation, question) not in configuration.questions or source not in configuration.sources
    ]
    if orphans and not force:
        raise Failure(
            f"checks are on their way that this configuration has no place for: {', '.join(orphans)}; without --force "
            "it would be refused",
            Exit.REFUSED,
        )
    newest = queries.config_version()
    if newest is None:
        return 1, True
    return (newest, False) if queries.same_document(newest, configuration.to_json()) else (newest + 1, True)


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


def _theirs(consultations: Mapping[str, Any]) -> list[str]:
    """What the platform published, as comments: files that say it too would be refused."""
    if not consultations:
        return []
    lines = _yaml({"consultations": dict(consultations)})
    return ["# published by the platform, and kept by `config apply`:", *(f"# {line}" for line in lines)]


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
