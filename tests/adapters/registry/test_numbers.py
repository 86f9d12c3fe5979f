from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.registry.numbers import Cleaner, Malformed, clean, compact
from config.registry.inputs import Cleaning, Input, NumberFormat
from jurat.words import Reason

NPI = Cleaner(Input(clean=(Cleaning.TRIM, Cleaning.DIGITS), format=NumberFormat.US_NPI))


@pytest.mark.parametrize(
    ("form", "typed", "number"),
    [
        (NumberFormat.US_NPI, "1234567893", "1234567893"),
        (NumberFormat.US_NPI, "1234567890", None),
        (NumberFormat.US_NPI, "3234567897", None),
        (NumberFormat.FR_RPPS, "10102727017", "10102727017"),
        (NumberFormat.FR_RPPS, "810102727017", "10102727017"),
        (NumberFormat.FR_RPPS, "1010272701", None),
        (NumberFormat.FR_SIREN, "732 829 320", "732829320"),
        (NumberFormat.FR_SIREN, "123456789", None),
        (NumberFormat.FR_SIRET, "73282932000074", "73282932000074"),
        (
            NumberFormat.FR_SIRET,
            "356 000 000 09075",
            "35600000009075",
        ),  # La Poste has a check of its own
        (NumberFormat.ES_NIF, "12345678-z", "12345678Z"),
        (NumberFormat.ES_DNI, "12345678A", None),
        (NumberFormat.EU_VAT, "FR40303265045", "FR40303265045"),
        (NumberFormat.EU_VAT, "GB123456789", None),
        (NumberFormat.NO_ORGNR, "988 077 917", "988077917"),
        (NumberFormat.MOD_11_2, "000000021694233X", "000000021694233X"),
        (NumberFormat.LUHN, "9000010000", "9000010000"),
        (NumberFormat.LUHN, "9000010001", None),
    ],
)
def test_a_number_has_the_form_of_its_registry(form: NumberFormat, typed: str, number: str | None) -> None:
    assert compact(form, typed) == number


@pytest.mark.parametrize("form", NumberFormat)
@given(st.text(max_size=30))
def test_every_form_takes_any_text(form: NumberFormat, typed: str) -> None:
    number = compact(form, typed)
    assert number is None or (number.isascii() and "/" not in number)


@pytest.mark.parametrize(
    "typed",
    [
        "1234567893",
        " 1234567893\n",
        "1234 567 893",
        "1234-567-893",
        "1234\u00a0567\u202f893",
        "123\u200b456\ufeff7893",
        "１２３４５６７８９３",
        "١٢٣٤٥٦٧٨٩٣",
        "१२३४५६७८९३",
    ],
)
def test_however_a_number_is_typed_it_is_sent_in_plain_digits(typed: str) -> None:
    assert clean({"number": typed}, {"number": NPI}) == {"number": "1234567893"}


@pytest.mark.parametrize(
    "typed",
    [
        "1234567890", "12345678931", "I234567893", "1234567893x", "../../admin", "..", "%2e%2e", "?x=1", "#f", "a/b",
        "</IDNUMBER><X>", "{secrets.api_key}", "²", "⑫", "x" * 121, " ", "\u200b", 1234567893, None, ["1234567893"],
    ],
)  # fmt: skip
def test_what_can_be_no_number_is_malformed(typed: Any) -> None:
    with pytest.raises(Malformed) as caught:
        clean({"number": typed}, {"number": NPI})
    assert caught.value.reason is (Reason.ANSWER_UNREADABLE if typed is None else Reason.NUMBER_MALFORMED)


@pytest.mark.parametrize("value", [None, "", 7, ["x"], {"a": "b"}, "x" * 121, "   "])
def test_a_name_that_is_no_text_is_an_unreadable_answer(value: Any) -> None:
    with pytest.raises(Malformed) as caught:
        clean({"family_name": value}, {"family_name": Cleaner(Input())})
    assert caught.value.reason is Reason.ANSWER_UNREADABLE


def test_an_input_that_is_not_required_may_be_missing() -> None:
    family_name = Cleaner(Input(clean=(Cleaning.TRIM, Cleaning.UPPER)))
    inputs = {"given_name": Cleaner(Input(required=False)), "family_name": family_name}
    assert clean({"family_name": "  de  la\tTour "}, inputs) == {"family_name": "DE LA TOUR"}
    assert clean({"family_name": "x", "given_name": ""}, inputs) == {"family_name": "X"}


def test_what_is_not_declared_is_not_sent() -> None:
    assert clean({"family_name": "x", "password": "y"}, {"family_name": Cleaner(Input())}) == {"family_name": "x"}


@given(st.text(st.characters(max_codepoint=0x7F), max_size=20), st.lists(st.sampled_from(Cleaning), max_size=3))
def test_plain_text_is_cleaned_as_text_with_something_strange_is(typed: str, steps: list[Cleaning]) -> None:
    cleaner = Cleaner(Input(clean=tuple(steps)))
    assert cleaner.text(typed) == cleaner.text(typed + "\u200b")
