"""Reads the shared database for a platform, through connections of the client's own."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from jurat.candidates import open_candidates, opening_key, reading_candidates
from jurat.database import NO_FILE, is_missing_table, make_no_file, open_engine, reader
from jurat.dialects import dialect_of
from jurat.errors import (
    ConfigurationError,
    InvalidSubmission,
    SchemaMissing,
    UnknownCheck,
    UnknownConsultation,
    UnknownRequest,
    WaitTimeout,
)
from jurat.ids import parse_id
from jurat.messages import OwnTexts, message_for, spoken
from jurat.names import is_storable, require_printable, require_text
from jurat.openings import OpenedReview, Opening, opened_review, reading_opening
from jurat.participant_requests import RequestState, RequestStatus
from jurat.participant_status import ParticipantStatus
from jurat.publications import PUBLICATION, Publication, publication_from
from jurat.queries import (
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
from jurat.silence import seconds_of
from jurat.times import moment
from jurat.vocabulary import AccessState, QuestionState, Reason, State
from jurat.zones import ZONES, Zone, zone_from


class Reader:
    """The half of `jurat.Client` that reads; `Client` says what its arguments are."""

    def __init__(self, database_url: str | None, deadline: float | None) -> None:
        self._deadline = seconds_of(deadline)
        self._engine = open_engine(database_url, deadline=self._deadline) if database_url else None
        if self._engine is not None:
            make_no_file(self._engine, _no_file)

    def publication(self, name: str) -> Publication:
        """What became of the last committed publication of a consultation.

        Raises UnknownConsultation if the platform never published one of this name.
        """
        rows = self._read(text(PUBLICATION), {"name": name}) if is_storable(require_text("name", name)) else []
        if not rows:
            raise UnknownConsultation(name, [row[0] for row in self._read(PUBLISHED, {})])
        return publication_from(name, rows[0])

    def request(self, request_id: UUID | str) -> RequestStatus:
        """What became of a request of `contest`, `transfer`, `erase` or `add_codes`.

        Raises UnknownRequest if no committed request has this id, or it was carried out long ago.
        """
        known = parse_id(request_id)
        rows = self._read(REQUEST, {"ids": [str(known)]}) if known else []
        if not known or not rows:
            raise UnknownRequest(known or request_id)
        _, kind, applied_at, refused = rows[0]
        state = RequestState.WAITING if applied_at is None else RequestState.REFUSED if refused else RequestState.DONE
        return RequestStatus(known, kind, state, refused, moment(applied_at))

    def result(self, check_id: UUID | str) -> Result:
        """What is known of a check, by its primary key.

        Raises UnknownCheck if no committed check has this id, or it is no id at all.
        """
        found = self.results([check_id])
        if not found:
            raise UnknownCheck(parse_id(check_id) or check_id)
        return found[0]

    def results(self, check_ids: Iterable[UUID | str]) -> list[Result]:
        """What is known of several checks in one query, in the order of `check_ids`.

        Unknown ids and values that are no id are left out: each result says which check it is about.
        """
        given: object = check_ids
        if not isinstance(given, Iterable) or isinstance(given, str | bytes | Mapping):
            raise InvalidSubmission("check_ids must be a list of ids; ask `result` for a single one")
        wanted = [known for each in given if (known := parse_id(each))]
        rows = self._read(RESULTS, {"ids": [str(known) for known in wanted]}) if wanted else []
        by_id = {result.check_id: result for result in map(result_from, rows)}
        return [by_id[check_id] for check_id in wanted if check_id in by_id]

    def access(self, consultation: str, participant: str) -> Access:
        """What the participant's verdicts add up to. A submitted answer shows as soon as it is committed.

        Raises UnknownConsultation.
        """
        rows = self._read_of(consultation, ACCESS, participant=require_printable("participant", participant))
        if not rows:
            raise self._unknown(consultation)
        return access_from(rows)

    def participant_status(self, consultation: str, participant: str) -> ParticipantStatus:
        """The participant's access with the newest result of each question, all of the same moment: what a page shows.

        One statement reads all of it. Of two statements, the second might see something newer than the first.

        Raises UnknownConsultation.
        """
        rows = self._read_of(consultation, STANDING, participant=require_printable("participant", participant))
        if not rows:
            raise self._unknown(consultation)
        results = [result_from(row[:RESULT_WIDTH]) for row in rows if row[0] is not None]
        contact, messages = map(read_json, rows[0][RESULT_WIDTH : RESULT_WIDTH + 2])
        access = access_from([row[RESULT_WIDTH + 2 :] for row in rows])
        return ParticipantStatus(access, {result.question: result for result in results}, contact, messages)

    def wait(self, check_id: UUID | str, timeout: float = 30.0) -> Result:
        """Poll until the check is settled or goes to review, for at most `timeout` seconds.

        Raises UnknownCheck, or WaitTimeout when it is still on its way. InvalidSubmission: `timeout` is no number.
        """
        given: object = timeout
        if isinstance(given, bool) or not isinstance(given, int | float) or math.isnan(given):
            raise InvalidSubmission("timeout must be a number of seconds")
        end = time.monotonic() + timeout
        while not (result := self.result(check_id)).settled and result.state is not State.REVIEW:
            left = end - time.monotonic()
            if left <= 0:
                raise WaitTimeout(result.check_id, timeout)
            time.sleep(min(left, result.next_poll_ms / 1000))
        return result

    def candidates(self, check_id: UUID | str, private_key: bytes) -> list[dict[str, str]]:
        """The addresses that an ambiguous answer may mean, each as an answer that can be submitted; at most ten.

        Each has those of `number`, `street`, `postcode`, `city` and `city_code` that are known. If there is only one,
        the participant should confirm it. The list is empty unless the check was submitted with a `reply_key` and
        settled as `ambiguous_address` in the last 15 minutes. Never log what it holds.

        Args:
            private_key: the 32 bytes of the private key that belongs to the `reply_key`.

        Raises:
            UnknownCheck: no committed check has this id.
            ConfigurationError: the private key cannot be used, or is not the right one.
        """
        key = opening_key(private_key)
        known = parse_id(check_id)
        sql = reading_candidates(dialect_of(self._database()))
        rows = self._read(text(sql), {"id": str(known)}) if known else []
        if not rows:
            raise UnknownCheck(known or check_id)
        sealed = rows[0][0]
        return [] if sealed is None else open_candidates(bytes(sealed), key)

    def opened(self, opening: Opening) -> OpenedReview | None:
        """What a worker opened for `open_for_review`; None while it waits. Ask once the transaction is committed.

        The client's own user must be the one that asked. It can be read for 15 minutes, and while the check is in
        review.

        Raises NotOpened: it was refused or is over; says why.
        """
        rows = self._read(text(reading_opening(dialect_of(self._database()))), {"id": str(opening.id)})
        return opened_review(opening, rows)

    def zones(self) -> list[Zone]:
        """The zones that are in force now, by name, with outlines to draw them."""
        return [zone_from(row) for row in self._read(text(ZONES), {})]

    def message(self, reason: Reason | str, locale: str = "en", consultation: str | None = None) -> str:
        """A text about `reason` that may be shown to the participant, in the language of `locale` or in English.

        With `consultation`, the consultation's own text goes first; that is read from the database.
        """
        return message_for(reason, locale, self._own_texts(consultation))

    def state_message(
        self, state: QuestionState | State | str, locale: str = "en", consultation: str | None = None
    ) -> str:
        """A text about the state of a question or its check, as `message` has one for a reason."""
        told = QuestionState.PENDING if state == State.LEASED else state
        return message_for(f"state.{told}", locale, self._own_texts(consultation))

    def access_message(self, state: AccessState | str, locale: str = "en", consultation: str | None = None) -> str:
        """A text about what the verdicts add up to, as `message` has one for a reason."""
        return message_for(f"access.{state}", locale, self._own_texts(consultation))

    def contact(self, consultation: str, locale: str = "en") -> str:
        """The contact for participants of the consultation, in the language of `locale` if possible, or "".

        Raises UnknownConsultation.
        """
        rows = self._read_of(consultation, TEXTS)
        if not rows:
            raise self._unknown(consultation)
        return spoken(read_json(rows[0][0]), locale)

    def _own_texts(self, consultation: str | None) -> OwnTexts:
        """None of them if the consultation is no longer configured: an old verdict still has a text then."""
        rows = self._read_of(consultation, TEXTS) if consultation is not None else []
        return read_json(rows[0][1]) if rows else {}

    def _read_of(self, consultation: str, statement: Any, **parameters: str) -> list[Any]:
        """Rows about a consultation; none if no consultation can have this name."""
        if not is_storable(require_text("consultation", consultation)):
            return []
        return self._read(statement, {"consultation": consultation, **parameters})

    def _unknown(self, consultation: str) -> UnknownConsultation:
        return UnknownConsultation(consultation, [row[0] for row in self._read(CONSULTATIONS, {})])

    def _read(self, statement: Any, parameters: Mapping[str, Any]) -> list[Any]:
        try:
            with reader(self._database()).begin() as connection:
                return list(connection.execute(statement, parameters))
        except DBAPIError as error:
            if NO_FILE in str(error.orig) and Path(self._database().url.database or "").parent.is_dir():
                raise SchemaMissing(str(error.orig)) from None
            if is_missing_table(error):
                raise SchemaMissing("the database has no jurat tables; run `bin/jurat db upgrade`") from None
            raise

    def _database(self) -> Engine:
        if self._engine is None:
            raise ConfigurationError("reading needs the database_url that the client was made without")
        return self._engine


def _no_file(file: Path) -> str:
    return f"{NO_FILE} {file}; run `bin/jurat db upgrade`, or correct the database_url"
