"""One of two surnames: enough where it is uncommon, or where the registry's country customarily has two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.person_names.comparison import Band, Name, compare
from adapters.person_names.word_lists import COMMON, COMMON_SURNAMES

joints = st.sampled_from(["-", " "])
uncommon = st.sampled_from(["Valombre", "Sardel", "Kerouen", "Ødegårdsvik", "Щербаковский"])


@pytest.mark.parametrize(
    "surname",
    ["Jackson", "Howard", "Moore", "Harris", "Thompson", "Robinson", "Clark", "Lewis", "Müller", "Kowalski"],
)
def test_a_common_surname_is_not_a_compound_that_contains_it(surname: str) -> None:
    for compound in (f"{surname}-Valombre", f"VALOMBRE {surname}"):
        assert compare(Name(surname, "Tugdual"), [Name(compound, "Tugdual")]) is Band.CLOSE
        assert compare(Name(surname, "Tugdual"), [Name(compound, "Tugdual")], two_surnames=True) is Band.COMPATIBLE


@given(st.sampled_from(sorted(COMMON_SURNAMES)), uncommon, uncommon, joints, st.booleans())
def test_no_surname_of_the_lists_is(common: str, other: str, given_name: str, joint: str, is_first: bool) -> None:
    compound = joint.join((common, other) if is_first else (other, common))
    assert compare(Name(common, given_name), [Name(compound, given_name)]) is Band.CLOSE
    assert compare(Name(compound, given_name), [Name(common, given_name)]) is Band.CLOSE


@given(uncommon, st.sampled_from(sorted(COMMON_SURNAMES)), joints, st.booleans())
def test_an_uncommon_one_is(surname: str, other: str, joint: str, two_surnames: bool) -> None:
    compound = Name(joint.join((other, surname)), "Iris")
    assert compare(Name(surname, "Iris"), [compound], two_surnames=two_surnames) is Band.COMPATIBLE


def test_a_common_surname_needs_a_whole_first_given_name() -> None:
    assert compare(Name("Jackson", "T."), [Name("Jackson", "Tugdual")]) is Band.CLOSE
    assert compare(Name("Jackson", "Iris"), [Name("Jackson", "Tugdual Iris")]) is Band.CLOSE
    assert compare(Name("Jackson", "Tugdual"), [Name("Jackson", "Tugdual Iris")]) is Band.EXACT


def test_both_common_are_two_people_even_where_everyone_has_two_surnames() -> None:
    assert compare(Name("García", "José"), [Name("García López", "José")], two_surnames=True) is Band.CLOSE


def test_the_lists_are_of_many_countries() -> None:
    assert len(COMMON_SURNAMES) > 2000
    assert all(word.isascii() and len(word) > 1 for word in COMMON_SURNAMES)
    assert "howard" not in COMMON
