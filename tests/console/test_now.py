"""What needs attention, in the language of the page: each sentence of `jurat now`."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import g

from console.now import said
from store.monitoring.conditions import Condition, away, findings
from store.sentences import Sentence, ngettext
from tests.console.visitor import Site, main, tree
from tests.store.monitoring.test_conditions import HOLDS
from worker.database import _ADVICE, advice_on

FOUND = [
    *(pytest.param(each, id=alarm) for alarm, seen in HOLDS for each in findings(seen) if each.alarm is alarm),
    *(pytest.param(away(advice, advice), id=pattern) for pattern, advice in _ADVICE.items()),
    pytest.param(away(advice_on("gone"), advice_on("gone")), id="away"),
]


def within(value: str | float) -> Iterator[Sentence]:
    """A sentence, and those of which it is made."""
    if isinstance(value, Sentence):
        yield value
        for each in value.values.values():
            yield from within(each)


@pytest.mark.parametrize("finding", FOUND)
def test_each_sentence_is_said_in_french_and_as_the_command_says_it_in_english(site: Site, finding: Condition) -> None:
    assert isinstance(finding.found, Sentence)
    with site.app.test_request_context():
        for sentence in (*within(finding.found), *within(finding.advice)):
            g.locale = "en"
            assert said(sentence) == sentence
            g.locale = "fr"
            assert said(sentence) != sentence or sentence.endswith("minutes")
            assert re.findall("`.*?`", said(sentence)) == re.findall("`.*?`", sentence)


@pytest.mark.parametrize(
    ("count", "french", "english"),
    [(0, "0 réponse", "0 checks"), (1, "1 réponse", "1 check"), (2500, "2\u202f500 réponses", "2,500 checks")],
)
def test_a_count_is_said_as_each_language_counts(site: Site, count: int, french: str, english: str) -> None:
    sentence = ngettext("%(count)s check", "%(count)s checks", count)
    with site.app.test_request_context():
        for language, words in (("fr", french), ("en", english)):
            g.locale = language
            assert said(sentence) == words
    assert sentence == english


def test_the_page_has_its_own_language(site: Site) -> None:
    page = site.signed_in().get("/fr/")
    assert "Aucun programme de vérification de cette base n’a été vu" in main(page)
    assert not tree(page).xpath("//main//*[@lang='en']")
    assert [each.text for each in tree(page).xpath("//main//li//code")] == ["bin/jurat worker"]


def test_what_a_driver_says_is_marked_as_english(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = site.signed_in()
    said_by_driver = away("connection refused", advice_on("connection refused"))
    monkeypatch.setattr("worker.metrics.fleet_watch.look_at", lambda _: (None, [said_by_driver]))
    page = tree(visitor.get("/fr/"))
    assert [each.text for each in page.xpath("//main//*[@lang='en']")] == ["Connection refused."]
    assert "Démarrez-la, ou corrigez JURAT_DATABASE_URL." in page.xpath("string(//main)")
