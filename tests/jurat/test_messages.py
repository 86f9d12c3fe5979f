from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import pytest

from jurat import Client, Reason
from jurat.messages import OTHER, languages, message_for
from jurat.words import COSTS_NO_ROUND, TECHNICAL

NOT_YOUR_FAULT = {"en": "not your fault and your attempt is not lost", "fr": "pour rien et votre essai n’est pas perdu"}
CAN_ANSWER_AGAIN = {"en": "answer", "fr": "répondez"}
ADMINISTRATORS = {"en": "the administrators of this consultation", "fr": "les administrateurs de cette consultation"}


def no_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs), [name for name, _ in pairs]
    return dict(pairs)


def texts(language: str) -> dict[str, str]:
    raw = files("jurat.messages").joinpath(f"{language}.json").read_text("utf-8")
    loaded: dict[str, str] = json.loads(raw, object_pairs_hook=no_twice)
    return loaded


def test_there_are_english_and_french_texts() -> None:
    assert {"en", "fr"} <= languages()


@pytest.mark.parametrize("language", sorted(languages()))
def test_every_reason_has_one_text_in_every_language(language: str) -> None:
    found = texts(language)
    assert list(found) == [*(reason.value for reason in Reason), OTHER]
    assert len(set(found.values())) == len(found)


@pytest.mark.parametrize("language", sorted(languages()))
def test_no_text_holds_a_place_for_data(language: str) -> None:
    for reason, text in texts(language).items():
        assert not re.search(r"[{}%<>$_\[\]]|\d", text), reason


@pytest.mark.parametrize("language", sorted(languages()))
def test_each_text_is_one_or_two_whole_sentences(language: str) -> None:
    for reason, text in texts(language).items():
        assert re.fullmatch(r"\w[^.!?]+\.( \w[^.!?]+\.)?", text), reason
        assert len(text) <= 240, reason


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_technical_reason_is_nobody_s_fault_and_loses_nothing(language: str) -> None:
    found = texts(language)
    assert {reason for reason in found if NOT_YOUR_FAULT[language] in found[reason]} == TECHNICAL


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_text_ends_in_what_the_participant_can_do(language: str) -> None:
    for reason, text in texts(language).items():
        if reason != OTHER and Reason(reason) in COSTS_NO_ROUND:
            assert CAN_ANSWER_AGAIN[language] in text or ADMINISTRATORS[language] in text, reason
        elif ADMINISTRATORS[language] not in text:
            assert reason in {"inside_zone", "record_matches", "code_valid", "person_accepted"}


def test_french_punctuation_does_not_start_a_line() -> None:
    for reason, text in texts("fr").items():
        assert not re.search(r"\w [:;!?]", text), reason


@pytest.mark.parametrize(
    ("locale", "start"),
    [
        ("en", "Your address"),
        ("fr", "Votre adresse"),
        ("fr-CA", "Votre adresse"),
        ("fr_CH.UTF-8", "Votre adresse"),
        ("FR", "Votre adresse"),
        ("en-GB", "Your address"),
        ("tlh", "Your address"),
        ("", "Your address"),
        ("../en", "Your address"),
        ("french", "Your address"),
    ],
)
def test_a_locale_gives_its_language_or_english(locale: str, start: str) -> None:
    assert message_for(Reason.INSIDE_ZONE, locale).startswith(start)


def test_the_client_takes_a_reason_as_the_database_writes_it() -> None:
    client = Client()
    assert client.message("code_used", locale="fr") == texts("fr")["code_used"]
    assert client.message(Reason.CODE_USED) == texts("en")["code_used"]
    assert client.message("no_reason") == texts("en")[OTHER]


def test_a_reason_of_a_newer_worker_has_a_general_text() -> None:
    assert message_for("brand_new", "fr-CA") == texts("fr")[OTHER]
