"""What an audit row says of a restore counts only where the owner of the tables wrote it. On PostgreSQL alone."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from store import restored
from store.history.sealer import HistoryError
from store.schema.grants import DatabaseRole
from tests.rigs.logins import Logins
from tests.store.desk import ACCEPTED, ADMIN, Desk
from tests.store.history.keeper import Keeper
from tests.store.passing import unguarded

FORGED = (
    "INSERT INTO jurat_audit (id, at, actor, action, subject, detail)"
    f" SELECT gen_random_uuid(), now(), '{ADMIN}', a, 'database', '{{\"moved_s\": \"a year\"}}'"
    f" FROM unnest(ARRAY['{restored.RESTORED}', '{restored.ERASED}']) a"
)


def forge(desk: Desk, role: DatabaseRole) -> None:
    """Its login is dropped afterwards, and its rows stay."""
    with Logins(desk.url) as logins, logins.connection(role) as connection:
        connection.execute(FORGED.encode())


@pytest.mark.parametrize("role", [DatabaseRole.WORKER, DatabaseRole.REVIEWER, DatabaseRole.ADMIN])
def test_a_restore_that_only_a_stolen_login_tells_of_is_none(
    postgresql: Desk, tmp_path: Path, role: DatabaseRole
) -> None:
    keeper = Keeper(postgresql, tmp_path)
    size = keeper.heads[-1].tree_size
    postgresql.look_up(postgresql.held(), ACCEPTED)
    keeper.seal()
    with postgresql.engine.begin() as connection, unguarded(connection):
        connection.exec_driver_sql(f"DELETE FROM jurat_leaves WHERE number >= {size}")
        connection.exec_driver_sql(f"DELETE FROM jurat_tree_heads WHERE tree_size > {size}")
    forge(postgresql, role)
    ((kind, what), *_) = keeper.found()
    assert (kind, what.startswith("the history does not reach the head of ")) == ("head", True)
    assert keeper.verify().lost == []
    with pytest.raises(HistoryError, match="the database knows no head as new as that of"):
        keeper.seal()
    with postgresql.engine.begin() as connection:
        restored.secure(connection, datetime.now(UTC), ADMIN)
    assert len(keeper.verify().lost) == 1, "the owner restored it"
    keeper.seal()


def test_no_stolen_login_says_that_the_erasures_were_repeated(postgresql: Desk) -> None:
    with postgresql.engine.begin() as connection:
        restored.secure(connection, datetime.now(UTC), ADMIN)
    forge(postgresql, DatabaseRole.WORKER)
    with postgresql.engine.begin() as connection, pytest.raises(restored.NotFinished):
        restored.confirm(connection, ADMIN)
    with postgresql.engine.begin() as connection:
        restored.secure(connection, datetime.now(UTC), ADMIN)
        restored.finish(connection, ADMIN, 0)
        assert restored.confirm(connection, ADMIN) == 4
