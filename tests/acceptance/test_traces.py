"""Traces on their whole way: a platform with OpenTelemetry, real workers, and a receiver that decodes what comes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from tests.acceptance.conftest import MakeTown
from tests.acceptance.town import INSIDE, PATIENCE, PHYSICIAN, ROOT, Town
from tests.adapters.registry import described
from tests.rigs.receiver import Mood, Received, Receiver
from tests.rigs.workers import Worker
from worker.traces import CLOSE_TIMEOUT

pytestmark = pytest.mark.acceptance

PLATFORM = """
import json, os, sys
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider, sampling
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from jurat import Client
from jurat.database import open_engine

seal_key, *many = sys.argv[1:]
provider = TracerProvider(sampler=sampling.ParentBased(sampling.ALWAYS_ON))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
engine = open_engine(os.environ["JURAT_DATABASE_URL"])
client = Client(None, os.environ["JURAT_BROKER_URL"], seal_key)
unsampled = trace.NonRecordingSpan(trace.SpanContext(7, 7, is_remote=True))
for each in map(json.loads, many):
    with trace.use_span(unsampled if each.pop("unsampled", False) else trace.INVALID_SPAN):
        with trace.get_tracer("platform").start_as_current_span("request"), engine.begin() as connection:
            print(client.submit(connection, consultation="budget", **each).id)
    client.ring()
client.close()
provider.shutdown()
"""


@pytest.fixture(scope="module")
def town(make_town: MakeTown) -> Town:
    return make_town()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as started:
        yield started


def started(town: Town, url: str, **environment: str) -> Worker:
    worker = town.worker(
        "--concurrency", "8", OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_BSP_SCHEDULE_DELAY="200", **environment
    )
    worker.start()
    assert worker.says("configuration taken", PATIENCE)
    return worker


def submitted(town: Town, receiver: Receiver, *many: dict[str, Any]) -> list[UUID]:
    """The ids of answers that a platform with OpenTelemetry confirms, each in a request of its own."""
    run = subprocess.run(
        [sys.executable, "-c", PLATFORM, town.seal_key, *map(json.dumps, many)],
        cwd=ROOT,
        env={**os.environ, **town.environment, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert run.returncode == 0, run.stderr
    return [UUID(line) for line in run.stdout.split()]


def one(spans: list[Received]) -> Received:
    (span,) = spans
    return span


def below(receiver: Receiver, parent: Received) -> dict[str, Received]:
    """The children of a span by their names."""
    return {span.name: span for span in receiver.spans() if span.parent == parent.span_id}


@pytest.mark.slow
def test_one_check_is_traced_from_its_submit_to_its_verdict(town: Town, receiver: Receiver) -> None:
    worker = started(town, receiver.url, OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test")
    (check,) = submitted(town, receiver, {"participant": "iris", "question": "residence", "answer": INSIDE})
    assert receiver.has("process")
    assert receiver.has("send")
    request, send, process = (one(receiver.spans(name)) for name in ("request", "send", "process"))
    assert (send.name, send.kind) == ("send geocoder", "PRODUCER")
    assert (send.trace_id, send.parent) == (request.trace_id, request.span_id)
    assert (process.name, process.kind, process.parent) == ("process geocoder", "CONSUMER", "")
    assert process.links == ((send.trace_id, send.span_id),)
    assert process.trace_id != send.trace_id
    version, fence = town.sql("SELECT config_version, fence FROM jurat_verdicts")[0]
    assert process.attributes == {
        "messaging.system": "jurat",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "geocoder",
        "messaging.message.id": str(check),
        "jurat.fence": fence,
        "jurat.outcome": "accepted",
        "jurat.reason": "inside_zone",
        "jurat.config_version": version,
    }
    children = below(receiver, process)
    lookup, settle = children.pop("lookup"), children.pop("settle")
    assert children == {}
    assert (lookup.kind, lookup.attributes) == (
        "CLIENT",
        {"server.address": "127.0.0.1", "http.response.status_code": 200},
    )
    assert (settle.kind, settle.attributes) == ("INTERNAL", {})
    assert {span.trace_id for span in (lookup, settle)} == {process.trace_id}
    assert send.start <= lookup.start == process.start <= lookup.end <= settle.start < settle.end == process.end
    assert not any(span.failed for span in receiver.spans())
    assert {span.scope for span in (send, process, lookup, settle)} == {"jurat"}
    resource = process.resource
    assert (resource["service.name"], resource["deployment.environment.name"]) == ("jurat", "test")
    assert resource["service.instance.id"].startswith(worker.folder.name)
    assert resource["service.version"]
    worker.stop()


@pytest.mark.slow
def test_only_checks_whose_platform_samples_them_are_traced(town: Town, receiver: Receiver) -> None:
    worker = started(town, receiver.url)
    ask = {"question": "profession", "answer": PHYSICIAN}
    unsampled, sampled = submitted(
        town,
        receiver,
        {"participant": "p-unsampled", **ask, "unsampled": True},
        {"participant": "p-sampled", **ask},
    )
    plain = town.submit("p-plain", "profession", PHYSICIAN)
    given = town.submit("p-given", "profession", PHYSICIAN, traceparent=f"00-{'c' * 32}-{'d' * 16}-00")
    assert {town.verdict(each)[0] for each in (unsampled, sampled, plain, given)} == {"accepted"}
    assert worker.stop() == 0
    assert [span.attributes["messaging.message.id"] for span in receiver.spans("process")] == [str(sampled)]
    assert len(receiver.spans("send")) == 1
    assert len(receiver.spans()) == len(["request", "send", "process", "lookup", "settle"])


@pytest.mark.slow
def test_a_lookup_that_fails_says_so_and_the_next_claim_is_a_trace_of_its_own(town: Town, receiver: Receiver) -> None:
    down = described.at(town.sources.url("down", "registry"))
    town.apply({**town.document, "sources": {**town.document["sources"], "registry": {**down, "one_person": False}}})
    worker = started(town, receiver.url)
    submitted(town, receiver, {"participant": "tugdual", "question": "profession", "answer": PHYSICIAN})
    assert receiver.has("process")
    town.sql("UPDATE jurat_checks SET due_at = now() WHERE state = 'pending'")
    assert receiver.has("process", 2), "tried again"
    town.apply(town.document)
    first, second, *_ = receiver.spans("process")
    assert first.trace_id != second.trace_id
    assert first.links == second.links
    for process in (first, second):
        assert process.attributes["jurat.reason"] == "source_unavailable"
        assert "jurat.outcome" not in process.attributes
        lookup = below(receiver, process)["lookup"]
        assert lookup.failed
        assert lookup.attributes["error.type"] == "source_unavailable"
        assert lookup.attributes["http.response.status_code"] == 503
    assert first.attributes["jurat.fence"] < second.attributes["jurat.fence"]
    worker.stop()


@pytest.mark.slow
@pytest.mark.parametrize("mood", ["refuses", Mood.FAILS, Mood.BUSY, Mood.HANGS])
def test_a_receiver_in_a_bad_mood_costs_no_verdict_and_no_end(town: Town, receiver: Receiver, mood: str) -> None:
    receiver.mood = Mood.TAKES if mood == "refuses" else Mood(mood)
    worker = started(town, "http://127.0.0.1:1" if mood == "refuses" else receiver.url)
    sampled = f"00-{'c' * 32}-{'d' * 16}-01"
    checks = [town.submit(f"{mood}-{n}", "profession", PHYSICIAN, traceparent=sampled) for n in range(20)]
    assert {town.verdict(check) for check in checks} == {("accepted", "record_matches")}
    assert mood == "refuses" or receiver.was_asked()
    begun = time.monotonic()
    assert worker.stop() == 0
    assert worker.says("engine stopped", 0.0)
    assert time.monotonic() - begun < CLOSE_TIMEOUT + 20.0, "less than the half minute for which the SDK waits"
    lost = [line for line in worker.log.splitlines() if "traces lost" in line]
    assert lost, worker.log
    assert "Traceback" not in worker.log
    assert "[opentelemetry." not in worker.log, "the SDK logs each try"
    assert receiver.spans() == []
