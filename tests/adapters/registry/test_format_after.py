"""A number that is checked with another input before it, as the country in a VAT number."""

from __future__ import annotations

import pytest

from adapters.registry.numbers import Cleaner, Malformed, clean
from config.registry.model.inputs import CleaningStep, Input, NumberFormat
from jurat.vocabulary import Reason

CLEANERS = {
    "country": Cleaner(Input(values={"EL": "EL", "FR": "FR", "AT": "AT"})),
    "number": Cleaner(
        Input(
            clean=(CleaningStep.TRIM, CleaningStep.UPPER, CleaningStep.ALNUM),
            format=NumberFormat.EU_VAT,
            format_after="country",
        )
    ),
}


@pytest.mark.parametrize(
    ("country", "typed", "sent"),
    [
        ("FR", "48 999 000 102", "48999000102"),
        ("FR", "fr 48 999 000 102", "48999000102"),
        ("EL", "990001232", "990001232"),
        ("AT", "U12345675", "U12345675"),
        ("AT", "ATU 1234 5675", "U12345675"),
    ],
)
def test_it_is_sent_without(country: str, typed: str, sent: str) -> None:
    assert clean({"country": country, "number": typed}, CLEANERS) == {"country": country, "number": sent}


@pytest.mark.parametrize(
    ("country", "typed"),
    [("FR", "EL990001232"), ("EL", "48999000102"), ("FR", "49999000102"), ("FR", "FR"), ("EL", "GR990001232")],
)
def test_what_does_not_belong_together_is_malformed(country: str, typed: str) -> None:
    with pytest.raises(Malformed) as caught:
        clean({"country": country, "number": typed}, CLEANERS)
    assert caught.value.reason is Reason.NUMBER_MALFORMED


def test_a_record_has_its_number_without() -> None:
    assert CLEANERS["number"].clean_record_value("48 999 000 102") == "48999000102"
