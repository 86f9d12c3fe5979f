"""Checks all that a worker needs, step by step, for `doctor`, `worker --check` and `sources test`.

A step says what it found and, where something is wrong, what to do. It never raises for what it looks at.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click
from sqlalchemy.exc import SQLAlchemyError

from cli.output import Exit, Output, columns, count_text, time_text
from config.settings import Settings, SettingsError, provenance, read_settings, shown, unknown_variables
from jurat.errors import ConfigurationError
from jurat.ring import NO_BROKER

if TYPE_CHECKING:
    from adapters.registry.roster import RosterAdapter
    from cli.diagnosis.source_status import SourceStatus
    from config.addresses import AddressFileSource
    from config.sources import SourceModel
    from store.queries import Queries
    from store.queue.sources import Sources
    from tasks.plan import Plan
    from worker.bootstrap import Service

BROKER_TIMEOUT = 2.0
LONGEST_WAIT = 10.0
"""Seconds that a trial waits for its turn at a source."""


class StepMark(StrEnum):
    """How one step ended. `note` is neither good nor bad; `down` is a dependency that does not answer."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"
    DOWN = "down"


_COLOURS = {StepMark.OK: "green", StepMark.NOTE: "cyan", StepMark.PROBLEM: "red", StepMark.DOWN: "red"}


@dataclass(frozen=True, slots=True)
class CheckupStep:
    """What one step found. `advice` says what to do about it."""

    name: str
    mark: StepMark
    found: str
    advice: str = ""


def code_of(steps: list[CheckupStep]) -> Exit:
    """The exit code that says how it went."""
    marks = {step.mark for step in steps}
    if StepMark.DOWN in marks:
        return Exit.DEPENDENCY
    return Exit.REFUSED if StepMark.PROBLEM in marks else Exit.DONE


def show(out: Output, steps: list[CheckupStep], **more: Any) -> None:
    """Print the steps, one a line."""
    rows = [(step.mark, step.name, f"{step.found}{f' — {step.advice}' if step.advice else ''}") for step in steps]
    lines = columns(("", "step", "found"), rows)[1:]
    coloured = (
        click.style(step.mark, fg=_COLOURS[step.mark]) + line.removeprefix(step.mark)
        for step, line in zip(steps, lines, strict=True)
    )
    out.show({"ok": code_of(steps) is Exit.DONE, "steps": steps, **more}, coloured)


def settings_steps() -> tuple[list[CheckupStep], Settings | None]:
    """Where each setting comes from, and the settings; None where they cannot be used."""
    try:
        settings = read_settings()
    except SettingsError as error:
        return [CheckupStep("settings", StepMark.PROBLEM, problem) for problem in error.problems], None
    values, origins = shown(settings), provenance()
    steps = [
        CheckupStep(name, StepMark.NOTE if value == "not set" else StepMark.OK, f"{value} ({_origin(origins[name])})")
        for name, value in values.items()
    ]
    if settings.broker_url is None:
        advice = "set JURAT_BROKER_URL to redis://HOST:6379/0, or to none to do without"
        steps = _instead(
            steps, CheckupStep("JURAT_BROKER_URL", StepMark.PROBLEM, "not set: a worker does not start", advice)
        )
    return steps, settings


def variable_steps(known: set[str]) -> Iterator[CheckupStep]:
    """Variables that look like settings and are none. `known` are those that secrets of the configuration come from."""
    for sentence in unknown_variables(known):
        yield CheckupStep("environment", StepMark.PROBLEM, sentence)


def database_steps(settings: Settings) -> tuple[list[CheckupStep], Service | None]:
    """Whether the database answers and has a schema that this program can use; then the service on it."""
    from jurat.database import reader
    from store.schema.migrations import ADVICE, SchemaStatus, schema_status
    from worker.bootstrap import open_service
    from worker.database import advice_on, engine_version, first_line, give_up_on, oddities, sqlite_file

    file = sqlite_file(settings)
    if file is not None and not file.exists():
        return [CheckupStep("database", StepMark.DOWN, f"there is no file {file}", "run `bin/jurat db upgrade`")], None
    service = None
    try:
        service = open_service(settings)
        give_up_on(service.database, command=True)
        with reader(service.database).begin() as connection:
            found = schema_status(connection)
        version, odd = engine_version(service.database), list(oddities(service))
    except ConfigurationError as error:
        return [CheckupStep("database", StepMark.PROBLEM, str(error))], None
    except SQLAlchemyError as error:
        if service is not None:
            service.close()
        said = first_line(getattr(error, "orig", None) or error)
        return [CheckupStep("database", StepMark.DOWN, said, advice_on(said))], None
    steps = [CheckupStep("database", StepMark.OK, f"{version} answers")]
    steps += [
        CheckupStep("database", StepMark.PROBLEM if grave else StepMark.NOTE, said, advice)
        for grave, said, advice in odd
    ]
    sentence, _, advice = ADVICE[found].partition("; ")
    if not found.usable:
        service.close()
        return [*steps, CheckupStep("schema", StepMark.DOWN, sentence, advice)], None
    mark = StepMark.OK if found is SchemaStatus.CURRENT else StepMark.NOTE
    return [*steps, CheckupStep("schema", mark, ADVICE[found])], service


def broker_steps(settings: Settings) -> Iterator[CheckupStep]:
    """Whether the broker answers within 2 s."""
    if settings.broker_url in (None, NO_BROKER):
        if settings.broker_url == NO_BROKER:
            yield CheckupStep("broker", StepMark.OK, "none: workers ask the database each second")
        return
    problem, took = _broker_problem(str(settings.broker_url))
    if problem:
        advice = "start it, or fix JURAT_BROKER_URL; until then workers look into the database each second"
        yield CheckupStep("broker", StepMark.DOWN, f"does not answer ({problem})", advice)
    else:
        yield CheckupStep("broker", StepMark.OK, f"answers in {took * 1000:.0f} ms")


def configuration_steps(service: Service) -> tuple[list[CheckupStep], Plan | None]:
    """The applied configuration and what keeps it from working here; then the plan of it, which is to be closed."""
    from config.configuration import Configuration
    from config.problems import InvalidConfiguration
    from worker.plan_builder import make_plan

    version = service.queries.config_version()
    if version is None:
        return [
            CheckupStep("configuration", StepMark.PROBLEM, "none was applied", "run `bin/jurat config apply PATH`")
        ], None
    applied = service.queries.applied(version)
    told = f"version {version}, applied by {applied.applied_by} at {time_text(applied.applied_at)}"
    try:
        configuration = Configuration.from_json(service.queries.config(version))
        networks = service.settings.private_networks
        plan = make_plan(version, configuration, service.queries, service.fingerprints, private_networks=networks)
    except (InvalidConfiguration, ValueError) as error:
        advice = "apply it again with this version of jurat"
        return [CheckupStep("configuration", StepMark.PROBLEM, f"{told}: {str(error).splitlines()[0]}", advice)], None
    consultations = {question.consultation for question in configuration.questions.values()}
    parts = f"{count_text(len(consultations), 'consultation')}, {count_text(len(configuration.sources), 'source')}"
    steps = [CheckupStep("configuration", StepMark.OK, f"{told}: {parts}")]
    wanted = {question.zone for question in configuration.questions.values() if question.zone}
    missing = sorted(wanted - set(plan.zones))
    if missing:
        advice = "run `bin/jurat zones import FILE`"
        steps.append(CheckupStep("zones", StepMark.PROBLEM, f"not imported: {', '.join(missing)}", advice))
    elif wanted:
        steps.append(CheckupStep("zones", StepMark.OK, f"{count_text(len(wanted), 'zone')} in use, imported"))
    return steps, plan


def source_step(name: str, plan: Plan, queries: Queries) -> CheckupStep:
    """Whether a source can work here, as far as that can be told without asking anybody else."""
    from adapters.address.base.columns import AddressFileError
    from adapters.address.base.database import AddressDataset
    from adapters.address.base.file import AddressFile
    from adapters.codes import Codes
    from adapters.fingerprints import KEY_ID_LENGTH
    from adapters.registry.roster import RosterAdapter
    from config.addresses import AddressFileSource
    from config.secrets import SecretError, resolve
    from config.sources import CodesSource, secrets_of
    from tasks.plan import Unusable

    model, source = plan.configuration.sources[name], plan.sources[name]
    for _, reference in secrets_of(model):
        try:
            resolve(reference, os.environ, Path.cwd())
        except SecretError as error:
            return CheckupStep(f"source {name}", StepMark.PROBLEM, str(error), error.hint)
    match source:
        case Unusable(why=why):
            return CheckupStep(f"source {name}", StepMark.PROBLEM, why)
        case AddressFile():
            try:
                return CheckupStep(f"source {name}", StepMark.OK, f"{source.load():,} addresses read")
            except AddressFileError as error:
                return CheckupStep(f"source {name}", StepMark.PROBLEM, str(error).splitlines()[0])
        case AddressDataset() if isinstance(model, AddressFileSource):
            return _dataset_step(name, model, queries)
        case RosterAdapter():
            return _roster_step(name, source)
    if isinstance(model, CodesSource) and model.list is not None:
        row = queries.code_lists().get(model.list)
        if row is None:
            return CheckupStep(
                f"source {name}",
                StepMark.PROBLEM,
                f"the list {model.list} has no codes",
                f"run `bin/jurat codes generate {model.list} --count N`",
            )
        known = set(source.fingerprints.key_ids) if isinstance(source, Codes) else set()
        if queries.code_keys(model.list, KEY_ID_LENGTH) - known:
            said = f"codes of the list {model.list} were hashed with a key that JURAT_HASH_KEYS does not have"
            return CheckupStep(f"source {name}", StepMark.PROBLEM, said, "add the key that made them")
        return CheckupStep(f"source {name}", StepMark.OK, f"{row.free:,} of {count_text(row.codes, 'code')} free")
    return CheckupStep(f"source {name}", StepMark.OK, "is ready")


def _dataset_step(name: str, model: AddressFileSource, queries: Queries) -> CheckupStep:
    dataset = str(model.dataset_name)
    with queries.address_base(dataset) as base:
        if base is None:
            advice = f"run `bin/jurat datasets import-addresses {dataset} FILE`"
            return CheckupStep(f"source {name}", StepMark.PROBLEM, f"the dataset {dataset} is not imported", advice)
        if base.language != model.language:
            said = f"the dataset {dataset} is in {base.language}, the source in {model.language}"
            return CheckupStep(f"source {name}", StepMark.PROBLEM, said, "import it again with the source's --language")
        row = base.row
    said = f"{row.addresses:,} addresses, version {row.version}, data of {row.data_date}"
    return CheckupStep(f"source {name}", StepMark.OK, said)


def _roster_step(name: str, source: RosterAdapter) -> CheckupStep:
    from adapters.base import SourceError

    try:
        found = source.in_force()
    except SourceError as error:
        return CheckupStep(f"source {name}", StepMark.PROBLEM, error.detail)
    left_out = f", {count_text(found.left_out, 'row')} left out" if found.left_out else ""
    said = f"{found.count:,} people{left_out}, version {found.version}, data of {found.data_date}"
    return CheckupStep(f"source {name}", StepMark.OK, said)


def trouble_steps(plan: Plan, queries: Queries) -> Iterator[CheckupStep]:
    """The sources whose breakers are open, that say that they are asked too often, or at which something waits and no
    worker is.
    """
    from cli.diagnosis.source_status import source_statuses

    for status in source_statuses(plan.configuration.sources, queries):
        step = status_step(status)
        if step.mark is StepMark.PROBLEM:
            yield replace(step, name=f"source {status.name}")


def status_step(status: SourceStatus) -> CheckupStep:
    """How a source stands, as workers wrote it down."""
    from cli.diagnosis.source_status import SourceState

    said = (status.said(), status.answers(), status.quota(), status.waits(), status.served(), status.told())
    found, name = "; ".join(filter(None, said)), status.name
    if status.state is SourceState.BROKEN:
        advice = (
            f"workers ask it for one look-up at a time until it answers; see `bin/jurat sources test {name} --live`"
        )
        return CheckupStep(name, StepMark.PROBLEM, found, advice)
    if status.throttled:
        return CheckupStep(
            name, StepMark.PROBLEM, found, "it says that it is asked too often: lower its rate, burst or concurrency"
        )
    if status.unserved:
        return CheckupStep(name, StepMark.PROBLEM, found, "start a worker that serves it, and see `bin/jurat fleet`")
    if status.stale:
        advice = "no worker has counted what waits for so long: see `bin/jurat fleet` and the workers' logs"
        return CheckupStep(name, StepMark.PROBLEM, found, advice)
    return CheckupStep(name, StepMark.OK if status.state is SourceState.OPEN else StepMark.NOTE, found)


def reach_steps(status: SourceStatus, plan: Plan, sources: Sources, settings: Settings) -> Iterator[CheckupStep]:
    """Whether the servers of a source answer HTTP at all, by one request to the root of each; nothing without servers.

    Nobody is looked up, so what the answer says does not count. The requests are paid as one look-up is, and not made
    while the source may not be asked.
    """
    from config.sources import urls_of

    name, model = status.name, status.model
    parts = [urlsplit(url) for _, url in urls_of(model)]
    origins = sorted({f"{part.scheme}://{part.netloc}/" for part in parts})
    if not origins:
        return
    if status.paused_until or status.closed_until:
        yield CheckupStep(name, StepMark.NOTE, f"not asked: {status.said()}")
        return
    wait = sources.pay_for_request(plan.demand(name, 1), LONGEST_WAIT)
    if wait is None:
        yield CheckupStep(name, StepMark.NOTE, "not asked: what it allows is used up at the moment", "try again later")
        return
    time.sleep(wait)
    yield _reach(name, model, origins, settings, test=plan.configuration.environment == "test")


def _reach(name: str, model: SourceModel, origins: list[str], settings: Settings, *, test: bool) -> CheckupStep:
    from adapters.base import Blocked, SourceError
    from adapters.http_client.transport import Transport

    transport = Transport(
        connections=1,
        proxy=getattr(model, "proxy", None),
        ca_file=getattr(model, "ca_file", None),
        client_certificate=getattr(model, "client_certificate", None),
        loopback_http=test,
        private_networks=settings.private_networks,
    )
    said = []
    try:
        for origin in origins:
            begun = time.monotonic()
            try:
                status = transport.send("GET", origin, timeout=model.timeout).status
            except Blocked as error:
                return CheckupStep(name, StepMark.PROBLEM, f"{origin}: {error.detail}")
            except SourceError as error:
                return CheckupStep(
                    name, StepMark.DOWN, f"{origin}: {error.detail}", "fix the network, or the source's url and proxy"
                )
            said.append(f"{origin} answers {status} in {(time.monotonic() - begun) * 1000:.0f} ms")
    finally:
        transport.close()
    return CheckupStep(f"source {name}", StepMark.OK, "; ".join(said))


def _origin(origin: str) -> str:
    return "the default" if origin == "default" else f"from {'the ' if origin == 'environment' else ''}{origin}"


def _instead(steps: list[CheckupStep], step: CheckupStep) -> list[CheckupStep]:
    return [step if other.name == step.name else other for other in steps]


def _broker_problem(url: str) -> tuple[str | None, float]:
    """Why the broker does not answer, None when it does, and in how many seconds: its own, without the import of what
    asks it. The URL may hold a password and is not told.
    """
    from kombu import Connection

    from worker.celery_settings import celery_settings

    options = dict(celery_settings(url)["broker_transport_options"])
    if "socket_timeout" in options:
        options |= {"socket_timeout": BROKER_TIMEOUT, "socket_connect_timeout": BROKER_TIMEOUT}
    connection = Connection(url, connect_timeout=BROKER_TIMEOUT, transport_options=options)
    connection.get_transport_cls()  # imports the driver
    begun = time.monotonic()
    try:
        connection.ensure_connection(max_retries=1, timeout=int(BROKER_TIMEOUT), interval_start=0, interval_step=0)
    except Exception as error:  # noqa: BLE001 - whatever a broker's driver raises
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        said = str(cause).splitlines()[0] if str(cause) else type(cause).__name__
        password = urlsplit(url).password
        return (said.replace(password, "***") if password else said), 0.0
    else:
        return None, time.monotonic() - begun
    finally:
        with suppress(Exception):
            connection.release()
