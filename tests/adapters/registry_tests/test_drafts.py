"""An example answer in XML gives a draft as one in JSON does, with tests that pass."""

from __future__ import annotations

from datetime import date

import pytest

from adapters.registry_tests.configurations import registry_problems
from adapters.registry_tests.drafts import draft_of
from config.lint import CHOOSE, lint_text
from config.starters.draft import draft_text
from tests.config.starters.test_draft import chosen

TODAY = date(2026, 12, 1)
PERSON = """<number>10000001</number><lastName>Ashgrove</lastName><firstName>Linnet</firstName>
<status>registered</status><qualification code="10">physician</qualification>"""
SOAP = f"""<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>
<p:Found xmlns:p="urn:example:people" count="1"><p:people><p:person>{PERSON}</p:person></p:people></p:Found>
</s:Body></s:Envelope>"""
SEVERAL = f"<answer><person>{PERSON}</person><person>{PERSON.replace('10000001', '10000002')}</person></answer>"
WITH_PARTS = f"<answer><person>{PERSON}<role><id>1</id></role><role><id>2</id></role></person></answer>"


@pytest.mark.parametrize("answer", [f"<person>{PERSON}</person>", SOAP, SEVERAL, WITH_PARTS])
def test_of_an_answer_in_xml_lint_names_the_choices_and_nothing_else(answer: str) -> None:
    text = draft_of("board", answer, TODAY)
    assert "decode: xml" in text
    report = lint_text(text, "draft")
    assert {problem.message for problem in report.problems} == {f"is a draft's {CHOOSE}"}
    report = lint_text(chosen(text.replace(f">{CHOOSE}<", ">gone<")), "draft")
    assert report.problems == ()
    assert registry_problems(report) == []


def test_the_record_is_found_and_a_list_stays_one() -> None:
    assert 'from: "body.Envelope.Body.Found.people.person"' in draft_of("board", SOAP, TODAY)
    several = draft_of("board", SEVERAL, TODAY)
    assert 'as_list: ["answer.person"]' in several
    assert "10000002" not in several


def test_json_gives_what_the_command_gives() -> None:
    person = {"number": "10000001", "last_name": "Ashgrove", "first_name": "Linnet"}
    assert draft_of("board", ' {"number": "10000001", "last_name": "Ashgrove", "first_name": "Linnet"}', TODAY) == (
        draft_text("board", person, TODAY)
    )


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("<person>", "not well-formed"),
        ('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><person><number>&e;</number></person>', "DOCTYPE"),
        ("<a>" * 100 + "</a>" * 100, "nested deeper"),
        ("{", "no JSON"),
        ("[]", "holds no map"),
        ("", "no JSON"),
        (f'{{"number": "{"1" * 70_000}"}}', "larger than 64 KiB"),
    ],
)
def test_what_is_no_example_is_told_without_its_content(answer: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as raised:
        draft_of("board", answer, TODAY)
    assert "root:" not in str(raised.value)
