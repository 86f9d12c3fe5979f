from __future__ import annotations

import json
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest
from structlog.testing import capture_logs

from adapters.base import (
    Finding,
    Found,
    NeedsReview,
    Place,
    Places,
    Query,
    Refused,
    Source,
    SourceError,
    Throttled,
    Unavailable,
)
from config.document import RETAIN
from config.levels import Level
from examples.sources import Sources
from jurat.seal import Seal, Unseal, generate
from jurat.vocabulary import AccessState, Outcome, Reason
from tasks.check_runner import FAILED_RETRY, KEY_RETRY, CheckRunner
from tasks.checks import Attempt, CheckResult, ClaimedCheck, Ended, GiveBack, Later, NextSource, Review, Settle
from tasks.plan import Plan
from tests.adapters.registry import described
from tests.store.desk import PUBLIC_KEY, Desk

SECRET = "12 rue des Tanneurs, Sidonie Valombre"


pytestmark = pytest.mark.usefixtures("plain_logs")


class Adapter:
    """A source that does what the test says, and records what it was asked."""

    def __init__(self, found: Found | BaseException) -> None:
        self.found = found
        self.asked: list[Query] = []

    def look_up(self, query: Query) -> Found:
        self.asked.append(query)
        if isinstance(self.found, BaseException):
            raise self.found
        return self.found

    def close(self) -> None:
        pass


MATCHES = Finding(Outcome.ACCEPTED, Reason.RECORD_MATCHES)


def planned(desk: Desk, adapter: Source, **changes: Any) -> Plan:
    return replace(desk.plan(), sources=dict.fromkeys(desk.configuration.sources, adapter), **changes)


def run(desk: Desk, held: ClaimedCheck, adapter: Source, **changes: Any) -> tuple[CheckResult, str]:
    """What came of `held`, and everything that was logged meanwhile as one text."""
    ticks = iter(range(100))
    with capture_logs() as logs:
        running = CheckRunner(desk.unseal, clock=lambda: next(ticks) * 0.5, jitter=lambda: 0.0)
        entry = running.run(held, planned(desk, adapter, **changes))
    return entry, _text(logs)


def _text(logs: list[MutableMapping[str, Any]]) -> str:
    return repr(logs)


# ------------------------------------------------------------------------------------------------ the usual way


def test_an_answer_is_opened_asked_and_decided(sqlite: Desk) -> None:
    held = sqlite.held(answer={"word": SECRET})
    adapter = Adapter(Finding(Outcome.ACCEPTED, Reason.RECORD_MATCHES, {"fact": 1}))
    entry, logs = run(sqlite, held, adapter)
    assert entry == CheckResult(
        held,
        Settle(Outcome.ACCEPTED, Reason.RECORD_MATCHES, {"fact": 1}),
        1,
        Attempt(Ended.ANSWERED, Reason.RECORD_MATCHES, 0.5),
        retain=RETAIN,
    )
    assert [(query.answer, query.timeout) for query in adapter.asked] == [({"word": SECRET}, 10.0)]
    assert SECRET not in logs


def test_no_answer_is_an_attempt_that_failed(sqlite: Desk) -> None:
    entry, logs = run(sqlite, sqlite.held(question="profession"), Adapter(Unavailable("the connection was refused")))
    assert entry.decision == Later(1.0, Reason.SOURCE_UNAVAILABLE)
    assert entry.attempt == Attempt(Ended.FAILED, Reason.SOURCE_UNAVAILABLE, 0.5)
    assert "the connection was refused" in logs


def test_the_attempt_has_the_sources_own_word(sqlite: Desk) -> None:
    """What became of the check may be something else."""
    held = sqlite.held()
    entry, _ = run(sqlite, held, Adapter(Throttled("slow down", retry_after=60)))
    assert entry.decision == NextSource("ban", Reason.SOURCE_THROTTLED, 60)
    assert entry.attempt is not None
    assert entry.attempt.reason is Reason.SOURCE_THROTTLED
    entry, _ = run(sqlite, held, Adapter(NeedsReview()))
    assert entry.attempt is not None
    assert entry.attempt.reason is Reason.REQUIREMENT_MISSING
    entry, _ = run(sqlite, held, Adapter(Places("addok", ())))
    assert entry.attempt is not None
    assert entry.attempt.reason is Reason.CONFIGURATION_MISSING


def test_a_verdict_is_kept_as_long_as_its_consultation_says(sqlite: Desk) -> None:
    held = sqlite.held()
    questions = {key: replace(asked, retain_s=60.0) for key, asked in sqlite.configuration.questions.items()}
    entry, _ = run(
        sqlite, held, Adapter(MATCHES), configuration=replace(sqlite.configuration, questions=questions), version=4
    )
    assert (entry.retain, entry.config_version) == (60.0, 4)


def test_a_check_past_its_deadline_is_not_looked_up(sqlite: Desk) -> None:
    adapter = Adapter(MATCHES)
    entry, _ = run(sqlite, replace(sqlite.held(), seconds_left=0.0), adapter)
    assert entry.decision == Settle(Outcome.UNDETERMINED, Reason.DEADLINE_PASSED, {"lookups_failed": 0})
    assert (entry.attempt, adapter.asked) == (None, [])


def test_without_its_zone_a_check_waits_and_nobody_is_asked(sqlite: Desk) -> None:
    adapter = Adapter(MATCHES)
    key = ("budget", "residence")
    asked = replace(sqlite.configuration.questions[key], zone="not-imported")
    changed = replace(sqlite.configuration, questions={**sqlite.configuration.questions, key: asked})
    entry, _ = run(sqlite, sqlite.held(), adapter, configuration=changed)
    assert entry.decision == Later(30.0, Reason.CONFIGURATION_MISSING)
    assert entry.attempt is not None
    assert (entry.attempt.ended, entry.attempt.reason) == (Ended.FAILED, Reason.CONFIGURATION_MISSING)
    assert adapter.asked == []


def test_a_question_that_is_not_configured_ends_configuration_missing(sqlite: Desk) -> None:
    adapter = Adapter(MATCHES)
    entry, _ = run(sqlite, replace(sqlite.held(), question="removed"), adapter)
    assert entry.decision == Settle(Outcome.UNDETERMINED, Reason.CONFIGURATION_MISSING)
    assert adapter.asked == []


def test_an_attempt_says_that_the_connection_was_refused(sqlite: Desk) -> None:
    held = sqlite.held(question="profession")
    for error, refused in ((Refused("connection refused"), True), (Unavailable("down"), False)):
        entry, _ = run(sqlite, held, Adapter(error))
        assert entry.decision == Later(1.0, Reason.SOURCE_UNAVAILABLE)
        assert entry.attempt == Attempt(Ended.FAILED, Reason.SOURCE_UNAVAILABLE, 0.5, refused)


def test_an_attempt_has_the_status_of_the_last_answer_over_http(sqlite: Desk, sources: Sources) -> None:
    held = sqlite.held(question="profession", answer={"number": "9000010000", "family_name": "X", "given_name": "Y"})
    unreadable = described.adapter(described.at(sources.url("wrong-type", "registry"), one_person=False))
    down = described.adapter(described.at(sources.url("down", "registry"), one_person=False))
    for source, status in ((unreadable, 200), (down, 503), (Adapter(MATCHES), None)):
        entry, _ = run(sqlite, held, source)
        assert entry.attempt is not None
        assert entry.attempt.http_status == status


# ------------------------------------------------------------------------------------------------ many at once


class ManyAtOnce(Adapter):
    """Answers each word with the reason of that name, and `boom` by failing on all of them."""

    def __init__(self) -> None:
        super().__init__(MATCHES)
        self.lots: list[int] = []

    def look_up(self, query: Query) -> Found:
        self.asked.append(query)
        if query.answer["word"] == "boom":
            raise KeyError(SECRET)
        return self.answer(query)

    def answer(self, query: Query) -> Finding:
        reason = Reason(query.answer["word"])
        return Finding(Outcome.REFUSED if reason is Reason.STATUS_INACTIVE else Outcome.ACCEPTED, reason)

    def look_up_many(self, queries: Sequence[Query]) -> Sequence[Found | SourceError]:
        self.lots.append(len(queries))
        if any(query.answer["word"] == "boom" for query in queries):
            raise KeyError(SECRET)
        return [Unavailable("away") if query.answer["word"] == "away" else self.answer(query) for query in queries]


def lot_of(desk: Desk, *words: str) -> list[ClaimedCheck]:
    return [desk.held(f"p-{n}", "profession", answer={"word": word}) for n, word in enumerate(words)]


def run_many(desk: Desk, lot: Sequence[ClaimedCheck], adapter: Adapter) -> tuple[dict[str, CheckResult], str]:
    with capture_logs() as logs:
        entries = CheckRunner(desk.unseal, jitter=lambda: 0.0).run_many(lot, planned(desk, adapter))
    assert len(entries) == len(lot)
    return {entry.held.participant: entry for entry in entries}, _text(logs)


def test_a_lot_is_asked_at_once_and_each_check_gets_its_own_decision(sqlite: Desk) -> None:
    adapter = ManyAtOnce()
    lot = lot_of(sqlite, "record_matches", "status_inactive", "away", "record_matches")
    entries, _ = run_many(sqlite, [*lot[:3], replace(lot[3], seconds_left=0.0)], adapter)
    assert [entries[f"p-{n}"].decision for n in range(3)] == [
        Settle(Outcome.ACCEPTED, Reason.RECORD_MATCHES),
        Settle(Outcome.REFUSED, Reason.STATUS_INACTIVE),
        Later(1.0, Reason.SOURCE_UNAVAILABLE),
    ]
    assert entries["p-3"].attempt is None, "what is past its deadline is not asked"
    assert (adapter.lots, adapter.asked) == ([3], [])


def test_a_lot_whose_source_gives_no_answer_is_tried_again_whole(sqlite: Desk) -> None:
    adapter = ManyAtOnce()
    adapter.look_up_many = Mock(side_effect=Unavailable("down"))  # type: ignore[method-assign]
    entries, _ = run_many(sqlite, lot_of(sqlite, "record_matches", "record_matches"), adapter)
    assert {entry.decision for entry in entries.values()} == {Later(1.0, Reason.SOURCE_UNAVAILABLE)}


def test_a_check_that_an_adapter_fails_on_does_not_take_its_lot_with_it(sqlite: Desk) -> None:
    adapter = ManyAtOnce()
    entries, logs = run_many(sqlite, lot_of(sqlite, "record_matches", "boom", "status_inactive"), adapter)
    assert [entries[f"p-{n}"].decision for n in range(3)] == [
        Settle(Outcome.ACCEPTED, Reason.RECORD_MATCHES),
        Later(1.0, Reason.SOURCE_UNREADABLE),
        Settle(Outcome.REFUSED, Reason.STATUS_INACTIVE),
    ]
    assert "Valombre" not in logs


@pytest.mark.parametrize("nonsense", [[], [None, None], [MATCHES]])
def test_a_lot_that_comes_back_as_nonsense_is_asked_one_by_one(sqlite: Desk, nonsense: list[Any]) -> None:
    adapter = ManyAtOnce()
    adapter.look_up_many = Mock(return_value=nonsense)  # type: ignore[method-assign]
    entries, _ = run_many(sqlite, lot_of(sqlite, "record_matches", "status_inactive"), adapter)
    assert [entries[f"p-{n}"].attempt is not None for n in range(2)] == [True, True]
    assert len(adapter.asked) == 2


def test_a_mistake_in_our_own_rules_does_not_take_its_lot_with_it(sqlite: Desk) -> None:
    lot = lot_of(sqlite, "record_matches", "record_matches")
    jitters: list[float] = []

    def once_broken() -> float:
        jitters.append(0.0)
        if len(jitters) == 1:
            raise ValueError(SECRET)
        return 0.0

    entries = CheckRunner(sqlite.unseal, jitter=once_broken).run_many(lot, planned(sqlite, ManyAtOnce()))
    assert [entry.decision for entry in entries] == [
        Later(FAILED_RETRY, Reason.SOURCE_UNREADABLE),
        Settle(Outcome.ACCEPTED, Reason.RECORD_MATCHES),
    ]


def test_the_codes_of_a_lot_cost_one_statement(desk: Desk) -> None:
    codes = desk.add_codes(3)
    lot = [desk.held(f"p-{n}", "code", answer={"code": code}) for n, code in enumerate(codes)]
    plan = desk.plan()
    with desk.statements() as seen:
        entries = CheckRunner(desk.unseal).run_many(lot, plan)
    assert [entry.decision for entry in entries] == [
        replace(desk.code_valid(code), evidence={"list": "spring"}) for code in codes
    ]
    assert len(seen) == 1


# ------------------------------------------------------------------------------------------------ answers by plain SQL


def sealed(plain: bytes) -> bytes:
    return Seal(PUBLIC_KEY).close(plain)


NOT_AN_ANSWER: Mapping[str, bytes] = {
    "no JSON": b"{",
    "nothing": b"",
    "no UTF-8": b"\xff\xfe{}",
    "a list": b'["accept"]',
    "a text": b'"accept"',
    "null": b"null",
    "a number where text belongs": b'{"word": 7}',
    "nested": b'{"word": {"word": "accept"}}',
    "a NUL": rb'{"word": "a\u0000b"}',
    "half a surrogate pair": rb'{"word": "\ud800"}',
    "no number": b'{"word": NaN}',
    "far too deep": b'{"word": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "far too large": b'{"word": "' + b"x" * 1_000_000 + b'"}',
}


@pytest.mark.parametrize("plain", NOT_AN_ANSWER.values(), ids=NOT_AN_ANSWER)
def test_what_is_no_answer_ends_unreadable_without_being_asked(sqlite: Desk, plain: bytes) -> None:
    adapter = Adapter(MATCHES)
    entry, logs = run(sqlite, replace(sqlite.held(), sealed=sealed(plain)), adapter)
    assert entry.decision == Settle(Outcome.UNDETERMINED, Reason.ANSWER_UNREADABLE)
    assert (entry.attempt, adapter.asked) == (None, [])
    assert "answer unreadable" in logs


@pytest.mark.parametrize(
    "answer",
    [{}, {"code": ""}, {"code": "7", "name": SECRET}, {"code": "x" * 65}, {"name": SECRET}],
    ids=["nothing", "too short", "one field too many", "too long", "another field"],
)
def test_an_answer_that_breaks_its_schema_ends_unreadable(sqlite: Desk, answer: dict[str, str]) -> None:
    adapter = Adapter(MATCHES)
    held = replace(sqlite.held(question="code"), sealed=sealed(json.dumps(answer).encode()))
    entry, logs = run(sqlite, held, adapter)
    assert entry.decision == Settle(Outcome.UNDETERMINED, Reason.ANSWER_UNREADABLE)
    assert adapter.asked == []
    assert SECRET not in logs


def test_a_ciphertext_that_no_key_opens_ends_unreadable(sqlite: Desk) -> None:
    held = sqlite.held()
    assert held.sealed is not None
    another = generate()
    changes: list[dict[str, Any]] = [
        {"sealed": b"garbage"},
        {"sealed": b""},
        {"sealed": held.sealed[:-1]},
        {"sealed": bytes([held.sealed[0] ^ 1]) + held.sealed[1:]},
        {"sealed": Seal(another[1]).close(b'{"word": "accept"}')},
        {"sealed": None},
        {"sealed": "a text, where SQLite takes one"},
        {"answer_key": "k"},
        {"answer_key": None},
    ]
    for change in changes:
        entry, _ = run(sqlite, replace(held, **change), Adapter(MATCHES))
        assert entry.decision == Settle(Outcome.UNDETERMINED, Reason.ANSWER_UNREADABLE), change


def test_a_worker_with_another_key_leaves_the_answer_to_others_at_no_cost(sqlite: Desk) -> None:
    running, adapter, held = CheckRunner(Unseal([generate()[0]])), Adapter(MATCHES), sqlite.held()
    entry = running.run(held, planned(sqlite, adapter))
    assert (entry.decision, entry.attempt, adapter.asked) == (GiveBack(KEY_RETRY), None, [])
    sqlite.write(entry)
    columns = "state, lookups, lost_leases, answer IS NULL, lease_until IS NULL"
    assert sqlite.row(held.id, columns) == ("pending", 0, 0, False, True)
    assert sqlite.one("SELECT count(*) FROM jurat_checks WHERE due_at > NOW(2) AND due_at <= NOW(5)") == 1


def test_what_was_forsaken_for_a_day_ends_unreadable_also_where_its_deadline_is_far(sqlite: Desk) -> None:
    held = replace(sqlite.held(), answer_key="0" * 16, forsaken=True)
    entry, _ = run(sqlite, held, Adapter(MATCHES))
    assert entry.decision == Settle(Outcome.UNDETERMINED, Reason.ANSWER_UNREADABLE)


def test_a_row_inserted_by_plain_sql_ends_unreadable_and_costs_no_round_and_the_others_go_on(desk: Desk) -> None:
    good = desk.submit("p-1")
    desk.sql(
        "INSERT INTO jurat_checks (id, consultation, participant, question, answer, answer_key, source, due_at,"
        " submitted_at, deadline_at) VALUES (:id, 'budget', 'p-2', 'residence', :answer, 'k', 'towns', NOW, NOW,"
        " NOW(60))",
        id="01912d4e-0000-7000-8000-000000000001",
        answer=b"not sealed at all",
    )
    plan, running = desk.plan(), CheckRunner(desk.unseal)
    desk.write(*(running.run(held, plan) for held in desk.claim()))
    assert desk.verdicts(good.id) == [("accepted", "record_matches")]
    access = desk.client.access("budget", "p-2")
    assert (access.state, access.questions["residence"]) == (AccessState.INCOMPLETE, "undetermined")
    assert access.rounds_left["residence"] == 1
    assert desk.one("SELECT count(*) FROM jurat_checks WHERE participant = 'p-2' AND answer IS NULL") == 1


# ------------------------------------------------------------------------------------------------ our own mistakes


@pytest.mark.parametrize(
    "error", [KeyError(SECRET), ValueError(SECRET), RecursionError(SECRET), MemoryError(SECRET), AssertionError()]
)
def test_an_exception_in_an_adapter_is_tried_again_and_logged_without_what_it_says(
    sqlite: Desk, error: Exception
) -> None:
    held = sqlite.held(question="profession", answer={"word": SECRET})
    entry, logs = run(sqlite, held, Adapter(error))
    assert entry.decision == Later(1.0, Reason.SOURCE_UNREADABLE)
    assert entry.attempt == Attempt(Ended.FAILED, Reason.SOURCE_UNREADABLE, 0.5)
    assert type(error).__name__ in logs
    assert "Adapter.look_up:" in logs
    for word in ("Tanneurs", "Sidonie", "Valombre"):
        assert word not in logs


def test_it_ends_undetermined_at_the_deadline_and_goes_to_a_person_where_the_question_says_so(desk: Desk) -> None:
    adapter = Adapter(KeyError(SECRET))
    for question, verdicts in (("code", [("undetermined", "source_unreadable")]), ("profession", [])):
        held = desk.held(question=question)
        desk.write(run(desk, held, adapter)[0])
        desk.set_back("deadline_at", 1)
        (overdue,) = desk.claims.claim_overdue(5, {})
        entry, _ = run(desk, overdue, adapter)
        desk.write(entry)
        assert desk.verdicts(held.id) == verdicts
    assert desk.one("SELECT reason FROM jurat_reviews") == "source_unreadable"
    assert len(adapter.asked) == 2


def test_an_adapter_that_gives_back_nonsense_is_tried_again(sqlite: Desk) -> None:
    for nonsense in (None, "accepted", {"outcome": "accepted"}):
        entry, _ = run(sqlite, sqlite.held(f"p-{nonsense}", "profession"), Adapter(nonsense))  # type: ignore[arg-type]
        assert isinstance(entry.decision, Later)
        assert entry.decision.reason is Reason.SOURCE_UNREADABLE
        assert entry.decision.seconds <= FAILED_RETRY


def test_a_mistake_in_our_own_rules_is_tried_again_and_logged_without_what_it_says(sqlite: Desk) -> None:
    def broken() -> float:
        raise ValueError(SECRET)

    with capture_logs() as logs:
        entry = CheckRunner(sqlite.unseal, jitter=broken).run(
            sqlite.held(), planned(sqlite, Adapter(Unavailable("down")))
        )
    assert entry.decision == Later(FAILED_RETRY, Reason.SOURCE_UNREADABLE)
    assert "ValueError" in _text(logs)
    assert "Valombre" not in _text(logs)


def test_what_ends_the_process_is_not_held_back(sqlite: Desk) -> None:
    with pytest.raises(SystemExit):
        run(sqlite, sqlite.held(), Adapter(SystemExit(1)))


def test_a_review_names_no_answer(sqlite: Desk) -> None:
    held = sqlite.held(question="profession", answer={"word": SECRET})
    entry, logs = run(sqlite, held, Adapter(Finding(Outcome.UNDETERMINED, Reason.NAME_DIFFERS, {"similarity": 0.4})))
    assert entry.decision == Review(Reason.NAME_DIFFERS, 14 * 86400, {"similarity": 0.4})
    assert SECRET not in repr(entry) + logs
    assert SECRET not in repr(Query({"word": SECRET})) + repr(Place(Level.STREET, 2.0, 48.0, street=SECRET))
