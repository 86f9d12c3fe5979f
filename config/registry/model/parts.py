"""What the models of a description share: names, words and reasons."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints

from config.problems import printable, value_error
from config.registry.model.templates import NAME_PATTERN
from config.suggestions import did_you_mean
from jurat.vocabulary import Reason

ANSWER_REASONS = frozenset(
    {
        Reason.NUMBER_MALFORMED,
        Reason.RECORD_NOT_FOUND,
        Reason.RECORD_DIFFERS,
        Reason.AMBIGUOUS_RECORD,
        Reason.NAME_DIFFERS,
        Reason.STATUS_UNKNOWN,
        Reason.RECORD_NOT_PUBLIC,
        Reason.REQUIREMENT_MISSING,
        Reason.BIRTH_DATE_DIFFERS,
    }
)
"""Undetermined, because of what the registry answered."""

ERROR_REASONS = frozenset(
    {
        Reason.SOURCE_UNAVAILABLE,
        Reason.SOURCE_THROTTLED,
        Reason.SOURCE_MAINTENANCE,
        Reason.SOURCE_CREDENTIALS,
        Reason.SOURCE_REJECTED_REQUEST,
        Reason.SOURCE_UNREADABLE,
    }
)
"""Undetermined, because the registry gave no answer."""

REFUSALS = frozenset(
    {
        Reason.RECORD_NOT_FOUND,
        Reason.STATUS_INACTIVE,
        Reason.NOT_A_PERSON,
        Reason.PROFESSION_NOT_ELIGIBLE,
        Reason.AREA_NOT_ELIGIBLE,
        Reason.ACTIVITY_NOT_ELIGIBLE,
        Reason.BIRTH_DATE_DIFFERS,
        Reason.TOO_YOUNG,
        Reason.NOT_VALID_AT_DATE,
    }
)
"""What a registry's record may refuse for."""


def check_reason(value: Any, allowed: Collection[Reason]) -> Any:
    """`value`, if it is any known reason; the caller checks whether it is one of those `allowed` here.

    Raises PydanticCustomError with the nearest allowed reason, or all of them.
    """
    if isinstance(value, str) and value in set(Reason):
        return value
    near = did_you_mean(value, allowed) if isinstance(value, str) else ""
    said = f"there is no reason '{printable(value)}'" if isinstance(value, str) else "must be a reason"
    raise value_error(f"{said} — {near or write_one_of(allowed)}")


def write_one_of(reasons: Collection[Reason]) -> str:
    """What may be written, as a hint."""
    return f"write {'one of ' if len(reasons) > 1 else ''}{', '.join(sorted(reasons))}"


PartName = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""The name of an input, a field, a step or a secret: what a placeholder may refer to."""


def _check_word(text: str) -> str:
    if text != text.strip():
        raise value_error("a word has no spaces around it — remove them")
    return unicodedata.normalize("NFC", text)


Word = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_check_word)]
"""A word or code that a record's values are compared with, composed (NFC) as those are."""

Titles = Annotated[
    dict[
        Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")], Annotated[str, Field(min_length=1, max_length=200)]
    ],
    Field(min_length=1, json_schema_extra={"examples": [{"en": "Family name"}]}),
]
"""A text by language."""
