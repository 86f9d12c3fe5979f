"""The register of the runs answers as it should, and counts every request."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from bench.rig.register import Mood, Register, number_of, right_outcome


@pytest.fixture
def register() -> Iterator[Register]:
    with Register(0.001) as register:
        yield register
    assert register.failures == []


def ask(register: Register, number: str) -> tuple[int, bytes]:
    url = urlsplit(register.url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=2)
    try:
        connection.request("GET", f"{url.path}?number={number}")
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_each_number_has_its_record_and_its_outcome(register: Register) -> None:
    statuses = set()
    for index in range(8):
        status, body = ask(register, number_of(index))
        (person,) = json.loads(body)["professionals"]
        assert (status, person["number"]) == (200, number_of(index))
        assert (person["status"] == "active") == (right_outcome(number_of(index)) == "accepted")
        statuses.add(person["status"])
    assert statuses == {"active", "suspended"}


def test_requests_are_counted_number_by_number_in_every_mood(register: Register) -> None:
    for mood in (Mood.WELL, Mood.DOWN, Mood.GARBAGE):
        register.mood = mood
        ask(register, "7")
    assert register.asked == {"7": 3}
    assert register.troubled == {"7": 2}


def test_a_poisoned_number_names_the_port_that_asked(register: Register) -> None:
    ports: list[int] = []
    register.on_poison = ports.append
    register.poison = {"9"}
    ask(register, "8")
    ask(register, "9")
    assert len(ports) == 1
