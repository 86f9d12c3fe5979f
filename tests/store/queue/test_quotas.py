"""What a source allows over all workers: start times, hours, days, breakers, and whose turn it is."""

from __future__ import annotations

import time
from collections import Counter
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from config.hours import Hours
from jurat.vocabulary import Priority, Reason
from store.queue.breakers import SourceFigures
from store.queue.claims import Claims
from tasks.checks import ClaimedCheck, GiveBack
from tasks.rules.source_limits import Breaker, Demand
from tests.store.desk import DOCUMENT, Desk, entry

BROKEN = SourceFigures(failed=5, trailing=5, last_failure=Reason.SOURCE_UNAVAILABLE)
BACK = SourceFigures(answered=1)


def give_back(desk: Desk, held: list[ClaimedCheck]) -> None:
    desk.write(*(entry(check, GiveBack()) for check in held))


def closing(begin: float, end: float) -> Hours:
    """Always open but from `begin` to `end` seconds from now."""
    now = datetime.now(UTC).replace(tzinfo=None)
    return Hours(closings=((now + timedelta(seconds=begin), now + timedelta(seconds=end)),))


# ------------------------------------------------------------------------------------------------ start times


def test_the_start_times_of_a_claim_are_those_of_the_rate_in_the_order_of_what_it_returns(desk: Desk) -> None:
    desk.submit_many(30)
    desk.sql("UPDATE jurat_sources SET next_start_at = NOW(0.6) WHERE name = 'towns'")
    held = desk.claim(free=30, interval=0.005, burst=1, late=0.0)
    later = [check.starts_in for check in held if check.starts_in > 0]
    assert [after - before for before, after in pairwise(later)] == pytest.approx(
        [later[1] - later[0]] * (len(later) - 1)
    )
    assert later[1] - later[0] >= 0.005 - 1e-6
    again = desk.claim(free=30, interval=10.0, burst=3, late=0.2)
    assert all(check.late <= 0.2 for check in again)


def test_what_has_waited_longest_starts_first(two: Desk) -> None:
    """Whatever the order in which the database finds and returns the rows."""
    waited = {"budget": [3, 9, 1, 7, 5, 11], "culture": [8, 2, 10, 4, 12, 6]}
    for consultation, all_of_them in waited.items():
        for seconds in all_of_them:
            two.submit(f"p-{seconds}", consultation=consultation)
            two.set_back("due_at", 60.0 * seconds, f"participant = 'p-{seconds}'")
    two.sql("UPDATE jurat_sources SET next_start_at = NOW(0.6) WHERE name = 'towns'")
    held = two.claim(free=12, interval=0.005, burst=1, late=0.0)
    assert len(held) > 3, "a slow machine takes fewer at a time"
    for consultation, all_of_them in waited.items():
        theirs = [int(check.participant.removeprefix("p-")) for check in held if check.consultation == consultation]
        assert theirs == sorted(all_of_them, reverse=True)[: len(theirs)]
    starts = [check.starts_in for check in held]  # of those that are over while a slow machine looks, all are 0
    assert starts == sorted(starts)
    assert starts[-1] > 0


def test_what_a_claim_took_counts_as_lateness(desk: Desk) -> None:
    desk.submit_many(2)
    asked = time.monotonic()
    held = desk.claim(free=2, interval=10.0, burst=2, late=5.0)
    assert 5.0 - (time.monotonic() - asked) <= held[0].late < 5.0


def test_a_source_without_a_rate_starts_at_once_and_is_never_late(desk: Desk) -> None:
    desk.submit()
    (held,) = desk.claim(concurrency=2)
    assert (held.starts_in, held.late) == (0.0, float("inf"))


def test_where_no_lateness_is_allowed_the_first_start_lies_as_far_ahead_as_a_claim_takes(desk: Desk) -> None:
    """Or a slow database would have every check given back, for ever."""
    desk.submit_many(10)
    (first,) = desk.claim(free=1, interval=0.001, late=0.0)
    assert first.starts_in == 0.0
    assert first.late < 0.0, "nobody knew how long it would take"
    later = [desk.claim(free=1, interval=0.001, late=0.0)[0] for _ in range(9)]
    assert any(check.starts_in > 0.0 and check.late >= 0.0 for check in later)
    assert all(check.starts_in < 10.0 for check in later)


def test_where_claims_take_long_the_first_start_leaves_half_of_the_lateness_and_lies_no_further_ahead(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or slots would wait for starts that the source has room for now."""
    desk.submit_many(2)
    for took, most in ((0.5, 0.0), (0.9, 0.8)):
        monkeypatch.setattr(desk.claims, "_delay", took)
        (check,) = desk.claim(free=1, interval=0.001, burst=2026, late=2.0)  # no tolerance
        assert check.starts_in <= most
        assert (check.starts_in > 0.0) is (most > 0.0)


# ------------------------------------------------------------------------------------------------ hours and days


def test_a_source_that_is_closed_gives_nothing_by_the_database_s_clock(desk: Desk) -> None:
    desk.submit_many(3)
    demand = Demand("towns", 5, hours=closing(-60, 60))
    assert desk.claims.claim([demand], 5) == ([], False)
    assert desk.claim(hours=closing(-60, -1)) != []


def test_nothing_is_handed_out_that_would_start_after_closing_time(desk: Desk) -> None:
    desk.submit_many(3)
    assert desk.claim(hours=closing(0.5, 60)) == []
    assert len(desk.claim(hours=closing(30, 60))) == 3


def test_looking_at_a_closed_source_is_one_statement(desk: Desk) -> None:
    desk.submit_many(3)
    with desk.statements() as seen:
        assert desk.claim(hours=closing(-60, 60), interval=0.1, daily=5) == []
    assert len(seen) == 1


def test_a_day_s_quota_holds_over_all_claims_and_then_the_source_pauses_until_midnight(desk: Desk) -> None:
    desk.submit_many(9)
    hours = Hours.parse("Europe/Paris", [], [])
    assert len(desk.claim(free=3, daily=5, hours=hours)) == 3
    assert len(desk.claim(free=9, daily=5, hours=hours)) == 2
    assert desk.claim(free=9, daily=5, hours=hours) == []
    (row,) = (row for row in desk.queries.sources() if row.name == "towns")
    assert row.paused_until is not None
    assert (row.pause_reason, row.used, row.day) == ("source_throttled", 5, hours.day(desk.queries.clock()))
    assert abs(row.paused_until - hours.next_midnight(desk.queries.clock())) < timedelta(seconds=5)


def test_a_new_day_has_its_quota_again(desk: Desk) -> None:
    desk.submit_many(9)
    desk.sql("UPDATE jurat_sources SET day = '2020-02-02', used = 5")
    assert len(desk.claim(free=9, daily=5)) == 5


def test_a_source_that_is_resumed_although_its_day_is_used_up_pauses_again(desk: Desk) -> None:
    desk.submit_many(9)
    assert len(desk.claim(free=9, daily=4)) == 4
    assert desk.sources.resume("towns", "someone")
    assert desk.claim(free=9, daily=4) == []
    assert desk.one("SELECT count(*) FROM jurat_sources WHERE paused_until IS NOT NULL") == 1
    desk.sources.resume("towns", "someone")
    assert len(desk.claim(free=9, daily=6)) == 2


# ------------------------------------------------------------------------------------------------ missed starts


def test_a_look_up_that_missed_its_start_pays_for_another_one_and_none_comes_sooner_for_it(desk: Desk) -> None:
    desk.submit_many(9)
    demand = Demand("towns", 9, interval=0.1, burst=1, late=0.0, concurrency=3)
    assert len(desk.take([demand], 3)) == 3
    starts = desk.claims.pay_again(demand, 3)
    assert starts, "although its leases are as many as the source allows at once"
    now = time.monotonic()
    assert starts[0].at > now, "the starts that were missed stay unused"
    assert all(after.at - before.at >= 0.1 - 1e-6 for before, after in pairwise(starts))
    assert all(start.at <= start.latest + 0.001 for start in starts)
    assert desk.one("SELECT count(*) FROM jurat_sources WHERE name = 'towns' AND next_start_at > NOW(0.3)") == 1


def test_look_ups_that_missed_their_starts_pay_one_price_each_however_many_checks_they_ask_for(desk: Desk) -> None:
    demand = Demand("towns", 9, interval=60.0, burst=3, late=0.0, batch=20)
    assert len(desk.claims.pay_again(demand, 2)) == 2
    assert len(desk.claims.pay_again(demand, 2)) == 1
    assert desk.claims.pay_again(demand, 2) == []


@pytest.mark.parametrize("stopped", ["paused_until = NOW(60)", "opened_at = NOW(-60), probe_at = NOW(-1)"])
def test_a_look_up_that_missed_its_start_gets_no_other_where_its_source_takes_no_work(desk: Desk, stopped: str) -> None:
    desk.submit()
    demand = Demand("towns", 1, interval=0.001, burst=9, late=0.0)
    assert desk.take([demand], 1)
    desk.sql(f"UPDATE jurat_sources SET {stopped} WHERE name = 'towns'")
    assert desk.claims.pay_again(demand, 1) == []


def test_a_look_up_that_missed_its_start_gets_no_other_where_its_source_is_closed_or_gone(desk: Desk) -> None:
    demand = Demand("towns", 1, interval=0.001, burst=9, late=0.0)
    assert desk.claims.pay_again(replace(demand, hours=closing(-60, 60)), 1) == []
    assert desk.claims.pay_again(replace(demand, source="nobody"), 1) == []
    assert len(desk.claims.pay_again(demand, 1)) == 1


def test_a_claim_knows_how_much_more_a_source_has_room_for_beyond_what_all_workers_hold(desk: Desk) -> None:
    desk.submit_many(9)
    desk.claim(free=3, concurrency=8)
    assert desk.claims.room["towns"] == 5
    others = Claims(desk.engine)
    others.claim([Demand("towns", 4, concurrency=8)], 4)
    assert others.room == {"towns": 1}
    others.claim([Demand("towns", 4, concurrency=2)], 4)
    assert others.room == {"towns": 0}, "a configuration that allows less"


# ------------------------------------------------------------------------------------------------ trials


def test_a_person_s_trial_is_paid_as_a_look_up_is(desk: Desk) -> None:
    desk.submit_many(9)
    demand = Demand("towns", 1, interval=600.0, burst=1, late=0.0, daily=3)
    assert desk.sources.pay_for_request(demand, 10.0) == 0.0
    assert desk.claim(free=9, interval=600.0, burst=1, late=0.0, daily=3) == []
    assert desk.sources.pay_for_request(demand, 10.0) is None, "its turn is too far ahead"
    assert 300 < (desk.sources.pay_for_request(demand, 1000.0) or 0) <= 600
    assert desk.one("SELECT used FROM jurat_sources WHERE name = 'towns'") == 2
    assert desk.sources.pay_for_request(demand, 10_000.0) is not None
    assert desk.sources.pay_for_request(demand, 10_000.0) is None, "the day is used up"
    assert desk.sources.pay_for_request(Demand("nobody", 1), 10.0) is None


@pytest.mark.parametrize(
    "stopped",
    [
        "paused_until = NOW(60)",
        "opened_at = NOW(-60), probe_at = NOW(60)",
        "opened_at = NOW(-60), probe_at = NOW(-1)",  # its one probe is another lookup
    ],
)
def test_a_source_that_is_stopped_may_be_tried_by_a_person_and_a_look_up_goes_no_further(
    desk: Desk, stopped: str
) -> None:
    demand = Demand("towns", 1, daily=9)
    assert desk.sources.pay_for_request(demand, 10.0, unless_stopped=True) == 0.0
    desk.sql(f"UPDATE jurat_sources SET {stopped} WHERE name = 'towns'")
    assert desk.sources.pay_for_request(demand, 10.0, unless_stopped=True) is None
    assert desk.one("SELECT used FROM jurat_sources WHERE name = 'towns'") == 1
    assert desk.sources.pay_for_request(demand, 10.0) == 0.0


def test_no_look_up_goes_further_once_its_source_is_closed(desk: Desk) -> None:
    closed = Demand("towns", 1, hours=closing(-60, 60))
    assert desk.sources.pay_for_request(closed, 10.0) == 0.0
    assert desk.sources.pay_for_request(closed, 10.0, unless_stopped=True) is None


# ------------------------------------------------------------------------------------------------ the breaker


def test_a_source_in_doubt_has_no_more_look_ups_under_way_than_failures_are_left_until_it_is_broken(desk: Desk) -> None:
    limits: dict[str, Any] = {"interval": 0.001, "burst": 50, "late": 0.0, "breaker": Breaker(failures=6)}
    desk.submit_many(40)
    desk.sources.record({"towns": SourceFigures(failed=2, trailing=2)}, {"towns": Breaker(failures=6)})
    few = desk.claim(free=9, **limits)
    assert len(few) == 9, "two of six are no doubt"
    give_back(desk, few)
    desk.sources.record({"towns": SourceFigures(failed=2, trailing=2)}, {"towns": Breaker(failures=6)})
    held = desk.claim(free=9, **limits)
    assert len(held) == 2
    assert not any(check.probe for check in held)
    assert desk.claim(free=9, **limits) == [], "they are under way"
    give_back(desk, held[:1])
    assert len(desk.claim(free=9, **limits)) == 1
    desk.sources.record({"towns": SourceFigures(answered=1)}, {})
    assert len(desk.claim(free=9, **limits)) == 9


def test_a_broken_source_gives_one_check_for_a_probe_and_the_next_when_that_is_over_and_its_time_has_come(
    desk: Desk,
) -> None:
    desk.submit_many(5)
    assert desk.sources.record({"towns": BROKEN}, {}).opened == ("towns",)
    assert desk.claim() == []
    desk.sql("UPDATE jurat_sources SET probe_at = NOW(-1) WHERE name = 'towns'")
    (probe,) = desk.claim(breaker=Breaker(probe=60.0))
    assert probe.probe
    desk.sql("UPDATE jurat_sources SET probe_at = NOW(-1) WHERE name = 'towns'")
    assert desk.claim(breaker=Breaker(probe=60.0)) == [], "the first is still under way"
    give_back(desk, [probe])
    (again,) = desk.claim(breaker=Breaker(probe=60.0))
    give_back(desk, [again])
    assert desk.claim(breaker=Breaker(probe=60.0)) == [], "its time has not come"
    assert desk.sources.record({"towns": BACK}, {}).closed == ("towns",)
    held = desk.claim()
    assert len(held) == 5
    assert not any(check.probe for check in held)


def test_the_next_probe_counts_from_the_last_moment_at_which_this_one_may_begin(desk: Desk) -> None:
    desk.submit_many(3)
    desk.sources.record({"towns": BROKEN}, {})
    desk.sql("UPDATE jurat_sources SET probe_at = NOW(-1), next_start_at = NOW(0.7)")
    (probe,) = desk.claim(interval=0.1, late=0.1, breaker=Breaker(probe=60.0))
    assert probe.probe
    assert 0.3 < probe.starts_in <= 0.7
    (row,) = (row for row in desk.queries.sources() if row.name == "towns")
    assert row.probe_at is not None
    assert 60.4 < (row.probe_at - desk.queries.clock()).total_seconds() <= 60.8


def test_many_workers_at_once_send_one_probe(postgresql: Desk) -> None:
    from concurrent.futures import ThreadPoolExecutor

    desk = postgresql
    desk.submit_many(50)
    desk.sources.record({"towns": BROKEN}, {})
    desk.sql("UPDATE jurat_sources SET probe_at = NOW(-1)")
    with ThreadPoolExecutor(6) as pool:
        taken = list(pool.map(lambda _: Claims(desk.engine).claim([Demand("towns", 9)], 9).held, range(18)))
    assert sum(map(len, taken)) == 1


def test_a_probe_pays_the_rate(desk: Desk) -> None:
    desk.submit_many(5)
    desk.claim(free=1, interval=60.0, late=0.0)
    desk.sources.record({"towns": BROKEN}, {})
    desk.sql("UPDATE jurat_sources SET probe_at = NOW(-1)")
    assert desk.claim(interval=60.0, late=0.0) == []


def test_the_last_chance_of_a_check_may_be_a_probe(desk: Desk) -> None:
    desk.submit()
    desk.sql("UPDATE jurat_checks SET lost_leases = 2")
    desk.sources.record({"towns": BROKEN}, {})
    demand = Demand("towns", 5)
    assert desk.claims.claim([demand], 5) == ([], False)
    desk.sql("UPDATE jurat_sources SET probe_at = NOW(-1)")
    assert desk.claims.claim([demand], 5) == ([], True)
    alone = desk.claims.claim_alone([demand])
    assert alone is not None
    assert alone.probe


# ------------------------------------------------------------------------------------------------ turns


@pytest.fixture
def two(desk: Desk) -> Desk:
    """A second consultation, `culture`, at the same sources."""
    document = deepcopy(dict(DOCUMENT))
    document["consultations"]["culture"] = deepcopy(document["consultations"]["budget"])
    document["consultations"]["dance"] = deepcopy(document["consultations"]["budget"])
    desk.apply(document)
    return desk


def test_consultations_share_a_source_evenly_whatever_their_backlogs(two: Desk) -> None:
    two.submit_many(60)
    two.submit_many(3, consultation="culture")
    two.submit_many(20, consultation="dance")
    held = two.claim(free=12)
    assert Counter(check.consultation for check in held) == {"budget": 5, "culture": 3, "dance": 4}
    assert {check.consultation for check in held[:3]} == {"budget", "culture", "dance"}


def test_claims_of_one_check_each_take_turns_too(two: Desk) -> None:
    two.submit_many(20)
    two.submit_many(20, consultation="culture")
    two.submit_many(20, consultation="dance")
    taken = [two.claim_one().consultation for _ in range(9)]
    assert Counter(taken) == {"budget": 3, "culture": 3, "dance": 3}
    assert taken[:3] == taken[3:6] == taken[6:]


def test_start_times_go_to_the_consultations_in_turn(two: Desk) -> None:
    two.submit_many(20)
    two.submit_many(1, consultation="dance")
    held = two.claim(free=20, interval=0.1, late=0.0)
    assert [check.starts_in for check in held] == sorted(check.starts_in for check in held)
    assert "dance" in [check.consultation for check in held[:2]]


def test_bulk_has_its_share_behind_interactive_checks(two: Desk) -> None:
    two.submit_many(60, priority=Priority.BULK)
    two.set_back("due_at", 100)
    two.submit_many(60, "residence", 100)
    two.submit_many(60, consultation="culture")
    first = two.claim(free=40)
    mine = [check for check in first if check.consultation == "budget"]
    assert sum(int(check.participant.removeprefix("p-")) < 60 for check in mine) == 5


def test_a_consultation_whose_checks_are_all_due_later_takes_nothing_from_the_others(two: Desk) -> None:
    two.submit_many(10)
    two.sql("UPDATE jurat_checks SET due_at = NOW(60)")
    two.submit_many(10, consultation="culture")
    assert Counter(check.consultation for check in two.claim(free=10)) == {"culture": 10}


def test_many_workers_find_all_that_is_due_however_they_meet(postgresql: Desk) -> None:
    """What one holds at that moment must not hide the rest from another."""
    from concurrent.futures import ThreadPoolExecutor

    desk = postgresql
    desk.submit_many(300)

    def work(_: int) -> int:
        claims, count = Claims(desk.engine), 0
        while held := claims.claim([Demand("towns", 10)], 10).held:
            count += len(held)
        return count

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 300


# ------------------------------------------------------------------------------------------------ deadlines
