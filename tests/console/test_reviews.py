"""Reviews: what waits, one answer, a decision, four eyes, and whom each is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from jurat import Reason
from jurat.vocabulary import Outcome
from store.dialects import dialect_of
from store.requests.request_runner import Requests
from tasks.checks import Review, Settle
from tests.console.visitor import Site, heading, main, tree
from tests.store.desk import Desk
from tests.store.verified import REFUSED

ROLES = [(), ("administrator",), ("operator",), ("administrator", "operator")]

NEAR = {
    "provider": "towns", "zone": "old-town", "level": "housenumber", "margin_m": 25, "distance_m": -10, "candidates": 2,
    "houses": 1, "rules": {"found": True, "margin": False},
}  # fmt: skip


def waiting(desk: Desk, participant: str = "p-1", due: float = 9000.0, **given: Any) -> UUID:
    """A check in review."""
    held = desk.held(participant, **given)
    desk.look_up(held, Review(Reason.NEAR_BORDER, due, NEAR))
    return held.id


def two_persons(desk: Desk) -> UUID:
    """A check that two persons decide."""
    check = desk.submit("p-1", "profession", consultation="care")
    (held,) = desk.claim("rpps", 1)
    desk.look_up(held, Review(Reason.NAME_DIFFERS, 9000.0, {"records": 1}))
    return check.id


def choice(visitor: Any, check: UUID, reason: str = "person_accepted") -> dict[str, str]:
    """The form of a decision, filled in."""
    (form,) = tree(visitor.get(f"/en/reviews/{check}")).xpath("//form[@class='decision']")
    return {**{each.get("name"): each.get("value") for each in form.xpath(".//input")}, "reason": reason}


def decide(visitor: Any, check: UUID, reason: str = "person_accepted") -> Any:
    """Decide, which takes effect later."""
    answer = visitor.send(f"/en/reviews/{check}", **choice(visitor, check, reason))
    assert answer.status_code == 303, main(answer)
    return answer


def take_back(visitor: Any, check: UUID, decision: Any, page: str | None = None) -> Any:
    return visitor.post(f"/en/reviews/{check}/take-back", page=page or f"/en/reviews/{check}", id=str(decision))


def pending(desk: Desk) -> UUID:
    return UUID(str(desk.one("SELECT id FROM jurat_requests WHERE kind = 'decide' AND applied_at IS NULL")))


def a_minute_later(desk: Desk) -> int:
    """A worker's turn, once decisions have waited."""
    desk.sql("UPDATE jurat_requests SET apply_from = NOW(-1) WHERE applied_at IS NULL")
    return Requests(desk.engine).apply_waiting()


def test_times_are_those_of_a_zone_that_is_named(desk: Desk, opened: Callable[..., Site]) -> None:
    waiting(desk)
    visitor = opened(desk.url, timezone="Europe/Paris").signed_in("clerk-7", "reviewer")
    assert "(Paris time)" in main(visitor.get("/en/reviews/"))
    assert "UTC" in main(opened(desk.url).signed_in("clerk-7", "reviewer").get("/en/reviews/"))


def test_the_queue_has_what_waits_and_a_review_says_why(desk: Desk, reviewed: Site) -> None:
    check = waiting(desk)
    visitor = reviewed.signed_in("clerk-7", "reviewer")
    queue = visitor.get("/en/reviews/")
    assert tree(queue).xpath("//main//h2/a/@href") == [f"/en/reviews/{check}"]
    assert "The budget" in main(queue)
    page = main(visitor.get(f"/en/reviews/{check}"))
    assert "the address is too close to the border." in page
    assert "The house was found. 2 addresses were found." in page
    assert "2 addresses were found." in page
    assert "-10" not in page
    assert "p-1" not in page


def test_the_queue_opens_what_can_be_opened(desk: Desk, reviewed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.answers.WAIT_S", 0.0)
    check, path = waiting(desk), "/en/reviews/"
    visitor = reviewed.signed_in("clerk-7", "reviewer")

    def ways() -> list[str]:
        return [str(each) for each in tree(visitor.get(path)).xpath("//main//button/@formaction")]

    (way,) = ways()
    assert visitor.post(way, page=path).location == f"/en/reviews/{check}#answer"
    assert desk.one("SELECT count(*) FROM jurat_openings") == 1
    decide(visitor, check)
    assert a_minute_later(desk) == 1
    assert ways() == []
    visitor.post(f"/en/reviews/{check}/open", page=f"/en/reviews/{check}", id=str(uuid4()))
    assert tree(visitor.get(path)).xpath("//main//h2/a/@href") == [f"/en/reviews/{check}"]
    assert ways() == [], "its answer was erased"


def test_what_is_due_first_comes_first_and_filters_leave_out(desk: Desk, reviewed: Site) -> None:
    late, soon = waiting(desk, "p-1", due=5000.0), waiting(desk, "p-2", due=50.0)
    two = two_persons(desk)
    visitor = reviewed.signed_in("clerk-7", "reviewer")

    def shown(query: str = "") -> list[str]:
        found = tree(visitor.get(f"/en/reviews/{query}")).xpath("//main//h2/a/@href")
        return [str(link).rsplit("/", 1)[1] for link in found]

    assert shown() == [str(soon), str(late), str(two)]
    assert shown("?consultation=care") == [str(two)]
    assert shown("?reason=name_differs") == [str(two)]
    assert shown("?reason=name_differs&consultation=budget") == []
    assert shown("?overdue=1") == []
    desk.sql("UPDATE jurat_reviews SET due_at = NOW(-1) WHERE check_id = :id", id=desk.id(late))
    assert shown("?overdue=1") == [str(late)]


def test_pages_follow_one_another_without_a_gap(desk: Desk, reviewed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.review_queue.PAGE", 2)
    checks = [waiting(desk, f"p-{n}", due=1000.0) for n in range(5)]
    desk.sql("UPDATE jurat_reviews SET due_at = (SELECT min(due_at) FROM jurat_reviews)")  # the same moment for all
    visitor, path, seen = reviewed.signed_in("clerk-7", "reviewer"), "/en/reviews/", []
    while path:
        page = tree(visitor.get(path))
        seen += [str(link).rsplit("/", 1)[1] for link in page.xpath("//main//h2/a/@href")]
        path = next(iter(page.xpath("//main//a[text()='Next page']/@href")), "")
    assert seen == sorted(map(str, checks))


def test_a_page_looks_at_so_many_and_says_that_it_may_go_on(
    desk: Desk, reviewed: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.review_queue.WINDOW", 2)
    for n in range(3):
        waiting(desk, f"p-{n}", due=1000.0)
    two = two_persons(desk)
    visitor = reviewed.signed_in("clerk-7", "reviewer")
    page = tree(visitor.get("/en/reviews/?consultation=care"))
    assert page.xpath("//main//h2/a/@href") == []
    (further,) = page.xpath("//main//a[text()='Look further']/@href")
    assert tree(visitor.get(further)).xpath("//main//h2/a/@href") == [f"/en/reviews/{two}"]


@pytest.mark.parametrize("bounds", [(2, 1, 1), (3, 2, 1), (4, 3, 2), (50, 2, 50), (1, 1, 1)])
def test_whatever_a_page_looks_at_all_pages_show_each_once(
    desk: Desk, reviewed: Site, monkeypatch: pytest.MonkeyPatch, bounds: tuple[int, int, int]
) -> None:
    for name, bound in zip(("WINDOW", "PASSED", "AT_ONCE"), bounds, strict=True):
        monkeypatch.setattr(f"store.review_queue.{name}", bound)
    checks = [waiting(desk, f"p-{n}", due=1000.0 * (n % 3 + 1)) for n in range(5)]
    two, visitor = two_persons(desk), reviewed.signed_in("clerk-7", "reviewer")
    decide(visitor, checks[2])
    near = {*map(str, checks)} - {str(checks[2])}
    wanted = {"": {*near, str(two)}, "reason=near_border": near, "consultation=care": {str(two)}, "overdue=1": set()}
    for query, expected in wanted.items():
        path, seen = f"/en/reviews/?{query}", []
        for _ in range(12):
            page = tree(visitor.get(path))
            seen += [str(link).rsplit("/", 1)[1] for link in page.xpath("//main//h2/a/@href")]
            if not (path := next(iter(page.xpath("//main//a[text()='Next page' or text()='Look further']/@href")), "")):
                break
        assert not path
        assert sorted(seen) == sorted(expected), query


def test_a_decision_takes_effect_a_minute_later(desk: Desk, reviewed: Site) -> None:
    check = waiting(desk)
    visitor = reviewed.signed_in("clerk-7", "reviewer")
    assert decide(visitor, check, "person_refused").location == f"/en/reviews/{check}#decision"
    page = main(visitor.get(f"/en/reviews/{check}"))
    assert "Your decision takes effect within a minute." in page
    assert "it does not meet the criterion" in page
    queue = visitor.get("/en/reviews/")
    assert tree(queue).xpath("//main//h2/a") == []
    assert "Take it back" in main(queue)
    assert Requests(desk.engine).apply_waiting() == 0, "its time has not come"
    assert desk.verdicts(check) == []
    wait = desk.one(f"SELECT {dialect_of(desk.engine).seconds_between('apply_from', 'asked_at')} FROM jurat_requests")
    assert 59 < wait < 61
    assert a_minute_later(desk) == 1
    assert "There is nothing left to decide" in main(visitor.get(f"/en/reviews/{check}"))
    assert desk.verdicts(check) == [("refused", "person_refused")]
    assert ("clerk-7", "review decide") in desk.sql("SELECT actor, action FROM jurat_audit")
    assert "Take it back" not in main(visitor.get("/en/reviews/"))


def test_who_decided_takes_it_back_and_decides_again(desk: Desk, reviewed: Site) -> None:
    check, visitor = waiting(desk), reviewed.signed_in("clerk-7", "reviewer")
    decide(visitor, check, "person_refused")
    taken = pending(desk)
    for _ in range(2):  # sent twice, it is done once
        assert take_back(visitor, check, taken).status_code == 303
        assert "You took your decision back." in main(visitor.get(f"/en/reviews/{check}"))
    actions = "SELECT actor, subject FROM jurat_audit WHERE action = 'review take back'"
    assert desk.sql(actions) == [("clerk-7", str(check))]
    assert a_minute_later(desk) == 0
    assert tree(visitor.get("/en/reviews/")).xpath("//main//h2/a/@href") == [f"/en/reviews/{check}"]
    decide(visitor, check)
    assert a_minute_later(desk) == 1
    assert desk.verdicts(check) == [("accepted", "person_accepted")]


def test_nobody_else_takes_it_back_or_decides_meanwhile(desk: Desk, reviewed: Site) -> None:
    check = waiting(desk)
    first, second = reviewed.signed_in("clerk-7", "reviewer"), reviewed.signed_in("clerk-8", "reviewer")
    late = choice(second, check, "person_refused")
    decide(first, check)
    decision = pending(desk)
    page = main(second.get(f"/en/reviews/{check}"))
    assert "The decision of clerk-7" in page
    assert "Take it back" not in page + main(second.get("/en/reviews/"))
    take_back(second, check, decision, page="/en/reviews/")
    assert "only the person who made a decision takes it back" in main(second.get(f"/en/reviews/{check}"))
    second.send(f"/en/reviews/{check}", **late)
    assert "another decision" in main(second.get(f"/en/reviews/{check}"))
    for roles in ROLES:
        assert take_back(reviewed.signed_in("clerk-7", *roles), check, decision, page="/en/").status_code == 403
    assert first.send(f"/en/reviews/{check}/take-back", id=str(decision)).status_code == 400, "without a token"
    assert take_back(first, check, "nothing").status_code == 400
    take_back(first, check, uuid4())
    assert "there is no decision" in main(first.get(f"/en/reviews/{check}"))
    assert a_minute_later(desk) == 1
    assert desk.verdicts(check) == [("accepted", "person_accepted")]
    take_back(first, check, decision, page="/en/reviews/")
    assert "it has taken effect" in main(first.get(f"/en/reviews/{check}"))
    assert desk.verdicts(check) == [("accepted", "person_accepted")]


def test_a_review_that_ends_within_the_minute_is_decided_at_once(desk: Desk, reviewed: Site) -> None:
    check, visitor = waiting(desk, due=70.0), reviewed.signed_in("clerk-7", "reviewer")
    decide(visitor, check)
    assert "It takes effect now." in main(visitor.get(f"/en/reviews/{check}"))
    assert Requests(desk.engine).apply_waiting() == 1
    assert desk.verdicts(check) == [("accepted", "person_accepted")]


def test_a_form_that_is_sent_twice_decides_once(desk: Desk, reviewed: Site) -> None:
    check, visitor = waiting(desk), reviewed.signed_in("clerk-7", "reviewer")
    fields = choice(visitor, check)
    for applied in (0, 1):
        assert visitor.send(f"/en/reviews/{check}", **fields).status_code == 303
        assert "This was not done." not in main(visitor.get(f"/en/reviews/{check}"))
        a_minute_later(desk)
        assert visitor.send(f"/en/reviews/{check}", **fields).status_code == 303, applied
    assert desk.verdicts(check) == [("accepted", "person_accepted")]
    assert desk.one("SELECT count(*) FROM jurat_requests") == 1


@pytest.mark.parametrize("reason", ["", "near_border", "person_refused ", "record_matches", "code_unknown"])
def test_only_reasons_of_the_list_decide(desk: Desk, reviewed: Site, reason: str) -> None:
    check, visitor = waiting(desk), reviewed.signed_in("clerk-7", "reviewer")
    answer = visitor.post(f"/en/reviews/{check}", reason=reason)
    assert answer.status_code == 422
    assert tree(answer).xpath("//*[@role='alert']//a/@href") == ["#reason"]
    forged = visitor.post(f"/en/reviews/{check}", reason=reason, id=str(uuid4()))
    assert forged.status_code == 422
    assert desk.verdicts(check) == []


@pytest.mark.parametrize("name", ["p-1", "P-1", "ｐ-1", "p-1 "])
def test_nobody_decides_about_their_own_answer(desk: Desk, reviewed: Site, name: str) -> None:
    check, visitor = waiting(desk), reviewed.signed_in(name, "reviewer")
    assert visitor.post(f"/en/reviews/{check}", reason="person_accepted").status_code == 403
    assert visitor.post(f"/en/reviews/{check}", reason="person_accepted", id=str(uuid4())).status_code == 403
    assert desk.verdicts(check) == []


def test_two_persons_decide_where_four_eyes_are_asked_for(desk: Desk, reviewed: Site) -> None:
    check = two_persons(desk)
    first, second = reviewed.signed_in("clerk-7", "reviewer"), reviewed.signed_in("clerk-8", "reviewer")
    for _ in range(2):
        decide(first, check)
        assert a_minute_later(desk) == 1
    again = main(first.get(f"/en/reviews/{check}"))
    assert "You have given your decision." in again
    assert "when a second person makes the same one" in again
    assert desk.verdicts(check) == []
    seen = main(second.get(f"/en/reviews/{check}"))
    assert "clerk-7 – a reviewer accepted it" in seen
    assert "A second person must make the same decision." in seen
    decide(second, check)
    take_back(second, check, pending(desk))
    assert a_minute_later(desk) == 0
    assert desk.verdicts(check) == [], "a half is taken back as a whole is"
    decide(second, check)
    assert a_minute_later(desk) == 1
    assert desk.verdicts(check) == [("accepted", "person_accepted")]


def test_one_person_under_two_spellings_is_one(desk: Desk, reviewed: Site) -> None:
    check = two_persons(desk)
    for name in ("clerk-7", "Clerk-7", "ｃlerk-7"):
        decide(reviewed.signed_in(name, "reviewer"), check)
        assert a_minute_later(desk) == 1
    assert desk.verdicts(check) == []


def test_a_settled_answer_is_opened_again(desk: Desk, reviewed: Site) -> None:
    held = desk.held("p-1")
    desk.look_up(held, REFUSED)
    visitor, path = reviewed.signed_in("clerk-7", "reviewer"), f"/en/reviews/{held.id}"
    assert heading(visitor.get(path)) == "There is nothing left to decide"
    answer = visitor.post(f"{path}/open", page=path, id=str(uuid4()))
    assert answer.status_code == 303
    page = main(visitor.get(path))
    assert "A reviewer has reopened this decision:" in page
    assert "Please ask the participant." in page
    assert desk.row(held.id, "state") == "review"


def test_what_someone_else_decided_meanwhile_is_said(desk: Desk, reviewed: Site) -> None:
    check = waiting(desk)
    first, second = reviewed.signed_in("clerk-7", "reviewer"), reviewed.signed_in("clerk-8", "reviewer")
    fields = choice(first, check)
    decide(second, check, "person_refused")
    a_minute_later(desk)
    first.send(f"/en/reviews/{check}", **fields)
    assert "This was not done." in main(first.get(f"/en/reviews/{check}"))
    assert desk.verdicts(check) == [("refused", "person_refused")]


@pytest.mark.parametrize("roles", ROLES)
def test_no_other_role_sees_or_decides_reviews(desk: Desk, reviewed: Site, roles: tuple[str, ...]) -> None:
    check = waiting(desk)
    visitor = reviewed.signed_in("clerk-7", *roles)
    assert visitor.get("/en/reviews/").status_code == 403
    assert visitor.get(f"/en/reviews/{check}").status_code == 403
    for path in (f"/en/reviews/{check}", f"/en/reviews/{check}/open"):
        assert visitor.post(path, page="/en/", reason="person_accepted", id=str(uuid4())).status_code == 403
    assert desk.verdicts(check) == []


def test_a_check_that_is_not_there_is_no_page(reviewed: Site) -> None:
    visitor, path = reviewed.signed_in("clerk-7", "reviewer"), f"/en/reviews/{uuid4()}"
    assert visitor.get(path).status_code == 404
    assert visitor.post(path, page="/en/", reason="person_accepted").status_code == 404


def test_what_was_decided_before_is_shown_where_a_participant_contests(desk: Desk, reviewed: Site) -> None:
    held = desk.held("p-1")
    evidence = {"zone": "old-town", "rules": {"found": True, "margin": True}}
    desk.look_up(held, Settle(Outcome.REFUSED, Reason.OUTSIDE_ZONE, evidence))
    with desk.engine.begin() as connection:
        desk.client.contest(connection, held.id, note="My house is inside.", document="folder 7/3")
    Requests(desk.engine).apply_waiting()
    page = main(reviewed.signed_in("clerk-7", "reviewer").get(f"/en/reviews/{held.id}"))
    assert "The participant contests this decision: the address is outside the area." in page
    assert "far enough from the border" in page
    assert "folder 7/3" in page


def test_the_first_page_leads_reviewers_to_what_waits(reviewed: Site) -> None:
    link = "//main//a[@href='/en/reviews/']"
    assert tree(reviewed.signed_in("clerk-7", "reviewer").get("/en/")).xpath(link)
    assert not tree(reviewed.signed_in("nora", "operator").get("/en/")).xpath(link)
