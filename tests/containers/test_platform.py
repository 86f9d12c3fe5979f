"""The platform of examples/ as its page starts it with Compose: seen in a browser, it gives verdicts of a registry."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.engine import Engine
from tests.containers.reader import Reader
from tests.docs.pages import ROOT
from tests.examples.platform.visitor import Visitor

PAGE = ROOT / "examples" / "platform" / "README.md"
ADDRESS = "http://127.0.0.1:8080"
PHYSICIAN = {"number": "9000010000", "family_name": "Valombre", "given_name": "Iris"}

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def reader(engine: Engine, clone: Path) -> Iterator[Reader]:
    opened = Reader(engine, clone, PAGE)
    yield opened
    opened.close()


def test_a_participant_gets_in_by_the_registry(reader: Reader) -> None:
    reader.follow("With Compose")
    reader.wait_until_healthy("web", 1)
    reader.wait_until_healthy("worker", 2)
    passwords = dict(re.findall(r" (\w+)  (\S+)$", reader.run("docker compose logs prepare"), re.MULTILINE))
    with Visitor(ADDRESS) as visitor:
        visitor.sign_in("ada", passwords["ada"])
        assert visitor.answer("care", "profession", **PHYSICIAN).word == "accepted"
    for name in ("web", "registry"):
        (container,) = reader.containers(name)
        assert container["HostConfig"]["ReadonlyRootfs"]
        assert container["HostConfig"]["CapDrop"] == ["ALL"]
