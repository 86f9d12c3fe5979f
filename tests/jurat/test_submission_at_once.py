from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID

import pytest

from jurat import (
    AlreadyConfirmed,
    Check,
    Client,
    Submission,
)
from jurat.ids import uuid7
from tests.jurat.consultations import ADDRESS, Town


def together(count: int, work: Callable[[int], object]) -> list[object]:
    """What `work(0)` to `work(count - 1)` return or raise, each started in a thread of its own at the same moment."""
    barrier, outcomes = threading.Barrier(count), dict[int, object]()

    def run(number: int) -> None:
        try:
            barrier.wait(60)
            outcomes[number] = work(number)
        except Exception as error:  # noqa: BLE001 - told to the caller
            outcomes[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return [outcomes[number] for number in range(count)]


def test_of_two_confirmed_at_the_same_moment_one_wins_and_the_other_is_told(client: Client, town: Town) -> None:
    def race(participant: str, ids: list[UUID | None]) -> list[object]:
        def once(number: int) -> Check:
            with town.engine.begin() as connection:
                return client.submit(
                    connection,
                    id=ids[number],
                    consultation="budget",
                    participant=participant,
                    question="residence",
                    answer=ADDRESS,
                )

        return together(len(ids), once)

    for n in range(60):
        outcomes = race(f"p-{n}", [None, None])
        [check] = [outcome for outcome in outcomes if isinstance(outcome, Check)]
        [told] = [outcome for outcome in outcomes if isinstance(outcome, AlreadyConfirmed)]
        assert told.check_id == check.id
        assert town.read("SELECT id FROM jurat_checks WHERE participant = :p", p=f"p-{n}") in (
            [(check.id,)],
            [(str(check.id),)],
        )
    for n in range(60, 80):
        given = uuid7()
        outcomes = race(f"p-{n}", [given, given])
        assert sorted((check.id, check.created) for check in outcomes if isinstance(check, Check)) == [
            (given, False),
            (given, True),
        ]


@pytest.mark.slow
def test_two_platforms_that_submit_many_at_once_do_not_wait_for_each_other_in_a_circle(
    client: Client, town: Town
) -> None:
    # On SQLite one waits for the other's transaction, five seconds at most: so it is a short one.
    count = 110 if town.engine.dialect.name == "sqlite" else 1100
    for n in range(3):
        people = [f"p-{n}-{i}" for i in range(count)]

        def once(number: int, people: list[str] = people) -> int:
            question, answer = [("residence", ADDRESS), ("profession", {"name": "Martin"})][number]
            many = [Submission("budget", person, question, answer) for person in people]
            with town.engine.begin() as connection:
                return len(client.submit_many(connection, many[:: 1 - 2 * number]))

        assert together(2, once) == [count, count]
    assert town.count("jurat_checks") == 6 * count
    rows = town.read("SELECT questions FROM jurat_access LIMIT 1")
    assert len(rows) == 1
