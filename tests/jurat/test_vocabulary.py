from __future__ import annotations

import pytest

from jurat.vocabulary import ACCEPTING, COSTS_NO_ROUND, REFUSING, TECHNICAL, Outcome, Reason, outcomes_of

ACCEPTED = {"inside_zone", "record_matches", "code_valid", "person_accepted"}
REFUSED = {
    *("outside_zone", "status_inactive", "not_a_person", "profession_not_eligible", "area_not_eligible"),
    *("activity_not_eligible", "birth_date_differs", "too_young", "not_valid_at_date", "person_refused"),
    *("code_unknown", "code_used", "code_expired", "code_revoked"),
}
UNDETERMINED = {
    *("address_not_found", "house_number_not_found", "street_level", "locality_level", "postcode_differs"),
    *("street_differs", "score_too_low", "ambiguous_address", "near_border", "sources_disagree", "number_malformed"),
    *("record_differs", "ambiguous_record", "name_differs", "status_unknown", "record_not_public"),
    *("requirement_missing", "number_taken", "code_malformed"),
    *("source_unavailable", "source_throttled", "source_maintenance", "source_credentials", "source_rejected_request"),
    *("source_unreadable", "source_blocked", "answer_unreadable", "worker_lost", "configuration_missing"),
    "deadline_passed",
}


def test_the_list_of_reasons_is_the_contract_s() -> None:
    assert {reason.value for reason in Reason} == ACCEPTED | REFUSED | UNDETERMINED | {"record_not_found"}


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_carries_the_outcomes_of_the_contract(reason: Reason) -> None:
    expected = {
        outcome
        for outcome, reasons in (
            (Outcome.ACCEPTED, ACCEPTED),
            (Outcome.REFUSED, REFUSED | {"record_not_found"}),
            (Outcome.UNDETERMINED, UNDETERMINED | {"record_not_found", "birth_date_differs"}),
        )
        if reason in reasons
    }
    assert outcomes_of(reason) == expected


def test_no_reason_is_in_two_families() -> None:
    assert not ACCEPTING & REFUSING
    assert not (ACCEPTING | REFUSING) & (TECHNICAL | COSTS_NO_ROUND)


def test_only_what_says_nothing_about_the_person_costs_no_round() -> None:
    assert {reason.value for reason in TECHNICAL} == {
        *("source_unavailable", "source_throttled", "source_maintenance", "source_credentials"),
        *("source_rejected_request", "source_unreadable", "source_blocked", "answer_unreadable", "worker_lost"),
        *("configuration_missing", "deadline_passed"),
    }
    assert {"number_malformed", "code_malformed", "ambiguous_address"} == COSTS_NO_ROUND - TECHNICAL
