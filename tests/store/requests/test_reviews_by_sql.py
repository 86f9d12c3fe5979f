"""A back office that speaks SQL alone, and the roles of each: what is asked by a function, a worker does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import Engine

from jurat import Client
from jurat.database import bounded, open_engine
from jurat.ids import uuid7
from jurat.names import person
from jurat.seal import key_to_text
from jurat.vocabulary import AccessState, Reason
from store.explanation import Explanations
from store.requests.decisions import SECOND_PERSON
from store.requests.request_rows import DECIDING, ask
from store.requests.request_runner import CannotBeDone, Request, RequestKind, Requests
from store.schema.grants import DatabaseRole
from store.upkeep.upkeep import Upkeep
from tasks.checks import ClaimedCheck, Review
from tests.rigs.logins import Logins, plain
from tests.store.desk import DOCUMENT, PUBLIC_KEY, REFUSED, Desk
from tests.store.reviews import ReviewDecisions

NOBODY = UUID(int=7)
DECIDE, OPEN = "SELECT jurat_decide(%s, %s, %s, %s)", "SELECT jurat_open_review(%s, %s, %s)"
BUDGET = DOCUMENT["consultations"]["budget"]


@pytest.fixture
def office(postgresql: Desk) -> Iterator[psycopg.Connection[Any]]:
    """A connection of a back office, with the role of a reviewer."""
    with Logins(postgresql.url) as logins, logins.connection(DatabaseRole.REVIEWER) as connection:
        yield connection


def in_review(desk: Desk, participant: str = "p-1") -> ClaimedCheck:
    held = desk.held(participant, "profession")
    desk.settle(held, Review(Reason.NAME_DIFFERS, 3600, {"version": 1}))
    return held


def settled(desk: Desk) -> UUID:
    held = desk.held()
    desk.settle(held, REFUSED)
    return held.id


def decide(office: psycopg.Connection[Any], check: UUID | None, reason: str | None, **given: Any) -> UUID:
    values = {"by_whom": "clerk-7", "id": None, **given}
    row = office.execute(DECIDE, (check, reason, values["by_whom"], values["id"])).fetchone()
    assert row is not None
    return UUID(str(row[0]))


def queue(office: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    found = office.execute("SELECT * FROM jurat_review_queue ORDER BY due_at")
    names = [column.name for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found]


# -- deciding


def test_a_word_by_sql_is_the_verdict_once_a_worker_has_looked(
    postgresql: Desk, office: psycopg.Connection[Any]
) -> None:
    held = in_review(postgresql)
    (queued,) = queue(office)
    assert (queued["check_id"], queued["question"], queued["reason"]) == (held.id, "profession", "name_differs")
    assert (queued["evidence"], queued["words"], queued["contested"]) == ({"version": 1}, [], False)
    assert not {"answer", "note", "participant"} & set(queued)
    request = decide(office, held.id, "profession_not_eligible")
    assert request.version == 7
    assert postgresql.verdicts(held.id) == []
    assert postgresql.upkeep.do_requests() == 1
    assert postgresql.verdicts(held.id) == [("refused", "profession_not_eligible")]
    assert queue(office) == []
    rows = postgresql.sql("SELECT actor FROM jurat_audit WHERE action = 'review decide'")
    assert [row[0] for row in rows] == ["clerk-7"]


def test_under_four_eyes_the_queue_shows_the_first_word(postgresql: Desk, office: psycopg.Connection[Any]) -> None:
    postgresql.apply({**DOCUMENT, "consultations": {"budget": {**BUDGET, "four_eyes": True}}})
    held = in_review(postgresql)
    for by_whom in ("clerk-7", "Clerk-7"):
        decide(office, held.id, "person_accepted", by_whom=by_whom)
        postgresql.upkeep.do_requests()
    (queued,) = queue(office)
    assert [(word["by_whom"], word["reason"]) for word in queued["words"]] == [("Clerk-7", "person_accepted")]
    decide(office, held.id, "person_accepted", by_whom="clerk-8")
    postgresql.upkeep.do_requests()
    assert postgresql.verdicts(held.id) == [("accepted", "person_accepted")]


def test_opening_by_sql_puts_a_settled_check_before_a_person(postgresql: Desk, office: psycopg.Connection[Any]) -> None:
    check = settled(postgresql)
    row = office.execute(OPEN, (check, "clerk-7", None)).fetchone()
    assert row is not None
    assert postgresql.upkeep.do_requests() == 1
    assert postgresql.row(check, "state") == "review"
    assert [each["check_id"] for each in queue(office)] == [check]


def test_every_reason_that_a_person_may_say_is_taken_and_no_other(
    postgresql: Desk, office: psycopg.Connection[Any]
) -> None:
    held = in_review(postgresql)
    for reason in DECIDING:
        decide(office, held.id, reason)
    for reason in set(Reason) - set(DECIDING):
        with pytest.raises(psycopg.Error, match="is not for a person to say; expected one of person_accepted"):
            decide(office, held.id, reason)
    assert postgresql.one("SELECT count(*) FROM jurat_requests") == len(DECIDING)


@pytest.mark.parametrize(
    ("given", "state", "sentence"),
    [
        ({"check": NOBODY}, "JU007", f"there is no check {NOBODY}"),
        ({"check": None}, "JU005", "check_id must be the id of a check"),
        ({"reason": None}, "JU005", "reason is not for a person to say"),
        ({"reason": "inside_zone"}, "JU005", "reason is not for a person to say"),
        ({"by_whom": None}, "JU005", "by_whom must be 1 to 200 printable characters: who says so"),
        ({"by_whom": "  "}, "JU005", "by_whom must be 1 to 200 printable characters"),
        ({"by_whom": "two\nlines"}, "JU005", "by_whom must be 1 to 200 printable characters"),
    ],
)
def test_what_cannot_be_used_is_told(
    postgresql: Desk, office: psycopg.Connection[Any], given: dict[str, Any], state: str, sentence: str
) -> None:
    values: dict[str, Any] = {"check": in_review(postgresql).id, "reason": "person_accepted", **given}
    with pytest.raises(psycopg.Error, match=sentence) as raised:
        decide(office, values.pop("check"), values.pop("reason"), **values)
    assert raised.value.sqlstate == state
    assert raised.value.diag.message_hint
    assert postgresql.one("SELECT count(*) FROM jurat_requests") == 0


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda desk: desk.submit().id, "is not in review: it is pending"),
        (settled, "is not in review: it is settled"),
    ],
    ids=["pending", "settled"],
)
def test_what_is_not_in_review_is_not_decided(
    postgresql: Desk, office: psycopg.Connection[Any], make: Callable[[Desk], UUID], sentence: str
) -> None:
    with pytest.raises(psycopg.Error, match=sentence) as raised:
        decide(office, make(postgresql), "person_accepted")
    assert raised.value.sqlstate == "JU009"


def test_what_is_not_settled_is_not_opened(postgresql: Desk, office: psycopg.Connection[Any]) -> None:
    check = in_review(postgresql).id
    with pytest.raises(psycopg.Error, match="has no verdict to look at again: it is review") as raised:
        office.execute(OPEN, (check, "clerk-7", None))
    assert raised.value.sqlstate == "JU009"


def test_the_same_id_is_the_same_word_and_no_other(postgresql: Desk, office: psycopg.Connection[Any]) -> None:
    held, number = in_review(postgresql), uuid7()
    assert decide(office, held.id, "person_accepted", id=number) == number
    postgresql.upkeep.do_requests()
    assert decide(office, held.id, "person_accepted", id=number) == number, "whatever became of it"
    for other in ({"reason": "person_refused"}, {"by_whom": "clerk-8"}):
        values = {"reason": "person_accepted", **other}
        with pytest.raises(psycopg.Error, match="belongs to another request") as raised:
            decide(office, held.id, values.pop("reason"), id=number, **values)
        assert raised.value.sqlstate == "JU004"
    assert len(postgresql.verdicts(held.id)) == 1


# -- each with its own role


def test_a_contest_goes_from_the_platform_to_the_verdict_with_each_in_its_role(postgresql: Desk) -> None:
    desk = postgresql
    desk.settle(desk.held(question="profession"))
    check = settled(desk)
    with Logins(desk.url) as logins:
        platform = Client(logins.url(DatabaseRole.PLATFORM), seal_key=key_to_text(PUBLIC_KEY))
        engine, clerk, watcher = (
            bounded(open_engine(logins.url(role)))
            for role in (DatabaseRole.WORKER, DatabaseRole.REVIEWER, DatabaseRole.READER)
        )
        worker = Upkeep(engine)
        its_own = open_engine(logins.url(DatabaseRole.PLATFORM))
        with its_own.begin() as connection:
            asked = platform.contest(connection, check, note="look again", document="folder 7")
        with its_own.begin() as connection:
            found = connection.exec_driver_sql("SELECT id, kind, applied_at, refused FROM jurat_requests").one()
            assert tuple(found) == (asked, "contest", None, None)
        assert worker.do_requests() == 1
        assert platform.access("budget", "p-1").state == AccessState.PENDING
        for engine_of in (clerk, watcher):
            (queued,) = Explanations(engine_of).queue()
            assert (queued.contested, queued.document) == (True, "folder 7")
            explained = Explanations(engine_of).check(check)
            assert len(explained.contests) == 1
            assert explained.review is not None
            assert bool(explained.review.evidence) is (engine_of is clerk), "only reviewers see how near a home is"
        sealed = ReviewDecisions(clerk).sealed(check, "clerk-7")
        assert desk.unseal.open(sealed.note or b"", sealed.note_key) == b"look again"
        decision = Request(uuid7(), RequestKind.DECIDE, "clerk-7", check_id=check, reason=Reason.PERSON_ACCEPTED)
        assert Requests(clerk).do(decision) is None
        assert platform.access("budget", "p-1").state == AccessState.GRANTED
        assert desk.one("SELECT count(*) FROM jurat_requests WHERE note IS NOT NULL") == 0
        ReviewDecisions(clerk).reopen(check, "clerk-7")
        desk.sql("UPDATE jurat_reviews SET due_at = NOW(-1)")
        assert worker.end_reviews() == 1
        for each in (engine, clerk, watcher, its_own):
            each.dispose()
        platform.close()


def test_two_reviewers_in_their_role_are_four_eyes(postgresql: Desk) -> None:
    postgresql.apply({**DOCUMENT, "consultations": {"budget": {**BUDGET, "four_eyes": True}}})
    held = in_review(postgresql)
    with Logins(postgresql.url) as logins:
        clerk = bounded(open_engine(logins.url(DatabaseRole.REVIEWER)))
        words = (
            Request(uuid7(), RequestKind.DECIDE, who, check_id=held.id, reason=Reason.PERSON_ACCEPTED) for who in "ab"
        )
        assert [Requests(clerk).do(word) for word in words] == [SECOND_PERSON, None]
        clerk.dispose()


def test_with_logins_two_names_under_one_login_are_not_four_eyes(postgresql: Desk) -> None:
    postgresql.apply({**DOCUMENT, "consultations": {"budget": {**BUDGET, "four_eyes": "logins"}}})
    held = in_review(postgresql)

    def word(engine: Engine, who: str) -> str | None:
        request = Request(uuid7(), RequestKind.DECIDE, who, check_id=held.id, reason=Reason.PERSON_ACCEPTED)
        return Requests(engine).do(request)

    with Logins(postgresql.url) as logins:
        urls = (logins.url(DatabaseRole.REVIEWER, options=options) for options in ("", "CONNECTION LIMIT 9"))
        one, other = (bounded(open_engine(url)) for url in urls)
        assert [word(one, who) for who in "ab"] == [SECOND_PERSON] * 2, "two names under one login"
        assert word(other, "c") is None
        one.dispose()
        other.dispose()


def test_an_owner_needs_no_role(postgresql: Desk) -> None:
    with plain(postgresql.url) as owner:
        decide(owner, in_review(postgresql).id, "person_accepted")
    assert postgresql.upkeep.do_requests() == 1


def test_one_person_is_one_however_the_name_is_written(desk: Desk) -> None:
    names = ("clerk ä", "CLERK Ä", "ｃｌｅｒｋ ä", "clerk  ä", "cle\u00adrk a\u0308")
    assert len({person(name) for name in names}) == 1
    held = desk.held("p-1", "profession")
    desk.settle(held, Review(Reason.NAME_DIFFERS, 3600))
    with pytest.raises(CannotBeDone, match="by_whom must be 1 to 200 printable characters"):
        Requests(desk.engine).do(
            Request(uuid7(), RequestKind.DECIDE, "cle\u200brk", check_id=held.id, reason="person_accepted")
        )
    if desk.postgresql:
        with pytest.raises(Exception, match="by_whom must be 1 to 200 printable characters"):
            desk.sql("SELECT jurat_decide(:id, 'person_accepted', :by)", id=held.id, by="cle\u200brk")
        with desk.engine.begin() as connection:
            for name in ("clerk ä", "CLERK ä", "ｃｌｅｒｋ ä", "clerk  ä", "clerk a\u0308"):
                ask(connection, Request(uuid7(), RequestKind.DECIDE, name, check_id=held.id, reason="person_accepted"))
                applied = "UPDATE jurat_requests SET applied_at = clock_timestamp() WHERE applied_at IS NULL"
                connection.exec_driver_sql(applied)
        assert len(desk.one("SELECT words FROM jurat_review_queue")) == 1
