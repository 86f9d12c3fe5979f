"""The client of a web platform: submit a confirmed answer in its own transaction, then poll for the verdict."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from jurat import asking, code_lists, contesting
from jurat.asking import Asked, AskedState
from jurat.candidates import open_candidates, opening_key, reading_candidates
from jurat.columns import moment
from jurat.database import is_missing_table, open_engine, reader
from jurat.errors import (
    ConfigurationError,
    InvalidSubmission,
    SchemaMissing,
    UnknownCheck,
    UnknownConsultation,
    UnknownRequest,
    WaitTimeout,
)
from jurat.messages import OwnTexts, message_for, spoken
from jurat.publications import PUBLICATION, Publication, publication_from, publish
from jurat.reading import (
    ACCESS,
    CONSULTATIONS,
    PUBLISHED,
    REQUEST,
    RESULT_WIDTH,
    RESULTS,
    STANDING,
    TEXTS,
    Access,
    Result,
    access_from,
    read_json,
    result_from,
)
from jurat.ring import NO_BROKER, Bell
from jurat.sealing import Seal, key_from_text
from jurat.standing import Standing
from jurat.statements import Statements, require_tables, statements_on
from jurat.submitting import Check, Schemas, Submission, submit_all
from jurat.words import AccessState, Priority, QuestionState, Reason, State
from jurat.zones import ZONES, Zone, zone_from


class Client:
    """Everything a web platform needs. One for each process; threads may share it.

    Args:
        database_url: the shared database, `postgresql://…` or `sqlite:///…`.
        broker_url: the workers' broker (`redis://…`), only to ring; without it, or with `none`, workers look once a
            second.
        seal_key: the public key of `bin/jurat keys generate` as base64; needed to submit.

    Raises:
        ConfigurationError: an argument can not be used, or a library that it needs is missing.
    """

    def __init__(
        self, database_url: str | None = None, broker_url: str | None = None, seal_key: str | None = None
    ) -> None:
        self._engine = open_engine(database_url) if database_url else None
        self._seal = Seal(key_from_text(seal_key, "seal_key")) if seal_key else None
        self._bell = Bell(broker_url) if broker_url and broker_url != NO_BROKER else None
        self._tables_seen = False
        self._schemas: Schemas = {}

    # -- submitting, in the platform's transaction

    def submit(
        self,
        connection: Any,
        *,
        consultation: str,
        participant: str,
        question: str,
        answer: Mapping[str, Any],
        id: UUID | None = None,  # noqa: A002 - the contract's name
        priority: Priority | str = Priority.INTERACTIVE,
        reply_key: bytes | None = None,
        traceparent: str | None = None,
    ) -> Check:
        """Insert one confirmed answer as a check, in the transaction of `connection`, which stays usable.

        Args:
            connection: a SQLAlchemy Connection or Session, or a connection of psycopg, sqlite3 or Django.
            participant: the platform's id of the participant, opaque to jurat (not a name or e-mail address).
            answer: the fields that the question's schema asks for.
            id: a UUID made by the platform (UUIDv7 is best). A second submit with the same id gives the same check.
            priority: `interactive` while somebody waits at the form, `bulk` otherwise.
            reply_key: a public key of the platform (32 bytes); candidates of an ambiguous address are sealed for it
                (see `candidates`).
            traceparent: W3C trace context, carried to the look-up.

        Raises:
            UnknownConsultation, UnknownQuestion: not in the applied configuration.
            InvalidAnswer: the answer breaks the question's schema; says which field and rule.
            AlreadyConfirmed: an answer was confirmed before and no round is open.
            NotNeeded: an answer that stands in its place was accepted; a kind of AlreadyConfirmed.
            AccessRevoked: a person took this participant's access away.
            InvalidSubmission: another argument can not be used.
            SchemaMissing: the database has no jurat tables, or those of another contract version.
        """
        submission = Submission(consultation, participant, question, answer, id, priority, reply_key, traceparent)
        return self.submit_many(connection, [submission])[0]

    def submit_many(self, connection: Any, submissions: Iterable[Submission | Mapping[str, Any]]) -> list[Check]:
        """Insert many confirmed answers in few statements. All are looked at first: one is bad, nothing is written.

        Raises as `submit` does. Where the same answer is confirmed elsewhere at the same moment, AlreadyConfirmed may
        come after others were written: roll the transaction back then.
        """
        if self._seal is None:
            raise ConfigurationError("submitting needs the seal_key (the public key of `bin/jurat keys generate`)")
        many = [item if isinstance(item, Submission) else _submission(item) for item in submissions]
        checks, sources = submit_all(self._statements(connection), many, self._seal, self._schemas)
        if self._bell:
            self._bell.note(sources)
        return checks

    def ring(self) -> None:
        """Wake the workers of the sources submitted to since the last ring of this thread. Call it after the commit.

        Best effort: never raises, never waits, and a bell that is lost costs at most a second.
        """
        if self._bell:
            self._bell.ring()

    def contest(
        self,
        connection: Any,
        check_id: UUID,
        *,
        note: str,
        document: str | None = None,
        id: UUID | None = None,  # noqa: A002 - the contract's name
    ) -> UUID:
        """Put a verdict before a person, once, in the transaction of `connection`, which stays usable.

        A worker does it within a second: the check is in review then, and its verdict stands until there is a decision.

        Args:
            connection: as for `submit`.
            check_id: a settled check that was not accepted and that no person has decided.
            note: what the participant says is wrong, at most 2,000 characters. It is sealed as an answer is, and erased
                when the review ends.
            document: the platform's own reference to a document that a reviewer may look at; no name and no address.
            id: a UUID made by the platform. A second call with the same id is the same contest.

        Returns the id of the contest.

        Raises:
            UnknownCheck: no check has this id.
            NotContestable: it has no verdict now, was accepted, decided by a person, or contested before.
            InvalidSubmission: an argument can not be used.
            SchemaMissing: the database has no jurat tables, or those of another contract version.
        """
        if self._seal is None:
            raise ConfigurationError("contesting needs the seal_key (the public key of `bin/jurat keys generate`)")
        return contesting.contest(self._statements(connection), self._seal, check_id, note, document, id)

    def transfer(
        self,
        connection: Any,
        *,
        consultation: str,
        participant: str,
        target: str,
        by: str,
        id: UUID | None = None,  # noqa: A002 - the contract's name
    ) -> UUID:
        """Ask for all that a participant has in a consultation to be given to another id of the same person, in the
        transaction of `connection`, which stays usable. A worker does it within a second; `request` says what came of
        it. Refused where there is nothing to give, or the other id has answered there itself.

        Args:
            connection: as for `submit`.
            target: the other id, as opaque as the first.
            by: who asks, as the audit names them; not one of the two ids.
            id: a UUID made by the platform. A second call with the same id is the same request.

        Returns the id of the request.

        Raises:
            UnknownConsultation: not in the applied configuration.
            InvalidSubmission, LimitReached: an argument can not be used; enough was asked for in this hour.
            SchemaMissing: the database has no jurat tables, or those of another contract version.
        """
        return asking.transfer(self._statements(connection), consultation, participant, target, by, id)

    def erase(
        self,
        connection: Any,
        *,
        participant: str,
        consultation: str | None = None,
        id: UUID | None = None,  # noqa: A002 - the contract's name
    ) -> UUID:
        """Ask for a participant to be erased from one consultation, or from all, in the transaction of `connection`,
        which stays usable. A worker does it within a second, and it can not be undone; `request` says when it is done.

        Where nothing is there of the participant, nothing is done. A number that they gave stays held.

        As for `transfer`, with its arguments. Raises InvalidSubmission, LimitReached and SchemaMissing as that, and
        UnknownConsultation where a consultation is given that is neither configured nor has any answer.
        """
        return asking.erase(self._statements(connection), participant, consultation, id)

    def add_codes(
        self,
        connection: Any,
        code_list: str,
        codes: Iterable[str],
        *,
        by: str,
        expires: datetime | None = None,
        id: UUID | None = None,  # noqa: A002 - the contract's name
    ) -> UUID:
        """Ask for access codes to be added to a list, in the transaction of `connection`, which stays usable. For the
        back office of administrators: on PostgreSQL the role of a platform may not.

        A worker does it within a second, and refuses all where one is no code or nothing asks for the list; `request`
        says which. Codes that the list has already stay as they are.

        Args:
            connection: as for `submit`.
            code_list: the name of the list.
            codes: at most 10,000, as `jurat.codes.generate` makes them. They are sealed as an answer is, and erased
                once the list has what recognises them.
            by: who adds them, for the audit.
            expires: until when they can be redeemed; a time with its offset, None for ever.
            id: a UUID made by the platform. A second call with the same id is the same request.

        Returns the id of the request.

        Raises InvalidSubmission where an argument can not be used, and SchemaMissing as `contest` does.
        """
        if self._seal is None:
            raise ConfigurationError("adding codes needs the seal_key (the public key of `bin/jurat keys generate`)")
        return code_lists.add_codes(self._statements(connection), self._seal, code_list, codes, by, expires, id)

    # -- consultations of the platform's own

    def publish_consultation(self, connection: Any, name: str, document: Mapping[str, Any] | None, *, by: str) -> int:
        """Publish a consultation in the transaction of `connection`, which stays usable; its revision.

        A worker puts it into the configuration within seconds of the commit, or says why not: see `publication`. Until
        then, and where it is refused, the revision before stays in force.

        Args:
            connection: as `submit` takes it.
            name: a new name, or that of a consultation that the platform published before, which it replaces.
            document: a consultation in the shape of the configuration, with questions in the order of the form; None
                withdraws it.
            by: who asks, as the audit names them.

        Raises:
            InvalidConsultation: says which part is wrong, and what there is to choose from.
            SchemaMissing: the database has no jurat tables, or those of another contract version.
        """
        return publish(self._statements(connection), name, document, by)

    def publication(self, name: str) -> Publication:
        """What became of the last publication of a consultation, once it is committed.

        Raises UnknownConsultation where the platform never published one of this name.
        """
        rows = self._read(text(PUBLICATION), {"name": name})
        if not rows:
            raise UnknownConsultation(name, [row[0] for row in self._read(PUBLISHED, {})])
        return publication_from(name, rows[0])

    # -- reading

    def request(self, request_id: UUID) -> Asked:
        """What came of a request of `contest`, `transfer`, `erase` or `add_codes`.

        Raises UnknownRequest when no committed request has this id, or it was dealt with long ago.
        """
        rows = self._read(REQUEST, {"ids": [request_id]})
        if not rows:
            raise UnknownRequest(request_id)
        _, kind, applied_at, refused = rows[0]
        state = AskedState.WAITING if applied_at is None else AskedState.REFUSED if refused else AskedState.DONE
        return Asked(request_id, kind, state, refused, moment(applied_at))

    def result(self, check_id: UUID) -> Result:
        """What is known of a check, by its primary key.

        Raises UnknownCheck when no committed check has this id.
        """
        found = self.results([check_id])
        if not found:
            raise UnknownCheck(check_id)
        return found[0]

    def results(self, check_ids: Sequence[UUID]) -> list[Result]:
        """What is known of several checks in one query, in the order of `check_ids`; unknown ones are left out."""
        rows = self._read(RESULTS, {"ids": list(check_ids)}) if check_ids else []
        by_id = {result.check_id: result for result in map(result_from, rows)}
        return [by_id[check_id] for check_id in check_ids if check_id in by_id]

    def access(self, consultation: str, participant: str) -> Access:
        """What the participant's verdicts add up to. A submit shows here as soon as it is committed.

        Raises UnknownConsultation.
        """
        rows = self._read(ACCESS, {"consultation": consultation, "participant": participant})
        if not rows:
            raise self._unknown(consultation)
        return access_from(rows)

    def standing(self, consultation: str, participant: str) -> Standing:
        """The participant's access with the newest result of each question, all of one moment: what a page shows.

        One statement reads it. Of two, one after the other, the second may know more than the first.

        Raises UnknownConsultation.
        """
        rows = self._read(STANDING, {"consultation": consultation, "participant": participant})
        if not rows:
            raise self._unknown(consultation)
        results = [result_from(row[:RESULT_WIDTH]) for row in rows if row[0] is not None]
        contact, messages = map(read_json, rows[0][RESULT_WIDTH : RESULT_WIDTH + 2])
        access = access_from([row[RESULT_WIDTH + 2 :] for row in rows])
        return Standing(access, {result.question: result for result in results}, contact, messages)

    def wait(self, check_id: UUID, timeout: float = 30.0) -> Result:
        """Poll until the check is settled or goes to review, for at most `timeout` seconds.

        Raises UnknownCheck, or WaitTimeout when it is still on its way.
        """
        end = time.monotonic() + timeout
        while not (result := self.result(check_id)).settled and result.state is not State.REVIEW:
            left = end - time.monotonic()
            if left <= 0:
                raise WaitTimeout(check_id, timeout)
            time.sleep(min(left, result.next_poll_ms / 1000))
        return result

    def candidates(self, check_id: UUID, private_key: bytes) -> list[dict[str, str]]:
        """The addresses that an ambiguous answer may mean, each as an answer that can be submitted; at most ten.

        Each has those of `number`, `street`, `postcode`, `city` and `city_code` that are known. A list of one is there
        to have its town confirmed. Only where the check was submitted with a `reply_key`, settled as
        `ambiguous_address`, there is something to ask, and for 15 minutes from then on; else the list is empty. Never
        log what it holds.

        Args:
            private_key: the 32 bytes of the private key that belongs to the `reply_key`.

        Raises:
            UnknownCheck: no committed check has this id.
            ConfigurationError: the private key can not be used, or is another one.
        """
        key = opening_key(private_key)
        rows = self._read(text(reading_candidates(self._database().dialect.name)), {"id": str(check_id)})
        if not rows:
            raise UnknownCheck(check_id)
        sealed = rows[0][0]
        return [] if sealed is None else open_candidates(bytes(sealed), key)

    def zones(self) -> list[Zone]:
        """The zones that are in force now, by name, with outlines to draw them."""
        return [zone_from(row) for row in self._read(text(ZONES), {})]

    def message(self, reason: Reason | str, locale: str = "en", consultation: str | None = None) -> str:
        """A text about `reason` that may be shown to the participant, in the language of `locale` or in English.

        With `consultation` the text that it has of its own goes first; the database is asked for that.
        """
        return message_for(reason, locale, self._own_texts(consultation))

    def state_message(
        self, state: QuestionState | State | str, locale: str = "en", consultation: str | None = None
    ) -> str:
        """A text about where a question or its check stands, as `message` has one for a reason."""
        told = QuestionState.PENDING if state == State.LEASED else state
        return message_for(f"state.{told}", locale, self._own_texts(consultation))

    def access_message(self, state: AccessState | str, locale: str = "en", consultation: str | None = None) -> str:
        """A text about what the verdicts add up to, as `message` has one for a reason."""
        return message_for(f"access.{state}", locale, self._own_texts(consultation))

    def contact(self, consultation: str, locale: str = "en") -> str:
        """Whom a participant of the consultation may ask, in the language of `locale` if it is there; "" if nobody is.

        Raises UnknownConsultation.
        """
        rows = self._read(TEXTS, {"consultation": consultation})
        if not rows:
            raise self._unknown(consultation)
        return spoken(read_json(rows[0][0]), locale)

    def close(self) -> None:
        """Send bells that are still waiting and give back connections."""
        if self._bell:
            self._bell.close()
        if self._engine:
            self._engine.dispose()

    def _own_texts(self, consultation: str | None) -> OwnTexts:
        """None where the consultation is no longer configured: an old verdict still has its text then."""
        rows = self._read(TEXTS, {"consultation": consultation}) if consultation else []
        return read_json(rows[0][1]) if rows else {}

    def _unknown(self, consultation: str) -> UnknownConsultation:
        return UnknownConsultation(consultation, [row[0] for row in self._read(CONSULTATIONS, {})])

    def _statements(self, connection: Any) -> Statements:
        """The way to run statements on a platform's connection, once the tables were seen to be there."""
        statements = statements_on(connection)
        if not self._tables_seen:
            require_tables(statements)
            self._tables_seen = True
        return statements

    def _read(self, statement: Any, parameters: Mapping[str, Any]) -> list[Any]:
        try:
            with reader(self._database()).begin() as connection:
                return list(connection.execute(statement, parameters))
        except DBAPIError as error:
            if is_missing_table(error):
                raise SchemaMissing("the database has no jurat tables; run `bin/jurat db upgrade`") from None
            raise

    def _database(self) -> Engine:
        if self._engine is None:
            raise ConfigurationError("reading needs the database_url that the client was made without")
        return self._engine


def _submission(item: Any) -> Submission:
    try:
        return Submission(**item)
    except TypeError:
        has = ", ".join(map(str, item)) if isinstance(item, Mapping) else f"none of them, it is a {type(item).__name__}"
        raise InvalidSubmission(
            "a submission has consultation, participant, question and answer, and may have id, priority, reply_key and "
            f"traceparent; this one has {has}"
        ) from None
