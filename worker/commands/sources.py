"""`sources`: where answers are looked up."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import click

from worker.command import Group, Name, as_option
from worker.output import Exit, Failure, Output, columns

if TYPE_CHECKING:
    from config.configuration import Configuration
    from tasks.ledger import Keeping
    from worker.bootstrap import Service
    from worker.standing import Standing

_READS = ("JURAT_DATABASE_URL",)
_LONGEST_PAUSE = "365d"


class Lasting(click.ParamType[float]):
    """A duration as the configuration writes it."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """In seconds, from 1 s to a year."""
        from config.durations import parse_duration

        if isinstance(value, float):
            return value
        try:
            seconds = parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not 1 <= seconds <= parse_duration(_LONGEST_PAUSE):
            self.fail(f"from 1s to {_LONGEST_PAUSE} is expected", param, ctx)
        return seconds


@click.group(cls=Group)
def sources() -> None:
    """List, test, pause and resume sources."""


@sources.command(name="list", examples=("jurat sources list", "jurat sources list --json"), environment=_READS)
@click.pass_obj
def list_(out: Output) -> Exit:
    """List the sources of the applied configuration, and whether each is asked now.

    A source is open, closed by its hours, paused (by itself, by a used-up day or by a person) or broken (its breaker is
    open). `waiting` counts checks that are due or will be, as workers last counted them (each 5 s).
    """
    from worker.database import opened

    with opened() as service:
        standings = _standings(service)
    head = ("source", "type", "waiting", "last success", "last failure", "failed with", "state")
    rows = (
        (
            each.name,
            each.model.type,
            each.row.waiting,
            each.row.last_success_at,
            each.row.last_failure_at,
            each.row.last_failure,
            each.said(),
        )
        for each in standings
    )
    out.show([each.as_data() for each in standings], columns(head, rows))
    return Exit.DONE


@sources.command(examples=("jurat sources health", "jurat sources health ban --json"), environment=_READS)
@click.argument("name", metavar="[NAME]", required=False)
@click.pass_obj
def health(out: Output, *, name: str | None) -> Exit:
    """Say of each source, or of one, whether it is asked, how it answers, what of its day is used, and what waits.

    Ends with 1 when one is broken, or says itself that it is asked too often. One that is closed, or that a person or
    its own maintenance pauses, is well. It reads what workers wrote down and asks no source: see `sources test --live`.
    """
    from worker import diagnosis
    from worker.database import opened

    with opened() as service:
        standings = _standings(service, name)
    steps = [diagnosis.standing_step(each) for each in standings]
    diagnosis.show(out, steps, sources=[each.as_data() for each in standings])
    return diagnosis.code_of(steps)


@sources.command(
    examples=('jurat sources pause ban --for 2h --reason "announced maintenance"',),
    environment=_READS,
)
@click.argument("name", metavar="NAME")
@click.option("--for", "seconds", required=True, type=Lasting(), help="How long, such as 30min, 2h or 3d.")
@click.option("--reason", required=True, type=Name(), metavar="TEXT", help="Why. It names no participant: it is kept.")
@as_option
@click.pass_obj
def pause(out: Output, *, name: str, seconds: float, reason: str, who: str) -> Exit:
    """Stop asking a source for a while, in all workers, from their next claim on.

    Its checks wait, and their deadlines stand still. Look-ups that are under way end. A pause that already lasts longer
    stays as it is: resume it first.
    """
    from worker.database import opened

    with opened() as service:
        _standings(service, name)
        changed = _keeping(service).pause(name, seconds, reason, who)
        (standing,) = _standings(service, name)
    if not changed:
        said = f"{name} is paused for longer already: {standing.said()}"
        raise Failure(f"{said}; to shorten that, run `bin/jurat sources resume {name}` first", Exit.REFUSED)
    out.show(standing.as_data(), [f"{name} is {standing.said()}"])
    return Exit.DONE


@sources.command(examples=("jurat sources resume ban",), environment=_READS)
@click.argument("name", metavar="NAME")
@as_option
@click.pass_obj
def resume(out: Output, *, name: str, who: str) -> Exit:
    """Ask a paused source again now, whoever paused it.

    A source that paused itself may count that as asking too often. What its hours close stays closed.
    """
    from worker.database import opened

    with opened() as service:
        _standings(service, name)
        ended = _keeping(service).resume(name, who)
        (standing,) = _standings(service, name)
    changed = "" if ended else "was not paused, and "
    out.show(standing.as_data(), [f"{name} {changed}is {standing.said()}"])
    return Exit.DONE


@sources.command(
    examples=("jurat sources test --all", "jurat sources test ban --live"),
    environment=("JURAT_DATABASE_URL", "JURAT_HASH_KEYS"),
)
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--all", "everything", is_flag=True, help="Test every source.")
@click.option(
    "--live",
    is_flag=True,
    help="Also send one request to the root of each of its servers, by its proxy and certificates. It looks nobody up, "
    "and is paid from the rate and the day as a look-up is.",
)
@click.pass_obj
def test(out: Output, *, name: str | None, everything: bool, live: bool) -> Exit:
    """Test whether sources can work on this machine: secrets, files, codes; with --live whether their servers answer.

    Ends with 1 when one can not, with 3 when a server does not answer.
    """
    from worker import diagnosis
    from worker.database import opened

    if bool(name) == everything:
        raise click.UsageError("Give the name of a source, or --all.")
    with opened() as service:
        _, plan = diagnosis.configuration_steps(service)
        if plan is None:
            raise Failure("no usable configuration is applied; run `bin/jurat config apply PATH`", Exit.REFUSED)
        try:
            if name:
                _require(name, plan.sources)
            steps = []
            for source in [name] if name else plan.sources:
                steps.append(diagnosis.source_step(source, plan, service.reading))
                if live:
                    steps += diagnosis.reach_steps(_standings(service, source)[0], plan, _keeping(service))
        finally:
            plan.close()
    diagnosis.show(out, steps)
    return diagnosis.code_of(steps)


def _standings(service: Service, name: str | None = None) -> list[Standing]:
    """How the sources of the applied configuration stand; of one alone where its name is given."""
    from worker.standing import Standing

    configuration = _configuration(service)
    if name is not None:
        _require(name, configuration.sources)
    rows = {row.name: row for row in service.reading.sources()}
    now = service.reading.clock()
    models = configuration.sources if name is None else {name: configuration.sources[name]}
    return [Standing(each, model, rows[each], now) for each, model in models.items()]


def _require(name: str, known: Collection[str]) -> None:
    from config.suggestions import suggest

    if name not in known:
        raise Failure(f"there is no source '{name}' — {suggest(name, known)}", Exit.USAGE)


def _keeping(service: Service) -> Keeping:
    from jurat.database import bounded
    from tasks.ledger import Keeping

    return Keeping(bounded(service.database))


def _configuration(service: Service) -> Configuration:
    from config.configuration import Configuration

    version = service.reading.config_version()
    if version is None:
        raise Failure("no configuration was applied yet; run `bin/jurat config apply PATH`", Exit.REFUSED)
    return Configuration.from_json(service.reading.config(version))
