"""What the check says of a text while somebody types it, and what is left to do in a draft."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from adapters.registry_tests import apart
from console.configuration import LARGEST_TEXT
from tests.console import test_configuration
from tests.console.test_configuration import DEEP, PAGES, edited, fields, version
from tests.console.visitor import Visitor, heading, main, tree
from tests.store.desk import Desk

visitor, check_here = test_configuration.visitor, test_configuration.check_here
in_another_process = test_configuration.in_another_process

PROBLEMS = f"{PAGES}/problems"
ANSWER = '{"number": "10000001", "last_name": "Ashgrove", "first_name": "Linnet", "status": "active"}'
WRONG: list[tuple[str, str]] = [
    ("type: codes", "type: codez"),
    ("rounds: 3", "rounds: 99"),
    ("list: spring\n", "list: sprung\n"),
]


def typed(visitor: Visitor, change: Callable[[str], str] = str, locale: str = "en") -> Any:
    """The newest version, changed and asked about."""
    given = fields(visitor.get(f"{PAGES}/edit"))
    return visitor.send(PROBLEMS.replace("en", locale, 1), **(given | {"yaml": change(given["yaml"])}))


def mistaken(text: str) -> str:
    for old, new in WRONG[:2]:
        text = text.replace(old, new)
    return text


@pytest.mark.slow
@pytest.mark.usefixtures("in_another_process")
@pytest.mark.parametrize("change", [mistaken, lambda text: text.replace(*WRONG[2]), lambda _: "sources: ["])
def test_it_says_what_the_button_says(visitor: Visitor, desk: Desk, change: Callable[[str], str]) -> None:
    page, found = tree(edited(visitor, change)), typed(visitor, change).json["problems"]
    shown = [
        (link.get("data-kind"), link.text, " ".join(link.getnext().text_content().split()))
        for link in page.xpath("//main//a[@data-line]")
    ]
    assert shown
    assert [(each["kind"], each["where"], " ".join(each["what"].split())) for each in found] == [
        (kind, where, f"warning: {what}" if kind == "warning" else what) for kind, where, what in shown
    ]
    assert [each["where"] for each in found] == [f"Line {each['line']}, column {each['column']}" for each in found]
    assert version(desk) == 1


def test_it_counts_them_in_the_language_of_the_page(visitor: Visitor) -> None:
    assert typed(visitor).json == {"said": "No problem was found.", "problems": []}
    assert typed(visitor, lambda text: text.replace(*WRONG[0]), "fr").json["said"] == "Un problème."
    found = typed(visitor, mistaken, "fr").json
    assert found["said"] == "2 problèmes."
    assert found["problems"][0]["where"].startswith("Ligne ")


def test_errors_go_before_warnings(visitor: Visitor) -> None:
    unused = "sources:\n  early:\n    type: manual\n"
    found = typed(visitor, lambda text: text.replace(*WRONG[2]).replace("sources:\n", unused)).json["problems"]
    kinds = [each["kind"] for each in found]
    assert kinds == sorted(kinds)
    assert set(kinds) == {"error", "warning"}


@pytest.mark.slow
@pytest.mark.usefixtures("in_another_process")
def test_who_is_not_checked_in_time_hears_nothing_new(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "PATIENCE", 0.01)
    with ExitStack() as turns:
        for _ in range(apart.MOST_AT_ONCE):
            turns.enter_context(apart._turns)
        answer = typed(visitor, mistaken)
        assert (answer.status_code, answer.text) == (204, "")
    assert typed(visitor, mistaken).status_code == 200


@pytest.mark.slow
@pytest.mark.usefixtures("in_another_process")
@pytest.mark.parametrize(
    "text", ["</textarea><b>", "a: \x00\x07", "\ud800".encode("utf-8", "replace").decode(), DEEP, ""]
)
def test_no_text_breaks_it(visitor: Visitor, text: str) -> None:
    answer = typed(visitor, lambda _: text)
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.json["problems"] or not text


def test_no_more_is_read_of_it_than_elsewhere(visitor: Visitor) -> None:
    assert typed(visitor, lambda text: text + "#" * LARGEST_TEXT).status_code == 413


def test_a_version_that_nobody_applied_says_nothing(visitor: Visitor) -> None:
    given = fields(visitor.get(f"{PAGES}/edit"))
    assert visitor.send(PROBLEMS, **given | {"tested": "77"}).status_code == 204
    assert visitor.send(PROBLEMS, **given | {"tested": "x"}).status_code == 400


def test_only_the_page_with_the_text_has_its_script(visitor: Visitor) -> None:
    scripts = {path: tree(visitor.get(f"{PAGES}/{path}")).xpath("//script/@src") for path in ("", "edit", "versions/1")}
    assert scripts == {"": [], "edit": ["/static/editor.js"], "versions/1": []}
    with visitor.get("/static/editor.js") as script:
        assert (script.status_code, script.cache_control.max_age) == (200, 3600)


# --- a draft


def drafted(visitor: Visitor, text: str, locale: str = "en") -> Any:
    given = fields(edited(visitor, lambda _: text, "draft"))
    return visitor.send(f"/{locale}/configuration/draft", **(given | {"name": "board", "answer": ANSWER}))


def test_one_message_says_what_is_left_of_a_draft(visitor: Visitor) -> None:
    page = drafted(visitor, fields(visitor.get(f"{PAGES}/edit"))["yaml"])
    shown = tree(page)
    assert not shown.xpath("//*[@role='alert' or @class='notice' or @aria-invalid]")
    assert shown.xpath("//title/text()") == ["Edit the configuration – jurat"]
    (box,) = shown.xpath("//*[@role='status']")
    assert "The draft is in the text" in box.text_content()
    assert "give a question the criterion in-board." in box.text_content()
    lines = fields(page)["yaml"].split("\n")
    left = {number for number, line in enumerate(lines, 1) if "CHOOSE" in line and not line.startswith("#")}
    assert {int(line) for line in box.xpath(".//a/@data-line")} == left
    assert any("sources.board.tests[1].responses" in each.text_content() for each in box.xpath(".//li"))


def test_a_draft_in_a_text_with_a_mistake_names_both(visitor: Visitor) -> None:
    page = drafted(visitor, mistaken(fields(visitor.get(f"{PAGES}/edit"))["yaml"]))
    assert heading(page) == "Edit the configuration"
    assert "did you mean 'codes'?" in main(page)
    assert "is a draft's CHOOSE" in main(page)


@pytest.mark.parametrize(("locale", "times"), [("en", 0), ("fr", 1)])
def test_it_is_said_once_that_problems_are_in_english(visitor: Visitor, locale: str, times: int) -> None:
    for page in (visitor.get(f"/{locale}/configuration/edit"), drafted(visitor, "sources: 1", locale)):
        assert len(re.findall("décrits en anglais", page.text)) == times
        assert not tree(page).xpath("//main//li[.//a[@data-line]][not(span[@lang='en'])]")
