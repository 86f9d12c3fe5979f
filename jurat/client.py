"""The client of a platform: submits a confirmed answer in the platform's transaction, then polls for the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from jurat import code_lists, contests, openings, participant_requests
from jurat.errors import ConfigurationError, InvalidSubmission
from jurat.publications import publish
from jurat.reader import Reader
from jurat.ring import NO_BROKER, Bell
from jurat.seal_keys import seal_of
from jurat.silence import silence_limited
from jurat.statements import Statements, require_tables, statements_on
from jurat.submission import Check, Schemas, Submission, submit_all
from jurat.traces import sending
from jurat.vocabulary import Priority


class Client(Reader):
    """Everything a web platform needs. Make one for each process; threads may share it.

    Ids may be `uuid.UUID` or their text. An argument that cannot be used raises an error that names it:
    InvalidSubmission, unless the method names another.

    Args:
        database_url: the shared database, `postgresql://…` or `sqlite:///…`.
        broker_url: the workers' broker (`redis://…`), used only to ring; without it, or with `none`, workers look once
            a second.
        seal_key: the public key of `bin/jurat keys generate` as base64, or the key of `bin/jurat keys pin`, which signs
            those in the database; needed to submit.
        deadline: seconds for which PostgreSQL may stay silent. Then a server that hangs raises OperationalError, as one
            that is away does, and its connection is closed. On the platform's own connections this holds while the
            client uses them, if they are psycopg 3's. None waits for ever.

    Raises:
        ConfigurationError: an argument cannot be used, or a library that it needs is missing.
    """

    def __init__(
        self,
        database_url: str | None = None,
        broker_url: str | None = None,
        seal_key: str | None = None,
        *,
        deadline: float | None = 10.0,
    ) -> None:
        super().__init__(database_url, deadline)
        self._seal = seal_of(seal_key) if seal_key else None
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
        id: UUID | str | None = None,  # noqa: A002 - the contract's name
        priority: Priority | str = Priority.INTERACTIVE,
        reply_key: bytes | None = None,
        traceparent: str | None = None,
    ) -> Check:
        """Insert one confirmed answer as a check, in the transaction of `connection`, which stays usable.

        Args:
            connection: a SQLAlchemy Connection or Session, or a connection of psycopg, sqlite3 or Django.
            participant: the platform's id of the participant, opaque to jurat (not a name or e-mail address).
            answer: the fields that the question's schema asks for.
            id: a UUID made by the platform (UUIDv7 is best), or its text. A second submit with the same id gives the
                same check.
            priority: `interactive` while someone waits at the form, `bulk` otherwise.
            reply_key: a public key of the platform (32 bytes); candidates of an ambiguous address are sealed for it
                (see `candidates`).
            traceparent: W3C trace context that the workers' spans are linked to. Without one, a platform that has a
                recording span of OpenTelemetry gets a span `send SOURCE` in it, and the check that span's context.

        Raises:
            UnknownConsultation, UnknownQuestion: not in the applied configuration.
            InvalidAnswer: the answer breaks the question's schema; says which field and rule.
            AlreadyConfirmed: an answer was confirmed before and no round is open.
            NotNeeded: another answer was accepted in its place; a kind of AlreadyConfirmed.
            AccessRevoked: a person took this participant's access away.
            InvalidSubmission: another argument cannot be used.
            SchemaMissing: the database has no jurat tables, or those of another contract version.
        """
        submission = Submission(consultation, participant, question, answer, id, priority, reply_key, traceparent)
        return self.submit_many(connection, [submission])[0]

    def submit_many(self, connection: Any, submissions: Iterable[Submission | Mapping[str, Any]]) -> list[Check]:
        """Insert many confirmed answers in a few statements: all of them, or none if one cannot be inserted.

        Raises as `submit` does; then nothing is written and the transaction stays usable, even if someone else confirms
        one of the answers at the same moment. With autocommit, where each statement is a transaction of its own, all
        answers are written in one transaction.
        """
        if self._seal is None:
            raise ConfigurationError("submitting needs the seal_key (the public key of `bin/jurat keys generate`)")
        given: object = submissions
        if not isinstance(given, Iterable):
            raise InvalidSubmission(f"submissions must be a list of them, not {type(given).__name__}")
        many = [item if isinstance(item, Submission) else _submission(item) for item in given]
        with self._statements(connection) as statements, sending(many) as sent:
            checks, sources = submit_all(statements, sent.submissions, self._seal(statements), self._schemas)
            sent.end(checks, sources)
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
        check_id: UUID | str,
        *,
        note: str,
        document: str | None = None,
        id: UUID | str | None = None,  # noqa: A002 - the contract's name
    ) -> UUID:
        """Ask for a person to review a verdict, once, in the transaction of `connection`, which stays usable.

        A worker does it within a second. The check is in review then, and its verdict holds until there is a decision.

        Args:
            connection: as for `submit`.
            check_id: a settled check that was not accepted and that no person has decided.
            note: what the participant says is wrong, at most 2,000 characters. It is sealed like an answer, and erased
                when the review ends.
            document: the platform's own reference to a document that a reviewer may look at; no name and no address.
            id: a UUID made by the platform. A second call with the same id is the same contest.

        Returns the id of the contest.

        Raises:
            UnknownCheck: no check has this id.
            NotContestable: it has no verdict now, was accepted, decided by a person, or contested before.
            InvalidSubmission: an argument cannot be used.
            SchemaMissing: the database has no jurat tables, or those of another contract version.
        """
        if self._seal is None:
            raise ConfigurationError("contesting needs the seal_key (the public key of `bin/jurat keys generate`)")
        with self._statements(connection) as statements:
            return contests.contest(statements, self._seal(statements), check_id, note, document, id)

    def transfer(
        self,
        connection: Any,
        *,
        consultation: str,
        participant: str,
        target: str,
        by: str,
        id: UUID | str | None = None,  # noqa: A002 - the contract's name
    ) -> UUID:
        """Ask for everything of a participant in a consultation to be moved to another id of the same person, in the
        transaction of `connection`, which stays usable. A worker does it within a second; `request` says what came of
        it. It is refused if there is nothing to move, or if the other id has answers of its own there.

        Args:
            connection: as for `submit`; on PostgreSQL of a user with `jurat_accounts`.
            target: the other id, as opaque as the first.
            by: who asks, as the audit names them; not one of the two ids.
            id: a UUID made by the platform. A second call with the same id is the same request.

        Returns the id of the request.

        Raises:
            UnknownConsultation: not in the applied configuration.
            InvalidSubmission, LimitReached: an argument cannot be used; enough was asked for in this hour.
            ConfigurationError: the user of `connection` may not ask for it.
            SchemaMissing: the database has no jurat tables, or those of another contract version.
        """
        with self._statements(connection) as statements:
            return participant_requests.transfer(statements, consultation, participant, target, by, id)

    def erase(
        self,
        connection: Any,
        *,
        participant: str,
        consultation: str | None = None,
        id: UUID | str | None = None,  # noqa: A002 - the contract's name
    ) -> UUID:
        """Ask for a participant to be erased from one consultation, or from all, in the transaction of `connection`,
        which stays usable. A worker does it within a second, and it cannot be undone; `request` says when it is done.

        If there is nothing of the participant, nothing is done. A number that they gave stays held.

        Takes the arguments of `transfer` and raises what it does, but UnknownConsultation for a consultation that is
        not configured and has no answers.
        """
        with self._statements(connection) as statements:
            return participant_requests.erase(statements, participant, consultation, id)

    def add_codes(
        self,
        connection: Any,
        code_list: str,
        codes: Iterable[str],
        *,
        by: str,
        expires: datetime | None = None,
        id: UUID | str | None = None,  # noqa: A002 - the contract's name
    ) -> UUID:
        """Ask for access codes to be added to a list, in the transaction of `connection`, which stays usable. It is for
        the back office of administrators: on PostgreSQL the role of a platform may not do this.

        A worker does it within a second. It refuses all of them if one is no code or if nothing uses the list;
        `request` says which. Codes that the list already has stay as they are.

        Args:
            connection: as for `submit`.
            code_list: the name of the list.
            codes: at most 10,000, as `jurat.codes.generate` makes them. They are sealed like an answer, and erased once
                the list has their hashes.
            by: who adds them, for the audit.
            expires: until when they can be redeemed, as a time with its offset; None for ever.
            id: a UUID made by the platform. A second call with the same id is the same request.

        Returns the id of the request.

        Raises InvalidSubmission if an argument cannot be used, and SchemaMissing as `contest` does.
        """
        if self._seal is None:
            raise ConfigurationError("adding codes needs the seal_key (the public key of `bin/jurat keys generate`)")
        with self._statements(connection) as statements:
            return code_lists.add_codes(statements, self._seal(statements), code_list, codes, by, expires, id)

    # -- reviewing, in a back office

    def open_for_review(self, connection: Any, check_id: UUID | str, *, by_whom: str) -> openings.Opening:
        """Ask a worker to open the answer of a check in review for a person who decides, in the transaction of
        `connection`, which stays usable. `opened` reads it within a second of the commit, for 15 minutes.

        What comes is sealed for the key of the opening, which is in its memory alone. Each has an audit row.

        Args:
            connection: as for `submit`; on PostgreSQL of a user with `jurat_reviewer`, the client's own.
            check_id: a check in review.
            by_whom: the person who reads it, as the audit names them; not the participant.

        Raises:
            UnknownCheck, NotInReview: no check has this id; it is not in review.
            InvalidSubmission, LimitReached: an argument cannot be used; enough was asked for.
            ConfigurationError: the user of `connection` may not ask for it.
            SchemaMissing: the database has no jurat tables, or those of another contract version.
        """
        with self._statements(connection) as statements:
            return openings.open_for_review(statements, check_id, by_whom)

    # -- consultations of the platform's own

    def publish_consultation(self, connection: Any, name: str, document: Mapping[str, Any] | None, *, by: str) -> int:
        """Publish a consultation in the transaction of `connection`, which stays usable; its revision.

        A worker puts it into the configuration within seconds of the commit, or says why not: see `publication`. Until
        then, and if it is refused, the revision before stays in force.

        Args:
            connection: as `submit` takes it.
            name: a new name, or that of a consultation that the platform published before, which it replaces.
            document: a consultation in the shape of the configuration, with questions in the order of the form; None
                withdraws it.
            by: who asks, as the audit names them.

        Raises:
            InvalidConsultation: the name, the person or the size cannot be used, or the name is the administrators'.
            SchemaMissing: the database has no jurat tables, or those of another contract version.
        """
        with self._statements(connection) as statements:
            return publish(statements, name, document, by)

    def close(self) -> None:
        """Send the bells that are still waiting, and close the connections."""
        if self._bell:
            self._bell.close()
        if self._engine:
            self._engine.dispose()

    @contextmanager
    def _statements(self, connection: Any) -> Iterator[Statements]:
        """What runs statements on a platform's connection, after a first look whether the tables are there."""
        statements = statements_on(connection)
        with silence_limited(connection, self._deadline):
            if not self._tables_seen:
                require_tables(statements)
                self._tables_seen = True
            yield statements


def _submission(item: Any) -> Submission:
    try:
        return Submission(**item)
    except TypeError:
        has = ", ".join(map(str, item)) if isinstance(item, Mapping) else f"none of them, it is a {type(item).__name__}"
        raise InvalidSubmission(
            "a submission has consultation, participant, question and answer, and may have id, priority, reply_key and "
            f"traceparent; this one has {has}"
        ) from None
