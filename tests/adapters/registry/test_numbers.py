from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.registry.numbers import Cleaner, Malformed, clean, compact
from config.registry.model.inputs import CleaningStep, Input, NumberFormat
from jurat.vocabulary import Reason

NPI = Cleaner(Input(clean=(CleaningStep.TRIM, CleaningStep.DIGITS), format=NumberFormat.US_NPI))


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
        (NumberFormat.FR_SIREN, "732-829-320 00074", "732829320"),
        (NumberFormat.FR_SIREN, "35600000009075", "356000000"),
        (NumberFormat.FR_SIREN, "73282932000075", None),
        (NumberFormat.FR_SIREN, "7328293200007", None),
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
        (NumberFormat.LEI, "9999 00ju rat0 lavo ir63", "999900JURAT0LAVOIR63"),
        (NumberFormat.LEI, "999900JURAT0LAVOIR64", None),
        (NumberFormat.LEI, "98", None),  # its check digits alone would do
        (NumberFormat.ORCID, "0000-0009-9900-0014", "0000-0009-9900-0014"),
        (NumberFormat.ORCID, "https://orcid.org/0000-0009-9900-0014", "0000-0009-9900-0014"),
        (NumberFormat.ORCID, "http://www.orcid.org/0000-0009-9900-0014/", "0000-0009-9900-0014"),
        (NumberFormat.ORCID, "0000 0002 1694 233x", "0000-0002-1694-233X"),
        (NumberFormat.ORCID, "000000021694233X", "0000-0002-1694-233X"),
        (NumberFormat.ORCID, "0000-0009-9900-0015", None),
        (NumberFormat.ORCID, "https://orcid.example/0000-0009-9900-0014", None),
        (NumberFormat.ORCID, "0000-0009-9900-0014/person", None),
        (NumberFormat.CH_UID, "CHE-999.000.108", "CHE999000108"),
        (NumberFormat.CH_UID, "che 999 000 108", "CHE999000108"),
        (NumberFormat.CH_UID, "CHE-999.000.109", None),
        (NumberFormat.GB_COMPANY, "99900108", "99900108"),
        (NumberFormat.GB_COMPANY, " 0990 0108 ", "09900108"),
        (NumberFormat.GB_COMPANY, "9900108", "09900108"),
        (NumberFormat.GB_COMPANY, "7", "00000007"),
        (NumberFormat.GB_COMPANY, "sc 999108", "SC999108"),
        (NumberFormat.GB_COMPANY, "NI9108", "NI009108"),
        (NumberFormat.GB_COMPANY, "OC-999-108", "OC999108"),
        (NumberFormat.GB_COMPANY, "R0099108", "R0099108"),
        (NumberFormat.GB_COMPANY, "R99108", "R0099108"),
        (NumberFormat.GB_COMPANY, "SL99108A", "SL99108A"),
        (NumberFormat.GB_COMPANY, "sl9108a", "SL09108A"),
        (NumberFormat.GB_COMPANY, "IP999CUS", "IP999CUS"),
        (NumberFormat.GB_COMPANY, "999001081", None),
        (NumberFormat.GB_COMPANY, "SC9991081", None),
        (NumberFormat.GB_COMPANY, "009900108", None),
        (NumberFormat.GB_COMPANY, "9990010O", None),
        (NumberFormat.GB_COMPANY, "S9991082", None),
        (NumberFormat.GB_COMPANY, "SCX99108", None),
        (NumberFormat.GB_COMPANY, "SC", None),
        (NumberFormat.GB_COMPANY, "GB999000000", None),  # a VAT number
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
        "</IDNUMBER><X>", "{secrets.api_key}", "²", "⑫", "①234567893", "1234567893²", "123456789③", "12345６789¾",
        "🄂234567893", "-1234567893", "− 1234567893", "+1234567893", "–1234567893", "1.234567893e9", "x" * 121,
        " ", "\u200b", 1234567893, None, ["1234567893"],
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
    family_name = Cleaner(Input(clean=(CleaningStep.TRIM, CleaningStep.UPPER)))
    inputs = {"given_name": Cleaner(Input(required=False)), "family_name": family_name}
    assert clean({"family_name": "  de  la\tTour "}, inputs) == {"family_name": "DE LA TOUR"}
    assert clean({"family_name": "x", "given_name": ""}, inputs) == {"family_name": "X"}


@pytest.mark.parametrize("typed", [" ", "  \t\n", "\u200b", "\u3000\u00a0", "\x00"])
@pytest.mark.parametrize(
    "kind", [Input(required=False), Input(required=False, type="date"), Input(required=False, values={"a": "b"}),
             Input(required=False, format=NumberFormat.US_NPI, clean=(CleaningStep.DIGITS,))],
)  # fmt: skip
def test_spaces_are_as_good_as_nothing_where_nothing_need_be_given(kind: Input, typed: str) -> None:
    assert clean({"x": typed}, {"x": Cleaner(kind)}) == {}


@pytest.mark.parametrize("typed", ["-", " . ", " " * 121, "\ud800"])
def test_what_cannot_be_right_is_told_also_where_nothing_need_be_given(typed: str) -> None:
    with pytest.raises(Malformed):
        clean({"x": typed}, {"x": Cleaner(Input(required=False, clean=(CleaningStep.DIGITS,)))})


def test_what_is_not_declared_is_not_sent() -> None:
    assert clean({"family_name": "x", "password": "y"}, {"family_name": Cleaner(Input())}) == {"family_name": "x"}


@given(st.text(st.characters(max_codepoint=0x7F), max_size=20), st.lists(st.sampled_from(CleaningStep), max_size=3))
def test_plain_text_is_cleaned_as_text_with_something_strange_is(typed: str, steps: list[CleaningStep]) -> None:
    cleaner = Cleaner(Input(clean=tuple(steps)))
    assert cleaner.clean_record_value(typed) == cleaner.clean_record_value(typed + "\u200b")


DOCUMENT = Cleaner(Input(values={"dni": "01", "passport": "02"}))
HOLDER = Cleaner(
    Input(
        clean=(CleaningStep.ALNUM, CleaningStep.UPPER),
        format=NumberFormat.ES_NIF,
        format_when="document_type != 'passport'",
    )
)
TODAY = date(2028, 2, 29)
DAY = Cleaner(Input(type="date"), today=lambda: TODAY)


def sent_or_why(answer: Mapping[str, Any], inputs: Mapping[str, Cleaner]) -> str:
    """What the last input is sent as, or why it is not."""
    try:
        return list(clean(answer, inputs).values())[-1]
    except Malformed as malformed:
        return malformed.reason


def test_of_a_choice_the_registrys_own_word_is_sent_and_compared() -> None:
    assert clean({"document_type": " dni "}, {"document_type": DOCUMENT}) == {"document_type": "01"}
    assert DOCUMENT.clean_record_value(" 01 ") == "01"


@pytest.mark.parametrize("typed", ["01", "DNI", "nie", "dni passport", "", None, 1, ["dni"], "\ud800"])
def test_what_is_no_choice_is_an_unreadable_answer(typed: Any) -> None:
    with pytest.raises(Malformed) as caught:
        clean({"document_type": typed}, {"document_type": DOCUMENT})
    assert caught.value.reason is Reason.ANSWER_UNREADABLE


@pytest.mark.parametrize(
    ("document", "number", "sent"),
    [
        ("dni", "12345678-z", "12345678Z"),
        ("dni", "12345678-a", None),
        ("passport", "12345678-a", "12345678A"),
        ("passport", "xa 12345", "XA12345"),
        ("passport", "XÄ12345", None),
    ],
)
def test_a_number_has_its_form_only_where_that_holds(document: str, number: str, sent: str | None) -> None:
    answer = {"document_type": document, "number": number}
    found = sent_or_why(answer, {"document_type": DOCUMENT, "number": HOLDER})
    assert found == (Reason.NUMBER_MALFORMED if sent is None else sent)
    assert sent is None or HOLDER.clean_record_value(number) == sent


def test_a_condition_that_cannot_be_asked_makes_the_number_malformed() -> None:
    holder = Cleaner(Input(format=NumberFormat.LUHN, format_when="starts_with(to_number(kind), 'x')"))
    with pytest.raises(Malformed) as caught:
        clean({"number": "9000010000"}, {"number": holder})
    assert caught.value.reason is Reason.NUMBER_MALFORMED
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("1973-02-28", "1973-02-28"),
        (" 1973-02-28\n", "1973-02-28"),
        ("\u200b１９７３-02-28", "1973-02-28"),
        ("1900-01-01", "1900-01-01"),
        ("2029-03-01", "2029-03-01"),
        ("2028-02-29", "2028-02-29"),
        ("2027-02-29", None),
        ("1899-12-31", None),
        ("2029-03-02", None),
        ("0000-00-00", None),
        ("28/02/1973", None),
        ("19730228", None),
        ("1973-W09-3", None),
        ("1973-2-28", None),
        ("1973-02-28T00:00", None),
        ("1973-02-28' or '1'='1", None),
        ("x" * 121, None),
        (19730228, None),
    ],
)
def test_a_date_is_a_plausible_day_of_the_calendar(typed: Any, sent: str | None) -> None:
    assert sent_or_why({"born": typed}, {"born": DAY}) == (sent or Reason.ANSWER_UNREADABLE)


def test_a_date_is_measured_by_the_clock() -> None:
    born = (datetime.now(UTC).date() + timedelta(days=300)).isoformat()
    assert clean({"born": born}, {"born": Cleaner(Input(type="date"))}) == {"born": born}
    late = Cleaner(Input(type="date"), today=lambda: date(1980, 1, 1))
    assert late.clean_record_value("1990-01-01") == "1990-01-01"
    with pytest.raises(Malformed):
        late.clean("1990-01-01")


@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_no_text_is_sent_with_what_no_request_can_carry(typed: str) -> None:
    for kind in (Input(), Input(clean=(CleaningStep.TRIM, CleaningStep.UPPER)), Input(clean=(CleaningStep.ALNUM,))):
        text = Cleaner(kind).clean_record_value(typed)
        if text is not None:
            assert text.encode()
            assert text == text.strip()
            assert not re.search(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\ufeff\ufffe\uffff]", text)


@pytest.mark.parametrize("typed", ["e" + "\u0301\u0316" * 499, "\ufdfa" * 1000, "\N{HANGUL SYLLABLE HIH}" * 1000])
@pytest.mark.parametrize("steps", [(), (CleaningStep.TRIM,), (CleaningStep.ALNUM, CleaningStep.UPPER)])
def test_a_long_text_is_cleaned_in_no_time(typed: str, steps: tuple[CleaningStep, ...]) -> None:
    cleaner = Cleaner(Input(max_length=1000, clean=steps))
    began = time.process_time()
    for _ in range(10):
        cleaner.clean_record_value(typed)
    assert time.process_time() - began < 0.5
