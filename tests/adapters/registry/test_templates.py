from __future__ import annotations

import base64
import json
import logging
import socket
import traceback
from typing import Any
from urllib.parse import parse_qsl

import pytest

from adapters.base import (
    Blocked,
    Finding,
    RejectedRequest,
    SourceError,
    Unavailable,
)
from adapters.registry.adapter import RegistryAdapter
from adapters.registry.templates import RequestTemplate
from config.networks import LOOPBACK
from config.registry import RegistrySource
from config.registry.model.request import RequestDescription
from config.registry.model.source import Step
from examples.sources import Mood, Sources
from jurat.vocabulary import Outcome, Reason
from tests.adapters.conftest import Listen, read_request
from tests.adapters.registry.described import IRIS, Canned, Registry, adapter, asked, at, description, person, records


@pytest.mark.parametrize(
    "typed",
    [
        "../../admin",
        "%2e%2e",
        "?x=1",
        "#f",
        "a/b",
        "a b",
        "{secrets.key}",
        "{{7*7}}",
        "{a.__class__}",
        "é",
        "a;b",
        "..a",
    ],
)
def test_a_value_in_a_path_is_one_segment_whatever_it_holds(typed: str, listen: Listen) -> None:
    registry = Registry(listen, {}, 404)
    inputs = {**description()["inputs"], "number": {"max_length": 40}}
    with pytest.raises(RejectedRequest):
        registry.ask(
            asked(typed, "Valombre", "Iris"),
            inputs=inputs,
            outcomes=[],
            request={"url": registry.url + "/v1/{number}/x", "query": {}},
        )
    path = registry.lines[0].split(" ")[1]
    assert path.startswith("/v1/")
    assert path.endswith("/x")
    assert path.count("/") == 3
    assert not set("?#{} ;") & set(path)


@pytest.mark.parametrize("typed", [".", ".."])
def test_a_value_cannot_climb_a_path(typed: str, listen: Listen) -> None:
    registry = Registry(listen, {}, 404)
    inputs = {**description()["inputs"], "number": {"max_length": 40}}
    found = registry.ask(
        asked(typed, "Valombre", "Iris"), inputs=inputs, request={"url": registry.url + "/v1/{number}/x", "query": {}}
    )
    assert (found.outcome, found.reason) == (Outcome.UNDETERMINED, Reason.NUMBER_MALFORMED)
    assert registry.received == []


@pytest.mark.parametrize("typed", ["a&b=c", "x#y", "8 + 8 = 16", "é", "{secrets.key}", "{number}", "%41", "a\u2028b"])
def test_a_value_in_a_query_is_sent_as_it_was_typed(typed: str, listen: Listen) -> None:
    registry = Registry(listen, records(person()))
    registry.ask(asked("9000010000", typed, "Iris"), request={"query": {"who": "<{family_name}>", "fixed": "{{x}}"}})
    query = registry.lines[0].split(" ")[1].partition("?")[2]
    assert parse_qsl(query) == [("who", f"<{typed.replace(chr(0x2028), ' ')}>"), ("fixed", "{x}")]


@pytest.mark.parametrize(
    ("typed", "sent"), [("Valombre", True), ("Éloi", True), ("Łucja", False), ("\N{PILE OF POO}", False)]
)
def test_a_header_takes_what_http_can_carry(typed: str, sent: bool, listen: Listen) -> None:
    registry = Registry(listen, records(person()))
    found = registry.ask(asked("9000010000", typed, "Iris"), request={"headers": {"X-Name": "{family_name}"}})
    assert bool(registry.received) is sent
    if sent:
        assert f"X-Name: {typed}" in registry.lines
    else:
        assert (found.outcome, found.reason) == (Outcome.UNDETERMINED, Reason.ANSWER_UNREADABLE)


def test_a_line_end_never_reaches_a_header(listen: Listen) -> None:
    registry = Registry(listen, records(person()))
    registry.ask(asked("9000010000", "A\r\nX-Evil: 1", "Iris"), request={"headers": {"X-Name": "{family_name}"}})
    assert not any(line.startswith("X-Evil") for line in registry.lines)


def test_a_json_body_holds_typed_values_and_leaves_out_what_was_not_given(listen: Listen) -> None:
    registry = Registry(listen, records(person()))
    inputs = {**description()["inputs"], "birth_date": {"required": False}}
    body = {
        "who": {"number": "{number}", "name": 'x"{family_name}', "born": "{birth_date}"},
        "limit": 2,
        "list": ["{number}", True],
    }
    registry.ask(
        asked("9000010000", 'Val"ombre\\', "Iris"), inputs=inputs, request={"method": "POST", "query": {}, "json": body}
    )
    assert registry.lines[0].startswith("POST /professionals HTTP/1.1")
    assert "Content-Type: application/json" in registry.lines
    assert json.loads(registry.received[0].partition(b"\r\n\r\n")[2]) == {
        "who": {"number": "9000010000", "name": 'x"Val"ombre\\'},
        "limit": 2,
        "list": ["9000010000", True],
    }


@pytest.mark.parametrize(
    ("auth", "line"),
    [
        ({"type": "header", "name": "X-Api-Key", "value": "{secrets.key}"}, "X-Api-Key: k&1"),
        ({"type": "bearer", "token": "{secrets.key}"}, "Authorization: Bearer k&1"),
        ({"type": "basic", "user": "{secrets.key}"}, "Authorization: Basic " + base64.b64encode(b"k&1:").decode()),
        (
            {"type": "query", "name": "key", "value": "{secrets.key}"},
            "GET /professionals?number=9000010000&key=k%261 HTTP/1.1",
        ),
    ],
)
def test_a_key_goes_where_the_registry_wants_it(auth: Any, line: str, listen: Listen) -> None:
    registry = Registry(listen, records(person()))
    registry.ask(keys={"KEY": "k&1"}, secrets={"key": {"env": "KEY"}}, request={"auth": auth})
    assert line in registry.lines


def test_a_secret_that_no_request_can_carry_is_refused_at_once() -> None:
    described = description(secrets={"key": {"env": "KEY"}})
    described["steps"][0]["request"]["auth"] = {"type": "bearer", "token": "{secrets.key}"}
    with pytest.raises(ValueError, match=r"secrets\.key") as caught:
        adapter(described, {"KEY": "geheim\r\nX: y"})
    assert "geheim" not in str(caught.value)


def test_several_steps_hand_on_what_they_set(listen: Listen) -> None:
    seen: list[str] = []

    def serve(connection: socket.socket) -> None:
        while request := read_request(connection):
            line = request.decode().split("\r\n")[0]
            seen.append(line)
            document = {"token": "t/1"} if "/login" in line else records(person())
            content = json.dumps(document).encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content))

    url = f"http://127.0.0.1:{listen(serve)}"
    described = at(url)
    described["steps"] = [
        {"name": "login", "request": {"url": url + "/login"}, "set": {"ticket": "body.token"}},
        {"name": "lookup", "request": {"url": url + "/of/{ticket}", "query": {"number": "{number}"}}},
    ]
    source = adapter(described)
    found = source.look_up(IRIS)
    assert isinstance(found, Finding)
    assert (found.outcome, found.evidence["step"]) == (Outcome.ACCEPTED, "lookup")
    assert seen == ["GET /login HTTP/1.1", "GET /of/t%2F1?number=9000010000 HTTP/1.1"]
    source.close()


def test_the_time_out_holds_over_all_steps_together(sources: Sources) -> None:
    url = sources.url(Mood.OK, "registry")
    described = at(url)
    slow = {"name": "slow", "request": {"url": sources.url(Mood.TIME_OUT, "registry")}}
    described["hosts"] = ["127.0.0.1"]
    described["steps"] = [{"name": "first", "request": {"url": url + "/professionals/9000010000"}}, slow]
    source = adapter(described)
    with pytest.raises(Unavailable):
        source.look_up(asked("9000010000", "Valombre", "Iris", timeout=0.3))
    source.close()


def test_no_request_leaves_for_a_host_that_is_not_listed(sources: Sources) -> None:
    model = RegistrySource.model_validate(at(sources.url(Mood.OK, "registry")))
    source = RegistryAdapter(
        model.model_copy(update={"hosts": ("registry.example",)}),
        secret=str,
        loopback_http=True,
        private_networks=LOOPBACK,
    )
    with pytest.raises(Blocked):
        source.look_up(IRIS)


def test_no_request_leaves_for_a_port_that_is_not_listed() -> None:
    model = RegistrySource.model_validate(at("https://registry.example:8443", hosts=["registry.example:8443"]))
    sent = Canned([records(person())])
    source = RegistryAdapter(model, secret=str, transport=sent)
    assert source.look_up(IRIS).reason is Reason.RECORD_MATCHES  # type: ignore[union-attr]
    for hosts in (("registry.example",), ("registry.example:8444",)):
        source = RegistryAdapter(model.model_copy(update={"hosts": hosts}), secret=str, transport=sent)
        with pytest.raises(Blocked):
            source.look_up(IRIS)
    assert len(sent.sent) == 1


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://registry.example/v1/{number}", "registry.example"),
        ("HTTPS://Registry.example:8443", "registry.example:8443"),
        ("https://registry.example:443/{number}", "registry.example"),
        ("http://127.0.0.1:8000/{number}", "127.0.0.1:8000"),
        ("https://[FD00:0:0::5]/{number}", "[fd00::5]"),
        ("https://[fd00::5]:8443/", "[fd00::5]:8443"),
        ("https://registry.example", "registry.example"),
        ("https://registry.{number}/", ""),
        ("https://{number}", ""),
        ("https://registry.example{number}/", ""),
        ("{number}//registry.example/", ""),
    ],
)
def test_the_host_is_known_before_any_value_is(url: str, host: str) -> None:
    step = Step.model_construct(request=RequestDescription.model_construct(url=url))
    assert RequestTemplate(step, {}).host == host


def test_plain_http_needs_a_test_environment(sources: Sources) -> None:
    model = RegistrySource.model_validate(at(sources.url(Mood.OK, "registry")))
    with pytest.raises(Blocked):
        RegistryAdapter(model, secret=str).look_up(IRIS)


@pytest.mark.parametrize("mood", [Mood.WRONG_SHAPE, Mood.REDIRECT, Mood.DOWN, Mood.CUT_OFF])
def test_no_secret_and_no_answer_shows_in_an_error_or_a_log(
    mood: Mood, sources: Sources, caplog: pytest.LogCaptureFixture
) -> None:
    described = at(sources.url(mood, "registry"), secrets={"key": {"env": "KEY"}})
    described["steps"][0]["request"]["auth"] = {"type": "query", "name": "key", "value": "{secrets.key}"}
    source = adapter(described, {"KEY": "very-hidden"})
    with caplog.at_level(logging.DEBUG), pytest.raises(SourceError) as caught:
        source.look_up(IRIS)
    source.close()
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text + repr(source)
    assert "very-hidden" not in shown
    assert "Valombre" not in shown
