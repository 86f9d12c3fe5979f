"""Finds out whom our rights do not bind, and who may create objects beside our tables and should not."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from store.dialects import StoreDialect, dialect_of


@dataclass(frozen=True, slots=True)
class Creator:
    """Someone other than the owner of our tables who may create objects in their schema, and the statement that takes
    the right away. `who` is a role, or PUBLIC, which means everyone.
    """

    schema: str
    who: str
    remedy: str


def creators(connection: Connection) -> list[Creator]:
    """Those who may create objects in the schema of our tables and should not: our functions run with the owner's
    rights, and look there for what they call. Administrators of the server and roles without other users are left out.

    None on SQLite, which knows no users.
    """
    if not dialect_of(connection).has_users:
        return []
    return [Creator(*row) for row in connection.execute(text(_CREATORS))]


def unbound(connection: Connection) -> str | None:
    """Why our rights and triggers do not bind the current user; None where they do. SQLite knows no users."""
    if not dialect_of(connection).has_users:
        return None
    found: str | None = connection.scalar(text(_UNBOUND))
    return found


def by_owner(dialect: StoreDialect) -> str:
    """SQL that is true for a row of the audit that the owner of our tables wrote; for each on SQLite."""
    return _BY_OWNER if dialect.has_users else "true"


_BY_OWNER = """jurat_audit.login IN (
    SELECT u.rolname FROM pg_class c, pg_roles u
    WHERE c.oid = 'jurat_audit'::regclass AND pg_has_role(u.oid, c.relowner, 'USAGE'))"""

_UNBOUND = """
    SELECT CASE WHEN u.rolsuper THEN quote_ident(u.rolname) || ' is a superuser of the server'
      WHEN pg_has_role(u.oid, c.relowner, 'USAGE') THEN quote_ident(u.rolname) || ' owns the tables' END
    FROM pg_class c, pg_roles u WHERE c.oid = 'jurat_checks'::regclass AND u.rolname = current_user"""

# A member of the owner's role counts as the owner. If nothing was ever granted, the schema's owner has the right by
# itself; of `public` that is the database's owner. Such a right cannot be revoked, so the schema's owner has to change.
_CREATORS = """
    SELECT quote_ident(n.nspname), coalesce(quote_ident(g.rolname), 'PUBLIC'),
      CASE WHEN a.grantee = n.nspowner
        THEN format('ALTER SCHEMA %I OWNER TO %I', n.nspname, o.rolname)
        ELSE format('REVOKE CREATE ON SCHEMA %I FROM ', n.nspname) || coalesce(quote_ident(g.rolname), 'PUBLIC')
      END
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_roles o ON o.oid = c.relowner
    CROSS JOIN LATERAL aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
    LEFT JOIN pg_roles g ON g.oid = a.grantee
    WHERE c.oid = 'jurat_checks'::regclass AND a.privilege_type = 'CREATE'
      AND (a.grantee = 0 OR EXISTS (
        SELECT FROM pg_roles u WHERE u.rolcanlogin AND NOT u.rolsuper
          AND NOT pg_has_role(u.oid, c.relowner, 'MEMBER') AND pg_has_role(u.oid, a.grantee, 'MEMBER')))
    GROUP BY 1, 2, 3 ORDER BY 2"""
