"""Decides by several records of one number, as `several` in the description says.

A record that leaves it open can turn neither side: it takes part as "not known" in a logic of three values (Kleene's).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from adapters.base import Finding
from adapters.registry.record import Record
from config.registry.model.record import Several
from jurat.vocabulary import Outcome, Reason

_ANY = (Outcome.ACCEPTED, Outcome.UNDETERMINED, Outcome.REFUSED)
_ALL = (Outcome.REFUSED, Outcome.UNDETERMINED, Outcome.ACCEPTED)


def combined(several: Several | None, findings: Sequence[Finding]) -> Finding:
    """The finding of all: with `any` the best and with `all` the worst, the first of its kind. Otherwise they must have
    one outcome, or are ambiguous.
    """
    order = _ANY if several == "any" else _ALL
    finding = min(findings, key=lambda each: order.index(each.outcome))
    if several in ("any", "all") or all(each.outcome is finding.outcome for each in findings):
        return finding
    return Finding(Outcome.UNDETERMINED, Reason.AMBIGUOUS_RECORD, finding.evidence)


def newest(records: Sequence[Record], field: str, today: date) -> Sequence[Record]:
    """Those of several records that may have the latest date; none unless each has one date.

    After `today` a record may not have begun. Then those are among them that may have the latest date until today.
    """
    dated = [(each.dates(field)[0], each) for each in records if len(each.dates(field)) == 1]
    if len(dated) < len(records):
        return ()
    ends = [max(span.first for span, _ in dated)]
    ends += [max((span.first for span, _ in dated if span.first <= today), default=ends[0])] if ends[0] > today else []
    return [each for span, each in dated if any(span.last >= end and span.first <= end for end in ends)]
