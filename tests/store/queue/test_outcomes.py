"""The counts of a source's results, and what follows from them, on both engines."""

from __future__ import annotations

from jurat.vocabulary import Reason
from store.queue.breakers import SourceFigures
from tasks.rules.outcome_shares import RECENT, USUAL
from tests.store.desk import Desk

DIFFERS, MATCHES = Reason.NAME_DIFFERS, Reason.RECORD_MATCHES
SUSPECTED = [("source suspected", "towns")]


def report(desk: Desk, differs: int, matches: int = 0, source: str = "towns") -> None:
    """Have a worker report results."""
    results: dict[str, int] = {reason: count for reason, count in ((DIFFERS, differs), (MATCHES, matches)) if count}
    desk.sources.record({source: SourceFigures(answered=differs + matches, results=results)}, {})


def age(desk: Desk, hours: int) -> None:
    """So many hours go by."""
    desk.sql("UPDATE jurat_outcomes SET hour = hour - :hours", hours=hours)
    desk.sql(f"UPDATE jurat_sources SET suspect_since = {_before(desk, hours)}")


def _before(desk: Desk, hours: int) -> str:
    if desk.postgresql:
        return f"suspect_since - interval '{hours} hours'"
    return f"strftime('%Y-%m-%d %H:%M:%f', suspect_since, '-{hours} hours')"


def settle_in(desk: Desk, source: str = "towns") -> None:
    """What is usual: 3 % of the names differ."""
    report(desk, 30, 970, source)
    age(desk, RECENT + 5)


def judge(desk: Desk) -> list[tuple[str, bool]]:
    """The sources that changed, and whether they became suspect."""
    return [(found.source, found.jump is not None) for found in desk.upkeep.judge_outcomes()]


def counted(desk: Desk) -> dict[str, int]:
    rows = desk.sql("SELECT reason, sum(results) FROM jurat_outcomes WHERE source = 'towns' GROUP BY reason")
    return {reason: int(count) for reason, count in rows}


def audited(desk: Desk) -> list[tuple[str, str]]:
    rows = desk.sql("SELECT action, subject FROM jurat_audit WHERE action <> 'config apply' ORDER BY at, id")
    return [(action, subject) for action, subject in rows]


def test_results_are_added_up_by_hour_and_reason(desk: Desk) -> None:
    report(desk, 2, 3)
    report(desk, 1)
    desk.sources.record({"unknown": SourceFigures(answered=1, results={MATCHES: 1})}, {})
    assert counted(desk) == {DIFFERS: 3, MATCHES: 3}
    assert desk.one("SELECT count(*) FROM jurat_outcomes") == 2, "of no source that nobody configured"


def test_a_jump_makes_a_source_suspect_once_and_no_other(desk: Desk) -> None:
    settle_in(desk)
    settle_in(desk, "ban")
    report(desk, 0, 12, "ban")
    report(desk, 12)
    (found,) = desk.upkeep.judge_outcomes()
    assert (found.source, found.jump is not None) == ("towns", True)
    assert judge(desk) == []
    assert desk.queries.newest()[-1] == {"towns"}
    assert audited(desk) == SUSPECTED
    (row,) = [each for each in desk.queries.sources() if each.name == "towns"]
    assert row.suspect_since is not None
    assert (row.suspect_reason, row.suspect_share, row.usual_share) == (DIFFERS, 1.0, 0.03)


def test_a_source_without_a_past_is_not_suspect(desk: Desk) -> None:
    report(desk, 500)
    assert judge(desk) == []
    age(desk, RECENT + USUAL)
    report(desk, 500)
    assert judge(desk) == [], "nor one whose past is too long ago"


def test_it_ends_when_the_shares_are_back_and_the_bad_results_are_not_usual(desk: Desk) -> None:
    settle_in(desk)
    report(desk, 40)
    assert judge(desk) == [("towns", True)]
    report(desk, 0, 500)
    assert judge(desk) == [], "the hour of the jump says nothing"
    age(desk, 2)
    report(desk, 20, 20)
    assert judge(desk) == []
    age(desk, 1)
    report(desk, 2, 98)
    assert judge(desk) == [("towns", False)]
    assert desk.queries.newest()[-1] == frozenset()
    assert counted(desk) == {DIFFERS: 32, MATCHES: 1068}
    assert audited(desk) == [*SUSPECTED, ("source no longer suspected", "towns")]
    assert judge(desk) == [], "nor is it suspect again"


def test_what_is_usual_stays_so_however_long_it_is_suspect(desk: Desk) -> None:
    settle_in(desk)
    report(desk, 40)
    assert judge(desk) == [("towns", True)]
    for _ in range(20):
        age(desk, 24)
        report(desk, 40)
        assert judge(desk) == []
    assert counted(desk) == {DIFFERS: 30 + 40 + 40, MATCHES: 970}, "but what no one will look at is deleted"
    age(desk, 1)
    report(desk, 0, 100)
    assert judge(desk) == [("towns", False)]


def test_a_person_may_take_the_results_for_right(desk: Desk) -> None:
    settle_in(desk)
    report(desk, 40)
    assert desk.sources.trust("towns", "the clerk") is False
    assert judge(desk) == [("towns", True)]
    assert desk.sources.trust("towns", "the clerk") is True
    assert desk.queries.newest()[-1] == frozenset()
    assert audited(desk) == [*SUSPECTED, ("sources trust", "towns")]
    report(desk, 40)
    assert judge(desk) == [], "it is as new"
    age(desk, RECENT)
    report(desk, 400, 30)
    age(desk, RECENT)
    report(desk, 40)
    assert judge(desk) == [], "and that many differ is usual now"


def test_counts_are_kept_for_eight_days_and_a_look_costs_the_same_after_millions(desk: Desk) -> None:
    settle_in(desk)
    report(desk, 30_000, 1_970_000)
    age(desk, USUAL)
    report(desk, 0, 20)
    with desk.statements() as seen:
        assert judge(desk) == []
    assert len(seen) == 2
    assert counted(desk) == {DIFFERS: 30_000, MATCHES: 1_970_020}
