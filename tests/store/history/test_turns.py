"""What a turn of the sealer costs: as much as it seals, whatever PostgreSQL takes the queue for."""

from __future__ import annotations

from pathlib import Path

from tests.store.desk import Desk
from tests.store.history.keeper import Keeper
from tests.store.test_query_plans import explained

WAITING = 500


def acts(desk: Desk) -> None:
    desk.sql(
        "INSERT INTO jurat_audit (id, at, actor, action, subject, detail) "
        f"SELECT gen_random_uuid(), NOW, 'a clerk', 'tried', n, '{{}}' FROM generate_series(1, {WAITING}) AS n"
    )


def test_a_turn_touches_as_much_as_it_seals_where_the_queue_was_empty(postgresql: Desk, tmp_path: Path) -> None:
    keeper = Keeper(postgresql, tmp_path)
    acts(postgresql)
    assert keeper.seal() == WAITING
    with postgresql.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # As where others work at it: its pages stay, and hold nothing.
        connection.exec_driver_sql("VACUUM (ANALYZE, TRUNCATE false) jurat_unsealed")
    acts(postgresql)
    with explained(postgresql) as found:
        assert keeper.seal() == WAITING
    taken = [each for each in found if each.statement.split()[:3] == ["DELETE", "FROM", "jurat_unsealed"]]
    assert 0 < max(each.blocks for each in taken) < 20 * WAITING, taken
