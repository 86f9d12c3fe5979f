"""Names of organisations: the same words, and a legal form that does not contradict."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapters.person_names.comparison import Band
from adapters.person_names.letters import LONGEST, fold
from adapters.person_names.organisations import compare_organisations
from adapters.person_names.word_lists import LEGAL_FORMS

EXACT, COMPATIBLE, CLOSE, DIFFERENT = Band.EXACT, Band.COMPATIBLE, Band.CLOSE, Band.DIFFERENT


@pytest.mark.parametrize(
    ("typed", "recorded", "band"),
    [
        # one legal form, written otherwise
        ("Lantern Works Ltd", "LANTERN WORKS LIMITED", EXACT),
        ("Lantern Works Ltd.", "Lantern Works Ltd", EXACT),
        ("Lantern Works PLC", "Lantern Works Public Limited Company", EXACT),
        ("Lantern Works, Inc.", "LANTERN WORKS INCORPORATED", EXACT),
        ("Lantern Works L.L.C.", "LANTERN WORKS LLC", EXACT),
        ("Lantern Works Pty Ltd", "LANTERN WORKS PROPRIETARY LIMITED", EXACT),
        ("Laternenwerk AG", "Laternenwerk Aktiengesellschaft", EXACT),
        ("Laternenwerk G.m.b.H.", "Laternenwerk Gesellschaft mit beschränkter Haftung", EXACT),
        ("Laternenwerk GmbH & Co. KG", "LATERNENWERK GMBH UND CO KG", EXACT),
        ("Laternenfreunde e. V.", "Laternenfreunde eingetragener Verein", EXACT),
        ("Ateliers du lavoir s.a.s.", "SAS ATELIERS DU LAVOIR", EXACT),
        ("Ateliers du lavoir SARL", "ATELIERS DU LAVOIR, Société à responsabilité limitée", EXACT),
        ("Faroles del Valle S.L.", "FAROLES DEL VALLE SOCIEDAD LIMITADA", EXACT),
        ("Lanterne Bianche S.p.A.", "LANTERNE BIANCHE SOCIETÀ PER AZIONI", EXACT),
        ("Lygtevaerket A/S", "Lygteværket Aktieselskab", EXACT),
        ("Lyktfabriken AB", "AKTIEBOLAG LYKTFABRIKEN", EXACT),
        ("Latarnia Sp. z o.o.", "LATARNIA SPÓŁKA Z OGRANICZONĄ ODPOWIEDZIALNOŚCIĄ", EXACT),
        ("Lantaarnwerk B.V.", "Lantaarnwerk Besloten Vennootschap", EXACT),
        # and
        ("Wren & Fenn Ltd", "WREN AND FENN LIMITED", EXACT),
        ("Wren & Fenn OHG", "Wren und Fenn oHG", EXACT),
        ("Wren + Fenn SNC", "WREN ET FENN SNC", EXACT),
        ("Wren & Co.", "Wren und Company", EXACT),
        # letters
        ("Köhnenbrück GmbH", "KOEHNENBRUECK GMBH", EXACT),
        ("Фонарь ООО", "ФОНАРЬ ООО", EXACT),
        # a legal form on one side alone
        ("Lantern Works", "LANTERN WORKS LIMITED", COMPATIBLE),
        ("Laternenwerk GmbH", "Laternenwerk", COMPATIBLE),
        # two of them, or one that is the name
        ("Lantern Works Ltd", "LANTERN WORKS PLC", CLOSE),
        ("Laternenwerk AG", "Laternenwerk GmbH", CLOSE),
        ("Limited", "Lantern Works Limited", DIFFERENT),
        ("Limited", "LIMITED", EXACT),
        ("Wren & Co.", "Wren", CLOSE),
        # another name
        ("Lantern Works Ltd", "LANTERN WORK LTD", CLOSE),
        ("Lantern Works Ltd", "WORKS LANTERN LTD", CLOSE),
        ("Lantern Works Ltd", "LANTERN WORKS NORTH LTD", CLOSE),
        ("Lantern Works Ltd", "THORNFIELD BAKERY LTD", DIFFERENT),
        ("伟 有限公司", "薇 有限公司", CLOSE),
    ],
)
def test_the_band_of_two_organisations(typed: str, recorded: str, band: Band) -> None:
    assert compare_organisations(typed, [recorded]) is band
    assert compare_organisations(recorded, [typed]) is band
    assert compare_organisations(typed, ["Quite Another Company", recorded]) is band


@pytest.mark.parametrize("mark", ["---", "[ND]", "", "L*****"])
def test_a_withheld_name_is_never_compared(mark: str) -> None:
    assert compare_organisations(mark or "x", [mark]) is None
    assert compare_organisations("Lantern Works", [mark, "Lantern Works"]) is EXACT
    assert compare_organisations("!!!", ["Lantern Works"]) is DIFFERENT


forms = st.sampled_from(sorted(LEGAL_FORMS))
cores = st.lists(st.text("bcdfghjklmnprstvwzü", min_size=4, max_size=9), min_size=1, max_size=3).map(" ".join)


@given(cores, forms, st.sampled_from(["{core} {form}", "{core}, {form}.", "{form} {core}"]))
def test_each_form_is_found_at_either_end(core: str, form: str, written: str) -> None:
    name = written.format(core=core, form=form.upper())
    assert compare_organisations(name, [f"{core.title()} {form}"]) is EXACT
    assert compare_organisations(core, [name]) is COMPATIBLE


@given(cores, cores, forms, forms)
def test_organisations_of_other_names_never_pass(one: str, other: str, form: str, other_form: str) -> None:
    assume("".join(fold(one)) not in {"".join(fold(other)), "".join(fold(other.replace("ü", "ue")))})
    assume("".join(fold(one.replace("ü", "ue"))) != "".join(fold(other)))
    band = compare_organisations(f"{one} {form}", [f"{other} {other_form}"])
    assert band is not None
    assert band <= CLOSE


@given(st.text(max_size=2 * LONGEST), st.text(max_size=2 * LONGEST))
def test_no_text_breaks_the_comparison(typed: str, recorded: str) -> None:
    band = compare_organisations(typed, [recorded])
    assert band in {*Band, None}
    if band is not None and compare_organisations(recorded, [typed]) is not None:
        assert compare_organisations(recorded, [typed]) is band
