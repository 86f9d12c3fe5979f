"""The span of a submit, in a platform that uses OpenTelemetry with its SDK."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider, sampling
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from jurat import Client, InvalidAnswer, Submission, span_names
from jurat.seal import generate, key_to_text
from tests.jurat.consultations import Town

ROOT = Path(__file__).resolve().parents[2]
OWN = f"00-{'a' * 32}-{'b' * 16}-01"


class Platform:
    """A platform's SDK, whose spans stay in memory."""

    def __init__(self) -> None:
        self._kept = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False, sampler=sampling.ALWAYS_ON)
        self.provider.add_span_processor(SimpleSpanProcessor(self._kept))
        self.tracer = self.provider.get_tracer("platform")

    def sent(self) -> Sequence[ReadableSpan]:
        """What jurat's client made."""
        scopes = [(span, span.instrumentation_scope) for span in self._kept.get_finished_spans()]
        return [span for span, scope in scopes if scope is not None and scope.name == "jurat"]

    def clear(self) -> None:
        self._kept.clear()


@pytest.fixture(scope="session")
def _only_platform() -> Platform:
    """A process has one provider, once and for all."""
    made = Platform()
    trace.set_tracer_provider(made.provider)
    return made


@pytest.fixture
def platform(_only_platform: Platform) -> Iterator[Platform]:
    _only_platform.clear()
    yield _only_platform
    _only_platform.clear()


def submit(client: Client, town: Town, participant: str = "p-1", **given: Any) -> Any:
    answer = {"consultation": "budget", "question": "profession", "answer": {}, **given}
    with town.engine.begin() as connection:
        return client.submit(connection, participant=participant, **answer)


def traceparents(town: Town) -> list[str | None]:
    return [row[0] for row in town.read("SELECT traceparent FROM jurat_checks ORDER BY participant")]


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def traceparent(span: ReadableSpan, flags: str = "01") -> str:
    assert span.context is not None
    found = f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-"
    random = f"{int(flags, 16) | trace.TraceFlags.RANDOM_TRACE_ID:02x}"
    return found + (random if span.context.trace_flags & trace.TraceFlags.RANDOM_TRACE_ID else flags)


def test_a_submit_within_a_span_is_a_span_of_its_own_that_the_check_carries(
    platform: Platform, client: Client, town: Town
) -> None:
    with platform.tracer.start_as_current_span("request") as request:
        check = submit(client, town)
        assert trace.get_current_span() is request, "as it was before"
    (span,) = platform.sent()
    assert (span.name, span.kind) == ("send rpps", SpanKind.PRODUCER)
    assert attributes(span) == {
        "messaging.system": "jurat",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "rpps",
        "messaging.message.id": str(check.id),
    }
    assert span.parent == request.get_span_context()
    assert span.status.status_code is StatusCode.UNSET
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.schema_url == span_names.SCHEMA_URL
    assert traceparents(town) == [traceparent(span)]


def test_several_submissions_share_a_span(platform: Platform, client: Client, town: Town) -> None:
    many = [Submission("budget", f"p-{n}", "profession", {}, traceparent=OWN if n == 1 else None) for n in range(3)]
    with platform.tracer.start_as_current_span("request"), town.engine.begin() as connection:
        client.submit_many(connection, many)
    (span,) = platform.sent()
    assert span.name == "send rpps"
    assert attributes(span)["messaging.batch.message_count"] == 3
    assert "messaging.message.id" not in attributes(span)
    assert traceparents(town) == [traceparent(span), OWN, traceparent(span)]


def test_a_context_that_the_platform_gives_is_kept(platform: Platform, client: Client, town: Town) -> None:
    with platform.tracer.start_as_current_span("request"):
        submit(client, town, traceparent=OWN)
    assert platform.sent() == []
    assert traceparents(town) == [OWN]


def test_without_a_span_that_records_there_is_none(platform: Platform, client: Client, town: Town) -> None:
    submit(client, town, "p-1")
    unsampled = trace.NonRecordingSpan(trace.SpanContext(1, 2, is_remote=True, trace_flags=trace.TraceFlags(0)))
    with trace.use_span(unsampled):
        submit(client, town, "p-2")
    assert platform.sent() == []
    assert traceparents(town) == [None, None]


def test_a_submit_again_names_no_source(platform: Platform, client: Client, town: Town) -> None:
    check = submit(client, town)
    with platform.tracer.start_as_current_span("request"):
        assert submit(client, town, id=check.id).created is False
    (span,) = platform.sent()
    assert span.name == "send"
    assert "messaging.destination.name" not in attributes(span)
    assert traceparents(town) == [None], "the first submit decides"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=9, max_size=40))
def test_nothing_that_a_participant_gave_is_in_a_span(
    platform: Platform, client: Client, town: Town, text: str
) -> None:
    """Not even of an answer that is refused with a sentence about it."""
    platform.clear()
    town.furnish()
    given = {"participant": f"p{text}x", "question": "residence"}
    with platform.tracer.start_as_current_span("request"):
        with pytest.raises(InvalidAnswer):
            submit(client, town, **given, answer={"street": text, "postcode": text})
        check = submit(client, town, **given, answer={"street": text, "postcode": "99310"})
    refused, sent = platform.sent()
    assert (refused.name, refused.status.status_code, refused.status.description) == ("send", StatusCode.ERROR, None)
    assert attributes(refused)["error.type"] == "InvalidAnswer"
    assert not refused.events
    ours = {value for name, value in vars(span_names).items() if name.isupper()}
    for span in (refused, sent):
        shown = {span.name, *attributes(span), *map(str, attributes(span).values())}
        assert shown - ours <= {"send towns", "towns", "InvalidAnswer", str(check.id)}


@pytest.mark.slow
def test_a_platform_without_it_loads_nothing_of_it(sqlite_url: str) -> None:
    script = """
import sys
from jurat import Client
client = Client(sys.argv[1], seal_key=sys.argv[2])
try:
    client.submit_many(client._engine.connect(), [dict(consultation="c", participant="p", question="q", answer={})])
except Exception as error:
    print(type(error).__name__)
print(sorted(name for name in sys.modules if name.startswith("opentelemetry")))
"""
    command = [sys.executable, "-c", script, sqlite_url, key_to_text(generate()[1])]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.split("\n")[:2] == ["UnknownConsultation", "[]"]


FORKING = """
import os, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from sqlalchemy import text
from jurat import Client
from jurat.database import open_engine

def shown(span):
    return f"{span.name} {span.context.trace_id:032x}-{span.context.span_id:016x}\\n"

url, key = sys.argv[1:]
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter(formatter=shown)))
trace.set_tracer_provider(provider)
client = Client(url, seal_key=key)

def submit(participant):
    engine = open_engine(url)
    with trace.get_tracer("platform").start_as_current_span("request"), engine.begin() as connection:
        client.submit(connection, consultation="budget", participant=participant, question="profession", answer={})
    engine.dispose()

submit("parent")
child = os.fork()
if not child:
    submit("child")
    provider.shutdown()
    sys.stdout.flush()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
provider.shutdown()
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_platform_may_fork_with_its_sdk(town: Town, seal_key: str) -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKING, town.url, seal_key]
    town.engine.dispose()
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=100)
    sent = [line.split()[-1] for line in run.stdout.splitlines() if line.startswith("send rpps ")]
    carried = [str(each)[3:52] for each in traceparents(town)]
    assert len(set(sent)) == len(sent) == 2
    assert sorted(sent) == sorted(carried)
