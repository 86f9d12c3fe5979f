"""What the moves of checks say about leases: each fault is planted, with a worker that does well next to it."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from bench.faults.moves import Kill, Move, claimed_again, held, lost_leases, read, stampede, watch
from jurat.database import open_engine
from tests.rigs.servers import Databases

KILLED = Kill("w0", 101.0)


def lost(check: str, *, again: float | None = None) -> list[Move]:
    """w0 claims it, is killed, and w1 claims it again."""
    moves = [Move(check, "leased", 0, "w0", 100.0)]
    if again is not None:
        moves += [Move(check, "pending", 1, "w1", again - 0.5), Move(check, "leased", 1, "w1", again)]
        moves += [Move(check, "settled", 1, "w1", again + 0.3)]
    return moves


def well(check: str, worker: str, begun: float = 100.5) -> list[Move]:
    return [Move(check, "leased", 0, worker, begun), Move(check, "settled", 0, worker, begun + 1)]


def in_order(*moves: list[Move]) -> list[Move]:
    return sorted((move for own in moves for move in own), key=lambda move: move.at)


def test_a_killed_workers_check_counts_from_the_kill_to_the_next_claim() -> None:
    assert claimed_again(in_order(lost("a", again=117.5), well("b", "w1")), [KILLED]) == [16.5]


def test_what_the_killed_worker_had_settled_or_settles_with_its_last_breath_does_not_count() -> None:
    assert claimed_again(in_order(well("a", "w0", 99.0), well("b", "w0", 100.9)), [KILLED]) == []


def test_what_another_worker_held_does_not_count() -> None:
    later = [Move("a", "pending", 0, "w1", 103.0), Move("a", "leased", 0, "w1", 104.0)]
    assert claimed_again(in_order([Move("a", "leased", 0, "w1", 100.0)], later), [KILLED]) == []


def test_a_worker_that_is_killed_again_is_not_blamed_twice_for_one_lease() -> None:
    assert claimed_again(lost("a", again=117.0), [KILLED, Kill("w0", 105.0)]) == [16.0]


def test_a_check_that_two_killed_workers_held_counts_twice() -> None:
    moves = [*lost("a", again=117.0)[:-1], Move("a", "pending", 2, "w2", 133.0), Move("a", "leased", 2, "w2", 134.0)]
    assert claimed_again(moves, [KILLED, Kill("w1", 118.0)]) == [16.0, 16.0]


def test_leases_lost_after_an_outage_are_a_stampede_beyond_those_that_were_held() -> None:
    moves = in_order(lost("a", again=120.0), lost("b", again=120.0), well("c", "w1", 90.0))
    assert held(moves, 101.0) == 2
    assert lost_leases(moves, 101.0) == 2
    assert stampede(moves, [101.0]) == 0
    later = [Move("c2", "leased", 0, "w1", 105.0), Move("c2", "pending", 1, "w1", 106.0)]
    assert stampede(in_order(moves, later), [101.0]) == 1


def test_each_outage_is_judged_by_what_was_held_when_it_began() -> None:
    moves = in_order(
        lost("a", again=120.0), [Move("b", "leased", 0, "w1", 131.0), Move("b", "pending", 1, "w1", 150.0)]
    )
    assert stampede(moves, [101.0, 130.0]) == 1, "nothing was held at the second"
    assert stampede(moves, [101.0, 132.0]) == 0


@pytest.mark.slow
@pytest.mark.usefixtures("postgresql_server")
def test_the_trigger_writes_down_each_change_of_state_and_who_made_it(postgresql_server: Databases) -> None:
    from store.schema.migrations import upgrade

    url = postgresql_server.create()
    engine = open_engine(f"{url}?application_name=w7")
    upgrade(engine)
    with engine.begin() as connection:
        watch(connection)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE jurat_checks DISABLE TRIGGER USER"))
        connection.execute(text("ALTER TABLE jurat_checks ENABLE TRIGGER bench_move"))
        connection.execute(
            text(
                "INSERT INTO jurat_checks (id, consultation, participant, question, source, due_at, submitted_at, "
                "deadline_at) VALUES (gen_random_uuid(), 'c', 'p', 'q', 's', now(), now(), now())"
            )
        )
        connection.execute(text("UPDATE jurat_checks SET state = 'leased', fence = 1, lease_until = now()"))
        connection.execute(text("UPDATE jurat_checks SET lease_until = now()"))
        connection.execute(
            text("UPDATE jurat_checks SET state = 'pending', lease_until = NULL, lost_leases = lost_leases + 1")
        )
    made = read(engine)
    engine.dispose()
    postgresql_server.drop(url)
    assert [(move.state, move.lost_leases, move.worker) for move in made] == [("leased", 0, "w7"), ("pending", 1, "w7")]
    assert made[0].at <= made[1].at
