"""The contract between a platform and the workers, and all of the wheel: vocabulary, SQL and the client.

A platform inserts a check in its own transaction, workers look it up in slow outside sources, and the platform polls
the verdict. Nothing here needs the service.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jurat.client import Client
    from jurat.errors import (
        AccessRevoked,
        AlreadyConfirmed,
        ConfigurationError,
        InvalidAnswer,
        InvalidConsultation,
        InvalidSubmission,
        JuratError,
        LimitReached,
        NotContestable,
        NotInReview,
        NotNeeded,
        NotOpened,
        SchemaMissing,
        UnknownCheck,
        UnknownConsultation,
        UnknownQuestion,
        UnknownRequest,
        WaitTimeout,
    )
    from jurat.openings import OpenedReview, Opening
    from jurat.participant_requests import RequestState, RequestStatus
    from jurat.participant_status import ParticipantStatus
    from jurat.publications import Publication
    from jurat.queries import Access, Result
    from jurat.submission import Check, Submission
    from jurat.vocabulary import AccessState, Outcome, Priority, PublicationState, QuestionState, Reason, State
    from jurat.zones import Zone

__all__ = [
    "Access",
    "AccessRevoked",
    "AccessState",
    "AlreadyConfirmed",
    "Check",
    "Client",
    "ConfigurationError",
    "InvalidAnswer",
    "InvalidConsultation",
    "InvalidSubmission",
    "JuratError",
    "LimitReached",
    "NotContestable",
    "NotInReview",
    "NotNeeded",
    "NotOpened",
    "OpenedReview",
    "Opening",
    "Outcome",
    "ParticipantStatus",
    "Priority",
    "Publication",
    "PublicationState",
    "QuestionState",
    "Reason",
    "RequestState",
    "RequestStatus",
    "Result",
    "SchemaMissing",
    "State",
    "Submission",
    "UnknownCheck",
    "UnknownConsultation",
    "UnknownQuestion",
    "UnknownRequest",
    "WaitTimeout",
    "Zone",
]

_MODULES = (
    "vocabulary",
    "errors",
    "openings",
    "participant_requests",
    "participant_status",
    "publications",
    "queries",
    "submission",
    "zones",
    "client",
)


def __getattr__(name: str) -> Any:
    """Load a name when it is asked for: a process that needs one module alone does not wait for SQLAlchemy."""
    if name in __all__:
        for module in _MODULES:
            if hasattr(home := import_module(f"jurat.{module}"), name):
                return globals().setdefault(name, getattr(home, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
