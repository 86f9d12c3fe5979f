"""Access codes in the console: lists, new ones that are shown once, and those that were made elsewhere."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from adapters.fingerprints import Fingerprints
from jurat.codes import clean, generate
from store.requests.code_files import MOST_CODES, WrongCodes, codes_in
from tests.console.visitor import Site, main, tree
from tests.store.desk import Desk

PATH = "/en/codes/"
GENERATE = f"{PATH}generate"
IMPORT = f"{PATH}import"


@pytest.fixture
def admin(keyed: Site) -> Any:
    return keyed.signed_in("ada", "administrator")


def file(*codes: str, encoding: str = "utf-8") -> tuple[io.BytesIO, str]:
    return io.BytesIO("".join(f"{code}\n" for code in codes).encode(encoding)), "codes.txt"


def counts(desk: Desk, name: str = "spring") -> tuple[int, int]:
    row = desk.queries.code_lists().get(name)
    return (row.codes, row.free) if row else (0, 0)


def shown(page: Any) -> list[str]:
    return [str(each) for each in tree(page).xpath("//*[@class='tickets']//*[@class='code']/text()")]


def fields(page: Any) -> dict[str, str]:
    found = tree(page).xpath("//main//input[@type='hidden']")
    return {each.get("name"): each.get("value") for each in found}


def test_codes_are_made_once_shown_once_and_stored_as_hashes_alone(desk: Desk, admin: Any) -> None:
    form = fields(admin.get(GENERATE))
    page = admin.send(GENERATE, **form, list="spring", count="5", expires="2999-12-31")
    codes = shown(page)
    assert len(set(codes)) == 5
    assert all(clean(code) for code in codes)
    assert "Valid until 31 December 2999" in main(page)
    assert page.headers["Cache-Control"] == "no-store"
    again = admin.send(GENERATE, **form, list="spring", count="5")
    assert (again.status_code, again.location) == (303, PATH)
    after = admin.get(PATH)
    assert "created already" in main(after)
    assert "spring55000" in main(after).replace(" ", "")
    assert counts(desk) == (5, 5)
    assert ("ada", "codes add", "spring") in desk.sql("SELECT actor, action, subject FROM jurat_audit")
    stored = str(desk.sql("SELECT * FROM jurat_codes") + desk.sql("SELECT * FROM jurat_audit"))
    assert not any(code in stored or code.replace("-", "") in stored for code in codes)
    (first, *_rest) = desk.queries.codes("spring", desk.fingerprints.all("spring", clean(codes[0]) or ""))
    assert first


def test_as_a_file_they_are_sent_and_no_page_has_them(desk: Desk, admin: Any) -> None:
    sent = admin.post(GENERATE, id=str(uuid4()), list="summer", count="600", how="file")
    assert sent.mimetype == "text/plain"
    assert sent.headers["Content-Disposition"] == 'attachment; filename="summer.txt"'
    assert len(set(sent.text.split())) == 600
    assert counts(desk, "summer") == (600, 600)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("count", {"count": "0"}),
        ("count", {"count": "301"}),
        ("count", {"count": "100001", "how": "file"}),
        ("count", {"count": "٣"}),
        ("count", {"count": ""}),
        ("list", {"list": "Spring!"}),
        ("list", {"list": "a/../../b"}),
        ("list", {"list": 'x"\r\nSet-Cookie: a'}),
        ("expires", {"expires": "2026-01-01"}),
        ("expires", {"expires": "soon"}),
    ],
)
def test_a_form_says_what_is_wrong_and_makes_nothing(desk: Desk, admin: Any, name: str, given: dict[str, str]) -> None:
    page = admin.post(GENERATE, **{"list": "spring", "count": "2", **given})
    assert page.status_code == 422
    assert tree(page).xpath("//*[@role='alert']//a/@href") == [f"#{name}"]
    assert desk.queries.code_lists() == {}


def test_a_file_of_codes_is_checked_shown_and_then_added_once(desk: Desk, admin: Any) -> None:
    codes = [generate() for _ in range(3)]
    admin.send(f"{IMPORT}/done", **fields(admin.post(IMPORT, list="spring", file=file(codes[0]))))
    page = admin.post(IMPORT, list="spring", file=file(*codes, ""))
    assert "Codes in the file3" in main(page)
    assert not any(code in page.text for code in codes)
    assert counts(desk) == (1, 1)
    for told in ("2 codes were added to the list.", "Nothing was done now."):
        done = admin.send(f"{IMPORT}/done", **fields(page))
        assert (done.status_code, done.location) == (303, PATH)
        assert told in main(admin.get(PATH))
    assert counts(desk) == (3, 3)


def test_bad_lines_are_named_without_their_text(desk: Desk, admin: Any) -> None:
    page = admin.post(IMPORT, list="spring", file=file(generate(), "NOT-A-CODE", "", "SECRET-7"))
    assert page.status_code == 422
    assert tree(page).xpath("//*[@role='alert']//a/@href") == ["#file"]
    said = main(page)
    assert "Line 2: this is no code" in said
    assert "Line 4: this is no code" in said
    assert "SECRET" not in page.text
    assert counts(desk) == (0, 0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("AB12".encode("utf-16"), "this is not UTF-8 text"),
        (b"\xff\xfe\x00", "this is not UTF-8 text"),
        (b"\n\n \n", "holds no codes"),
        (b"PK\x03\x04" + bytes(1000), "this is no code"),
        (b"A" * 400_000, "this is no code"),
        ("\n".join(f"AB{n:06}" for n in range(100_001))[:400_000].encode(), "this is no code"),
    ],
    ids=["utf-16", "a mark alone", "nothing", "an archive", "one long line", "many lines"],
)
def test_a_file_of_something_else_is_refused_at_the_form(desk: Desk, admin: Any, content: bytes, said: str) -> None:
    page = admin.post(IMPORT, list="spring", file=(io.BytesIO(content), "codes.txt"))
    assert page.status_code == 422
    assert said in main(page)
    assert len(tree(page).xpath("//*[@aria-labelledby='faults']//li")) <= 50
    assert counts(desk) == (0, 0)


def test_the_problems_of_a_large_file_are_not_all_kept() -> None:
    """4 MB of short lines took 400 MB, for each page that was asked for at once."""
    with pytest.raises(WrongCodes) as refused:
        codes_in(b"x\n" * (MOST_CODES + 7), checked=False)
    assert len(refused.value.lines) == MOST_CODES


def test_codes_of_others_need_to_be_called_so_and_easy_ones_are_warned_of(desk: Desk, admin: Any) -> None:
    page = admin.post(IMPORT, list="library", file=file("1001", "1002"))
    assert tree(page).xpath("//*[@role='alert']//a/@href") == ["#made"]
    page = admin.post(IMPORT, list="library", file=file("1001", "1002"), made="others")
    assert "easily guessed" in main(page)
    assert "No question uses this list yet." in main(page)
    admin.send(f"{IMPORT}/done", **fields(page))
    assert counts(desk, "library") == (2, 2)
    against = admin.post(IMPORT, list="spring", file=file("1001", "1002"), made="others")
    assert tree(against).xpath("//*[@role='alert']//a/@href") == ["#made"]


def test_without_its_keys_the_console_names_the_commands(desk: Desk, reviewed: Site) -> None:
    visitor = reviewed.signed_in("ada", "administrator")
    for path in (PATH, GENERATE, IMPORT):
        assert "bin/jurat codes generate" in main(visitor.get(path))
    for path in (GENERATE, IMPORT, f"{IMPORT}/done"):
        assert visitor.post(path, PATH, list="spring", count="1", id=str(uuid4())).status_code == 403


def test_a_key_that_is_not_the_one_in_use_adds_nothing(desk: Desk, opened: Callable[..., Site], admin: Any) -> None:
    admin.post(GENERATE, id=str(uuid4()), list="spring", count="1")
    other = opened(desk.url, fingerprints=Fingerprints([bytes(32)])).signed_in("ada", "administrator")
    assert other.post(GENERATE, id=str(uuid4()), list="spring", count="1").location == PATH
    assert "which JURAT_HASH_KEYS lacks here" in main(other.get(PATH))
    page = other.post(IMPORT, list="spring", file=file(generate()))
    other.send(f"{IMPORT}/done", **fields(page))
    assert "which JURAT_HASH_KEYS lacks here" in main(other.get(PATH))
    assert counts(desk) == (1, 1)


def test_others_neither_see_nor_add_codes(desk: Desk, keyed: Site, admin: Any) -> None:
    visitor = keyed.signed_in("rita", "reviewer", "operator")
    assert [visitor.get(path).status_code for path in (PATH, GENERATE, IMPORT)] == [403, 403, 403]
    for path in (GENERATE, IMPORT, f"{IMPORT}/done"):
        assert visitor.post(path, "/en/", list="spring", count="1", id=str(uuid4())).status_code == 403
        assert admin.send(path, list="spring", count="1", id=str(uuid4())).status_code == 400  # no token
    assert admin.post(GENERATE, list="spring", count="1", id="no id").status_code == 400
    assert counts(desk) == (0, 0)


def test_a_login_without_the_role_reads_and_adds_none(admin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.database.memberships", lambda _: frozenset({"jurat_reader"}))
    for path in (PATH, GENERATE, IMPORT):
        assert "lacks the role jurat_admin" in main(admin.get(path))
    assert admin.post(GENERATE, PATH, list="spring", count="1", id=str(uuid4())).status_code == 403
