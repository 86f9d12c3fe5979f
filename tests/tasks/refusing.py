"""A platform whose own trigger refuses what is written about one participant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.tasks.desk import Desk

_PARTICIPANT = {
    "jurat_checks": "NEW.participant",
    "jurat_access": "NEW.participant",
    "jurat_verdicts": "(SELECT c.participant FROM jurat_checks c WHERE c.id = NEW.check_id)",
}


@contextmanager
def refusing(
    desk: Desk, participant: str, table: str = "jurat_verdicts", when: str = "true", event: str = "INSERT OR UPDATE"
) -> Iterator[None]:
    """While it lasts, a trigger of `table` raises for this participant, where `when` holds for the new row."""
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
