"""A platform whose own trigger refuses what is written about one participant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from tests.store.desk import Desk

_PARTICIPANT = {
    "jurat_checks": "NEW.participant",
    "jurat_access": "NEW.participant",
    "jurat_verdicts": "(SELECT c.participant FROM jurat_checks c WHERE c.id = NEW.check_id)",
}


@contextmanager
def refusing(
    desk: Desk,
    participant: str,
    table: str = "jurat_verdicts",
    when: str = "true",
    event: str = "INSERT OR UPDATE",
    *,
    deferred: bool = False,
) -> Iterator[None]:
    """While it lasts, a trigger of `table` raises for this participant, where `when` holds for the new row; `deferred`,
    it does so at the commit, as a foreign key of Django's does.
    """
    condition = f"{_PARTICIPANT[table]} = '{participant}' AND {when}"
    if event == "DELETE":
        condition = condition.replace("NEW", "OLD")
    drops = ["DROP TRIGGER platform_refuses ON " + table, "DROP FUNCTION platform_refuses()"]
    if desk.postgresql:
        desk.sql(
            "CREATE FUNCTION platform_refuses() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF {condition} THEN RAISE EXCEPTION 'no, %', to_jsonb(coalesce(NEW, OLD)); END IF; "
            "RETURN coalesce(NEW, OLD); END $$"
        )
        each = "FOR EACH ROW EXECUTE FUNCTION platform_refuses()"
        if deferred:
            desk.sql(
                f"CREATE CONSTRAINT TRIGGER platform_refuses AFTER {event} ON {table} "
                f"DEFERRABLE INITIALLY DEFERRED {each}"
            )
        else:
            desk.sql(f"CREATE TRIGGER platform_refuses BEFORE {event} ON {table} {each}")
    else:
        events = event.split(" OR ")
        drops = [f"DROP TRIGGER platform_refuses_{each.lower()}" for each in events]
        for each in events:
            desk.sql(
                f"CREATE TRIGGER platform_refuses_{each.lower()} BEFORE {each} ON {table} WHEN {condition} "
                "BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
    try:
        yield
    finally:
        for drop in drops:
            desk.sql(drop)


@contextmanager
def row_of_the_platforms_held(desk: Desk, participant: str, table: str = "jurat_checks") -> Iterator[None]:
    """While it lasts, a trigger of `table` changes a row of the platform's own for each participant, and an open
    transaction of the platform holds that of this one. For PostgreSQL.
    """
    desk.sql("CREATE TABLE platform_people (participant text PRIMARY KEY, changes int NOT NULL DEFAULT 0)")
    desk.sql("INSERT INTO platform_people (participant) SELECT DISTINCT participant FROM jurat_checks")
    desk.sql(
        "CREATE FUNCTION platform_counts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "UPDATE platform_people SET changes = changes + 1 WHERE participant = NEW.participant; RETURN NULL; END $$"
    )
    each = "FOR EACH ROW EXECUTE FUNCTION platform_counts()"
    desk.sql(f"CREATE TRIGGER platform_counts AFTER UPDATE ON {table} {each}")
    try:
        with desk.engine.execution_options(jurat_bounded=False).connect() as platform, platform.begin():
            row = {"participant": participant}
            platform.execute(text("SELECT 1 FROM platform_people WHERE participant = :participant FOR UPDATE"), row)
            yield
    finally:
        for drop in (f"TRIGGER platform_counts ON {table}", "FUNCTION platform_counts()", "TABLE platform_people"):
            desk.sql(f"DROP {drop}")
