"""Zones that are lists of addresses in the console: checked apart, shown with their figures, and imported once."""

from __future__ import annotations

import gzip
import io
from typing import Any

import pytest

from adapters.zone_import import list_examination
from store.queries import Queries
from tests.cli.commands.test_zone_lists import REGISTER
from tests.cli.commands.test_zones import SQUARE
from tests.console.test_codes import fields
from tests.console.test_zones import FORM as POLYGONS
from tests.console.test_zones import PATH, geojson, imported, versions
from tests.console.visitor import Site, main, tree
from tests.store.desk import Desk

FORM = f"{PATH}import-addresses"
DONE = f"{POLYGONS}/done"
COLUMNS = {"number": "NUMERO", "street": "RUE", "postcode": "CP", "city": "COMMUNE"}


@pytest.fixture
def admin(reviewed: Site) -> Any:
    return reviewed.signed_in("ada", "administrator")


def checked(visitor: Any, text: str | bytes = REGISTER, **given: str) -> Any:
    content = text.encode() if isinstance(text, str) else text
    own = {f"column-{name}": column for name, column in COLUMNS.items()}
    fixed = {"zone": "BUREAU", "title": "TITRE", "language": "fr", "file": (io.BytesIO(content), "register.csv")}
    return visitor.post(FORM, **{**fixed, **own, **given})


def cells(page: Any) -> list[list[str]]:
    return [[" ".join(cell.text_content().split()) for cell in row] for row in tree(page).xpath("//tbody/tr")]


def test_a_list_is_checked_shown_and_then_imported_once(desk: Desk, admin: Any) -> None:
    page = checked(admin, gzip.compress(REGISTER.encode()))
    assert "2 zones would get a new version." in main(page)
    assert "coordinate system" not in main(page)
    assert cells(page) == [
        ["Bureau nord north", "1 new", "2", "", ""],
        ["Bureau sud south", "1 new", "2", "", ""],
    ]
    assert versions(desk) == {}
    for told in ("2 zones were imported.", "Nothing was done now."):
        assert admin.send(DONE, **fields(page)).location == PATH
        assert told in main(admin.get(PATH))
    assert versions(desk) == {"north": 1, "south": 1}
    assert ("ada", "zones import", "north") in desk.sql("SELECT actor, action, subject FROM jurat_audit")
    again = checked(admin, f"{REGISTER}south;;22;Rue du Puits;99100;Valmont\n".replace("south;;20", "south;;21"))
    assert "One is as it was." in main(again)
    assert cells(again) == [["Bureau sud south", "2", "3", "2", "1"]]
    assert "Nothing would change" in main(checked(admin))


def test_its_page_says_what_a_list_is_instead_of_a_map(desk: Desk, admin: Any) -> None:
    imported(desk, ("old-town", SQUARE))
    admin.send(DONE, **fields(checked(admin, f"{REGISTER}north;;2;Quai Neuf;99100;Valmont\n")))
    page = admin.get(f"{PATH}north/")
    for words in ("Kinda list of addresses", "Addresses3", "Streets2"):
        assert words in main(page)
    assert "Coordinate system" not in main(page)
    assert tree(page).xpath("//main//*[@class='map']") == []
    assert "Coordinate system" in main(admin.get(f"{PATH}old-town/"))
    reader = admin.site.signed_in("rita")
    assert "Addresses3" in main(reader.get(f"{PATH}north/"))
    assert "Puits" not in main(page)
    over = admin.post(POLYGONS, file=geojson(("north", SQUARE)))
    assert "This was not compared." in main(over)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("north;;8;Rue du Puits;;Valmont", "addresses.csv:6: column COMMUNE: is empty: a listed address needs"),
        ("north;;huit;Rue du Puits;99100;Valmont", "addresses.csv:6: column NUMERO: is no house number"),
        ("Nord 1;;8;Rue du Puits;99100;Valmont", "addresses.csv:6: column BUREAU: is no name of a zone"),
        ("south;;8;rue du puits;99100;Valmont", "addresses.csv:6: this address is also in the zone north"),
    ],
)
def test_rejected_lines_are_told_as_the_command_tells_them(site: Site, row: str, told: str) -> None:
    page = checked(site.signed_in("ada", "administrator"), f"{REGISTER}{row}\n", begins="")
    assert page.status_code == 422
    assert told in main(page)
    assert "Puits" not in main(page)
    assert tree(page).xpath("//*[@role='alert']//a/@href") == ["#file"]
    assert tree(page).xpath("//*[@id='column-street']/@value") == ["RUE"]
    assert Queries(site.engine).zone_history() == []


def test_an_address_may_be_in_two_zones_where_that_is_said(desk: Desk, admin: Any) -> None:
    page = checked(admin, f"{REGISTER}south;;8;Rue du Puits;99100;Valmont\n", overlapping="1")
    admin.send(DONE, **fields(page))
    assert versions(desk) == {"north": 1, "south": 1}


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"zone": " "}, ["#zone"]),
        ({"language": "xx"}, ["#language"]),
        ({"column-street": ""}, ["#column-number"]),
        ({"begins": "2026-01-01"}, ["#begins"]),
        ({"file": ""}, ["#file"]),
    ],
)
def test_a_form_that_lacks_something_says_what(site: Site, given: dict[str, str], wrong: list[str]) -> None:
    page = checked(site.signed_in("ada", "administrator"), **given)
    assert page.status_code == 422
    assert tree(page).xpath("//*[@role='alert']//a/@href") == wrong


@pytest.mark.parametrize(
    "content",
    [
        b"\x00\x01",
        b"{}",
        b"SQLite format 3\x00",
        b"a;b\n1;2\n",
        gzip.compress(bytes(80 << 20)),
        REGISTER.encode() + b"north;;1;Rue " + b"x" * (200 << 10),
    ],
)
def test_a_file_that_is_no_list_is_refused_at_the_form(site: Site, content: bytes) -> None:
    page = checked(site.signed_in("ada", "administrator"), content)
    assert page.status_code == 422
    assert "This file cannot be imported." in main(page)
    assert Queries(site.engine).zone_history() == []


def test_what_is_too_large_for_a_page_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = site.signed_in("ada", "administrator")
    with monkeypatch.context() as patch:
        patch.setattr("console.list_imports.MOST_ROWS", 3)
        assert "has more than 3 rows" in main(checked(admin))
    monkeypatch.setattr(list_examination, "MOST_SECONDS", 1)
    empty = gzip.compress(REGISTER.encode() + b"\n" * (60 << 20))  # below what may be unpacked: rows that are none
    assert "it took more than 1 s" in main(checked(admin, empty))


def test_only_an_administrator_sends_lists(desk: Desk, reviewed: Site, admin: Any) -> None:
    page = checked(admin)
    visitor = reviewed.signed_in("rita", "reviewer", "operator")
    assert visitor.get(FORM).status_code == 403
    assert visitor.post(FORM, PATH, file=(io.BytesIO(REGISTER.encode()), "x.csv")).status_code == 403
    (token,) = tree(page).xpath("//input[@name='token']/@value")
    assert visitor.post(DONE, PATH, token=token).status_code == 403
    assert versions(desk) == {}


def test_values_that_stand_for_no_number_are_named(admin: Any) -> None:
    text = f"{REGISTER}north;;SN;Quai Neuf;99100;Valmont\n"
    assert "is no house number" in main(checked(admin, text))
    assert "2 zones would get a new version." in main(checked(admin, text, **{"no-number": "SN"}))
    assert "hamlet" not in main(admin.get(FORM)).lower(), "a list has none"
