"""The shadow of a source is another registry with the same inputs, which decides nothing."""

from __future__ import annotations

from typing import Any

import pytest

from config.configuration import Configuration
from config.document import Document
from config.problems import InvalidConfiguration
from config.references import check_use
from tests.adapters.registry.described import description


def document(**changes: Any) -> Document:
    """`old` decides and has `new` as its shadow; `changes` replace or add sources."""
    https = description()
    https["steps"][0]["request"]["url"] = "https://127.0.0.1/professionals"
    sources = {
        "old": {**https, "shadow": {"source": "new", "share": 0.2}},
        "new": {**https, "version": 2},
        "magic": {"type": "simulated"},
    }
    sources |= {name: {**sources.get(name, https), **options} for name, options in changes.items()}
    return Document.model_validate(
        {
            "environment": "test",
            "sources": sources,
            "criteria": {"is-listed": {"source": "old"}, "anything": {"source": "magic"}},
        }
    )


def complaint(document: Document) -> str:
    with pytest.raises(InvalidConfiguration) as raised:
        Configuration.of(document)
    (problem,) = raised.value.problems
    return str(problem)


def test_a_new_version_may_be_a_shadow_and_is_then_in_use() -> None:
    found = Configuration.of(document())
    assert found.document.sources["old"].shadow.share == 0.2  # type: ignore[union-attr]
    assert list(check_use(document())) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"old": {"shadow": {"source": "newer"}}}, "there is no source 'newer' — did you mean 'new'?"),
        ({"old": {"shadow": {"source": "magic"}}}, "'magic' is of type simulated, and only a registry can be a shadow"),
        ({"old": {"shadow": {"source": "old"}}}, "'old' has a shadow itself"),
        ({"new": {"shadow": {"source": "third"}}, "third": {}}, "'new' has a shadow itself"),
        ({"third": {"shadow": {"source": "new"}}}, "'new' is the shadow of several sources"),
        (
            {"new": {"inputs": {**description()["inputs"], "town": {"required": False}}}},
            "'new' asks for other inputs than this source — give both the same inputs",
        ),
    ],
)
def test_another_shadow_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidConfiguration) as raised:
        Configuration.of(document(**changes))
    assert any("shadow.source" in str(problem) and said in str(problem) for problem in raised.value.problems)


def test_a_source_that_decides_is_no_shadow() -> None:
    whole = document()
    criteria = Document.model_validate({"criteria": {"by-new": {"source": "new"}}}).criteria
    assert "'new' decides, because a criterion uses it" in complaint(
        whole.model_copy(update={"criteria": {**whole.criteria, **criteria}})
    )


def test_a_shadow_reads_what_the_criteria_of_its_source_require() -> None:
    rules = [rule for rule in description()["rules"] if rule["check"] != "one_of"]
    whole = document(new={"rules": rules})
    required = Document.model_validate(
        {"criteria": {"is-listed": {"source": "old", "require": {"professions": ["10"]}}}}
    )
    said = complaint(whole.model_copy(update={"criteria": required.criteria}))
    assert "no rule of 'new' reads this" in said
