"""Says how often each job of upkeep is due."""

from __future__ import annotations

EVERY = {
    "leases": 1.0,
    "requests": 1.0,
    "openings": 1.0,
    "inquiries": 1.0,
    "consultations": 1.0,
    "overdue": 3.0,
    "figures": 5.0,
    "access": 5.0,
    "candidates": 15.0,
    "retention": 15.0,
    "reviews": 30.0,
    "outcomes": 30.0,
    "purge": 600.0,
}
"""Seconds within which each piece of upkeep is done once over all workers. For `purge` they run from the end of one to
the beginning of the next; when a worker vanishes during one, another begins after that."""
