"""Consultations: criteria in words, counts, what would leave fewer undetermined, and the same counts as CSV."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.configuration import Configuration
from config.lint import lint
from console.advice import advice
from console.criteria import criterion_words, rule_words
from jurat import Reason
from jurat.access import AtLeast
from jurat.vocabulary import Outcome, outcomes_of
from tasks.checks import Settle
from tests.console.test_reviews import waiting
from tests.console.test_sources import cells
from tests.console.visitor import Site, heading, main, tree
from tests.store.desk import ACCEPTED, UNDETERMINED, Desk

NEAR = Settle(Outcome.UNDETERMINED, Reason.NEAR_BORDER)
FOR_THE_BORDER = "Let a person decide these. A smaller margin is right only if the source is that exact."


@pytest.fixture
def watched(desk: Desk, opened: Callable[..., Site]) -> Site:
    return opened(desk.url)


def rows(page: Any) -> list[list[str]]:
    return [cells(row) for row in tree(page).xpath("//tbody/tr")]


def test_the_table_has_each_consultation_with_what_waits(desk: Desk, watched: Site) -> None:
    waiting(desk, "p-9")
    desk.submit_many(3)
    page = watched.signed_in("ann").get("/en/consultations/")
    assert rows(page) == [["The budget (budget)", "3", "3", "1"], ["care", "1", "0", "0"]]


def test_a_long_table_goes_on_on_another_page(desk: Desk, watched: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.consultations.PAGE", 1)
    visitor = watched.signed_in("ann")
    first = visitor.get("/en/consultations/")
    assert [row[0] for row in rows(first)] == ["The budget (budget)"]
    (link,) = tree(first).xpath("//a[@class='button']/@href")
    last = visitor.get(link)
    assert [row[0] for row in rows(last)] == ["care"]
    assert tree(last).xpath("//a[@class='button']") == []


def test_many_questions_go_on_on_another_page(watched: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.consultations.QUESTIONS", 2)
    visitor = watched.signed_in("ann")
    asked, path = list[str](), "/en/consultations/budget"
    while path:
        page = tree(visitor.get(path))
        asked += [str(each.text) for each in page.xpath("//h2")[1:]]
        path = next(iter(page.xpath("//a[@class='button']/@href")), "")
    assert asked == ["residence", "profession", "code"]
    assert tree(visitor.get("/en/consultations/budget?first=-3")).xpath("count(//h2)") == 3


def test_without_a_configuration_there_is_none(site: Site) -> None:
    visitor = site.signed_in("ann")
    assert "There is no consultation." in main(visitor.get("/en/consultations/"))
    for path in ("budget", "budget.csv"):
        assert visitor.get(f"/en/consultations/{path}").status_code == 404


def test_a_page_says_whom_it_is_open_to_and_what_became_of_the_answers(desk: Desk, watched: Site) -> None:
    for number, decision in enumerate([ACCEPTED, ACCEPTED, ACCEPTED, NEAR]):
        desk.look_up(desk.held(f"p-{number}"), decision)
    waiting(desk, "p-8")
    desk.submit("p-9")
    page = watched.signed_in("ann").get("/en/consultations/budget")
    text = main(page)
    assert "Access needs an accepted answer to “residence” and (“profession” or “code”)." in text
    assert "These figures count all answers" in text
    assert "A source for tests decides." in text
    assert "If no source can decide, a person does." in text
    assert "It can be answered 3 times." in text
    assert rows(page) == [
        ["accepted", "3", "75%"],
        ["the register confirms it", "3", "75%"],
        ["undetermined", "1", "25%"],
        [f"the address is too close to the border {FOR_THE_BORDER}", "1", "25%"],
        ["waiting for a person", "1", "–"],
        ["being checked", "1", "–"],
    ]
    assert tree(page).xpath("//main//p/a/@href")[1:3] == ["/en/sources/towns", "/en/sources/ban"]
    assert "p-8" not in page.text


def test_more_than_is_counted_is_said(desk: Desk, watched: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.submit_many(3)
    for room in ("store.monitoring", "console"):
        monkeypatch.setattr(f"{room}.consultations.MOST", 3)
    visitor = watched.signed_in("ann")
    page = main(visitor.get("/en/consultations/budget"))
    assert "There are more answers or participants than are counted here. The figures are of 3," in page
    assert "residence,pending,,,3,the first 3" in visitor.get("/en/consultations/budget.csv").text


def test_the_counts_are_exported_without_a_word_of_anyone(desk: Desk, watched: Site) -> None:
    desk.look_up(desk.held("p-1"), UNDETERMINED)
    desk.submit("p-2")
    answer = watched.signed_in("ann").get("/en/consultations/budget.csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == "attachment; filename=budget.csv"
    assert list(csv.reader(answer.text.splitlines())) == [
        ["counted", "question", "state", "outcome", "reason", "count", "covers"],
        ["participants", "", "blocked", "", "", "1", "all"],
        ["participants", "", "pending", "", "", "1", "all"],
        ["answers", "residence", "pending", "", "", "1", "all"],
        ["answers", "residence", "settled", "undetermined", "name_differs", "1", "all"],
    ]


def test_who_is_not_signed_in_sees_none_and_nobody_one_that_is_not_there(watched: Site) -> None:
    for path in ("", "budget", "budget.csv"):
        assert watched.visitor().get(f"/en/consultations/{path}").status_code == 302
    for path in ("others", "others.csv"):
        assert watched.signed_in("ann").get(f"/en/consultations/{path}").status_code == 404
    assert heading(watched.signed_in("eve").get("/en/consultations/care")) == "care"


def test_each_reason_that_leaves_an_answer_undetermined_has_an_advice(watched: Site) -> None:
    with watched.app.test_request_context("/en/"):
        for reason in Reason:
            said = advice(reason)
            if reason is not Reason.CONFIGURATION_MISSING:
                assert bool(said) == (Outcome.UNDETERMINED in outcomes_of(reason)), reason
        assert advice("of a newer release") is None


def test_a_rule_is_said_with_titles(watched: Site) -> None:
    with watched.app.test_request_context("/en/"):
        rule = AtLeast(2, ("a", "b", AtLeast(1, ("c", "d"))))
        assert rule_words(rule, {"a": "Address"}) == "at least 2 of: “Address”, “b”, (“c” or “d”)"


def test_each_kind_of_criterion_is_said(watched: Site) -> None:
    sample = Configuration.of(lint([Path("config/sample")], environ={}).document)
    with watched.app.test_request_context("/en/"):
        said = {each.name: list(criterion_words(each, {"old-town": "Old town"})) for each in sample.questions.values()}
    assert said == {
        "residence": [
            "The address is in Old town.",
            "The map decides about houses that are at least 20 metres from the border.",
            "If no source can decide, a person does.",
            "It can be answered once.",
            "It holds for 2 years.",
        ],
        "profession": [
            "The participant has an entry in the register.",
            "professions: 10",
            "If no source can decide, the answer stays undetermined.",
            "It can be answered once.",
        ],
        "code": [
            "The participant has a code.",
            "If no source can decide, the answer stays undetermined.",
            "It can be answered 3 times.",
        ],
        "work": ["A person looks at what the participant shows.", "It can be answered once."],
    }


def test_a_code_list_that_the_question_names_is_said(watched: Site) -> None:
    sample = Configuration.of(lint([Path("config/sample")], environ={}).document)
    code = next(each for each in sample.questions.values() if each.name == "code")
    with watched.app.test_request_context("/en/"):
        said = list(criterion_words(replace(code, requirement={"list": "letters"}), {}))
    assert said[:2] == [
        "The participant has a code of the list “letters”.",
        "If no source can decide, the answer stays undetermined.",
    ]
