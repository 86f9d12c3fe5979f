"""Each example platform, used over HTTP as participants use it, with a real database and a real worker behind it."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from uuid import uuid4

import pytest
from ruamel.yaml import YAML

from jurat.messages import message_for
from tests.examples.stacks.participant import PATIENCE, Page, Participant
from tests.examples.stacks.runtimes import EXAMPLES
from tests.examples.stacks.stage import Platform, Stage

pytestmark = [pytest.mark.stacks, pytest.mark.timeout(300)]

TOWN = YAML(typ="safe").load(EXAMPLES / "shared" / "jurat.yaml")["consultations"]["budget"]
NEAR_BORDER = TOWN["messages"]["near_border"]
"""What the town says itself."""

HOME = {"number": "6", "street": "Rue des Tanneurs", "postcode": "99001", "city": "Valmont"}
ELSEWHERE = {"number": "12", "street": "quai des Sardiniers", "postcode": "99002", "city": "Valmont"}

FAILS_AT_COMMIT = """
    CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'on purpose'; END $$;
    CREATE CONSTRAINT TRIGGER fails_at_commit AFTER INSERT ON jurat_checks DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION fail();
"""
"""Everything is written, and then nothing of it may be there."""


def magic(word: str) -> dict[str, str]:
    """An answer that the address base does not know, and that the simulated source decides by its street."""
    return {**HOME, "street": word}


@pytest.fixture
def people(platform: Platform) -> list[Participant]:
    return [Participant(platform.address) for _ in range(6)]


def checks(stage: Stage, question: str = "residence") -> int:
    """How many checks there are; as many as the platform has written down for them."""
    ((made, kept),) = stage.sql(
        "SELECT (SELECT count(*) FROM jurat_checks WHERE question = %s), "
        "(SELECT count(*) FROM platform_answers WHERE question = %s)",
        question,
        question,
    )
    assert made == kept
    return int(made)


def test_every_answer_gets_its_word(platform: Platform, people: list[Participant]) -> None:
    accepted, refused, undecided, slow, reviewed, _ = people
    french = Participant(platform.address, "fr-CH")
    assert accepted.get().access == "incomplete"
    accepted.confirm("residence", **HOME)
    refused.confirm("residence", **ELSEWHERE)
    undecided.confirm("residence", **magic("undetermined:near_border"))
    slow.confirm("residence", **magic("slow:2s"))
    french.confirm("residence", **HOME)
    reviewed.confirm("residence", **magic("review"))
    page = slow.get()
    assert (page.sections["residence"].state, page.sections["residence"].may_answer) == ("pending", False)
    assert page.access == "pending"
    section = accepted.settled_section("residence")
    assert (section.state, section.words, section.may_answer) == ("accepted", message_for("inside_zone", "en"), False)
    section = refused.settled_section("residence")
    assert (section.state, section.words, section.may_answer) == ("refused", message_for("outside_zone", "en"), True)
    section = undecided.settled_section("residence")
    assert (section.state, section.words, section.may_answer) == ("undetermined", NEAR_BORDER["en"], True)
    assert french.settled_section("residence").words == message_for("inside_zone", "fr")
    page = french.get()
    assert (page.language, page.title) == ("fr", "Budget participatif de Valmont")
    assert page.sections["profession"].words == message_for("state.open", "fr")
    assert message_for("access.incomplete", "fr") in unescape(page.text)
    assert "Écrivez à participation@valmont.example" in unescape(page.text)
    assert slow.settled_section("residence").state == "accepted"
    section = reviewed.settled_section("residence")
    assert (section.state, section.may_answer) == ("review", False)
    assert section.words == message_for("state.review", "en")
    assert reviewed.get().refresh == 60
    accepted.confirm("profession", answer="accept")
    assert accepted.settled_section("profession").words == message_for("record_matches", "en")
    page = accepted.get()
    assert (page.access, page.refresh) == ("granted", 0)
    assert "participation@valmont.example" in refused.get().text


def test_everything_is_reported_in_the_participants_language_and_the_consultations_own_words(
    platform: Platform,
) -> None:
    french, german, spanish = (Participant(platform.address, tag) for tag in ("fr", "de-AT", "es"))
    for one in (french, german):
        one.confirm("residence", **magic("undetermined:near_border"))
    spanish.confirm("residence", **magic("review"))
    assert french.settled_section("residence").words == NEAR_BORDER["fr"]
    assert german.settled_section("residence").words == message_for("near_border", "de"), "the town has no German text"
    assert spanish.settled_section("residence").words == message_for("state.review", "es")
    text = unescape(spanish.get().text)
    assert message_for("access.pending", "es") in text
    assert "Write to participation@valmont.example" in text


def test_an_outage_costs_nothing_and_ends(people: list[Participant]) -> None:
    waits, gives_up, *_ = people
    waits.confirm("residence", **magic("down:1"))
    gives_up.confirm("profession", answer="down")
    assert gives_up.get().sections["profession"].state == "pending"
    assert waits.settled_section("residence").state == "accepted"
    section = gives_up.settled_section("profession")
    assert (section.state, section.words) == ("undetermined", message_for("source_unavailable", "en"))
    assert section.may_answer, "its only round was given back"
    gives_up.confirm("profession", answer="accept")
    assert gives_up.settled_section("profession").state == "accepted"


def test_an_answer_that_is_confirmed_twice_is_one_check(stage: Stage, people: list[Participant]) -> None:
    before = checks(stage)
    page = people[0].to_confirm("residence", **magic("refuse"))
    assert people[0].send(page).url == people[0].send(page).url == "/"
    assert people[0].settled_section("residence").may_answer, "a round is open"
    people[0].send(page)
    assert people[0].get().sections["residence"].state == "refused"
    assert checks(stage) == before + 1


def test_an_answer_that_is_confirmed_in_two_tabs_at_once_is_one_check(stage: Stage, people: list[Participant]) -> None:
    before = checks(stage)
    pages = [(one, one.to_confirm("residence", **magic("slow:2s"))) for one in people for _ in range(4)]
    with ThreadPoolExecutor(len(pages)) as threads:
        came = list(threads.map(lambda pair: pair[0].send(pair[1]), pages))
    assert {(page.url, page.status) for page in came} == {("/", 200)}
    assert checks(stage) == before + len(people)
    assert {one.settled_section("residence").state for one in people} == {"accepted"}


def test_a_further_answer_is_taken_where_a_round_is_open_and_no_more(stage: Stage, people: list[Participant]) -> None:
    one = people[0]
    late = one.to_confirm("residence", **HOME)
    one.confirm("residence", **magic("refuse"))
    assert one.settled_section("residence").may_answer
    one.confirm("residence", **magic("refuse"))
    section = one.settled_section("residence")
    assert (section.state, section.may_answer, one.get().access) == ("refused", False, "blocked")
    before = checks(stage)
    assert one.send(late).sections["residence"].state == "refused"
    assert checks(stage) == before
    rounds = stage.sql(
        "SELECT array_agg(round ORDER BY round) FROM jurat_checks WHERE question = 'residence' GROUP BY participant "
        "ORDER BY max(submitted_at) DESC LIMIT 1"
    )
    assert rounds == [([1, 2],)]


def test_what_is_typed_is_shown_as_it_was_and_nothing_else(people: list[Participant]) -> None:
    hostile = """<b>"' & </textarea><script>alert(1)</script> é 東"""
    page = people[0].to_confirm("residence", **{**HOME, "city": hostile})
    assert page.fields["answer-city"] == hostile
    assert "<script" not in page.text
    assert "<b>" not in page.text


def test_a_form_asks_for_what_the_question_needs(stage: Stage, people: list[Participant]) -> None:
    form = people[0].get("/question/residence")
    assert form.status == 200
    assert form.title == "Where do you live?"
    assert {"answer-street", "answer-postcode"} == form.needed
    assert "House number" in form.text
    assert people[0].get("/question/favourite-colour").status == 404
    before = checks(stage)
    page = people[0].confirm("residence", street=" ", postcode="99001")
    assert (page.status, "answer-postcode" in page.fields) == (422, True)
    assert page.alert
    assert page.fields["answer-postcode"] == "99001", "nothing is typed twice"
    long = people[0].confirm("residence", street="x" * 201, postcode="99001")
    assert long.status == 422
    assert checks(stage) == before


def test_nobody_answers_for_somebody_else(stage: Stage, platform: Platform, people: list[Participant]) -> None:
    before = checks(stage), checks(stage, "profession")
    mine, other = people[0].to_confirm("residence", **HOME), people[1].to_confirm("residence", **HOME)
    assert mine.action is not None
    assert other.action is not None
    assert people[0].post(mine.action, other.fields).status == 403
    without = {name: value for name, value in mine.fields.items() if name.startswith("answer-")}
    assert people[0].post(mine.action, without).status == 403
    assert Participant(platform.address).post(mine.action, mine.fields).status == 403
    assert people[0].get(f"/question/profession/{uuid4()}").status in {404, 405}
    assert people[0].post("/question/profession/none-of-mine", mine.fields).status == 404
    assert (checks(stage), checks(stage, "profession")) == before


def test_the_check_and_the_platforms_own_row_are_one_transaction(stage: Stage, people: list[Participant]) -> None:
    before = checks(stage)
    page = people[0].to_confirm("residence", **HOME)
    stage.sql("REVOKE INSERT ON platform_answers FROM platform")
    assert apologised(people[0].send(page))
    stage.sql("GRANT INSERT ON platform_answers TO platform")
    assert checks(stage) == before
    stage.sql(FAILS_AT_COMMIT)
    assert apologised(people[0].send(page))
    stage.sql("DROP TRIGGER fails_at_commit ON jurat_checks")
    assert checks(stage) == before
    assert people[0].get().sections["residence"].state == "open"
    people[0].send(page)
    assert checks(stage) == before + 1


def test_a_database_that_is_away_is_no_error_of_the_participant(
    stage: Stage, platform: Platform, people: list[Participant]
) -> None:
    one = people[0]
    page = one.to_confirm("residence", **HOME)
    stage.server.stop()
    try:
        assert apologised(one.get())
        assert apologised(one.send(page))
    finally:
        stage.server.start()
    end = time.monotonic() + PATIENCE
    while one.send(page).status != 200:
        assert time.monotonic() < end, platform.log
    assert one.settled_section("residence").state == "accepted"


def apologised(page: Page) -> bool:
    """Whether a page says that it is not the participant's fault, and nothing of what went wrong."""
    assert page.status == 503
    for word in ("platform_answers", "jurat_", "127.0.0.1", "Traceback", "SQLSTATE", "Error", "Tanneurs"):
        assert word not in page.text
    return "Nothing was lost" in page.title


def test_nothing_that_was_typed_is_in_an_address(people: list[Participant]) -> None:
    """Nor in a log, at which the platform's fixture looks in the end."""
    people[0].confirm("residence", **HOME)
    people[0].settled_section("residence")
    assert len(people[0].heard) > 3
    for address in people[0].heard:
        assert re.fullmatch(r"/(question/residence(/[0-9a-f-]{36})?)?\?", address)
