"""How an answer was read, as it is shown to the person who typed it."""

from __future__ import annotations

import pytest

from adapters.address.explanation import Nearest, Reading, Why, explain_reading
from adapters.address.parsed_address import read_answer
from adapters.address.street_names import least_alike
from adapters.base import Place, Places
from config.levels import Level

TOWN = {"postcode": "99001", "city": "Valmont"}


def found(*streets: str) -> Places:
    return Places("addok", tuple(Place(Level.STREET, 2.0, 48.0, None, name, "99001", "Valmont") for name in streets))


def explained(answer: dict[str, str], places: Places, code: str = "fr") -> Reading:
    return explain_reading(answer, read_answer(answer, code), places, code)


@pytest.mark.parametrize(
    ("code", "number", "street", "left_out"),
    [
        ("fr", "8", "rue du Moulin", []),
        ("fr", "huit", "rue du Moulin", []),
        ("fr", "8", "rue du Moulin, appt 3", [("appt 3", Why.DETAIL)]),
        ("fr", "Bât B, 8", "rue du Moulin", [("bat b", Why.DETAIL)]),
        ("fr", "8", "chez Corvec, rue du Moulin", [("chez corvec", Why.NAMED)]),
        ("fr", "8", "rue du Moulin, 99001 Valmont", [("99001 valmont", Why.TOWN)]),
        ("fr", "8", "rue du Moulin, 12 rue Neuve", [("12 rue neuve", Why.NOT_UNDERSTOOD)]),
        ("es", "8 3B", "Calle Mayor, esc. B", [("3b", Why.DETAIL), ("esc b", Why.DETAIL)]),
        ("en", "", "Flat 2, 8 Mill Road, Rose House", [("flat 2", Why.DETAIL), ("rose house", Why.NAMED)]),
    ],
)
def test_each_word_that_is_left_out_is_named_with_the_reason(
    code: str, number: str, street: str, left_out: list[tuple[str, Why]]
) -> None:
    read = explained({"number": number, "street": street, **TOWN}, found(), code)
    assert list(read.left_out) == left_out
    assert bool(read.conflict) is any(why is Why.NOT_UNDERSTOOD for _, why in left_out)
    assert (read.number, read.readable) == ("8", True)


def test_a_number_that_is_none_is_said_to_be_unreadable() -> None:
    read = explained({"number": "huit ou neuf", "street": "rue du Moulin"}, found())
    assert (read.number, read.readable, read.left_out) == ("", False, ())


def test_both_ends_of_a_range_are_shown() -> None:
    assert explained({"number": "8 à 12", "street": "rue du Moulin"}, found()).number == "8-12"


def test_a_street_that_differs_has_the_most_alike_name_and_the_word_that_does_not_fit() -> None:
    places = found("Avenue du Port", "Rue du Moulin Vert", "Rue Neuve")
    read = explained({"number": "8", "street": "rue du Moulin Bleu", **TOWN}, places)
    assert read.nearest == Nearest("Rue du Moulin Vert", 0.0, "bleu")
    assert explained({"number": "8", "street": "rue du Moulen Vert", **TOWN}, places).nearest is None
    assert explained({}, places).nearest is None
    of_base = Places("address-file", found("Rue du Moulin").places)  # all alike enough, a second slip or no kind of way
    assert explained({"number": "8", "street": "rue du Moulxxin", **TOWN}, of_base).nearest is None


@pytest.mark.parametrize(
    ("asked", "name", "word"),
    [
        ("rue du Port", "Avenue du Port", "rue"),
        ("rue du Moulin Vert", "Rue du Moulin", "vert"),
        ("rue du Moulin", "Rue du Moulin Vert", "vert"),
        ("", "Rue du Moulin", ""),
    ],
)
def test_the_word_that_does_not_fit_is_one_of_either_name(asked: str, name: str, word: str) -> None:
    assert least_alike(asked, name) == word


def test_what_was_typed_is_in_no_repr() -> None:
    read = explained({"number": "8", "street": "rue du Port, chez Corvec"}, found("Rue du Moulin"))
    assert "port" not in repr(read).casefold()
    assert "corvec" not in f"{read!r}{read.nearest!r}".casefold()
