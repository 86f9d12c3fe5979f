from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.person_names.letters import LONGEST, fold, is_chinese, is_foreign, strip_marks


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("D'Été-Ødegård", ("dete", "odegard")),
        ("  MÜLLER  ", ("muller",)),
        ("Groß", ("gross",)),
        ("İnan Işıl", ("inan", "isil")),
        ("Łódź Œuvrard Ægir Þór", ("lodz", "oeuvrard", "aegir", "thor")),
        ("O’Hara O`Hara O'Hara Oʼhara", ("ohara",) * 4),
        ("Jean\u2011Pierre Val\u200bombre Val\u00adombre", ("jean", "pierre", "valombre", "valombre")),
        ("\uff36\uff21\uff2c \U0001d415\U0001d41a\U0001d425", ("val", "val")),
        ("M.-J. l·l", ("m", "j", "l", "l")),
        # other letters
        ("Παπαδόπουλος Ευαγγέλου Ελευθέριος", ("papadopoulos", "evangelou", "eleftherios")),
        ("Щербаков Соловьёв", ("shcherbakov", "solovev")),
        ("王小明", ("wangxiaoming",)),
        ("김민준", ("gimminjun",)),
        ("だいすけ ダイスケ", ("daisuke", "daisuke")),
        ("الخطيب", ("al", "khtyb")),
        ("مُحَمَّد", ("mhmd",)),
        ("בֶּן־דוד", ("vn", "dwd")),
        ("\U00026163", ("\U00026163",)),
        ("!!!", ()),
        ("", ()),
    ],
)
def test_the_words_of_a_name(text: str, words: tuple[str, ...]) -> None:
    assert fold(text) == words


@given(st.text(max_size=60))
def test_folded_words_are_folded(text: str) -> None:
    words = fold(text)
    assert fold(" ".join(words)) == words


@given(st.text(max_size=300))
def test_words_are_few_and_short_whatever_the_text(text: str) -> None:
    words = fold(text)
    assert len(words) <= 32
    assert sum(map(len, words)) <= 2 * LONGEST
    assert all(words)


@given(st.text(st.characters(max_codepoint=0x7F), max_size=30))
def test_a_plain_name_folds_as_one_with_accents_does(text: str) -> None:
    assert (*fold(text), "e") == fold(text + " é")


def test_marks_are_letters_where_a_script_has_them_so() -> None:
    assert strip_marks("É") == "e"
    assert strip_marks("が") != strip_marks("か")
    assert strip_marks("й") == "и"


def test_scripts_are_told_apart() -> None:
    assert is_chinese("王 Wang")
    assert not is_chinese("たなか Wang 김")
    assert all(map(is_foreign, ("Ж", "ב", "م", "王", "김", "か", "ς", "ἀ")))
    assert not any(map(is_foreign, ("Łódź", "Nguyễn", "İ", "D’A", "ﬁ", "ẞ")))
