"""What would leave fewer answers undetermined, by reason: for those who choose criteria and sources."""

from __future__ import annotations

from collections.abc import Mapping

from jurat import Reason
from pages.language import gettext as _


def advice(reason: str | None) -> str | None:
    """A sentence for a reason; None where nothing can be said of it."""
    return next((said for reasons, said in _sentences().items() if reason in reasons), None)


def _sentences() -> Mapping[tuple[Reason, ...], str]:
    return {
        (Reason.ADDRESS_NOT_FOUND, Reason.HOUSE_NUMBER_NOT_FOUND, Reason.STREET_LEVEL, Reason.LOCALITY_LEVEL): _(
            "Add a source that knows the houses of the area, such as its address base, before the others."
        ),
        (Reason.POSTCODE_DIFFERS, Reason.STREET_DIFFERS, Reason.SCORE_TOO_LOW, Reason.AMBIGUOUS_ADDRESS): _(
            "Let the form offer addresses to choose from, or add a source that knows local names."
        ),
        (Reason.NEAR_BORDER,): _(
            "Let a person decide these. A smaller margin is right only if the source is that exact."
        ),
        (Reason.SOURCES_DISAGREE,): _("Compare the sources: one of them may be out of date."),
        (Reason.NUMBER_MALFORMED, Reason.CODE_MALFORMED): _("Show in the form what it looks like."),
        (Reason.RECORD_NOT_FOUND,): _("Say in the form which register is asked, or add another one."),
        (Reason.NAME_DIFFERS, Reason.RECORD_DIFFERS, Reason.BIRTH_DATE_DIFFERS): _(
            "Say in the form that all must be as the register has it."
        ),
        (Reason.AMBIGUOUS_RECORD,): _("Ask for one thing more that tells the entries apart."),
        (Reason.STATUS_UNKNOWN, Reason.RECORD_NOT_PUBLIC, Reason.REQUIREMENT_MISSING): _(
            "Add a source that has this, or let a person decide."
        ),
        (Reason.NUMBER_TAKEN,): _("Let a person decide whose number it is."),
        (Reason.SOURCE_UNAVAILABLE, Reason.SOURCE_MAINTENANCE, Reason.SOURCE_UNREADABLE): _(
            "See the page of the source. A longer deadline or a second source outlasts its failures."
        ),
        (Reason.SOURCE_THROTTLED,): _("Lower how often the source is asked, and allow a longer deadline."),
        (Reason.SOURCE_CREDENTIALS, Reason.SOURCE_REJECTED_REQUEST, Reason.SOURCE_BLOCKED): _(
            "An operator has to correct the settings or the secrets of the source."
        ),
        (Reason.ANSWER_UNREADABLE, Reason.WORKER_LOST): _("An operator should read the logs of the workers."),
        (Reason.DEADLINE_PASSED,): _("Allow a longer deadline, or more lookups at once."),
    }  # fmt: skip
