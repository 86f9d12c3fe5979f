from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.address.geocoders.payload import PayloadPart, merge_streets
from adapters.base import Box, Place, Unreadable
from config.levels import Level

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=8,
)
SECRET = "Rue des Tanneurs"


READERS: tuple[Callable[[PayloadPart], object], ...] = (
    lambda part: part.number(0, 1),
    lambda part: part.degrees(90),
    lambda part: part.member("b"),
    lambda part: part.items(2),
    lambda part: part.member("a").text("b"),
    lambda part: part.box(west=0, south=1, east=2, north=3),
)


@given(JSON, st.sampled_from(READERS))
def test_whatever_is_read_is_a_value_of_its_kind_or_unreadable(
    value: object, read: Callable[[PayloadPart], object]
) -> None:
    said = ""
    try:
        read(PayloadPart(value, "here"))
    except Unreadable as error:
        said = error.detail
    assert not said or "here" in said


@pytest.mark.parametrize("value", [SECRET, [SECRET], {"a": SECRET}, [[SECRET] * 4]])
@pytest.mark.parametrize("read", READERS[:2])
def test_an_error_names_the_place_and_no_value(value: object, read: Callable[[PayloadPart], object]) -> None:
    part = PayloadPart({"x": value}).member("x")
    with pytest.raises(Unreadable, match=r"^x is no ") as caught:
        read(part)
    assert SECRET not in caught.value.detail


def test_a_text_of_very_many_characters_is_no_name() -> None:
    assert PayloadPart({"street": "a" * 1000}).text("street") == "a" * 1000
    with pytest.raises(Unreadable, match=r"^street has more than 1000 characters$"):
        PayloadPart({"street": "a" * 1001}).text("street")


def test_what_a_wrong_list_holds_is_not_read_beyond_its_limit() -> None:
    assert [part.where for part in PayloadPart([1, 2, 3], "all").items(2)] == ["all[0]", "all[1]"]


def street(name: str, city: str | None, extent: Box | None) -> Place:
    return Place(Level.STREET, 0, 0, street=name, city=city, postcode="99001", extent=extent)


BOXES = st.tuples(st.floats(-9, 0), st.floats(-9, 0), st.floats(0, 9), st.floats(0, 9))


@given(st.lists(BOXES, min_size=1, max_size=5))
def test_the_whole_street_lies_around_each_of_its_parts(boxes: list[Box]) -> None:
    parts = [street("Rue du Port", "Valmont", box) for box in boxes]
    whole = {place.extent for place in merge_streets(parts, cut=False)}
    (extent,) = whole
    assert extent is not None
    for box in boxes:
        assert extent[0] <= box[0]
        assert extent[1] <= box[1]
        assert extent[2] >= box[2]
        assert extent[3] >= box[3]


def test_names_are_one_street_whatever_their_accents_and_case() -> None:
    parts = [street("Rue de l'Étale", "Valmont", (0, 0, 1, 1)), street("RUE DE L ETALE", "VALMONT", (2, 2, 3, 3))]
    assert {place.extent for place in merge_streets(parts, cut=False)} == {(0, 0, 3, 3)}


def test_houses_have_no_extent_of_a_street() -> None:
    house = Place(Level.HOUSENUMBER, 0, 0, street="Rue du Port", city="Valmont")
    assert merge_streets([house, street("Rue du Port", "Valmont", (0, 0, 1, 1))], cut=False)[0] == house
