"""Checks all that a worker needs, step by step, for `doctor`, `worker --check` and `sources test`.

A step says what it found and, if something is wrong, what to do. It never raises for what it checks.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError

from adapters.address.base.database import AddressDataset
from adapters.address.base.file import AddressFile
from adapters.base import Blocked, SourceError
from adapters.codes import Codes
from adapters.file_lines import FileError
from cli.diagnosis.source_texts import state_text, status_text
from cli.output import CheckupStep, StepMark, count_text, time_text
from config.addresses import AddressFileSource
from config.configuration import Configuration
from config.problems import InvalidConfiguration
from config.secrets import SecretError, resolve
from config.settings import Settings, SettingsError, printable_settings, provenance, read_settings, unknown_variables
from config.sources import CodesSource, SourceModel, secrets_of, urls_of
from config.uses import zones_in_use
from jurat.database import bounded
from jurat.errors import ConfigurationError
from jurat.ring import NO_BROKER
from store.monitoring.fleet import SourceState
from store.monitoring.source_status import SourceStatus
from store.queries import Queries, SourceRow
from store.queue.sources import Sources
from store.schema.status import ADVICE, SchemaStatus, schema_of
from tasks.plan import Plan, Unusable
from worker.celery_settings import celery_settings
from worker.database import advice_on, engine_version, first_line, give_up_on, oddities, sqlite_file
from worker.plan_builder import make_plan
from worker.service import Service, open_service

if TYPE_CHECKING:  # large: loaded by the steps that need it
    from adapters.registry.roster import RosterAdapter

BROKER_TIMEOUT = 2.0
LONGEST_WAIT = 10.0
"""Seconds that a command waits for its turn at a source."""


def settings_steps() -> tuple[list[CheckupStep], Settings | None]:
    """Where each setting comes from, and the settings; None if they cannot be used."""
    try:
        settings = read_settings()
    except SettingsError as error:
        return [CheckupStep("settings", StepMark.PROBLEM, problem) for problem in error.problems], None
    origins = provenance()
    steps = []
    for name, value in printable_settings(settings).items():
        origin = {"default": "the default", "environment": "from the environment"}.get(origins[name])
        mark = StepMark.NOTE if value == "not set" else StepMark.OK
        steps.append(CheckupStep(name, mark, f"{value} ({origin or f'from {origins[name]}'})"))
        if name == "JURAT_BROKER_URL" and settings.broker_url is None:
            advice = "set JURAT_BROKER_URL to redis://HOST:6379/0, or to none to work without a broker"
            steps[-1] = CheckupStep(name, StepMark.PROBLEM, "not set: a worker does not start", advice)
    return steps, settings


def variable_steps(known: set[str] | None) -> Iterator[CheckupStep]:
    """Variables that look like settings and are none. `known` are the configuration's secrets, None if unreadable."""
    for sentence in unknown_variables(known):
        yield CheckupStep("environment", StepMark.PROBLEM, sentence)


def database_steps(settings: Settings) -> tuple[list[CheckupStep], Service | None]:
    """Whether the database answers and has a schema that this program can use; if so, also the service on it."""
    file = sqlite_file(settings)
    if file is not None and not file.exists():
        return [CheckupStep("database", StepMark.DOWN, f"there is no file {file}", "run `bin/jurat db upgrade`")], None
    service = None
    try:
        service = open_service(settings)
        give_up_on(service.database, command=True)
        found = schema_of(service.database)
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
        advice = "start it, or fix JURAT_BROKER_URL; until then, workers ask the database each second"
        yield CheckupStep("broker", StepMark.DOWN, f"does not answer ({problem})", advice)
    else:
        yield CheckupStep("broker", StepMark.OK, f"answers in {took * 1000:.0f} ms")


def configuration_steps(service: Service) -> tuple[list[CheckupStep], Plan | None]:
    """The applied configuration and what keeps it from working here; if it works, its plan, to be closed."""
    version = service.queries.config_version()
    if version is None:
        advice = "run `bin/jurat config apply PATH`"
        return [CheckupStep("configuration", StepMark.PROBLEM, "none was applied", advice)], None
    applied = service.queries.applied(version)
    which = f"version {version}, applied by {applied.applied_by} at {time_text(applied.applied_at)}"
    try:
        configuration = Configuration.from_json(service.queries.config(version))
        plan = make_plan(
            version,
            configuration,
            service.queries,
            service.fingerprints,
            purse=Sources(bounded(service.database)),
            private_networks=service.settings.private_networks,
        )
    except (InvalidConfiguration, ValueError) as error:
        advice = "apply it again with this version of jurat"
        return [CheckupStep("configuration", StepMark.PROBLEM, f"{which}: {str(error).splitlines()[0]}", advice)], None
    consultations = {question.consultation for question in configuration.questions.values()}
    parts = f"{count_text(len(consultations), 'consultation')}, {count_text(len(configuration.sources), 'source')}"
    steps = [CheckupStep("configuration", StepMark.OK, f"{which}: {parts}")]
    asked = [question for question in configuration.questions.values() if question.zone or question.zones]
    missing = sorted({said for each in asked if plan.area(each) is None for said in (each.zone, *each.zones) if said})
    if missing:
        advice = "run `bin/jurat zones import FILE`"
        steps.append(CheckupStep("zones", StepMark.PROBLEM, f"not imported: {', '.join(missing)}", advice))
    elif asked:
        wanted = zones_in_use(asked, service.queries.zone_versions())
        steps.append(CheckupStep("zones", StepMark.OK, f"{count_text(len(wanted), 'zone')} in use, imported"))
    return steps, plan


def source_step(name: str, plan: Plan, queries: Queries) -> CheckupStep:
    """Whether a source can work here, as far as that is known without asking it."""
    from adapters.registry.roster import RosterAdapter

    step = partial(CheckupStep, f"source {name}")
    model, source = plan.configuration.sources[name], plan.sources[name]
    for _, reference in secrets_of(model):
        try:
            resolve(reference, os.environ, Path.cwd())
        except SecretError as error:
            return step(StepMark.PROBLEM, str(error), error.hint)
    match source:
        case Unusable(why=why):
            return step(StepMark.PROBLEM, why)
        case AddressFile():
            try:
                return step(StepMark.OK, f"{source.load():,} addresses read")
            except FileError as error:
                return step(StepMark.PROBLEM, str(error).splitlines()[0])
        case AddressDataset() if isinstance(model, AddressFileSource):
            return step(*_check_dataset(model, queries))
        case RosterAdapter():
            return step(*_check_roster(source))
    if isinstance(model, CodesSource) and model.list is not None:
        row = queries.code_lists().get(model.list)
        if row is None:
            advice = f"run `bin/jurat codes generate {model.list} --count N`"
            return step(StepMark.PROBLEM, f"the list {model.list} has no codes", advice)
        known = source.fingerprints.known if isinstance(source, Codes) else ()
        if queries.code_keys(model.list).difference(known):
            found = f"codes of the list {model.list} were hashed with a key that JURAT_HASH_KEYS lacks"
            return step(StepMark.PROBLEM, found, "add the key that made them")
        return step(StepMark.OK, f"{row.free:,} of {count_text(row.codes, 'code')} free")
    return step(StepMark.OK, "is ready")


def _check_dataset(model: AddressFileSource, queries: Queries) -> tuple[StepMark, str, str]:
    dataset = str(model.dataset)
    with queries.address_base(dataset) as base:
        if base is None:
            advice = f"run `bin/jurat datasets import-addresses {dataset} FILE`"
            return StepMark.PROBLEM, f"the dataset {dataset} is not imported", advice
        if base.language != model.language:
            found = f"the dataset {dataset} is in {base.language}, the source in {model.language}"
            return StepMark.PROBLEM, found, "import it again with the source's --language"
        row = base.row
    return StepMark.OK, f"{row.addresses:,} addresses, version {row.version}, data of {row.data_date}", ""


def _check_roster(source: RosterAdapter) -> tuple[StepMark, str]:
    try:
        found = source.in_force()
    except SourceError as error:
        return StepMark.PROBLEM, error.detail
    left_out = f", {count_text(found.left_out, 'row')} left out" if found.left_out else ""
    in_clear = "" if found.is_sealed else ", in clear until its file is imported again"
    text = f"{found.count:,} people{left_out}, version {found.version}, data of {found.data_date}{in_clear}"
    return StepMark.OK, text


def status_step(status: SourceStatus) -> CheckupStep:
    """The state of a source, from the workers' figures."""
    found, mark, advice = status_text(status), StepMark.PROBLEM, ""
    if status.moved_to:
        advice = "a login wrote that time: replace its password, and set next_start_at and probe_at to null by SQL"
    elif status.state is SourceState.BROKEN:
        see = f"see `bin/jurat sources test {status.name} --live`"
        advice = f"workers ask it for one lookup at a time until it answers; {see}"
    elif status.is_throttled:
        advice = "it says that it is asked too often: lower its rate, burst or concurrency"
    elif status.row.suspect_since:
        advice = "its refusals are held back: see whether its answers have changed"
        advice += f"; if they are right, run `bin/jurat sources trust {status.name}`"
    elif status.is_unserved:
        advice = "start a worker that serves it, and see `bin/jurat fleet`"
    elif status.is_stale:
        advice = "no worker has counted what waits since then: see `bin/jurat fleet` and the workers' logs"
    else:
        mark = StepMark.OK if status.state is SourceState.OPEN else StepMark.NOTE
    return CheckupStep(status.name, mark, found, advice)


def drift_steps(rows: Iterable[SourceRow]) -> Iterator[CheckupStep]:
    """A problem for each source whose answers differ from its tests."""
    for row in rows:
        if row.drift:
            found = f"its answers differ from its tests: {row.drift}"
            advice = f"run `bin/jurat sources drift {row.name}`, fix the description, and add a test with that shape"
            yield CheckupStep(f"source {row.name}", StepMark.PROBLEM, found, advice)


def reach_steps(status: SourceStatus, plan: Plan, sources: Sources, settings: Settings) -> Iterator[CheckupStep]:
    """Whether the servers of a source answer HTTP at all, by one request to the root of each.

    No one is looked up, so the content of the answer does not count. The requests count as one lookup, and are not sent
    while the source may not be asked.
    """
    name, model = status.name, status.model
    parts = [urlsplit(url) for _, url in urls_of(model)]
    origins = sorted({f"{part.scheme}://{part.netloc}/" for part in parts})
    if not origins:
        return
    if status.paused_until or status.closed_until:
        yield CheckupStep(name, StepMark.NOTE, f"not asked: {state_text(status)}")
        return
    wait = sources.pay_for_request(plan.demand(name, 1), LONGEST_WAIT)
    if wait is None:
        yield CheckupStep(name, StepMark.NOTE, "not asked: its quota is used up at the moment", "try again later")
        return
    time.sleep(wait)
    yield _reach(name, model, origins, settings, test=plan.configuration.environment == "test")


def _reach(name: str, model: SourceModel, origins: list[str], settings: Settings, *, test: bool) -> CheckupStep:
    from adapters.http_client.transport import Transport

    transport = Transport(
        connections=1,
        proxy=getattr(model, "proxy", None),
        ca_file=getattr(model, "ca_file", None),
        client_certificate=getattr(model, "client_certificate", None),
        loopback_http=test,
        private_networks=settings.private_networks,
    )
    found = []
    try:
        for origin in origins:
            begun = time.monotonic()
            try:
                status = transport.send("GET", origin, timeout=model.timeout).status
            except Blocked as error:
                advice = "nothing was asked; other settings than these, such as a worker's, may allow it"
                return CheckupStep(name, StepMark.PROBLEM, f"{origin}: {error.detail}", advice)
            except SourceError as error:
                advice = "fix the network, or the source's url and proxy"
                return CheckupStep(name, StepMark.DOWN, f"{origin}: {error.detail}", advice)
            found.append(f"{origin} answers {status} in {(time.monotonic() - begun) * 1000:.0f} ms")
    finally:
        transport.close()
    return CheckupStep(f"source {name}", StepMark.OK, "; ".join(found))


def _broker_problem(url: str) -> tuple[str | None, float]:
    """Why the broker does not answer (None if it does), and the seconds until it did. The password is not shown."""
    from kombu import Connection

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
