"""Which keys the stored answers are sealed for: by key, source and state, whatever key ids a platform writes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from jurat.seal import Unseal
from store import answer_keys
from store.answer_keys import SealedAnswers, sealed_answers
from tests.store.desk import NUMBER_TAKEN, PRIVATE_KEY, Desk
from tests.store.full_desk import vacuum
from tests.store.test_query_plans import explained, within

(OURS,) = Unseal([PRIVATE_KEY]).key_ids
MOST = 10_000


def look(desk: Desk, most: int = MOST) -> list[SealedAnswers]:
    with desk.engine.begin() as connection:
        return sealed_answers(connection, most)


def seal_for(desk: Desk, participant: str, key: str | None) -> None:
    """Have the answer of a participant name another key, or none."""
    desk.sql(
        "UPDATE jurat_checks SET answer_key = :key WHERE participant = :participant", key=key, participant=participant
    )


def counts(found: Sequence[SealedAnswers]) -> dict[tuple[str, str, str], int]:
    return {(each.key, each.source, each.state): each.count for each in found}


def test_without_answers_there_are_no_keys(desk: Desk) -> None:
    assert look(desk) == []


def test_answers_are_counted_by_key_source_and_state_until_they_are_erased(desk: Desk) -> None:
    desk.submit_many(5)
    desk.submit("p-0", "profession")
    first, second, third = desk.claim(free=3)
    desk.settle(first)
    desk.settle(second, NUMBER_TAKEN)
    assert counts(look(desk)) == {
        (OURS, "towns", "pending"): 2,
        (OURS, "towns", "leased"): 1,
        (OURS, "towns", "review"): 1,
        (OURS, "rpps", "pending"): 1,
    }
    desk.settle(third)
    assert sum(each.count for each in look(desk)) == 4


def test_each_group_is_counted_up_to_the_limit(desk: Desk) -> None:
    desk.submit_many(7)
    desk.submit("p-0", "profession")
    assert counts(look(desk, most=3)) == {(OURS, "towns", "pending"): 3, (OURS, "rpps", "pending"): 1}


@pytest.mark.parametrize("key", [None, "", "0", "f" * 15, "f" * 17, "0" * 200])
def test_what_cannot_be_the_id_of_a_key_names_none(desk: Desk, key: str | None) -> None:
    desk.submit_many(3)
    seal_for(desk, "p-1", key)
    assert counts(look(desk)) == {(OURS, "towns", "pending"): 2}


def test_bytes_name_no_key(sqlite: Desk) -> None:
    sqlite.submit_many(2)
    sqlite.sql("UPDATE jurat_checks SET answer_key = zeroblob(16) WHERE participant = 'p-1'")
    assert counts(look(sqlite)) == {(OURS, "towns", "pending"): 1}


def test_answers_of_several_keys_are_told_apart(desk: Desk) -> None:
    desk.submit_many(4)
    for participant, key in (("p-0", "0" * 16), ("p-1", "f" * 16)):
        seal_for(desk, participant, key)
    assert counts(look(desk)) == {
        ("0" * 16, "towns", "pending"): 1,
        (OURS, "towns", "pending"): 2,
        ("f" * 16, "towns", "pending"): 1,
    }


def test_however_many_ids_a_platform_writes_only_so_many_groups_are_read(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_keys, "MOST_GROUPS", 10)
    desk.submit_many(25)
    for number in range(25):
        seal_for(desk, f"p-{number}", f"{number:016}")
    found = look(desk)
    assert [each.key for each in found] == [f"{number:016}" for number in range(10)]


@pytest.mark.slow
def test_its_cost_follows_the_number_of_groups_and_not_of_answers(full: Desk) -> None:
    with explained(full) as found:
        groups = look(full, most=100)
    assert {each.count for each in groups} == {100}, "of thousands"
    within(found, 60 * len(groups))


@pytest.mark.slow
def test_a_thousand_keys_of_a_hostile_platform_take_a_step_each(full: Desk) -> None:
    named = "state = 'pending' AND consultation = 'budget' AND participant LIKE 'w-%'"
    before = full.sql(f"SELECT id, answer_key FROM jurat_checks WHERE {named}")
    full.sql(f"UPDATE jurat_checks SET answer_key = left(md5(id::text), 16) WHERE {named}")
    vacuum(full)
    try:
        with explained(full) as found:
            groups = look(full)
        assert len(groups) == answer_keys.MOST_GROUPS
        within(found, 10 * answer_keys.MOST_GROUPS)
    finally:
        full.sql("UPDATE jurat_checks SET answer_key = :key WHERE answer IS NOT NULL", key=before[0][1])
        vacuum(full)
