"""A registry's absence refuses only while a record is found that it is known to have."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from adapters.base import Finding, SourceError, Unavailable, Unreadable, of_many
from adapters.http_client.reply import Reply
from adapters.registry.batches import adapter_class
from adapters.registry.control import controlled
from adapters.registry.shapes import DriftWatch
from config.lint import lint
from config.networks import LOOPBACK
from config.registry import RegistrySource
from config.registry.model.source import Control
from jurat.vocabulary import Outcome, Reason
from tests.adapters.conftest import Listen, read_request
from tests.adapters.registry.described import IRIS, TESTS, Canned, asked, at, description, reply

NOBODY = {"count": 0, "professionals": []}
KNOWN = {
    "count": 1,
    "professionals": [
        {
            "number": "9000010000",
            "names": [{"family": "Valombre", "given": "Iris"}],
            "status": "active",
            "profession": {"code": "10"},
        }
    ],
}
MAELLE = asked("9000010372", "Sardel", "Maëlle")
CONTROL = {"input": dict(IRIS.answer), "every": "1min"}


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Asked:
    """A registry that answers each request with the next of `answers`, and its source. `notes` are its drifts."""

    def __init__(self, *answers: Any, another: Callable[[float], float | None] | None = None, **changes: Any) -> None:
        self.notes: list[str] = []
        model = RegistrySource.model_validate(description(**{"control": CONTROL, **changes}))
        self.canned, self.clock = Canned(answers), Clock()
        adapter = adapter_class(model)(model, secret=str, transport=self.canned)
        drifts = DriftWatch(model, self.notes.append, clock=self.clock)
        self.source = controlled(
            adapter, model.control, another=another, drifts=drifts, clock=self.clock, sleep=lambda _: None
        )

    @property
    def sent(self) -> list[str]:
        """The numbers that were asked for."""
        return [str(dict(sent["params"])["number"]) for sent in self.canned.sent]

    def look_up(self, query: Any = MAELLE) -> Finding:
        found = self.source.look_up(query)
        assert isinstance(found, Finding)
        return found


def refused(found: Finding) -> bool:
    return (found.outcome, found.reason) == (Outcome.REFUSED, Reason.RECORD_NOT_FOUND)


def test_an_absence_refuses_while_the_control_record_is_found() -> None:
    registry = Asked(NOBODY, KNOWN, NOBODY, NOBODY, NOBODY)
    assert refused(registry.look_up())
    assert registry.sent == ["9000010372", "9000010000", "9000010372"]
    assert refused(registry.look_up())
    assert registry.sent[3:] == ["9000010372"] * 2, "the record was found a moment ago"


def test_an_absence_that_is_not_said_again_over_a_new_connection_refuses_nobody() -> None:
    registry = Asked(NOBODY, KNOWN, KNOWN)
    assert registry.look_up(IRIS).outcome is Outcome.ACCEPTED
    assert [sent["fresh"] for sent in registry.canned.sent] == [False, True, True]


def test_a_late_answer_to_someone_else_refuses_nobody(listen: Listen) -> None:
    """A broken proxy: on a kept connection, an answer to someone else comes once the next request is under way."""

    def serve(connection: socket.socket) -> None:
        answered = 0
        while request := read_request(connection):
            number = request.partition(b"number=")[2][:10].decode()
            person = {**KNOWN["professionals"][0], "number": number}  # type: ignore[index]
            if answered:
                connection.sendall(_packed(NOBODY))
            connection.sendall(_packed({"count": 1, "professionals": [person]}))
            answered += 1

    model = RegistrySource.model_validate(at(f"http://127.0.0.1:{listen(serve)}", control=CONTROL))
    adapter = adapter_class(model)(model, secret=str, loopback_http=True, private_networks=LOOPBACK)
    source = controlled(adapter, model.control)
    with closing(source):
        for _ in range(3):
            found = source.look_up(IRIS)
            assert isinstance(found, Finding)
            assert found.outcome is Outcome.ACCEPTED


def _packed(body: Any) -> bytes:
    content = json.dumps(body).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content


def test_the_answer_about_it_is_compared_with_the_tests_each_hour_without_another_request() -> None:
    person = {key: value for key, value in KNOWN["professionals"][0].items() if key != "status"}  # type: ignore[index]
    renamed = {"count": 1, "professionals": [{**person, "state": "active"}]}
    registry = Asked(NOBODY, KNOWN, NOBODY, NOBODY, renamed, NOBODY, renamed, tests=TESTS)
    assert refused(registry.look_up())
    assert registry.notes == [""]
    registry.clock.now += 60
    with pytest.raises(SourceError):
        registry.look_up()
    assert registry.notes == [""], "the hour is not over"
    registry.clock.now += 3540
    with pytest.raises(SourceError):
        registry.look_up()
    assert registry.notes == ["", "professionals[].status is gone"]
    assert registry.canned.answers == []


def test_an_answer_of_another_shape_altogether_is_compared_though_it_is_unreadable() -> None:
    registry = Asked(NOBODY, {"count": 1, "people": []}, tests=TESTS)
    with pytest.raises(SourceError):
        registry.look_up()
    assert registry.notes == ["professionals is gone"]


def test_an_outage_is_no_other_shape() -> None:
    for answer in (Reply(503, {}, b"{}"), Reply(200, {}, b"<html></html>"), {"count": 0}):
        registry = Asked(NOBODY, answer, tests=TESTS)
        with pytest.raises(SourceError):
            registry.look_up()
        assert registry.notes == []


def test_it_is_looked_up_again_after_a_while() -> None:
    registry = Asked(NOBODY, KNOWN, NOBODY, NOBODY, KNOWN, NOBODY)
    registry.look_up()
    registry.clock.now += 60
    assert refused(registry.look_up())
    assert registry.sent[-2] == "9000010000"


def test_an_empty_index_refuses_nobody() -> None:
    registry = Asked(NOBODY, NOBODY, NOBODY)
    for _ in range(2):
        with pytest.raises(Unreadable, match="control record is missing"):
            registry.look_up()
    assert len(registry.sent) == 3, "a record that is missing is not looked up for each participant"
    registry.clock.now += 30
    registry.canned.answers += [NOBODY, KNOWN, NOBODY]
    assert refused(registry.look_up())


def test_without_a_control_record_an_absence_refuses_nobody() -> None:
    found = Asked(NOBODY, control=None).look_up()
    assert (found.outcome, found.reason) == (Outcome.UNDETERMINED, Reason.RECORD_NOT_FOUND)


def test_a_record_that_is_found_needs_no_control() -> None:
    registry = Asked(KNOWN)
    assert registry.look_up(IRIS).outcome is Outcome.ACCEPTED
    assert len(registry.sent) == 1


def test_other_refusals_need_no_control() -> None:
    suspended = {"count": 1, "professionals": [{**KNOWN["professionals"][0], "status": "suspended"}]}  # type: ignore[index]
    registry = Asked(suspended)
    assert registry.look_up(IRIS).reason is Reason.STATUS_INACTIVE
    assert len(registry.sent) == 1


def test_after_a_failure_it_is_looked_up_before_anyone_is_refused() -> None:
    registry = Asked(NOBODY, KNOWN, NOBODY, Reply(503, {}, b""), NOBODY, NOBODY)
    assert refused(registry.look_up())
    with pytest.raises(SourceError):
        registry.look_up()
    with pytest.raises(Unreadable, match="control record is missing"):
        registry.look_up()


@pytest.mark.parametrize("status", [500, 429])
def test_a_registry_that_fails_for_the_control_record_refuses_nobody(status: int) -> None:
    with pytest.raises(SourceError) as raised:
        Asked(NOBODY, Reply(status, {}, b"")).look_up()
    assert raised.value.reason in {Reason.SOURCE_UNAVAILABLE, Reason.SOURCE_THROTTLED}


def test_a_record_that_is_no_longer_active_is_no_control() -> None:
    struck = {"count": 1, "professionals": [{**KNOWN["professionals"][0], "status": "struck_off"}]}  # type: ignore[index]
    with pytest.raises(Unreadable):
        Asked(NOBODY, struck).look_up()


def test_it_is_paid_from_the_quota_of_the_source() -> None:
    asked_for: list[float] = []

    def pays(longest: float) -> float | None:
        asked_for.append(longest)
        return None

    registry = Asked(NOBODY, another=pays)
    with pytest.raises(Unavailable, match="quota"):
        registry.look_up()
    assert registry.sent == ["9000010372"]
    assert asked_for == pytest.approx([MAELLE.timeout / 2])


def test_a_failure_waits_for_no_look_up_of_the_control_record() -> None:
    """Or else a lookup that has timed out would go on for as long as that takes."""
    looked_up, over, sent = threading.Event(), threading.Event(), []

    class Hanging:
        def send(self, method: str, url: str, *, params: Any, **_: Any) -> Reply:
            sent.append(dict(params)["number"])
            if sent[-1] == "9000010000":
                looked_up.set()
                over.wait(60)
                return reply(KNOWN)
            return reply(NOBODY) if len(sent) == 1 or over.is_set() else Reply(503, {}, b"")

        def close(self) -> None:
            pass

    model = RegistrySource.model_validate(description(control=CONTROL))
    source = controlled(adapter_class(model)(model, secret=str, transport=Hanging()), model.control)
    absent = threading.Thread(target=lambda: source.look_up(asked("9000010372", "Sardel", "Maëlle", timeout=60)))
    absent.start()
    assert looked_up.wait(60)
    failed = threading.Event()

    def fail() -> None:
        with pytest.raises(SourceError):
            source.look_up(MAELLE)
        failed.set()

    failing = threading.Thread(target=fail)
    failing.start()
    ended = failed.wait(20)
    over.set()
    absent.join()
    failing.join()
    assert ended


def test_threads_look_it_up_once() -> None:
    barrier, sent = threading.Barrier(8), []

    class Slow:
        def send(
            self, method: str, url: str, *, params: Any, headers: Any, body: Any, timeout: float, fresh: bool
        ) -> Reply:
            number = dict(params)["number"]
            sent.append(number)
            if number != "9000010000":
                barrier.wait(20)
                return reply(NOBODY)
            return reply(KNOWN)

        def close(self) -> None:
            pass

    model = RegistrySource.model_validate(description(control=CONTROL))
    source = controlled(adapter_class(model)(model, secret=str, transport=Slow()), model.control)
    ended: list[Any] = []
    query = asked("9000010372", "Sardel", "Maëlle", timeout=60)
    threads = [threading.Thread(target=lambda: ended.append(source.look_up(query))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(refused(found) for found in ended)
    assert (len(ended), sent.count("9000010000")) == (8, 1)


def test_of_many_at_once_each_absence_is_checked() -> None:
    changes: dict[str, Any] = {
        "batch": {"most": 2},
        "control": CONTROL,
        "steps": [{"request": {"url": "https://registry.example/people", "query": {"number": "{number}"}}}],
        "hosts": ["registry.example"],
    }
    suspended = {**KNOWN["professionals"][0], "status": "suspended"}  # type: ignore[index]
    rules = description()["rules"]
    rules[2] = {**rules[2], "reason": "record_not_found"}
    registry = Asked({"count": 1, "professionals": [suspended]}, NOBODY, rules=rules, **changes)
    many = of_many(registry.source)
    assert many is not None
    first, second = many.look_up_many([IRIS, MAELLE])
    assert isinstance(first, Unreadable)
    assert isinstance(second, Finding)
    assert second.outcome is Outcome.UNDETERMINED


def test_lint_names_what_does_not_fit_and_what_is_missing(tmp_path: Any) -> None:
    from tests.cli.commands.test_registries import configuration

    text = configuration()
    file = tmp_path / "jurat.yaml"
    for control, said in (
        ("{ input: { numbr: '1' } }", "there is no input 'numbr'"),
        ("{ input: { number: '1' } }", "the form requires family_name, given_name"),
        ("{ input: { number: '1', family_name: A, given_name: B }, require: { x: [y] } }", "no requirement"),
        ("{ input: { number: '1', family_name: A, given_name: B }, every: 2h }", "must be from 1s to 1h"),
    ):
        lines = [f"    control: {control}" if "control:" in line else line for line in text.splitlines()]
        file.write_text("\n".join(lines), "utf-8")
        assert said in str(lint([file]))
    file.write_text("\n".join(line for line in text.splitlines() if "control:" not in line), "utf-8")
    assert "warning: sources.registry: without a control record" in str(lint([file]))


def test_the_record_is_shown_nowhere() -> None:
    assert "Valombre" not in repr(Control.model_validate(CONTROL))
