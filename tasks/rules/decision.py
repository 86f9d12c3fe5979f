"""Decides what becomes of a check after a lookup. Pure: findings and the time go in, a decision comes out.

Only positive evidence accepts or refuses. A source without an answer is asked again until the check's deadline, or the
criterion's next source is asked. After that the check is undetermined, or goes to a reviewer if the question says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeVar

from adapters.address.zones import Zone
from adapters.base import Blocked, Finding, Found, NeedsReview, Places, RejectedRequest, SourceError
from config.configuration import Question
from config.levels import Level
from jurat.vocabulary import CHOICE, COSTS_NO_ROUND, NONE, OFFERED, TECHNICAL, Outcome, Reason
from tasks.checks import MOST_LOST_LEASES, ClaimedCheck, Decision, Later, NextSource, Review, Settle
from tasks.rules.areas import decide_area
from tasks.rules.lasting_evidence import lasting
from tasks.rules.residence import Residence, Side
from tasks.rules.retries import ZONE_RETRY, wait_after

_MISTYPED = COSTS_NO_ROUND - TECHNICAL | {Reason.ANSWER_UNREADABLE}
"""What only the participant can fix, by another answer: no other source and no reviewer is asked."""

Candidates = Sequence[Mapping[str, str]]
"""Addresses that may be meant, as answers in clear."""

Made = TypeVar("Made", bound=Decision)

_SIDES: Mapping[Outcome, Side] = MappingProxyType({Outcome.ACCEPTED: Side.INSIDE, Outcome.REFUSED: Side.OUTSIDE})


def decide(
    held: ClaimedCheck,
    question: Question,
    found: Found | SourceError,
    *,
    answer: Mapping[str, Any],
    zone: Zone | None,
    jitter: float,
    language: str = "fr",
    seal: Callable[[Candidates], bytes | None] = lambda _: None,
    suspect: bool = False,
) -> Decision:
    """What becomes of `held` after its lookup returned `found`.

    `answer` is the participant's, for comparing an address with what the geocoder found; none of it reaches the
    decision. `zone` is the question's zone, None if it has none or it is not imported. `jitter` is a random number from
    0 to 1 that spreads retries. `language` is that of the geocoder's names. `seal` seals the candidates of an ambiguous
    address for the platform; it returns None if the platform wants none. A `suspect` source refuses no one.
    """
    match found:
        case SourceError():
            return _without_answer(held, question, found, jitter)
        case NeedsReview(evidence=evidence):
            return Review(Reason.REQUIREMENT_MISSING, question.review_due_s, evidence)
        case Places():
            if zone is None:
                return wait_for_zone(held)
            margins = {Level(level): metres for level, metres in question.margins.items()}
            residence = decide_area(answer, found, zone, margins, name_zone=question.name_zone, language=language)
            choice = answer.get(CHOICE)
            if choice:
                residence = replace(residence, evidence={**residence.evidence, "chosen": choice == OFFERED})
            residence = _held_back(residence) if suspect else residence
            return _with_residence(held, question, residence, choice, seal)
        case Finding():
            return _with_answer(held, question, _held_back(found) if suspect else found)


def wait_for_zone(held: ClaimedCheck) -> Later:
    """The zone of the question is not imported: an administrator may do it before the deadline."""
    return Later(min(ZONE_RETRY, max(held.seconds_left, 0.0)), Reason.CONFIGURATION_MISSING)


def decide_without_look_up(held: ClaimedCheck, question: Question) -> Decision | None:
    """What becomes of `held` without a lookup: it has no answer, or none that anyone could open, its deadline has
    passed, it lost too many workers, or its question no longer names its source. None if it is to be looked up.
    """
    if held.sealed is None:  # its participant was erased: no reviewer could decide it either
        return Settle(Outcome.UNDETERMINED, Reason.ANSWER_UNREADABLE)
    if held.reviewed:
        evidence = {"review": "overdue", "before": held.last_reason}
        return Settle(Outcome.UNDETERMINED, _technical(held.last_reason), evidence)
    if held.forsaken:
        return Settle(Outcome.UNDETERMINED, Reason.ANSWER_UNREADABLE)
    if held.lost_leases >= MOST_LOST_LEASES:
        return _give_up(question, Reason.WORKER_LOST, {"lost_leases": held.lost_leases})
    if held.overdue:
        removed = held.source not in question.sources  # by `config apply --force`
        reason = Reason.CONFIGURATION_MISSING if removed else _technical(held.last_reason)
        return _give_up(question, reason, {"lookups_failed": held.lookups})
    if held.source not in question.sources:
        return NextSource(question.sources[0], Reason.CONFIGURATION_MISSING, leaning=held.leaning)
    return None


Kind = TypeVar("Kind", bound=Finding)


def _held_back(finding: Kind) -> Kind:
    """The finding of a suspect source, which accepts as always: its refusal is an answer that may be misread."""
    if finding.outcome is not Outcome.REFUSED:
        return finding
    evidence = {**finding.evidence, "held_back": finding.reason}
    return replace(finding, outcome=Outcome.UNDETERMINED, reason=Reason.SOURCE_UNREADABLE, evidence=evidence)


def _with_residence(
    held: ClaimedCheck,
    question: Question,
    residence: Residence,
    choice: str | None,
    seal: Callable[[Candidates], bytes | None],
) -> Decision:
    """What becomes of a check by its address. Sources on different sides disagree: a third one would settle nothing.

    Where no source found the address as typed, and there are others that may be meant, the participant chooses first.
    Only one whose address is not among them goes on to a reviewer.
    """
    side = _SIDES.get(residence.outcome, residence.leaning)
    if held.leaning and side and side != held.leaning:
        evidence = {**residence.evidence, "leaning": held.leaning}
        disagreement = Finding(Outcome.UNDETERMINED, Reason.SOURCES_DISAGREE, evidence, residence.data_date)
        return _lasting(_without_evidence(question, disagreement))
    decision = _lasting(_with_answer(held, question, residence, residence.leaning))
    if not isinstance(decision, Settle | Review):
        return decision
    ambiguous = residence.reason is Reason.AMBIGUOUS_ADDRESS
    if choice == NONE and ambiguous and question.review:
        return Review(residence.reason, question.review_due_s, residence.evidence)
    if not residence.candidates or (choice and not ambiguous):
        return decision
    if (sealed := seal(residence.candidates)) is None:
        return decision
    unclear = Finding(Outcome.UNDETERMINED, Reason.AMBIGUOUS_ADDRESS, residence.evidence, residence.data_date)
    return replace(_lasting(_settled(unclear)), candidates=sealed, otherwise=decision)


def _lasting(decision: Made) -> Made:
    """The decision with what a settled verdict keeps. A reviewer sees all of the evidence, until the review ends."""
    return replace(decision, evidence=lasting(decision.evidence)) if isinstance(decision, Settle) else decision


def _with_answer(held: ClaimedCheck, question: Question, finding: Finding, leaning: str | None = None) -> Decision:
    if finding.outcome is not Outcome.UNDETERMINED:
        verdict = Settle(finding.outcome, finding.reason, finding.evidence, finding.data_date, finding.redemption)
        if finding.claim is None or finding.outcome is not Outcome.ACCEPTED:
            return verdict
        # No source can say whose number it is: a reviewer looks at it, even if the question has no review otherwise.
        taken = Review(Reason.NUMBER_TAKEN, question.review_due_s, finding.evidence)
        return replace(verdict, claim=finding.claim, if_taken=taken)
    if finding.reason not in _MISTYPED and (following := _following(held, question)):
        return NextSource(following, finding.reason, leaning=leaning or held.leaning)
    return _without_evidence(question, finding)


def _without_evidence(question: Question, finding: Finding) -> Decision:
    """What becomes of a check for which no further source is asked."""
    if question.review and finding.reason not in _MISTYPED:
        return Review(finding.reason, question.review_due_s, finding.evidence)
    return _settled(finding)


def _settled(finding: Finding) -> Settle:
    return Settle(finding.outcome, finding.reason, finding.evidence, finding.data_date)


def _without_answer(held: ClaimedCheck, question: Question, error: SourceError, jitter: float) -> Decision:
    wait, pause = wait_after(error, held.lookups, jitter)
    if following := _following(held, question):
        return NextSource(following, error.reason, pause, held.leaning)
    if isinstance(error, RejectedRequest | Blocked):  # asking the same again is useless
        return _give_up(question, error.reason, {})
    return Later(min(wait, max(held.seconds_left, 0.0)), error.reason, pause)


def _following(held: ClaimedCheck, question: Question) -> str | None:
    """The source that the criterion asks after this one."""
    if held.source not in question.sources:
        return None
    rest = question.sources[question.sources.index(held.source) + 1 :]
    return rest[0] if rest else None


def _give_up(question: Question, reason: Reason, evidence: Mapping[str, Any]) -> Decision:
    if question.review:
        return Review(reason, question.review_due_s, evidence)
    return Settle(Outcome.UNDETERMINED, reason, evidence)


def _technical(reason: Reason | None) -> Reason:
    """The technical reason behind a check that was never answered in time."""
    return reason if reason in TECHNICAL else Reason.DEADLINE_PASSED
