from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

import pytest

from jurat import AccessState, Client, QuestionState, Reason
from jurat.messages import AWAY, KEYS, OTHER, PRIVACY, key_of, languages, message_for, nearest, spoken
from jurat.vocabulary import ACCEPTING, COSTS_NO_ROUND, TECHNICAL

SHIPPED = ("de", "en", "es", "fr")
"""The languages of jurat itself, whose words these tests know as well."""

EASY, NEWSPAPER = 40, 50
"""LIX (Björnsson, Läsbarhet, 1968): to 40 is easy, to 50 a newspaper; then official texts begin."""

HARDER: Mapping[str, int] = {}
"""Limits of LIX for languages whose words are long, such as Finnish. Say where the number comes from."""

ALONE = {
    *ACCEPTING, *COSTS_NO_ROUND, "state.open", "state.pending", "state.review", "state.accepted",
    "access.granted", "access.pending", "access.incomplete", AWAY, PRIVACY,
}  # fmt: skip
"""Where nobody need be asked: all is well, or it goes on without."""

NOT_YOUR_FAULT = {
    "de": "Sie können nichts dafür, und Ihr Versuch ist nicht verloren.",
    "en": "This is not your fault, and your attempt is not lost.",
    "es": "No es culpa suya, y su intento no se ha perdido.",
    "fr": "Vous n’y êtes pour rien, et votre essai n’est pas perdu.",
}
ADMINISTRATORS = {
    "de": "an die Verantwortlichen dieser Beteiligung",
    "en": "the administrators of this consultation",
    "es": "con las personas responsables de esta consulta",
    "fr": "les responsables de cette consultation",
}
ANSWER_AGAIN = {
    "de": r"antworten Sie (später )?noch einmal",
    "en": r"answer again",
    "es": r"responda de nuevo",
    "fr": r"répondez de nouveau",
}
BLAMING = {
    "de": r"falsch|ungültig|betrug|schuld|fehler|unzulässig|verstoß",
    "en": r"wrong|invalid|incorrect|fraud|fail|illegal|error|your mistake|must",
    "es": r"incorrect|inválid|falso|fraude|mal\b|debe\b|su error",
    "fr": r"incorrect|invalide|faux|fausse|fraude|devez|votre erreur",
}
SOMEBODY_ELSE = {
    "de": r"jemand anders|andere person|anderen? teilnehm|dritte",
    "en": r"someone|somebody|another (person|participant)|other people",
    "es": r"otra persona|otro participante|alguien|otros",
    "fr": r"autre personne|autre participant|quelqu’un|autrui",
}
FAMILIAR = {
    "de": r"\b(du|dich|dir|dein\w*)\b",
    "en": r"\bthou\b",
    "es": r"\b(tú|tu|tus|te|ti|vosotros|vuestr\w*)\b",
    "fr": r"\b(tu|te|toi|ton|ta|tes)\b",
}


def no_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs), [name for name, _ in pairs]
    return dict(pairs)


def texts(language: str) -> dict[str, str]:
    raw = files("jurat.messages").joinpath(f"{language}.json").read_text("utf-8")
    loaded: dict[str, str] = json.loads(raw, object_pairs_hook=no_twice)
    return loaded


def sentences(text: str) -> list[str]:
    return re.findall(r"[^.]+\.", text)


def words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+(?:[’'-][^\W\d_]+)*", text)


def lix(written: Iterable[str]) -> float:
    counted = [words(sentence) for text in written for sentence in sentences(text)]
    every = [word for sentence in counted for word in sentence]
    return len(every) / len(counted) + 100 * sum(len(word) > 6 for word in every) / len(every)


def shared(written: Iterable[str]) -> str:
    """The longest part that all of them have."""
    first, *others = sorted(written, key=len)
    for length in range(len(first), 0, -1):
        for start in range(len(first) - length + 1):
            if all(first[start : start + length] in other for other in others):
                return first[start : start + length]
    return ""


# ------------------------------------------------------------------------------------------ every language, also yours


def test_there_are_texts_in_four_languages() -> None:
    assert set(SHIPPED) <= languages()


@pytest.mark.parametrize("language", sorted(languages()))
def test_everything_that_is_told_has_one_text_in_every_language(language: str) -> None:
    found = texts(language)
    assert list(found) == list(KEYS)
    assert len(set(found.values())) == len(found)
    assert {*Reason, OTHER} < set(KEYS)
    assert {key for key in KEYS if "." in key} == {
        *(f"state.{state}" for state in QuestionState),
        *(f"access.{state}" for state in AccessState),
        AWAY,
        PRIVACY,
    }


@pytest.mark.parametrize("language", sorted(languages()))
def test_no_text_holds_a_place_for_data(language: str) -> None:
    for key, text in texts(language).items():
        assert not re.search(r"[{}%<>$_\[\]]|\d", text), key


@pytest.mark.parametrize("language", sorted(languages()))
def test_each_text_is_one_to_three_whole_sentences_that_can_be_read_in_one_go(language: str) -> None:
    for key, text in texts(language).items():
        assert re.fullmatch(r"[^\W\d][^.!?]+\.( [^\W\d][^.!?]+\.){0,2}", text), key
        assert len(text) <= 280, key
        assert max(len(words(sentence)) for sentence in sentences(text)) <= 25, key


@pytest.mark.parametrize("language", sorted(languages()))
def test_a_language_is_easy_to_read(language: str) -> None:
    found = lix(texts(language).values())
    assert found <= (EASY if language in SHIPPED else HARDER.get(language, NEWSPAPER))


def test_what_is_hard_to_read_is_found() -> None:
    official = (
        "The aforementioned verification procedure concerning your residential registration necessitates "
        "supplementary documentation demonstrating eligibility."
    )
    assert lix([official]) > NEWSPAPER
    assert lix(["Your code is valid. You can go on."]) < EASY


@pytest.mark.parametrize("language", sorted(languages()))
def test_technical_reasons_share_a_sentence_that_no_other_has(language: str) -> None:
    found = texts(language)
    said = [set(map(str.strip, sentences(found[reason]))) for reason in TECHNICAL]
    (common,) = set.intersection(*said)
    assert {key for key, text in found.items() if common in text} == TECHNICAL
    assert all(len(sentences(found[reason])) == 3 for reason in TECHNICAL), "what happened, no fault, what to do"


@pytest.mark.parametrize("language", sorted(languages()))
def test_whom_to_ask_is_said_in_the_same_words(language: str) -> None:
    found = texts(language)
    common = shared(text for key, text in found.items() if key not in ALONE)
    assert len(common) >= 15
    for key, text in found.items():
        assert key in ALONE or common in text, key
        assert common not in text or key not in ALONE - COSTS_NO_ROUND, key


# ------------------------------------------------------------------------------------------------- the words of our own


@pytest.mark.parametrize("language", SHIPPED)
def test_a_technical_reason_is_nobody_s_fault_and_loses_nothing(language: str) -> None:
    found = texts(language)
    assert {key for key in found if NOT_YOUR_FAULT[language] in found[key]} == TECHNICAL


@pytest.mark.parametrize("language", SHIPPED)
def test_a_text_ends_in_what_the_participant_can_do(language: str) -> None:
    for key, text in texts(language).items():
        last = sentences(text)[-1]
        if key in COSTS_NO_ROUND:
            assert ADMINISTRATORS[language] in last or re.search(ANSWER_AGAIN[language], last, re.IGNORECASE), key
        elif key not in ALONE:
            assert ADMINISTRATORS[language] in last, key


@pytest.mark.parametrize("language", SHIPPED)
def test_nobody_is_blamed_nor_told_about_somebody_else(language: str) -> None:
    for key, text in texts(language).items():
        for pattern in (BLAMING, SOMEBODY_ELSE, FAMILIAR):
            assert not re.search(pattern[language], text, re.IGNORECASE), key


def test_french_punctuation_does_not_start_a_line() -> None:
    for key, text in texts("fr").items():
        assert not re.search(r"\w [:;!?]", text), key


# ------------------------------------------------------------------------------------------------------------- locales


@pytest.mark.parametrize(
    ("locale", "start"),
    [
        ("en", "Your address"),
        ("fr", "Votre adresse"),
        ("fr-CA", "Votre adresse"),
        ("fr_CH.UTF-8", "Votre adresse"),
        ("FR", "Votre adresse"),
        ("fr@euro", "Votre adresse"),
        ("de-AT", "Ihre Adresse"),
        ("es_419", "Su dirección"),
        ("en-GB", "Your address"),
        ("tlh", "Your address"),
        ("", "Your address"),
        ("../en", "Your address"),
        ("french", "Your address"),
        ("de-", "Ihre Adresse"),
    ],
)
def test_a_locale_gives_its_language_or_english(locale: str, start: str) -> None:
    assert message_for(Reason.INSIDE_ZONE, locale).startswith(start)


@pytest.mark.parametrize(
    ("locale", "found"),
    [
        ("pt-BR", "Brasil"),
        ("pt_br.UTF-8", "Brasil"),
        ("pt-PT", "todos"),
        ("pt", "todos"),
        ("zh-Hant-TW", "traditional"),
        ("zh-Hans", None),
        ("p", None),
        ("it", None),
    ],
)
def test_a_country_falls_back_to_its_language(locale: str, found: str | None) -> None:
    assert nearest({"pt-BR": "Brasil", "pt": "todos", "zh-Hant": "traditional"}, locale) == found


def test_a_text_of_the_configuration_is_in_the_language_or_in_none_or_english_or_there() -> None:
    assert spoken({"en": "a", "fr": "b"}, "fr-CH") == "b"
    assert spoken({"und": "a", "en": "b"}, "fr") == "a"
    assert spoken({"fr": "a", "en-GB": "c", "en": "b"}, "de") == "b"
    assert spoken({"fr": "a", "it": "b"}, "de") == "a"
    assert spoken({}, "de") == ""


# ---------------------------------------------------------------------------------------------- texts of a consultation

OWN = {"outside_zone": {"fr": "Chez nous", "pt-BR": "Aqui", "en": "Here"}, "code_used": {"und": "Ici", "de": "Hier"}}


@pytest.mark.parametrize(
    ("key", "locale", "told"),
    [
        ("outside_zone", "fr-CH", "Chez nous"),
        ("outside_zone", "pt-BR", "Aqui"),
        ("outside_zone", "en", "Here"),
        ("outside_zone", "de", texts("de")["outside_zone"]),
        ("outside_zone", "xx", "Here"),
        ("code_used", "de", "Hier"),
        ("code_used", "fr", "Ici"),
        ("code_expired", "fr", texts("fr")["code_expired"]),
        ("code_expired", "xx", texts("en")["code_expired"]),
        ("brand_new", "fr", texts("fr")[OTHER]),
    ],
)
def test_a_consultation_goes_first_in_the_language_that_is_asked_for(key: str, locale: str, told: str) -> None:
    assert message_for(key, locale, OWN) == told


@pytest.mark.parametrize(
    ("state", "outcome", "reason", "key"),
    [
        ("open", None, None, "state.open"),
        ("pending", None, None, "state.pending"),
        ("refused", "refused", "outside_zone", "outside_zone"),
        ("undetermined", "undetermined", "near_border", "near_border"),
        ("review", "refused", "outside_zone", "state.review"),
        ("accepted", None, None, "state.accepted"),
        ("accepted", "refused", "outside_zone", "state.accepted"),
        ("open", "accepted", "inside_zone", "state.open"),
        ("accepted", "accepted", "brand_new", "state.accepted"),
    ],
)
def test_a_reason_is_told_where_the_question_counts_as_its_verdict(
    state: str, outcome: str | None, reason: str | None, key: str
) -> None:
    assert key_of(state, outcome, reason) == key


# ---------------------------------------------------------------------------------------------------------- the client


def test_the_client_takes_a_reason_as_the_database_writes_it() -> None:
    client = Client()
    assert client.message("code_used", locale="fr") == texts("fr")["code_used"]
    assert client.message(Reason.CODE_USED) == texts("en")["code_used"]
    assert client.message("no_reason") == texts("en")[OTHER]


def test_a_reason_of_a_newer_worker_has_a_general_text() -> None:
    assert message_for("brand_new", "fr-CA") == texts("fr")[OTHER]


@pytest.mark.parametrize("language", SHIPPED)
def test_the_client_tells_states_which_have_the_same_names(language: str) -> None:
    client = Client()
    assert client.state_message("pending", language) == texts(language)["state.pending"]
    assert client.access_message("pending", language) == texts(language)["access.pending"]
    assert client.state_message("leased", language) == texts(language)["state.pending"], "a worker has it"
    assert client.state_message("settled", language) == texts(language)[OTHER], "no state of a question"
    for state in QuestionState:
        assert client.state_message(state, language) == texts(language)[f"state.{state}"]
    for access in AccessState:
        assert client.access_message(access, language) == texts(language)[f"access.{access}"]
