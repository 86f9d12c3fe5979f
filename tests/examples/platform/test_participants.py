"""What participants are told on their way, in both languages: what to do now, until when, and who sees what."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import lxml.html
import pytest
from sqlalchemy import text

from jurat.codes import generate

pytest.importorskip("flask_wtf")
pytest.importorskip("babel")

from examples.platform import town
from jurat import Reason
from pages import language
from store.queue.sources import Sources
from store.upkeep.overdue_reviews import end_overdue_reviews
from store.verdicts.access import AccessRows
from tests.examples.platform.inside import AT_HOME, AWAY, NEAR_BORDER, Browser, Town
from tests.examples.platform.test_sending import confirmed
from tests.store.reviews import ReviewDecisions

pytestmark = pytest.mark.stacks
ACCESS = "/en/consultations/budget/access"
LIVES_IN = {"criterion": "lives-in", "with": {"zone": "hill"}}
HAS_CODE = {"criterion": "has-code", "with": {"list": "letters"}}


@pytest.fixture
def someone(valmont: Town) -> Browser:
    """With a new account."""
    return valmont.newcomer()


def tree(page: str) -> Any:
    return lxml.html.fromstring(page)


def french(path: str) -> str:
    return path.replace("/en/", "/fr/")


def test_who_mistypes_a_code_gets_the_form_again_before_it_is_confirmed(someone: Browser) -> None:
    assert someone.post(f"{ACCESS}/code", {"answer-code": "ABCD-EFGH-JKLM"}) == f"{ACCESS}/code"
    page = tree(someone.get(f"{ACCESS}/code"))
    assert page.xpath("//a[@href='#code']/text()") == ["Check the code. Compare it with the one you received."]
    assert page.xpath("//input[@id='code']/@value") == ["ABCD-EFGH-JKLM"]
    (hint,) = page.xpath("//input[@id='code']/@aria-describedby")
    assert page.xpath("//*[@id='code-hint']/text()") == ["It looks like this: XXXX-XXXX-XXXX"]
    assert hint == "code-hint code-problem"
    assert "Vérifiez le code" in someone.get(french(f"{ACCESS}/code"))


def test_who_typed_a_number_that_is_none_is_asked_for_it_again(valmont: Town, someone: Browser) -> None:
    valmont.open("numbers", {"home": LIVES_IN})
    word = confirmed(someone, "home", AT_HOME | {"number": "-1"}, "/en/consultations/numbers/access")
    page = tree(someone.until(word, "Check the number"))
    assert page.xpath("//main//form//input/@name")[1:] == [f"answer-{name}" for name in AT_HOME]
    assert page.xpath("//main//a[contains(@href, '/contest')]") == []
    assert "Vérifiez le numéro" in someone.get(french(word))


def test_whose_code_is_unknown_gets_the_form_again_and_not_a_person(valmont: Town, someone: Browser) -> None:
    word = confirmed(someone, "code", {"code": generate()})
    page = tree(someone.until(word, "Check the code"))
    assert page.xpath("//title[starts-with(., 'Check the code')]")
    (form,) = page.xpath("//main//form")
    assert form.get("action") == f"{ACCESS}/code"
    assert form.xpath(".//input[@name='answer-code']")
    assert page.xpath("//main//a[contains(@href, '/contest')]") == []
    assert "Vérifiez le code" in someone.get(french(word))
    assert someone.post(form.get("action"), {"answer-code": generate()}) == f"{ACCESS}/code/confirm"


def test_who_has_no_try_left_is_offered_a_person(valmont: Town, someone: Browser) -> None:
    page = ""
    for tries in (2, 1, 0):
        word = confirmed(someone, "code", {"code": generate()})
        page = someone.until(word, "Check the code" if tries else "Ask a person to review it")
    assert "Check the code" not in page


def test_a_browser_knows_what_to_fill_into_an_address(someone: Browser) -> None:
    page = tree(someone.get(f"{ACCESS}/residence"))
    tokens = {each.get("name"): each.get("autocomplete") for each in page.xpath("//main//input[@autocomplete]")}
    assert tokens == {
        "answer-street": "address-line1",
        "answer-postcode": "postal-code",
        "answer-city": "address-level2",
    }
    assert page.xpath("//input[@inputmode='numeric']/@name") == ["answer-postcode"]


@pytest.mark.parametrize(
    ("name", "access", "sure"),
    [
        ("every", {}, True),
        ("each", {"access": {"all_of": ["home", "code"]}}, True),
        ("either", {"access": {"any_of": ["home", "code"]}}, False),
        ("one", {"access": "code"}, False),
        ("nested", {"access": {"all_of": ["home", {"any_of": ["code", "other"]}]}}, False),
    ],
)
def test_questions_are_counted_where_each_of_them_is_needed(
    valmont: Town, someone: Browser, name: str, access: dict[str, Any], sure: bool
) -> None:
    questions = {"home": LIVES_IN, "code": HAS_CODE} | ({"other": HAS_CODE} if name == "nested" else {})
    valmont.open(name, questions, **access)
    there = f"/en/consultations/{name}/access"
    assert ("Question 2 of 2" in someone.get(f"{there}/code")) is sure
    assert ("Question 2 sur 2" in someone.get(french(f"{there}/code"))) is sure
    assert ("You may not have to answer all" in someone.get(there)) is not sure


def test_questions_of_which_nothing_is_known_are_not_counted(someone: Browser) -> None:
    assert not re.search(r"Question \d", someone.get(f"{ACCESS}/residence"))


def test_the_footer_leads_to_what_the_law_asks_for(someone: Browser) -> None:
    for path, names in (
        ("/en/", ["Legal notice", "Privacy", "Accessibility"]),
        ("/fr/", ["Mentions légales", "Données personnelles", "Accessibilité"]),
    ):
        links = tree(someone.get(path)).xpath("//footer//a")
        assert {each.text: each.get("href") for each in links} == dict(zip(names, town.LEGAL.values(), strict=True))


@pytest.mark.parametrize(
    ("locale", "told"),
    [("en", "15 June 2026, 14:30 (Paris time)"), ("fr", "15 juin 2026, 14:30 (heure de Paris)")],
)
def test_times_are_the_town_s_and_say_so(valmont: Town, locale: str, told: str) -> None:
    with valmont.app.test_request_context(f"/{locale}/"):
        valmont.app.preprocess_request()
        assert language.moment(datetime(2026, 6, 15, 12, 30, tzinfo=UTC)) == told


def test_in_french_the_first_of_a_month_is_an_ordinal(valmont: Town) -> None:
    told = {"fr": "1er décembre 2026", "en": "1 December 2026"}
    for locale, first in told.items():
        with valmont.app.test_request_context(f"/{locale}/"):
            valmont.app.preprocess_request()
            assert language.day("2026-12-01") == first
            assert language.moment(datetime(2026, 12, 1, 12, tzinfo=UTC)).startswith(f"{first}, 13:00")
            assert language.day("2026-12-11").startswith("11 ")


def test_whoever_is_asked_reads_why_and_who_sees_the_answer(someone: Browser) -> None:
    """Budget has words of its own, the other one those of jurat."""
    assert "Our participation team reads your answer only if" in someone.get(f"{ACCESS}/residence")
    assert "Notre équipe de la participation ne lit votre réponse que si" in someone.get(french(f"{ACCESS}/residence"))
    care = "/en/consultations/care/access/profession"
    assert "We ask for this only to check whether you can take part." in someone.get(care)
    assert "seul le résultat est gardé" in someone.get(french(care))


def test_whoever_waits_for_a_person_reads_until_when_and_then_when_one_looked(valmont: Town, someone: Browser) -> None:
    word = confirmed(someone, "residence", NEAR_BORDER)
    page = someone.until(word, "A member of the team will review your answer")
    assert re.search(r"You will see the decision here by \d+ \w+ \d{4}, \d\d:\d\d \(Paris time\) at the latest\.", page)
    assert "at the latest. If nobody has decided" in " ".join(page.split())
    assert "the result is that your answer could not be decided." in page
    assert "Who to contact" in page
    assert "Vous verrez la décision ici au plus tard le" in someone.get(french(word))
    assert "You will see the decision here by" in someone.get(ACCESS)
    ReviewDecisions(valmont.engine).decide(check_of(word), Reason.PERSON_REFUSED, town.RHEA.name)
    page = someone.get(word)
    assert re.search(r"A member of the team looked at your answer on \d+ \w+ \d{4}, \d\d:\d\d \(Paris time\)\.", page)
    assert "This decision is final: you cannot ask for another review here." in page
    assert "Cette décision est définitive" in someone.get(french(word))
    assert "/contest" not in page


def contested(someone: Browser) -> str:
    word = confirmed(someone, "residence", AWAY)
    someone.until(word, "Not accepted")
    form = f"{word}/contest"
    assert "If a person also decides against you, that is final" in someone.get(form)
    assert someone.post(form, {"note": "I moved in May."}, page=form) == word
    someone.until(word, "A member of the team will review your answer")
    return word


def test_whoever_contests_reads_what_stands_that_it_came_and_until_when(valmont: Town, someone: Browser) -> None:
    word = contested(someone)
    page = someone.get(word)
    assert re.search(r"The team received your message on \d+ \w+ \d{4}, \d\d:\d\d \(Paris time\)\.", page)
    assert "the first result stays: We found your address, but it is outside the area" in page
    assert "If nobody has decided by then, the first result stays." in page
    assert "L’équipe a reçu votre message le" in someone.get(french(word))
    ReviewDecisions(valmont.engine).decide(check_of(word), Reason.PERSON_ACCEPTED, town.RHEA.name)
    page = someone.get(word)
    assert "A member of the team looked at your answer on" in page
    assert "final" not in page


def test_a_contest_that_nobody_decided_says_so(valmont: Town, someone: Browser) -> None:
    word = contested(someone)
    past = "strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 minute')"
    with valmont.engine.begin() as connection:
        connection.execute(text(f"UPDATE jurat_reviews SET due_at = {past}"))
    end_overdue_reviews(valmont.engine, AccessRows())
    page = someone.get(word)
    assert "There was no decision in time, so the result stays as it is." in page
    assert "Il n’y a pas eu de décision à temps" in someone.get(french(word))


def test_while_the_register_is_away_nothing_need_be_done(valmont: Town, someone: Browser) -> None:
    physician = {"number": "9000010000", "family_name": "Valombre", "given_name": "Iris"}
    Sources(valmont.engine).pause("registry", 3600, "works", "omar")
    word = confirmed(someone, "profession", physician, "/en/consultations/care/access")
    for path in (word, "/en/consultations/care/access"):
        assert "does not answer at the moment. Nothing is lost, and you need do nothing." in someone.get(path)
        assert "vous n’avez rien à faire." in someone.get(french(path))


def check_of(word: str) -> UUID:
    return UUID(word.rpartition("/")[2])
