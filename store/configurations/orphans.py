"""Finds and ends orphans: unsettled checks that a new configuration has no question or source for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from config.configuration import Configuration
from jurat.statements import rows_json
from store.dialects import StoreDialect, dialect_of
from store.queue.deadlines import ENDED
from store.queue.turns import unsettled
from store.requests.reviews import end_reviews
from store.verdicts.access import AccessRows


@dataclass(frozen=True, slots=True)
class Orphans:
    """Unsettled checks of one question at one source; `review`: a reviewer has them, and the source is done."""

    consultation: str
    question: str
    source: str
    review: bool
    count: int

    def placed_in(self, configuration: Configuration) -> bool:
        """Whether the configuration still has all that they need."""
        configured = (self.consultation, self.question) in configuration.questions
        return configured and (self.review or self.source in configuration.sources)


def orphans_of(connection: Connection, configuration: Configuration, consultation: str | None = None) -> list[Orphans]:
    """The checks, of one consultation or of all, that `configuration` has no place for."""
    only = "" if consultation is None else "WHERE consultation = :consultation "
    sql = f"""
        SELECT consultation, question, source, state = 'review', count(*)
        FROM {unsettled("consultation, question, source, state")} {only}
        GROUP BY consultation, question, source, state = 'review'"""
    rows = connection.execute(text(sql), {} if consultation is None else {"consultation": consultation})
    orphans = [Orphans(row[0], row[1], row[2], bool(row[3]), row[4]) for row in rows]
    return [each for each in orphans if not each.placed_in(configuration)]


def end_orphans(connection: Connection, orphans: Sequence[Orphans], access: AccessRows) -> None:
    """Have workers settle them as `configuration_missing`; the reviews among them end at once."""
    dialect = dialect_of(connection)
    columns = ("consultation", "question", "source")
    in_review, others = (
        rows_json([{name: getattr(each, name) for name in columns} for each in orphans if each.review is review])
        for review in (True, False)
    )
    end = f"""
        UPDATE jurat_checks SET deadline_at = {dialect.now()}, due_at = {dialect.now()}, stood_s = {ENDED}
        WHERE id IN (SELECT u.id FROM {_orphaned(dialect, "id, consultation, question, source")})
          AND state IN ('pending', 'leased')"""
    connection.execute(text(end), {"rows": others})
    orphaned = _orphaned(dialect, "id, consultation, participant, question, source, state")
    find = f"SELECT u.id, u.consultation, u.participant FROM {orphaned} WHERE u.state = 'review'"
    found = connection.execute(text(find), {"rows": in_review})
    reviews = {UUID(str(row[0])): (row[1], row[2]) for row in found}
    access.wait_for(connection, set(reviews.values()))
    end_reviews(connection, access, reviews)


def places_of(orphans: Sequence[Orphans]) -> str:
    """How many orphans there are and where they wait; "" for none."""
    return ", ".join(
        f"{each.count} of {each.consultation}/{each.question} "
        + ("in review" if each.review else f"at source {each.source}")
        for each in orphans
    )


def sentence_about(orphans: Sequence[Orphans]) -> str:
    """Why the configuration cannot be applied yet, and what to do."""
    return (
        f"checks are on their way that this configuration has no place for: {places_of(orphans)}. Wait until they are "
        "settled, keep the source and question until then, or use --force: they then end undetermined "
        "(configuration_missing)"
    )


_ORPHANS = "consultation text, question text, source text"


def _orphaned(dialect: StoreDialect, columns: str) -> str:
    named = " AND ".join(f"u.{column.split()[0]} = r.{column.split()[0]}" for column in _ORPHANS.split(", "))
    return f"{dialect.rowset(_ORPHANS)} JOIN {unsettled(columns)} ON {named}"
