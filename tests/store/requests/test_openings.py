"""A reviewer reads the answer and the note of a check in review, on both engines, and nothing of them is left."""

from __future__ import annotations

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from jurat import Client, InvalidSubmission, NotInReview, NotOpened, OpenedReview, Opening, UnknownCheck
from jurat.ids import uuid7
from jurat.openings import LIFETIME
from jurat.seal import Seal, Unseal, generate, key_to_text
from jurat.vocabulary import Reason
from store.requests.openings import AHEAD, Openings
from store.requests.request_rows import RequestKind
from store.upkeep.schedule import EVERY
from tasks.checks import ClaimedCheck, Review
from tests.store.desk import DOCUMENT, PUBLIC_KEY, Desk
from tests.store.requests.asked import CLERK, asking, refused, stored, wait
from tests.store.reviews import ReviewDecisions

ANSWER = {"word": "accept", "number": "90 000 é"}
NOTE = "I moved in May — “twice”.\nSee folder 7."


def in_review(desk: Desk, participant: str = "p-1", answer: Any = ANSWER) -> ClaimedCheck:
    held = desk.held(participant, "profession", answer=answer)
    desk.settle(held, Review(Reason.NAME_DIFFERS, 3600))
    return held


def contested(desk: Desk) -> ClaimedCheck:
    held = refused(desk)
    with desk.engine.begin() as connection:
        desk.client.contest(connection, held.id, note=NOTE)
    assert desk.upkeep.do_requests() == 1
    return held


def ask(desk: Desk, check: UUID, by_whom: str = CLERK) -> Opening:
    with desk.engine.begin() as connection:
        return desk.client.open_for_review(connection, check, by_whom=by_whom)


def audited(desk: Desk) -> list[tuple[str, str, Any]]:
    rows = desk.sql("SELECT actor, subject, detail FROM jurat_audit WHERE action = 'review answer' ORDER BY id")
    return [(row[0], row[1], row[2] if desk.postgresql else json.loads(row[2])) for row in rows]


def problem(desk: Desk, opening: Opening) -> str:
    with pytest.raises(NotOpened, match=f"^the answer of check {opening.check_id} cannot be read: ") as told:
        desk.client.opened(opening)
    return told.value.problem


# ---------------------------------------------------------------------------------------------------- what is opened


def test_a_reviewer_reads_the_answer_once_a_worker_has_opened_it_and_the_audit_says_so(desk: Desk) -> None:
    held = in_review(desk)
    opening = ask(desk, held.id)
    assert desk.client.opened(opening) is None
    assert audited(desk) == []
    assert desk.upkeep.open_answers() == 1
    assert desk.client.opened(opening) == OpenedReview(ANSWER, None)
    assert desk.client.opened(opening) == OpenedReview(ANSWER, None), "as often as they like"
    login = desk.one("SELECT login FROM jurat_openings")
    detail = {"question": "profession", "answer": True, "note": False, "opening": str(opening.id), "login": login}
    assert audited(desk) == [(CLERK, str(held.id), detail)]
    assert desk.upkeep.open_answers() == 0
    assert len(audited(desk)) == 1


def test_of_a_contested_verdict_there_is_the_note_alone(desk: Desk) -> None:
    opening = ask(desk, contested(desk).id)
    assert desk.upkeep.open_answers() == 1
    assert desk.client.opened(opening) == OpenedReview(None, NOTE)
    ((_, _, detail),) = audited(desk)
    assert (detail["answer"], detail["note"]) == (False, True)


def test_a_person_may_open_it_again_with_another_key_each_time(desk: Desk) -> None:
    held = in_review(desk)
    first, second = ask(desk, held.id), ask(desk, held.id, "another clerk")
    assert desk.upkeep.open_answers() == 2
    assert desk.client.opened(first) == desk.client.opened(second) == OpenedReview(ANSWER, None)
    stolen = Opening(first.id, first.check_id, second.key)
    assert problem(desk, stolen) == "what was sealed does not open with the key of this opening"
    assert [actor for actor, _, _ in audited(desk)] == [CLERK, "another clerk"]


def test_what_is_sealed_tells_little_by_its_length(desk: Desk) -> None:
    for participant, word in (("p-1", "a"), ("p-2", "accept")):
        ask(desk, in_review(desk, participant, {"word": word}).id)
    desk.upkeep.open_answers()
    assert {len(row[0]) for row in desk.sql("SELECT sealed FROM jurat_openings")} == {128 + 48}


def test_neither_shows_what_it_holds_and_the_key_stays_in_its_process(desk: Desk) -> None:
    opening = ask(desk, in_review(desk).id)
    desk.upkeep.open_answers()
    read = desk.client.opened(opening)
    assert "accept" not in repr(read)
    assert "key" not in repr(opening)
    with pytest.raises(TypeError, match="its key stays in the process that asked"):
        pickle.dumps(opening)


def test_nothing_opens_it_but_the_key_of_the_session(desk: Desk) -> None:
    """As far as the database goes: what is stored opens with none of the keys that are not in the session."""
    opening = ask(desk, in_review(desk).id)
    desk.upkeep.open_answers()
    sealed = bytes(desk.one("SELECT sealed FROM jurat_openings"))
    kept = [
        row
        for table in ("jurat_openings", "jurat_audit", "jurat_requests")
        for row in desk.sql(f"SELECT * FROM {table}")
    ]
    assert bytes(opening.key) not in b"".join(bytes(each) for row in kept for each in row if isinstance(each, bytes))
    assert "accept" not in str(kept)
    with pytest.raises(Exception, match="not here"):
        desk.unseal.open(sealed, "0" * 16)
    assert problem(desk, Opening(opening.id, opening.check_id, type(opening.key).generate())).startswith("what was")


# ------------------------------------------------------------------------------------------------- what is not asked


def test_what_cannot_be_opened_is_not_asked_for(desk: Desk) -> None:
    held, settled = in_review(desk), refused(desk, "p-2")
    for unknown in (uuid7(), "no id"):
        with pytest.raises(UnknownCheck):
            ask(desk, unknown)  # type: ignore[arg-type]
    with pytest.raises(NotInReview, match=f"check {settled.id} is not in review: it is settled"):
        ask(desk, settled.id)
    for name in ("p-1", "P-1 ", "", " ", "x" * 201, "a\nb"):
        with pytest.raises(InvalidSubmission, match="by_whom"):
            ask(desk, held.id, name)
    assert desk.sql("SELECT id FROM jurat_openings") == []


def test_a_transaction_goes_on_after_an_error(desk: Desk) -> None:
    held = in_review(desk)
    with desk.engine.begin() as connection:
        with pytest.raises(UnknownCheck):
            desk.client.open_for_review(connection, uuid7(), by_whom=CLERK)
        opening = desk.client.open_for_review(connection, held.id, by_whom=CLERK)
    assert desk.client.opened(opening) is None


def test_what_was_rolled_back_is_told(desk: Desk) -> None:
    held = in_review(desk)
    with desk.engine.connect() as connection:
        opening = desk.client.open_for_review(connection, held.id, by_whom=CLERK)
    assert "nothing was committed" in problem(desk, opening)


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE jurat_openings SET check_id = '{other}'",
        "UPDATE jurat_openings SET by_whom = 'nobody'",
        "UPDATE jurat_openings SET reader_key = {key}",
        "UPDATE jurat_openings SET asked_at = NOW(60)",
        "UPDATE jurat_openings SET login = 'me'",
        "UPDATE jurat_openings SET opened_at = NOW",
        "UPDATE jurat_openings SET sealed = {key}",
        "UPDATE jurat_openings SET refused = 'no'",
        "UPDATE jurat_openings SET sealed = {key}, refused = 'no', opened_at = NOW",
        "UPDATE jurat_openings SET sealed = {key}, opened_at = NOW(3600)",
        "UPDATE jurat_openings SET sealed = {key}, opened_at = NOW(-3600)",
        "UPDATE jurat_openings SET opened_at = NOW, refused = '" + "x" * 501 + "'",
    ],
)
def test_of_an_opening_only_what_came_of_it_changes_and_once(desk: Desk, attack: str) -> None:
    held, other = in_review(desk), in_review(desk, "p-2")
    ask(desk, held.id)
    key = f"decode('{'01' * 32}', 'hex')" if desk.postgresql else f"x'{'01' * 32}'"
    before = desk.sql("SELECT * FROM jurat_openings")
    with pytest.raises(DBAPIError, match="sealed or refused once, now, and then only erased"):
        desk.sql(attack.format(other=other.id, key=key))
    assert desk.sql("SELECT * FROM jurat_openings") == before


def test_what_came_of_an_opening_is_said_once(desk: Desk) -> None:
    ask(desk, in_review(desk).id)
    desk.upkeep.open_answers()
    for attack in ("refused = 'no'", "opened_at = NULL", "sealed = reader_key", "sealed = NULL, refused = 'no'"):
        with pytest.raises(DBAPIError, match="sealed or refused once"):
            desk.sql(f"UPDATE jurat_openings SET {attack}")
    desk.sql("UPDATE jurat_openings SET sealed = NULL")
    with pytest.raises(DBAPIError, match="sealed or refused once"):
        desk.sql("UPDATE jurat_openings SET sealed = reader_key")


def insert(desk: Desk, check: UUID, **given: Any) -> None:
    """By an INSERT into the table, which on PostgreSQL its owner alone may write."""
    row = {"id": uuid7(), "by_whom": CLERK, "reader_key": generate()[1], "seconds": 0.0, "more": "NULL", **given}
    desk.sql(
        "INSERT INTO jurat_openings (id, check_id, by_whom, reader_key, asked_at, refused)"
        f" VALUES (:id, :check, :by_whom, :reader_key, NOW({row['seconds']}), {row['more']})",
        id=desk.id(row["id"]),
        check=desk.id(check),
        by_whom=row["by_whom"],
        reader_key=row["reader_key"],
    )


def test_the_database_itself_takes_only_what_can_be_opened(desk: Desk) -> None:
    held, settled = in_review(desk), refused(desk, "p-2")
    for check, given, said in (
        (settled.id, {}, "JU009|is not in review"),
        (held.id, {"by_whom": "P-1 "}, "by_whom names who reads it, and not the participant"),
        (held.id, {"by_whom": " "}, "by_whom must be"),
        (held.id, {"by_whom": "x" * 201}, "by_whom must be"),
        (held.id, {"reader_key": b"short"}, "reader_key must be"),
        (held.id, {"reader_key": None}, "reader_key must be"),
        (held.id, {"more": "'no'"}, "once it is asked for"),
    ):
        with pytest.raises(DBAPIError, match=said):
            insert(desk, check, **given)
    with pytest.raises(DBAPIError):
        insert(desk, uuid7())
    insert(desk, held.id)


# ---------------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize("key", [bytes(32), b"\x01" + bytes(31)])
def test_a_key_that_is_none_is_refused_and_not_tried_again(desk: Desk, key: bytes) -> None:
    held, made = in_review(desk), uuid7()
    insert(desk, held.id, reader_key=key, id=made)
    assert desk.upkeep.open_answers() == 1
    assert desk.upkeep.open_answers() == 0
    assert problem(desk, Opening(made, held.id, ask(desk, held.id).key)) == (
        "reader_key is no public key; make a pair as libsodium does, and ask again"
    )
    assert audited(desk) == []


@pytest.mark.parametrize("plain", [b"no JSON", b'{"word": "\\ud800"}', b'{"word": NaN}', b"[" * 9_999])
def test_an_answer_that_cannot_be_read_is_refused_without_a_word_of_it(desk: Desk, plain: bytes) -> None:
    check = uuid7()
    desk.sql(  # as a platform that speaks SQL may seal anything
        "INSERT INTO jurat_checks (id, consultation, participant, question, answer, answer_key, source, due_at,"
        " submitted_at, deadline_at)"
        " VALUES (:id, 'budget', 'p-1', 'profession', :answer, :key, 'rpps', NOW, NOW, NOW(60))",
        id=desk.id(check),
        answer=Seal(PUBLIC_KEY).close(plain),
        key=Seal(PUBLIC_KEY).key_id,
    )
    desk.settle(desk.claim_one("rpps"), Review(Reason.NAME_DIFFERS, 3600))
    opening = ask(desk, check)
    assert desk.upkeep.open_answers() == 1
    assert problem(desk, opening) == "the answer or the note cannot be read; ask the participant"
    assert audited(desk) == []


# -------------------------------------------------------------------------------------------------- several workers


def test_what_another_worker_has_the_key_for_is_left_to_it(desk: Desk) -> None:
    openings = [ask(desk, in_review(desk).id), ask(desk, contested(desk).id)]
    for stranger in (Unseal([]), Unseal([generate()[0]])):
        assert Openings(desk.engine, stranger).turn() == 0
    assert [desk.client.opened(each) for each in openings] == [None, None]
    assert Openings(desk.engine, desk.unseal).turn() == 2


def test_those_without_a_key_here_keep_no_others_waiting(desk: Desk) -> None:
    private, public = generate()
    theirs = Client(desk.url, seal_key=key_to_text(public))
    with desk.engine.begin() as connection:
        check = theirs.submit(
            connection, consultation="budget", participant="p-9", question="profession", answer=ANSWER
        )
    desk.claims.keys = frozenset(Unseal([private]).key_ids)
    (held,) = desk.claim("rpps", 1)
    assert held.id == check.id
    desk.settle(held, Review(Reason.NAME_DIFFERS, 3600))
    desk.claims.keys = frozenset(desk.unseal.key_ids)
    for _ in range(3):
        ask(desk, check.id)
    own = ask(desk, in_review(desk).id)
    assert desk.upkeep.open_answers() == 1
    assert desk.client.opened(own) == OpenedReview(ANSWER, None)
    assert Openings(desk.engine, desk.unseal).turn(limit=1) == 0
    assert Openings(desk.engine, Unseal([private])).turn() == 3
    theirs.close()


def test_workers_at_once_open_each_once(desk: Desk) -> None:
    checks = [in_review(desk, f"p-{n}").id for n in range(12)]
    openings = [ask(desk, check) for check in checks]
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: Openings(desk.engine, desk.unseal).turn(), range(4)))
    desk.upkeep.open_answers()  # what two of them held at the same moment
    assert sum(done) <= 12
    assert len(audited(desk)) == 12
    assert [desk.client.opened(each) for each in openings] == [OpenedReview(ANSWER, None)] * 12


def test_one_that_fails_keeps_no_others_waiting(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (ask(desk, in_review(desk, f"p-{n}").id) for n in (1, 2))
    honest = Openings._seal

    def fails(self: Openings, connection: Any, opening: str, *given: Any) -> bytes:
        if opening == str(first.id):
            connection.execute(text("SELECT no_such_column"))
        return honest(self, connection, opening, *given)

    monkeypatch.setattr(Openings, "_seal", fails)
    with pytest.raises(DBAPIError, match="no_such_column"):
        desk.upkeep.open_answers()
    assert desk.client.opened(first) is None
    assert desk.client.opened(second) == OpenedReview(ANSWER, None)


# ------------------------------------------------------------------------------------------------------ what goes


def test_it_goes_after_a_quarter_of_an_hour(desk: Desk) -> None:
    held = in_review(desk)
    ages = {-LIFETIME + 20: 1, -LIFETIME - 1: 0}
    for seconds, left in ages.items():
        made = uuid7()
        insert(desk, held.id, seconds=seconds, id=made)
        opening = Opening(made, held.id, ask(desk, held.id).key)
        if left:
            assert desk.client.opened(opening) is None
        else:
            assert "15 minutes have passed" in problem(desk, opening), "also before upkeep"
        desk.upkeep.open_answers()
        assert desk.one("SELECT count(*) FROM jurat_openings WHERE id = :id", id=desk.id(made)) == left


def test_one_of_the_future_goes_for_the_clock_was_put_back(postgresql: Desk) -> None:
    held = in_review(postgresql)
    insert(postgresql, held.id, seconds=AHEAD + 30)
    insert(postgresql, held.id, seconds=AHEAD - 30)
    postgresql.upkeep.open_answers()
    assert postgresql.one("SELECT count(*) FROM jurat_openings") == 1


def test_it_goes_with_the_decision(desk: Desk) -> None:
    held, other = in_review(desk), in_review(desk, "p-2")
    opening, kept = ask(desk, held.id), ask(desk, other.id)
    desk.upkeep.open_answers()
    ReviewDecisions(desk.engine).decide(held.id, Reason.PERSON_ACCEPTED, CLERK)
    assert "no longer in review" in problem(desk, opening)
    assert desk.client.opened(kept) == OpenedReview(ANSWER, None)


@pytest.mark.parametrize("kind", [RequestKind.ERASE, RequestKind.TRANSFER])
def test_it_goes_with_the_participant(desk: Desk, kind: RequestKind) -> None:
    opening = ask(desk, in_review(desk).id)
    desk.upkeep.open_answers()
    request = asking(kind, **({"target": "p-7"} if kind is RequestKind.TRANSFER else {}))
    wait(desk, request)
    desk.upkeep.do_requests()
    assert stored(desk, request) == (True, None)
    assert "no longer in review" in problem(desk, opening)
    assert desk.sql("SELECT * FROM jurat_openings") == []


def test_it_goes_when_the_review_ends_undecided_and_with_the_check(desk: Desk) -> None:
    held = in_review(desk)
    opening = ask(desk, held.id)
    desk.sql("UPDATE jurat_reviews SET due_at = NOW(-1)")
    desk.upkeep.end_reviews()
    assert "no longer in review" in problem(desk, opening)


def test_the_first_of_four_eyes_leaves_it_for_the_second(desk: Desk) -> None:
    desk.apply({**DOCUMENT, "consultations": {"budget": {**DOCUMENT["consultations"]["budget"], "four_eyes": True}}})
    held = in_review(desk)
    opening = ask(desk, held.id)
    desk.upkeep.open_answers()
    decisions = ReviewDecisions(desk.engine)
    assert decisions.decide(held.id, Reason.PERSON_ACCEPTED, CLERK) is None
    assert desk.client.opened(opening) == OpenedReview(ANSWER, None)
    assert decisions.decide(held.id, Reason.PERSON_ACCEPTED, "another clerk") == 1
    assert desk.sql("SELECT * FROM jurat_openings") == []


def test_it_is_opened_in_a_turn_of_its_own_that_comes_each_second(desk: Desk) -> None:
    assert "openings" not in desk.upkeep.turns({"openings": 0.0})
    ask(desk, in_review(desk).id)
    assert EVERY["openings"] == EVERY["requests"]
    assert desk.upkeep.turns({"openings": 0.0}) == {"openings"}
