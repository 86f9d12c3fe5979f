"""Asking for codes to be added: by the Python client on each kind of connection, and by SQL on PostgreSQL."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest

from jurat import Client, ConfigurationError, InvalidSubmission
from jurat.codes import clean, generate
from jurat.dialects import SQLITE
from jurat.ids import uuid7
from jurat.seal import Seal, Unseal
from jurat.times import moment
from tests.jurat.conftest import PRIVATE_KEY, PUBLIC_KEY, Platform
from tests.jurat.consultations import Town, execute, plain

CODE = "7H2K-9Q4M-XXXX"
SEAL = Seal(PUBLIC_KEY)
SEALED = SEAL.close(json.dumps([CODE]).encode())
CALL = "SELECT jurat_add_codes(%(code_list)s, %(codes)s, %(codes_key)s, %(by_whom)s, %(expires_at)s, %(id)s)"
LATER = datetime.now(UTC) + timedelta(days=40)


@pytest.fixture
def postgresql_town(request: pytest.FixtureRequest) -> Town:
    town: Town = request.getfixturevalue("_postgresql_town")
    town.furnish()
    return town


@pytest.fixture
def sqlite_town(request: pytest.FixtureRequest) -> Town:
    town: Town = request.getfixturevalue("_sqlite_town")
    town.furnish()
    return town


def add(town: Town, client: Client, code_list: Any = "spring", codes: Any = (CODE,), **given: Any) -> Any:
    with town.engine.begin() as connection:
        return client.add_codes(connection, code_list, codes, **{"by": "Iris", **given})


def test_the_wheel_makes_codes_and_cleans_them() -> None:
    code = generate()
    assert clean(code.lower().replace("-", " ")) == code.replace("-", "")
    assert clean("nonsense") is None


def test_codes_stand_with_what_was_written_in_the_same_transaction(platform: Platform) -> None:
    with platform.transaction() as connection:
        execute(connection, "INSERT INTO notes VALUES ('before')")
        made = platform.client.add_codes(connection, "spring", [CODE], by="Iris", expires=LATER)
    assert platform.notes == ["before"]
    rows = platform.town.read("SELECT id, kind, code_list, note, note_key, by_whom, expires_at FROM jurat_requests")
    ((number, kind, code_list, note, key, by, expires),) = rows
    assert (str(number), kind, code_list, by) == (str(made), "codes", "spring", "Iris")
    assert json.loads(Unseal([PRIVATE_KEY]).open(bytes(note), key)) == [CODE]
    stored = moment(expires)
    assert stored is not None
    assert abs(stored - LATER) < timedelta(milliseconds=1)


def test_the_same_id_is_the_same_request(platform: Platform) -> None:
    own = uuid7()
    same: dict[str, Any] = {"code_list": "spring", "codes": [CODE], "by": "Iris", "id": own}
    for _ in range(2):
        with platform.transaction() as connection:
            assert platform.client.add_codes(connection, "spring", [CODE], by="Iris", id=own) == own
    for given in ({"code_list": "autumn"}, {"by": "Yann"}, {"expires": LATER}):
        with platform.transaction() as connection:
            with pytest.raises(InvalidSubmission, match="belongs to another request"):
                platform.client.add_codes(connection, **{**same, **given})
            execute(connection, "INSERT INTO notes VALUES ('still usable')")
    assert platform.town.read("SELECT count(*) FROM jurat_requests") == [(1,)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"code_list": "Spring"}, "code_list: a name has lower-case letters"),
        ({"code_list": 7}, "code_list: a name has"),
        ({"codes": []}, "codes must be 1 to 10,000 texts"),
        ({"codes": CODE}, "codes must be 1 to 10,000 texts"),
        ({"codes": [CODE] * 10_001}, "codes must be 1 to 10,000 texts"),
        ({"codes": [7]}, "codes must be 1 to 10,000 texts"),
        ({"codes": [""]}, "codes must be 1 to 10,000 texts"),
        ({"codes": ["A" * 101]}, "codes must be 1 to 10,000 texts"),
        ({"codes": ["\ud800"]}, "codes must be 1 to 10,000 texts"),
        ({"by": ""}, "by must be"),
        ({"by": " "}, "by must be"),
        ({"by": "I\nris"}, "by must be"),
        ({"by": None}, "by must be"),
        ({"id": "7"}, "id must be"),
        ({"expires": "2999-01-01"}, "expires must be"),
        ({"expires": datetime(2999, 1, 1)}, "expires must be"),  # noqa: DTZ001 - as it must not be
        ({"expires": datetime(2020, 1, 1, tzinfo=UTC)}, "expires must be"),
    ],
)
def test_what_cannot_be_used_is_told_without_a_code(
    town: Town, client: Client, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidSubmission, match=said) as told:
        add(town, client, **given)
    assert CODE not in str(told.value)
    assert town.read("SELECT * FROM jurat_requests") == []


def test_it_needs_the_key_that_seals(town: Town) -> None:
    bare = Client(town.url)
    with pytest.raises(ConfigurationError, match="seal_key"):
        add(town, bare)
    bare.close()


def test_a_time_in_another_zone_is_the_same_time(town: Town, client: Client) -> None:
    add(town, client, expires=datetime(2999, 6, 30, 18, tzinfo=timezone(timedelta(hours=2))))
    ((expires,),) = town.read("SELECT expires_at FROM jurat_requests")
    assert moment(expires) == datetime(2999, 6, 30, 16, tzinfo=UTC)


# -- by SQL


def given(**more: Any) -> dict[str, Any]:
    plainly = {"code_list": "spring", "codes": SEALED, "codes_key": SEAL.key_id, "by_whom": "Iris", "expires_at": None}
    return {**plainly, "id": None, **more}


def test_sql_does_the_same(postgresql_town: Town) -> None:
    own = uuid7()
    with plain(postgresql_town.url) as connection:
        for _ in range(2):
            assert connection.execute(CALL, given(id=own)).fetchone() == (own,)
        made = connection.execute("SELECT jurat_add_codes('spring', %s, %s, 'Iris')", (SEALED, SEAL.key_id)).fetchone()
    assert made is not None
    assert made[0].version == 7
    assert postgresql_town.read("SELECT DISTINCT kind, code_list FROM jurat_requests") == [("codes", "spring")]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"code_list": None}, "code_list: a name has lower-case letters, digits, '-' and '_'"),
        ({"code_list": "a b"}, "code_list: a name has"),
        ({"codes": None}, "codes must be sealed"),
        ({"codes": b'["x"]'}, "codes must be sealed"),
        ({"codes": bytes((4 << 20) + 1)}, "codes must be sealed"),
        ({"codes_key": "x"}, "codes must be sealed"),
        ({"by_whom": ""}, "by_whom must be"),
        ({"by_whom": "I\nris"}, "by_whom must be"),
        ({"expires_at": "2020-01-01Z"}, "expires_at must be still to come"),
        ({"expires_at": "infinity"}, "expires_at must be still to come"),
        ({"expires_at": "-infinity"}, "expires_at must be still to come"),
    ],
)
def test_sql_says_what_is_wrong(postgresql_town: Town, more: dict[str, Any], said: str) -> None:
    with plain(postgresql_town.url) as connection, pytest.raises(psycopg.Error) as told:
        connection.execute(CALL, given(**more))
    assert (told.value.sqlstate, told.value.diag.message_hint) == ("JU005", "Fix the call; nothing was asked.")
    assert str(told.value.diag.message_primary).startswith(f"jurat: {said}")


def test_sql_takes_no_id_of_another_request(postgresql_town: Town) -> None:
    own = uuid7()
    with plain(postgresql_town.url) as connection:
        connection.execute(CALL, given(id=own))
        with pytest.raises(psycopg.Error) as told:
            connection.execute(CALL, given(id=own, by_whom="Yann"))
    assert told.value.sqlstate == "JU004"


@pytest.mark.parametrize("time", ["tomorrow", "2999-01-01", "2999-01-01T00:00:00.000", "2999-13-01 00:00:00.000"])
def test_sqlite_takes_no_time_that_cannot_be_read(sqlite_town: Town, time: str) -> None:
    from jurat.code_lists import insert_codes

    with plain(sqlite_town.url) as connection, pytest.raises(Exception, match="jurat: expires_at is UTC"):
        connection.execute(insert_codes(SQLITE), given(id=str(uuid7()), expires_at=time))
