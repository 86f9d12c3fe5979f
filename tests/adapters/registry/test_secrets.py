"""A registry's key is in the request and nowhere else: not in an error, a log, a repr, evidence or an offline run.

Row 24 of the table in `test_hostile_rows.py`.
"""

from __future__ import annotations

import base64
import json
import logging
import traceback
from collections.abc import Iterator
from dataclasses import astuple
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from adapters.base import Credentials, Query, SourceError
from adapters.http_client.reply import Reply
from adapters.registry.adapter import RegistryAdapter
from adapters.registry.templates import Message, RequestTemplate
from adapters.registry.trace import LookupTrace
from config.networks import LOOPBACK
from config.registry import RegistrySource
from examples.sources import Mood, Sources
from tests.adapters.conftest import Listen
from tests.adapters.registry.described import IRIS, Registry, adapter, asked, at, description, judged, person, records

KEY = "s3same&/+="
SPELLINGS = {KEY, quote(KEY), quote(KEY, safe=""), quote_plus(KEY), "s3same"}
SPELLINGS |= {base64.b64encode(text.encode()).decode() for text in (KEY, f"{KEY}:", f"jurat:{KEY}", f":{KEY}")}
AUTHS: dict[str, Any] = {
    "header": {"type": "header", "name": "X-Api-Key", "value": "{secrets.key}"},
    "bearer": {"type": "bearer", "token": "{secrets.key}"},
    "basic, as user": {"type": "basic", "user": "{secrets.key}"},
    "query": {"type": "query", "name": "key", "value": "{secrets.key}"},
}


def described(url: str, auth: dict[str, Any]) -> dict[str, Any]:
    whole = at(url, secrets={"key": {"env": "KEY"}})
    whole["steps"][0]["request"]["auth"] = auth
    return whole


def shown_by(error: BaseException) -> Iterator[str]:
    """Everything that a log, a crash report or a result of Celery could write of an exception."""
    yield "".join(traceback.format_exception(error))
    one: BaseException | None = error
    while one is not None:
        yield from (repr(one), str(one), repr(one.args), repr(vars(one)))
        one = one.__cause__ or one.__context__


def hold_nothing(*texts: str) -> None:
    everything = "\n".join(texts)
    assert not [spelling for spelling in SPELLINGS if spelling in everything]


@pytest.mark.parametrize("auth", AUTHS.values(), ids=AUTHS)
@pytest.mark.parametrize(
    "mood",
    [Mood.DOWN, Mood.WRONG_SHAPE, Mood.WRONG_TYPE, Mood.REDIRECT, Mood.CUT_OFF, Mood.RESET, Mood.NOT_HTTP, Mood.DRIP],
)
def test_an_error_and_the_log_hold_no_key(
    mood: Mood, auth: dict[str, Any], sources: Sources, caplog: pytest.LogCaptureFixture
) -> None:
    source = adapter(described(sources.url(mood, "registry"), auth), {"KEY": KEY})
    with caplog.at_level(logging.DEBUG), pytest.raises(SourceError) as caught:
        source.look_up(asked("9000010000", "Valombre", "Iris", timeout=0.3 if mood is Mood.DRIP else 5.0))
    hold_nothing(caplog.text, repr(source), *shown_by(caught.value))
    source.close()


@pytest.mark.parametrize("auth", AUTHS.values(), ids=AUTHS)
@pytest.mark.parametrize("status", ["active", "suspended"])
def test_evidence_the_description_and_the_query_hold_no_key(
    status: str, auth: dict[str, Any], listen: Listen, caplog: pytest.LogCaptureFixture
) -> None:
    registry = Registry(listen, records(person(status=status)))
    with caplog.at_level(logging.DEBUG):
        found = registry.ask(keys={"KEY": KEY}, secrets={"key": {"env": "KEY"}}, request={"auth": auth})
    assert any(spelling in line for line in registry.lines for spelling in SPELLINGS), "it was sent"
    model = RegistrySource.model_validate(described(registry.url, auth))
    hold_nothing(caplog.text, repr(found), json.dumps(dict(found.evidence)), repr(model), model.model_dump_json())
    assert "Valombre" not in repr(found) + repr(IRIS) + repr(Query({"key": "Valombre"}))


class Noting(LookupTrace):
    """Keeps the requests as they are reported."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.secrets: list[str] = []

    def on_secret(self, secret: str, name: str) -> None:
        self.secrets.append(secret)

    def on_request(self, step: str, message: Message) -> None:
        self.shown.append(str(astuple(message)))


@pytest.mark.parametrize(("text", "key"), [("{secrets.key|digits}", "no digit"), ("{secrets.key}", " s3same")])
def test_a_key_that_cannot_be_sent_is_told_by_its_name(text: str, key: str) -> None:
    whole = description(secrets={"key": {"env": "KEY"}})
    whole["steps"][0]["request"]["headers"] = {"X-Key": text}
    with pytest.raises(Credentials, match=r"^secrets\.key cannot be sent in its place") as caught:
        judged(whole, IRIS, records(person()), secrets={"KEY": key}, watch=LookupTrace())
    assert key not in "".join(shown_by(caught.value))


def test_no_repr_holds_a_key_or_what_was_typed_or_answered() -> None:
    (one,) = RegistrySource.model_validate(described("http://127.0.0.1", AUTHS["bearer"])).steps
    message = RequestTemplate(one, {}).fill_in({"number": "9000010000", "secrets.key": KEY})
    assert message.headers["Authorization"] == f"Bearer {KEY}"
    shown = repr(message) + repr(Reply(200, {"set-cookie": KEY}, b"9000010000"))
    hold_nothing(shown)
    assert "9000010000" not in shown


@pytest.mark.parametrize("auth", AUTHS.values(), ids=AUTHS)
def test_a_rehearsal_shows_the_request_without_the_key(auth: dict[str, Any], listen: Listen) -> None:
    registry, watch = Registry(listen, records(person())), Noting()
    model = RegistrySource.model_validate(described(registry.url, auth))
    source = RegistryAdapter(model, secret=lambda _: KEY, loopback_http=True, private_networks=LOOPBACK, watch=watch)
    source.look_up(IRIS)
    source.close()
    assert (len(watch.shown), watch.secrets) == (1, [KEY])
    hold_nothing(*watch.shown)
