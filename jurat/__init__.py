"""jurat: have the answers of a secure consultation checked outside the web request.

A platform inserts a check in its own transaction, workers look it up in slow outside sources, and the platform polls
the verdict. This package is the contract between them: words, tables and the client. It needs nothing of the service.
"""

from jurat.asking import Asked, AskedState
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
    NotNeeded,
    SchemaMissing,
    UnknownCheck,
    UnknownConsultation,
    UnknownQuestion,
    UnknownRequest,
    WaitTimeout,
)
from jurat.publications import Publication
from jurat.reading import Access, Result
from jurat.standing import Standing
from jurat.submitting import Check, Submission
from jurat.words import AccessState, Outcome, Priority, PublicationState, QuestionState, Reason, State
from jurat.zones import Zone

__all__ = [
    "Access",
    "AccessRevoked",
    "AccessState",
    "AlreadyConfirmed",
    "Asked",
    "AskedState",
    "Check",
    "Client",
    "ConfigurationError",
    "InvalidAnswer",
    "InvalidConsultation",
    "InvalidSubmission",
    "JuratError",
    "LimitReached",
    "NotContestable",
    "NotNeeded",
    "Outcome",
    "Priority",
    "Publication",
    "PublicationState",
    "QuestionState",
    "Reason",
    "Result",
    "SchemaMissing",
    "Standing",
    "State",
    "Submission",
    "UnknownCheck",
    "UnknownConsultation",
    "UnknownQuestion",
    "UnknownRequest",
    "WaitTimeout",
    "Zone",
]
