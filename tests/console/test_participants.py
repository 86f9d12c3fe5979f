"""Participants: found by an id that no address has, explained, and what staff do about them. On both engines."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from cli.lookups.verdict_text import RULES
from cli.lookups.verdict_text import rules_of as in_command
from console.findings import rules_of
from jurat.vocabulary import Outcome, Reason
from store.requests.request_runner import Requests
from tasks.checks import Settle
from tests.console.test_reviews import waiting
from tests.console.visitor import Site, Visitor, heading, main, tree
from tests.store.desk import REFUSED, UNDETERMINED, Desk

EVIDENCE = {
    "zone": "old-town", "level": "housenumber", "rules": {"margin": False, "found": True, "name": True}, "score": 0.95,
}  # fmt: skip
HOME = "/en/participants/"


def answered(desk: Desk, participant: str = "p-1") -> Any:
    held = desk.held(participant, "profession")
    desk.look_up(held, Settle(Outcome.UNDETERMINED, Reason.NEAR_BORDER, EVIDENCE))
    return held.id


def find(visitor: Visitor, participant: str = "p-1", consultation: str = "budget") -> str:
    """The address of a participant's page."""
    answer = visitor.post(HOME, participant=participant, consultation=consultation)
    assert answer.status_code == 303, main(answer)
    return str(answer.location)


def do(visitor: Visitor, page: str, act: str, **fields: Any) -> Any:
    """Fill in the form of an act."""
    path = f"{page}/{act}"
    return visitor.send(path, **{**filled_in(visitor, path), **fields})


def filled_in(visitor: Visitor, path: str) -> dict[str, str]:
    """What a page's form sends along by itself."""
    (form,) = tree(visitor.get(path)).xpath("//main//form")
    return {each.get("name"): each.get("value") for each in form.xpath(".//input[@type='hidden']")}


def acts(visitor: Visitor, page: str) -> list[str]:
    return [str(link).rsplit("/", 1)[1] for link in tree(visitor.get(page)).xpath("//*[@class='acts']//a/@href")]


def test_a_participant_is_found_and_no_address_has_their_id(desk: Desk, reviewed: Site) -> None:
    check = answered(desk)
    for role in ("reviewer", "administrator"):
        visitor = reviewed.signed_in("clerk-7", role)
        page = find(visitor)
        assert page.startswith(HOME)
        assert page.endswith("/in/budget")
        assert "p-1" not in page
        shown = visitor.get(page)
        assert "Something is still open to answer." in main(shown)
        assert "undetermined – the address is too close to the border" in main(shown)
        assert "p-1" in main(shown)
        addresses = tree(shown).xpath("//@href | //@action")
        assert f"{page}/{check}" in addresses
        assert [each for each in addresses if "p-1" in each] == []
        assert "p-1" not in str(tree(shown).xpath("string(//title)"))


def test_an_answer_is_explained_rule_by_rule(desk: Desk, reviewed: Site) -> None:
    check = answered(desk)
    visitor = reviewed.signed_in("clerk-7", "reviewer")
    page = visitor.get(f"{find(visitor)}/{check}")
    rules = tree(page).xpath("//*[@class='rules']/li")
    assert [(each.get("class"), each.text_content()) for each in rules] == [
        ("state accepted", "The address was found."),
        ("state accepted", "The name of the street is similar enough."),
        ("state refused", "The place is too close to the border."),
    ]
    words = main(page)
    assert "The house was found." in words
    assert "The participant sees this message:" in words
    assert "The rules decided this, without a person." in words
    assert "250" in words
    assert "This question: undetermined." in words
    assert "p-1" not in page.text


def test_what_has_no_verdict_says_for_what_it_waits(desk: Desk, reviewed: Site) -> None:
    check = desk.submit("p-1").id
    visitor = reviewed.signed_in("clerk-7", "reviewer")
    words = main(visitor.get(f"{find(visitor)}/{check}"))
    assert "It waits for the source towns. No worker that runs now serves it." in words
    assert "No lookup was made." in words


def test_a_review_says_why_and_leads_reviewers_to_it(desk: Desk, reviewed: Site) -> None:
    check = waiting(desk)
    links = []
    for role in ("reviewer", "administrator"):
        visitor = reviewed.signed_in("clerk-7", role)
        page = visitor.get(f"{find(visitor)}/{check}")
        assert "A person must decide." in main(page)
        links.append(f"/en/reviews/{check}" in tree(page).xpath("//main//@href"))
    assert links == [True, False]


def test_the_rules_of_the_command_are_all_said_and_in_its_order(site: Site) -> None:
    evidence = {"rules": dict.fromkeys([*reversed([*RULES]), "later"], True)}
    with site.app.test_request_context("/en/"):
        site.app.preprocess_request()
        said = [sentence for _, sentence in rules_of(evidence)]
        assert said == [rules_of({"rules": {rule: True}})[0][1] for rule, _ in in_command(evidence)]
        assert len(set(said)) == len(RULES) + 1


def test_all_consultations_are_looked_at_together(desk: Desk, reviewed: Site) -> None:
    answered(desk)
    desk.submit("p-1", "profession", consultation="care")
    visitor = reviewed.signed_in("clerk-7", "administrator")
    page = find(visitor, consultation="")
    links = tree(visitor.get(page)).xpath("//main//td/a/@href")
    assert links == [f"{page}/in/budget", f"{page}/in/care"]
    assert all(visitor.get(link).status_code == 200 for link in links)


def test_blanks_around_an_id_are_no_part_of_it_unless_they_are(desk: Desk, reviewed: Site) -> None:
    answered(desk)
    visitor = reviewed.signed_in("clerk-7", "reviewer")
    assert find(visitor, " p-1 ") == find(visitor)


@pytest.mark.parametrize("typed", ["", "p-2", "P-1", "p\0-1", "p" * 201, "\ud800"])
def test_who_is_not_known_is_said(desk: Desk, reviewed: Site, typed: str) -> None:
    answered(desk)
    visitor = reviewed.signed_in("clerk-7", "reviewer")
    answer = visitor.post(HOME, participant=typed.encode("utf-8", "replace"), consultation="budget")
    assert answer.status_code == 422
    assert tree(answer).xpath("//*[@role='alert']//a/@href") == ["#participant"]
    other = visitor.post(HOME, participant="p-1", consultation="care")
    assert other.status_code == 422


def test_a_handle_is_of_one_session(desk: Desk, reviewed: Site) -> None:
    check = answered(desk)
    mine, theirs = (reviewed.signed_in(name, "reviewer", "administrator") for name in ("clerk-7", "clerk-8"))
    page = find(mine)
    handle = page.removesuffix("/in/budget")
    find(theirs)
    for path in (page, handle, f"{page}/{check}", f"{page}/revoke", f"{handle}/erase", f"{HOME}made-up"):
        assert theirs.get(path).status_code == 404
    for path in (f"{page}/revoke", f"{handle}/erase"):
        sent = theirs.post(path, page=HOME, id=str(uuid4()), again="p-1")
        assert sent.status_code == 404
    mine.post("/en/sign-out", page=page)
    again = reviewed.signed_in("clerk-7", "reviewer")
    assert again.get(page).status_code == 404
    assert desk.access() == "incomplete"


def test_another_participants_answer_is_no_page_of_theirs(desk: Desk, reviewed: Site) -> None:
    answered(desk)
    other = answered(desk, "p-2")
    visitor = reviewed.signed_in("clerk-7", "reviewer")
    assert visitor.get(f"{find(visitor)}/{other}").status_code == 404
    assert visitor.get(f"{find(visitor)}/{uuid4()}").status_code == 404
    assert visitor.get(find(visitor).replace("budget", "care")).status_code == 404


def test_a_review_leads_to_its_participant_and_back(desk: Desk, reviewed: Site) -> None:
    check = waiting(desk)
    visitor = reviewed.signed_in("clerk-7", "reviewer")
    review = f"/en/reviews/{check}"
    (way,) = tree(visitor.get(review)).xpath("//form[contains(@action, '/participants/')]/@action")
    assert visitor.get(way).status_code in (404, 405)
    page = visitor.post(way, page=review).location
    assert page.startswith(HOME)
    assert page.endswith("/in/budget")
    assert "p-1" not in way + page
    assert "p-1" in main(visitor.get(page))
    assert review in tree(visitor.get(f"{page}/{check}")).xpath("//main//a/@href")


def test_the_participant_of_what_is_settled_is_found_and_of_no_other_check(desk: Desk, reviewed: Site) -> None:
    check = answered(desk)
    visitor = reviewed.signed_in("clerk-7", "reviewer")
    way = f"{HOME}of/{check}"
    assert tree(visitor.get(f"/en/reviews/{check}")).xpath("//main//form/@action")[-1] == way
    assert visitor.post(way, page=HOME).status_code == 303
    assert visitor.post(f"{HOME}of/{uuid4()}", page=HOME).status_code == 404


def test_a_session_remembers_so_many(desk: Desk, reviewed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.participants.MOST", 2)
    desk.submit_many(3)
    visitor = reviewed.signed_in("clerk-7", "reviewer")
    pages = [find(visitor, f"p-{number}") for number in range(3)]
    assert [visitor.get(page).status_code for page in pages] == [404, 200, 200]


# ------------------------------------------------------------------------------------------------------------ the acts


def test_each_role_is_offered_what_the_grants_allow(desk: Desk, reviewed: Site) -> None:
    answered(desk)
    reviewer, administrator = (reviewed.signed_in("clerk-7", role) for role in ("reviewer", "administrator"))
    assert acts(reviewer, find(reviewer)) == ["reopen", "revoke"]
    assert acts(administrator, find(administrator)) == ["transfer"]
    assert acts(reviewer, find(reviewer, consultation="")) == []
    assert acts(administrator, find(administrator, consultation="")) == ["erase"]


def test_access_is_revoked_and_restored(desk: Desk, reviewed: Site) -> None:
    answered(desk)
    visitor = reviewed.signed_in("clerk-7", "reviewer")
    page = find(visitor)
    assert do(visitor, page, "revoke").location == page
    assert desk.access() == "blocked"
    words = main(visitor.get(page))
    assert "Access is revoked." in words
    assert "access revoked clerk-7 done" in words
    assert "not answered" in words
    assert "open to answer" not in words, "nothing is taken"
    assert acts(visitor, page) == ["reopen", "restore"]
    do(visitor, page, "restore")
    assert desk.access() == "incomplete"
    done = desk.sql("SELECT actor, action FROM jurat_audit WHERE action LIKE 'access%' ORDER BY id")
    assert [tuple(row) for row in done] == [("clerk-7", "access revoke"), ("clerk-7", "access restore")]


def test_a_question_is_reopened(desk: Desk, reviewed: Site) -> None:
    desk.settle(desk.held("p-1"), REFUSED)
    visitor = reviewed.signed_in("clerk-7", "reviewer")
    page = find(visitor)
    assert do(visitor, page, "reopen").status_code == 422
    do(visitor, page, "reopen", question="residence")
    assert "One more answer is allowed now." in main(visitor.get(page))
    assert desk.submit("p-1").round == 2
    do(visitor, page, "reopen", question="nothing")
    assert "This was not done. consultation budget has no question nothing" in main(visitor.get(page))


def test_everything_moves_to_another_id(desk: Desk, reviewed: Site) -> None:
    answered(desk)
    visitor = reviewed.signed_in("clerk-7", "administrator")
    page = find(visitor)
    for fields in ({}, {"target": "p-9"}, {"target": "p-9", "again": "p-8"}):
        assert do(visitor, page, "transfer", **fields).status_code == 422
    moved = do(visitor, page, "transfer", target="p-9", again="p-9")
    assert "Everything was moved to the other id." in main(visitor.get(moved.location))
    assert moved.location == find(visitor, "p-9")
    assert visitor.get(page).status_code == 404
    assert (desk.access("p-1"), desk.access("p-9")) == ("incomplete", "incomplete")
    assert desk.sql("SELECT DISTINCT participant FROM jurat_checks") == [("p-9",)]


def a_worker_does_it(desk: Desk) -> None:
    assert Requests(desk.engine).apply_waiting() == 1


def test_a_participant_is_erased_after_their_id_was_typed_again(desk: Desk, reviewed: Site) -> None:
    answered(desk)
    desk.submit("p-1", "profession", consultation="care")
    visitor = reviewed.signed_in("clerk-7", "administrator")
    page = find(visitor, consultation="")
    shown = visitor.get(f"{page}/erase")
    assert "This cannot be undone." in main(shown)
    assert "The budget 1 0" in main(shown)
    for typed in ("", "p-2", "P-1"):
        assert do(visitor, page, "erase", again=typed).status_code == 422
    assert desk.one("SELECT count(*) FROM jurat_checks WHERE participant = 'p-1'") == 2
    assert do(visitor, page, "erase", again="p-1").location == page
    assert "A worker erases them within seconds." in main(visitor.get(page))
    a_worker_does_it(desk)
    assert desk.one("SELECT count(*) FROM jurat_checks WHERE participant = 'p-1'") == 0
    assert "Nothing is stored about this participant any more." in main(visitor.get(page))
    assert visitor.get(f"{page}/erase").status_code == 404
    assert "p-1" not in json.dumps([list(map(str, row)) for row in desk.sql("SELECT * FROM jurat_audit")])


def test_an_erasure_may_be_of_one_consultation(desk: Desk, reviewed: Site) -> None:
    answered(desk)
    desk.submit("p-1", "profession", consultation="care")
    visitor = reviewed.signed_in("clerk-7", "administrator")
    page = find(visitor, consultation="")
    assert do(visitor, page, "erase", again="p-1", scope="care").location == page
    a_worker_does_it(desk)
    links = tree(visitor.get(page)).xpath("//main//td/a/@href")
    assert links == [f"{page}/in/budget"]


def test_a_form_that_is_sent_twice_does_it_once(desk: Desk, reviewed: Site) -> None:
    desk.settle(desk.held("p-1"), UNDETERMINED)
    visitor = reviewed.signed_in("clerk-7", "reviewer", "administrator")
    page = find(visitor)
    moves = {"target": "p-9", "again": "p-9"}
    for act, given in {"revoke": {}, "restore": {}, "transfer": moves}.items():
        path = f"{page}/{act}"
        fields = {**filled_in(visitor, path), **given}
        sent = [visitor.send(path, **fields) for _ in range(2)]
        assert [each.status_code for each in sent] == [303, 303]
        assert sent[0].location == sent[1].location
        assert "This was not done." not in main(visitor.get(sent[0].location))
    handle = find(visitor, "p-9", "")
    fields = {**filled_in(visitor, f"{handle}/erase"), "again": "p-9"}
    for _ in range(2):
        assert visitor.send(f"{handle}/erase", **fields).location == handle
        assert "This was not done." not in main(visitor.get(handle))
    a_worker_does_it(desk)
    assert desk.one("SELECT count(*) FROM jurat_audit WHERE action IN ('erase', 'access revoke')") == 2


@pytest.mark.parametrize("name", ["p-1", "P-1", "ｐ-1", "p-1 "])
def test_nobody_does_it_for_themselves(desk: Desk, reviewed: Site, name: str) -> None:
    answered(desk)
    visitor = reviewed.signed_in(name, "reviewer", "administrator")
    page = find(visitor)
    assert acts(visitor, page) == []
    assert "This is your own participation." in main(visitor.get(page))
    assert do(visitor, page, "revoke").status_code == 403
    assert do(visitor, page, "transfer", target="p-9", again="p-9").status_code == 403
    assert do(visitor, page.removesuffix("/in/budget"), "erase", again="p-1").status_code == 403
    assert desk.access() == "incomplete"


def test_nobody_moves_answers_to_themselves(desk: Desk, reviewed: Site) -> None:
    answered(desk)
    visitor = reviewed.signed_in("Clerk-7", "administrator")
    page = find(visitor)
    assert do(visitor, page, "transfer", target="clerk-7", again="clerk-7").status_code == 403
    assert desk.sql("SELECT DISTINCT participant FROM jurat_checks") == [("p-1",)]


@pytest.mark.parametrize("roles", [(), ("operator",)])
def test_no_other_role_sees_participants(desk: Desk, reviewed: Site, roles: tuple[str, ...]) -> None:
    check = answered(desk)
    visitor = reviewed.signed_in("clerk-7", *roles)
    assert visitor.get(HOME).status_code == 403
    assert visitor.post(HOME, page="/en/", participant="p-1").status_code == 403
    for path in ("x", "x/in/budget", f"x/in/budget/{uuid4()}", "x/erase", "x/in/budget/revoke"):
        assert visitor.get(HOME + path).status_code == 403
    for path in (f"of/{check}", "x/erase", "x/in/budget/revoke"):
        assert visitor.post(HOME + path, page="/en/", id=str(uuid4())).status_code == 403


def test_an_act_of_another_role_is_refused(desk: Desk, reviewed: Site) -> None:
    answered(desk)
    reviewer, administrator = (reviewed.signed_in("clerk-7", role) for role in ("reviewer", "administrator"))
    page, other = find(reviewer), find(administrator)
    tries = [(reviewer, f"{page}/transfer"), (reviewer, f"{page.removesuffix('/in/budget')}/erase")]
    tries += [(administrator, f"{other}/{act}") for act in ("reopen", "revoke", "restore")]
    for visitor, path in tries:
        assert visitor.get(path).status_code == 403
        fields = {"target": "p-9", "again": "p-9", "question": "residence", "id": str(uuid4())}
        assert visitor.post(path, page=HOME, **fields).status_code == 403
    assert desk.one("SELECT count(*) FROM jurat_requests") == 0


@pytest.mark.parametrize("path", ["", "x/erase", "x/in/budget/revoke"])
def test_a_form_without_its_token_does_nothing(desk: Desk, reviewed: Site, path: str) -> None:
    answered(desk)
    visitor = reviewed.signed_in("clerk-7", "reviewer", "administrator")
    page = find(visitor)
    path = HOME + path.replace("x", page.removeprefix(HOME).removesuffix("/in/budget"))
    assert visitor.send(path, id=str(uuid4()), participant="p-1", again="p-1").status_code == 400
    assert desk.access() == "incomplete"


def test_a_form_without_an_id_is_none(desk: Desk, reviewed: Site) -> None:
    answered(desk)
    visitor = reviewed.signed_in("clerk-7", "reviewer")
    page = find(visitor)
    assert heading(do(visitor, page, "revoke", id="made-up")) == "This request cannot be read"
    assert desk.access() == "incomplete"
