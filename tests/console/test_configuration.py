"""The configuration: what is applied, what changed, and a text that is checked, applied and never lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from itertools import pairwise
from typing import Any

import pytest
from ruamel.yaml import YAML

from adapters.registry_tests import apart
from adapters.registry_tests.typed_text import check
from config.starters import starter_text
from console import configuration_texts
from console.configuration import LARGEST_TEXT
from store.configurations.publisher import ConfigPublisher
from store.requests.code_lists import add_codes
from tests.console.conftest import DOCUMENT
from tests.console.visitor import Site, Visitor, heading, main, tree
from tests.store.desk import ADMIN, Desk, configuration
from tests.store.publications import CHOOSABLE, SUMMER, publish

PAGES = "/en/configuration"
PATHS = [f"{PAGES}/", f"{PAGES}/edit", f"{PAGES}/versions/1", f"{PAGES}/differences?old=1&new=1"]
DEEP = "a: " + "[" * 100_000
BOMB = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [{f'*{a}, ' * 9}]\n" for a, b in pairwise("abcdefghi"))
FORMS = [f"{PAGES}/edit", f"{PAGES}/problems", f"{PAGES}/apply", f"{PAGES}/draft", f"{PAGES}/versions/1/back"]


@pytest.fixture(autouse=True)
def check_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most tests check by the same code in this process, as starting another takes a second."""
    if "in_another_process" not in request.fixturenames:
        monkeypatch.setattr(configuration_texts, "check_apart", lambda *given: apart.checked(check(*given)))


@pytest.fixture
def in_another_process() -> None:
    """As it is."""


@pytest.fixture
def visitor(reviewed: Site, desk: Desk) -> Visitor:
    add_codes(desk.engine, "spring", ["ab" * 32], ADMIN)
    return reviewed.signed_in("admin-1", "administrator")


def fields(page: Any) -> dict[str, str]:
    """What a page's form sends, as a browser does."""
    form = tree(page).xpath("//main//form")[0]
    return {
        each.get("name"): (each.text or "").removeprefix("\n") if each.tag == "textarea" else each.get("value")
        for each in form.xpath(".//*[self::input or self::textarea][not(@type='checkbox')]")
    }


def edited(visitor: Visitor, change: Callable[[str], str] = str, act: str = "check", **other: str) -> Any:
    """The newest version, changed and sent."""
    given = fields(visitor.get(f"{PAGES}/edit"))
    return visitor.send(f"{PAGES}/edit", **(given | {"yaml": change(given["yaml"]), "act": act} | other))


def applied(visitor: Visitor, change: Callable[[str], str], **other: str) -> Any:
    """The same, confirmed and applied."""
    confirm = edited(visitor, change, "apply")
    assert confirm.status_code == 200, main(confirm)
    return visitor.send(f"{PAGES}/apply", **(fields(confirm) | other))


def renamed(title: str) -> Callable[[str], str]:
    return lambda text: text.replace("The budget", title)


def version(desk: Desk) -> int:
    return desk.queries.config_version() or 0


def without_profession(text: str) -> str:
    document = YAML(typ="safe").load(text)
    budget = document["consultations"]["budget"]
    del budget["questions"]["profession"], budget["access"]
    return json.dumps(document, indent=2)


# --- reading


def test_the_applied_version_and_all_before_are_listed(desk: Desk, visitor: Visitor) -> None:
    applied(visitor, renamed("Money"))
    page = visitor.get(f"{PAGES}/")
    assert "Version 2 is applied." in main(page)
    assert "applied by admin-1" in main(page)
    assert f"applied by {ADMIN}" in main(page)
    assert tree(page).xpath("//main//ol//a/@href") == [
        f"{PAGES}/versions/2", f"{PAGES}/differences?old=1&new=2", f"{PAGES}/versions/1",
    ]  # fmt: skip
    assert tree(page).xpath("//nav[@class='menu']//a[@aria-current='page']/text()") == ["Configuration"]


def test_versions_come_in_pages(desk: Desk, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration_texts, "PAGE", 2)
    for days in range(2, 6):
        changed: dict[str, Any] = deepcopy(DOCUMENT)
        changed["consultations"]["budget"]["review_due"] = f"{days}d"
        ConfigPublisher(desk.engine).apply(configuration(changed), ADMIN)
    path, seen = f"{PAGES}/", []
    while path:
        page = tree(visitor.get(path))
        seen += page.xpath("//main//ol//a[contains(@href, '/versions/')]/text()")
        path = next(iter(page.xpath("//main//a[text()='Older versions']/@href")), "")
    assert seen == [f"Version {number}" for number in (5, 4, 3, 2, 1)]


def test_two_versions_are_compared_as_config_diff_does(visitor: Visitor) -> None:
    applied(visitor, renamed("Money"))
    for old, new, said in ((1, 2, '"The budget" → "Money"'), (2, 1, '"Money" → "The budget"')):
        page = visitor.get(f"{PAGES}/differences?old={old}&new={new}")
        assert f"~ consultations.budget.title.en: {said}" in main(page)
    assert "There is no difference." in main(visitor.get(f"{PAGES}/differences?old=1&new=1"))


@pytest.mark.parametrize("path", ["versions/9", "versions/0", "versions/99999999999", "differences?old=1&new=9"])
def test_what_was_never_applied_is_not_found(visitor: Visitor, path: str) -> None:
    assert visitor.get(f"{PAGES}/{path}").status_code == 404


@pytest.mark.parametrize("query", ["old=x&new=1", "old=-1&new=1", "old=99999999999&new=1", "old=1&new=%C2%B2"])
def test_what_is_no_version_cannot_be_read(visitor: Visitor, query: str) -> None:
    assert visitor.get(f"{PAGES}/differences?{query}").status_code == 400


def test_a_version_is_shown_as_yaml_that_would_change_nothing(visitor: Visitor, desk: Desk) -> None:
    (text,) = tree(visitor.get(f"{PAGES}/versions/1")).xpath("//pre")
    assert "type: simulated" in text.text
    answer = edited(visitor, lambda _: str(text.text))
    assert "It is the same as what is applied." in main(answer)


# --- checking


@pytest.mark.slow
@pytest.mark.usefixtures("in_another_process")
def test_each_problem_leads_to_its_line(visitor: Visitor, desk: Desk) -> None:
    answer = edited(visitor, lambda text: text.replace("type: codes", "type: codez").replace("rounds: 3", "rounds: 99"))
    assert answer.status_code == 422
    page = tree(answer)
    assert page.xpath("//title/text()")[0].startswith("Error:")
    links = page.xpath("//div[@role='alert']//li/a/@href")
    assert len(links) == 2
    for link, wrong in zip(links, ("type: codez", "rounds: 99"), strict=True):
        (line,) = page.xpath(f"//*[@id='{link[1:]}']/code/text()")
        assert wrong in line
    assert "did you mean 'codes'?" in main(answer)
    assert version(desk) == 1


@pytest.mark.parametrize("act", ["check", "apply"])
@pytest.mark.parametrize(
    "typed", ["\n\n  sources: [", "sources: {a: <b>&amp;\"'}\r\n\tx", "", "a: é😀\u2028", "</textarea>x", DEEP, BOMB]
)
def test_bad_input_comes_back_as_it_was_typed(visitor: Visitor, typed: str, act: str) -> None:
    answer = edited(visitor, lambda _: typed, act)
    assert answer.status_code == 422
    assert fields(answer)["yaml"] == typed.replace("\r\n", "\n")


def test_a_list_and_a_zone_must_be_there(visitor: Visitor) -> None:
    answer = edited(visitor, lambda text: text.replace("list: spring", "list: sprung"))
    assert "the list 'sprung' has no codes" in main(answer)


def test_what_would_change_is_shown_and_nothing_is_changed(visitor: Visitor, desk: Desk) -> None:
    answer = edited(visitor, renamed("Money"))
    assert answer.status_code == 200
    assert "It can be applied." in main(answer)
    assert '~ consultations.budget.title.en: "The budget" → "Money"' in main(answer)
    assert version(desk) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("in_another_process")
def test_what_cannot_be_checked_in_time_is_kept(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "MOST_SECONDS", 0)
    answer = edited(visitor, renamed("Money"))
    assert answer.status_code == 422
    assert "The check took more than 0 s" in main(answer)
    assert "Money" in fields(answer)["yaml"]


def test_a_configuration_may_be_large_and_no_other_form(visitor: Visitor) -> None:
    large = edited(visitor, lambda text: text + "# much\n" * 60_000)
    assert large.status_code == 200, main(large)
    assert edited(visitor, lambda text: text + "#" * LARGEST_TEXT).status_code == 413
    assert visitor.send("/en/sign-out", text="#" * 100_000).status_code == 413


def test_where_the_database_does_not_do_it_the_text_is_kept(sqlite_url: str, opened: Callable[..., Site]) -> None:
    desk = Desk(sqlite_url, DOCUMENT)
    add_codes(desk.engine, "spring", ["ab" * 32], ADMIN)
    visitor = opened(sqlite_url).signed_in("admin-1", "administrator")
    given = fields(edited(visitor, renamed("Money"), "apply"))
    desk.sql("ALTER TABLE jurat_criteria RENAME TO gone")
    answer = visitor.send(f"{PAGES}/apply", **given)
    assert answer.status_code == 503
    assert tree(answer).xpath("//textarea[@readonly]/text()") == ["\n" + given["yaml"]]
    assert version(desk) == 1
    desk.close()


# --- applying


@pytest.mark.usefixtures("in_another_process")
def test_a_version_is_confirmed_applied_and_audited(visitor: Visitor, desk: Desk) -> None:
    confirm = edited(visitor, renamed("Money"), "apply")
    assert heading(confirm) == "Apply this configuration?"
    assert "It was made from version 1" in main(confirm)
    assert '"The budget" → "Money"' in main(confirm)
    assert version(desk) == 1
    answer = visitor.send(f"{PAGES}/apply", **fields(confirm))
    assert (answer.status_code, answer.location) == (303, f"{PAGES}/")
    assert "Version 2 is applied." in main(visitor.get(f"{PAGES}/"))
    assert desk.queries.applied(2).applied_by == "admin-1"
    assert ("admin-1", "config apply", "version 2") in desk.sql("SELECT actor, action, subject FROM jurat_audit")


def test_a_form_that_is_sent_twice_applies_once(visitor: Visitor, desk: Desk) -> None:
    given = fields(edited(visitor, renamed("Money"), "apply"))
    for _ in range(2):
        assert visitor.send(f"{PAGES}/apply", **given).status_code == 303
    assert version(desk) == 2
    assert "Nothing is new: this is version 2." in main(visitor.get(f"{PAGES}/"))


@pytest.mark.parametrize("step", ["check", "apply", "confirmed"])
def test_what_another_applied_meanwhile_is_shown_and_not_lost(
    visitor: Visitor, desk: Desk, reviewed: Site, step: str
) -> None:
    mine = fields(visitor.get(f"{PAGES}/edit"))
    mine["yaml"] = mine["yaml"].replace("four_eyes: true", "four_eyes: false")
    confirm = fields(visitor.send(f"{PAGES}/edit", **mine, act="apply"))
    applied(reviewed.signed_in("admin-2", "administrator"), renamed("Money"))
    if step == "confirmed":
        answer = visitor.send(f"{PAGES}/apply", **confirm)
    else:
        answer = visitor.send(f"{PAGES}/edit", **mine, act=step)
    assert answer.status_code == (422 if step == "check" else 409)
    assert "Version 2 was applied meanwhile, and this one was made from version 1." in main(answer)
    assert '"The budget" → "Money"' in main(answer)
    assert version(desk) == 2
    again = fields(answer)
    assert again["yaml"] == mine["yaml"]
    confirm_again = visitor.send(f"{PAGES}/edit", **again, act="apply")
    assert '"Money" → "The budget"' in main(confirm_again), "who goes on sees what that takes back"
    assert visitor.send(f"{PAGES}/apply", **fields(confirm_again)).status_code == 303
    assert version(desk) == 3


def test_checks_on_their_way_are_named_before_they_lose_their_question(visitor: Visitor, desk: Desk) -> None:
    desk.submit("p-1", "profession")
    answer = edited(visitor, without_profession)
    assert "1 of budget/profession at source rpps" in main(answer)
    confirm = edited(visitor, without_profession, "apply")
    assert "1 of budget/profession at source rpps" in main(confirm)
    refused = visitor.send(f"{PAGES}/apply", **fields(confirm))
    assert refused.status_code == 409
    assert tree(refused).xpath("//div[@role='alert']//a/@href") == ["#force"]
    assert "1 of budget/profession" in main(refused)
    assert version(desk) == 1
    assert visitor.send(f"{PAGES}/apply", **fields(confirm), force="1").status_code == 303
    assert version(desk) == 2


def test_the_first_configuration_is_written_here_too(site: Site) -> None:
    visitor = site.signed_in("admin-1", "administrator")
    assert "No configuration was applied yet." in main(visitor.get(f"{PAGES}/"))
    answer = applied(visitor, lambda _: starter_text("json", "board"))
    assert answer.status_code == 303
    assert "Version 1 is applied." in main(visitor.get(f"{PAGES}/"))


# --- a version again


@pytest.mark.parametrize("name", ["after", "tested"])
@pytest.mark.parametrize("change", [renamed("Money"), str])
def test_a_version_that_nobody_applied_is_no_base(
    visitor: Visitor, desk: Desk, name: str, change: Callable[[str], str]
) -> None:
    for act in ("check", "apply"):
        answer = edited(visitor, change, act, **{name: "77"})
        assert answer.status_code in {200, 409, 422}
    given = fields(visitor.get(f"{PAGES}/edit")) | {name: "77"}
    visitor.send(f"{PAGES}/apply", **(given | {"yaml": change(given["yaml"])}))
    assert version(desk) == 1


def test_going_back_is_confirmed_and_makes_a_new_version(visitor: Visitor, desk: Desk) -> None:
    applied(visitor, renamed("Money"))
    confirm = visitor.post(f"{PAGES}/versions/1/back", f"{PAGES}/versions/1")
    assert '"Money" → "The budget"' in main(confirm)
    assert version(desk) == 2
    assert visitor.send(f"{PAGES}/apply", **fields(confirm)).status_code == 303
    assert version(desk) == 3
    assert desk.queries.applied(3).digest == desk.queries.applied(1).digest


def test_going_back_brings_nothing_back_that_a_platform_withdrew(desk: Desk, visitor: Visitor) -> None:
    desk.apply(CHOOSABLE)
    for document in (SUMMER, None):
        publish(desk, document=document)
        desk.upkeep.apply_publications()
    assert version(desk) == 4
    page = visitor.get(f"{PAGES}/versions/3")
    assert "summer" not in tree(page).xpath("//pre")[0].text
    assert "There is no difference." in main(visitor.get(f"{PAGES}/differences?old=3&new=4"))


def test_what_a_platform_publishes_is_kept_and_named(desk: Desk, visitor: Visitor) -> None:
    desk.apply(CHOOSABLE)
    given = fields(visitor.get(f"{PAGES}/edit"))
    publish(desk)
    desk.upkeep.apply_publications()
    assert "summer" not in given["yaml"]
    changed = given["yaml"].replace("sources:\n", "sources:\n  other:\n    type: manual\n")
    confirm = visitor.send(f"{PAGES}/edit", **(given | {"yaml": changed}), act="apply")
    assert confirm.status_code == 200, main(confirm)
    assert "Kept as it is: summer" in main(confirm)
    assert visitor.send(f"{PAGES}/apply", **fields(confirm)).status_code == 303
    assert "summer" in json.loads(desk.queries.config(4))["consultations"]


# --- a draft


def test_a_draft_is_put_into_the_text_as_it_is_edited(visitor: Visitor) -> None:
    form = edited(visitor, renamed("Money"), "draft")
    answer = '{"number": "10000001", "last_name": "Ashgrove", "first_name": "Linnet", "status": "active"}'
    given = fields(form) | {"name": "Board 7", "answer": "{"}
    refused = visitor.send(f"{PAGES}/draft", **given)
    assert refused.status_code == 422
    assert len(tree(refused).xpath("//div[@role='alert']//li")) == 2
    assert tree(refused).xpath("//textarea[@id='answer']")[0].text.strip() == "{"
    page = visitor.send(f"{PAGES}/draft", **(fields(refused) | {"name": "board", "answer": answer}))
    text = fields(page)["yaml"]
    assert "Money" in text
    assert "  board:\n    type: registry" in text
    assert "is a draft's CHOOSE" in main(page)
    assert "give a question the criterion in-board" in page.text
    assert "\n  in-board: " in text
    chosen = text.replace("https://CHOOSE/", "https://register.example/").replace('"CHOOSE"', '"gone"')
    assert visitor.send(f"{PAGES}/edit", **(fields(page) | {"yaml": chosen}), act="check").status_code == 200


# --- who may not


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("role", ["reader", "reviewer", "operator"])
def test_only_administrators_see_it(reviewed: Site, path: str, role: str) -> None:
    visitor = reviewed.signed_in("clerk-7", role)
    assert visitor.get(path).status_code == 403
    assert "Configuration" not in visitor.get("/en/").text
    assert reviewed.visitor().get(path).status_code == 302


@pytest.mark.parametrize("path", FORMS)
def test_no_form_is_taken_from_others_or_from_elsewhere(
    reviewed: Site, visitor: Visitor, desk: Desk, path: str
) -> None:
    given = {"yaml": "sources: {}", "after": "1", "tested": "1"}
    answer = visitor.send(path, **given)
    assert answer.status_code == 400
    assert tree(answer).xpath("//textarea/text()") == ["\nsources: {}"], "the text is not lost"
    assert reviewed.signed_in("clerk-7", "operator").post(path, "/en/", **given).status_code == 403
    assert version(desk) == 1


def test_no_file_of_this_machine_is_read(site: Site, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "answer.json").write_text('{"person": {"number": "confidential-7", "last_name": "Confidential"}}')
    monkeypatch.chdir(tmp_path)
    visitor = site.signed_in("admin-1", "administrator")
    text = starter_text("json", "board").replace("json: { code: NO_SUCH_NUMBER }", "file: answer.json")
    for act in ("check", "apply"):
        answer = edited(visitor, lambda _: text, act)
        assert answer.status_code == 422
        assert "no file can be named here" in main(answer)
        assert "onfidential" not in answer.text
