"""Codes that a back office asks to have added: sealed until a worker with the keys adds them, on both engines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event

from adapters.fingerprints import Fingerprints
from jurat import RequestState
from jurat.code_lists import insert_codes
from jurat.codes import generate
from jurat.errors import ConfigurationError
from jurat.ids import uuid7
from jurat.seal import Seal, Unseal
from jurat.seal import generate as generate_keys
from store.dialects import dialect_of
from store.requests.code_lists import CodeImporter
from store.upkeep.upkeep import Upkeep
from tests.store.desk import DOCUMENT, HASH_KEY, PUBLIC_KEY, Desk

IRIS = "Iris of the town"
OWN_LIST = {"sources": {"own": {"type": "codes"}}, "criteria": {"own-code": {"source": "own", "open": ["list"]}}}
FREE_LIST = {"sources": {"cards": {"type": "codes", "list": "cards", "checked": False}}}


def applied(desk: Desk, more: Mapping[str, Any]) -> None:
    desk.apply({**DOCUMENT, **{part: {**DOCUMENT[part], **more.get(part, {})} for part in ("sources", "criteria")}})


def upkeep(desk: Desk) -> Upkeep:
    """That of a worker with all keys."""
    return Upkeep(desk.engine, CodeImporter(desk.unseal, desk.fingerprints))


def ask(desk: Desk, codes: Iterable[str], code_list: str = "spring", **given: Any) -> UUID:
    with desk.engine.begin() as connection:
        return desk.client.add_codes(connection, code_list, codes, by=IRIS, **given)


def ask_by_sql(desk: Desk, sealed: bytes, key: str | None, expires: str | None = None) -> UUID:
    """As anybody may who may write rows, whatever is in them."""
    own = uuid7()
    sql = insert_codes(dialect_of(desk.engine))
    desk.sql(sql, id=desk.id(own), code_list="spring", codes=sealed, codes_key=key, by_whom=IRIS, expires_at=expires)
    return own


def counted(desk: Desk) -> dict[str, tuple[int, ...]]:
    rows = desk.sql("SELECT list, codes, redeemed, revoked, expired FROM jurat_code_lists")
    return {row[0]: tuple(row[1:]) for row in rows}


def refused(desk: Desk, request: UUID) -> str:
    assert upkeep(desk).do_requests() == 1
    became = desk.client.request(request)
    assert became.state is RequestState.REFUSED
    assert became.refused
    assert desk.sql("SELECT note, note_key FROM jurat_requests") == [(None, None)]
    assert desk.sql("SELECT * FROM jurat_codes") == []
    return became.refused


def test_codes_are_sealed_until_they_are_in_the_list_and_let_people_in(desk: Desk) -> None:
    codes = [generate() for _ in range(3)]
    request = ask(desk, codes)
    ((kind, note, key),) = desk.sql("SELECT kind, note, note_key FROM jurat_requests")
    assert (kind, json.loads(desk.unseal.open(bytes(note), key))) == ("codes", codes)
    assert desk.client.request(request).state is RequestState.WAITING
    assert upkeep(desk).do_requests() == 1
    became = desk.client.request(request)
    assert (became.kind, became.state, became.refused) == ("codes", RequestState.DONE, None)
    assert desk.sql("SELECT note, note_key FROM jurat_requests") == [(None, None)]
    assert counted(desk) == {"spring": (3, 0, 0, 0)}
    held = desk.held("p-1", "code", answer={"code": codes[0].lower()})
    desk.settle(held, desk.code_valid(codes[0]))
    assert desk.verdicts(held.id) == [("accepted", "code_valid")]
    assert counted(desk) == {"spring": (3, 1, 0, 0)}


def test_the_audit_has_the_list_and_the_number_and_no_code(desk: Desk) -> None:
    codes = [generate() for _ in range(4)]
    ask(desk, codes[:2])
    request = ask(desk, [*codes, codes[3].replace("-", " ")])
    assert upkeep(desk).do_requests() == 2
    rows = desk.sql("SELECT actor, subject, detail FROM jurat_audit WHERE action = 'codes add' ORDER BY id")
    read = [(row[0], row[1], row[2] if isinstance(row[2], dict) else json.loads(row[2])) for row in rows]
    assert [(who, what, detail["codes"]) for who, what, detail in read] == [(IRIS, "spring", 2), (IRIS, "spring", 2)]
    assert read[1][2] == {"codes": 2, "request": str(request)}, "two of five were there, and one came twice"
    assert counted(desk) == {"spring": (4, 0, 0, 0)}


def test_they_end_when_the_request_says(desk: Desk) -> None:
    ask(desk, [generate()], expires=datetime.now(UTC) + timedelta(days=3))
    ask(desk, [generate()])
    upkeep(desk).do_requests()
    rows = desk.sql("SELECT expires_at IS NULL, expires_at > NOW(250000), expires_at < NOW(260000) FROM jurat_codes")
    assert sorted(tuple(map(bool, row)) for row in rows) == [(False, True, True), (True, False, False)]
    desk.sql("UPDATE jurat_codes SET expires_at = NOW(-1) WHERE expires_at IS NOT NULL")
    assert counted(desk) == {"spring": (2, 0, 0, 1)}


def test_a_malformed_code_refuses_them_all_and_is_not_shown(desk: Desk) -> None:
    good, bad = generate(), "ABCD-EFGH-JKMN"
    said = refused(desk, ask(desk, [good, bad, "1234"]))
    assert said.startswith("2 of 3 are no codes, the first is number 2: 12 letters and digits with a check character")
    assert "ABCD" not in said
    assert desk.sql("SELECT count(*) FROM jurat_audit WHERE action = 'codes add'") == [(0,)]


def test_a_list_that_nothing_names_is_refused(desk: Desk) -> None:
    said = refused(desk, ask(desk, [generate()], "autumn"))
    assert said.startswith("no applied source or question has the list autumn")


def test_a_list_may_be_one_that_a_source_leaves_open(desk: Desk) -> None:
    """A consultation can be published with a list only once that has codes."""
    applied(desk, OWN_LIST)
    request = ask(desk, [generate()], "autumn")
    upkeep(desk).do_requests()
    assert desk.client.request(request).state is RequestState.DONE
    document = {"questions": {"code": {"criterion": "own-code", "with": {"list": "autumn"}}}, "access": "code"}
    with desk.engine.begin() as connection:
        desk.client.publish_consultation(connection, "autumn", document, by=IRIS)
    assert desk.upkeep.apply_publications() == 1
    assert desk.client.publication("autumn").state == "published"


def test_codes_of_others_have_no_check_character(desk: Desk) -> None:
    applied(desk, FREE_LIST)
    request = ask(desk, ["ab-12", "card 77"], "cards")
    upkeep(desk).do_requests()
    assert desk.client.request(request).state is RequestState.DONE
    stored = {row[0] for row in desk.sql("SELECT fingerprint FROM jurat_codes")}
    assert stored == {desk.fingerprints.newest("cards", code) for code in ("AB12", "CARD77")}


def test_a_worker_without_the_keys_leaves_them_to_others(desk: Desk) -> None:
    request = ask(desk, [generate()])
    revocation = "INSERT INTO jurat_requests (id, kind, consultation, participant, by_whom, asked_at) VALUES "
    desk.sql(f"{revocation} ('0192a000-0000-7000-8000-000000000009', 'restore', 'budget', 'p-1', 'a clerk', NOW)")
    private, _ = generate_keys()
    assert desk.upkeep.do_requests() == 1, "the other one"
    assert Upkeep(desk.engine, CodeImporter(Unseal([private]), desk.fingerprints)).do_requests() == 0
    assert desk.client.request(request).state is RequestState.WAITING
    assert upkeep(desk).do_requests() == 1
    assert desk.client.request(request).state is RequestState.DONE


def test_the_newest_key_hashes_them(desk: Desk) -> None:
    code, newest = generate(), bytes(32)
    ask(desk, [code])
    Upkeep(desk.engine, CodeImporter(desk.unseal, Fingerprints([newest, HASH_KEY]))).do_requests()
    stored = Fingerprints([newest]).newest("spring", code.replace("-", ""))
    assert desk.sql("SELECT fingerprint FROM jurat_codes") == [(stored,)]


def test_a_code_that_the_list_has_under_an_older_key_is_not_added_again(desk: Desk) -> None:
    code = generate()
    ask(desk, [code])
    assert upkeep(desk).do_requests() == 1
    again = ask(desk, [code, generate()])
    assert Upkeep(desk.engine, CodeImporter(desk.unseal, Fingerprints([bytes(32), HASH_KEY]))).do_requests() == 1
    assert desk.client.request(again).state is RequestState.DONE
    assert counted(desk)["spring"][0] == 2


def test_a_worker_without_a_key_of_the_list_adds_nothing_to_it(desk: Desk) -> None:
    """It cannot tell whether a code is in the list: another worker can."""
    code = generate()
    ask(desk, [code])
    assert upkeep(desk).do_requests() == 1
    again = ask(desk, [code])
    with pytest.raises(ConfigurationError, match=desk.fingerprints.key_ids[0]):
        Upkeep(desk.engine, CodeImporter(desk.unseal, Fingerprints([bytes(32)]))).do_requests()
    assert desk.client.request(again).state is RequestState.WAITING
    assert upkeep(desk).do_requests() == 1
    assert counted(desk)["spring"][0] == 1


def test_what_no_worker_can_open_is_refused_after_a_day(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    _, public = generate_keys()
    seal = Seal(public)
    request = ask_by_sql(desk, seal.close(b'["x"]'), seal.key_id)
    assert upkeep(desk).do_requests() == 0
    assert desk.client.request(request).state is RequestState.WAITING
    monkeypatch.setattr("store.requests.request_runner.LEFT_TO_OTHERS", -60.0)
    from store.requests.request_runner import _page

    _page.cache_clear()
    assert refused(desk, request).startswith("the codes do not open with a key of the workers")
    _page.cache_clear()


@pytest.mark.parametrize(
    "plain", [b"", b"{}", b"[]", b'"code"', b"[1]", b"\xff", b"[" * 5000, b'["' + b"A" * 101 + b'"]']
)
def test_what_is_no_list_of_texts_is_refused(desk: Desk, plain: bytes) -> None:
    seal = Seal(PUBLIC_KEY)
    request = ask_by_sql(desk, seal.close(plain), seal.key_id)
    assert refused(desk, request).startswith("what was sealed is no JSON list of 1 to 10,000 texts")


def test_what_does_not_open_is_refused(desk: Desk) -> None:
    request = ask_by_sql(desk, bytes(80), Seal(PUBLIC_KEY).key_id)
    assert refused(desk, request).startswith("the codes do not open")


def test_what_lacks_its_key_is_refused_at_once(desk: Desk) -> None:
    assert refused(desk, ask_by_sql(desk, b"x", None)) == "a request of kind codes needs code_list, note and note_key"


def test_ten_thousand_codes_take_one_statement(desk: Desk) -> None:
    ask(desk, (generate() for _ in range(10_000)))
    with desk.statements() as seen:
        upkeep(desk).do_requests()
    assert sum("INSERT INTO jurat_codes" in statement for statement in seen) == 1
    assert counted(desk) == {"spring": (10_000, 0, 0, 0)}


def test_a_worker_that_ends_before_its_commit_has_done_nothing(desk: Desk) -> None:
    request = ask(desk, [generate()])

    def fail(_: Any, __: Any, statement: str, *___: Any) -> None:
        if "UPDATE jurat_requests SET applied_at" in statement:
            raise ZeroDivisionError

    event.listen(desk.engine, "before_cursor_execute", fail)
    with pytest.raises(ZeroDivisionError):
        upkeep(desk).do_requests()
    event.remove(desk.engine, "before_cursor_execute", fail)
    assert desk.client.request(request).state is RequestState.WAITING
    assert desk.sql("SELECT count(*) FROM jurat_audit WHERE action = 'codes add'") == [(0,)]
    assert desk.sql("SELECT note IS NOT NULL FROM jurat_requests")[0][0]
    assert (upkeep(desk).do_requests(), upkeep(desk).do_requests()) == (1, 0)
    assert counted(desk) == {"spring": (1, 0, 0, 0)}


def test_an_old_request_is_forgotten_and_its_codes_stay(desk: Desk) -> None:
    ask(desk, [generate()])
    upkeep(desk).do_requests()
    desk.upkeep.purge()
    assert desk.one("SELECT count(*) FROM jurat_requests") == 1
    if desk.postgresql:
        desk.sql("ALTER TABLE jurat_requests DISABLE TRIGGER jurat_requests_changed")
    else:
        desk.sql("DROP TRIGGER jurat_requests_changed")
    desk.sql("UPDATE jurat_requests SET applied_at = NOW(-2600000)")
    if desk.postgresql:
        desk.sql("ALTER TABLE jurat_requests ENABLE ALWAYS TRIGGER jurat_requests_changed")
    desk.upkeep.purge()
    assert desk.one("SELECT count(*) FROM jurat_requests") == 0
    assert counted(desk) == {"spring": (1, 0, 0, 0)}
