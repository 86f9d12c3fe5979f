"""Access with the newest results, all of one moment, and what is told about them."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event

from jurat import Client, Outcome, QuestionState, Reason, SchemaMissing, State, UnknownConsultation
from jurat.messages import PRIVACY, message_for
from tests.jurat.consultations import Town
from tests.jurat.test_client import submit

OWN = {"outside_zone": {"fr": "Venez à la mairie."}, "state.open": {"und": "Open to all."}}
CONTACT = {"en": "Write to us", "fr": "Écrivez-nous"}


def counts(town: Town, state: str, **questions: Any) -> None:
    """What a worker adds up, in the verdict's transaction."""
    (stored,) = (row[0] for row in town.read("SELECT questions FROM jurat_access WHERE participant = 'p-42'"))
    stands = (json.loads(stored) if isinstance(stored, str) else stored) | questions
    kept = "CAST(:questions AS jsonb)" if town.engine.dialect.name == "postgresql" else ":questions"
    town.write(
        f"UPDATE jurat_access SET access = :state, questions = {kept} WHERE participant = 'p-42'",
        state=state,
        questions=json.dumps(stands),
    )


@pytest.fixture
def with_texts(town: Town) -> Town:
    """The consultation `budget` has a contact and two texts of its own."""
    as_json = "CAST(:{0} AS jsonb)" if town.engine.dialect.name == "postgresql" else ":{0}"
    town.write(
        f"UPDATE jurat_questions SET messages = {as_json.format('own')}, contact = {as_json.format('contact')} "
        "WHERE consultation = 'budget'",
        own=json.dumps(OWN),
        contact=json.dumps(CONTACT),
    )
    return town


def test_it_has_the_access_and_the_newest_result_of_each_question(client: Client, town: Town) -> None:
    refused = submit(client, town, question="code", answer={"code": "spring"})
    town.settle(refused.id, Outcome.REFUSED, Reason.CODE_UNKNOWN)
    counts(town, "incomplete", code="refused")
    town.write("INSERT INTO jurat_sources (name, poll_ms) VALUES ('towns', 700)")
    waiting = submit(client, town)
    again = submit(client, town, question="code", answer={"code": "summer"})
    submit(client, town, "p-43")
    participant_status = client.participant_status("budget", "p-42")
    assert participant_status.access == client.access("budget", "p-42")
    assert participant_status.results == {"residence": client.result(waiting.id), "code": client.result(again.id)}
    assert participant_status.next_poll_ms == 500, "the soonest of the two"
    town.settle(again.id, Outcome.REFUSED, Reason.CODE_USED)
    assert client.participant_status("budget", "p-42").next_poll_ms == 700
    assert client.participant_status("budget", "p-42").results["code"].reason is Reason.CODE_USED


def test_before_the_first_answer_it_is_the_whole_form(client: Client, town: Town) -> None:
    participant_status = client.participant_status("budget", "nobody-yet")
    assert participant_status.access == client.access("budget", "nobody-yet")
    assert (participant_status.results, participant_status.next_poll_ms, participant_status.contact("fr")) == (
        {},
        0,
        "",
    )
    assert participant_status.message("residence", "de") == message_for("state.open", "de")
    assert participant_status.access_message("de") == message_for("access.incomplete", "de")


def test_why_an_answer_is_asked_for_is_told_in_the_consultation_s_own_words(client: Client, town: Town) -> None:
    assert client.participant_status("budget", "p-42").privacy("fr") == message_for(PRIVACY, "fr")
    own = "CAST(:own AS jsonb)" if town.engine.dialect.name == "postgresql" else ":own"
    town.write(f"UPDATE jurat_questions SET messages = {own}", own=json.dumps({PRIVACY: {"und": "For the town."}}))
    assert client.participant_status("budget", "p-42").privacy("fr") == "For the town."


def test_it_is_read_in_one_statement(client: Client, town: Town) -> None:
    submit(client, town)
    asked: list[str] = []
    event.listen(client._engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    client.participant_status("budget", "p-42")
    assert sum("jurat_" in sql for sql in asked) == 1


def test_what_is_told_is_why_the_verdict_says_so_or_where_the_question_stands(client: Client, town: Town) -> None:
    check = submit(client, town)
    assert client.participant_status("budget", "p-42").message("residence") == message_for("state.pending", "en")
    town.settle(check.id, Outcome.REFUSED, Reason.OUTSIDE_ZONE)
    counts(town, "blocked", residence="refused")
    participant_status = client.participant_status("budget", "p-42")
    assert participant_status.message("residence", "es-MX") == message_for("outside_zone", "es")
    assert participant_status.access_message("es-MX") == message_for("access.blocked", "es")
    town.write("UPDATE jurat_checks SET state = 'review'")
    counts(town, "pending", residence="review")
    participant_status = client.participant_status("budget", "p-42")
    assert participant_status.results["residence"].state is State.REVIEW
    assert participant_status.message("residence", "fr") == message_for("state.review", "fr")
    assert participant_status.next_poll_ms == 60_000


def test_a_verdict_that_does_not_count_is_not_told(client: Client, town: Town) -> None:
    """An earlier answer still holds, or nothing does any more."""
    check = submit(client, town)
    town.settle(check.id, Outcome.REFUSED, Reason.OUTSIDE_ZONE)
    for state in (QuestionState.ACCEPTED, QuestionState.OPEN):
        counts(town, "incomplete", residence=state)
        assert client.participant_status("budget", "p-42").message("residence") == message_for(f"state.{state}", "en")


def test_a_reason_of_a_newer_worker_is_told_by_the_state(client: Client, town: Town) -> None:
    check = submit(client, town)
    town.settle(check.id, Outcome.ACCEPTED, "brand_new")
    counts(town, "granted", residence="accepted")
    assert client.participant_status("budget", "p-42").message("residence") == message_for("state.accepted", "en")


def test_the_texts_of_a_consultation_go_first(client: Client, with_texts: Town) -> None:
    check = submit(client, with_texts)
    with_texts.settle(check.id, Outcome.REFUSED, Reason.OUTSIDE_ZONE)
    counts(with_texts, "blocked", residence="refused")
    participant_status = client.participant_status("budget", "p-42")
    assert participant_status.message("residence", "fr-CA") == "Venez à la mairie."
    assert participant_status.message("residence", "de") == message_for("outside_zone", "de")
    assert participant_status.message("code", "de") == "Open to all."
    assert (participant_status.contact("fr-CA"), participant_status.contact("de")) == ("Écrivez-nous", "Write to us")
    assert client.message("outside_zone", "fr", "budget") == "Venez à la mairie."
    assert client.message("outside_zone", "fr", "budget-2027") == message_for("outside_zone", "fr")
    assert client.message("outside_zone", "fr") == message_for("outside_zone", "fr")
    assert client.state_message("open", "fr", "budget") == "Open to all."
    assert client.access_message("granted", "fr", "budget") == message_for("access.granted", "fr")
    assert client.contact("budget", "fr") == "Écrivez-nous"
    assert client.contact("budget-2027", "fr") == ""


def test_an_unknown_consultation_is_told_and_an_old_verdict_keeps_its_text(client: Client) -> None:
    for read in (lambda: client.participant_status("budget-2028", "p-42"), lambda: client.contact("budget-2028")):
        with pytest.raises(UnknownConsultation, match="did you mean 'budget-2027'"):
            read()
    assert client.message("outside_zone", "de", "budget-2020") == message_for("outside_zone", "de")


def test_a_question_that_was_published_since_is_open(client: Client, town: Town) -> None:
    submit(client, town)
    town.ask("budget", "age", position=0, rounds=2)
    participant_status = client.participant_status("budget", "p-42")
    assert list(participant_status.access.questions) == ["age", "residence", "profession", "code"]
    assert participant_status.message("age") == message_for("state.open", "en")


def test_a_database_without_our_tables_is_told(tmp_path: Any) -> None:
    (tmp_path / "empty.db").touch()
    client = Client(f"sqlite:///{tmp_path}/empty.db")
    with pytest.raises(SchemaMissing, match="no jurat tables"):
        client.participant_status("budget", "p-42")
    client.close()


def test_it_is_one_moment_while_answers_come_and_go(client: Client, town: Town) -> None:
    """Between two statements a verdict could come, and a page would call one question both decided and on its way."""
    check = submit(client, town)
    seen: list[tuple[str, str]] = []

    def settle_meanwhile(*given: Any) -> None:
        if "jurat_results" in given[2] and not seen:
            seen.append(("settled", str(check.id)))
            town.settle(check.id, Outcome.REFUSED, Reason.OUTSIDE_ZONE)
            counts(town, "blocked", residence="refused")

    event.listen(client._engine, "after_cursor_execute", settle_meanwhile)
    participant_status = client.participant_status("budget", "p-42")
    assert seen
    assert (participant_status.access.questions["residence"], participant_status.results["residence"].state) == (
        "pending",
        "pending",
    )
    later = client.participant_status("budget", "p-42")
    assert (later.access.questions["residence"], later.results["residence"].outcome) == ("refused", "refused")


def test_many_rounds_give_the_last(client: Client, town: Town) -> None:
    ids: list[UUID] = []
    for word in ("one1", "two2", "three3"):
        check = submit(client, town, question="code", answer={"code": word})
        town.settle(check.id, Outcome.REFUSED, Reason.CODE_UNKNOWN)
        counts(town, "incomplete", code="refused")
        ids.append(check.id)
    assert client.participant_status("budget", "p-42").results["code"].check_id == ids[-1]
