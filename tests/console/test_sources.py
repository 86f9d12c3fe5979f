"""Sources: how each stands, what its answers came to, its tests; and who may pause, resume and trust it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from config.lint import lint
from config.starters import starter_text
from store import restored
from store.queue.outcomes import count_results
from tests.console.visitor import Site, heading, main, tree
from tests.store.desk import DOCUMENT, Desk

ONE, TWO = (f"01a21300-0000-7000-8000-00000000000{n}" for n in (1, 2))
SUSPECT = "UPDATE jurat_sources SET suspect_since = NOW, suspect_reason = 'name_differs', suspect_share = 0.5"


def registry(folder: Path, text: str = "") -> dict[str, Any]:
    """The source of a new description, as it is applied."""
    file = folder / "professionals.yaml"
    file.write_text(text or starter_text("json", "professionals"), "utf-8")
    report = lint([file], environ=os.environ)
    assert not report.errors
    found: dict[str, Any] = report.document.model_dump(mode="json", by_alias=True, exclude_none=True)["sources"]
    return dict(found["professionals"])


@pytest.fixture
def operated(desk: Desk, opened: Callable[..., Site]) -> Site:
    return opened(desk.url)


def acts(desk: Desk) -> list[tuple[str, str, str]]:
    sql = "SELECT actor, action, subject FROM jurat_audit WHERE action LIKE 'sources %' ORDER BY at"
    return [tuple(row) for row in desk.sql(sql)]


def paused(desk: Desk, source: str = "towns") -> Any:
    return desk.one("SELECT pause_reason FROM jurat_sources WHERE name = :source", source=source)


def pause(visitor: Any, source: str = "towns", **fields: Any) -> Any:
    page = visitor.get(f"/en/sources/{source}")
    sent = {each.get("name"): each.get("value") for each in tree(page).xpath("//form[@class='decision']//input")}
    return visitor.send(f"/en/sources/{source}/pause", **{**sent, "duration": "2h", "reason": "announced", **fields})


def count(desk: Desk, source: str, **reasons: int) -> None:
    with desk.engine.begin() as connection:
        count_results(connection, {source: reasons})


def test_the_table_has_each_source_and_what_is_wrong_with_it(desk: Desk, operated: Site) -> None:
    desk.sql("UPDATE jurat_sources SET opened_at = NOW, failures = 7 WHERE name = 'ban'")
    desk.sql("UPDATE jurat_sources SET drift = 'lookup: body.id is gone' WHERE name = 'rpps'")
    desk.sql(f"{SUSPECT} WHERE name = 'spring'")
    desk.submit()
    page = operated.signed_in("ann").get("/en/sources/")
    rows = {row[0]: row[1:] for row in map(cells, tree(page).xpath("//tbody/tr"))}
    assert list(rows) == ["ban", "rpps", "spring", "towns"]
    assert rows["towns"] == ["in use", "0", "–", "1", "–", "none"]
    assert rows["ban"][:2] == ["broken", "7"]
    assert rows["rpps"][0] == "in use differs from its tests"
    assert rows["spring"][0] == "in use suspect"


def cells(row: Any) -> list[str]:
    return [" ".join(cell.text_content().split()) for cell in row.xpath("th | td")]


def test_a_long_table_goes_on_on_another_page(operated: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.sources.PAGE", 3)
    visitor = operated.signed_in("ann")
    first = tree(visitor.get("/en/sources/"))
    (link,) = first.xpath("//a[@class='button']/@href")
    last = tree(visitor.get(link))
    assert [each for page in (first, last) for each in page.xpath("//tbody//a/text()")] == [
        "ban", "rpps", "spring", "towns",
    ]  # fmt: skip
    assert last.xpath("//a[@class='button']") == []


def test_without_a_configuration_there_is_no_source(site: Site) -> None:
    assert "There is no source" in main(site.signed_in("ann").get("/en/sources/"))
    assert site.signed_in("ann").get("/en/sources/towns").status_code == 404


def test_a_configuration_of_another_release_is_said(desk: Desk, operated: Site) -> None:
    desk.sql(
        "INSERT INTO jurat_configs (version, digest, document, applied_by, applied_at) "
        "VALUES (99, '', '{\"order\": {}, \"sources\": 7}', 'bob', NOW)"
    )
    answer = operated.signed_in("ann").get("/en/sources/")
    assert (answer.status_code, "this one cannot read it" in main(answer)) == (503, True)


def test_a_page_says_all_that_keeps_a_source_from_being_asked(desk: Desk, operated: Site) -> None:
    desk.sql(
        "UPDATE jurat_sources SET opened_at = NOW(-60), failures = 7, last_failure_at = NOW, "
        "last_failure = 'source_unreadable', paused_until = NOW(3600), pause_reason = 'source_throttled' "
        "WHERE name = 'towns'"
    )
    page = main(operated.signed_in("ann").get("/en/sources/towns"))
    assert "after 7 failures in a row, the last because the reply from the source could not be read" in page
    assert "the source received too many requests" in page
    assert "its rate, burst or concurrency should be lowered" in page
    assert "No results are counted for the last week." in page


def test_shares_are_of_the_last_hour_and_of_a_week_and_columns_of_each_day(desk: Desk, operated: Site) -> None:
    count(desk, "towns", outside_zone=3, inside_zone=1)
    desk.sql("UPDATE jurat_outcomes SET hour = hour - 30")
    count(desk, "towns", name_differs=100)
    desk.sql("UPDATE jurat_outcomes SET hour = hour - 170 WHERE reason = 'name_differs'")
    count(desk, "towns", outside_zone=1, inside_zone=3)
    count(desk, "ban", outside_zone=9)
    page = operated.signed_in("ann").get("/en/sources/towns")
    shares, days, hours = ([cells(row) for row in table.xpath(".//tbody/tr")] for table in tree(page).xpath("//table"))
    assert sorted(shares) == [
        ["the address is in the area", "75%", "50%", "4"],
        ["the address is outside the area", "25%", "50%", "4"],
    ]
    assert [row[1:] for row in days if row[1:] != ["0", "0"]] in (
        [["3", "1"], ["1", "3"], ["0", "100"]],
        [["3", "1"], ["1", "3"]],
    )
    assert [row[1:] for row in hours if row[1:] != ["0", "0"]] == [["3", "1"]]
    assert len(tree(page).xpath("//svg[@class='chart']//rect")) >= 6


def test_a_pause_is_as_long_as_said_and_audited(desk: Desk, operated: Site) -> None:
    visitor = operated.signed_in("ann", "operator")
    answer = pause(visitor, reason="announced maintenance")
    assert answer.status_code == 303
    assert "The source is paused until" in main(visitor.get("/en/sources/towns"))
    assert paused(desk) == "announced maintenance"
    left = desk.sources.pause("towns", 3 * 3600, "longer", "bob")
    assert left is not None
    assert 7000 < left <= 7200
    assert acts(desk) == [("ann", "sources pause", "towns"), ("bob", "sources pause", "towns")]


def test_a_form_that_is_sent_twice_pauses_once(desk: Desk, operated: Site) -> None:
    visitor = operated.signed_in("ann", "administrator")
    pause(visitor, id=ONE)
    pause(visitor, id=ONE)
    assert len(acts(desk)) == 1
    pause(visitor, id=TWO, other="3h")
    assert len(acts(desk)) == 2


def test_a_longer_pause_stays(desk: Desk, operated: Site) -> None:
    desk.sources.pause("towns", 86_400, "the printer moves", "bob")
    visitor = operated.signed_in("ann", "operator")
    pause(visitor)
    assert "already paused for longer" in main(visitor.get("/en/sources/towns"))
    assert paused(desk) == "the printer moves"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"other": "45"}, "#other"),
        ({"other": "400d"}, "#other"),
        ({"other": "0s"}, "#other"),
        ({"duration": ""}, "#other"),
        ({"reason": ""}, "#reason"),
        ({"reason": "x" * 201}, "#reason"),
        ({"reason": "a\nb"}, "#reason"),
    ],
)
def test_what_is_no_pause_is_named_and_what_was_typed_stays(
    desk: Desk, operated: Site, fields: Mapping[str, str], problem: str
) -> None:
    answer = pause(operated.signed_in("ann", "operator"), **fields)
    assert answer.status_code == 422
    assert tree(answer).xpath("//div[@role='alert']//a/@href") == [problem]
    assert tree(answer).xpath("//input[@id='other']/@value") == [fields.get("other", "")]
    assert paused(desk) is None


def test_a_source_is_resumed_and_who_did_it_is_audited(desk: Desk, operated: Site) -> None:
    desk.sources.pause("towns", 3600, "the printer moves", "bob")
    visitor = operated.signed_in("ann", "operator")
    visitor.post("/en/sources/towns/resume", page="/en/sources/towns")
    assert "no longer paused" in main(visitor.get("/en/sources/towns"))
    visitor.post("/en/sources/towns/resume", page="/en/sources/towns")
    assert "was not paused" in main(visitor.get("/en/sources/towns"))
    assert acts(desk)[1:] == [("ann", "sources resume", "towns")]


def test_after_a_restore_nothing_is_resumed_here(desk: Desk, operated: Site) -> None:
    with desk.engine.begin() as connection:
        restored.pause_sources(connection, "bob")
    visitor = operated.signed_in("ann", "operator")
    visitor.post("/en/sources/towns/resume", page="/en/sources/towns")
    assert "db restored --confirm" in main(visitor.get("/en/sources/towns"))
    assert paused(desk) == restored.REASON


def test_a_suspect_source_is_trusted_once_that_is_confirmed(desk: Desk, operated: Site) -> None:
    count(desk, "towns", name_differs=5)
    desk.sql(f"{SUSPECT} WHERE name = 'towns'")
    visitor = operated.signed_in("ann", "administrator")
    page = visitor.get("/en/sources/towns")
    assert "50% were “the name does not match the number”" in main(page)
    assert heading(visitor.get("/en/sources/towns/trust")) == "Trust this source?"
    assert acts(desk) == []
    visitor.post("/en/sources/towns/trust")
    assert acts(desk) == [("ann", "sources trust", "towns")]
    assert "No results are counted" in main(visitor.get("/en/sources/towns"))
    assert "was not suspect" in main(visitor.get("/en/sources/towns/trust"))


@pytest.fixture
def described(desk: Desk, operated: Site, tmp_path: Path) -> Callable[..., Any]:
    """Applies a description and runs its tests."""

    def run(text: str = "") -> Any:
        desk.apply({**DOCUMENT, "sources": {**DOCUMENT["sources"], "professionals": registry(tmp_path, text)}})
        visitor = operated.signed_in("ann", "operator")
        return visitor.post("/en/sources/professionals/tests", page="/en/sources/professionals")

    return run


def test_the_tests_of_a_description_are_run(described: Callable[..., Any]) -> None:
    page = described()
    assert "All 4 tests passed." in main(page)
    assert {row[1] for row in map(cells, tree(page).xpath("//tbody/tr"))} == {"passed"}


def test_a_test_that_fails_is_said_with_its_problem(described: Callable[..., Any]) -> None:
    text = starter_text("json", "professionals").replace("expect: undetermined/name_differs", "expect: accepted")
    page = main(described(text))
    assert "One test failed." in page
    assert "expects accepted and gives undetermined/name_differs" in page


def test_tests_end_in_time(described: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.sources.TESTS_S", 0.0)
    page = described()
    assert "There was no time for 3 more." in main(page)
    assert len(tree(page).xpath("//tbody/tr")) == 1


def test_one_runs_tests_at_a_time(described: Callable[..., Any]) -> None:
    from console import sources

    with sources._testing:
        answer = described()
    assert answer.status_code == 303


def test_readers_look_and_change_nothing(desk: Desk, operated: Site) -> None:
    for roles in ((), ("reviewer",)):
        visitor = operated.signed_in("eve", *roles)
        page = visitor.get("/en/sources/towns")
        assert page.status_code == 200
        assert tree(page).xpath("//main//form") == []
        for act in ("pause", "resume", "trust", "tests"):
            sent = visitor.post(f"/en/sources/towns/{act}", page="/en/", id=ONE, duration="2h", reason="mine")
            assert sent.status_code == 403
        assert visitor.get("/en/sources/towns/trust").status_code == 403
    assert acts(desk) == []
    assert operated.visitor().get("/en/sources/towns").status_code == 302


def test_acts_need_the_token_of_a_page_and_a_source_that_is_there(desk: Desk, operated: Site) -> None:
    visitor = operated.signed_in("ann", "operator")
    for act in ("pause", "resume", "trust", "tests"):
        assert visitor.send(f"/en/sources/towns/{act}", id=ONE, duration="2h", reason="mine").status_code == 400
        answer = visitor.post(f"/en/sources/others/{act}", page="/en/sources/towns", id=ONE, duration="2h", reason="a")
        assert answer.status_code == 404
    no_id = visitor.post("/en/sources/towns/pause", page="/en/sources/towns", duration="2h", reason="mine")
    assert no_id.status_code == 400
    assert visitor.post("/en/sources/towns/tests", page="/en/sources/towns").status_code == 404
    assert visitor.get("/en/sources/others").status_code == 404
    assert acts(desk) == []
