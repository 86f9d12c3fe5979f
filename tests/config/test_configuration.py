from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from config.configuration import Configuration
from config.document import Document, rule_as_json
from config.limits import SourceKind
from config.lint import lint
from config.problems import InvalidConfiguration
from jurat.access import AtLeast, Terms, parse_rule
from jurat.answers import validate
from jurat.errors import InvalidAnswer
from jurat.messages import NO_LANGUAGE
from tests.jurat.closed_schemas import check_schema

ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLE = ROOT / "config" / "sample"

# Sources by name: the kind that the criteria below ask for.
DATA: dict[str, Any] = {
    "environment": "test",
    "sources": {
        "towns": {"type": "address-file", "path": "towns.csv"},
        "ban": {"type": "addok", "url": "https://geocoder.example/v1/", "rate": "600/5min", "concurrency": None},
        "spring": {"type": "codes", "list": "spring"},
        "proofs": {"type": "manual"},
        "magic": {"type": "simulated", "timeout": "500ms"},
    },
    "criteria": {
        "lives-in": {
            "source": ["magic", "towns", "ban"],
            "open": ["zone"],
            "margin": {"housenumber": "20m", "street": "1.5km"},
        },
        "lives-here": {"source": "ban", "zone": "harbour"},
        "has-code": {"source": "spring"},
        "has-proof": {"source": "proofs"},
    },
    "consultations": {
        "survey": {"questions": {"any": {"criterion": "has-proof"}}},
        "budget": {
            "title": {"en": "Budget", "fr": "Budget"},
            "contact": "participation@valmont.example",
            "messages": {"outside_zone": {"fr": "Ailleurs", "pt-BR": "Longe"}, "state.review": "A person looks."},
            "retain": "365d",
            "review_due": "7d",
            "questions": {
                "residence": {
                    "criterion": "lives-in",
                    "with": {"zone": "old-town"},
                    "on_undetermined": "review",
                    "deadline": "2d",
                    "title": "Where do you live?",
                },
                "code": {"criterion": "has-code", "rounds": 3},
                "again": {"criterion": "lives-here"},
            },
            "access": {"all_of": ["residence", {"any_of": ["code", "again"]}]},
        },
    },
}


def configuration(data: Any = DATA) -> Configuration:
    return Configuration.of(Document.model_validate(data))


def test_a_question_has_everything_that_is_needed_to_decide_it() -> None:
    residence = configuration().questions["budget", "residence"]
    assert residence.position == 0
    assert residence.criterion == "lives-in"
    assert residence.sources == ("magic", "towns", "ban")
    assert residence.kind is SourceKind.ADDRESS
    assert residence.terms.rounds == 1
    assert residence.deadline_s == 172_800
    assert residence.review is True
    assert residence.review_due_s == 7 * 86_400
    assert residence.retain_s == 365 * 86_400
    assert residence.zone == "old-town"
    assert residence.margins == {"housenumber": 20, "street": 1500}
    assert residence.requirement == {}
    assert residence.title == {NO_LANGUAGE: "Where do you live?"}
    assert residence.consultation_title == {"en": "Budget", "fr": "Budget"}
    assert residence.contact == {NO_LANGUAGE: "participation@valmont.example"}
    assert residence.messages == {
        "outside_zone": {"fr": "Ailleurs", "pt-BR": "Longe"},
        "state.review": {NO_LANGUAGE: "A person looks."},
    }


def test_a_text_has_at_most_two_thousand_characters_and_a_language_three_letters() -> None:
    def told(**texts: str) -> Any:
        budget = DATA["consultations"]["budget"] | {"messages": {"other": texts}}
        return configuration(DATA | {"consultations": {"budget": budget}}).questions["budget", "code"].messages

    assert len(told(br="x" * 2000)["other"]["br"]) == 2000
    with pytest.raises(ValidationError, match="at most 2000 characters"):
        told(br="x" * 2001)
    assert told(ast="Otro") == {"other": {"ast": "Otro"}}


def test_what_is_not_said_has_its_default() -> None:
    found = configuration().questions["survey", "any"]
    assert (found.terms.rounds, found.deadline_s, found.review, found.review_due_s, found.retain_s) == (
        1,
        3600,
        False,
        14 * 86_400,
        730 * 86_400,
    )
    assert (found.zone, found.margins, found.title, found.contact) == (None, {}, {}, {})
    assert configuration().questions["budget", "again"].zone == "harbour"


@pytest.mark.parametrize(
    ("retain", "seconds"), [(None, 730 * 86_400), ("1h", 3600), ("365d", 365 * 86_400), ("forever", None)]
)
def test_verdicts_are_kept_for_two_years_if_nothing_else_is_said(retain: str | None, seconds: float | None) -> None:
    budget = DATA["consultations"]["budget"] | {"retain": retain}
    found = configuration(DATA | {"consultations": {"budget": budget}})
    assert found.questions["budget", "code"].retain_s == seconds
    assert Configuration.from_json(found.to_json()).questions["budget", "code"].retain_s == seconds


def test_forever_is_stored_as_workers_of_before_can_read_it() -> None:
    budget = DATA["consultations"]["budget"] | {"retain": "forever"}
    stored = json.loads(configuration(DATA | {"consultations": {"budget": budget}}).to_json())
    assert stored["consultations"]["budget"]["retain"] == "36500d"


def test_without_a_rule_access_needs_every_question() -> None:
    assert configuration().access["survey"] == AtLeast(1, ("any",))
    assert configuration().access["budget"] == AtLeast(2, ("residence", AtLeast(1, ("code", "again"))))
    assert {
        name: parse_rule(rule_as_json(rule)) for name, rule in configuration().access.items()
    } == configuration().access


def test_every_answer_schema_is_in_the_closed_subset_and_takes_a_good_answer() -> None:
    found = lint([SAMPLE]).configuration
    assert found is not None
    answers = {
        SourceKind.ADDRESS: {"number": "8 bis", "street": "quai de la Brême", "postcode": "00100"},
        SourceKind.REGISTRY: {"number": "12 34", "family_name": "Solane", "given_name": "Ada"},
        SourceKind.CODES: {"code": "K7QP-22"},
        SourceKind.MANUAL: {"statement": "I work at the mill."},
        SourceKind.SIMULATED: {"anything": "accepted"},
    }
    questions = [*found.questions.values(), *configuration().questions.values()]
    assert {question.kind for question in questions} == set(answers) - {SourceKind.SIMULATED}
    for question in questions:
        check_schema(question.answer_schema)
        validate(answers[question.kind], json.dumps(question.answer_schema))
        with pytest.raises(InvalidAnswer):
            validate({"number": "8"}, json.dumps(question.answer_schema))
        for field in question.answer_schema["properties"].values():
            assert set(field["titles"]) == {"en", "fr"}
    simulated = configuration(
        DATA
        | {"criteria": {"c": {"source": "magic"}}, "consultations": {"s": {"questions": {"q": {"criterion": "c"}}}}}
    ).questions["s", "q"]
    check_schema(simulated.answer_schema)
    validate(answers[SourceKind.SIMULATED], json.dumps(simulated.answer_schema))


@pytest.mark.parametrize(
    ("sources", "form"),
    [(["spring"], "XXXX-XXXX-XXXX"), (["others"], None), (["spring", "others"], None), (["magic", "others"], None)],
)
def test_how_a_code_looks_is_told_where_every_list_is_of_our_own_codes(sources: list[str], form: str | None) -> None:
    data = deepcopy(DATA)
    data["sources"]["others"] = {"type": "codes", "list": "others", "checked": False}
    data["criteria"]["has-code"]["source"] = sources
    code = configuration(data).questions["budget", "code"].answer_schema["properties"]["code"]
    assert code.get("form") == form
    check_schema(configuration(data).questions["budget", "code"].answer_schema)


def test_a_configuration_reads_back_from_its_json() -> None:
    original = configuration()
    again = Configuration.from_json(original.to_json())
    assert again == original
    assert list(again.questions) == sorted(original.questions, key=lambda key: key[0])
    assert [name for consultation, name in again.questions if consultation == "budget"] == [
        "residence",
        "code",
        "again",
    ]
    assert again.digest == original.digest
    assert again.to_json() == original.to_json()


def test_the_sample_reads_back_though_the_database_sorts_keys() -> None:
    original = lint([SAMPLE]).configuration
    assert original is not None
    stored = json.loads(original.to_json())
    # PostgreSQL's jsonb sorts keys by length first, and writes spaces.
    shuffled = json.dumps(by_length(stored), ensure_ascii=False)
    again = Configuration.from_json(shuffled)
    assert again == original
    assert again.digest == original.digest
    assert list(again.questions["budget", "profession"].answer_schema["properties"]) == [
        "number",
        "family_name",
        "given_name",
    ]


def by_length(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: by_length(value[key]) for key in sorted(value, key=lambda key: (len(key), key))}
    return [by_length(part) for part in value] if isinstance(value, list) else value


def test_consultations_are_replaced_as_if_the_whole_were_made_anew() -> None:
    def asking(*criteria: str) -> dict[str, Any]:
        return {"questions": {f"q-{n}": {"criterion": criterion} for n, criterion in enumerate(criteria)}}

    def made(consultations: dict[str, Any]) -> Configuration:
        sources = {"town": {"type": "simulated"}}
        criteria = {"one": {"source": "town"}, "two": {"source": "town"}}
        document = {"environment": "test", "sources": sources, "criteria": criteria, "consultations": consultations}
        return Configuration.of(Document.model_validate(document))

    before = made({"a": asking("one"), "b": asking("one", "two"), "c": asking("two"), "d": asking("one")})
    expected = made({"a": asking("one"), "d": asking("one"), "b": asking("two"), "e": asking("two", "one")})
    ours = {name: expected.document.consultations[name] for name in ("b", "e")}
    found = before.republish(ours, {"c", "never"})
    assert found == expected
    assert (list(found.questions), list(found.access)) == (list(expected.questions), list(expected.access))
    assert found.to_json() == expected.to_json()
    with pytest.raises(InvalidConfiguration, match="three"):
        before.republish(Document.model_validate({"consultations": {"f": asking("three")}}).consultations, ())


def test_the_digest_is_that_of_the_meaning() -> None:
    other_order = DATA | {"sources": dict(reversed(DATA["sources"].items()))}
    assert configuration(other_order).digest == configuration().digest
    spelled_out = DATA | {"criteria": DATA["criteria"] | {"has-code": {"source": ["spring"], "open": []}}}
    assert configuration(spelled_out).digest == configuration().digest
    budget = DATA["consultations"]["budget"]
    other_questions = budget | {"questions": dict(reversed(budget["questions"].items()))}
    assert (
        configuration(DATA | {"consultations": {"budget": other_questions}}).digest
        != configuration(DATA | {"consultations": {"budget": budget}}).digest
    )


def test_json_and_printed_configurations_hold_references_to_secrets_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JURAT_SOURCE_ROLL_KEY", "s3same")
    text = (
        (SAMPLE / "jurat.yaml")
        .read_text(encoding="utf-8")
        .replace("# secrets:", "secrets:")
        .replace("# auth:", "auth:")
    )
    (tmp_path / "jurat.yaml").write_text(text, encoding="utf-8")
    found = lint([tmp_path], environ={"JURAT_SOURCE_ROLL_KEY": "s3same"}).configuration
    assert found is not None
    assert '"api_key":{"env":"JURAT_SOURCE_ROLL_KEY"' in found.to_json()
    for shown in (found.to_json(), repr(found), repr(found.sources)):
        assert "s3same" not in shown
    assert Configuration.from_json(found.to_json()) == found


def test_a_configuration_does_not_change() -> None:
    found = configuration()
    with pytest.raises(TypeError):
        found.sources["other"] = found.sources["ban"]  # type: ignore[index]
    with pytest.raises(AttributeError):
        found.questions["budget", "code"].deadline_s = 4  # type: ignore[misc]
    with pytest.raises(ValidationError):
        found.sources["ban"].timeout = 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "configuration:1:1: error: this is no configuration that jurat has stored"),
        ("{", "configuration:1:1: error: this is no configuration that jurat has stored"),
        ("[]", "configuration:1:1: error: this is no configuration that jurat has stored"),
        ("{}", "configuration:1:1: error: this is no configuration that jurat has stored"),
        ('{"order":{"a/b":["c"]}}', "configuration:1:1: error: this is no configuration that jurat has stored"),
        ('{"order":{},"sorces":{}}', "configuration:1:1: error: sorces: unknown option — did you mean 'sources'?"),
        (
            '{"order":{},"criteria":{"a":{"source":"b"}}}',
            "configuration:1:1: error: criteria.a.source: there is no source 'b' — there is none",
        ),
    ],
)
def test_json_that_is_no_configuration_is_refused_with_a_sentence(text: str, said: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        Configuration.from_json(text)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("said", "terms"),
    [
        ({}, Terms(1, None, 0.0)),
        ({"valid_for": "365d", "rounds": 2}, Terms(2, 365 * 86_400, 30 * 86_400)),
        ({"valid_for": "365d", "renew": "90d"}, Terms(1, 365 * 86_400, 90 * 86_400)),
        ({"valid_for": "2d"}, Terms(1, 2 * 86_400, 2 * 86_400)),
        ({"valid_for": "2d", "renew": "0s"}, Terms(1, 2 * 86_400, 0)),
    ],
)
def test_an_accepted_answer_holds_as_long_as_the_question_says(said: dict[str, Any], terms: Terms) -> None:
    data = deepcopy(DATA)
    data["consultations"]["survey"]["questions"]["any"] |= said
    assert configuration(data).questions["survey", "any"].terms == terms


names = st.text("abc1-_", min_size=1, max_size=8).map(lambda name: f"n{name}")
texts = st.dictionaries(st.sampled_from(["en", "fr", "pt-BR"]), st.text(min_size=1, max_size=20), min_size=1)
durations = st.integers(3_600_000, 60 * 86_400_000).map(lambda n: f"{n}ms")
criteria = st.sampled_from(["lives-in", "lives-here", "has-code", "has-proof"])
questions = st.fixed_dictionaries(
    {"criterion": criteria},
    optional={
        "rounds": st.integers(1, 20),
        "deadline": durations,
        "on_undetermined": st.just("review"),
        "valid_for": durations,
        "title": texts,
    },
).map(lambda question: question | ({"with": {"zone": "z"}} if question["criterion"] == "lives-in" else {}))
consultations = st.fixed_dictionaries(
    {"questions": st.dictionaries(names, questions, min_size=1, max_size=5)},
    optional={"title": texts, "contact": texts, "retain": durations, "review_due": durations},
)


def rules(known: list[str]) -> st.SearchStrategy[Any]:
    def grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        several = st.lists(inner, min_size=1, max_size=4, unique_by=json.dumps)
        counted = several.flatmap(
            lambda parts: st.integers(1, len(parts)).map(lambda count: {"at_least": count, "of": parts})
        )
        return st.one_of(
            several.map(lambda parts: {"all_of": parts}), several.map(lambda parts: {"any_of": parts}), counted
        )

    return st.recursive(st.sampled_from(known), grown, max_leaves=8)


@pytest.mark.slow
@given(st.data(), st.dictionaries(names, consultations, max_size=3))
def test_any_configuration_reads_back_from_its_json(data: st.DataObject, found: dict[str, Any]) -> None:
    for consultation in found.values():
        if data.draw(st.booleans()):
            consultation["access"] = data.draw(rules(list(consultation["questions"])))
    original = configuration(DATA | {"consultations": found})
    again = Configuration.from_json(json.dumps(by_length(json.loads(original.to_json()))))
    assert again == original
    assert again.digest == original.digest
    for (name, _), question in original.questions.items():
        assert list(found[name]["questions"])[question.position] == question.name
