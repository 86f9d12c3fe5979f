"""Datasets in the console: what is imported, and rosters from a browser."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from store.datasets.imports import Versions
from tests.cli.commands.test_rosters import HEADER, ROWS
from tests.conftest import ENGINES
from tests.console.visitor import Site, main, tree
from tests.store.desk import DOCUMENT, Desk

PATH = "/en/datasets/"
FORM = f"{PATH}roster"
PHYSICIANS = {
    "type": "roster",
    "dataset": "doctors",
    "max_age": "3650d",
    "file": {"encoding": "utf-8", "delimiter": ";", "number": "Ref No", "keep": ["Surname", "Given", "Status"]},
    "inputs": {"number": {"clean": ["digits"]}, "family_name": {}, "given_name": {}},
    "record": {
        "fields": {"names": "{family: Surname, given: Given}", "status": "Status"},
        "status": {"active": ["Registered"], "inactive": ["Suspended"]},
    },
    "rules": [
        {"check": "equals", "field": "number", "input": "number"},
        {"check": "name", "family": "family_name", "given": "given_name"},
        {"check": "status", "is": "active"},
    ],
}
ROSTERS = {**DOCUMENT, "sources": {**DOCUMENT["sources"], "rpps": PHYSICIANS}}


@pytest.fixture(params=ENGINES)
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A desk with a source that reads a roster."""
    desk = Desk(request.getfixturevalue(f"{request.param}_url"), ROSTERS)
    yield desk
    desk.close()


@pytest.fixture
def admin(keyed: Site) -> Any:
    return keyed.signed_in("ada", "administrator")


def roster(*rows: str, head: str = HEADER) -> tuple[io.BytesIO, str]:
    return io.BytesIO("\n".join([head, *rows, ""]).encode()), "doctors 2026.csv"


def checked(visitor: Any, *rows: str, **given: Any) -> Any:
    return visitor.post(FORM, **{"source": "rpps", "day": "2026-11-01", "file": roster(*rows), **given})


def imported(visitor: Any, page: Any, **given: str) -> Any:
    found = tree(page).xpath("//main//input[@type='hidden']")
    return visitor.send(f"{FORM}/done", **{each.get("name"): each.get("value") for each in found}, **given)


def versions(desk: Desk) -> list[tuple[str, int, str, int]]:
    return [(row.name, row.version, row.state, row.people) for row in Versions(desk.engine).versions()]


def people(count: int) -> list[str]:
    return [f"9{n:09};Valombre;Iris;Registered;Valmont" for n in range(count)]


def test_a_roster_is_checked_shown_and_then_imported_once(desk: Desk, admin: Any) -> None:
    page = checked(admin, *ROWS)
    said = main(page)
    for words in ("People2", "HashedRef No", "Not storedTown", "Status: active1", "Status: not active1"):
        assert words in said
    assert "Valombre" not in page.text
    assert versions(desk) == []
    for told in ("2 people are in the roster.", "Nothing was done now."):
        done = imported(admin, page)
        assert (done.status_code, done.location) == (303, PATH)
        assert told in main(admin.get(PATH))
    assert versions(desk) == [("doctors", 1, "active", 2)]
    assert ("ada", "datasets import", "doctors") in desk.sql("SELECT actor, action, subject FROM jurat_audit")
    listed = main(admin.get(PATH))
    for words in ("doctors roster", "1 in force", "2 people", "1 November 2026", "rpps"):
        assert words in listed
    assert "not sealed" not in listed
    stored = str(desk.sql("SELECT * FROM jurat_roster_entries"))
    assert "Valombre" not in stored


def test_a_doubtful_roster_is_imported_by_a_second_word_alone(desk: Desk, admin: Any) -> None:
    imported(admin, checked(admin, *people(10)))
    page = imported(admin, checked(admin, *people(2)))
    assert page.status_code == 409
    assert "is the file truncated?" in main(page)
    assert versions(desk)[0][2:] == ("active", 10)
    assert imported(admin, page, force="1").status_code == 303
    assert versions(desk)[0][2:] == ("active", 2)


def test_an_import_that_is_under_way_says_how_far_it_is(desk: Desk, admin: Any) -> None:
    Versions(desk.engine).stage("towns", "csv", "fr", "d", date(2026, 11, 1), "ada")
    desk.sql("UPDATE jurat_datasets SET addresses = 40000")
    page = admin.get(PATH)
    assert "being imported" in main(page)
    assert "40,000 addresses so far" in main(page)
    assert tree(page).xpath("//main//a[text()='Refresh']")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Choose a file."),
        (HEADER.encode() + b"\n;No;One;Registered;Valmont\n", "roster.csv:2"),
        (b"a,b,c\n1,2,3\n", "Ref No"),
        (gzip.compress(bytes(50 << 20)), "roster.csv"),
        (HEADER.encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04" + bytes(1000), "NUL"),
        (HEADER.encode() + b'\n"' + b"x" * 300_000, "longer than"),
        (HEADER.encode() + b"\n" + bytes(range(128, 256)), "UTF-8"),
    ],
)
def test_a_file_that_is_no_such_roster_is_refused_at_the_form(
    desk: Desk, admin: Any, content: bytes, said: str
) -> None:
    page = checked(admin, file=(io.BytesIO(content), "doctors.csv"))
    assert page.status_code == 422
    assert tree(page).xpath("//*[@role='alert']//a/@href") == ["#file"]
    assert said in main(page), main(page)
    assert tree(page).xpath("//*[@id='day']/@value") == ["2026-11-01"]
    assert versions(desk) == []


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("source", {"source": "towns"}),
        ("source", {"source": "nothing"}),
        ("day", {"day": "2999-01-01"}),
        ("day", {"day": ""}),
    ],
)
def test_a_form_says_what_is_wrong(desk: Desk, admin: Any, name: str, given: dict[str, str]) -> None:
    page = checked(admin, *ROWS, **given)
    assert page.status_code == 422
    assert tree(page).xpath("//*[@role='alert']//a/@href") == [f"#{name}"]


def test_a_large_roster_is_for_the_command(desk: Desk, admin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.datasets.MOST_PEOPLE", 3)
    assert checked(admin, *people(3)).status_code == 200
    page = checked(admin, *people(4))
    assert page.status_code == 422
    assert "more than 3 people" in main(page)


def test_one_file_is_read_at_a_time(keyed: Site, admin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from console.parts import parts

    monkeypatch.setattr("console.uploads.PATIENCE", 0.01)
    with keyed.app.app_context():
        uploads = parts().uploads
    with uploads.turn():
        page = checked(admin, *ROWS)
    assert page.status_code == 503
    assert "Another file is being read." in main(page)
    assert checked(admin, *ROWS).status_code == 200


def test_a_source_that_was_changed_meanwhile_is_not_the_one_that_was_shown(desk: Desk, admin: Any) -> None:
    page = checked(admin, *ROWS)
    file = {**PHYSICIANS["file"], "encoding": "iso-8859-1"}  # type: ignore[dict-item]
    desk.apply({**ROSTERS, "sources": {**ROSTERS["sources"], "rpps": {**PHYSICIANS, "file": file}}})
    imported(admin, page)
    assert versions(desk) == []


def test_others_see_and_import_nothing(desk: Desk, keyed: Site, admin: Any) -> None:
    visitor = keyed.signed_in("rita", "reviewer", "operator")
    assert [visitor.get(path).status_code for path in (PATH, FORM)] == [403, 403]
    for path in (FORM, f"{FORM}/done"):
        assert visitor.post(path, "/en/", source="rpps").status_code == 403
        assert admin.send(path, source="rpps").status_code == 400
    page = checked(admin, *ROWS)
    token = tree(page).xpath("//input[@name='token']/@value")[0]
    assert keyed.signed_in("abel", "administrator").post(f"{FORM}/done", FORM, token=token).status_code == 303
    assert versions(desk) == []


def test_without_keys_or_the_role_nothing_is_imported(
    desk: Desk, reviewed: Site, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyless = reviewed.signed_in("ada", "administrator")
    assert "no key to hash numbers with" in main(keyless.get(FORM))
    assert keyless.post(FORM, PATH, source="rpps").status_code == 403
    monkeypatch.setattr("console.database.memberships", lambda _: frozenset({"jurat_reader"}))
    other = reviewed.signed_in("ada", "administrator")
    reviewed.app.extensions["jurat-console"].database._known = None
    assert "lacks the role jurat_admin" in main(other.get(FORM))
    assert other.post(FORM, PATH, source="rpps").status_code == 403
