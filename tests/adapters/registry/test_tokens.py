"""An access token is asked for once, shared by all threads, and renewed before its end or when it is refused."""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from adapters.base import (
    Blocked,
    Credentials,
    Finding,
    SourceError,
    Throttled,
    TimedOut,
    Unavailable,
    Unreadable,
)
from adapters.http_client.reply import Reply
from adapters.registry.adapter import RegistryAdapter
from adapters.registry.tokens import TokenKeeper
from cli.lookups.look_up_once import RecordedLookup
from config.networks import LOOPBACK
from config.registry import RegistrySource
from config.registry.model.auth import OAuth2Auth
from jurat.vocabulary import Outcome, Reason
from tests.adapters.registry.described import IRIS, Canned, asked
from tests.adapters.registry.guarded import CLIENT, KEYS, SECRET, Guarded, document
from tests.adapters.registry.test_control import Clock
from tests.adapters.registry.test_secrets import shown_by

TUGDUAL = asked("9000010745", "Corvec", "Tugdual")
THREADS = 16


@pytest.fixture
def server() -> Iterator[Guarded]:
    with Guarded() as started:
        yield started


def source(server: Guarded, **changes: Any) -> RegistryAdapter:
    described = document(server.port)["sources"]["pharmacists"]
    auth = described["steps"][0]["request"]["auth"]
    auth |= changes.pop("auth", {})
    model = RegistrySource.model_validate({**described, **changes.pop("described", {})})
    return RegistryAdapter(
        model,
        secret=lambda reference: KEYS[str(reference.env)],
        loopback_http=True,
        private_networks=LOOPBACK,
        **changes,
    )


def at_once(adapter: RegistryAdapter, count: int = THREADS) -> list[Any]:
    """What so many lookups come to that begin together."""
    barrier = threading.Barrier(count)

    def look_up(_: int) -> Any:
        barrier.wait()
        try:
            return adapter.look_up(IRIS)
        except SourceError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(look_up, range(count)))


def accepted(found: Any) -> bool:
    return isinstance(found, Finding) and found.outcome is Outcome.ACCEPTED


def test_ten_lookups_are_one_request_for_a_token(server: Guarded) -> None:
    adapter = source(server)
    assert all(accepted(adapter.look_up(IRIS)) for _ in range(10))
    refused = adapter.look_up(TUGDUAL)
    assert isinstance(refused, Finding)
    assert refused.reason is Reason.STATUS_INACTIVE
    assert server.asked == {"token": 1, "served": 11}


@pytest.mark.parametrize("same_token", [False, True], ids=["another token", "the same token, which is good again"])
def test_sixteen_threads_that_meet_a_401_at_once_renew_the_token_once(server: Guarded, same_token: bool) -> None:
    server.same_token = same_token
    server.delay = 0.1
    adapter = source(server)
    assert all(map(accepted, at_once(adapter)))
    assert server.asked == {"token": 1, "served": THREADS}
    server.end_tokens()
    assert all(map(accepted, at_once(adapter)))
    assert server.asked["token"] == 2
    assert server.asked["served"] == 2 * THREADS


def test_a_401_is_answered_by_one_new_token_and_no_more(server: Guarded) -> None:
    server.refusing = True
    with pytest.raises(Credentials, match=r"^the source refused our credentials \(HTTP 401\)$"):
        source(server).look_up(IRIS)
    assert server.asked == {"token": 2, "refused": 2}


def test_steps_of_one_client_share_its_token(server: Guarded) -> None:
    (lookup,) = document(server.port)["sources"]["pharmacists"]["steps"]
    steps = [{**lookup, "name": "first"}, lookup]
    assert accepted(source(server, described={"steps": steps}).look_up(IRIS))
    assert server.asked == {"token": 1, "served": 2}


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_the_client_is_named_as_the_endpoint_wants_it(server: Guarded, method: str) -> None:
    assert accepted(source(server, auth={"method": method}).look_up(IRIS))
    request = server.seen[0].decode()
    assert ("client_secret=" in request) == (method == "client_secret_post")
    assert ("Authorization: Basic" in request) == (method == "client_secret_basic")


# --------------------------------------------------------------------------------------- how long a token is kept

AUTH = OAuth2Auth(
    type="oauth2", url="https://login.example/token", client_id="{secrets.id}", client_secret="{secrets.secret}"
)
SECRETS = {"secrets.id": CLIENT, "secrets.secret": SECRET}


def keeper(*answers: Any, **options: Any) -> tuple[TokenKeeper, Canned, Clock]:
    canned, clock = Canned(answers), Clock()
    return TokenKeeper(AUTH, SECRETS, canned, clock=clock, **options), canned, clock


def token(text: str = "t", **more: Any) -> dict[str, Any]:
    return {"access_token": text, "token_type": "Bearer", **more}


@pytest.mark.parametrize(
    ("life", "kept_for"),
    [(3600, 3570), (100, 90), ("3600", 3570), (None, 3570), ("soon", 3570), (True, 3570), (10**30, 86_370),
     ("9" * 40, 86_370), (599.5, 569.5)],
)  # fmt: skip
def test_a_token_is_kept_until_shortly_before_its_end(life: Any, kept_for: float) -> None:
    keeps, canned, clock = keeper(*[token(str(n), expires_in=life) for n in range(2)])
    began = clock.now
    assert [keeps.get(began + 5)["access_token"] for _ in range(3)] == ["0"] * 3
    clock.now = began + kept_for - 0.01
    assert keeps.get(clock.now + 5)["access_token"] == "0"
    clock.now = began + kept_for + 0.01
    assert keeps.get(clock.now + 5)["access_token"] == "1"
    assert len(canned.sent) == 2


@pytest.mark.parametrize("life", [0, -5])
def test_a_token_that_has_ended_already_serves_one_request(life: int) -> None:
    keeps, _, clock = keeper(token("0", expires_in=life), token("1", expires_in=life))
    assert [keeps.get(clock.now + 5)["access_token"] for _ in range(2)] == ["0", "1"]


def test_the_request_is_that_of_the_standard() -> None:
    keeps, canned, clock = keeper(token())
    keeps.get(clock.now + 5)
    (sent,) = canned.sent
    # RFC 6749, 2.3.1 and 4.4.2: both are encoded as in a form before they are encoded as HTTP Basic.
    pair = base64.b64encode(b"town+%26+client:s3cret%3A%2B%2F%C3%A9").decode()
    assert (sent["method"], sent["url"], sent["body"]) == ("POST", AUTH.url, b"grant_type=client_credentials")
    assert sent["headers"]["Authorization"] == f"Basic {pair}"
    assert sent["headers"]["Content-Type"] == "application/x-www-form-urlencoded"
    assert sent["timeout"] == pytest.approx(5)


# ------------------------------------------------------------------------------------------ an endpoint that fails


@pytest.mark.parametrize(
    ("status", "answer", "kind", "said"),
    [
        (401, {"error": "invalid_client"}, Credentials, "it refuses our client (HTTP 401, invalid_client)"),
        (400, {"error": "invalid_scope"}, Credentials, "it refuses our client (HTTP 400, invalid_scope)"),
        (400, {"error": "s3cret tok3n"}, Credentials, "it refuses our client (HTTP 400)"),
        (400, {"error": {"a": 1}}, Credentials, "it refuses our client (HTTP 400)"),
        (404, "nothing here", Credentials, "it refuses our client (HTTP 404)"),
        (429, {}, Throttled, "the source says that we asked too often (HTTP 429)"),
        (408, {}, Unavailable, "the source is in trouble (HTTP 408)"),
        (503, token(), Unavailable, "the source is in trouble (HTTP 503)"),
        (302, {}, Unreadable, "the source answered HTTP 302; redirects are not followed"),
        (204, "", Unreadable, "the answer is not the whole one (HTTP 204)"),
        (200, {}, Unreadable, "its answer has no access_token that a header can carry"),
        (200, [], Unreadable, "its answer has no access_token that a header can carry"),
        (200, "tok3n", Unreadable, "its answer has no access_token that a header can carry"),
        (200, token(""), Unreadable, "its answer has no access_token that a header can carry"),
        (200, token("a\r\nX: b"), Unreadable, "its answer has no access_token that a header can carry"),
        (200, token("é"), Unreadable, "its answer has no access_token that a header can carry"),
        (200, token("x" * 8001), Unreadable, "its answer has no access_token that a header can carry"),
        (200, {**token(), "access_token": 7}, Unreadable, "its answer has no access_token that a header can carry"),
        (200, {**token(), "token_type": "mac"}, Unreadable, "its answer has no token_type Bearer"),
        (200, {"access_token": "x"}, Unreadable, "its answer has no token_type Bearer"),
    ],
)
def test_an_endpoint_that_fails_is_no_answer_of_the_registry(
    server: Guarded, status: int, answer: Any, kind: type[SourceError], said: str
) -> None:
    server.token_answer = status, answer
    with pytest.raises(SourceError) as caught:
        source(server).look_up(IRIS)
    assert (type(caught.value), caught.value.detail) == (kind, f"its token endpoint: {said}")
    assert server.asked == {"token": 1}, "the registry was not asked"


def test_it_is_left_alone_as_long_as_it_says() -> None:
    keeps, _, clock = keeper(Reply(429, {}, b"", 7.0))
    with pytest.raises(Throttled) as caught:
        keeps.get(clock.now + 5)
    assert caught.value.retry_after == 7.0


def test_threads_that_waited_for_one_failed_request_share_its_error(server: Guarded) -> None:
    server.token_answer, server.delay = (503, {}), 0.5
    adapter = source(server)
    errors = at_once(adapter)
    assert {type(error) for error in errors} == {Unavailable}
    assert len(set(map(id, errors))) == THREADS, "an exception belongs to one thread"
    assert server.asked["token"] < 4, "one, but for threads that a busy machine let begin late"
    server.token_answer = None
    assert accepted(adapter.look_up(IRIS))


def test_nobody_waits_for_another_thread_beyond_the_time_of_a_lookup(server: Guarded) -> None:
    server.delay = 2.0
    adapter = source(server)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(adapter.look_up, IRIS)
        while not server.seen:
            time.sleep(0.01)
        with pytest.raises(TimedOut, match="the token endpoint gave no token in time"):
            adapter.look_up(asked("9000010000", "Valombre", "Iris", timeout=0.2))
        assert not first.done()
        assert accepted(first.result())


def test_an_endpoint_on_another_host_is_not_asked(server: Guarded) -> None:
    described = document(server.port)["sources"]["pharmacists"]
    model = RegistrySource.model_validate(described)
    (step,) = model.steps
    assert isinstance(step.request.auth, OAuth2Auth)
    auth = step.request.auth.model_copy(update={"url": "https://elsewhere.example/token"})
    step = step.model_copy(update={"request": step.request.model_copy(update={"auth": auth})})
    canned = Canned([])
    adapter = RegistryAdapter(model.model_copy(update={"steps": (step,)}), secret=lambda _: "x", transport=canned)
    with pytest.raises(Blocked):
        adapter.look_up(IRIS)
    assert not canned.sent


# --------------------------------------------------------------------------------------------------- its quota


def paid(*waits: float | None) -> tuple[Callable[[float], float | None], list[float]]:
    left, longest = list(waits), list[float]()

    def pay(most: float) -> float | None:
        longest.append(most)
        return left.pop(0)

    return pay, longest


@pytest.mark.parametrize(("wait", "slept"), [(0.0, [0.0]), (2.0, [2.0]), (12.0, [])])
def test_a_request_for_a_token_is_paid_and_waits_if_there_is_time(wait: float, slept: list[float]) -> None:
    pay, longest = paid(wait)
    sleeps: list[float] = []
    keeps, canned, clock = keeper(token(), pay=pay, sleep=sleeps.append)
    keeps.get(clock.now + 5)
    assert (sleeps, len(longest), len(canned.sent)) == (slept, 1, 1)


def test_without_quota_there_is_no_token() -> None:
    pay, _ = paid(None)
    keeps, canned, clock = keeper(pay=pay)
    with pytest.raises(Unavailable, match="the quota of the source allows no further request now"):
        keeps.get(clock.now + 5)
    assert not canned.sent


def test_what_a_401_costs_is_paid_as_well(server: Guarded) -> None:
    pay, longest = paid(*[0.0] * 9)
    adapter = source(server, pay=pay)
    adapter.look_up(IRIS)
    assert len(longest) == 1, "the lookup itself was paid for when it was claimed"
    server.end_tokens()
    assert accepted(adapter.look_up(IRIS))
    assert len(longest) == 3, "the new token, and the second sending"


# ---------------------------------------------------------------------------------------------- where it is shown


@pytest.mark.parametrize("failure", [None, (400, {"error": "tok3n-1", "error_description": f"{CLIENT} {SECRET}"})])
def test_neither_token_nor_secret_is_in_an_error_a_log_a_repr_or_what_is_shown(
    server: Guarded, failure: Any, caplog: pytest.LogCaptureFixture
) -> None:
    watch = RecordedLookup()
    adapter = source(server, watch=watch)
    server.token_answer = failure
    found: Any
    with caplog.at_level(logging.DEBUG):
        try:
            found = adapter.look_up(IRIS)
            server.refusing = True
            adapter.look_up(IRIS)
        except SourceError as error:
            found = error
    document = json.dumps(watch.as_data(found), ensure_ascii=False)
    texts = [caplog.text, repr(adapter), document, *shown_by(found)]
    for hidden in ("tok3n", SECRET, CLIENT, "s3cret", base64.b64encode(SECRET.encode()).decode()):
        assert not [text for text in texts if hidden in text]
    assert failure or "Bearer __access_token__" in document


def test_a_registry_that_repeats_the_token_shows_none_of_it() -> None:
    described = document(8000)["sources"]["pharmacists"]
    watch = RecordedLookup()
    answers = Canned([token("tok3n-7"), {"people": [], "you": "Bearer tok3n-7"}])
    model = RegistrySource.model_validate(described)
    adapter = RegistryAdapter(model, secret=lambda reference: KEYS[str(reference.env)], transport=answers, watch=watch)
    found = adapter.look_up(IRIS)
    assert isinstance(found, Finding)
    assert "tok3n" not in json.dumps(watch.as_data(found))
