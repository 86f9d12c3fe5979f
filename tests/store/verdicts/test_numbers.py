"""One number, one participant of a consultation."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from adapters.fingerprints import Fingerprints
from jurat.vocabulary import AccessState, Reason, State
from tasks.checks import CheckResult, ClaimedCheck, Review, Settle
from tests.store.desk import ADMIN, DOCUMENT, HASH_KEY, NUMBER_TAKEN, Desk, claiming, entry
from tests.store.passing import let_be_over
from tests.store.reviews import ReviewDecisions

NUMBER = "9000010000"
OTHER = "9000010372"


def accepted(number: str = NUMBER, *, namespace: str = "luhn", keys: Fingerprints | None = None) -> Settle:
    return claiming(number, keys or Fingerprints([HASH_KEY]), namespace)


def physician(desk: Desk, participant: str) -> ClaimedCheck:
    return desk.held(participant, "profession")


def question_of(desk: Desk, participant: str) -> str:
    return str(desk.client.access("budget", participant).questions["profession"])


def holder(desk: Desk) -> str:
    return str(desk.one("SELECT participant FROM jurat_claims WHERE holds"))


def decide(desk: Desk, held: ClaimedCheck, reason: Reason) -> None:
    ReviewDecisions(desk.engine).decide(held.id, reason, ADMIN)


def test_who_comes_first_with_a_number_is_accepted_and_the_later_one_is_reviewed(desk: Desk) -> None:
    desk.settle(physician(desk, "p-1"), accepted())
    later = physician(desk, "p-2")
    desk.settle(later, accepted())
    assert question_of(desk, "p-1") == "accepted"
    assert question_of(desk, "p-2") == "review"
    assert desk.row(later.id, "state") == State.REVIEW
    assert desk.row(later.id, "answer") == later.sealed, "a person can still see what was answered"
    assert desk.verdicts(later.id) == []
    assert desk.one("SELECT reason FROM jurat_reviews WHERE check_id = :id", id=desk.id(later.id)) == "number_taken"


def test_the_number_itself_is_nowhere(desk: Desk) -> None:
    desk.settle(physician(desk, "p-1"), accepted())
    (row,) = desk.sql("SELECT namespace, fingerprint, participant FROM jurat_claims WHERE holds")
    assert NUMBER not in " ".join(map(str, row))
    assert row[1] == Fingerprints([HASH_KEY]).newest("luhn", NUMBER)


def test_another_number_another_consultation_and_another_kind_of_number_are_free(desk: Desk) -> None:
    desk.settle(physician(desk, "p-1"), accepted())
    desk.settle(physician(desk, "p-2"), accepted(OTHER))
    desk.settle(physician(desk, "p-3"), accepted(namespace="fr.rpps"))
    elsewhere = physician(desk, "p-4")
    desk.sql("UPDATE jurat_claims SET consultation = 'another' WHERE namespace = 'luhn' AND participant = 'p-1'")
    desk.settle(elsewhere, accepted())
    assert [question_of(desk, f"p-{n}") for n in (1, 2, 3, 4)] == ["accepted"] * 4


def test_the_same_participant_may_use_a_number_again(desk: Desk) -> None:
    desk.settle(physician(desk, "p-1"), accepted())
    desk.settle(desk.held("p-1", "residence"), accepted())
    assert desk.access("p-1") == AccessState.GRANTED


def test_of_two_in_one_batch_the_one_who_submitted_first_is_accepted(desk: Desk) -> None:
    first, second = desk.submit("p-1", "profession"), desk.submit("p-2", "profession")
    held = {each.id: each for each in desk.claim("rpps", 2)}
    written = desk.write(entry(held[second.id], accepted()), entry(held[first.id], accepted()))
    assert len(written.done) == 2
    assert (question_of(desk, "p-1"), question_of(desk, "p-2")) == ("accepted", "review")
    assert {each.held.id: type(each.decision) for each in written.done} == {first.id: Settle, second.id: Review}


def test_a_verdict_that_is_no_longer_ours_claims_nothing(desk: Desk) -> None:
    held = physician(desk, "p-1")
    written = desk.settle(replace(held, fence=held.fence + 1), accepted())
    assert len(written.stale) == 1
    assert desk.one("SELECT count(*) FROM jurat_claims") == 0


def test_a_number_that_was_hashed_with_an_older_key_is_still_taken(desk: Desk) -> None:
    new_key = bytes(range(32, 64))
    desk.settle(physician(desk, "p-1"), accepted())
    rotated = Fingerprints([new_key, HASH_KEY])
    desk.settle(physician(desk, "p-2"), accepted(keys=rotated))
    assert question_of(desk, "p-2") == "review"
    desk.settle(physician(desk, "p-3"), accepted(OTHER, keys=rotated))
    assert question_of(desk, "p-3") == "accepted"
    assert desk.one("SELECT count(*) FROM jurat_claims WHERE holds") == 2, "who was too late holds none"


def test_a_number_that_was_given_free_is_free_under_an_older_key_as_well(desk: Desk) -> None:
    mistaken = physician(desk, "p-1")
    desk.settle(mistaken, accepted())
    ReviewDecisions(desk.engine).reopen(mistaken.id, ADMIN)
    decide(desk, mistaken, Reason.PERSON_REFUSED)
    desk.settle(physician(desk, "p-2"), accepted(keys=Fingerprints([bytes(range(32, 64)), HASH_KEY])))
    assert question_of(desk, "p-2") == "accepted"


def test_who_is_refused_by_a_person_gives_the_number_free(desk: Desk) -> None:
    mistaken = physician(desk, "p-1")
    desk.settle(mistaken, accepted())
    ReviewDecisions(desk.engine).reopen(mistaken.id, ADMIN)
    decide(desk, mistaken, Reason.PERSON_REFUSED)
    desk.settle(physician(desk, "p-2"), accepted())
    assert question_of(desk, "p-2") == "accepted"


def test_who_lost_a_number_comes_too_late_for_it_once_another_holds_it(desk: Desk) -> None:
    mistaken = physician(desk, "p-1")
    desk.settle(mistaken, accepted())
    ReviewDecisions(desk.engine).reopen(mistaken.id, ADMIN)
    decide(desk, mistaken, Reason.PERSON_REFUSED)
    desk.settle(physician(desk, "p-2"), accepted())
    again = desk.held("p-1", "residence")
    desk.settle(again, accepted())
    assert desk.row(again.id, "state") == State.REVIEW


def test_who_was_accepted_twice_by_a_number_keeps_it_while_one_of_both_stands(desk: Desk) -> None:
    first, second = physician(desk, "p-1"), desk.held("p-1", "residence")
    desk.settle(first, accepted())
    desk.settle(second, accepted())
    ReviewDecisions(desk.engine).reopen(first.id, ADMIN)
    decide(desk, first, Reason.PERSON_REFUSED)
    desk.settle(physician(desk, "p-2"), accepted())
    assert question_of(desk, "p-2") == "review"
    let_be_over(desk)
    assert desk.upkeep.purge() == 2
    desk.settle(physician(desk, "p-3"), accepted())
    assert question_of(desk, "p-3") == "accepted", "no one is accepted with it any more"


def test_who_is_refused_and_accepted_again_holds_the_number_again(desk: Desk) -> None:
    held = physician(desk, "p-1")
    desk.settle(held, accepted())
    for reason in (Reason.PERSON_REFUSED, Reason.PERSON_ACCEPTED):
        ReviewDecisions(desk.engine).reopen(held.id, ADMIN)
        decide(desk, held, reason)
    desk.settle(physician(desk, "p-2"), accepted())
    assert question_of(desk, "p-2") == "review"


def test_whom_a_person_accepted_takes_the_number_over_when_the_first_is_refused(desk: Desk) -> None:
    first, later = physician(desk, "p-1"), physician(desk, "p-2")
    desk.settle(first, accepted())
    desk.settle(later, accepted())
    decide(desk, later, Reason.PERSON_ACCEPTED)
    ReviewDecisions(desk.engine).reopen(first.id, ADMIN)
    decide(desk, first, Reason.PERSON_REFUSED)
    assert holder(desk) == "p-2"
    desk.settle(physician(desk, "p-3"), accepted())
    assert question_of(desk, "p-3") == "review"


def test_a_person_may_accept_the_later_one_and_the_first_keeps_the_number(desk: Desk) -> None:
    desk.settle(physician(desk, "p-1"), accepted())
    later = physician(desk, "p-2")
    desk.settle(later, accepted())
    decide(desk, later, Reason.PERSON_ACCEPTED)
    assert (question_of(desk, "p-1"), question_of(desk, "p-2")) == ("accepted", "accepted")
    assert holder(desk) == "p-1"


def test_a_purged_verdict_takes_its_claim_along(desk: Desk) -> None:
    desk.settle(physician(desk, "p-1"), accepted(), retain=0.001)
    desk.sql("SELECT 1")
    threading.Event().wait(0.05)
    assert desk.upkeep.purge() == 1
    assert desk.one("SELECT count(*) FROM jurat_claims") == 0


def test_whom_a_person_accepted_takes_the_number_over_when_the_first_is_purged(desk: Desk) -> None:
    desk.settle(physician(desk, "p-1"), accepted(), retain=-1.0)
    later = physician(desk, "p-2")
    desk.settle(later, accepted())
    decide(desk, later, Reason.PERSON_ACCEPTED)
    assert holder(desk) == "p-1"
    assert desk.upkeep.purge() == 1
    assert holder(desk) == "p-2"


PROFESSION = DOCUMENT["consultations"]["budget"]["questions"]["profession"]


def test_a_number_that_opened_a_door_is_held_while_the_door_is_open(desk: Desk) -> None:
    """No one gets a second access by it, however short verdicts are kept."""
    desk.apply({**DOCUMENT, "consultations": {"budget": {"questions": {"profession": PROFESSION}}}})
    desk.settle(physician(desk, "p-1"), accepted())
    assert desk.access("p-1") == "granted"
    let_be_over(desk)
    assert desk.upkeep.purge() == 0
    desk.settle(physician(desk, "p-2"), accepted())
    assert (question_of(desk, "p-2"), holder(desk)) == ("review", "p-1")


def test_what_was_reviewed_for_its_number_is_told_as_such_where_the_commit_was_in_doubt(desk: Desk) -> None:
    desk.settle(physician(desk, "p-1"), accepted())
    later = entry(physician(desk, "p-2"), accepted())
    desk.write(later)
    (again,) = desk.verdict_writer.read_again([later]).done
    assert again.decision == NUMBER_TAKEN


def test_two_writers_with_the_same_numbers_wait_for_each_other_and_one_of_each_is_accepted(desk: Desk) -> None:
    pairs = 20
    numbers = [f"90000{n:05}" for n in range(pairs)]
    desk.submit_many(2 * pairs, "profession")
    held = sorted(desk.claim("rpps", 2 * pairs), key=lambda each: each.participant)
    entries = [entry(each, accepted(numbers[index % pairs])) for index, each in enumerate(held)]
    barrier = threading.Barrier(2)

    def write(part: list[CheckResult]) -> int:
        barrier.wait()
        return len(desk.verdict_writer.write(part).done)

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(write, (entries[:pairs], entries[pairs:][::-1])))
    assert done == [pairs, pairs]
    assert desk.one("SELECT count(*) FROM jurat_claims WHERE holds") == pairs
    assert desk.one("SELECT count(*) FROM jurat_verdicts") == pairs
    assert desk.one("SELECT count(*) FROM jurat_checks WHERE state = 'review'") == pairs
