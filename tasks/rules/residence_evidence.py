"""The finding of the address rule: the side of the border, and the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from adapters.base import Finding
from jurat.vocabulary import Outcome, Reason


class Side(StrEnum):
    """Where a position is, once its margin is taken into account."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    BORDER = "border"


@dataclass(frozen=True, slots=True)
class Residence:
    """What one geocoder's answer shows.

    `leaning` is the side on which the address seems to lie where that is not sure enough to decide. `candidates` are
    the addresses that may be meant where several remain, best first, as answers of the form that the question asks for.
    """

    finding: Finding
    leaning: Side | None = None
    candidates: tuple[Mapping[str, str], ...] = field(default=(), repr=False)

    @property
    def outcome(self) -> Outcome:
        """The finding's."""
        return self.finding.outcome

    @property
    def reason(self) -> Reason:
        """The finding's."""
        return self.finding.reason

    @property
    def evidence(self) -> Mapping[str, Any]:
        """The finding's."""
        return self.finding.evidence


def rounded(value: float | None) -> float | None:
    """To the second decimal, as evidence shows scores and distances."""
    return None if value is None else round(value, 2)
