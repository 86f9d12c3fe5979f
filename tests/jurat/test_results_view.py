"""The view that any platform polls, in SQL alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from jurat import AlreadyConfirmed, Check, Client, Outcome, Reason
from jurat.messages import AWAY, message_for
from jurat.times import moment
from tests.jurat.consultations import ADDRESS, Town


def submit(client: Client, town: Town, participant: str = "p-42", question: str = "residence") -> Check:
    answer = {"code": "spring"} if question == "code" else ADDRESS
    with town.engine.begin() as connection:
        return client.submit(
            connection, consultation="budget", participant=participant, question=question, answer=answer
        )


def row_of(town: Town, check: UUID) -> dict[str, Any]:
    columns = "check_id consultation participant question round state outcome reason revision decided_at next_poll_ms"
    names = columns.split()
    [row] = town.read(f"SELECT {', '.join(names)} FROM jurat_results WHERE check_id = :id", id=str(check))
    return dict(zip(names, row, strict=True))


def test_a_check_has_one_row_from_its_submit_on(client: Client, town: Town) -> None:
    check = submit(client, town)
    row = row_of(town, check.id)
    assert str(row.pop("check_id")) == str(check.id)
    assert row == {
        "consultation": "budget",
        "participant": "p-42",
        "question": "residence",
        "round": 1,
        "state": "pending",
        "outcome": None,
        "reason": None,
        "revision": None,
        "decided_at": None,
        "next_poll_ms": 500,
    }


def test_the_newest_revision_is_the_verdict(client: Client, town: Town) -> None:
    check = submit(client, town)
    other = submit(client, town, "p-43")
    town.settle(check.id, Outcome.REFUSED, Reason.OUTSIDE_ZONE)
    assert (row_of(town, check.id)["outcome"], row_of(town, check.id)["revision"]) == ("refused", 1)
    for revision in range(2, 12):
        town.settle(check.id, Outcome.REFUSED, Reason.PERSON_REFUSED, revision)
    town.settle(check.id, Outcome.ACCEPTED, Reason.PERSON_ACCEPTED, 12)
    row = row_of(town, check.id)
    assert (row["outcome"], row["reason"], row["revision"]) == ("accepted", "person_accepted", 12)
    assert moment(row["decided_at"]) is not None
    assert row_of(town, other.id)["outcome"] is None
    assert town.count("jurat_results") == 2
    assert client.result(check.id).revision == 12


def test_a_reason_that_this_client_does_not_know_stays_a_text(client: Client, town: Town) -> None:
    check = submit(client, town)
    town.settle(check.id, Outcome.UNDETERMINED, "brand_new")
    result = client.result(check.id)
    assert (result.outcome, result.reason) == (Outcome.UNDETERMINED, "brand_new")
    with pytest.raises(AlreadyConfirmed):
        submit(client, town)


@pytest.mark.parametrize(
    ("state", "expected"), [("pending", 1234), ("leased", 1234), ("review", 60_000), ("settled", 0)]
)
def test_when_to_ask_again_comes_from_the_source_s_figures(
    client: Client, town: Town, state: str, expected: int
) -> None:
    check = submit(client, town)
    town.write("INSERT INTO jurat_sources (name, poll_ms) VALUES ('towns', 1234), ('spring', 7)")
    town.write("UPDATE jurat_checks SET state = :state", state=state)
    assert row_of(town, check.id)["next_poll_ms"] == expected
    assert client.result(check.id).next_poll_ms == expected


@pytest.mark.parametrize(
    ("poll_ms", "seconds", "least", "most"),
    [
        (100, 0, 100, 100),
        (700, 33.1, 1650, 5000),
        (2500, 33.1, 2500, 5000),
        (100, 200, 5000, 5000),
        (9000, 200, 5000, 5000),
    ],
)
def test_polls_grow_rarer_while_the_workers_are_away(
    client: Client, town: Town, poll_ms: int, seconds: float, least: int, most: int
) -> None:
    check = submit(client, town)
    at = town.ago(seconds / 86400) if seconds else town.ago(-1)
    town.write(f"INSERT INTO jurat_sources (name, poll_ms, figures_at) VALUES ('towns', :poll, {at})", poll=poll_ms)
    assert least <= row_of(town, check.id)["next_poll_ms"] <= most


@pytest.mark.parametrize(
    ("values", "away"),
    [
        ("poll_ms) VALUES ('towns', 500", False),
        ("failures) VALUES ('towns', 1", False),
        ("failures) VALUES ('towns', 2", True),
        ("opened_at) VALUES ('towns', {past}", True),
        ("paused_until) VALUES ('towns', {past}", False),
        ("paused_until) VALUES ('towns', {future}", True),
        ("closed_until) VALUES ('towns', {future}", True),
        ("figures_at) VALUES ('towns', {past}", True),
        ("figures_at) VALUES ('towns', {future}", False),
    ],
)
def test_whoever_waits_for_a_source_that_does_not_answer_is_told(
    client: Client, town: Town, values: str, away: bool
) -> None:
    check = submit(client, town)
    town.write(f"INSERT INTO jurat_sources (name, {values})".format(past=town.ago(60 / 86400), future=town.ago(-1)))
    for state in ("pending", "leased"):
        town.write("UPDATE jurat_checks SET state = :state", state=state)
        assert client.result(check.id).source_away is away
        told = client.participant_status("budget", "p-42").message("residence", "fr")
        assert told == message_for(AWAY if away else "state.pending", "fr")
    town.settle(check.id, Outcome.REFUSED, Reason.OUTSIDE_ZONE)
    assert client.result(check.id).source_away is False


def test_until_when_a_review_is_decided_is_told_while_it_is_open(client: Client, town: Town) -> None:
    check, other = submit(client, town), submit(client, town, "p-43")
    due, now = town.ago(-14), town.ago(0)
    for each in (check, other):
        town.write(
            "INSERT INTO jurat_reviews (check_id, reason, evidence, config_version, opened_at, due_at) "
            f"VALUES (:id, 'near_border', '{{}}', 1, {now}, {due})",
            id=str(each.id),
        )
    town.write("UPDATE jurat_checks SET state = 'review' WHERE id = :id", id=str(check.id))
    told = client.result(check.id).review_due_at
    assert told is not None
    assert timedelta(days=13.9) < told - datetime.now(UTC) < timedelta(days=14.1)
    assert client.result(other.id).review_due_at is None


def test_a_zone_is_named_where_the_verdict_in_force_accepts_and_says_which_was_asked_for(
    client: Client, town: Town
) -> None:
    check = submit(client, town)
    accepted, refused = (Outcome.ACCEPTED, Reason.INSIDE_ZONE), (Outcome.REFUSED, Reason.OUTSIDE_ZONE)
    verdicts: list[tuple[Outcome, Reason, dict[str, str]]] = [
        (*accepted, {"zone": "ward-1"}),
        (*accepted, {"zone": "ward-1", "named_zone": "ward-1"}),
        (*refused, {"named_zone": "ward-1"}),
        (Outcome.ACCEPTED, Reason.PERSON_ACCEPTED, {}),
    ]
    named = []
    for revision, (outcome, reason, evidence) in enumerate(verdicts, start=1):
        town.settle(check.id, outcome, reason, revision, evidence=evidence)
        named.append((client.result(check.id).zone, client.participant_status("budget", "p-42").results))
    assert [zone for zone, _ in named] == [None, "ward-1", None, None]
    assert [results["residence"].zone for _, results in named] == [None, "ward-1", None, None]


def test_when_to_ask_again_follows_the_check_to_its_next_source(client: Client, town: Town) -> None:
    check = submit(client, town)
    town.write("INSERT INTO jurat_sources (name, poll_ms) VALUES ('towns', 1234), ('spring', 7)")
    town.write("UPDATE jurat_checks SET source = 'spring'")
    assert row_of(town, check.id)["next_poll_ms"] == 7


def test_a_row_is_found_by_its_key_and_never_by_a_scan(client: Client, town: Town) -> None:
    check = submit(client, town)
    query = "SELECT * FROM jurat_results WHERE check_id = :id"
    if town.engine.dialect.name == "sqlite":
        plan = [row[3] for row in town.read(f"EXPLAIN QUERY PLAN {query}", id=str(check.id))]
    else:
        with town.engine.begin() as connection:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # a small table is quicker read whole
            explained = connection.exec_driver_sql(f"EXPLAIN {query}".replace(":id", "%s"), (str(check.id),))
            plan = [row[0] for row in explained]
    assert any("jurat_checks" in line for line in plan), plan
    assert not any("SCAN" in line or "Seq Scan" in line for line in plan), plan


def test_the_view_cannot_be_written_to(client: Client, town: Town) -> None:
    check = submit(client, town)
    with pytest.raises(Exception, match=r"(?i)cannot (modify|update)|can ?not update"):
        town.write("UPDATE jurat_results SET outcome = 'accepted' WHERE check_id = :id", id=str(check.id))
    assert row_of(town, check.id)["outcome"] is None
