"""Addresses of a local base, as people get them in a file."""

from __future__ import annotations

import pytest

from cli.lookups.known_addresses import as_text


@pytest.mark.parametrize("word", ['=HYPERLINK("https://evil.example")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_word_that_a_spreadsheet_would_run_is_a_text(word: str) -> None:
    assert as_text(word) == f"'{word}"


@pytest.mark.parametrize("word", ["", "12 bis", "Rue de l'Étang", "a=b"])
def test_any_other_word_stays_as_it_is(word: str) -> None:
    assert as_text(word) == word
