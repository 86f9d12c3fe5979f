"""Says which of the roles a login may take."""

from __future__ import annotations

from sqlalchemy import Engine, text

from jurat.database import reader
from store.dialects import dialect_of
from store.schema.grants import DatabaseRole


def memberships(engine: Engine) -> frozenset[DatabaseRole]:
    """The roles of which the user who logs in is a member; all of them where the database knows no users."""
    if not dialect_of(engine).has_users:
        return frozenset(DatabaseRole)
    sql = """
        SELECT name FROM unnest(CAST(:names AS text[])) AS name
        WHERE pg_has_role(session_user, CAST(to_regrole(name) AS oid), 'MEMBER')"""
    with reader(engine).begin() as connection:
        return frozenset(
            map(DatabaseRole, connection.execute(text(sql), {"names": [str(role) for role in DatabaseRole]}).scalars())
        )
