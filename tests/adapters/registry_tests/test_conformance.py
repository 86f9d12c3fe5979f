from __future__ import annotations

from adapters.base import Finding
from jurat.vocabulary import Outcome, Reason
from tests.adapters.conformance import Case, Conformance, Subject
from tests.adapters.registry.described import adapter, asked, at


def finds(outcome: Outcome, reason: Reason, found: Finding) -> bool:
    return (found.outcome, found.reason) == (outcome, reason)


class TestRegistry(Conformance):
    subject = Subject(
        service="registry",
        build=lambda url: adapter(at(url)),
        found=Case(
            asked("9000010000", "Valombre", "Iris"),
            lambda found: finds(Outcome.ACCEPTED, Reason.RECORD_MATCHES, found),
        ),
        missing=Case(
            asked("9000012964", "Valombre", "Iris"),
            lambda found: finds(Outcome.REFUSED, Reason.RECORD_NOT_FOUND, found),
        ),
        ambiguous=Case(
            asked("9000012592", "Vigie", "Lazare"),
            lambda found: finds(Outcome.UNDETERMINED, Reason.AMBIGUOUS_RECORD, found),
        ),
    )
