"""Evidence in sentences: no metres from a border, no percentages, no words of machines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from console.findings import reasons_of, sentences_of
from console.reviews import TitledReview
from jurat import Reason
from pages.reasons import why
from tests.console.visitor import Site

HOUSE = {"level": "housenumber"}


@pytest.fixture(autouse=True)
def page(site: Site) -> Iterator[None]:
    with site.app.test_request_context("/en/"):
        site.app.preprocess_request()
        yield


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        ({"distance_m": -400, "margin_m": 25}, "The place is far outside the old town."),
        ({"distance_m": -30, "margin_m": 25}, "The place is more than 25 metres outside the old town."),
        ({"distance_m": 30, "margin_m": 25}, "The place is more than 25 metres inside the old town."),
        ({"distance_m": 500, "margin_m": 25}, "The place is far inside the old town."),
        ({"distance_m": -5, "margin_m": 25}, "The place is less than 25 metres from the border."),
        ({"distance_m": 0, "margin_m": 25}, "The place is less than 25 metres from the border."),
        ({"distance_m": 30, "margin_m": 25, **HOUSE}, "The house is more than 25 metres inside the old town."),
        (HOUSE, "The house was found."),
        ({"score": 0.95, "next_score": 0.94}, "The source finds another address as likely."),
        ({"score": 0.3, "next_score": None}, "The source is not sure of this address."),
        ({"name_similarity": 0.9}, "The street has a similar name, but not the same."),
        ({"candidates": 3}, "3 addresses were found."),
        ({"records": 0}, "The register has no entry."),
        ({"records": 1}, "The register has one entry."),
        ({"records": 2}, "The register has 2 entries."),
        ({"status": "inactive"}, "The entry is not active."),
        ({"leaning": "outside"}, "Another source places the address outside the old town."),
        ({"rules": {"postcode": False}}, "The postcode is different."),
        ({"data_date": "2026-05-03"}, "Data from 3 May 2026."),
        ({"chosen": True}, "The participant chose this address from those that were offered."),
        ({"chosen": False}, "The participant was offered addresses, and lives at none of them."),
        ({"simulated": True}, "This was looked up in a source for tests."),
    ],
)
def test_a_finding_is_a_sentence(evidence: Mapping[str, Any], said: str) -> None:
    assert sentences_of(evidence, "the old town") == [said]


@pytest.mark.parametrize(
    "evidence",
    [
        {},
        {"score": 1.0, "next_score": 0.1, "name_similarity": 1.0, "candidates": 1, "houses": 1},
        {"version": 3, "zone": "x", "zone_digest": "abc", "http_status": 200, "step": "find", "batch": 7},
        {"rules": {"margin": False, "unheard-of": False}, "level": "unheard-of", "status": 7, "records": "many"},
        {"distance_m": "far", "margin_m": None, "list": {}, "leaning": None, "rules": [], "data_date": 5},
    ],
)
def test_what_means_nothing_to_a_person_is_left_out(evidence: Mapping[str, Any]) -> None:
    assert sentences_of(evidence, None) == []


def test_no_sentence_shows_a_distance_or_a_share() -> None:
    evidence = {"distance_m": -437, "margin_m": 25, "score": 0.97, "next_score": 0.2, "name_similarity": 0.93}
    assert re.findall(r"437|%|0[.]|97|93", " ".join(sentences_of(evidence, None))) == []


def test_every_reason_has_words_of_its_own() -> None:
    assert [reason for reason in Reason if why(reason) == reason.replace("_", " ")] == []


def test_a_kind_has_its_own_reasons_to_refuse_and_one_that_fits_all() -> None:
    assert reasons_of("address") == [Reason.OUTSIDE_ZONE, Reason.PERSON_REFUSED]
    assert Reason.CODE_UNKNOWN in reasons_of("codes")
    assert Reason.TOO_YOUNG in reasons_of("registry")
    assert all(reasons_of(kind)[-1] is Reason.PERSON_REFUSED for kind in ("address", "codes", "registry", ""))


def test_a_conflict_is_said_in_words() -> None:
    assert "These do not fit together: street, postcode." in sentences_of({"conflict": ["street", "postcode"]}, None)
    (said,) = sentences_of({"conflict": ["street"]}, None)
    assert said == "This field holds a second address, or what nobody understands: street."


def test_what_a_participant_chose_is_no_field_of_the_answer() -> None:
    found = TitledReview(None, "Budget", "Home", "address", {"street": {"en": "Street"}})  # type: ignore[arg-type]
    assert found.said({"street": "rue Neuve", "choice": "none"}) == [("Street", "rue Neuve")]
