"""An arm that is to ask the source by jurat's transport does so, and gets the same answer as by requests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from adapters.http_client.transport import Transport
from bench.rig.registry import number_of
from bench.rig.source import SourceProcess
from bench.speed.rivals.exchange import asker
from bench.speed.rivals.ledger import OWN_CLIENT


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with SourceProcess() as source:
        source.start_over("professionals")
        yield source.url("professionals")


@pytest.mark.parametrize(("own", "other"), [("0", (Transport, "send")), ("1", (requests.Session, "send"))])
def test_the_source_is_asked_by_one_client_and_not_by_the_other(
    url: str, own: str, other: tuple[type, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_SOURCE_URL", url)
    monkeypatch.setenv(OWN_CLIENT, own)
    monkeypatch.delattr(*other)
    status, found = asker()(number_of(1))
    assert (status, found["count"], found["professionals"][0]["number"]) == (200, 1, number_of(1))
