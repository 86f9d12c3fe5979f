"""jurat: have the answers of a secure consultation checked outside the web request.

A platform inserts a check in its own transaction, workers look it up in slow outside sources, and the platform polls
the verdict. This package is the contract between them: words, tables and the client. It needs nothing of the service.
"""

from jurat.client import Access, Client, Result
from jurat.errors import (
    AlreadyConfirmed,
    ConfigurationError,
    InvalidAnswer,
    InvalidConsultation,
    InvalidSubmission,
    JuratError,
    SchemaMissing,
    UnknownCheck,
    UnknownConsultation,
    UnknownQuestion,
    WaitTimeout,
)
from jurat.publications import Publication
from jurat.submitting import Check, Submission
from jurat.words import AccessState, Outcome, Priority, PublicationState, QuestionState, Reason, State

__all__ = [
    "Access",
    "AccessState",
    "AlreadyConfirmed",
    "Check",
    "Client",
    "ConfigurationError",
    "InvalidAnswer",
    "InvalidConsultation",
    "InvalidSubmission",
    "JuratError",
    "Outcome",
    "Priority",
    "Publication",
    "PublicationState",
    "QuestionState",
    "Reason",
    "Result",
    "SchemaMissing",
    "State",
    "Submission",
    "UnknownCheck",
    "UnknownConsultation",
    "UnknownQuestion",
    "WaitTimeout",
]
