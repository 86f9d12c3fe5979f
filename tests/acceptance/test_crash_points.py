"""A worker that ends at an exact place, as in a power cut, and the next engine, which finds what it left."""

from __future__ import annotations

from collections import Counter

import pytest

from examples.sources import Mood, Sources
from jurat.codes import generate
from jurat.seal_keys import seal_of
from store.requests.inquiries import LOST, InquiryState, ask, read
from tasks.crash_points import EXIT_CODE, POINTS, VARIABLE
from tests.acceptance.conftest import MakeTown
from tests.acceptance.town import PATIENCE, PHYSICIAN, soon

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

CHECKS = 12


OPENINGS = [point for point in POINTS if point.startswith("opening")]
INQUIRIES = [point for point in POINTS if point.startswith("inquiry")]


@pytest.mark.parametrize("point", [point for point in POINTS if point not in OPENINGS + INQUIRIES])
def test_a_crash_at_any_point_leaves_one_verdict_to_each_check(
    point: str, make_town: MakeTown, sources: Sources
) -> None:
    town = make_town()
    checks = town.submit_many(CHECKS, "profession", PHYSICIAN)
    if point.startswith("renewal"):
        checks += town.submit_many(2, "patience", PHYSICIAN, prefix="stuck")
    if point.startswith("leases"):
        town.sql("UPDATE jurat_checks SET state = 'leased', fence = 1, lease_until = due_at")
    codes = [generate() for _ in range(CHECKS)]
    if point.startswith("request"):
        with town.service.database.begin() as connection:
            town.client.add_codes(connection, "spring", codes, by="Iris of the town")
    worker = town.worker("--concurrency", "4", **{VARIABLE: f"{point}:1"})
    with worker:
        rings = point.startswith("bell") and worker.says("ready.", PATIENCE)
        for n in range(9):
            if rings:  # more than once, for a bell expires after five seconds, which a busy machine may need
                checks += town.submit_many(CHECKS, "profession", PHYSICIAN, prefix=f"rung-{n}")
            if soon(lambda: not worker.running, PATIENCE / 9):
                break
        assert not worker.running, f"it never passed {point}"
        assert worker.exit_code == EXIT_CODE
    sources.switch("slow-headers", Mood.OK)
    try:
        town.leases_run_out()
        with town.engine():
            assert soon(lambda: town.states() == Counter(settled=len(checks))), town.states()
            waits = "SELECT count(*) FROM jurat_requests WHERE applied_at IS NULL OR note IS NOT NULL"
            assert soon(lambda: town.sql(waits) == [(0,)])
    finally:
        sources.switch("slow-headers", Mood.SLOW_HEADERS)
    if point.startswith("request"):
        assert town.sql("SELECT codes FROM jurat_code_lists") == [(CHECKS,)]
        assert town.sql("SELECT count(*) FROM jurat_audit WHERE action = 'codes add'") == [(1,)]
    assert town.verdicts_a_check(checks) == Counter({1: len(checks)})
    assert town.sql("SELECT DISTINCT outcome, reason FROM jurat_verdicts") == [("accepted", "record_matches")]
    assert town.sql(
        "SELECT count(*) FROM jurat_verdicts v JOIN jurat_checks c ON c.id = v.check_id "
        "WHERE v.fence <> c.fence OR c.answer IS NOT NULL"
    ) == [(0,)]


@pytest.mark.parametrize("point", OPENINGS)
def test_a_crash_while_an_answer_is_opened_leaves_it_opened_and_audited_once(point: str, make_town: MakeTown) -> None:
    town = make_town()
    check = town.submit("p-1", "profession", PHYSICIAN, ring=False)
    for state in ("leased", "review"):  # the owner is let through
        town.sql(f"UPDATE jurat_checks SET state = '{state}'")
    with town.service.database.begin() as connection:
        opening = town.client.open_for_review(connection, check, by_whom="a clerk")
    worker = town.worker("--concurrency", "4", **{VARIABLE: f"{point}:1"})
    with worker:
        assert soon(lambda: not worker.running), f"it never passed {point}"
        assert worker.exit_code == EXIT_CODE
    with town.worker("--concurrency", "4"):
        assert soon(lambda: town.client.opened(opening))
    read = town.client.opened(opening)
    assert read is not None
    assert read.answer == PHYSICIAN
    assert town.sql("SELECT count(*) FROM jurat_audit WHERE action = 'review answer'") == [(1,)]


@pytest.mark.parametrize("point", INQUIRIES)
def test_a_crash_while_a_source_is_tried_asks_it_once_and_ends_with_a_word(point: str, make_town: MakeTown) -> None:
    town = make_town()
    asked = {"answer": PHYSICIAN, "question": None}
    inquiry = ask(town.service.database, seal_of(town.seal_key), "registry", asked, "night-watch")
    worker = town.worker("--concurrency", "4", **{VARIABLE: f"{point}:1"})
    with worker:
        assert soon(lambda: not worker.running), f"it never passed {point}"
        assert worker.exit_code == EXIT_CODE
    town.sql("ALTER TABLE jurat_inquiries DISABLE TRIGGER USER")
    town.sql(f"UPDATE jurat_inquiries SET begun_at = now() - interval '{LOST + 1} seconds'")
    town.sql("ALTER TABLE jurat_inquiries ENABLE ALWAYS TRIGGER jurat_inquiries_changed")
    with town.worker("--concurrency", "4"):
        waits = "SELECT count(*) FROM jurat_inquiries WHERE sealed IS NULL"
        assert soon(lambda: town.sql(waits) == [(0,)])
    assert read(town.service.database, inquiry) == InquiryState(begun=True, found={"refused": "lost"})
    assert town.sql("SELECT count(*) FROM jurat_audit WHERE action = 'sources try'") == [(1,)]
