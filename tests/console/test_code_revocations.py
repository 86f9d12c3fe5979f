"""Codes that are revoked in the console: a whole list by its typed name, or single ones after a check."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from adapters.fingerprints import Fingerprints
from jurat.codes import generate
from store.hash_keys import for_new_hashes
from store.requests import code_revocations
from tests.console.test_codes import fields, file
from tests.console.visitor import Site, main, tree
from tests.store.desk import Desk

LISTS = "/en/codes/"
LIST = f"{LISTS}list/spring"
REVOKE = f"{LIST}/revoke"
SOME = f"{LIST}/revoke-some"
DONE = f"{LISTS}revoke-some/done"


@pytest.fixture
def admin(keyed: Site) -> Any:
    return keyed.signed_in("ada", "administrator")


@pytest.fixture
def codes(desk: Desk) -> list[str]:
    """Five codes, of which the first was redeemed."""
    with desk.engine.begin() as connection:  # as `codes generate` does
        for_new_hashes(connection, desk.fingerprints)
    codes = desk.add_codes(5)
    desk.settle(desk.held("p-1", "code"), desk.code_valid(codes[0]))
    return codes


def counts(desk: Desk) -> tuple[int, int, int, int]:
    row = desk.queries.code_lists()["spring"]
    return row.codes, row.free, row.redeemed, row.revoked


def checked(visitor: Any, *codes: str, **given: Any) -> Any:
    return visitor.post(SOME, LIST, codes="\r\n".join(codes), **given)


def test_a_list_is_revoked_by_its_name_and_what_was_redeemed_stays(desk: Desk, admin: Any, codes: list[str]) -> None:
    assert tree(admin.get(LISTS)).xpath("//th/a/@href") == [LIST]
    for wrong in ("", "autumn", "SPRING"):
        page = admin.post(REVOKE, LIST, again=wrong)
        assert page.status_code == 422
        assert tree(page).xpath("//*[@role='alert']//a/@href") == ["#again"]
    assert counts(desk) == (5, 4, 1, 0)
    for told in ("4 codes are revoked.", "0 codes are revoked."):
        done = admin.post(REVOKE, LIST, again=" spring ")
        assert (done.status_code, done.location) == (303, LIST)
        assert told in main(admin.get(LIST))
    assert counts(desk) == (5, 0, 1, 4)
    assert not tree(admin.get(LIST)).xpath("//*[@id='revoke']"), "there is nothing left to revoke"
    assert desk.sql("SELECT actor, subject FROM jurat_audit WHERE action = 'codes revoke'") == [("ada", "spring")]
    assert desk.sql("SELECT outcome FROM jurat_verdicts") == [("accepted",)]
    assert len(codes) == 5


def test_a_large_list_is_revoked_for_as_long_as_a_page_may_take(
    desk: Desk, admin: Any, codes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert codes
    monkeypatch.setattr(code_revocations, "AT_ONCE", 3)
    monkeypatch.setattr("console.code_revocations.REVOKING_S", 0.0)
    admin.post(REVOKE, LIST, again="spring")
    page = admin.get(LIST)
    assert "3 codes are revoked." in main(page)
    assert "There are more: revoke the list once more" in main(page)
    assert counts(desk) == (5, 1, 1, 3)


def test_single_codes_are_checked_shown_as_a_number_and_then_revoked_once(
    desk: Desk, admin: Any, codes: list[str]
) -> None:
    page = checked(admin, codes[0], codes[1].lower(), "", generate())
    assert page.status_code == 200
    assert "Codes3" in main(page)
    assert not any(code.lower() in page.text.lower() for code in codes)
    assert counts(desk)[3] == 0
    done = admin.send(DONE, **fields(page))
    assert (done.status_code, done.location) == (303, LIST)
    said = main(admin.get(LIST))
    for words in ("1 code is revoked.", "Redeemed before, and not revoked: 1", "Not in this list: 1"):
        assert words in said
    assert "Revoked before" not in said
    assert admin.send(DONE, **fields(page)).location == LISTS
    assert "Nothing was done now." in main(admin.get(LISTS))
    assert counts(desk) == (5, 3, 1, 1)
    stored = str(desk.sql("SELECT * FROM jurat_audit"))
    assert not any(code in stored or code.replace("-", "") in stored for code in codes)


def test_they_may_come_as_a_file(desk: Desk, admin: Any, codes: list[str]) -> None:
    admin.send(DONE, **fields(admin.post(SOME, LIST, file=file(*codes[1:3]))))
    assert counts(desk) == (5, 2, 1, 2)
    page = admin.post(SOME, LIST, file=(io.BytesIO(b"\xff\xfe"), "x.txt"))
    assert tree(page).xpath("//*[@role='alert']//a/@href") == ["#file"]
    assert "this is not UTF-8 text" in main(page)


def test_bad_lines_are_named_and_what_was_typed_stays(desk: Desk, admin: Any, codes: list[str]) -> None:
    page = checked(admin, codes[1], "<b>SECRET")
    assert page.status_code == 422
    assert tree(page).xpath("//*[@role='alert']//a/@href") == ["#codes"]
    assert "Line 2: this is no code" in main(page)
    assert tree(page).xpath("//textarea")[0].text.split() == [codes[1], "<b>SECRET"]
    for given, name in (({"codes": " \n"}, "codes"), ({"codes": codes[1], "made": "others"}, "made")):
        page = admin.post(SOME, LIST, **given)
        assert (page.status_code, tree(page).xpath("//*[@role='alert']//a/@href")) == (422, [f"#{name}"])
    assert counts(desk)[3] == 0


def test_without_its_keys_the_console_revokes_lists_alone(desk: Desk, reviewed: Site, codes: list[str]) -> None:
    visitor = reviewed.signed_in("ada", "administrator")
    page = visitor.get(LIST)
    assert "bin/jurat codes generate, import and revoke" in main(page)
    assert not tree(page).xpath("//textarea")
    assert visitor.post(SOME, LIST, codes=codes[1]).status_code == 403
    assert visitor.post(DONE, LIST).status_code == 403
    visitor.post(REVOKE, LIST, again="spring")
    assert counts(desk)[3] == 4


def test_a_key_that_is_missing_is_a_sentence(desk: Desk, opened: Callable[..., Site], codes: list[str]) -> None:
    other = opened(desk.url, fingerprints=Fingerprints([bytes(32)])).signed_in("ada", "administrator")
    assert other.send(DONE, **fields(checked(other, codes[1]))).location == LISTS
    assert "which JURAT_HASH_KEYS lacks here" in main(other.get(LISTS))
    assert counts(desk)[3] == 0


def test_others_revoke_nothing(desk: Desk, keyed: Site, admin: Any, codes: list[str]) -> None:
    page = checked(admin, codes[1])
    token = fields(page)["token"]
    visitor = keyed.signed_in("rita", "reviewer", "operator")
    assert visitor.get(LIST).status_code == 403
    for path in (REVOKE, SOME, DONE):
        assert visitor.post(path, "/en/", again="spring", codes=codes[1], token=token).status_code == 403
        assert admin.send(path, again="spring", codes=codes[1], token=token).status_code == 400  # no token
    assert keyed.signed_in("abel", "administrator").post(DONE, LIST, token=token).location == LISTS
    assert counts(desk)[3] == 0


@pytest.mark.parametrize("name", ["autumn", "x'--", "..%2f..", "Spring"])
def test_a_list_that_is_none_is_not_there(desk: Desk, admin: Any, codes: list[str], name: str) -> None:
    assert admin.get(f"{LISTS}list/{name}").status_code == 404
    for act in ("revoke", "revoke-some"):
        assert admin.post(f"{LISTS}list/{name}/{act}", LIST, again=name, codes=codes[1]).status_code == 404
    assert counts(desk)[3] == 0


def test_a_login_without_the_role_revokes_none(admin: Any, codes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.database.memberships", lambda _: frozenset({"jurat_reader"}))
    assert "lacks the role jurat_admin" in main(admin.get(LIST))
    for path in (REVOKE, SOME, DONE):
        assert admin.post(path, LIST, again="spring", codes=codes[1]).status_code == 403
