"""The same words in the same order, where one side begins the family name elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.person_names.comparison import Band, Name, compare, is_withheld
from adapters.person_names.letters import fold


@pytest.mark.parametrize(
    ("typed", "recorded", "band"),
    [
        # given names first, family name first
        (("Sardel", "Iris Valombre"), ("Valombre Sardel", "Iris"), Band.COMPATIBLE),
        (("García López", "María"), ("GARCIA", "LOPEZ MARIA"), Band.COMPATIBLE),
        (("de la Tour", "Jean-Pierre"), ("la Tour", "Jean Pierre de"), Band.COMPATIBLE),
        (("Köhnenbrück", "Iris Müller"), ("MUELLER KOEHNENBRUECK", "IRIS"), Band.COMPATIBLE),
        (("Wang", "Xiao Ming"), ("Wang Xiao", "Ming"), Band.COMPATIBLE),
        # another order, another word, fewer words
        (("Iris Valombre", "Sardel"), ("Valombre Sardel", "Iris"), Band.CLOSE),
        (("Sardel", "Valombre Iris"), ("Valombre Sardel", "Iris"), Band.CLOSE),
        (("Sardel", "Iris Valombres"), ("Valombre Sardel", "Iris"), Band.CLOSE),
        (("Sardel", "Iris Valombre"), ("Valombre Sardel", "I."), Band.CLOSE),
        # whole names in one field, and one reading of many characters
        (("Iris Valombre Sardel", ""), ("Valombre Sardel", "Iris"), Band.CLOSE),
        (("Valombre Sardel", "Iris"), ("Iris Valombre Sardel", ""), Band.CLOSE),
        (("王 晓", "明"), ("王", "小 明"), Band.CLOSE),
    ],
)
def test_the_border_may_be_elsewhere_and_nothing_else(
    typed: tuple[str, str], recorded: tuple[str, str], band: Band
) -> None:
    assert compare(Name(*typed), [Name(*recorded)]) is band


name = st.text("abdeilmnorstvéüø", min_size=2, max_size=8)


@given(st.lists(name, min_size=3, max_size=5), st.booleans(), st.data())
def test_wherever_it_is(words: list[str], family_first: bool, data: st.DataObject) -> None:
    def cut(words: list[str]) -> Name:
        at = data.draw(st.integers(1, len(words) - 1))
        left, right = " ".join(words[:at]), "-".join(words[at:])
        return Name(left, right) if family_first else Name(right, left)

    typed, recorded = cut(words), cut([word.upper() for word in words])
    if all(map(fold, words)) and not is_withheld(recorded.family):
        band = compare(typed, [recorded])
        assert band is not None
        assert band >= Band.COMPATIBLE
