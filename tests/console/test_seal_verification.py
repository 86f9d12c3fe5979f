"""Seals that the Audit page verifies: a sealed history, one that was changed, and wrong files. On both engines."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from console.background import TaskKind, Work
from console.database import Database
from console.parts import Parts
from jurat.seal import key_to_text
from store.history.heads import sign
from store.history.verification import Contradiction, VerifiedHistory, verify_history
from tests.console.test_address_imports import UNDER_WAY, is_over
from tests.console.visitor import Site, main, tree
from tests.rigs.waiting import until
from tests.store.desk import Desk
from tests.store.history.keeper import ACCEPTED, Keeper, forge

AUDIT = "/en/audit/"
PATH = f"{AUDIT}verification"
CHANGED = "UPDATE jurat_audit SET actor = 'other' WHERE action = 'config apply'"
ALL_OF_IT = "the owner of the tables could have changed all of it"


@pytest.fixture
def keeper(desk: Desk, tmp_path: Path) -> Keeper:
    desk.settle(desk.held("p-1"), ACCEPTED)
    return Keeper(desk, tmp_path)


@pytest.fixture
def operator(keeper: Keeper, reviewed: Site) -> Iterator[Any]:
    yield reviewed.signed_in("clerk-7", "operator")
    assert until(lambda: is_over(reviewed), 20.0)


def key_of(keeper: Keeper) -> str:
    return key_to_text(bytes(keeper.key.verify_key))


def sent(visitor: Any, heads: bytes | None = None, key: str = "") -> Any:
    files = {} if heads is None else {"file": (io.BytesIO(heads), "heads")}
    return visitor.post(PATH, AUDIT, key=key, **files)


def verified(visitor: Any, heads: bytes | None = None, key: str = "", language: str = "en") -> Any:
    begun = sent(visitor, heads, key)
    assert (begun.status_code, begun.location) == (303, PATH)
    assert until(lambda: is_over(visitor.site), 20.0)
    return visitor.get(PATH.replace("/en/", f"/{language}/"))


def rows(page: Any) -> list[list[str]]:
    return [[cell.text_content() for cell in row] for row in tree(page).xpath("//tbody/tr")]


def test_a_sealed_history_is_verified_and_an_entry_says_by_whom(keeper: Keeper, operator: Any) -> None:
    keeper.desk.settle(keeper.desk.held("p-2"), ACCEPTED)
    before = keeper.desk.one("SELECT count(*) FROM jurat_audit")
    page = verified(operator, keeper.file.read_bytes(), key_of(keeper))
    found, said = keeper.verify(), main(page)
    assert "Nothing contradicts the seals." in said
    assert f"Entries verified{found.leaves} " in said
    assert "Signed heads verified1 Rows not sealed yet1 " in said
    assert ALL_OF_IT not in said
    assert "Refresh" not in page.headers
    assert keeper.desk.one("SELECT count(*) FROM jurat_audit") == before + 1


def test_a_changed_row_is_found_in_both_languages(keeper: Keeper, operator: Any) -> None:
    forge(keeper.desk, CHANGED)
    subject = str(keeper.desk.one("SELECT id FROM jurat_audit WHERE action = 'config apply'"))
    page = verified(operator, keeper.file.read_bytes(), key_of(keeper))
    assert "One contradiction was found." in main(page)
    assert rows(page) == [["It is not as it was sealed.", "entry of the audit", subject]]
    french = operator.get(PATH.replace("/en/", "/fr/"))
    assert "Une contradiction a été trouvée." in main(french)
    assert rows(french)[0][1:] == ["entrée du journal d’audit", subject]
    assert tree(french).xpath("//tbody//td[@lang='en']/text()") == ["It is not as it was sealed."]


def test_heads_of_another_key_are_found(keeper: Keeper, operator: Any) -> None:
    other = key_to_text(bytes(SigningKey.generate().verify_key))
    ((what, kind, _),) = rows(verified(operator, keeper.file.read_bytes(), other))
    assert (what[:31], kind) == ("Another key signed the head of ", "signed head")


def test_a_history_that_was_taken_away_is_found_by_a_head_from_outside(keeper: Keeper, operator: Any) -> None:
    beyond = sign(keeper.key, keeper.heads[0].signed_ms + 1000, 99, bytes(32)).line()
    assert "The history does not reach the head of" in main(verified(operator, beyond, key_of(keeper)))


def test_without_heads_the_page_says_that_the_owner_could_have_changed_all(keeper: Keeper, operator: Any) -> None:
    said = main(verified(operator))
    assert "Nothing contradicts the seals." in said
    assert ALL_OF_IT in said


def test_what_a_restore_lost_is_named(keeper: Keeper, operator: Any) -> None:
    lost = sign(keeper.key, keeper.heads[0].signed_ms + 1, keeper.heads[0].tree_size, keeper.heads[0].root_hash, 1500)
    page = verified(operator, keeper.file.read_bytes() + lost.line(), key_of(keeper))
    assert (
        f"Entries {keeper.heads[0].tree_size} to 1,499 were lost when a backup was restored. They were sealed between"
        in main(page)
    )


def test_no_more_than_a_hundred_rows_are_shown(operator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    many = VerifiedHistory(contradictions=[Contradiction("<b>", "<i>", f"row {n}") for n in range(101)])
    monkeypatch.setattr("console.seals.verify_history", lambda *_: many)
    page = verified(operator)
    assert "101 contradictions were found." in main(page)
    assert "The first 100 are shown." in main(page)
    assert rows(page)[0] == ["<b>.", "<i>", "row 0"]
    assert len(rows(page)) == 100


@pytest.mark.parametrize(
    ("heads", "key", "field", "said"),
    [
        (b"no heads", "right", "file", "This is no file of signed heads."),
        (b"{}\n", "right", "file", "This is no file of signed heads."),
        (b"x" * 3001, "right", "file", "The file is larger than 4 MB."),
        ("right", "c2hvcnQ=", "key", "This is no public key."),
        ("right", "clé", "key", "This is no public key."),
        ("right", "", "key", "The file and the key belong together"),
        (None, "right", "file", "The file and the key belong together"),
    ],
    ids=["no heads", "no head", "large", "short", "no base64", "no key", "no file"],
)
def test_a_wrong_file_or_key_is_said_at_its_field(
    keeper: Keeper, operator: Any, heads: Any, key: str, field: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.seals.LARGEST", 3000)
    given = key_of(keeper) if key == "right" else key
    page = sent(operator, keeper.file.read_bytes() if heads == "right" else heads, given)
    assert page.status_code == 422
    assert tree(page).xpath("//*[@role='alert']//a/@href") == [f"#{field}"]
    assert said in tree(page).xpath(f"//*[@id='{field}-problem']")[0].text_content()
    assert tree(page).xpath("//*[@id='key']/@value") == [given]
    assert operator.get(PATH).location == AUDIT


def test_one_thing_is_done_at_a_time_and_the_page_says_how_far_it_is(
    keeper: Keeper, operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()

    def slow(*given: Any) -> Any:
        given[3](1)
        assert goes_on.wait(20.0)
        return verify_history(*given)

    monkeypatch.setattr("console.seals.verify_history", slow)
    sent(operator)
    size = keeper.heads[0].tree_size
    assert until(lambda: f"1 of {size} entries are verified." in main(operator.get(PATH)), 20.0)
    assert operator.get(PATH).headers["Refresh"] == "3"
    assert "Refresh" not in operator.get(f"{PATH}?still=1").headers
    assert sent(operator).status_code == 303
    assert "Something else is under way." in main(operator.get(PATH))
    assert operator.site.signed_in("ada", "administrator").get(UNDER_WAY).location == PATH
    goes_on.set()
    assert until(lambda: is_over(operator.site), 20.0)
    assert "Nothing contradicts the seals." in main(operator.get(PATH))


def test_a_failure_is_said_and_an_import_of_others_is_not_shown(operator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.seals.verify_history", lambda *_: 1 / 0)
    assert "The log of the console says what failed." in main(verified(operator))
    parts: Parts = operator.site.app.extensions["jurat-console"]
    assert parts.background.begin(Work(TaskKind.IMPORT, "valmont"), lambda _: 1)
    assert operator.get(PATH).location == AUDIT


def test_progress_is_told_page_by_page(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.history.verification.PAGE", 1)
    told: list[int] = []
    verify_history(keeper.desk.engine, [], None, told.append)
    assert told == list(range(1, keeper.heads[0].tree_size + 1))


@pytest.mark.parametrize("roles", [(), ("reviewer",)])
def test_others_verify_nothing(reviewed: Site, roles: tuple[str, ...]) -> None:
    visitor = reviewed.signed_in("rita", *roles)
    assert visitor.get(PATH).status_code == 403
    assert visitor.post(PATH, "/en/").status_code == 403
    assert reviewed.signed_in("ada", "administrator").send(PATH).status_code == 400  # no token
    assert is_over(reviewed)


def test_a_login_that_is_no_administrator_is_offered_the_command(
    keeper: Keeper, reviewed: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = reviewed.signed_in("ada", "administrator", "operator")
    assert tree(visitor.get(AUDIT)).xpath("//main//input[@type='file']")
    monkeypatch.setattr(Database, "may", lambda *_: False)
    page = visitor.get(AUDIT)
    assert "bin/jurat db verify --heads FILE --key FILE" in main(page)
    assert not tree(page).xpath("//main//input[@type='file']")
    assert visitor.post(PATH, "/en/").status_code == 403
    assert reviewed.app.extensions["jurat-console"].background.last is None
