"""Merges the consultations that a platform publishes into the administrators' configuration.

The platform's publications are in `jurat_consultations`. A worker's upkeep puts them into the applied configuration, as
its next version, or stores why not. Applying a configuration from files keeps what is published.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from config import publications
from config.configuration import Configuration
from config.document import Consultation, Document
from config.logger import get_logger
from config.problems import InvalidConfiguration
from jurat.database import is_out_of_time, is_too_much, reader, state_of
from jurat.statements import rows_json
from store.configurations.applied_config import NEWEST, AccessTerms, AppliedConfig
from store.configurations.config_versions import add_version
from store.configurations.criteria import of_another_criterion
from store.configurations.documents import document_of
from store.configurations.orphans import orphans_of, places_of
from store.configurations.publication_limits import PublicationRefused, PublicationRoom, WaitingPublication
from store.configurations.questions import replace_questions, terms_versions
from store.configurations.turn import take_turn
from store.dialects import dialect_of
from store.hash_keys import CODE_LISTS
from store.queries import zones_in_force
from store.verdicts.records import WORKER, add_audit_row

log = get_logger("jurat.consultations")

BATCH = 50
BATCH_BYTES = 2 << 20
"""So many publications become one version of the configuration, of at most so many bytes together: the row of each
question has the document, and a worker's transaction may take 12 s."""

_MOST_NAMED = 12

ANY_WAITING = "EXISTS (SELECT 1 FROM jurat_consultations WHERE coalesce(answered_revision, 0) < revision)"
"""SQL that is true while no worker has answered a publication."""

_LastConfig = tuple[int, str] | None
"""The version and digest of the configuration that was applied last."""


class Unpublishable(Exception):
    """The configuration would take away what is needed: a source or a question from unsettled checks, or a name or a
    criterion from a consultation that the platform published.
    """


class NotPublished(Unpublishable):
    """The platform has published no consultation of that name."""


def with_published(connection: Connection, configuration: Configuration) -> Configuration:
    """The administrators' configuration with what platforms published. Raises Unpublishable with the obstacles."""
    document = configuration.document
    kept: dict[str, Consultation] = {}
    wrong: list[str] = []
    sql = "SELECT name, applied_document FROM jurat_consultations WHERE applied_document IS NOT NULL ORDER BY name"
    for name, stored in connection.execute(text(sql)):
        if name in document.consultations:
            wrong.append(f"the platform has published a consultation '{name}' too; rename this one")
            continue
        try:
            kept[name] = publications.read_consultation(document, name, stored, None, None)
        except InvalidConfiguration as error:
            why = publications.summarize(error)
            wrong.append(f"the consultation '{name}', which the platform published, would not fit any more: {why}")
    if wrong:
        raise Unpublishable("; ".join(wrong) + ". Keep what it uses, or have the platform withdraw it first")
    return configuration.republish(kept, ()) if kept else configuration


class Consultations:
    """Puts what platforms published into the configuration. Safe to run in every worker at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect = dialect_of(engine)
        self._last: tuple[_LastConfig, Configuration | None] = (None, None)
        """The configuration that was applied last, when it was read; None where this jurat cannot read it."""

    def apply_waiting(self, limit: int = BATCH) -> int:
        """Answer what is waiting, oldest first, in a transaction of about `BATCH_BYTES`; how many were answered.

        What is too much for the database at once is done in halves. A publication that is too much by itself is
        refused; one that alone takes too long waits, and holds up no other.

        Answers none while someone else publishes, or when a newer jurat applied the configuration: that one answers.
        """
        answered = late = 0
        parts: list[Sequence[WaitingPublication]] = [()]
        while parts:
            try:
                answered += self._apply(parts.pop(), limit)
            except _TooMuch as error:
                parts += error.halves()
                if len(error.waiting) > 1:
                    continue
                if not error.late:
                    answered += self._refuse_alone(error)
                    continue
                log.warning("publication out of time", consultation=error.waiting[0].name)
                late += 1
                if late > 1:  # it is the database that is slow
                    raise error.reason from None
        return answered

    def withdraw(self, name: str, who: str) -> int | None:
        """Withdraw a consultation of the platform at once, as a worker does when the platform withdraws it; returns the
        version without it.

        Raises NotPublished where there is none, Unpublishable where unsettled checks need it. Nothing is changed then.
        """
        with self._engine.begin() as connection:
            take_turn(connection, wait=True)
            published = "jurat_consultations WHERE coalesce(document, applied_document) IS NOT NULL"
            withdraw = f"""
                UPDATE jurat_consultations SET document = NULL, revision = revision + 1, published_by = :who,
                  published_at = {self._dialect.now()}
                WHERE name = :name AND coalesce(document, applied_document) IS NOT NULL"""
            if not connection.execute(text(withdraw), {"name": name, "who": who}).rowcount:
                known = [row[0] for row in connection.execute(text(f"SELECT name FROM {published} ORDER BY name"))]
                raise NotPublished(f"the platform has published no consultation '{name:.80}'. {_there_are(known)}")
            last, base = self._newest(connection)
            if base is None:
                raise Unpublishable("a newer jurat applied the configuration: withdraw it with that one")
            waiting = self._publications(connection, "name = :name", {"name": name})
            version, refused = self._merge(connection, waiting, last, base)
            if refused:
                raise Unpublishable(f"consultation '{name}' cannot be withdrawn: {refused[name]}")
        return version

    def _apply(self, only: Sequence[WaitingPublication], limit: int) -> int:
        """Answer what is waiting, or what of `only` still is, in one transaction. Raises _TooMuch."""
        waiting: Sequence[WaitingPublication] = ()
        self._read_ahead()
        try:
            with self._engine.begin() as connection:
                if not take_turn(connection, wait=False):
                    return 0
                waiting = self._waiting(connection, limit, only)
                last, base = self._newest(connection)
                if not waiting or base is None:
                    return 0
                version, refused = self._merge(connection, waiting, last, base)
        except DBAPIError as error:
            if not waiting or not is_too_much(error):
                raise
            raise _TooMuch(waiting, error) from error
        except (OverflowError, MemoryError) as error:  # of SQLite's driver and Python, for a text that is too long
            raise _TooMuch(waiting, error) from error
        for each in waiting:
            facts = {"consultation": each.name, "revision": each.revision, "config_version": version}
            log.info("publication refused" if each.name in refused else "publication applied", **facts)
        return len(waiting)

    def _merge(
        self, connection: Connection, waiting: Sequence[WaitingPublication], last: _LastConfig, base: Configuration
    ) -> tuple[int | None, Mapping[str, str]]:
        """Put publications into the configuration; its version, and by name why one was refused."""
        room = PublicationRoom.of(connection)
        queries = (zones_in_force(self._dialect), CODE_LISTS)
        zones, lists = ({row[0] for row in connection.execute(text(sql))} for sql in queries)
        refused: dict[str, str] = {}
        accepted: dict[str, Consultation | None] = {}
        for each in waiting:
            try:
                room.check(each)
                accepted[each.name] = self._examine(connection, each, base, zones, lists)
                room.take(each)
            except PublicationRefused as error:
                refused[each.name] = str(error)
        version = self._publish(connection, waiting, accepted, base, last)
        self._answer(connection, waiting, refused)
        return version, refused

    def _refuse_alone(self, error: _TooMuch) -> int:
        """Refuse a publication that the database cannot store, if it is still the last of its name."""
        (alone,) = error.waiting
        why = state_of(error.reason) or type(error.reason).__name__
        log.error("publication not taken", consultation=alone.name, error=why)
        with self._engine.begin() as connection:
            if not take_turn(connection, wait=False):
                return 0
            waiting = [each for each in self._waiting(connection, 1, error.waiting) if each.revision == alone.revision]
            self._answer(connection, waiting, {alone.name: f"the database cannot store it ({why}): shorten its texts"})
        return len(waiting)

    def _read_ahead(self) -> None:
        """Read what was applied last while no transaction waits for it: a large one takes seconds."""
        with reader(self._engine).begin() as connection:
            last = _last(connection)
            document = None if last is None or last == self._last[0] else document_of(connection, last[0])
        self._keep(last, document)

    def _newest(self, connection: Connection) -> tuple[_LastConfig, Configuration | None]:
        """The configuration that was applied last; None where only a newer jurat can read it."""
        last = _last(connection)
        if last is None:
            return None, Configuration.of(Document())
        if last != self._last[0]:
            self._keep(last, document_of(connection, last[0]))
        return self._last

    def _keep(self, last: _LastConfig, document: str | None) -> None:
        if document is None:
            return
        try:
            self._last = last, Configuration.from_json(document)
        except InvalidConfiguration:
            self._last = last, None

    def _waiting(
        self, connection: Connection, limit: int, only: Sequence[WaitingPublication]
    ) -> list[WaitingPublication]:
        # What a platform publishes at this moment is skipped, and waits for its commit.
        lock = self._dialect.row_lock("FOR UPDATE SKIP LOCKED")
        named = f"AND name IN (SELECT r.name FROM {self._dialect.rowset('name text')})" if only else ""
        parameters = {"rows": rows_json([{"name": each.name} for each in only])} if only else {}
        where = f"coalesce(answered_revision, 0) < revision {named} ORDER BY published_at, name LIMIT :limit {lock}"
        waiting = self._publications(connection, where, {"limit": limit, **parameters})
        sizes = accumulate(each.size for each in waiting)
        return [each for n, (each, size) in enumerate(zip(waiting, sizes, strict=True)) if not n or size <= BATCH_BYTES]

    def _publications(
        self, connection: Connection, where: str, parameters: Mapping[str, Any]
    ) -> list[WaitingPublication]:
        columns = "name, document, revision, published_by, applied_document IS NOT NULL"
        rows = connection.execute(text(f"SELECT {columns} FROM jurat_consultations WHERE {where}"), parameters)
        return [WaitingPublication(row[0], row[1], row[2], row[3], bool(row[4])) for row in rows]

    def _examine(
        self,
        connection: Connection,
        publication: WaitingPublication,
        base: Configuration,
        zones: Collection[str],
        lists: Collection[str],
    ) -> Consultation | None:
        """The consultation as it goes into the configuration, which may use the imported `zones` and code `lists`; None
        where it is withdrawn. Raises PublicationRefused.
        """
        name, document = publication.name, publication.document
        if document is not None and not publication.applied and name in base.document.consultations:
            raise PublicationRefused(
                f"the administrators' configuration has a consultation '{name}'; choose another name"
            )
        consultation = None
        if document is not None:
            try:
                consultation = publications.read_consultation(base.document, name, document, zones, lists)
            except InvalidConfiguration as error:
                raise PublicationRefused(publications.summarize(error)) from None
            except Exception as error:
                # One that our own code fails on must not keep all others from being published.
                log.exception("publication unreadable", consultation=name, error=type(error).__name__)
                raise PublicationRefused(
                    "it cannot be read: tell the administrators, whose workers' log says why"
                ) from None
        alone = {} if consultation is None else {name: consultation}
        candidate = Configuration.of(base.document.model_copy(update={"consultations": alone}))
        if others := of_another_criterion(connection, base, candidate.questions.values()):
            raise PublicationRefused(
                f"answers to {', '.join(others)} were accepted under another criterion, zone or list, and would count "
                "for this one: give the question another name"
            )
        if publication.applied and (places := places_of(orphans_of(connection, candidate, name))):
            raise PublicationRefused(
                f"checks are on their way that it would have no place for: {places}; "
                "publish it again once they are settled, or keep their questions until then"
            )
        return consultation

    def _publish(
        self,
        connection: Connection,
        waiting: Sequence[WaitingPublication],
        accepted: Mapping[str, Consultation | None],
        base: Configuration,
        last: _LastConfig,
    ) -> int | None:
        """Store the next version of the configuration, with an audit row for each publication in it."""
        done = [each for each in waiting if each.name in accepted]
        before = {each.name: base.document.consultations.get(each.name) for each in done if each.applied}
        changed = {name for name, part in accepted.items() if not _alike(part, before.get(name))}
        version = last[0] if last else None
        if changed:
            parts = {name: part for name, part in accepted.items() if part is not None}
            configuration = base.republish(parts, before)
            people = {each.by for each in done}
            who = people.pop() if len(people) == 1 else WORKER
            applied = AppliedConfig(version or 0, AccessTerms.of(base), base.questions, base.sources)
            versions = terms_versions(connection)
            version = add_version(connection, configuration, changed, version or 0, who)
            replace_questions(connection, configuration, version, applied, versions, changed)
        for each in done:
            action = "consultation withdraw" if each.document is None else "consultation publish"
            detail: dict[str, Any] = {"revision": each.revision, "version": version}
            add_audit_row(connection, each.by, action, each.name, detail)
        return version

    def _answer(
        self, connection: Connection, waiting: Sequence[WaitingPublication], refused: Mapping[str, str]
    ) -> None:
        rows = [{"name": each.name, "revision": each.revision, "refused": refused.get(each.name)} for each in waiting]
        if self._dialect.has_functions:
            sql = "SELECT jurat_answer_consultations(CAST(:rows AS jsonb))"
        else:
            sql = f"""
                UPDATE jurat_consultations SET answered_revision = r.revision, answered_at = {self._dialect.now()},
                  refused = r.refused,
                  applied_document = CASE WHEN r.refused IS NULL THEN document ELSE applied_document END
                FROM {self._dialect.rowset("name text, revision int, refused text")}
                WHERE jurat_consultations.name = r.name"""
        connection.execute(text(sql), {"rows": rows_json(rows)})


class _TooMuch(Exception):
    """The publications are more than the database takes in one transaction. Nothing was changed."""

    def __init__(self, waiting: Sequence[WaitingPublication], reason: Exception) -> None:
        super().__init__(type(reason).__name__)
        self.waiting = waiting
        self.reason = reason
        self.late = isinstance(reason, DBAPIError) and is_out_of_time(reason)

    def halves(self) -> list[Sequence[WaitingPublication]]:
        """Both halves, the older one last; none for a single publication."""
        half = len(self.waiting) // 2
        return [self.waiting[half:], self.waiting[:half]] if half else []


def _alike(one: Consultation | None, other: Consultation | None) -> bool:
    """Whether both are equal, with their questions in the same order."""
    return one == other and (one is None or other is None or list(one.questions) == list(other.questions))


def _last(connection: Connection) -> _LastConfig:
    row = connection.execute(text(NEWEST[0])).first()
    return (row[0], row[1]) if row else None


def _there_are(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"There is {', '.join(names[:_MOST_NAMED]) or 'none'}{more}"
