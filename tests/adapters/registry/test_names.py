from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from adapters.registry.names import LONGEST, Band, Name, _is_one_slip, compare, fold, is_withheld

EXACT, COMPATIBLE, CLOSE, DIFFERENT = Band.EXACT, Band.COMPATIBLE, Band.CLOSE, Band.DIFFERENT


@pytest.mark.parametrize(
    ("typed", "recorded", "band"),
    [
        # the same, written otherwise
        (("Valombre", "Iris"), ("VALOMBRE", "IRIS"), EXACT),
        (("Valombre", "Iris"), ("Valombre", "Iris Anne Marie"), EXACT),
        (("Étienne", "Maëlle"), ("ETIENNE", "MAELLE"), EXACT),
        (("Le Goff", "Yann"), ("Legoff", "Yann"), EXACT),
        (("de la Tour", "Jean-François"), ("Delatour", "Jean Francois"), EXACT),
        (("D'Angelo", "Rosa"), ("d’Angelo", "Rosa"), EXACT),
        (("D Angelo", "Rosa"), ("D'Angelo", "Rosa"), EXACT),
        (("García López", "Inés"), ("López García", "Inés"), EXACT),
        (("Kerouen Sardel", "Maëlle"), ("Kerouen-Sardel", "Maëlle"), EXACT),
        (("Jeanfrançois", "Jeanfrançois"), ("Jean-François", "Jean François"), EXACT),
        (("Łukasiewicz", "Żaneta"), ("LUKASIEWICZ", "ZANETA"), EXACT),
        (("Ødegård", "Åse"), ("Odegard", "Ase"), EXACT),
        (("Groß", "Jörg"), ("GROSS", "JORG"), EXACT),
        (("Παπαδόπουλος", "Νίκος"), ("Παπαδοπουλος", "ΝΙΚΟΣ"), EXACT),
        (("İnan", "Işıl"), ("Inan", "Isil"), EXACT),
        (("王", "伟"), ("王", "伟"), EXACT),
        (("\U00026163", "\U00029b8a"), ("\U00026163", "\U00029b8a"), EXACT),
        (("\U00026163", "\U00029b8a"), ("\U00026163", "\U00026163"), DIFFERENT),
        # a part of it
        (("García", "Inés"), ("García López", "Inés"), COMPATIBLE),
        (("Martin-Leclerc", "Odile"), ("Leclerc", "Odile"), COMPATIBLE),
        (("van der Berg", "Joost"), ("Berg", "Joost"), COMPATIBLE),
        (("Valombre", "Anne"), ("Valombre", "Iris Anne"), COMPATIBLE),
        (("Valombre", "I."), ("Valombre", "Iris"), COMPATIBLE),
        (("Valombre", "Iris"), ("Valombre", "I"), COMPATIBLE),
        # near, but a person looks
        (("Dupont", "Jean"), ("Dupond", "Jean"), CLOSE),
        (("Valombre", "Iris"), ("Valombres", "Iris"), CLOSE),
        (("Durand", "Paul"), ("Durand", "Paule"), CLOSE),
        (("Martin", "Jean"), ("Martin", "Jeanne"), CLOSE),
        (("Müller", "Jörg"), ("Mueller", "Joerg"), CLOSE),
        (("Ødegård", "Åse"), ("Oedegaard", "Aase"), CLOSE),
        (("Smith", "Bob"), ("Smith", "Robert"), CLOSE),
        (("Iris", "Valombre"), ("Valombre", "Iris"), CLOSE),
        (("Valombre", "Iris"), ("Valombre", ""), CLOSE),
        (("Valombre", "Iris"), ("Valombre", "--"), CLOSE),
        # strangers
        (("Valombre", "Iris"), ("Corvec", "Tugdual"), DIFFERENT),
        (("Valombre", "Iris"), ("Valombre", "Tugdual"), DIFFERENT),
        (("Petit", "Claude"), ("Petit", "Marianne"), DIFFERENT),
        (("Lee", "Ann"), ("Lew", "Ann"), DIFFERENT),
        (("Martin", "Jean"), ("Martinez Ruiz", "Jean"), DIFFERENT),
        (("de la", "Iris"), ("de la Tour", "Iris"), DIFFERENT),
        (("!!!", "Iris"), ("Valombre", "Iris"), DIFFERENT),
    ],
)
def test_the_band_of_two_names(typed: tuple[str, str], recorded: tuple[str, str], band: Band) -> None:
    assert compare(Name(*typed), [Name(*recorded)]) is band
    assert compare(Name(*typed), [Name("Somebody", "Else"), Name(*recorded)]) is band


def test_any_of_a_persons_names_counts() -> None:
    names = [Name("Kerouen", "Maëlle"), Name("Sardel", "Maëlle")]
    assert compare(Name("Sardel", "Maelle"), names) is EXACT


def test_a_family_name_alone_is_compared_alone() -> None:
    assert compare(Name("Valombre"), [Name("Valombre", "Iris")]) is EXACT


@pytest.mark.parametrize(
    "mark", ["[NON-DIFFUSIBLE]", "[ND]", "---", "--", "-", "", "  ", "***", "(hidden)", "N/A", "XXXX"]
)
def test_a_withheld_name_is_never_compared(mark: str) -> None:
    assert is_withheld(mark)
    assert compare(Name(mark or "x", "Iris"), [Name(mark, "Iris"), Name(mark, mark)]) is None
    assert compare(Name("Valombre", "Iris"), [Name(mark, mark), Name("Valombre", "Iris")]) is EXACT


def test_a_record_without_names_says_nothing() -> None:
    assert compare(Name("Valombre", "Iris"), []) is None


@pytest.mark.parametrize("name", ["Li", "O", "Ng", "Xi", "王", "N", "Ax"])
def test_short_names_are_names(name: str) -> None:
    assert not is_withheld(name)
    assert compare(Name(name, "Iris"), [Name(name, "Iris")]) is EXACT


words = st.text(st.characters(codec="utf-8", categories=["L", "M"]), min_size=1, max_size=12)


@given(words, words)
def test_everybody_has_their_own_name(family: str, given_name: str) -> None:
    name = Name(family, given_name)
    expected = EXACT if fold(family) and fold(given_name) and not is_withheld(family) else None
    if expected is not None and not is_withheld(given_name):
        assert compare(name, [name]) is expected


@given(words, words, words, words)
def test_the_band_does_not_depend_on_who_is_asked(a: str, b: str, c: str, d: str) -> None:
    ours, theirs = Name(a, b), Name(c, d)
    if not any(map(is_withheld, (a, b, c, d))):
        assert compare(ours, [theirs]) is compare(theirs, [ours])


@given(st.text(max_size=400), st.text(max_size=400))
def test_no_text_breaks_the_comparison(family: str, given_name: str) -> None:
    assert compare(Name(family, given_name), [Name(given_name, family), Name("Valombre", "Iris")]) in {*Band, None}


@pytest.mark.parametrize("text", ["x" * 10_000, "e" + "\u0301" * 10_000, "a " * 5_000, "\ufdfa" * 10_000])
def test_a_monstrous_name_takes_no_more_work_than_a_long_one(text: str) -> None:
    assert least_work(text) < 20 * least_work(text[:LONGEST])


def least_work(text: str) -> float:
    """Seconds of this thread's own work, whatever else the machine does."""
    took = []
    for _ in range(5):
        started = time.thread_time()
        compare(Name(text, text), [Name(text + "y", text)] * 20)
        took.append(time.thread_time() - started)
    return min(took)


@given(st.text("abx", max_size=7), st.text("abx", max_size=7))
def test_one_slip_is_a_distance_of_at_most_one(left: str, right: str) -> None:
    assert _is_one_slip(left, right) is (Levenshtein.distance(left, right) <= 1)


@given(st.text(st.characters(max_codepoint=0x7F), max_size=30))
def test_a_plain_name_folds_as_one_with_accents_does(text: str) -> None:
    assert (*fold(text), "e") == fold(text + " é")
