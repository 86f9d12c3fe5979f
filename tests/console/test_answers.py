"""Answers and notes that a reviewer reads: opened by a worker for one session, and for no other. On both engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from jurat.ids import uuid7
from jurat.seal import Unseal
from jurat.vocabulary import Reason
from store.requests.request_runner import Request, RequestKind, Requests
from store.upkeep.upkeep import Upkeep
from tests.console.test_reviews import a_minute_later, decide, waiting
from tests.console.visitor import Site, main, tree
from tests.store.desk import PRIVATE_KEY, Desk
from tests.store.verified import REFUSED, contested


@pytest.fixture
def open_all(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """A worker's turn; pages do not wait for it."""
    monkeypatch.setattr("console.answers.WAIT_S", 0.0)
    return Upkeep(desk.engine, unseal=Unseal([PRIVATE_KEY])).open_answers


def ask(visitor: Any, check: UUID) -> Any:
    return visitor.post(f"/en/reviews/{check}/answer", page=f"/en/reviews/{check}")


def terms(page: Any) -> dict[str, str]:
    found = tree(page)
    names, values = (found.xpath(f"//dl[@class='answer']//{tag}") for tag in ("dt", "dd"))
    return {name.text_content(): value.text_content() for name, value in zip(names, values, strict=True)}


def test_an_answer_is_read_by_the_session_that_asked_alone(
    desk: Desk, reviewed: Site, open_all: Callable[[], int]
) -> None:
    check = waiting(desk)
    path = f"/en/reviews/{check}"
    visitor, other = (reviewed.signed_in(name, "reviewer") for name in ("clerk-7", "clerk-8"))
    assert terms(visitor.get(path)) == {}
    asked = ask(visitor, check)
    assert (asked.status_code, asked.headers["Location"]) == (303, f"{path}#answer")
    assert "The answer is being opened." in main(visitor.get(path))
    assert open_all() == 1
    page = visitor.get(path)
    assert terms(page) == {"word": "accept"}
    assert "records that you opened it" in main(page)
    assert page.headers["Cache-Control"] == "no-store"
    assert terms(other.get(path)) == {}
    (row,) = desk.sql("SELECT actor, subject FROM jurat_audit WHERE action = 'review answer'")
    assert tuple(row) == ("clerk-7", str(check))


def test_a_note_is_read_where_the_answer_was_erased(desk: Desk, reviewed: Site, open_all: Callable[[], int]) -> None:
    desk.look_up(desk.held("p-2"), REFUSED)
    check = contested(desk)
    visitor = reviewed.signed_in("clerk-7", "reviewer")
    assert "Open the note" in main(visitor.get(f"/en/reviews/{check}"))
    ask(visitor, check)
    open_all()
    page = visitor.get(f"/en/reviews/{check}")
    assert "Decide by the note" in main(page)
    assert terms(page) == {"The participant's note": "I moved in May."}


def test_it_is_over_with_the_decision_and_with_the_session(
    desk: Desk, reviewed: Site, open_all: Callable[[], int]
) -> None:
    check = waiting(desk)
    visitor = reviewed.signed_in("clerk-7", "reviewer")
    ask(visitor, check)
    open_all()
    decide(visitor, check)
    assert terms(visitor.get(f"/en/reviews/{check}")) == {"word": "accept"}, "for as long as it can be taken back"
    assert a_minute_later(desk) == 1
    assert desk.sql("SELECT * FROM jurat_openings") == []
    Requests(desk.engine).do(Request(uuid7(), RequestKind.OPEN, "clerk-8", check_id=check))
    assert terms(visitor.get(f"/en/reviews/{check}")) == {}
    left = reviewed.signed_in("clerk-9", "reviewer")
    mine = waiting(desk, "p-2")
    ask(left, mine)
    open_all()
    assert terms(left.get(f"/en/reviews/{mine}")) == {"word": "accept"}
    left.post("/en/sign-out", page=f"/en/reviews/{mine}")
    again = reviewed.signed_in("clerk-9", "reviewer")
    assert terms(again.get(f"/en/reviews/{mine}")) == {}


def test_nobody_opens_what_is_their_own_or_not_in_review(desk: Desk, reviewed: Site) -> None:
    check = waiting(desk)
    own = reviewed.signed_in("p-1", "reviewer")
    assert ask(own, check).status_code == 403
    visitor = reviewed.signed_in("clerk-7", "reviewer")
    token = tree(visitor.get(f"/en/reviews/{check}")).xpath("//input[@name='csrf_token']/@value")[0]
    assert visitor.send(f"/en/reviews/{uuid7()}/answer", csrf_token=token).status_code == 404
    decide(visitor, check, Reason.PERSON_REFUSED)
    a_minute_later(desk)
    late = visitor.send(f"/en/reviews/{check}/answer", csrf_token=token)
    assert late.status_code == 303
    assert "The answer was not opened." in main(visitor.get(f"/en/reviews/{check}"))
    assert reviewed.signed_in("reader").send(f"/en/reviews/{check}/answer").status_code in (400, 403)
    assert desk.sql("SELECT * FROM jurat_openings") == []
