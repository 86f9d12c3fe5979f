"""A settled verdict about an address says no more than its outcome and its reason."""

from __future__ import annotations

from typing import Any

import shapely
from hypothesis import given
from hypothesis import strategies as st

from adapters.address.zones import ZoneGeometry
from adapters.base import Place, Places
from config.levels import Level
from jurat.vocabulary import Reason
from tasks.checks import Review, Settle
from tests.tasks.rules.decided import after, held, question

ZONE = ZoneGeometry("old-town", 3, shapely.to_wkb(shapely.box(2.0, 48.0, 2.1, 48.1)))
ANSWER = {"number": "4", "street": "rue des Tanneurs", "postcode": "99001", "city": "Valmont"}

PLACES = st.builds(
    Place,
    st.sampled_from([Level.HOUSENUMBER, Level.INTERPOLATED, Level.STREET, Level.LOCALITY]),
    st.floats(1.99, 2.11),
    st.floats(47.99, 48.11),
    number=st.sampled_from(["4", "5", None]),
    street=st.sampled_from(["Rue des Tanneurs", "Rue du Tanneur", "Rue du Moulin"]),
    postcode=st.sampled_from(["99001", "99002"]),
    city=st.sampled_from(["Valmont", None]),
    score=st.floats(0, 1),
)
FOUND = st.lists(PLACES, max_size=4).map(lambda places: Places("addok", places))
LEANING = st.sampled_from([None, "inside", "outside"])


def settled(found: Places, leaning: str | None = None) -> Settle:
    decision = after(found, held(leaning=leaning), question(zone="old-town"), zone=ZONE, answer=ANSWER)
    assert isinstance(decision, Settle)
    return decision


@given(st.lists(st.tuples(FOUND, LEANING), min_size=2, max_size=10))
def test_homes_with_the_same_reason_keep_the_same_evidence(homes: list[tuple[Places, str | None]]) -> None:
    evidence: dict[Reason, Any] = {}
    for found, leaning in homes:
        verdict = settled(found, leaning)
        assert evidence.setdefault(verdict.reason, verdict.evidence) == verdict.evidence


def test_a_verdict_keeps_its_zone_its_source_and_the_rules_down_to_the_one_that_did_not_hold() -> None:
    place = Place(Level.HOUSENUMBER, 2.1, 48.05, "4", "Rue des Tanneurs", "99001", "Valmont", score=0.9)
    near = settled(Places("addok", [place]))
    assert near.reason is Reason.NEAR_BORDER
    assert near.evidence == {
        "provider": "addok",
        "data_date": None,
        "zone": "old-town",
        "zone_version": 3,
        "zone_digest": ZONE.digest,
        "rules": {
            **dict.fromkeys(("readable", "consistent", "found", "street", "name", "postcode", "number", "score"), True),
            "margin": False,
        },
    }


@given(FOUND)
def test_a_reviewer_sees_all_of_the_evidence(found: Places) -> None:
    decision = after(found, asked=question(zone="old-town", review=True), zone=ZONE, answer=ANSWER)
    if isinstance(decision, Review):
        assert decision.evidence["candidates"] == len(found.places)
