"""The worker's only SQL: what is due, what has come of it, and what keeps the tables in order.

Statements are text, few, and the same for one row and for hundreds: a JSON array becomes rows. Every comparison of
times is made by the database with its own clock. No transaction is open during a look-up.
"""

from tasks.flow import Breaker, Demand
from tasks.ledger.applied import Book
from tasks.ledger.claiming import Claims
from tasks.ledger.code_lists import Minting
from tasks.ledger.consultations import Unpublishable
from tasks.ledger.figures import Noted, SourceFigures
from tasks.ledger.keeping import Keeping
from tasks.ledger.publishing import Publishing
from tasks.ledger.reading import CodeRow, Reading, ZoneRow, ZoneVersion
from tasks.ledger.reviewing import ReviewError, Reviewing
from tasks.ledger.settling import Settling, Written

__all__ = [
    "Book",
    "Breaker",
    "Claims",
    "CodeRow",
    "Demand",
    "Keeping",
    "Minting",
    "Noted",
    "Publishing",
    "Reading",
    "ReviewError",
    "Reviewing",
    "Settling",
    "SourceFigures",
    "Unpublishable",
    "Written",
    "ZoneRow",
    "ZoneVersion",
]
