"""The audit: who did what, page by page, filtered, and as files that no spreadsheet computes. On both engines."""

from __future__ import annotations

import csv
import http.client
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey
from sqlalchemy.exc import OperationalError

from pages.server import beside, listen
from store.history.sealer import Sealer, begin
from store.verdicts.records import add_audit_row
from tests.console.visitor import Site, Visitor, main, tree
from tests.store.desk import Desk

PATH = "/en/audit/"
HEAD = ["id", "at", "login", "actor", "action", "subject", "detail"]


def note(desk: Desk, actor: str = "Iris", action: str = "codes add", subject: str = "spring", **detail: Any) -> None:
    with desk.engine.begin() as connection:
        add_audit_row(connection, actor, action, subject, detail)


def operator(site: Site) -> Visitor:
    return site.signed_in("clerk-7", "operator")


def rows(page: Any) -> list[list[str]]:
    """Who, what and about what, and details."""
    found = tree(page).xpath("//*[@class='log']/li")
    return [[" ".join(cell.text_content().split()) for cell in row][1:] for row in found]


def test_the_newest_is_first(desk: Desk, reviewed: Site) -> None:
    note(desk, codes=3)
    note(desk, "Ada", "backup note", "", at="today")
    shown = rows(reviewed.signed_in("clerk-7", "administrator").get(PATH))
    login = f" ({desk.engine.url.username})" if desk.postgresql else ""
    assert shown[:2] == [
        [f"Ada{login}", "backup note", "at: today"],
        [f"Iris{login}", "codes add spring", "codes: 3"],
    ]


DETAILS: dict[str, Any] = {
    "codes": 2500,
    "enabled": True,
    "last_failure": "source_unavailable",
    "of": [1, {"in_force_from": "a_b"}],
    "until": None,
}
IN_WORDS = {
    "en": "codes: 2,500, enabled: yes, last failure: the source could not be reached in time, "
    "of: (1, (in force from: a_b)), until: none",
    "fr": "codes : 2 500, enabled : oui, dernier échec : la source n’a pas pu être jointe à temps, "
    "of : (1, (en vigueur à partir du : a_b)), until : aucun",
}


@pytest.mark.parametrize(("language", "words"), IN_WORDS.items())
def test_details_are_words_on_the_page_and_json_in_a_file(
    desk: Desk, reviewed: Site, language: str, words: str
) -> None:
    note(desk, **DETAILS)
    visitor = operator(reviewed)
    row = tree(visitor.get(f"/{language}/audit/?actor=Iris")).xpath("//*[@class='log']/li/*[last()]")
    assert [each.text.replace("\u202f", " ") for each in row] == [words]
    assert json.loads(visitor.get(f"{PATH}jsonl?actor=Iris").text)["detail"] == DETAILS


def test_a_long_detail_is_cut(desk: Desk, reviewed: Site) -> None:
    note(desk, ids=["k" * 90] * 5)
    (said,) = tree(operator(reviewed).get(f"{PATH}?actor=Iris")).xpath("//*[@class='log']/li/*[last()]/text()")
    assert (len(said), said[-1]) == (300, "…")


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("actor=Ada", ["Ada"]),
        ("action=codes+add", ["Iris"]),
        ("subject=spring", ["Iris"]),
        ("actor=Ada&action=codes+add", []),
        ("since=2020-01-01&until=2999-12-31&actor=Ada", ["Ada"]),
        ("until=2020-01-01", []),
        ("since=2999-01-01", []),
        ("login=nobody", []),
    ],
)
def test_filters_leave_out(desk: Desk, reviewed: Site, query: str, left: list[str]) -> None:
    note(desk)
    note(desk, "Ada", "backup note", "")
    visitor = operator(reviewed)
    assert [row[0].split()[0] for row in rows(visitor.get(f"{PATH}?{query}"))] == left
    written = visitor.get(f"{PATH}csv?{query}").text
    assert [row[3] for row in csv.reader(io.StringIO(written))][1:] == left


def test_the_last_day_is_included(desk: Desk, reviewed: Site) -> None:
    note(desk)
    day = str(desk.one("SELECT max(at) FROM jurat_audit"))[:10]
    assert rows(operator(reviewed).get(f"{PATH}?since={day}&until={day}&actor=Iris"))


def test_pages_follow_one_another_without_a_gap(desk: Desk, reviewed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.audit.PAGE", 2)
    with desk.engine.begin() as connection:  # one moment for all
        for number in range(5):
            add_audit_row(connection, "Iris", "codes add", f"list-{number}", {})
    visitor, path, seen = operator(reviewed), f"{PATH}?actor=Iris", []
    while path:
        page = visitor.get(path)
        seen += [row[1] for row in rows(page)]
        path = next(iter(tree(page).xpath("//main//a[text()='Next page']/@href")), "")
    assert sorted(seen) == [f"codes add list-{number}" for number in range(5)]


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "until=9999-12-31",
        "at=yesterday",
        "at=2026-01-01T00:00:00",
        "at=2026-01-01T00:00:00Z&id=1",
        "actor=a%00b",
        f"subject={'x' * 201}",
    ],
)
def test_a_wrong_address_is_said(reviewed: Site, query: str) -> None:
    visitor = operator(reviewed)
    assert visitor.get(f"{PATH}?{query}").status_code == 400


def test_a_file_has_what_the_page_has(desk: Desk, reviewed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.audit.BATCH", 2)
    for number in range(5):
        note(desk, subject=f"list-{number}", codes=number)
    visitor = operator(reviewed)
    written = visitor.get(f"{PATH}csv?actor=Iris")
    assert written.headers["Content-Disposition"] == 'attachment; filename="audit.csv"'
    assert written.headers["Cache-Control"] == "no-store"
    head, *found = csv.reader(io.StringIO(written.text))
    assert head == HEAD
    assert sorted(row[5] for row in found) == [f"list-{number}" for number in range(5)]
    assert all(row[5] == f"list-{json.loads(row[6])['codes']}" for row in found)
    lines = [json.loads(line) for line in visitor.get(f"{PATH}jsonl?actor=Iris").text.splitlines()]
    assert [list(line) for line in lines] == [HEAD] * 5
    assert [line["id"] for line in lines] == [row[0] for row in found]
    assert all(line["subject"] == f"list-{line['detail']['codes']}" for line in lines)


def test_a_file_has_an_end(desk: Desk, reviewed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.audit.BATCH", 2)
    monkeypatch.setattr("console.audit.MOST", 3)
    for _ in range(5):
        note(desk)
    assert len(operator(reviewed).get(f"{PATH}jsonl").text.splitlines()) == 3


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1+1"])
def test_no_cell_is_computed(desk: Desk, reviewed: Site, text: str) -> None:
    note(desk, text, text, text)
    visitor = operator(reviewed)
    (row,) = [row for row in csv.reader(io.StringIO(visitor.get(f"{PATH}csv").text, newline="")) if text in row[5]]
    assert row[3:6] == [f"'{text}"] * 3
    assert json.loads(visitor.get(f"{PATH}jsonl").text.splitlines()[0])["subject"] == text


def test_no_cell_is_computed_where_semicolons_are_between_cells(desk: Desk, reviewed: Site) -> None:
    """As in France, where a comma is for decimals."""
    note(desk, "Iris;=1+1", 'x";@SUM(A1)', "a;b", reason="late;=HYPERLINK(1)")
    written = operator(reviewed).get(f"{PATH}csv").text
    cells = [cell.lstrip('"') for row in written.splitlines() for cell in row.split(";")]
    assert "a;b" in written
    assert not [cell for cell in cells if cell[:1] in "=+-@" and cell]


def test_a_file_that_ends_early_does_not_look_whole(
    desk: Desk, reviewed: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    import store.audit

    monkeypatch.setattr("console.audit.BATCH", 1)
    note(desk)
    note(desk)
    visitor, asked = operator(reviewed), []

    def read(*given: Any, **more: Any) -> Any:
        asked.append(given)
        if len(asked) > 1:
            raise OperationalError("SELECT 'what nobody may see'", {}, Exception())
        return store.audit.read_audit(*given, **more)

    monkeypatch.setattr("console.audit.read_audit", read)
    listening = listen("127.0.0.1", 0)
    with beside(reviewed.app, listening):
        connection = http.client.HTTPConnection(*listening.getsockname())
        connection.request("GET", f"{PATH}jsonl", headers={"Cookie": f"jurat={visitor.cookie}"})
        answer = connection.getresponse()
        assert answer.status == 200
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
        connection.close()


def test_up_to_when_it_is_sealed_is_said(desk: Desk, opened: Callable[..., Site], tmp_path: Path) -> None:
    visitor = operator(opened(desk.url))
    assert "The history is not sealed." in main(visitor.get(PATH))
    begin(desk.engine, "Ada")
    Sealer(desk.engine, SigningKey.generate(), tmp_path / "heads").turn()
    words = main(visitor.get(PATH))
    assert "What was decided and done is sealed up to" in words
    assert "bin/jurat db verify --heads FILE --key FILE" in words


@pytest.mark.parametrize("roles", [(), ("reviewer",)])
@pytest.mark.parametrize("path", [PATH, f"{PATH}csv", f"{PATH}jsonl"])
def test_no_other_role_sees_the_audit(site: Site, roles: tuple[str, ...], path: str) -> None:
    assert site.signed_in("clerk-7", *roles).get(path).status_code == 403


def test_who_is_not_signed_in_gets_no_file(site: Site) -> None:
    assert site.visitor().get(f"{PATH}csv").status_code == 302


def test_the_newest_are_found_by_an_index(desk: Desk) -> None:
    from store.audit import read_audit

    with desk.statements() as seen:
        read_audit(desk.engine, 51)
    explain = "EXPLAIN" if desk.postgresql else "EXPLAIN QUERY PLAN"
    statement = next(each for each in seen if "jurat_audit" in each)
    with desk.engine.begin() as connection:
        if desk.postgresql:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        sql = f"{explain} {statement}"
        given: Any = {"limit": 51} if desk.postgresql else (51,)
        plan = " ".join(map(str, connection.exec_driver_sql(sql, given).all()))
    assert "jurat_audit_at" in plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan
