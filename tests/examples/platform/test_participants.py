"""What participants are told on their way, in both languages: what to do now, until when, and who sees what."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import lxml.html
import pytest

from jurat.codes import generate

pytest.importorskip("flask_wtf")
pytest.importorskip("babel")

from examples.platform import town
from pages import language
from tests.examples.platform.inside import Browser, Town
from tests.examples.platform.test_sending import confirmed

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


@pytest.mark.parametrize("code", ["ABCD-EFGH-JKLM", ""], ids=["malformed", "unknown"])
def test_who_mistypes_a_code_gets_the_form_again_and_not_a_person(valmont: Town, someone: Browser, code: str) -> None:
    word = confirmed(someone, "code", {"code": code or generate()})
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
