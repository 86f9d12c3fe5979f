"""Many participants asked about in one request: each is judged by the records with the own number alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Finding, Found, Query, SourceError, Throttled, Unavailable, Unreadable, of_many
from adapters.catalogue import build
from adapters.fingerprints import Fingerprints
from adapters.registry.adapter import RegistryAdapter
from adapters.registry.batches import RegistryOfMany, adapter_class
from adapters.registry.judge import Asked
from adapters.registry_tests.examination import examine
from config.registry import RegistrySource
from examples.sources import Mood, Sources
from jurat.vocabulary import Outcome, Reason
from tests.adapters.conformance import Case, Conformance, Subject
from tests.adapters.conftest import Listen
from tests.adapters.registry.described import IRIS, Canned, Registry, adapter, asked, at, description, person, records
from tests.adapters.registry_tests.test_conformance import finds
from tests.adapters.test_catalogue import context

BATCH = {"most": 20}
OUTCOMES = [
    {"when": "status == `429`", "then": "retry", "reason": "source_throttled"},
    {"when": "status >= `500`", "then": "retry"},
    {"when": "body.count == `0`", "then": "undetermined", "reason": "record_not_found"},
]


def batching(url: str = "https://127.0.0.1", **changes: Any) -> dict[str, Any]:
    """The description of the register that answers below `url`, for batches."""
    described = at(url, **{"batch": BATCH, **changes})
    described["steps"][0]["outcomes"] = OUTCOMES
    return described


class TestBatchingRegistry(Conformance):
    subject = Subject(
        service="registry",
        build=lambda url: adapter(batching(url)),
        found=Case(IRIS, lambda found: finds(Outcome.ACCEPTED, Reason.RECORD_MATCHES, found)),
        missing=Case(
            asked("9000012964", "Valombre", "Iris"),
            lambda found: finds(Outcome.UNDETERMINED, Reason.RECORD_NOT_FOUND, found),
        ),
        ambiguous=Case(
            asked("9000012592", "Vigie", "Lazare"),
            lambda found: finds(Outcome.UNDETERMINED, Reason.AMBIGUOUS_RECORD, found),
        ),
    )


def of_batch(described: dict[str, Any], *answers: Any) -> tuple[RegistryOfMany, Canned]:
    model, canned = RegistrySource.model_validate(described), Canned(answers)
    return RegistryOfMany(model, secret=str, transport=canned), canned


def ask(answer: Any, *queries: Query, **changes: Any) -> Sequence[Found | SourceError]:
    """What became of `queries` where the registry gives that one answer."""
    return of_batch(batching(**changes), answer)[0].look_up_many(queries)


def verdicts(found: Sequence[Found | SourceError]) -> list[Any]:
    """What became of each, as (outcome, reason); the class of an error."""
    return [(each.outcome, each.reason) if isinstance(each, Finding) else type(each) for each in found]


ACCEPTED = (Outcome.ACCEPTED, Reason.RECORD_MATCHES)
NOT_FOUND = (Outcome.UNDETERMINED, Reason.RECORD_NOT_FOUND)
MAELLE = asked("9000010372", "Sardel", "Maëlle")
TUGDUAL = asked("9000010745", "Corvec", "Tugdual")
NOBODY = asked("9000012964", "Valombre", "Iris")
OF_MAELLE = person(number="9000010372", names=[{"family": "Sardel", "given": "Maëlle"}])
OF_TUGDUAL = person(number="9000010745", names=[{"family": "Corvec", "given": "Tugdual"}], status="suspended")


def test_one_request_asks_about_all_and_each_is_judged_by_the_own_record(sources: Sources) -> None:
    source = adapter(batching(sources.url("ok", "registry")))
    many = of_many(source)
    assert many is not None
    before = sources.requests.total()
    queries = [
        IRIS,
        MAELLE,
        TUGDUAL,
        asked("9000010372", "Valombre", "Iris"),
        asked("9000012592", "Vigie", "Lazare"),
        NOBODY,
        asked("9000010001", "Valombre", "Iris"),
        asked("9000011487", "Brévan", "Solène", professions=["10"]),
        asked("9000 010 000", "VALOMBRE", "anne"),
    ]
    assert verdicts(many.look_up_many(queries)) == [
        ACCEPTED,
        ACCEPTED,
        (Outcome.REFUSED, Reason.STATUS_INACTIVE),
        (Outcome.UNDETERMINED, Reason.NAME_DIFFERS),
        (Outcome.UNDETERMINED, Reason.AMBIGUOUS_RECORD),
        NOT_FOUND,
        (Outcome.UNDETERMINED, Reason.NUMBER_MALFORMED),
        (Outcome.REFUSED, Reason.PROFESSION_NOT_ELIGIBLE),
        ACCEPTED,
    ]
    source.close()
    assert sources.requests.total() == before + 1


def test_each_number_is_sent_once_joined_as_the_description_says() -> None:
    source, canned = of_batch(batching(batch={"most": 3, "join": "' OR '"}), records(person(), OF_MAELLE))
    source.look_up_many([IRIS, MAELLE, asked("9000-010-000", "Corvec", "Tugdual")])
    (sent,) = canned.sent
    assert dict(sent["params"]) == {"number": "9000010000' OR '9000010372"}


@pytest.mark.parametrize(
    ("request_part", "sent_text"),
    [
        (
            {"query": {"identifier": "https://ids.example|{number}"}},
            "?identifier=https://ids.example|9000010000,9000010372",
        ),
        ({"url": "https://127.0.0.1/people/{number}"}, "/people/9000010000%2C9000010372?"),
        ({"method": "POST", "query": {}, "json": {"numbers": "{number}"}}, '{"numbers":"9000010000,9000010372"}'),
        ({"method": "POST", "query": {}, "form": {"numbers": "{number}"}}, "numbers=9000010000%2C9000010372"),
        (
            {"method": "POST", "query": {}, "xml": "<numbers>{number|xml}</numbers>"},
            "<numbers>9000010000,9000010372</numbers>",
        ),
    ],
)
def test_the_joined_numbers_are_encoded_for_their_place(request_part: dict[str, Any], sent_text: str) -> None:
    described = batching()
    described["steps"][0]["request"] |= request_part
    source, canned = of_batch(described, records())
    source.look_up_many([IRIS, MAELLE])
    (sent,) = canned.sent
    query = "&".join(f"{name}={value}" for name, value in sent["params"])
    assert sent_text in f"{sent['url']}?{query} {(sent['body'] or b'').decode()}"


def test_nobody_is_asked_about_numbers_that_cannot_be_right() -> None:
    source, canned = of_batch(batching())
    malformed = asked("9000010001", "Valombre", "Iris")
    assert (
        verdicts(source.look_up_many([malformed, malformed])) == [(Outcome.UNDETERMINED, Reason.NUMBER_MALFORMED)] * 2
    )
    assert source.look_up_many([]) == []
    assert canned.sent == []


def test_evidence_counts_the_own_records_and_the_numbers_of_the_request() -> None:
    of_iris, of_nobody, malformed = ask(records(person()), IRIS, NOBODY, asked("9000010001", "Valombre", "Iris"))
    assert isinstance(of_iris, Finding)
    assert isinstance(of_nobody, Finding)
    assert isinstance(malformed, Finding)
    assert of_nobody.evidence == {"version": 1, "batch": 2, "step": "lookup", "http_status": 200, "records": 0}
    assert of_iris.evidence == {**of_nobody.evidence, "records": 1, "name": "exact", "status": "active"}
    assert malformed.evidence == {"version": 1}


def test_what_the_whole_answer_means_holds_for_all_and_each_has_evidence_of_its_own() -> None:
    found = ask(records(), IRIS, NOBODY)
    assert verdicts(found) == [NOT_FOUND] * 2
    first, second = found
    assert isinstance(first, Finding)
    assert isinstance(second, Finding)
    assert first.evidence == second.evidence
    assert first.evidence is not second.evidence
    assert (first.evidence["outcome"], first.evidence["batch"]) == (2, 2)


@pytest.mark.parametrize(
    ("mood", "error"), [(Mood.DOWN, Unavailable), (Mood.THROTTLING, Throttled), (Mood.WRONG_SHAPE, Unreadable)]
)
def test_no_answer_is_none_for_all_who_were_asked_about(mood: Mood, error: type[SourceError], sources: Sources) -> None:
    source = adapter(batching(sources.url(mood, "registry")))
    many = of_many(source)
    assert many is not None
    found = many.look_up_many([IRIS, asked("9000010001", "A", "B"), MAELLE])
    source.close()
    assert verdicts(found) == [error, (Outcome.UNDETERMINED, Reason.NUMBER_MALFORMED), error]


@pytest.mark.parametrize("odd", [{"number": "9000099999"}, {"number": None}, {"number": {"value": "9000010000"}}])
def test_a_record_that_nobody_has_asked_for_leaves_those_without_an_answer_who_have_no_other(
    odd: dict[str, Any],
) -> None:
    """Its number may be written otherwise, or the registry has looked for something else."""
    assert verdicts(ask(records(person(), person(**odd)), IRIS, NOBODY, MAELLE)) == [ACCEPTED, Unreadable, Unreadable]
    assert verdicts(ask(records(person(**odd)), IRIS, MAELLE)) == [Unreadable] * 2


def test_who_is_alone_is_judged_by_the_rules_also_where_the_number_is_another() -> None:
    other = person(number="9000010372")
    differs = (Outcome.UNDETERMINED, Reason.RECORD_DIFFERS)
    ambiguous = (Outcome.UNDETERMINED, Reason.AMBIGUOUS_RECORD)
    assert verdicts(ask(records(other), IRIS)) == [differs]
    assert verdicts(ask(records(other, other), IRIS)) == [ambiguous]
    assert verdicts(ask(records(person(), other), IRIS)) == [ACCEPTED], "as it would be among others"
    assert verdicts(ask(records(person(), person()), IRIS)) == [ambiguous]
    assert verdicts(ask(records(person(number=None)), IRIS)) == [Unreadable]


def test_a_record_with_several_numbers_is_ambiguous_for_each_of_them() -> None:
    both = person(number=["9000010000", "9000010372"])
    assert verdicts(ask(records(both), IRIS, MAELLE, NOBODY)) == [
        (Outcome.UNDETERMINED, Reason.AMBIGUOUS_RECORD),
        (Outcome.UNDETERMINED, Reason.AMBIGUOUS_RECORD),
        NOT_FOUND,
    ]


def test_two_records_of_one_number_are_ambiguous_for_those_who_typed_it_alone() -> None:
    assert verdicts(ask(records(person(), OF_MAELLE, person(status="suspended")), IRIS, MAELLE)) == [
        (Outcome.UNDETERMINED, Reason.AMBIGUOUS_RECORD),
        ACCEPTED,
    ]


def test_a_record_that_cannot_be_read_fails_its_own_look_up_alone() -> None:
    assert verdicts(ask(records(person(status={"code": 1}), OF_MAELLE), IRIS, MAELLE)) == [Unreadable, ACCEPTED]


def test_a_mistake_of_ours_fails_its_own_look_up_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    source, _ = of_batch(batching(), records(person(), OF_MAELLE))
    judge = source._judge

    def once_broken(asked: Asked, *given: Any) -> Finding:
        if asked.query is IRIS:
            raise KeyError("Valombre")
        return judge(asked, *given)

    monkeypatch.setattr(source, "_judge", once_broken)
    failed, accepted = source.look_up_many([IRIS, MAELLE])
    assert isinstance(failed, Unreadable)
    assert failed.detail == "the adapter failed with KeyError"
    assert verdicts([accepted]) == [ACCEPTED]


def test_no_request_holds_more_numbers_than_it_may() -> None:
    source, canned = of_batch(batching(batch={"most": 2}))
    assert verdicts(source.look_up_many([IRIS, MAELLE, TUGDUAL])) == [Unavailable] * 3
    assert canned.sent == []


def test_each_acceptance_claims_its_own_number() -> None:
    model = RegistrySource.model_validate(batching())
    keys = Fingerprints([bytes(range(32))])
    canned = Canned([records(person(), OF_MAELLE)])
    source = RegistryOfMany(model, secret=str, transport=canned, name="roll", fingerprints=keys)
    claims = [each.claim for each in source.look_up_many([IRIS, MAELLE]) if isinstance(each, Finding)]
    assert [claim and list(claim.fingerprints) for claim in claims] == [
        list(keys.all("roll", number)) for number in ("9000010000", "9000010372")
    ]


def test_only_a_description_with_a_batch_is_asked_about_many() -> None:
    alone, many = (RegistrySource.model_validate(each) for each in (description(), batching()))
    assert adapter_class(alone) is RegistryAdapter
    assert of_many(build("roll", alone, context())) is None
    assert of_many(build("roll", many, context())) is not None
    with pytest.raises(ValueError, match="no batch"):
        RegistryOfMany(alone, secret=str)


def test_the_gate_examines_a_description_of_batches_by_one_number() -> None:
    tests = [
        {
            "name": name,
            "input": {"number": "9000010000", "family_name": "Valombre", "given_name": "Iris"},
            "responses": {"lookup": {"json": answer}},
            "expect": expected,
        }
        for name, answer, expected in (
            ("a physician", records(person()), "accepted"),
            ("a suspended one", records(person(status="suspended")), "refused/status_inactive"),
            ("nobody", records(), "undetermined/record_not_found"),
            ("another one", records(OF_MAELLE), "undetermined/record_differs"),
        )
    ]
    examination = examine(RegistrySource.model_validate(batching(tests=tests)), lambda _, __: b"")
    assert examination.faults == ()
    assert all(tried.passed for tried in examination.results)
    assert len(examination.moods) > 100


NUMBERS = ["9000010000", "9000010372", "9000010745", "9000012964"]
NAMES = ["Valombre", "Sardel", "Corvec"]


@given(
    st.lists(st.tuples(st.sampled_from(NUMBERS), st.sampled_from(NAMES)), min_size=1, max_size=8),
    st.lists(
        st.tuples(
            st.sampled_from([*NUMBERS, "9000011115", None]),
            st.sampled_from(NAMES),
            st.sampled_from(["active", "suspended", "?", 7]),
        ),
        max_size=6,
    ),
)
def test_a_batch_gives_nobody_another_verdict_than_the_own_records_alone_would(
    queries: list[tuple[str, str]], held: list[tuple[str | None, str, Any]]
) -> None:
    people = [
        person(number=number, names=[{"family": name, "given": "Iris"}], status=status) for number, name, status in held
    ]
    together = verdicts(ask(records(*people), *(asked(number, name, "Iris") for number, name in queries)))
    for (number, name), verdict in zip(queries, together, strict=True):
        own = [each for each in people if each["number"] == number]
        if own:
            assert verdict == verdicts(ask(records(*own), asked(number, name, "Iris")))[0]
        else:
            assert verdict is Unreadable or verdict[0] is Outcome.UNDETERMINED
            assert people or verdict == NOT_FOUND


def test_over_http_the_numbers_arrive_as_one_value(listen: Listen) -> None:
    seen = Registry(listen, records(person(), OF_MAELLE))
    source = adapter(batching(seen.url))
    many = of_many(source)
    assert many is not None
    assert verdicts(many.look_up_many([IRIS, MAELLE])) == [ACCEPTED] * 2
    source.close()
    target = seen.lines[0].split(" ")[1]
    assert dict(parse_qsl(urlsplit(target).query)) == {"number": "9000010000,9000010372"}
