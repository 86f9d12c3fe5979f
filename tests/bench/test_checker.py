"""The checker finds every planted violation, and nothing in a history without one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bench.faults.checker import Kind, Violation, repeated, violations
from bench.faults.history import AccessRow, AttemptRow, CheckRow, Dump, Fate, History, Submit, VerdictRow

BOTH = ("profession", "licence")


def verdict(
    check: str, outcome: str = "accepted", *, fence: int = 1, revision: int = 1, by: str = "worker"
) -> VerdictRow:
    reason = {"accepted": "record_matches", "refused": "status_inactive"}.get(outcome, "source_unavailable")
    return VerdictRow(check, revision, outcome, reason, by, fence, f"{check}-{revision}-{outcome}")


def settled(participant: str, question: str, fence: int = 1) -> CheckRow:
    return CheckRow(participant, question, "settled", fence, lookups=0, lost_leases=fence - 1, sealed=False)


def clean() -> History:
    """Ann is granted, Ben refused once, Cleo has answered one of two; one of them took two claims."""
    submits = (
        Submit("a1", "ann", "profession", "1", "accepted", Fate.ACKNOWLEDGED),
        Submit("a2", "ann", "licence", "2", "accepted", Fate.ACKNOWLEDGED),
        Submit("b1", "ben", "profession", "3", "refused", Fate.ACKNOWLEDGED),
        Submit("b2", "ben", "licence", "4", "accepted", Fate.UNKNOWN),
        Submit("c1", "cleo", "profession", "5", "accepted", Fate.ACKNOWLEDGED),
        Submit("c2", "cleo", "licence", "6", "accepted", Fate.ROLLED_BACK),
    )
    verdicts = (verdict("a1"), verdict("a2", fence=2), verdict("b1", "refused"), verdict("b2"), verdict("c1"))
    dump = Dump(
        checks={
            "a1": settled("ann", "profession"),
            "a2": settled("ann", "licence", 2),
            "b1": settled("ben", "profession"),
            "b2": settled("ben", "licence"),
            "c1": settled("cleo", "profession"),
        },
        verdicts=verdicts,
        attempts=(AttemptRow("a2", 1, "failed"), *(AttemptRow(one.check, one.fence, "answered") for one in verdicts)),
        access=(
            AccessRow("ann", "granted", dict.fromkeys(BOTH, "accepted")),
            AccessRow("ben", "blocked", {"profession": "refused", "licence": "accepted"}),
            AccessRow("cleo", "incomplete", {"profession": "accepted", "licence": "open"}),
        ),
    )
    asked = {"1": 1, "2": 3, "3": 1, "4": 1, "5": 1}
    return History(submits, dump, earlier=(replace(dump, verdicts=verdicts[:2]),), asked=asked)


def with_dump(history: History, **changes: object) -> History:
    return replace(history, dump=replace(history.dump, **changes))  # type: ignore[arg-type]


def without_verdict(history: History) -> History:
    checks = {**history.dump.checks, "c1": replace(history.dump.checks["c1"], state="pending", sealed=True)}
    access = (*history.dump.access[:2], AccessRow("cleo", "pending", {"profession": "pending", "licence": "open"}))
    return with_dump(
        history,
        checks=checks,
        verdicts=tuple(one for one in history.dump.verdicts if one.check != "c1"),
        attempts=tuple(one for one in history.dump.attempts if one.check != "c1"),
        access=access,
    )


def without_row(history: History) -> History:
    gone = without_verdict(history)
    checks = {check: row for check, row in gone.dump.checks.items() if check != "c1"}
    return with_dump(gone, checks=checks, access=gone.dump.access[:2])


def second_verdict(history: History) -> History:
    return with_dump(history, verdicts=(*history.dump.verdicts, verdict("a1", revision=2)))


def answered_twice(history: History) -> History:
    checks = {**history.dump.checks, "a1": settled("ann", "profession", 2)}
    verdicts = tuple(replace(one, fence=2) if one.check == "a1" else one for one in history.dump.verdicts)
    attempts = (*history.dump.attempts, AttemptRow("a1", 2, "answered"))
    return with_dump(history, checks=checks, verdicts=verdicts, attempts=attempts)


def stale_verdict(history: History) -> History:
    return with_dump(history, checks={**history.dump.checks, "a1": settled("ann", "profession", 2)})


def attempt_of_no_claim(history: History) -> History:
    return with_dump(history, attempts=(*history.dump.attempts, AttemptRow("a1", 7, "failed")))


def verdict_of_nothing(history: History) -> History:
    return with_dump(history, verdicts=(*history.dump.verdicts, verdict("ghost")))


def attempt_of_nothing(history: History) -> History:
    return with_dump(history, attempts=(*history.dump.attempts, AttemptRow("ghost", 1, "failed")))


def check_of_nobody(history: History) -> History:
    return replace(history, submits=history.submits[1:])


def changed_verdict(history: History) -> History:
    first = replace(history.dump.verdicts[0], digest="something else")
    return with_dump(history, verdicts=(first, *history.dump.verdicts[1:]))


def changed_and_changed_back(history: History) -> History:
    between = replace(history.earlier[0], verdicts=(replace(history.dump.verdicts[0], digest="something else"),))
    return replace(history, earlier=(*history.earlier, between))


def deleted_verdict(history: History) -> History:
    return replace(history, earlier=(with_dump(history, verdicts=(verdict("a1", revision=2),)).dump,))


def rolled_back_and_there(history: History) -> History:
    return with_dump(history, checks={**history.dump.checks, "c2": settled("cleo", "licence")})


def told_to_be_missing(history: History) -> History:
    return replace(history, submits=tuple(gone(each) if each.check == "c1" else each for each in history.submits))


def gone(submit: Submit) -> Submit:
    return replace(submit, fate=Fate.GONE)


def rolled_back_and_asked(history: History) -> History:
    return replace(history, asked={**history.asked, "6": 1})


def access(history: History, row: AccessRow) -> History:
    rows = tuple(row if row.participant == one.participant else one for one in history.dump.access)
    return with_dump(history, access=rows)


PLANTED: dict[str, tuple[Callable[[History], History], Kind]] = {
    "an acknowledged check without a verdict": (without_verdict, Kind.LOST),
    "an acknowledged check without a row": (without_row, Kind.LOST),
    "two verdicts by workers": (second_verdict, Kind.DOUBLED),
    "two answers written down": (answered_twice, Kind.DOUBLED),
    "a verdict under a fence that was passed": (stale_verdict, Kind.STALE),
    "an attempt under a fence that was never given": (attempt_of_no_claim, Kind.STALE),
    "a verdict without a check": (verdict_of_nothing, Kind.ORPHAN),
    "an attempt without a check": (attempt_of_nothing, Kind.ORPHAN),
    "a check that was never submitted": (check_of_nobody, Kind.ORPHAN),
    "a verdict that was changed": (changed_verdict, Kind.CHANGED),
    "a verdict that was changed and changed back": (changed_and_changed_back, Kind.CHANGED),
    "a verdict that was deleted": (deleted_verdict, Kind.CHANGED),
    "a rolled back submit that is there": (rolled_back_and_there, Kind.ROLLED_BACK),
    "a check that the platform was told to be missing": (told_to_be_missing, Kind.ROLLED_BACK),
    "a rolled back submit that was looked up": (rolled_back_and_asked, Kind.ROLLED_BACK),
    "access that was granted too early": (
        lambda history: access(history, AccessRow("cleo", "granted", {"profession": "accepted"})),
        Kind.ACCESS,
    ),
    "access that was never granted": (
        lambda history: access(history, AccessRow("ann", "pending", dict.fromkeys(BOTH, "accepted"))),
        Kind.ACCESS,
    ),
    "access that was not blocked": (
        lambda history: access(history, replace(history.dump.access[1], access="incomplete")),
        Kind.ACCESS,
    ),
    "a question with another state": (
        lambda history: access(history, AccessRow("ann", "granted", {"profession": "accepted", "licence": "pending"})),
        Kind.ACCESS,
    ),
    "no access row": (lambda history: with_dump(history, access=history.dump.access[1:]), Kind.ACCESS),
    "an access row of nobody": (
        lambda history: with_dump(history, access=(*history.dump.access, AccessRow("dora", "incomplete", {}))),
        Kind.ACCESS,
    ),
    "an outcome that the source did not give": (
        lambda history: replace(history, submits=(replace(history.submits[0], right="refused"), *history.submits[1:])),
        Kind.WRONG,
    ),
    "a person accepted without a question to the source": (
        lambda history: replace(history, asked=dict.fromkeys("2345", 1)),
        Kind.UNASKED,
    ),
    "what `db verify` finds": (
        lambda history: replace(history, contradictions=(("a1", "it is settled without a verdict"),)),
        Kind.CONTRADICTION,
    ),
    "an answer that was kept": (
        lambda history: with_dump(
            history, checks={**history.dump.checks, "a1": replace(history.dump.checks["a1"], sealed=True)}
        ),
        Kind.KEPT,
    ),
}


def kinds(found: list[Violation]) -> set[Kind]:
    return {violation.kind for violation in found}


def test_a_clean_history_has_no_violation() -> None:
    assert violations(clean()) == []


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_violation_is_found(name: str) -> None:
    plant, kind = PLANTED[name]
    assert kind in kinds(violations(plant(clean())))


def test_every_kind_has_been_planted() -> None:
    assert {kind for _, kind in PLANTED.values()} == set(Kind)


def test_a_submit_of_unknown_fate_may_be_there_or_not() -> None:
    history = clean()
    dump = history.dump
    gone = with_dump(
        history,
        checks={check: row for check, row in dump.checks.items() if check != "b2"},
        verdicts=tuple(one for one in dump.verdicts if one.check != "b2"),
        attempts=tuple(one for one in dump.attempts if one.check != "b2"),
        access=(dump.access[0], AccessRow("ben", "blocked", {"profession": "refused"}), dump.access[2]),
    )
    assert violations(gone) == []


def test_a_second_revision_by_a_person_is_no_double() -> None:
    history = clean()
    decided = with_dump(history, verdicts=(*history.dump.verdicts, verdict("a1", revision=2, by="reviewer")))
    assert violations(decided) == []


def test_an_undetermined_verdict_needs_a_fault_that_excuses_it() -> None:
    history = clean()
    verdicts = (*history.dump.verdicts[:-1], verdict("c1", "undetermined"))
    row = AccessRow("cleo", "incomplete", {"profession": "undetermined", "licence": "open"})
    history = access(with_dump(history, verdicts=verdicts), row)
    assert kinds(violations(history)) == {Kind.WRONG}
    assert violations(replace(history, undetermined=frozenset({"source_unavailable"}))) == []


def test_requests_beyond_the_first_are_counted() -> None:
    assert repeated(clean()) == 2


def test_a_run_that_was_not_looked_at_before_its_end_is_judged_by_its_end() -> None:
    assert violations(replace(clean(), earlier=())) == []


def test_what_went_back_with_a_backup_and_was_told_is_not_lost() -> None:
    assert violations(told_to_be_missing(without_row(clean()))) == []
