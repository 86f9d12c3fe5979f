"""What a worker makes spans of, and when it makes none."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from config.settings import Settings
from jurat import span_names
from jurat.seal import key_to_text
from jurat.vocabulary import Outcome, Reason
from tasks.checks import CheckResult, ClaimedCheck, Ended, GiveBack, Later, Settle
from tests.adapters.registry import described
from tests.rigs import loggers
from tests.rigs.receiver import Mood, Receiver
from tests.rigs.workers import Worker
from tests.store.desk import DOCUMENT, PRIVATE_KEY, PUBLIC_KEY, Desk, attempt, entry
from tests.worker.engine.works import PATIENCE, soon
from worker import health, spans, traces
from worker.embedded import embedded
from worker.traces import Traces, open_traces

ROOT = Path(__file__).resolve().parents[2]
SAMPLED = f"00-{'c' * 32}-{'d' * 16}-01"
QUICK = {"OTEL_BSP_SCHEDULE_DELAY": "50"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as started:
        yield started


@pytest.fixture
def _on(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an operator sets it."""
    for name, value in {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, **QUICK}.items():
        monkeypatch.setenv(name, value)


def opened(desk: Desk | None = None) -> Traces:
    plan = desk.plan() if desk is not None else None
    made = open_traces("w1@host", "1.2.3", lambda: plan)
    assert made is not None
    return made


def held(**given: Any) -> ClaimedCheck:
    facts: dict[str, Any] = {
        "id": uuid4(),
        "fence": 3,
        "consultation": "budget",
        "participant": "p-1",
        "question": "residence",
        "source": "towns",
        "sealed": b"",
        "answer_key": None,
        "lookups": 0,
        "lost_leases": 0,
        "seconds_left": 60.0,
        "traceparent": SAMPLED,
        **given,
    }
    return ClaimedCheck(**facts)


def settled(**given: Any) -> CheckResult:
    looked_up = replace(attempt(), duration=0.5, ended_at=time.monotonic())
    return CheckResult(held(**given), Settle(Outcome.ACCEPTED, Reason.RECORD_MATCHES), 1, looked_up)


# -------------------------------------------------------------------------------------------------------------- on, off


@pytest.mark.slow
@pytest.mark.parametrize("on", [False, True])
def test_without_an_endpoint_a_worker_loads_nothing_of_it(
    receiver: Receiver, sqlite_url: str, valkey_url: str, *, on: bool
) -> None:
    """Nor does the library for Redis, which would take it for metrics of its own."""
    desk = Desk(sqlite_url)
    environment = {
        "JURAT_DATABASE_URL": desk.url,
        "JURAT_BROKER_URL": valkey_url,
        "JURAT_UNSEAL_KEYS": key_to_text(PRIVATE_KEY),
        "PYTHONPROFILEIMPORTTIME": "1",
        **({"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url} if on else {}),
    }
    desk.submit(traceparent=SAMPLED)
    with Worker(environment) as worker:
        assert soon(lambda: desk.one("SELECT count(*) FROM jurat_verdicts") == 1)
        assert worker.says("ready.")
        # Whatever is loaded of it loads this; imports that fail are in the log by their own names.
        assert ("opentelemetry.context" in worker.log) is on
        assert ("worker.spans" in worker.log) is on
    desk.close()


def script(code: str, **environment: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return run.stdout + run.stderr


OPEN = "from worker.traces import open_traces; print(open_traces('w', '1', lambda: None))"


@pytest.mark.slow
def test_an_endpoint_without_the_library_is_said_in_a_sentence_and_no_more() -> None:
    said = script(f"import sys; sys.modules['opentelemetry'] = None; {OPEN}", OTEL_EXPORTER_OTLP_ENDPOINT="http://x")
    assert "no traces: OpenTelemetry is not installed" in said
    assert "install requirements/otel.txt, or unset OTEL_EXPORTER_OTLP_ENDPOINT" in said
    assert "Traceback" not in said
    assert "None" in said


@pytest.mark.slow
@pytest.mark.parametrize(("name", "value"), [("OTEL_SDK_DISABLED", "True"), ("OTEL_TRACES_EXPORTER", "none")])
def test_opentelemetrys_own_switches_turn_them_off(name: str, value: str) -> None:
    code = f"{OPEN}; import sys; print('worker.spans' in sys.modules)"
    assert script(code, OTEL_EXPORTER_OTLP_ENDPOINT="http://x", **{name: value}).split() == ["None", "False"]


@pytest.mark.slow
def test_a_header_that_cannot_be_read_is_logged_without_its_value() -> None:
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_HEADERS": "authorization: Bearer abc"}
    said = script(OPEN, **variables)
    assert "Header format invalid" in said
    assert "abc" not in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value"), [("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many"), ("OTEL_BSP_MAX_QUEUE_SIZE", "100")]
)
def test_a_variable_that_the_sdk_cannot_use_is_said_and_no_more(name: str, value: str) -> None:
    said = script(OPEN, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="http://x", **{name: value})
    assert "no traces: OpenTelemetry cannot use its variables" in said
    assert "Traceback" not in said


# ------------------------------------------------------------------------------------------------------------ one check


@pytest.mark.usefixtures("_on")
def test_the_spans_are_of_the_times_that_the_result_tells(receiver: Receiver) -> None:
    made, result = opened(), settled()
    assert result.attempt is not None
    assert result.attempt.ended_at is not None
    began = time.monotonic()
    made.add([result], [], began, began + 0.25)
    made.close()
    now = time.time_ns()
    process, lookup, settle = (receiver.spans(name)[0] for name in ("process", "lookup", "settle"))
    assert lookup.end - lookup.start == pytest.approx(0.5e9, abs=1000)
    assert settle.end - settle.start == pytest.approx(0.25e9, abs=1000)
    assert settle.start - lookup.end == pytest.approx((began - result.attempt.ended_at) * 1e9, abs=1000)
    assert (process.start, process.end) == (lookup.start, settle.end)
    assert abs(now - process.end) < 100e9, "on the clock of the day"
    assert (
        dict(process.resource).items()
        >= {
            "service.name": "jurat",
            "service.version": "1.2.3",
            "service.instance.id": "w1@host",
        }.items()
    )
    assert process.schema == span_names.SCHEMA_URL


@pytest.mark.usefixtures("_on")
def test_an_operators_own_names_win(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "checks")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=pod-7,k8s.pod.name=pod-7")
    made = opened()
    made.add([settled()], [], 0.0, 0.0)
    made.close()
    resource = receiver.spans("process")[0].resource
    assert (resource["service.name"], resource["service.instance.id"]) == ("checks", "pod-7")
    assert resource["k8s.pod.name"] == "pod-7"


@pytest.mark.usefixtures("_on")
def test_a_result_that_came_too_late_is_an_error_and_no_verdict(receiver: Receiver, postgresql: Desk) -> None:
    mine = postgresql.held(traceparent=SAMPLED)
    postgresql.sql("UPDATE jurat_checks SET lease_until = NOW(-1)")
    postgresql.upkeep.end_leases()
    outcome = postgresql.write(entry(mine))
    assert outcome.stale
    made = opened()
    made.add(outcome.done, outcome.stale, time.monotonic(), time.monotonic())
    made.close()
    process, settle = receiver.spans("process")[0], receiver.spans("settle")[0]
    assert process.failed
    assert settle.failed
    assert process.attributes["error.type"] == settle.attributes["error.type"] == "lease_lost"
    assert {"jurat.outcome", "jurat.reason"}.isdisjoint(process.attributes)


@pytest.mark.usefixtures("_on")
def test_a_lookup_that_took_too_long_is_told_from_an_outage(receiver: Receiver) -> None:
    made, result = opened(), settled()
    failed = attempt(Ended.FAILED, Reason.SOURCE_UNAVAILABLE)
    for timed_out in (True, False):
        failed = replace(failed, ended_at=time.monotonic(), timed_out=timed_out)
        made.add([replace(result, decision=Later(1.0, failed.reason), attempt=failed)], [], 0.0, 0.0)
    made.close()
    first, second = receiver.spans("lookup")
    assert (first.attributes["error.type"], second.attributes["error.type"]) == ("timeout", "source_unavailable")
    assert first.failed
    assert not any(span.failed for span in receiver.spans("process")), "it waits for the next"


@pytest.mark.usefixtures("_on")
def test_what_was_given_back_unstarted_is_no_trace_and_what_waits_has_no_outcome(receiver: Receiver) -> None:
    made = opened()
    unstarted = CheckResult(held(), GiveBack(), 1)
    later = CheckResult(held(), Later(5.0, Reason.CONFIGURATION_MISSING), 1)
    made.add([unstarted, later], [], time.monotonic(), time.monotonic())
    made.close()
    (process,) = receiver.spans("process")
    assert process.attributes["jurat.reason"] == "configuration_missing"
    assert "jurat.outcome" not in process.attributes
    assert [span.name for span in receiver.spans() if span.parent] == ["settle"], "nothing was asked"


@pytest.mark.usefixtures("_on")
def test_the_server_is_the_host_as_configured(receiver: Receiver, sqlite_url: str) -> None:
    hosts = ["registry.example:8443", "login.example"]
    described_at = described.at("https://registry.example:8443/api", one_person=False, hosts=hosts)
    login = {"name": "login", "request": {"url": "https://login.example/"}, "set": {"token": "body.token"}}
    keys = {"client_id": "{secrets.key}", "client_secret": "{secrets.key}"}
    described_at["steps"][0]["request"]["auth"] = {"type": "oauth2", "url": "https://login.example/token", **keys}
    secrets = {"key": {"env": "JURAT_SOURCE_KEY"}}
    registry = {**described_at, "secrets": secrets, "steps": [login, *described_at["steps"]]}
    desk = Desk(sqlite_url, {**DOCUMENT, "sources": {**DOCUMENT["sources"], "rpps": registry}})
    made = opened(desk)
    made.add([settled(source=name) for name in ("rpps", "rpps", "spring")], [], 0.0, 0.0)
    made.add([replace(settled(source="rpps"), config_version=7)], [], 0.0, 0.0)
    made.close()
    servers = [span.attributes.get("server.address") for span in receiver.spans("lookup")]
    assert servers == ["registry.example", "registry.example", None, None], "no URL; a version no longer in force"
    desk.close()


# --------------------------------------------------------------------------------------------------------------- losses


@pytest.mark.slow
@pytest.mark.usefixtures("_on")
def test_while_a_receiver_hangs_whole_checks_are_dropped_and_counted(receiver: Receiver) -> None:
    receiver.mood = Mood.HANGS
    made = opened()
    checks = 1000
    with capture_logs() as logs:
        for _ in range(checks):
            made.add([settled()], [], 0.0, 0.0)
        begun = time.monotonic()
        made.close()
        took = time.monotonic() - begun
    assert took < traces.CLOSE_TIMEOUT + 20.0, "less than the half minute for which the SDK waits"
    lost = [line for line in logs if line["event"] == "traces lost"]
    spans_lost, dropped = (sum(line[name] for line in lost) for name in ("spans", "checks_dropped"))
    assert spans_lost + spans.MOST_SPANS * dropped == spans.MOST_SPANS * checks
    assert dropped > 0
    assert spans_lost <= spans.QUEUE + 512, "what waits, and a batch on its way"
    assert len(lost) <= 2, "once a minute, and at the end"
    assert not [line for line in logs if line["event"] == "no traces"]


@pytest.mark.usefixtures("_on")
def test_after_a_receiver_is_back_traces_arrive_again(receiver: Receiver) -> None:
    receiver.mood = Mood.FAILS
    made = opened()
    made.add([settled()], [], 0.0, 0.0)
    assert receiver.was_asked()
    receiver.mood = Mood.TAKES
    with capture_logs() as logs:
        while not logs:
            made.add([settled()], [], 0.0, 0.0)
            time.sleep(0.05)
        assert receiver.has("process")
        made.close()
    assert logs[0]["event"] == "traces lost"
    assert logs[0]["why"] == "Failed to export spans batch code: 500, reason: Internal Server Error"


@pytest.mark.usefixtures("_on")
def test_a_mistake_of_ours_reaches_no_writer(receiver: Receiver) -> None:
    made = opened()
    with capture_logs() as logs:
        for _ in range(3):
            made.add([replace(settled(), held=held(traceparent=b"\xff"))], [], 0.0, 0.0)
    assert [(line["event"], line["error"]) for line in logs] == [("no traces", "TypeError")], "once a minute"
    made.add([settled()], [], 0.0, 0.0)
    made.close()
    assert receiver.has("process")


# -------------------------------------------------------------------------------------------------------------- privacy


@pytest.fixture
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Health files of the test's own, and structlog as it was."""
    monkeypatch.setattr(health, "folder", lambda: tmp_path)
    yield
    loggers.forget()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Do not use the .random. module")  # the engine's threads do, while words are drawn
@pytest.mark.usefixtures("_on", "_own_place")
def test_nothing_that_a_participant_gave_is_in_what_is_sent(receiver: Receiver, sqlite_url: str) -> None:
    """Nor the consultation or the question: none of these words is in the bytes on the wire."""
    desk = Desk(sqlite_url)
    numbers = iter(range(10_000))
    wake: Any = None

    def check(text: str, word: str) -> None:
        before, participant = len(receiver.spans("process")), f"secret-{text}-{next(numbers)}"
        desk.submit(participant, answer={"word": word, "said": f"secret-{text}"}, traceparent=SAMPLED)
        wake()
        assert receiver.has("process", before + 1, PATIENCE)

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=30),
        st.sampled_from(["accept", "refuse", "review", "undetermined"]),
    )
    def holds(text: str, word: str) -> None:
        check(text, word)
        sent = b"".join(receiver.bodies)
        assert not [word for word in ("secret", "budget", "residence") if word.encode() in sent]

    keys: Mapping[str, Any] = {"unseal_keys": (key_to_text(PRIVATE_KEY),), "seal_key": key_to_text(PUBLIC_KEY)}
    with embedded(Settings(database_url=sqlite_url, broker_url="none", **keys), slots=2) as engine:
        wake = engine.wake
        holds()
        check("a failure", "unreadable")
    assert b"source_unreadable" in b"".join(receiver.bodies)
    assert b"secret" not in b"".join(receiver.bodies)
    names = {name for span in receiver.spans() for name in span.attributes}
    assert names <= {value for name, value in vars(span_names).items() if name.isupper()}
    desk.close()
