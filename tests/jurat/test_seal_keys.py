"""A platform that pins a signing key seals with the newest key that it signed, and with no other."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey
from sqlalchemy import Connection, event, text

from jurat import Client, ConfigurationError, Outcome, Reason
from jurat.seal import Unseal, generate, key_id, key_to_text
from jurat.seal_keys import FRESH, PREFIX, PinnedKey, SealKey
from jurat.statements import statements_on
from store.seal_keys import add_seal_key, retire_seal_key
from tests.jurat.conftest import Platform
from tests.jurat.consultations import ADDRESS, Town

SIGNING = SigningKey.generate()
PIN = PREFIX + key_to_text(bytes(SIGNING.verify_key))
HOUR = timedelta(hours=1)
NOW = datetime.now(UTC).replace(microsecond=0)


def signed(public: bytes, from_at: datetime, until_at: datetime, by: SigningKey = SIGNING) -> SealKey:
    key = SealKey(public, from_at, until_at, b"")
    return replace(key, signature=by.sign(key.signed_text).signature)


def begun(public: bytes | None = None, by: SigningKey = SIGNING) -> SealKey:
    """A key in force."""
    return signed(public or generate()[1], NOW - HOUR, NOW + HOUR, by)


@contextmanager
def having(town: Town, *keys: SealKey, retired: int | None = None) -> Iterator[Connection]:
    """A transaction in which the database has these keys, and afterwards does not."""
    with town.engine.connect() as connection:
        for number, key in enumerate(keys):
            add_seal_key(connection, key)
            if number == retired:
                retire_seal_key(connection, key.id)
        yield connection
        connection.rollback()


def in_force(connection: Connection, pin: str = PIN) -> SealKey:
    return PinnedKey(pin, "seal_key").in_force(statements_on(connection))


def refused(connection: Connection) -> str:
    """Why there is no key. The transaction stays usable."""
    with pytest.raises(ConfigurationError) as raised:
        in_force(connection)
    assert connection.execute(text("SELECT 1")).scalar() == 1
    return str(raised.value)


# -- in the platform's own transaction


def test_an_answer_is_sealed_with_the_key_that_was_signed(platform: Platform) -> None:
    private, public = generate()
    signing = SigningKey.generate()
    with platform.town.engine.begin() as connection:
        add_seal_key(connection, signed(public, NOW - HOUR, NOW + HOUR, signing))
    client = Client(platform.town.url, seal_key=PREFIX + key_to_text(bytes(signing.verify_key)))
    with platform.transaction() as connection:
        client.submit(connection, consultation="budget", participant="p-1", question="residence", answer=ADDRESS)
    client.close()
    ((sealed, key),) = platform.town.read("SELECT answer, answer_key FROM jurat_checks")
    assert key == key_id(public)
    assert ADDRESS["street"].encode() in Unseal([private]).open(bytes(sealed), key)


def test_notes_and_codes_are_sealed_with_it_too(town: Town) -> None:
    signing = SigningKey.generate()
    key = begun(by=signing)
    with town.engine.begin() as connection:
        add_seal_key(connection, key)
    client = Client(town.url, seal_key=PREFIX + key_to_text(bytes(signing.verify_key)))
    with town.engine.begin() as connection:
        check = client.submit(
            connection, consultation="budget", participant="p-1", question="residence", answer=ADDRESS
        )
    town.settle(check.id, Outcome.REFUSED, Reason.OUTSIDE_ZONE)
    with town.engine.begin() as connection:
        client.contest(connection, check.id, note="a new house")
        client.add_codes(connection, "spring", ["AAAA-BBBB"], by="office")
    client.close()
    assert [found for (found,) in town.read("SELECT note_key FROM jurat_requests")] == [key.id, key.id]


def test_the_database_is_asked_once_a_minute(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = begun(), signed(generate()[1], NOW - HOUR / 2, NOW + HOUR)
    asked: list[str] = []
    clock = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    pinned = PinnedKey(PIN, "seal_key")
    with having(town, old) as connection:
        event.listen(connection, "before_cursor_execute", lambda *given: asked.append(given[2]))
        statements = statements_on(connection)
        assert [pinned.seal(statements).key_id for _ in range(100)] == [old.id] * 100
        assert len(asked) == 2, "whether there is a table, and the keys"
        add_seal_key(connection, new)
        assert pinned.seal(statements).key_id == old.id
        clock += FRESH
        assert pinned.seal(statements).key_id == new.id


# -- which key


@dataclass(frozen=True)
class Row:
    """A row as someone wrote it: hours from now, and what is wrong with it."""

    begin: int
    end: int
    ours: bool
    retired: bool

    @property
    def good(self) -> bool:
        return self.ours and not self.retired and self.begin <= 0


ROWS = st.builds(Row, st.integers(-9, 9), st.integers(1, 9), st.booleans(), st.booleans())


def test_newer_keys_of_others_hide_none_however_many_they_are(town: Town) -> None:
    ours, stranger = begun(), SigningKey.generate()
    others = [signed(generate()[1], NOW - HOUR / 2, NOW + HOUR, stranger) for _ in range(101)]
    with having(town, ours, *others) as connection:
        assert in_force(connection).id == ours.id


def test_a_retired_key_is_passed_over_under_another_id_as_well(town: Town) -> None:
    """The guards of roles refuse such a row; the owner of the tables can write it."""
    retired = begun()
    with having(town, retired, retired=0) as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(text("DROP TRIGGER jurat_seal_keys_added"))
        connection.execute(
            text(
                "INSERT INTO jurat_seal_keys (id, public_key, from_at, until_at, signature)"
                " SELECT 'ffffffffffffffff', public_key, from_at, until_at, signature FROM jurat_seal_keys"
                " WHERE id = :id"
            ),
            {"id": retired.id},
        )
        assert "no seal key in force" in refused(connection)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(rows=st.lists(ROWS, max_size=6, unique_by=lambda row: row.begin))
def test_the_newest_that_was_signed_and_has_begun_is_in_force(town: Town, rows: list[Row]) -> None:
    stranger = SigningKey.generate()
    keys = {
        signed(
            generate()[1],
            NOW + row.begin * HOUR - HOUR / 2,
            NOW + (row.begin + row.end) * HOUR - HOUR / 4,
            SIGNING if row.ours else stranger,
        ): row
        for row in rows
    }
    begun = sorted((key for key, row in keys.items() if row.good), key=lambda key: key.from_at)
    in_time = [key for key in begun if key.until_at > NOW]
    with town.engine.connect() as connection:
        for key, row in keys.items():
            add_seal_key(connection, key)
            if row.retired:
                retire_seal_key(connection, key.id)
        if in_time:
            assert in_force(connection) == in_time[-1]
        elif begun:
            assert f"the seal key {begun[-1].id} ended at" in refused(connection)
        else:
            assert "is signed by the key that seal_key pins" in refused(connection)
        connection.rollback()


@pytest.mark.parametrize(
    "change",
    [
        {"public_key": generate()[1]},
        {"from_at": NOW - 2 * HOUR},
        {"from_at": NOW - HOUR + timedelta(seconds=1)},
        {"until_at": NOW + 2 * HOUR},
        {"signature": bytes(64)},
        {"signature": b""},
        {"signature": bytes(65)},
    ],
)
def test_a_row_that_was_changed_is_as_if_it_was_not_there(town: Town, change: dict[str, Any]) -> None:
    with having(town, replace(begun(), **change)) as connection:
        assert "though there are some with other signatures" in refused(connection)
    before = begun()
    with having(town, before, replace(signed(generate()[1], NOW - HOUR / 2, NOW + HOUR), **change)) as connection:
        assert in_force(connection) == before, "who may add rows cannot keep a platform from sealing either"


def test_a_signature_for_something_else_is_none(town: Town) -> None:
    key = begun()
    other = key.signed_text.replace(b"jurat-seal-key-v1", b"jurat-seal-key-v2")
    with having(town, replace(key, signature=SIGNING.sign(other).signature)) as connection:
        refused(connection)


def test_an_operator_who_changes_the_signing_key_signs_with_both_for_a_while(town: Town) -> None:
    after = SigningKey.generate()
    key, same = begun(), begun(by=after)
    with having(town, key, same) as connection:
        assert in_force(connection) == key
        assert in_force(connection, PREFIX + key_to_text(bytes(after.verify_key))) == same


def test_without_a_key_it_says_whom_to_ask(town: Town) -> None:
    with having(town) as connection:
        said, advice = refused(connection).split("; ")
    assert said.startswith("no seal key in force is signed by the key that seal_key pins")
    assert advice == "have the operator run `bin/jurat keys rotate`"


def test_a_database_of_an_earlier_release_is_named(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jurat.dialects.SqlDialect.has_table", lambda *_: "SELECT 0")
    with having(town) as connection:
        assert "run `bin/jurat db upgrade`" in refused(connection)


@pytest.mark.parametrize("wrong", [PREFIX, f"{PREFIX}x", f"{PREFIX}{'A' * 41}", f"ED25519:{'A' * 43}=", "ed25519"])
def test_a_pin_that_is_none_is_refused_without_its_text(wrong: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Client("sqlite:///x.db", seal_key=wrong)
    assert "seal_key" in str(raised.value)
    assert "AAA" not in str(raised.value)
