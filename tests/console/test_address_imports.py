"""Address bases in the console: checked apart, imported in the background, and removed by their typed name."""

from __future__ import annotations

import gzip
import io
import threading
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest

from adapters.address.base import examination
from store.datasets.imports import DatasetImport, Versions
from tests.conftest import ENGINES
from tests.console.test_codes import fields
from tests.console.visitor import Site, heading, main, tree
from tests.rigs.waiting import until
from tests.store.desk import DOCUMENT, Desk

PATH = "/en/datasets/"
FORM = f"{PATH}addresses"
DONE = f"{FORM}/done"
UNDER_WAY = f"{PATH}under-way"
NAMED = f"{PATH}named/valmont"
HEADER = "numero;rep;nom_voie;code_postal;nom_commune;code_insee;lon;lat"
BASE = {"type": "address-file", "dataset": "valmont"}


@pytest.fixture
def admin(reviewed: Site) -> Iterator[Any]:
    yield reviewed.signed_in("ada", "administrator")
    assert until(lambda: is_over(reviewed), 20.0)


def is_over(site: Site) -> bool:
    last = site.app.extensions["jurat-console"].background.last
    return last is None or last.over


def houses(count: int, street: str = "Rue du Moulin") -> list[str]:
    return [f"{n + 1};;{street};99002;Valmont;99999;{-37 - n / 1000:.4f};44.005" for n in range(count)]


def checked(visitor: Any, *rows: str, **given: Any) -> Any:
    """With a file of these rows, or of some bytes."""
    sent = given.pop("file", "\n".join([HEADER, *rows, ""]).encode())
    fixed = {"name": "valmont", "language": "fr", "day": "2026-11-01", "file": (io.BytesIO(sent), "adresses.csv")}
    return visitor.post(FORM, **{**fixed, **given})


def imported(visitor: Any, page: Any) -> Any:
    done = visitor.send(DONE, **fields(page))
    assert until(lambda: is_over(visitor.site), 20.0)
    return done


def versions(desk: Desk) -> list[tuple[str, int, str, int]]:
    return [(row.name, row.version, row.state, row.addresses) for row in Versions(desk.engine).versions()]


def test_a_base_is_checked_shown_and_then_imported_once(desk: Desk, admin: Any) -> None:
    page = checked(admin, *houses(5))
    said = main(page)
    for words in ("Datasetvalmont", "Rows5", "With a house number5", "-37.004 … -37.000", "44.005 … 44.005"):
        assert words in said
    assert versions(desk) == []
    done = imported(admin, page)
    assert (done.status_code, done.location) == (303, UNDER_WAY)
    over = admin.get(UNDER_WAY)
    assert "5 addresses are in force." in main(over)
    assert "Refresh" not in over.headers
    assert imported(admin, page).location == PATH
    assert "Nothing was done now." in main(admin.get(PATH))
    assert versions(desk) == [("valmont", 1, "active", 5)]
    assert ("ada", "datasets import", "valmont") in desk.sql("SELECT actor, action, subject FROM jurat_audit")
    assert "Addresses in force5" in main(checked(admin, *houses(3)))


def test_a_page_says_how_far_it_is_and_comes_anew_until_then(
    desk: Desk, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on, switch = threading.Event(), DatasetImport.switch

    def waiting(*given: Any) -> Any:
        assert goes_on.wait(20.0)
        return switch(*given)

    monkeypatch.setattr(DatasetImport, "switch", waiting)
    page = checked(admin, *houses(5))
    admin.send(DONE, **fields(page))
    assert until(lambda: "5 of 5 rows are stored." in main(admin.get(UNDER_WAY)), 20.0)
    shown = admin.get(UNDER_WAY)
    assert (heading(shown), shown.headers["Refresh"]) == ("Import of valmont", "3")
    assert tree(shown).xpath("//progress/@value") == ["5"]
    assert "Refresh" not in admin.get(f"{UNDER_WAY}?still=1").headers
    assert tree(admin.get(PATH)).xpath(f"//main//a[@href='{UNDER_WAY}']")
    other = checked(admin, *houses(3))
    admin.send(DONE, **fields(other))
    assert "Something else is under way." in main(admin.get(UNDER_WAY))
    goes_on.set()
    assert until(lambda: is_over(admin.site), 20.0)
    assert versions(desk) == [("valmont", 1, "active", 5)]
    imported(admin, other)
    assert versions(desk)[0] == ("valmont", 2, "active", 3)


def test_it_may_be_packed_or_a_table_of_ones_own(desk: Desk, admin: Any) -> None:
    packed = gzip.compress("\n".join([HEADER, *houses(7), ""]).encode())
    imported(admin, checked(admin, file=packed))
    assert versions(desk)[0][3] == 7
    own = {"number": "NUMERO", "street": "RUE", "postcode": "CP", "city": "COMMUNE", "longitude": "X", "latitude": "Y"}
    rows = b"NUMERO;RUE;CP;COMMUNE;X;Y\n8 bis;Rue du Moulin;99002;Valmont;-37,98;44,005\n"
    named = {f"column-{field}": column for field, column in own.items()}
    imported(admin, checked(admin, file=rows, **named))
    assert versions(desk)[0] == ("valmont", 2, "active", 1)
    missing = checked(admin, file=rows, **{**named, "column-street": ""})
    assert missing.status_code == 422
    assert tree(missing).xpath("//*[@role='alert']//a/@href") == ["#column-number"]
    assert "a column is needed for street" in main(missing)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a,b,c\n1,2,3\n", "neither in BAN's format nor in that of OpenAddresses"),
        (f"{HEADER}\n;;;;;;;\n".encode(), "addresses.csv:2: column"),
        (f"{HEADER}\n1;;Rue;99002;V;9;700000;6600000\n".encode(), "longitude"),
        (b"\x1f\x8bno gzip", "addresses.csv.gz: cannot be read"),
        (gzip.compress(HEADER.encode() + b"\n" + bytes(200 << 20)), "longer than"),
        (HEADER.encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04" + bytes(1000), "not packed as its name says"),
        (HEADER.encode() + b'\n"' + b"x" * 300_000, "longer than"),
        (b'{"geometry": ' + b"[" * 60_000, "nested too deeply"),
    ],
    ids=["another", "empty cells", "metres", "no gzip", "much", "utf-16", "an archive", "a long row", "deep"],
)
def test_a_file_that_is_no_address_base_is_refused_at_the_form(
    desk: Desk, admin: Any, content: bytes, said: str
) -> None:
    page = checked(admin, file=content)
    assert page.status_code == 422
    assert tree(page).xpath("//*[@role='alert']//a/@href") == ["#file"]
    assert said in main(page), main(page)
    assert tree(page).xpath("//*[@id='name']/@value") == ["valmont"]
    assert versions(desk) == []


def test_a_file_that_takes_too_long_or_is_too_large_is_for_the_command(
    desk: Desk, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.address_imports.MOST_ADDRESSES", 3)
    assert "has more than 3 rows; import it with" in main(checked(admin, *houses(4)))
    monkeypatch.setattr(examination, "MOST_SECONDS", 1)
    empty = gzip.compress(HEADER.encode() + b"\n" * (60 << 20))  # below what may be unpacked: rows that are none
    page = checked(admin, file=empty)
    assert "it took more than 1 s" in main(page)
    assert versions(desk) == []


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("name", {"name": "Valmont"}),
        ("name", {"name": "../x"}),
        ("name", {"name": ""}),
        ("language", {"language": "xx"}),
        ("language", {"language": "../fr"}),
        ("day", {"day": "2999-01-01"}),
        ("file", {"file": b""}),
    ],
)
def test_a_form_says_what_is_wrong(desk: Desk, admin: Any, name: str, given: dict[str, Any]) -> None:
    page = checked(admin, *houses(2), **given)
    assert page.status_code == 422
    assert tree(page).xpath("//*[@role='alert']//a/@href") == [f"#{name}"]


def test_what_the_import_refuses_is_said_on_its_page(desk: Desk, admin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Versions(desk.engine).stage("valmont", "roster", "", "d", date(2026, 11, 1), "ada", layout="", key_id="k")
    desk.sql("UPDATE jurat_datasets SET state = 'active' WHERE id = :id", id=made.id)
    imported(admin, checked(admin, *houses(2)))
    page = admin.get(UNDER_WAY)
    assert "The version before stays in force." in main(page)
    assert "Valmont is a roster; choose another name" in main(page)
    monkeypatch.setattr(DatasetImport, "stage", lambda *_, **__: 1 / 0)
    imported(admin, checked(admin, *houses(2)))
    assert "The log of the console says what failed." in main(admin.get(UNDER_WAY))


def test_a_dataset_is_removed_by_its_name_unless_it_is_used(desk: Desk, admin: Any) -> None:
    imported(admin, checked(admin, *houses(5)))
    imported(admin, checked(admin, *houses(6)))
    assert NAMED in tree(admin.get(PATH)).xpath("//th/a/@href")
    assert "Versions2, 1" in main(admin.get(NAMED))
    for wrong in ("", "valmonts", "VALMONT"):
        page = admin.post(NAMED, again=wrong)
        assert (page.status_code, tree(page).xpath("//*[@role='alert']//a/@href")) == (422, ["#again"])
    form = {"again": "valmont", "csrf_token": tree(admin.get(NAMED)).xpath("//input[@name='csrf_token']/@value")[0]}
    desk.apply({**DOCUMENT, "sources": {**DOCUMENT["sources"], "base": BASE}})
    assert "It cannot be removed while the configuration in force uses it." in main(admin.get(NAMED))
    assert not tree(admin.get(NAMED)).xpath("//input[@id='again']")
    assert admin.send(NAMED, **form).location == PATH
    assert "the applied configuration uses valmont in its source base" in main(admin.get(PATH))
    assert len(versions(desk)) == 2
    desk.apply(DOCUMENT)
    assert admin.send(NAMED, **form).location == UNDER_WAY
    assert until(lambda: is_over(admin.site), 20.0)
    assert "2 versions are removed." in main(admin.get(UNDER_WAY))
    assert versions(desk) == []
    assert admin.send(NAMED, **form).status_code == 303
    assert admin.get(NAMED).status_code == 404
    assert ("ada", "datasets remove", "valmont") in desk.sql("SELECT actor, action, subject FROM jurat_audit")


def test_others_see_import_and_remove_nothing(desk: Desk, reviewed: Site, admin: Any) -> None:
    imported(admin, checked(admin, *houses(5)))
    token = fields(checked(admin, *houses(6)))["token"]
    visitor = reviewed.signed_in("rita", "reviewer", "operator")
    assert [visitor.get(path).status_code for path in (FORM, UNDER_WAY, NAMED)] == [403, 403, 403]
    for path in (FORM, DONE, NAMED):
        assert visitor.post(path, "/en/", token=token, again="valmont").status_code == 403
        assert admin.send(path, token=token, again="valmont").status_code == 400  # no token
    assert reviewed.signed_in("abel", "administrator").post(DONE, FORM, token=token).location == PATH
    assert versions(desk) == [("valmont", 1, "active", 5)]


def test_a_login_without_the_role_imports_and_removes_nothing(
    desk: Desk, opened: Callable[..., Site], admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(admin, checked(admin, *houses(5)))
    monkeypatch.setattr("console.database.memberships", lambda _: frozenset({"jurat_reader"}))
    other = opened(desk.url).signed_in("ada", "administrator")
    for path in (FORM, NAMED):
        assert "lacks the role jurat_admin" in main(other.get(path))
    for path in (FORM, DONE, NAMED):
        assert other.post(path, PATH, again="valmont").status_code == 403
    assert versions(desk) == [("valmont", 1, "active", 5)]


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_is_under_way_before_the_first(
    request: pytest.FixtureRequest, engine: str, opened: Callable[..., Site]
) -> None:
    site = opened(request.getfixturevalue(f"{engine}_url"))
    assert site.signed_in("ada", "administrator").get(UNDER_WAY).location == PATH


def test_values_that_stand_for_no_number_are_named(desk: Desk, admin: Any) -> None:
    rows = [
        *houses(2),
        "SN;;Quai Neuf;99002;Valmont;99999;-37.1;44.005",
        "12-26;;Quai Neuf;99002;Valmont;99999;-37.1;44.005",
    ]
    assert "is no house number" in main(checked(admin, *rows))
    page = checked(admin, *rows, **{"no-number": " SN , ranges,"})
    assert "With a house number2" in main(page)
    imported(admin, page)
    assert versions(desk) == [("valmont", 1, "active", 4)]
    refused = main(checked(admin, *rows, **{"no-number": "12"}))
    assert "a value that stands for no number has letters" in refused


def test_a_language_may_have_a_region(desk: Desk, admin: Any) -> None:
    assert tree(admin.get(FORM)).xpath("//option[@value='de-AT']/text()") == ["Deutsch (Österreich)"]
    imported(admin, checked(admin, *houses(1), language="en-AU"))
    assert desk.sql("SELECT language FROM jurat_datasets") == [("en-AU",)]
    assert "Choose a language." in main(checked(admin, *houses(1), language="en-XX"))
