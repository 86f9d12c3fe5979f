"""`sources`: lists, tests, tries and pauses sources."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path

import click

from cli.command import Group, as_option, at_terminal, configured_name, contract_name
from cli.database import open_database
from cli.output import Exit, Failure, Output, columns
from config.starters import FORMS


def duration(value: str) -> float:
    """How long a pause may be, in seconds."""
    from store.queue.pauses import pause_seconds

    try:
        return pause_seconds(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.group(cls=Group)
def sources() -> None:
    """List, test, pause, resume and trust sources, and start new ones."""


@sources.command(name="list", examples=("jurat sources list", "jurat sources list --json"))
def list_(out: Output) -> None:
    """List the sources of the applied configuration, and whether each is asked now.

    A source is open, closed by its hours, paused (by itself, by a used-up day or by a person), failing (it is asked,
    and the last lookup failed) or broken (after several failures, it gets one lookup at a time). `waiting` counts the
    checks that are due or will be, as workers last counted them (every 5 s).
    """
    from cli.diagnosis import applied_sources
    from cli.diagnosis.source_texts import data_of, state_text

    with open_database() as service:
        source_statuses = applied_sources.source_statuses(service)
    head = ("source", "type", "waiting", "last success", "last failure", "failed with", "state")
    facts = attrgetter(
        "name", "model.type", "row.waiting", "row.last_success_at", "row.last_failure_at", "row.last_failure"
    )
    rows = ((*facts(each), "failing" if each.is_failing else state_text(each)) for each in source_statuses)
    data = [data_of(each) | ({"state": "failing"} if each.is_failing else {}) for each in source_statuses]
    out.show(data, columns(head, rows))


@sources.command(
    examples=("jurat sources health", "jurat sources health ban --json"),
    codes={
        Exit.DONE: "all are well",
        Exit.REFUSED: "one is broken or suspect, says that it is asked too often or answers in another shape than its "
        "tests, or no worker serves it or counts what waits; or workers lack keys; or a platform reached its limit of "
        "erasures",
    },
)
@click.argument("name", metavar="[NAME]", required=False)
def health(out: Output, *, name: str | None) -> Exit:
    """Show for each source, or one, whether it is asked, how it answers, how much of its day is used, and what waits.

    It also shows which workers serve it, how old their figures are, and which keys of waiting answers they lack. A
    source that is closed, or paused by a person or for its own maintenance, is well. The figures come from workers; no
    source is asked: see `sources test --live`.
    """
    from cli.diagnosis import applied_sources, checkup, keys, workforce
    from cli.diagnosis.source_texts import data_of
    from store.monitoring.alarms import Alarm

    with open_database() as service:
        source_statuses = applied_sources.source_statuses(service, name)
        steps = [checkup.status_step(each) for each in source_statuses]
        steps += checkup.drift_steps(each.row for each in source_statuses)
        steps += workforce.finding_steps(service, [Alarm.KEY_MISSING])
        steps += keys.lacking_steps(service.queries)
        steps += workforce.allowance_steps(service)
    return out.show_steps(steps, sources=[data_of(each) for each in source_statuses])


@sources.command(
    examples=('jurat sources pause ban --for 2h --reason "announced maintenance"',),
    codes={Exit.REFUSED: "it is already paused for longer, and nothing was changed"},
)
@click.argument("name", metavar="NAME")
@click.option("--for", "seconds", required=True, type=duration, help="How long, such as 30min, 2h or 3d.")
@click.option(
    "--reason", required=True, type=contract_name, metavar="TEXT", help="Why. It is kept, so name no participant."
)
@as_option
def pause(out: Output, *, name: str, seconds: float, reason: str, who: str) -> None:
    """Stop asking a source for a while, in all workers, from their next claim on.

    Its checks wait, and their deadlines are extended. Running lookups end. A longer pause stays as it is: resume the
    source first.
    """
    from cli.diagnosis import applied_sources
    from cli.diagnosis.source_texts import data_of, state_text

    with open_database() as service:
        applied_sources.source_statuses(service, name)
        before = applied_sources.sources(service).pause(name, seconds, reason, who)
        (status,) = applied_sources.source_statuses(service, name)
    if before is None:
        said = f"{name} is already paused for longer: {state_text(status)}"
        raise Failure(f"{said}; to shorten that, run `bin/jurat sources resume {name}` first", Exit.REFUSED)
    out.show(data_of(status), [f"{name} is {state_text(status)}"])


@sources.command(
    examples=("jurat sources resume ban",),
    codes={Exit.REFUSED: "a backup was restored, and no one has confirmed it yet"},
)
@click.argument("name", metavar="NAME")
@as_option
def resume(out: Output, *, name: str, who: str) -> None:
    """Ask a paused source again now, even if it paused itself.

    A source that paused itself may take that as asking too often. Outside its hours it stays closed.
    """
    from cli.diagnosis import applied_sources
    from cli.diagnosis.source_texts import data_of, state_text
    from store.queue.sources import NotResumed

    with open_database() as service:
        applied_sources.source_statuses(service, name)
        try:
            ended = applied_sources.sources(service).resume(name, who)
        except NotResumed as error:
            raise Failure(str(error), Exit.REFUSED) from None
        (status,) = applied_sources.source_statuses(service, name)
    changed = "" if ended else "was not paused, and "
    out.show(data_of(status), [f"{name} {changed}is {state_text(status)}"])


@sources.command(examples=("jurat sources trust professionals",))
@click.argument("name", metavar="NAME")
@as_option
def trust(out: Output, *, name: str, who: str) -> None:
    """Say that the results of a suspect source are right: it refuses again, and is counted from zero."""
    from cli.diagnosis import applied_sources
    from cli.diagnosis.source_texts import data_of, state_text

    with open_database() as service:
        applied_sources.source_statuses(service, name)
        ended = applied_sources.sources(service).trust(name, who)
        (status,) = applied_sources.source_statuses(service, name)
    changed = "" if ended else "was not suspect, and "
    out.show(data_of(status), [f"{name} {changed}is {state_text(status)}"])


_CONFIG = click.option(
    "--config",
    "paths",
    metavar="PATH",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Take the source from this file or folder instead of the applied configuration; repeat it for several.",
)


@sources.command(
    examples=(
        "jurat sources test --all",
        "jurat sources test ban --live",
        "jurat sources test professionals --config jurat.yaml --moods",
    ),
    environment=("JURAT_DATABASE_URL", "JURAT_HASH_KEYS", "JURAT_PRIVATE_NETWORKS", "JURAT_SOURCE_SECRETS"),
    codes={
        Exit.DONE: "all can work here",
        Exit.REFUSED: "something is wrong with one",
        Exit.DEPENDENCY: "a server or the database does not answer",
    },
)
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--all", "everything", is_flag=True, help="Test every source.")
@_CONFIG
@click.option(
    "--live",
    is_flag=True,
    help="Also send one request to the root of each of its servers, with its proxy and certificates. It looks no one "
    "up, and counts as a lookup for the rate and the day.",
)
@click.option("--moods", "every_mood", is_flag=True, help="Show the verdict for each mood of a registry.")
def test(
    out: Output, *, name: str | None, everything: bool, paths: Sequence[Path], live: bool, every_mood: bool
) -> Exit:
    """Test whether sources can work on this machine: secrets, files, codes; with --live, whether their servers answer.

    The tests in a registry's description are run, and the registry is simulated in every mood (down, throttling, a page
    of HTML, another shape …), without a network. With --config, no database is needed.
    """
    from cli.lookups import source_tests

    if bool(name) == everything:
        raise click.UsageError("Give the name of a source, or --all.")
    if paths and live:
        raise click.UsageError("--live uses the limits of the applied configuration: remove --config.")
    tests = source_tests.Tests(every_mood)
    if paths:
        source_tests.test_files(tests, name, paths, out)
    else:
        source_tests.test_applied(tests, name, live=live)
    return out.show_steps(tests.steps, registries=tests.registries)


@sources.command(
    name="try",
    examples=(
        """jurat sources try professionals --input number=9000010000 --input family_name=Valombre \\
    --input given_name=Iris --require professions=10""",
        "jurat sources try companies --config jurat.yaml --input number=923609016 --json",
    ),
    environment=("JURAT_DATABASE_URL", "JURAT_HASH_KEYS", "JURAT_PRIVATE_NETWORKS", "JURAT_SOURCE_SECRETS"),
    codes={
        Exit.DONE: "it would be accepted",
        Exit.REFUSED: "it would be refused",
        Exit.DEPENDENCY: "the database is down, or the source may not be asked now",
        Exit.UNDETERMINED: "it would be undetermined",
    },
)
@click.argument("name", metavar="NAME")
@click.option(
    "--input",
    "inputs",
    metavar="NAME=VALUE",
    multiple=True,
    help="What a participant would type; repeat it. Others on this machine can see it.",
)
@click.option(
    "--require",
    "requirements",
    metavar="NAME=VALUE",
    multiple=True,
    help="What a criterion would require; repeat it for each value of a list.",
)
@_CONFIG
def try_(out: Output, *, name: str, inputs: Sequence[str], requirements: Sequence[str], paths: Sequence[Path]) -> Exit:
    """Look someone up once in a registry or a roster, and show all that happens: yourself, or someone who agrees.

    Prints the request with secrets masked, the answer as it was read, each outcome that was tried, the record, the
    rules and the verdict; for a roster, its imported version. It asks the real registry, and if the source is applied,
    the request counts as any other. Nothing is stored. The output is personal data: keep it on your own terminal.
    """
    from adapters.registry.control import is_absence
    from cli.diagnosis import applied_sources
    from cli.lookups import look_up_once, source_tests
    from config.registry import RosterSource
    from config.settings import read_settings

    answer = [_pair(text, "--input") for text in inputs]
    requirement = [_pair(text, "--require") for text in requirements]
    source, loopback = source_tests.find_registry(name, paths, out)
    query = look_up_once.query_of(source, answer, requirement)
    applied_sources.pay_if_applied(name, out, from_files=bool(paths))
    if isinstance(source, RosterSource):
        with open_database() as service:
            document, found = look_up_once.look_up_in_roster(source, query, service)
    else:
        networks = read_settings().private_networks
        document, found = look_up_once.look_up(source, query, loopback_http=loopback, private_networks=networks)
        if source.control is None and is_absence(found):
            out.say("workers take this for undetermined, because the source names no control record")
    out.show(document, look_up_once.lines_of(document))
    return look_up_once.code_of(found)


@sources.command(
    examples=("jurat sources drift", "jurat sources drift professionals --config jurat.yaml --json"),
    environment=("JURAT_DATABASE_URL", "JURAT_HASH_KEYS", "JURAT_PRIVATE_NETWORKS", "JURAT_SOURCE_SECRETS"),
    codes={
        Exit.DONE: "all answer as their tests know",
        Exit.REFUSED: "one answers in another shape at a place that is read, or does not find its control record",
        Exit.DEPENDENCY: "one does not answer or may not be asked now, or the database is down",
    },
)
@click.argument("name", metavar="[NAME]", required=False)
@_CONFIG
def drift(out: Output, *, name: str | None, paths: Sequence[Path]) -> Exit:
    """Compare what registries answer now with the tests of their descriptions: all that name a control record, or one.

    Looks the control record up once, which counts as any lookup. Prints places and types, no values: what is new, gone
    or of another type. What the description does not read is a note. Workers compare each hour, when they ask for that
    record anyway, unless an answer of a test is in a file of your own: see `sources health`.
    """
    from cli.lookups import source_drift

    steps, registries = source_drift.compare(name, paths, out)
    return out.show_steps(steps, registries=registries)


@sources.command(
    examples=(
        "jurat sources new professionals > professionals.yaml",
        "jurat sources new census --format xml",
        "jurat sources new professionals --from answer.json > professionals.yaml",
    ),
    environment=(),
)
@click.argument("name", metavar="NAME", type=configured_name)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMS),
    help="Its form: a registry that answers JSON (the default) or XML (also SOAP), or a roster imported from a file.",
)
@click.option(
    "--from",
    "answer",
    metavar="FILE",
    help="Draft it from this answer of the registry, in JSON, with invented people: the draft's tests show them. Or "
    "from an operation of an OpenAPI document: openapi.yaml#/paths/~1people~1{id}/get.",
)
def new(out: Output, *, name: str, form: str | None, answer: str | None) -> None:
    """Print a configuration to start a registry with, with comments and tests. It passes `config lint` as it is.

    With --from, the record, its fields and the tests are those of an example answer, and lint names what is left to
    choose. At a terminal, without --format and --from, it first asks for the address and the fields of that draft.
    """
    from cli.draft_questions import ask_draft
    from config.starters import starter_text
    from config.starters.examples import draft_from

    today = datetime.now(UTC).date()
    if answer is None and form is None and at_terminal() and not out.json:
        text = ask_draft(name, today)
    elif answer is None:
        text = starter_text(form or "json", name)
    elif form not in {None, "json"}:
        raise click.UsageError("--from takes an answer in JSON: remove --format.")
    else:
        try:
            text = draft_from(name, answer, today)
        except ValueError as error:
            raise Failure(f"{answer} is no example answer: {error}", Exit.USAGE) from None
    out.show({"name": name, "format": form or "json", "text": text}, text.splitlines())


def _pair(text: str, option: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise click.BadParameter("write NAME=VALUE", param_hint=option)
    return name, value
