"""Merges the consultations that a platform publishes into the administrators' configuration.

What the platform asked for stands in `jurat_consultations`. A worker's upkeep lays it into the applied configuration,
as its next version, or writes down why not. Who applies a configuration of files keeps what is published.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from config import publications
from config.configuration import Configuration
from config.document import Consultation, Document
from config.problems import InvalidConfiguration
from jurat.database import is_out_of_time, is_too_much, reader, state_of
from jurat.publications import (
    MOST_NAMED,
)
from jurat.statements import rows_json
from store.configurations.applied_config import AccessTerms, AppliedConfig
from store.configurations.config_versions import lay_in, take_turn, written
from store.configurations.criteria import of_another_criterion
from store.configurations.orphans import orphans_of, places_of
from store.configurations.publication_limits import PublicationRefused, PublicationRoom, WaitingPublication
from store.configurations.questions import replace_questions, since
from store.dialects import StoreDialect, dialect_of
from store.queries import CODE_LISTS, zones_in_force
from store.verdicts.records import WORKER, add_audit_row

log = structlog.get_logger("jurat.consultations")

BATCH = 50
BATCH_BYTES = 2 << 20
"""So many publications become one version of the configuration, at most of so many bytes together: a document stands in
the row of each of its questions, and a worker's transaction may take 12 s."""

ANY_WAITING = "EXISTS (SELECT 1 FROM jurat_consultations WHERE coalesce(answered_revision, 0) < revision)"
"""SQL that is true where a platform published something that no worker has answered yet."""


class Unpublishable(Exception):
    """The configuration would take something away that is needed: a source or a question from checks that are on their
    way, or a name or a criterion from a consultation that the platform published.
    """


class NotPublished(Unpublishable):
    """The platform has published no consultation of that name."""


@dataclass(frozen=True, slots=True)
class _Imported:
    """The names of zones in force and of lists that have codes."""

    zones: Collection[str]
    lists: Collection[str]


def with_published(connection: Connection, configuration: Configuration) -> Configuration:
    """The administrators' configuration with the consultations that are published beside it.

    Raises Unpublishable with what of it stands in their way.
    """
    document = configuration.document
    kept: dict[str, Consultation] = {}
    wrong: list[str] = []
    for name, stored in _published(connection).items():
        if name in document.consultations:
            wrong.append(f"the platform has published a consultation '{name}' too; rename this one")
            continue
        try:
            kept[name] = publications.read_consultation(document, name, stored, None, None)
        except InvalidConfiguration as error:
            said = publications.summarize(error)
            wrong.append(f"the consultation '{name}', which the platform published, would not fit any more: {said}")
    if wrong:
        raise Unpublishable("; ".join(wrong) + ". Keep what it uses, or have the platform withdraw it first")
    return Configuration.of(publications.merge_consultations(document, kept)) if kept else configuration


class Consultations:
    """Puts what platforms published into the configuration. Safe to run in every worker at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect = dialect_of(engine)
        self._seen: tuple[tuple[int, str] | None, Configuration | None] = (None, None)
        """The version and digest of what was applied last when it was read, and what it says."""

    def apply_waiting(self, limit: int = BATCH) -> int:
        """Answer what is waiting, oldest first, in a transaction of about `BATCH_BYTES`; how many were answered.

        What the database does not take as one is done in halves. A publication that it does not take alone is refused;
        one that takes too long alone waits, and holds up no other.

        None where somebody publishes at this moment, nor where a newer jurat applied the configuration: it answers.
        """
        answered = late = 0
        parts: list[Sequence[WaitingPublication]] = [()]
        while parts:
            try:
                answered += self._apply(parts.pop(), limit)
            except _NotTaken as error:
                parts += error.halves()
                if len(error.asked) > 1:
                    continue
                if not error.late:
                    answered += self._refuse_alone(error)
                    continue
                log.warning("publication out of time", consultation=error.asked[0].name)
                late += 1
                if late > 1:  # it is the database that is slow
                    raise error.reason from None
        return answered

    def withdraw(self, name: str, who: str) -> int | None:
        """Withdraw a consultation of the platform at once, as its own withdrawal by a worker; the version without it.

        Raises NotPublished where there is none, Unpublishable where checks on their way would lose their place: nothing
        changed.
        """
        with self._engine.begin() as connection:
            take_turn(connection, wait=True)
            if not connection.execute(text(_withdraw(self._dialect)), {"name": name, "who": who}).rowcount:
                known = [row[0] for row in connection.execute(text(f"SELECT name FROM {_THERE} ORDER BY name"))]
                raise NotPublished(f"the platform has published no consultation '{name:.80}'. {_there_are(known)}")
            last, base = self._newest(connection)
            if base is None:
                raise Unpublishable("a newer jurat applied the configuration: withdraw it with that one")
            asked = self._asked(connection, "name = :name", {"name": name})
            version, refused = self._merge(connection, asked, last, base)
            if refused:
                raise Unpublishable(f"consultation '{name}' cannot be withdrawn: {refused[name]}")
        return version

    def _apply(self, only: Sequence[WaitingPublication], limit: int) -> int:
        """Answer what is waiting, or what of `only` still is, in one transaction. Raises _NotTaken."""
        asked: Sequence[WaitingPublication] = ()
        self._read_ahead()
        try:
            with self._engine.begin() as connection:
                if not take_turn(connection, wait=False):
                    return 0
                asked = self._waiting(connection, limit, only)
                last, base = self._newest(connection)
                if not asked or base is None:
                    return 0
                version, refused = self._merge(connection, asked, last, base)
        except DBAPIError as error:
            if not asked or not is_too_much(error):
                raise
            raise _NotTaken(asked, error) from error
        except (OverflowError, MemoryError) as error:  # SQLite's driver and Python say so of a text that is too long
            raise _NotTaken(asked, error) from error
        for each in asked:
            facts = {"consultation": each.name, "revision": each.revision, "config_version": version}
            log.info("publication refused" if each.name in refused else "publication applied", **facts)
        return len(asked)

    def _merge(
        self,
        connection: Connection,
        asked: Sequence[WaitingPublication],
        last: tuple[int, str] | None,
        base: Configuration,
    ) -> tuple[int | None, Mapping[str, str]]:
        """Put what was asked for into the configuration; its version, and why what was refused."""
        imported, room = _imported(connection), PublicationRoom.of(connection)
        refused: dict[str, str] = {}
        accepted: dict[str, Consultation | None] = {}
        for each in asked:
            try:
                room.check(each)
                accepted[each.name] = self._examined(connection, each, base, imported)
                room.take(each)
            except PublicationRefused as error:
                refused[each.name] = str(error)
        version = self._publish(connection, asked, accepted, base, last)
        self._answer(connection, asked, refused)
        return version, refused

    def _refuse_alone(self, error: _NotTaken) -> int:
        """Refuse a publication that the database does not take, where it is still the last of its name."""
        (alone,) = error.asked
        said = state_of(error.reason) or type(error.reason).__name__
        log.error("publication not taken", consultation=alone.name, error=said)
        with self._engine.begin() as connection:
            if not take_turn(connection, wait=False):
                return 0
            asked = [each for each in self._waiting(connection, 1, error.asked) if each.revision == alone.revision]
            self._answer(connection, asked, {alone.name: f"the database does not hold it ({said}): shorten its texts"})
        return len(asked)

    def _read_ahead(self) -> None:
        """Read what was applied last while no transaction waits for it: a large one takes seconds."""
        with reader(self._engine).begin() as connection:
            last = _last(connection)
            document = None if last == self._seen[0] else _written(connection, last)
        self._keep(last, document)

    def _newest(self, connection: Connection) -> tuple[tuple[int, str] | None, Configuration | None]:
        """The version and digest of what was applied last, and what it says; None where only a newer jurat reads it."""
        last = _last(connection)
        if last is None:
            return None, Configuration.of(Document())
        if last != self._seen[0]:
            self._keep(last, _written(connection, last))
        return self._seen

    def _keep(self, last: tuple[int, str] | None, document: str | None) -> None:
        if document is None:
            return
        try:
            self._seen = last, Configuration.from_json(document)
        except InvalidConfiguration:
            self._seen = last, None

    def _waiting(
        self, connection: Connection, limit: int, only: Sequence[WaitingPublication]
    ) -> list[WaitingPublication]:
        # What a platform publishes anew at this moment waits for its commit.
        lock = self._dialect.row_lock("FOR UPDATE SKIP LOCKED")
        named = f"AND name IN (SELECT r.name FROM {self._dialect.rowset('name text')})" if only else ""
        parameters = {"rows": rows_json([{"name": each.name} for each in only])} if only else {}
        where = f"coalesce(answered_revision, 0) < revision {named} ORDER BY published_at, name LIMIT :limit {lock}"
        asked = self._asked(connection, where, {"limit": limit, **parameters})
        sizes = accumulate(each.size for each in asked)
        return [each for n, (each, size) in enumerate(zip(asked, sizes, strict=True)) if not n or size <= BATCH_BYTES]

    def _asked(self, connection: Connection, where: str, parameters: Mapping[str, Any]) -> list[WaitingPublication]:
        rows = connection.execute(
            text(
                "SELECT name, document, revision, published_by, applied_document IS NOT NULL FROM jurat_consultations "
                f"WHERE {where}"
            ),
            parameters,
        )
        return [WaitingPublication(row[0], row[1], row[2], row[3], bool(row[4])) for row in rows]

    def _examined(
        self, connection: Connection, asked: WaitingPublication, base: Configuration, imported: _Imported
    ) -> Consultation | None:
        """The consultation as it goes into the configuration; None where it is withdrawn. Raises PublicationRefused."""
        if asked.document is not None and not asked.applied and asked.name in base.document.consultations:
            raise PublicationRefused(
                f"the administrators' configuration has a consultation '{asked.name}'; choose another name"
            )
        consultation = None
        if asked.document is not None:
            try:
                consultation = publications.read_consultation(
                    base.document, asked.name, asked.document, imported.zones, imported.lists
                )
            except InvalidConfiguration as error:
                raise PublicationRefused(publications.summarize(error)) from None
            except Exception as error:
                # One that our own code fails on must not keep all others from being published.
                log.exception("publication unreadable", consultation=asked.name, error=type(error).__name__)
                raise PublicationRefused(
                    "it cannot be read: tell the administrators, whose workers' log says why"
                ) from None
        alone = {} if consultation is None else {asked.name: consultation}
        candidate = Configuration.of(base.document.model_copy(update={"consultations": alone}))
        if others := of_another_criterion(connection, base, candidate.questions.values()):
            raise PublicationRefused(
                f"answers to {', '.join(others)} were accepted under another criterion, zone or list, and would count "
                "for this one: give the question another name"
            )
        if asked.applied and (waiting := places_of(orphans_of(connection, candidate, asked.name))):
            raise PublicationRefused(
                f"checks are on their way that it would have no place for: {waiting}; "
                "publish it again once they are settled, or keep their questions until then"
            )
        return consultation

    def _publish(
        self,
        connection: Connection,
        asked: Sequence[WaitingPublication],
        accepted: Mapping[str, Consultation | None],
        base: Configuration,
        last: tuple[int, str] | None,
    ) -> int | None:
        """Store the next version of the configuration, with an audit row for each publication in it."""
        done = [each for each in asked if each.name in accepted]
        before = {each.name: base.document.consultations.get(each.name) for each in done if each.applied}
        changed = {name for name, part in accepted.items() if not _alike(part, before.get(name))}
        version = last[0] if last else None
        if changed:
            laid = {name: part for name, part in accepted.items() if part is not None}
            configuration = base.republish(laid, before)
            people = {each.by for each in done}
            who = people.pop() if len(people) == 1 else WORKER
            edition = AppliedConfig(version or 0, AccessTerms.of(base), base.questions, base.sources)
            began = since(connection)
            version = lay_in(connection, configuration, changed, version or 0, who)
            replace_questions(connection, configuration, version, edition, began, changed)
        for each in done:
            action = "consultation withdraw" if each.document is None else "consultation publish"
            detail: dict[str, Any] = {"revision": each.revision, "version": version}
            add_audit_row(connection, each.by, action, each.name, detail)
        return version

    def _answer(self, connection: Connection, asked: Sequence[WaitingPublication], refused: Mapping[str, str]) -> None:
        rows = [
            {
                "name": each.name,
                "revision": each.revision,
                "refused": refused.get(each.name),
            }
            for each in asked
        ]
        connection.execute(text(_answer(self._dialect)), {"rows": rows_json(rows)})


class _NotTaken(Exception):
    """What was published is more than the database takes in one transaction. Nothing was changed."""

    def __init__(self, asked: Sequence[WaitingPublication], reason: Exception) -> None:
        super().__init__(type(reason).__name__)
        self.asked = asked
        self.reason = reason
        self.late = isinstance(reason, DBAPIError) and is_out_of_time(reason)

    def halves(self) -> list[Sequence[WaitingPublication]]:
        """Both, the older last; none of one alone."""
        half = len(self.asked) // 2
        return [self.asked[half:], self.asked[:half]] if half else []


def _published(connection: Connection) -> dict[str, str]:
    rows = connection.execute(
        text("SELECT name, applied_document FROM jurat_consultations WHERE applied_document IS NOT NULL ORDER BY name")
    )
    return {row[0]: row[1] for row in rows}


def _alike(one: Consultation | None, other: Consultation | None) -> bool:
    """Whether both say the same, with their questions in the same order."""
    return one == other and (one is None or other is None or list(one.questions) == list(other.questions))


def _last(connection: Connection) -> tuple[int, str] | None:
    row = connection.execute(text("SELECT version, digest FROM jurat_configs ORDER BY version DESC LIMIT 1")).first()
    return (row[0], row[1]) if row else None


def _written(connection: Connection, last: tuple[int, str] | None) -> str | None:
    return written(connection, last[0]) if last else None


def _imported(connection: Connection) -> _Imported:
    dialect = dialect_of(connection)
    zones, lists = ({row[0] for row in connection.execute(text(sql))} for sql in (zones_in_force(dialect), CODE_LISTS))
    return _Imported(zones, lists)


def _there_are(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"There is {', '.join(names[:MOST_NAMED]) or 'none'}{more}"


_THERE = "jurat_consultations WHERE coalesce(document, applied_document) IS NOT NULL"


def _withdraw(dialect: StoreDialect) -> str:
    return f"""
        UPDATE jurat_consultations SET document = NULL, revision = revision + 1, published_by = :who,
          published_at = {dialect.now()}
        WHERE name = :name AND coalesce(document, applied_document) IS NOT NULL"""


def _answer(dialect: StoreDialect) -> str:
    if dialect.has_functions:
        return "SELECT jurat_answer_consultations(CAST(:rows AS jsonb))"
    columns = "name text, revision int, refused text"
    return f"""
        UPDATE jurat_consultations SET answered_revision = r.revision, answered_at = {dialect.now()},
          refused = r.refused,
          applied_document = CASE WHEN r.refused IS NULL THEN document ELSE applied_document END
        FROM {dialect.rowset(columns)} WHERE jurat_consultations.name = r.name"""
