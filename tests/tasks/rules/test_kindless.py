"""A street without its kind of way: decided by an address base, where nothing else can be meant."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.address.street_names import KINDLESS, kindless_similarity, with_kinds
from adapters.base import Place
from jurat.vocabulary import Outcome, Reason
from tests.tasks.rules.valmont import ANSWER, ELSEWHERE, HOUSE, decide, undetermined

TYPED = {**ANSWER, "street": "Moulin Neuf"}
NEW_MILL = replace(HOUSE, street="Rue du Moulin Neuf")
ACCEPTED = (Outcome.ACCEPTED, Reason.INSIDE_ZONE)


def of_base(*places: Place, street: str = "Moulin Neuf", city: str = "Valmont") -> tuple[Outcome, Reason]:
    return decide(*places, answer={**TYPED, "street": street, "city": city}, provider="address-file")


def test_an_address_base_decides_it_and_a_geocoder_does_not() -> None:
    assert of_base(NEW_MILL) == ACCEPTED
    assert decide(NEW_MILL, answer=TYPED) == undetermined(Reason.STREET_DIFFERS)


def test_two_streets_of_the_name_on_two_sides_decide_nothing() -> None:
    assert of_base(NEW_MILL, replace(NEW_MILL, street="Place du Moulin Neuf", longitude=ELSEWHERE)) == undetermined(
        Reason.AMBIGUOUS_ADDRESS
    )


def test_a_street_of_just_this_name_is_the_one_that_is_meant() -> None:
    own = replace(NEW_MILL, street="Moulin Neuf", longitude=ELSEWHERE)
    assert of_base(NEW_MILL, own) == (Outcome.REFUSED, Reason.OUTSIDE_ZONE)


def test_the_town_must_be_named() -> None:
    assert of_base(NEW_MILL, city="") == undetermined(Reason.AMBIGUOUS_ADDRESS)


@pytest.mark.parametrize(
    ("typed", "found", "code", "same"),
    [
        ("Moulin Neuf", "Rue du Moulin Neuf", "fr", True),
        ("Le Moulin Neuf", "Rue du Moulin Neuf", "fr", False),  # may be a hamlet
        ("les Lilas", "Rue les Lilas", "fr", True),
        ("Moulin Neof", "Rue du Moulin Neuf", "fr", False),
        ("Neuf", "Rue du Moulin Neuf", "fr", False),
        ("Avenue Moulin Neuf", "Rue du Moulin Neuf", "fr", False),
        ("11", "Rue du 11", "fr", False),
        ("Galvani", "Via Galvani", "it", True),
        ("Orchard", "Orchard Street", "en", True),
        ("Anna-Seiler", "Anna-Seiler-Allee", "de", True),
        ("Linden", "Lindenallee", "de", False),  # may be a village
        ("Hintere", "Hintere Lindenallee", "de", False),
    ],
)
def test_all_words_must_be_there_but_the_kind_of_way(typed: str, found: str, code: str, *, same: bool) -> None:
    assert kindless_similarity(typed, found, code) == (KINDLESS if same else 0.0)


def test_there_is_nothing_to_look_up_where_the_kind_is_there_or_the_rest_says_too_little() -> None:
    assert "rue tanneurs" in with_kinds("Tanneurs")
    assert with_kinds("Rue du Moulin Neuf") == with_kinds("XII") == frozenset()
