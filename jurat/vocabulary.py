"""The closed lists of the contract: states, outcomes and reasons, and how they belong together.

Every value that the database holds and a platform may see is defined here and nowhere else. Members are plain
strings, so that they can be compared with the values of a row or a JSON document.
"""

from __future__ import annotations

from enum import StrEnum


class Priority(StrEnum):
    """How soon a check is wanted. An interactive one has a person waiting at a form."""

    INTERACTIVE = "interactive"
    BULK = "bulk"


class State(StrEnum):
    """The state of a check. `leased`: a worker holds it under a fence number until a time."""

    PENDING = "pending"
    LEASED = "leased"
    REVIEW = "review"
    SETTLED = "settled"


class Outcome(StrEnum):
    """What a verdict says. Only positive evidence accepts or refuses; everything else is undetermined."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNDETERMINED = "undetermined"


class QuestionState(StrEnum):
    """The state of one question of one participant, as in `jurat_access.questions`."""

    OPEN = "open"
    PENDING = "pending"
    REVIEW = "review"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNDETERMINED = "undetermined"


class AccessState(StrEnum):
    """What the verdicts of one participant add up to in one consultation."""

    GRANTED = "granted"
    PENDING = "pending"
    INCOMPLETE = "incomplete"
    BLOCKED = "blocked"


class PublicationState(StrEnum):
    """What became of a consultation that the platform published. A worker answers within seconds."""

    WAITING = "waiting"
    PUBLISHED = "published"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class Reason(StrEnum):
    """Why a verdict says what it says: one closed list. `outcomes_of` has the outcomes that each may carry."""

    # accepted
    INSIDE_ZONE = "inside_zone"
    RECORD_MATCHES = "record_matches"
    CODE_VALID = "code_valid"
    PERSON_ACCEPTED = "person_accepted"
    # refused
    OUTSIDE_ZONE = "outside_zone"
    STATUS_INACTIVE = "status_inactive"
    NOT_A_PERSON = "not_a_person"
    PROFESSION_NOT_ELIGIBLE = "profession_not_eligible"
    AREA_NOT_ELIGIBLE = "area_not_eligible"
    ACTIVITY_NOT_ELIGIBLE = "activity_not_eligible"
    BIRTH_DATE_DIFFERS = "birth_date_differs"
    TOO_YOUNG = "too_young"
    NOT_VALID_AT_DATE = "not_valid_at_date"
    CODE_UNKNOWN = "code_unknown"
    CODE_USED = "code_used"
    CODE_EXPIRED = "code_expired"
    CODE_REVOKED = "code_revoked"
    PERSON_REFUSED = "person_refused"
    # undetermined: the address
    ADDRESS_NOT_FOUND = "address_not_found"
    HOUSE_NUMBER_NOT_FOUND = "house_number_not_found"
    STREET_LEVEL = "street_level"
    LOCALITY_LEVEL = "locality_level"
    POSTCODE_DIFFERS = "postcode_differs"
    STREET_DIFFERS = "street_differs"
    SCORE_TOO_LOW = "score_too_low"
    AMBIGUOUS_ADDRESS = "ambiguous_address"
    NEAR_BORDER = "near_border"
    SOURCES_DISAGREE = "sources_disagree"
    # undetermined: the number, of a house or in a registry, has no form that can be one
    NUMBER_MALFORMED = "number_malformed"
    # undetermined: the registry. record_not_found refuses where the adapter says that absence is proof
    RECORD_NOT_FOUND = "record_not_found"
    RECORD_DIFFERS = "record_differs"
    AMBIGUOUS_RECORD = "ambiguous_record"
    NAME_DIFFERS = "name_differs"
    STATUS_UNKNOWN = "status_unknown"
    RECORD_NOT_PUBLIC = "record_not_public"
    REQUIREMENT_MISSING = "requirement_missing"
    NUMBER_TAKEN = "number_taken"
    # undetermined: the code
    CODE_MALFORMED = "code_malformed"
    # undetermined: technical, says nothing about the person
    SOURCE_UNAVAILABLE = "source_unavailable"
    SOURCE_THROTTLED = "source_throttled"
    SOURCE_MAINTENANCE = "source_maintenance"
    SOURCE_CREDENTIALS = "source_credentials"
    SOURCE_REJECTED_REQUEST = "source_rejected_request"
    SOURCE_UNREADABLE = "source_unreadable"
    SOURCE_BLOCKED = "source_blocked"
    ANSWER_UNREADABLE = "answer_unreadable"
    WORKER_LOST = "worker_lost"
    CONFIGURATION_MISSING = "configuration_missing"
    DEADLINE_PASSED = "deadline_passed"


CHOICE = "choice"
"""The field of an answer that says what became of the addresses which its participant was offered: `OFFERED` if it is
one of them, `NONE` if theirs was not among them."""

OFFERED, NONE = "offered", "none"

ACCEPTING = frozenset({Reason.INSIDE_ZONE, Reason.RECORD_MATCHES, Reason.CODE_VALID, Reason.PERSON_ACCEPTED})
"""Reasons that accept, and can do nothing else."""

REFUSING = frozenset(
    {
        Reason.OUTSIDE_ZONE,
        Reason.STATUS_INACTIVE,
        Reason.NOT_A_PERSON,
        Reason.PROFESSION_NOT_ELIGIBLE,
        Reason.AREA_NOT_ELIGIBLE,
        Reason.ACTIVITY_NOT_ELIGIBLE,
        Reason.BIRTH_DATE_DIFFERS,
        Reason.TOO_YOUNG,
        Reason.NOT_VALID_AT_DATE,
        Reason.CODE_UNKNOWN,
        Reason.CODE_USED,
        Reason.CODE_EXPIRED,
        Reason.CODE_REVOKED,
        Reason.PERSON_REFUSED,
    }
)
"""Reasons that refuse. `birth_date_differs` alone may also be undetermined: a date that is nearly the same."""

TECHNICAL = frozenset(
    {
        Reason.SOURCE_UNAVAILABLE,
        Reason.SOURCE_THROTTLED,
        Reason.SOURCE_MAINTENANCE,
        Reason.SOURCE_CREDENTIALS,
        Reason.SOURCE_REJECTED_REQUEST,
        Reason.SOURCE_UNREADABLE,
        Reason.SOURCE_BLOCKED,
        Reason.ANSWER_UNREADABLE,
        Reason.WORKER_LOST,
        Reason.CONFIGURATION_MISSING,
        Reason.DEADLINE_PASSED,
    }
)
"""Reasons that say nothing about the person."""

COSTS_NO_ROUND = TECHNICAL | {Reason.NUMBER_MALFORMED, Reason.CODE_MALFORMED, Reason.AMBIGUOUS_ADDRESS}
"""Undetermined verdicts with one of these reasons leave the same number of rounds open."""


def reason_from(text: str) -> Reason | str:
    """The reason that a row names. One of a newer worker that is not in this list stays plain text."""
    try:
        return Reason(text)
    except ValueError:
        return text


def outcomes_of(reason: Reason) -> frozenset[Outcome]:
    """The outcomes that `reason` may carry: one; `record_not_found` and `birth_date_differs` may be proof or not."""
    if reason in {Reason.RECORD_NOT_FOUND, Reason.BIRTH_DATE_DIFFERS}:
        return frozenset({Outcome.REFUSED, Outcome.UNDETERMINED})
    if reason in ACCEPTING:
        return frozenset({Outcome.ACCEPTED})
    return frozenset({Outcome.REFUSED if reason in REFUSING else Outcome.UNDETERMINED})
