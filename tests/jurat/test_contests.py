"""Contesting a verdict: by the Python client on both engines and each kind of connection, and by SQL on PostgreSQL."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jurat import (
    Client,
    ConfigurationError,
    InvalidSubmission,
    NotContestable,
    Outcome,
    Reason,
    State,
    UnknownCheck,
)
from jurat.contests import problem_of
from jurat.ids import uuid7
from jurat.seal import Seal, Unseal
from tests.jurat.conftest import PRIVATE_KEY, PUBLIC_KEY, Platform
from tests.jurat.consultations import ADDRESS, Town, execute, plain

NOTE = "I moved here in May; the register is of March.\nÀ bientôt"
NOBODY = UUID(int=7)
SEAL = Seal(PUBLIC_KEY)
CALL = "SELECT jurat_contest(%(check_id)s, %(note)s, %(note_key)s, %(document)s, %(id)s)"


def submitted(town: Town, client: Client, participant: str = "p-42") -> UUID:
    with town.engine.begin() as connection:
        given: dict[str, Any] = {"consultation": "budget", "participant": participant, "question": "residence"}
        return client.submit(connection, answer=ADDRESS, **given).id


def refused(town: Town, client: Client, participant: str = "p-42") -> UUID:
    check = submitted(town, client, participant)
    town.settle(check, Outcome.REFUSED, Reason.OUTSIDE_ZONE)
    return check


def contest(town: Town, client: Client, check: UUID, **given: Any) -> UUID:
    with town.engine.begin() as connection:
        return client.contest(connection, check, **{"note": NOTE, **given})


def stored(town: Town) -> list[tuple[Any, ...]]:
    return town.read("SELECT kind, check_id, document, by_whom, participant, applied_at, refused FROM jurat_requests")


def same(value: Any, expected: UUID) -> bool:
    return UUID(str(value)) == expected


# -- in the platform's transaction


def test_a_contest_stands_with_what_the_platform_wrote_in_the_same_transaction(platform: Platform) -> None:
    check = refused(platform.town, platform.client)
    with platform.transaction() as connection:
        execute(connection, "INSERT INTO notes VALUES ('before')")
        made = platform.client.contest(connection, check, note=NOTE, document="folder 7/3")
        execute(connection, "INSERT INTO notes VALUES ('after')")
    assert platform.notes == ["after", "before"]
    ((kind, of, *rest),) = stored(platform.town)
    assert (kind, same(of, check)) == ("contest", True)
    assert rest == ["folder 7/3", "participant", None, None, None]
    ((number, note, key),) = platform.town.read("SELECT id, note, note_key FROM jurat_requests")
    assert same(number, made)
    assert made.version == 7
    assert Unseal([PRIVATE_KEY]).open(bytes(note), key).decode() == NOTE


def test_a_contest_goes_with_a_transaction_that_is_rolled_back(platform: Platform) -> None:
    check = refused(platform.town, platform.client)
    with contextlib.suppress(ZeroDivisionError), platform.transaction() as connection:
        platform.client.contest(connection, check, note=NOTE)
        raise ZeroDivisionError
    assert stored(platform.town) == []


def test_a_refusal_leaves_the_transaction_usable(platform: Platform) -> None:
    check = submitted(platform.town, platform.client)
    with platform.transaction() as connection:
        with pytest.raises(NotContestable):
            platform.client.contest(connection, check, note=NOTE)
        with pytest.raises(UnknownCheck):
            platform.client.contest(connection, NOBODY, note=NOTE)
        execute(connection, "INSERT INTO notes VALUES ('after')")
    assert platform.notes == ["after"]
    assert stored(platform.town) == []


# -- which verdicts


def _in_review(town: Town, client: Client) -> UUID:
    check = refused(town, client)
    town.write("UPDATE jurat_checks SET state = 'review' WHERE id = :id", id=str(check))
    return check


def _accepted(town: Town, client: Client) -> UUID:
    check = submitted(town, client)
    town.settle(check, Outcome.ACCEPTED, Reason.INSIDE_ZONE)
    return check


def _by_person(town: Town, client: Client) -> UUID:
    check = refused(town, client)
    town.settle(check, Outcome.REFUSED, Reason.PERSON_REFUSED, revision=2, by="reviewer")
    return check


def _contested(town: Town, client: Client) -> UUID:
    check = refused(town, client)
    contest(town, client, check)
    return check


def _erased(town: Town, client: Client) -> UUID:
    check = refused(town, client)
    town.write("UPDATE jurat_checks SET participant = 'erased-0123456789abcdef' WHERE id = :id", id=str(check))
    return check


CASES: list[Any] = [
    pytest.param(submitted, "it has no verdict to contest now: it is pending", id="pending"),
    pytest.param(_in_review, "it has no verdict to contest now: it is review", id="in review"),
    pytest.param(_accepted, "it was accepted; there is nothing to contest", id="accepted"),
    pytest.param(_by_person, "it was decided by a person, and that is the last word", id="by a person"),
    pytest.param(_contested, "its verdict was contested before; a verdict is contested once", id="contested"),
    pytest.param(_erased, "its participant was erased", id="erased"),
]


@pytest.mark.parametrize(("make", "sentence"), CASES)
def test_what_cannot_be_contested_says_why(
    town: Town, client: Client, make: Callable[[Town, Client], UUID], sentence: str
) -> None:
    check = make(town, client)
    before = stored(town)
    with pytest.raises(NotContestable) as told:
        contest(town, client, check)
    assert (told.value.check_id, told.value.problem) == (check, sentence)
    assert str(told.value) == f"check {check} cannot be contested: {sentence}"
    assert stored(town) == before


def test_an_unknown_check_cannot_be_contested(town: Town, client: Client) -> None:
    with pytest.raises(UnknownCheck, match=str(NOBODY)):
        contest(town, client, NOBODY)


def test_an_undetermined_verdict_can_be_contested_too(town: Town, client: Client) -> None:
    check = submitted(town, client)
    town.settle(check, Outcome.UNDETERMINED, Reason.NEAR_BORDER)
    contest(town, client, check)
    assert len(stored(town)) == 1


def test_a_contest_that_a_worker_refused_is_no_contest(town: Town, client: Client) -> None:
    check = refused(town, client)
    contest(town, client, check)
    town.write("UPDATE jurat_requests SET refused = 'no', applied_at = asked_at")
    contest(town, client, check)
    assert len(stored(town)) == 2


# -- which ids


def test_the_same_id_is_the_same_contest_whatever_became_of_it(town: Town, client: Client) -> None:
    check, number = refused(town, client), uuid7()
    assert contest(town, client, check, id=number) == number
    town.write("UPDATE jurat_requests SET applied_at = asked_at")
    town.write("UPDATE jurat_checks SET state = 'review' WHERE id = :id", id=str(check))
    assert contest(town, client, check, id=number, note="another note") == number
    assert len(stored(town)) == 1


def test_an_id_of_another_contest_is_refused(town: Town, client: Client) -> None:
    number = contest(town, client, refused(town, client))
    other = refused(town, client, "p-43")
    with pytest.raises(InvalidSubmission, match=f"the id {number} belongs to another request"):
        contest(town, client, other, id=number)
    assert len(stored(town)) == 1


# -- which arguments


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"note": ""}, "note must be a text of 1 to 2000 characters"),
        ({"note": " \n"}, "note must be a text of 1 to 2000 characters"),
        ({"note": "é" * 2001}, "note must be a text of 1 to 2000 characters"),
        ({"note": b"bytes"}, "note must be text, not bytes"),
        ({"note": "half \ud800"}, "note holds half a character"),
        ({"document": ""}, "document must be 1 to 200 printable characters"),
        ({"document": "d" * 201}, "document must be 1 to 200 printable characters"),
        ({"document": "two\nlines"}, "document must be 1 to 200 printable characters"),
        ({"document": 7}, "document must be text, not int"),
        ({"id": "0192a000-0000-7000-8000-00000000000"}, "id must be a UUID"),
    ],
)
def test_a_bad_argument_is_told_and_not_shown(town: Town, client: Client, given: dict[str, Any], sentence: str) -> None:
    check = refused(town, client)
    with pytest.raises(InvalidSubmission, match=sentence):
        contest(town, client, check, **given)
    assert stored(town) == []


def test_the_longest_note_is_taken_in_any_script(town: Town, client: Client) -> None:
    contest(town, client, refused(town, client), note="\U0001f600" * 2000)
    assert len(stored(town)) == 1


def test_contesting_needs_the_seal_key(town: Town, client: Client) -> None:
    check = refused(town, client)
    keyless = Client(town.url)
    with pytest.raises(ConfigurationError, match="contesting needs the seal_key"):
        contest(town, keyless, check)
    keyless.close()


# -- by SQL


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Town:
    town: Town = request.getfixturevalue("_postgresql_town")
    town.furnish()
    return town


@pytest.fixture
def its_client(server: Town, seal_key: str) -> Any:
    client = Client(server.url, seal_key=seal_key)
    yield client
    client.close()


def by_sql(town: Town, check: UUID | None, **given: Any) -> UUID:
    values: dict[str, Any] = {
        "check_id": check,
        "note": SEAL.close(NOTE.encode()),
        "note_key": SEAL.key_id,
        "document": None,
        "id": None,
        **given,
    }
    with plain(town.url) as connection:
        row = connection.execute(CALL, values).fetchone()
    return UUID(str(row[0]))


def test_the_function_stores_what_the_client_does(server: Town, its_client: Client) -> None:
    first, second = refused(server, its_client, "p-1"), refused(server, its_client, "p-2")
    contest(server, its_client, first, document="d-7")
    assert by_sql(server, second, document="d-7").version == 7
    one, other = stored(server)
    assert (one[0], one[2:]) == (other[0], other[2:])
    assert {one[1], other[1]} == {first, second}


@pytest.mark.parametrize(("make", "sentence"), CASES)
def test_the_function_refuses_what_the_client_does(
    server: Town, its_client: Client, make: Callable[[Town, Client], UUID], sentence: str
) -> None:
    check = make(server, its_client)
    with pytest.raises(psycopg.Error) as told:
        by_sql(server, check)
    assert (told.value.sqlstate, told.value.diag.message_primary) == ("JU008", f"jurat: check {check}: {sentence}")


OUTCOMES = [
    None,
    (Outcome.ACCEPTED, Reason.INSIDE_ZONE),
    (Outcome.REFUSED, Reason.OUTSIDE_ZONE),
    (Outcome.UNDETERMINED, Reason.NEAR_BORDER),
]


@given(
    state=st.sampled_from(["settled", "settled", "settled", *State]),
    verdict=st.sampled_from(OUTCOMES),
    by=st.sampled_from(["worker", "worker", "reviewer"]),
    contested=st.sampled_from([None, "waiting", "refused"]),
    erased=st.booleans(),
)
@example(state="settled", verdict=OUTCOMES[2], by="worker", contested=None, erased=False)
@example(state="settled", verdict=OUTCOMES[2], by="reviewer", contested=None, erased=False)
@example(state="settled", verdict=OUTCOMES[2], by="worker", contested="refused", erased=True)
@example(state="settled", verdict=OUTCOMES[1], by="worker", contested="waiting", erased=False)
@example(state="review", verdict=OUTCOMES[1], by="worker", contested=None, erased=False)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_engine_contests_what_the_rule_says(
    town: Town,
    client: Client,
    state: str,
    verdict: tuple[Outcome, Reason] | None,
    by: str,
    contested: str | None,
    *,
    erased: bool,
) -> None:
    town.furnish()
    check = submitted(town, client)
    if verdict:
        town.settle(check, *verdict, by=by)
    if contested:
        town.write(
            "INSERT INTO jurat_requests (id, kind, by_whom, asked_at, check_id, applied_at, refused)"
            f" VALUES (:id, 'contest', 'participant', {town.ago(0.1)}, :check, {town.ago(0.1)}, :refused)",
            id=str(uuid7()),
            check=str(check),
            refused="a sentence" if contested == "refused" else None,
        )
    name = "erased-0123456789abcdef" if erased else "p-42"
    town.write("UPDATE jurat_checks SET state = :state, participant = :name WHERE id = :id",
               state=state, name=name, id=str(check))  # fmt: skip
    outcome, decided_by = (verdict[0], by) if verdict else (None, None)
    expected = problem_of(state, outcome, decided_by, contested == "waiting", erased)
    said = None
    try:
        contest(town, client, check)
    except NotContestable as error:
        said = error.problem
    assert said == expected


@pytest.mark.parametrize(
    ("given", "state", "sentence"),
    [
        ({"check_id": NOBODY}, "JU007", f"there is no check {NOBODY}"),
        ({"check_id": None}, "JU005", "check_id must be the id of a check"),
        ({"note": b"open text"}, "JU005", "note must be sealed"),
        ({"note": None}, "JU005", "note must be sealed"),
        ({"note": b"x" * 8049}, "JU005", "note must be sealed, of at most 2,000 characters"),
        ({"note_key": "mine"}, "JU005", "note_key the 16 hexadecimal digits of its key"),
        ({"note_key": None}, "JU005", "note_key the 16 hexadecimal digits of its key"),
        ({"document": ""}, "JU005", "document must be 1 to 200 printable characters"),
        ({"document": "two\nlines"}, "JU005", "document must be 1 to 200 printable characters"),
    ],
)
def test_the_function_says_which_argument_cannot_be_used(
    server: Town, its_client: Client, given: dict[str, Any], state: str, sentence: str
) -> None:
    check = refused(server, its_client)
    with pytest.raises(psycopg.Error, match=sentence) as told:
        by_sql(server, **{"check": check, **given})
    assert told.value.sqlstate == state
    assert told.value.diag.message_hint
    assert stored(server) == []


def test_the_function_knows_an_id_again(server: Town, its_client: Client) -> None:
    check, other, number = refused(server, its_client), refused(server, its_client, "p-43"), uuid7()
    assert by_sql(server, check, id=number) == by_sql(server, check, id=number) == number
    with pytest.raises(psycopg.Error, match="belongs to another request") as told:
        by_sql(server, other, id=number)
    assert told.value.sqlstate == "JU004"
    assert len(stored(server)) == 1
