"""How to translate messages: a further language is one file, and what the page says of the tests is what they do."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from config.lint import lint
from jurat.messages import message_for
from tests.docs.pages import ROOT, block
from tests.docs.terminal import Terminal
from tests.jurat import test_messages as looks

PAGE = ROOT / "docs" / "platforms" / "translate-messages.md"
ENGLISH = ROOT / "jurat" / "messages" / "en.json"
TOLD = """.venv/bin/python -c 'from jurat import Client; print(Client().message("outside_zone", locale="%s"))'"""
SHARED = "This is not your fault, and your attempt is not lost."
Texts = dict[str, str]

LOOKS: tuple[Callable[[str], None], ...] = (
    looks.test_everything_that_is_told_has_one_text_in_every_language,
    looks.test_no_text_holds_a_place_for_data,
    looks.test_each_text_is_one_to_three_whole_sentences_that_can_be_read_in_one_go,
    looks.test_a_language_is_easy_to_read,
    looks.test_technical_reasons_share_a_sentence_that_no_other_has,
    looks.test_whom_to_ask_is_said_in_the_same_words,
)
"""What is looked at in every language, also in one that is new."""


def english() -> Texts:
    texts: Texts = json.loads(ENGLISH.read_text("utf-8"))
    return texts


def with_text(key: str, text: str) -> Texts:
    return {**english(), key: text}


def without(key: str) -> Texts:
    return {name: text for name, text in english().items() if name != key}


LONG = "Residents of the municipality participate notwithstanding circumstances."
SPOILED: Mapping[str, Mapping[str, Texts]] = {
    "the same keys": {
        "one is missing": without("outside_zone"),
        "another order": {**without("outside_zone"), "outside_zone": english()["outside_zone"]},
        "a text twice": with_text("outside_zone", english()["near_border"]),
    },
    "one to three whole sentences": {
        "four": with_text("state.open", "One is here. Two are here. Three are here. Four are here."),
        "no end": with_text("state.open", "You can answer now"),
        "281 characters": with_text("state.open", ("A" * 93 + ". ") + ("B" * 92 + ". ") + ("C" * 91 + ".")),
        "a digit": with_text("state.open", "You have 2 days."),
        "a place": with_text("state.open", "You are {name}."),
    },
    "at most 25 words": {"26": with_text("state.open", f"{' '.join(['You'] * 26)}.")},
    "LIX at most 50": {"official": dict.fromkeys(english(), LONG)},
    "technical reasons share": {
        "one has not": with_text("worker_lost", "We could not look. Please answer again. We are here."),
        "another has": with_text("state.open", f"You can answer now. {SHARED}"),
    },
    "who to ask": {"others are asked": with_text("outside_zone", "Your address is outside. Please ask us.")},
}
"""By a piece of each line of the page's table: a file in which it does not hold."""


def holds(texts: Texts, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the tests take such a file of a new language."""
    monkeypatch.setattr(looks, "texts", lambda _: texts)
    for look in LOOKS:
        try:
            look("xx")
        except (AssertionError, ValueError):
            return False
    return True


def rows() -> list[str]:
    """The lines of the table, without its head."""
    return [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")][1:]


# ------------------------------------------------------------------------------------------------------- add a language


@pytest.mark.slow
def test_a_file_is_all_that_a_language_needs(clone: Path, terminal: Terminal) -> None:
    (clone / "jurat").unlink()
    shutil.copytree(ROOT / "jurat", clone / "jurat")
    assert terminal.run(TOLD % "it") == (0, f"{english()['outside_zone']}\n")
    for tag, text in (("it", "Abita fuori."), ("pt", "Mora fora."), ("pt-BR", "Mora fora do Brasil.")):
        (clone / "jurat" / "messages" / f"{tag}.json").write_text(json.dumps(with_text("outside_zone", text)), "utf-8")
    for tag, text in (("it", "Abita fuori."), ("pt-BR", "Mora fora do Brasil."), ("pt-PT", "Mora fora.")):
        assert terminal.run(TOLD % tag) == (0, f"{text}\n")


def test_the_tests_that_it_names_are_there() -> None:
    command = block(PAGE, "sh")
    found = re.search(r'ARGS="(.+)"', command)
    assert found is not None
    assert (ROOT / found[1]).samefile(str(looks.__file__))


# ----------------------------------------------------------------------------------------------- what the tests look at


def test_each_line_of_the_table_is_looked_at_and_no_other() -> None:
    assert len(rows()) == len(SPOILED)
    for row, piece in zip(rows(), SPOILED, strict=True):
        assert piece in row


def test_a_good_file_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    assert holds(english(), monkeypatch)


@pytest.mark.parametrize(
    ("line", "how"), [(line, how) for line, spoiled in SPOILED.items() for how in spoiled], ids=lambda value: value
)
def test_what_the_table_says_does_not_stand_otherwise(line: str, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not holds(SPOILED[line][how], monkeypatch)


def test_its_numbers_are_those_of_the_tests() -> None:
    page = PAGE.read_text("utf-8")
    assert f"LIX at most {looks.NEWSPAPER} for the whole file, and {looks.EASY} for the four languages" in page
    assert len(looks.SHIPPED) == 4
    assert "`HARDER` in the test" in page
    assert looks.HARDER == {}


# ----------------------------------------------------------------------------------------------- only in a consultation


def configured(tmp_path: Path, messages: str) -> Path:
    """A whole configuration around what the page shows of a consultation."""
    whole = YAML(typ="safe").load(messages)
    whole["consultations"]["budget"]["questions"] = {"profession": {"criterion": "is-physician"}}
    whole |= {"environment": "test", "sources": {"magic": {"type": "simulated"}}}
    whole |= {"criteria": {"is-physician": {"source": "magic"}}}
    file = tmp_path / "jurat.yaml"
    file.write_text(json.dumps(whole), "utf-8")
    return file


def test_what_a_consultation_says_itself_is_taken_and_goes_first(tmp_path: Path) -> None:
    shown = block(PAGE, "yaml", "messages:")
    assert lint([configured(tmp_path, shown)]).problems == ()
    own = YAML(typ="safe").load(shown)["consultations"]["budget"]["messages"]
    said = {key: text if isinstance(text, dict) else {"und": text} for key, text in own.items()}
    assert message_for("outside_zone", "fr-CA", said) == own["outside_zone"]["fr"]
    assert [message_for("state.review", locale, said) for locale in ("de", "en")] == [own["state.review"]] * 2
    assert message_for("near_border", "en", said) == english()["near_border"]


@pytest.mark.parametrize(
    ("before", "after", "proposal"), [("outside_zone", "outside_zon", "outside_zone"), ("fr:", "cz:", "cs")]
)
def test_an_unknown_reason_or_language_is_an_error_with_a_proposal(
    tmp_path: Path, before: str, after: str, proposal: str
) -> None:
    shown = block(PAGE, "yaml", "messages:").replace(before, after)
    problems = [str(problem) for problem in lint([configured(tmp_path, shown)]).problems]
    assert len(problems) == 1, problems
    assert f"did you mean '{proposal}'?" in problems[0]
