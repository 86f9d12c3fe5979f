"""Candidates as a platform reads them: sealed, for a quarter of an hour, and by who has the key alone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurat import Client, ConfigurationError, UnknownCheck
from jurat.candidates import LIFETIME, open_candidates, opening_key, seal_candidates
from jurat.ids import uuid7
from jurat.seal import generate
from tests.jurat.consultations import ADDRESS, Town

PRIVATE_KEY, REPLY_KEY = generate()
OFFERED = [ADDRESS, {**ADDRESS, "city": "Port-Valmont"}]


@pytest.fixture
def check(client: Client, town: Town) -> UUID:
    with town.engine.begin() as connection:
        submitted = client.submit(
            connection,
            consultation="budget",
            participant="p-42",
            question="residence",
            answer=ADDRESS,
            reply_key=REPLY_KEY,
        )
    return submitted.id


def keep(town: Town, check: UUID, seconds: float, sealed: bytes | None = None) -> None:
    """As a worker keeps candidates, for so many seconds."""
    until = (
        f"now() + interval '{seconds} seconds'"
        if town.engine.dialect.name == "postgresql"
        else f"strftime('%Y-%m-%d %H:%M:%f', 'now', '{seconds} seconds')"
    )
    town.write(
        f"UPDATE jurat_checks SET candidates = :sealed, candidates_until = {until} WHERE id = :id",
        sealed=sealed or seal_candidates(OFFERED, REPLY_KEY),
        id=str(check),
    )


def test_they_are_read_with_the_private_key_while_their_time_lasts(client: Client, town: Town, check: UUID) -> None:
    assert client.candidates(check, PRIVATE_KEY) == []
    keep(town, check, LIFETIME)
    assert client.candidates(check, PRIVATE_KEY) == OFFERED
    keep(town, check, -0.1)
    assert client.candidates(check, PRIVATE_KEY) == []


def test_a_check_that_nobody_knows_has_none(client: Client) -> None:
    with pytest.raises(UnknownCheck):
        client.candidates(uuid7(), PRIVATE_KEY)


def test_another_key_is_told_so(client: Client, town: Town, check: UUID) -> None:
    keep(town, check, 60)
    with pytest.raises(ConfigurationError, match="must belong to the reply_key of its submit"):
        client.candidates(check, generate()[0])
    with pytest.raises(ConfigurationError, match="does not open"):
        client.candidates(check, REPLY_KEY)
    keep(town, check, 60, b"damaged")
    with pytest.raises(ConfigurationError, match="does not open"):
        client.candidates(check, PRIVATE_KEY)


@pytest.mark.parametrize(
    "key", [b"", b"short", PRIVATE_KEY + b"x", PRIVATE_KEY.hex(), None], ids=["empty", "short", "long", "text", "none"]
)
def test_what_is_no_key_is_refused_before_anything_is_read(client: Client, key: Any) -> None:
    with pytest.raises(ConfigurationError, match="32 bytes") as caught:
        client.candidates(uuid7(), key)
    assert PRIVATE_KEY.hex() not in str(caught.value)


@pytest.mark.parametrize("key", [bytes(32), b"\x01" + bytes(31), b"short", b"", "a text", None])
def test_nothing_is_sealed_for_what_is_no_public_key(key: Any) -> None:
    with pytest.raises(ValueError, match="no public key"):
        seal_candidates(OFFERED, key)


@given(st.lists(st.dictionaries(st.sampled_from(["number", "street", "city"]), st.text(max_size=30)), max_size=10))
def test_what_was_sealed_is_opened_and_looks_different_each_time(offered: list[dict[str, str]]) -> None:
    sealed = [seal_candidates(offered, REPLY_KEY) for _ in range(2)]
    assert sealed[0] != sealed[1]
    assert [open_candidates(each, opening_key(PRIVATE_KEY)) for each in sealed] == [offered, offered]
