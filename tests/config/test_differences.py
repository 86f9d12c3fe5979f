"""What one configuration changes against another."""

from __future__ import annotations

from typing import Any

from config.differences import Change, Difference, differences
from config.document import Document

OLD: dict[str, Any] = {
    "sources": {
        "roll": {
            "type": "registry",
            "hosts": ["registry.example"],
            "secrets": {"key": {"env": "ROLL_KEY"}},
            "inputs": {"number": {"clean": ["digits"]}, "family_name": {}},
            "steps": [
                {
                    "request": {
                        "url": "https://registry.example/{number}",
                        "headers": {"X-Key": "{secrets.key}"},
                    },
                    "outcomes": [
                        {"when": "status == `429`", "then": "retry"},
                        {"when": "body.count == `0`", "then": "undetermined", "reason": "record_not_found"},
                    ],
                }
            ],
            "record": {"from": "body", "fields": {"number": "id", "names": "names"}},
            "rules": [
                {"check": "equals", "field": "number", "input": "number"},
                {"check": "name", "family": "family_name", "compatible": "undetermined"},
            ],
        },
        "proofs": {"type": "manual"},
    },
    "criteria": {"enrolled": {"source": "roll"}, "proved": {"source": "proofs"}},
    "consultations": {
        "board": {"questions": {"enrolment": {"criterion": "enrolled"}, "proof": {"criterion": "proved"}}}
    },
}


def said(new: dict[str, Any], old: dict[str, Any] | None = None) -> list[str]:
    return [str(each) for each in differences(*map(Document.model_validate, (OLD if old is None else old, new)))]


def changed(path: str, value: Any) -> dict[str, Any]:
    """The document with the part at a dotted path replaced; removed for `...`."""

    def walk(node: Any, parts: list[str]) -> Any:
        key: Any = int(parts[0]) if isinstance(node, list) else parts[0]
        below = value if len(parts) == 1 else walk(node[key], parts[1:])
        if isinstance(node, list):
            return [below if index == key else child for index, child in enumerate(node)]
        return {name: child for name, child in {**node, key: below}.items() if child is not ...}

    made: dict[str, Any] = walk(OLD, path.split("."))
    return made


def test_the_same_differs_in_nothing_also_where_a_default_is_written_out() -> None:
    assert said(OLD) == []
    assert said(changed("sources.roll.timeout", "10s")) == []


def test_a_changed_option_is_told_old_and_new() -> None:
    assert said(changed("sources.roll.rate", "5/s")) == ['+ sources.roll.rate: "5/s"']
    assert said(OLD, changed("sources.roll.rate", "5/s")) == ['- sources.roll.rate: "5/s"']
    assert said(changed("sources.roll.rate", "5/s"), changed("sources.roll.rate", "2/s")) == [
        '~ sources.roll.rate: "2/s" → "5/s"'
    ]
    assert said(changed("sources.roll.steps.0.outcomes.1.reason", "record_not_public")) == [
        '~ sources.roll.steps[0].outcomes[1].reason: "record_not_found" → "record_not_public"'
    ]


def test_a_secret_is_told_as_the_reference_that_it_is() -> None:
    assert said(changed("sources.roll.secrets.key", {"env": "OTHER_KEY"})) == [
        '~ sources.roll.secrets.key.env: "ROLL_KEY" → "OTHER_KEY"'
    ]


def test_sources_criteria_and_consultations_are_added_and_removed_one_by_one() -> None:
    assert said(changed("sources.proofs", ...)) == ['- sources.proofs: {"type": "manual"}']
    assert said(changed("criteria.other", {"source": "proofs"})) == ['+ criteria.other: {"source": ["proofs"]}']
    assert [line.partition(":")[0] for line in said(OLD, {})] == [
        "+ sources.roll",
        "+ sources.proofs",
        "+ criteria.enrolled",
        "+ criteria.proved",
        "+ consultations.board",
    ]
    assert len(said({})) == 5


def test_an_entry_of_a_list_is_added_where_it_stands_and_the_others_stay() -> None:
    first = {"when": "status == `410`", "then": "retry"}
    more = changed("sources.roll.steps.0.outcomes", [first, *OLD["sources"]["roll"]["steps"][0]["outcomes"]])
    assert said(more) == ['+ sources.roll.steps[0].outcomes[0]: {"when": "status == `410`", "then": "retry"}']
    assert said(OLD, more) == ['- sources.roll.steps[0].outcomes[0]: {"when": "status == `410`", "then": "retry"}']


def test_the_order_of_a_form_counts_and_that_of_other_maps_does_not() -> None:
    form = {"family_name": {}, "number": {"clean": ["digits"]}}
    assert said(changed("sources.roll.inputs", form)) == [
        '~ sources.roll.inputs: ["number", "family_name"] → ["family_name", "number"]'
    ]
    assert said(changed("sources.roll.record.fields", {"names": "names", "number": "id"})) == []


def test_a_long_value_is_cut_on_its_line_and_whole_in_the_data() -> None:
    title = "x" * 500
    (found,) = differences(
        Document.model_validate(OLD), Document.model_validate(changed("consultations.board.contact", title))
    )
    assert found == Difference(("consultations", "board", "contact"), Change.ADDED, new={"und": title})
    assert len(str(found)) < 220
    assert str(found).endswith("…")
