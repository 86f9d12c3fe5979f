"""Access rows when a configuration changes what answers add up to: soon right for everybody, and never wrong after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from jurat.vocabulary import AccessState, Reason
from store.upkeep import outdated_access
from tasks.checks import Review
from tests.store.desk import ACCEPTED, DOCUMENT, REFUSED, Desk, entry

QUESTIONS = DOCUMENT["consultations"]["budget"]["questions"]


def with_budget(**changes: Any) -> Mapping[str, Any]:
    return {**DOCUMENT, "consultations": {"budget": {**DOCUMENT["consultations"]["budget"], **changes}}}


ANY = with_budget(access={"any_of": ["residence", "profession", "code"]})
"""One accepted answer is enough."""


def versions(desk: Desk) -> list[int]:
    return [row[0] for row in desk.sql("SELECT config_version FROM jurat_access ORDER BY participant")]


def test_a_changed_rule_reaches_everybody_who_has_answered(desk: Desk) -> None:
    desk.settle(desk.held("p-1"))
    desk.settle(desk.held("p-2"), REFUSED)
    desk.submit("p-3")
    desk.apply(ANY)
    assert desk.access("p-1") == AccessState.INCOMPLETE, "upkeep does it"
    assert desk.upkeep.add_up_access() == 3
    assert [desk.access(f"p-{n}") for n in (1, 2, 3)] == ["granted", "incomplete", "pending"]
    assert versions(desk) == [2, 2, 2]
    assert desk.upkeep.add_up_access() == 0
    desk.apply(DOCUMENT)
    assert desk.upkeep.add_up_access() == 3
    assert [desk.access(f"p-{n}") for n in (1, 2, 3)] == ["incomplete", "blocked", "pending"]


@pytest.mark.parametrize(
    "changes",
    [
        {"questions": {**QUESTIONS, "residence": {"criterion": "lives-in", "rounds": 2}}},
        {"questions": {name: QUESTIONS[name] for name in ("residence", "code")}, "access": {"all_of": ["residence"]}},
    ],
    ids=["a round more", "a question less"],
)
def test_changed_questions_do_as_well(desk: Desk, changes: Any) -> None:
    desk.settle(desk.held("p-1"), REFUSED)
    desk.settle(desk.held("p-2"))
    desk.apply(with_budget(**changes))
    assert desk.upkeep.add_up_access() == 2
    found = desk.client.access("budget", "p-1"), desk.client.access("budget", "p-2")
    expected = ["incomplete", "incomplete"] if "access" not in changes else ["blocked", "granted"]
    assert [each.state for each in found] == expected
    assert set(found[0].questions) == set(changes["questions"])


def test_a_change_of_something_else_leaves_the_rows_alone(desk: Desk) -> None:
    desk.settle(desk.held())
    desk.apply(with_budget(title="Budget"))
    other = {"questions": {"residence": QUESTIONS["residence"]}}
    desk.apply({**DOCUMENT, "consultations": {**DOCUMENT["consultations"], "survey": other}})
    assert desk.upkeep.add_up_access() == 0
    desk.settle(desk.held("p-2"))
    assert versions(desk) == [1, 3]
    assert desk.upkeep.add_up_access() == 0


def test_a_turn_has_work_only_after_a_change(desk: Desk) -> None:
    def turn() -> set[str]:
        desk.sql("UPDATE jurat_upkeep SET ran_at = NOW(-2)")
        return desk.upkeep.turns({"access": 1})

    desk.settle(desk.held())
    assert not turn()
    desk.apply(ANY)
    assert turn()
    desk.upkeep.add_up_access()
    assert not turn()


def test_a_turn_adds_up_so_many_and_no_more(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outdated_access, "BATCH", 3)
    monkeypatch.setattr(outdated_access, "BATCHES", 2)
    desk.submit_many(10)
    desk.apply(ANY)
    assert [desk.upkeep.add_up_access() for _ in range(3)] == [6, 4, 0]


def test_who_answers_before_upkeep_comes_is_added_up_as_well(desk: Desk) -> None:
    """The trigger at submit cannot add up; it leaves the row to upkeep."""
    desk.settle(desk.held())
    desk.apply(ANY)
    desk.submit("p-1", "code")
    assert desk.upkeep.add_up_access() == 1
    assert desk.access() == AccessState.GRANTED


def test_a_worker_with_an_old_plan_adds_up_by_what_is_applied(desk: Desk) -> None:
    held, old = desk.held(), desk.plan()
    desk.apply(ANY)
    assert old.version == 1
    desk.write(entry(held, config_version=1))
    assert desk.access() == AccessState.GRANTED
    assert versions(desk) == [2]


def test_a_write_that_began_before_the_change_is_added_up_again(postgresql: Desk) -> None:
    """It saw the old rule and commits after upkeep has passed."""
    desk = postgresql
    held = desk.held()
    with desk.engine.begin() as connection:
        desk.write_on(connection, entry(held))
        desk.apply(ANY)
        assert desk.upkeep.add_up_access() == 0, "the row is held"
    assert desk.access() == AccessState.INCOMPLETE
    assert desk.upkeep.add_up_access() == 1
    assert desk.access() == AccessState.GRANTED


def test_an_answer_that_was_submitted_while_the_rule_changed_is_added_up(postgresql: Desk) -> None:
    desk = postgresql
    with desk.engine.begin() as platform:
        desk.submit_on(platform, "p-1", "residence")
        desk.apply(with_budget(questions={"residence": QUESTIONS["residence"]}, access={"all_of": ["residence"]}))
        assert desk.upkeep.add_up_access() == 0
    assert desk.upkeep.add_up_access() == 1
    assert set(desk.one("SELECT questions FROM jurat_access")) == {"residence"}


def test_a_configuration_of_a_newer_jurat_is_left_to_its_workers(desk: Desk) -> None:
    """They add up by it; who cannot read it goes on by the one before, and leaves their rows alone."""
    desk.settle(desk.held())
    document = "CAST('{\"newer\": 1}' AS jsonb)" if desk.postgresql else "'{\"newer\": 1}'"
    desk.sql(
        "INSERT INTO jurat_configs (version, digest, document, applied_by, applied_at)"
        f" VALUES (2, 'd', {document}, 'me', NOW)"
    )
    desk.sql("UPDATE jurat_questions SET config_version = 2")
    assert desk.upkeep.add_up_access() == 0
    desk.settle(desk.held("p-2"), REFUSED)
    assert (desk.access("p-2"), versions(desk)) == (AccessState.BLOCKED, [1, 1])
    desk.apply(ANY)
    assert desk.upkeep.add_up_access() == 2
    assert (desk.access("p-1"), versions(desk)) == (AccessState.GRANTED, [3, 3])


def test_a_version_that_was_lost_with_its_database_is_not_remembered(desk: Desk) -> None:
    """A worker that lives through a restored backup meets another configuration under the same number."""
    desk.apply(ANY)
    desk.settle(desk.held("p-1"))
    assert desk.access("p-1") == AccessState.GRANTED
    desk.sql("DELETE FROM jurat_configs WHERE version = 2")
    desk.apply(with_budget(access={"all_of": ["residence", "code"]}))
    desk.settle(desk.held("p-2"))
    assert desk.access("p-2") == AccessState.INCOMPLETE


def test_what_a_granted_access_rests_on_is_purged_when_another_rule_takes_it_away(desk: Desk) -> None:
    desk.write(entry(desk.held(), ACCEPTED, retain=-1.0), entry(desk.held("p-1", "code"), retain=-1.0))
    assert (desk.access(), desk.upkeep.purge()) == (AccessState.GRANTED, 0)
    desk.apply(with_budget(access={"all_of": ["profession"]}))
    assert desk.upkeep.add_up_access() == 1
    assert (desk.access(), desk.upkeep.purge()) == (AccessState.INCOMPLETE, 2)
    assert desk.one("SELECT count(*) FROM jurat_access") == 0


def test_who_was_granted_access_and_has_no_checks_keeps_it(desk: Desk) -> None:
    """Workers before this rule deleted checks that an access still rested on."""
    desk.settle(desk.held(), ACCEPTED, retain=-1.0)
    desk.settle(desk.held("p-1", "code"), ACCEPTED, retain=-1.0)
    desk.sql("DELETE FROM jurat_verdicts")
    desk.sql("DELETE FROM jurat_checks")
    desk.apply(with_budget(access={"all_of": ["profession"]}))
    assert desk.upkeep.add_up_access() == 1
    assert desk.access() == AccessState.GRANTED
    assert desk.upkeep.add_up_access() == 0


def test_an_overdue_review_is_pending_for_its_participant_at_once(desk: Desk) -> None:
    desk.settle(desk.held(question="profession"), Review(Reason.NAME_DIFFERS, -1.0))
    assert desk.client.access("budget", "p-1").questions["profession"] == "review"
    desk.upkeep.end_reviews()
    assert desk.client.access("budget", "p-1").questions["profession"] == "pending"


def test_a_review_that_is_ended_by_force_is_pending_for_its_participant_at_once(desk: Desk) -> None:
    desk.settle(desk.held(question="profession"), Review(Reason.NAME_DIFFERS, 3600))
    survey = {"questions": {"residence": QUESTIONS["residence"]}}
    desk.apply({**DOCUMENT, "consultations": {"survey": survey}}, force=True)
    questions = desk.one("SELECT questions FROM jurat_access")
    assert '"profession":"pending"' in str(questions).replace("'", '"').replace(" ", "")


def test_a_row_that_is_outdated_twice_over_counts_once_in_a_turn(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """By time and by a change of the rule: a turn would else take itself to be done before it is."""
    monkeypatch.setattr(outdated_access, "BATCH", 4)
    desk.submit_many(10)
    desk.sql("UPDATE jurat_access SET changes_at = NOW(-1) WHERE participant IN ('p-0', 'p-1', 'p-2')")
    desk.apply(ANY)
    assert desk.upkeep.add_up_access() == 10
    assert versions(desk) == [2] * 10
