"""Names as passports write them: by the tables of ICAO Doc 9303, part 3, section 6."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.person_names.comparison import Band, Name, compare
from adapters.person_names.letters import passport_spellings

LATIN = (
    "Á A, À A, Â A, Ä AE A, Ã A, Ă A, Å AA, Ā A, Ą A, Ć C, Ĉ C, Č C, Ċ C, Ç C, Đ D, Ď D, É E, È E, Ê E, Ë E, Ě E, "
    "Ė E, Ē E, Ę E, Ĕ E, Ĝ G, Ğ G, Ġ G, Ģ G, Ħ H, Ĥ H, ı I, Í I, Ì I, Î I, Ï I, Ĩ I, İ I, Ī I, Į I, Ĭ I, Ĵ J, Ķ K, "
    "Ł L, Ĺ L, Ľ L, Ļ L, Ŀ L, Ń N, Ñ N NXX, Ň N, Ņ N, Ŋ N, Ø OE, Ó O, Ò O, Ô O, Ö OE O, Õ O, Ő O, Ō O, Ŏ O, Ŕ R, Ř R, "
    "Ŗ R, Ś S, Ŝ S, Š S, Ş S, ß SS, Ţ T, Ť T, Ŧ T, Ú U, Ù U, Û U, Ü UE UXX U, Ũ U, Ŭ U, Ů U, Ű U, Ū U, Ų U, Ŵ W, Ý Y, "
    "Ÿ Y, Ŷ Y, Ź Z, Ž Z, Ż Z, Þ TH, Æ AE, Ĳ IJ, Œ OE, Ð D"
)
CYRILLIC = (
    "А A, Б B, В V, Г G H, Ґ G, Д D, Е E, Ё E, Є IE, Ж ZH, З Z, И I Y, І I, Ї I, Й I, К K, Л L, М M, Н N, О O, П P, "
    "Р R, С S, Т T, У U, Ў U, Ф F, Х KH, Ц TS, Ч CH, Ш SH, Щ SHCH, Ъ IE, Ы Y, Э E, Ю IU, Я IA, Ђ D, Џ DZ, Ј J, Љ LJ, "
    "Њ NJ, Ѓ G, Ќ K, Ѕ DZ, Ћ C"
)


def rows(table: str) -> list[tuple[str, str]]:
    return [(letter, form) for letter, *forms in map(str.split, table.split(", ")) for form in forms]


@pytest.mark.parametrize(("letter", "form"), rows(LATIN))
def test_each_latin_letter_is_written_as_in_the_table(letter: str, form: str) -> None:
    assert compare(Name(f"Val{letter}mbr", "Iris"), [Name(f"VAL{form}MBR", "IRIS")]) is Band.EXACT


@pytest.mark.parametrize(("letter", "form"), rows(CYRILLIC))
def test_each_cyrillic_letter_is(letter: str, form: str) -> None:
    assert compare(Name(f"Сард{letter}л", "Ольга"), [Name(f"SARD{form}L", "OLGA")]) is Band.EXACT


@pytest.mark.parametrize(
    ("typed", "recorded", "band"),
    [
        (("Müller", "Jörg"), ("MUELLER", "JOERG"), Band.EXACT),
        (("Müller", "Jörg"), ("MUELLER", "JORG"), Band.EXACT),
        (("Ødegård", "Åse"), ("OEDEGAARD", "AASE"), Band.EXACT),
        (("Ødegård", "Åse"), ("ODEGAARD", "ASE"), Band.EXACT),
        (("von Köhnenbrück", "Iris"), ("VONKOEHNENBRUECK", "IRIS"), Band.EXACT),
        (("Köhnenbrück", "Iris"), ("KOEHNENBRUECK-SARDEL", "IRIS"), Band.COMPATIBLE),
        (("Köhnenbrück", "Jörg"), ("Koehnenbrück", "Joerg Åke"), Band.EXACT),
        (("Юрьева", "Юлия"), ("IUREVA", "IULIIA"), Band.EXACT),
        (("Гринюк", "Юлія"), ("HRYNIUK", "YULIIA"), Band.EXACT),
        # Nobody has the letter, or not that one.
        (("Muller", "Jorg"), ("MUELLER", "JOERG"), Band.CLOSE),
        (("Mueller", "Iris"), ("Muller", "Iris"), Band.CLOSE),
        (("Möller", "Iris"), ("MUELLER", "IRIS"), Band.CLOSE),
    ],
)
def test_a_name_is_its_owners_as_the_passport_has_it(
    typed: tuple[str, str], recorded: tuple[str, str], band: Band
) -> None:
    assert compare(Name(*typed), [Name(*recorded)]) is band
    assert compare(Name(*recorded), [Name(*typed)]) is band


PASSPORT = {"ä": "ae", "å": "aa", "ö": "oe", "ø": "oe", "ü": "ue", "ß": "ss"}
parts = st.lists(st.text("blmrtäåöøüß", min_size=3, max_size=8), min_size=1, max_size=2).map(" ".join)
letters = st.sets(st.sampled_from(sorted(PASSPORT)))


@given(parts, parts, letters, letters)
def test_whatever_letters_are_written_out(family: str, given_name: str, one: set[str], other: set[str]) -> None:
    recorded = Name(written(family, one).upper(), written(given_name, other).upper())
    assert compare(Name(family, given_name), [recorded]) is Band.EXACT
    assert compare(recorded, [Name(family, given_name)]) is Band.EXACT


def written(text: str, letters: set[str]) -> str:
    return "".join(PASSPORT[letter] if letter in letters else letter for letter in text)


@given(st.text(max_size=300))
def test_there_are_not_many_spellings_of_any_text(text: str) -> None:
    assert len(passport_spellings(text, "aeoeueaanxxiuiahy")) < 32
    assert passport_spellings(text, "bcd") == []
