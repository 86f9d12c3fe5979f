"""Errors between a platform and jurat. Every message says what to fix, and holds no personal data."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from uuid import UUID


class JuratError(Exception):
    """Root of all errors that the client raises."""


class ConfigurationError(JuratError):
    """The client was given something it cannot use: a bad URL or key, a missing library, a user who lacks a right."""


class UnknownConsultation(JuratError):
    """No applied configuration has this consultation."""

    def __init__(self, consultation: str, known: Iterable[str]) -> None:
        super().__init__(
            f"no consultation {consultation!r:.80} is configured{_hint(consultation, known)}; "
            "`bin/jurat config show` lists them, `bin/jurat config apply` publishes new ones"
        )


class UnknownQuestion(JuratError):
    """The consultation has no such question."""

    def __init__(self, consultation: str, question: str, known: Iterable[str]) -> None:
        super().__init__(f"consultation {consultation!r:.80} has no question {question!r:.80}{_hint(question, known)}")


class InvalidAnswer(JuratError):
    """The answer breaks the schema of its question, or cannot be stored. Nothing was confirmed.

    `field` is the answer's field, or "" for the answer as a whole. `rule` is the keyword of the schema that the field
    breaks, so that a platform can explain it in its own words: required, enum, minLength, maxLength, pattern, format;
    "" for anything else.
    """

    def __init__(self, field: str, problem: str, rule: str = "") -> None:
        super().__init__(f"answer{'.' if field else ''}{field} {problem}")
        self.field = field
        self.problem = problem
        self.rule = rule


class InvalidSubmission(JuratError):
    """An argument cannot be used: one of `submit` other than the answer, or one of any other method."""


class LimitReached(JuratError):
    """This user of the database asked for as many transfers and erasures, or answers, as it may in an hour, or for the
    same answer too often. Nothing was asked.
    """


class InvalidConsultation(JuratError):
    """A consultation cannot be published under this name, by this person or at this size. Nothing was written.

    `place` is the part that is wrong, such as `consultations.spring`, `problem` is what is wrong with it, and `hint` is
    what to do. A worker checks what the consultation says: see `Client.publication`.
    """

    def __init__(self, place: str, problem: str, hint: str = "") -> None:
        super().__init__(f"{place}: {problem}" + (f" — {hint}" if hint else ""))
        self.place = place
        self.problem = problem
        self.hint = hint


class AlreadyConfirmed(JuratError):
    """This participant has confirmed an answer to this question before, and no further round is open.

    `check_id` is the check of that answer.
    """

    def __init__(self, consultation: str, question: str, check_id: UUID) -> None:
        super().__init__(
            f"an answer to {consultation}/{question} is confirmed already (check {check_id}) and cannot be changed; "
            "show its result instead"
        )
        self.check_id = check_id


class NotNeeded(AlreadyConfirmed):
    """The question takes no more answers from this participant: others were accepted in its place. Nothing was
    confirmed.

    `accepted` are those other questions. `check_id` is the check of the participant's last answer to this question, or
    else the newest accepted check of those.
    """

    def __init__(self, consultation: str, question: str, check_id: UUID, accepted: Iterable[str]) -> None:
        self.accepted = tuple(accepted)
        self.check_id = check_id
        JuratError.__init__(
            self,
            f"{consultation}/{question} takes no more answers: {', '.join(self.accepted)} was accepted in its place "
            f"(check {check_id}); show that result instead",
        )


class AccessRevoked(JuratError):
    """A person took this participant's access to the consultation away. Nothing was confirmed."""

    def __init__(self, consultation: str) -> None:
        super().__init__(
            f"this participant's access to {consultation!r:.80} was revoked, and no answer is taken until it is "
            "restored; show them whom to ask: `contact` in jurat_questions"
        )


class UnknownCheck(JuratError):
    """No check has this id. A transaction that was rolled back leaves none behind."""

    def __init__(self, check_id: object) -> None:
        super().__init__(_nothing_under("check", check_id, "submitted it"))


class UnknownRequest(JuratError):
    """No request has this id. A request about someone of whom nothing is left is kept for 30 days."""

    def __init__(self, request_id: object) -> None:
        super().__init__(_nothing_under("request", request_id, "asked for it"))


class NotContestable(JuratError):
    """The verdict of a check cannot be contested: there is none now, it accepted, a person gave it, or it was
    contested before. Nothing was written.
    """

    def __init__(self, check_id: UUID, problem: str) -> None:
        super().__init__(f"check {check_id} cannot be contested: {problem}")
        self.check_id = check_id
        self.problem = problem


class NotInReview(JuratError):
    """The check is not in review, so no person may read its answer. Nothing was asked."""


class NotOpened(JuratError):
    """An answer that a reviewer asked for cannot be read: a worker refused it, or it is over. Ask again if need be."""

    def __init__(self, check_id: UUID, problem: str) -> None:
        super().__init__(f"the answer of check {check_id} cannot be read: {problem}")
        self.check_id = check_id
        self.problem = problem


class SchemaMissing(JuratError):
    """The database has no jurat tables, or tables of another contract version."""


class WaitTimeout(JuratError, TimeoutError):
    """The check had no verdict yet when `wait` gave up. It goes on; ask again later."""

    def __init__(self, check_id: UUID, timeout: float) -> None:
        super().__init__(f"check {check_id} has no verdict after {timeout:g} s; it goes on, ask again later")


def _nothing_under(kind: str, given: object, done: str) -> str:
    if isinstance(given, UUID):
        return f"there is no {kind} {given}; was the transaction that {done} committed?"
    # The id may be anything, even someone's name.
    what = "it is no UUID" if isinstance(given, str) else f"it is no UUID, but {_kind_of(given)}"
    return f"there is no {kind} under this id: {what}; keep the id that the client gave"


def text_expected(name: str, given: object) -> str:
    """The message for an argument `name` that is not text. It does not hold the value."""
    return f"{name} must be text, not {_kind_of(given)}"


def _kind_of(given: object) -> str:
    return "None" if given is None else type(given).__name__


def _hint(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word, list(known), n=1)
    return f" — did you mean {close[0]!r}?" if close else ""
