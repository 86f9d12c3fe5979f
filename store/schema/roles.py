"""Makes the roles and gives them their rights: the SQL for it, and which roles are missing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from sqlalchemy import Connection, text

from store.dialects import dialect_of
from store.schema.grants import ANALYZED, CALLS, FOR_ALL, OF_BEFORE, RIGHTS, DatabaseRole

_MAINTAINS = 170_000
"""The version of PostgreSQL since which analyzing has a right of its own."""


def closing() -> str:
    """SQL that leaves new functions to no one, and the shared ones to everyone: PostgreSQL itself lets everyone call a
    new function, unless its default privileges were changed.
    """
    return f"""
REVOKE ALL ON FUNCTION {", ".join(CALLS)} FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {", ".join(FOR_ALL)} TO PUBLIC;
"""


def _creating() -> str:
    return f"""
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['{"', '".join(DatabaseRole)}'] LOOP
    CONTINUE WHEN to_regrole(name) IS NOT NULL;
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', name);
    EXCEPTION
      WHEN duplicate_object OR unique_violation THEN NULL; -- another database was upgraded at this moment
      WHEN insufficient_privilege THEN
        RAISE WARNING 'jurat: role % is not there, and this user may not create it', name
          USING HINT = format('An administrator of the server runs CREATE ROLE %I NOLOGIN, and then the owner of the '
                              'tables `bin/jurat db upgrade`.', name);
    END;
  END LOOP;
END $$;"""


@cache
def granting() -> str:
    """SQL that makes missing roles, where the user may: they belong to the whole server. Then it gives each role that
    exists exactly its rights, and does nothing for users who do not own the tables.
    """
    return "\n".join([_creating(), *map(_granting, DatabaseRole)])


def _granting(role: DatabaseRole) -> str:
    lines = [f"REVOKE ALL ON {', '.join(RIGHTS)} FROM {role};"]
    lines += [f"GRANT {rights[role]} ON {table} TO {role};" for table, rights in RIGHTS.items() if role in rights]
    if role is DatabaseRole.ADMIN:
        maintain = f"GRANT MAINTAIN ON {', '.join(ANALYZED)} TO {role};"
        lines += [f"IF current_setting('server_version_num')::int >= {_MAINTAINS} THEN", f"  {maintain}", "END IF;"]
    ours = [name for name in CALLS if role is not DatabaseRole.PLATFORM or name not in OF_BEFORE]
    lines.append(f"REVOKE ALL ON FUNCTION {', '.join(ours)} FROM {role};")
    lines += [f"GRANT EXECUTE ON FUNCTION {name} TO {role};" for name, roles in CALLS.items() if role in roles]
    each = "\n  ".join(lines)
    return f"""
DO $$
BEGIN
  IF to_regrole('{role}') IS NULL
     OR NOT pg_has_role((SELECT relowner FROM pg_class WHERE oid = 'jurat_checks'::regclass), 'USAGE') THEN
    RETURN;
  END IF;
  IF NOT has_schema_privilege('{role}', current_schema(), 'USAGE') THEN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO {role}', current_schema());
  END IF;
  {each}
END $$;"""


def missing(connection: Connection) -> list[DatabaseRole]:
    """The roles that a PostgreSQL server lacks; none on SQLite, which knows no roles."""
    if not dialect_of(connection).has_users:
        return []
    return [role for role in DatabaseRole if not connection.scalar(text("SELECT to_regrole(:role)"), {"role": role})]


def left_to_platforms(connection: Connection) -> list[str]:
    """The functions of transfers and erasures that `DatabaseRole.PLATFORM` may call until their owner revokes it."""
    if not dialect_of(connection).has_users:
        return []
    return list(connection.scalars(text(_LEFT), {"names": list(OF_BEFORE), "role": DatabaseRole.PLATFORM}))


_LEFT = """
    SELECT p.proname FROM pg_class c JOIN pg_proc p ON p.pronamespace = c.relnamespace, aclexplode(p.proacl) a
    WHERE c.oid = 'jurat_checks'::regclass AND p.proname = ANY (:names) AND a.grantee = to_regrole(:role) ORDER BY 1"""


def advice(roles: Sequence[DatabaseRole]) -> str:
    """What to do about missing `roles`, in a sentence."""
    made = "; ".join(f"CREATE ROLE {role} NOLOGIN" for role in roles)
    return (
        f"the server lacks {len(roles)} of the {len(DatabaseRole)} roles that separate rights, and this user may not "
        "create them. All works without them, for who owns the tables. To have them, an administrator of the server "
        f"runs: {made}; and then you `bin/jurat db upgrade` again"
    )
