from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurat import InvalidAnswer
from jurat.answers import MAX_BYTES, encode, pad, validate
from tests.jurat.closed_schemas import check_schema


def schema(**field: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"name": {"type": "string", **field}}}


# -- which schemas a question may have

GOOD_SCHEMAS = [
    {"type": "object"},
    {"type": "object", "properties": {}, "required": []},
    {"type": "object", "properties": {}, "additionalProperties": False, "titles": {"en": "Code"}},
    {"type": "object", "additionalProperties": {"type": "string"}},
    schema(),
    schema(minLength=0, maxLength=10, pattern="^[A-Z]+$", titles={"en": "Name", "fr": "Nom"}),
    schema(enum=["a", "b"]),
    schema(format="date"),
    schema(form="XXXX-XXXX"),
    schema() | {"required": ["name"]},
]

BAD_SCHEMAS: list[tuple[Any, str]] = [
    (None, "`type: object`"),
    ([], "`type: object`"),
    ({}, "`type: object`"),
    ({"type": "string"}, "`type: object`"),
    ({"type": ["object"]}, "`type: object`"),
    ({"type": "object", "$ref": "#"}, r"the schema may not have `\$ref`; allowed are additionalProperties, properties"),
    ({"type": "object", "oneOf": []}, "may not have `oneOf`"),
    ({"type": "object", "properties": []}, "`properties` is a map"),
    ({"type": "object", "properties": {"name": "string"}}, "field 'name' has `type: string`"),
    ({"type": "object", "properties": {"name": {"type": "integer"}}}, "field 'name' has `type: string`"),
    ({"type": "object", "properties": {"": {"type": "string"}}}, "the name of a field is text"),
    ({"type": "object", "properties": {7: {"type": "string"}}}, "the name of a field is text"),
    ({"type": "object", "required": ["name"]}, "`required` names 'name', which `properties` does not have"),
    (schema() | {"required": "name"}, "`required` is a list of fields"),
    (schema() | {"required": [["name"]]}, "`required` is a list of fields"),
    (schema() | {"additionalProperties": True}, "`additionalProperties` is false or"),
    (schema() | {"additionalProperties": {"type": "string", "maxLength": 3}}, "`additionalProperties` is false or"),
    (schema() | {"titles": "Code"}, "the schema: `titles` is a map from language to text"),
    (schema(titles={"en": 7}), "field 'name': `titles` is a map from language to text"),
    (schema(form=7), "field 'name': `form` is a text"),
    (schema(format="email"), "field 'name': the one `format` is date"),
    (schema(format=None), "the one `format` is date"),
    (schema(pattern="["), "field 'name': `pattern` is not a regular expression"),
    (schema(pattern=7), "`pattern` is not a regular expression"),
    (schema(pattern="[$]"), "the schema cannot be used: "),
    (schema(minLength="3"), "field 'name': `minLength` is a number of characters"),
    (schema(minLength=-1), "`minLength` is a number of characters"),
    (schema(maxLength=1.5), "`maxLength` is a number of characters"),
    (schema(maxLength=True), "`maxLength` is a number of characters"),
    (schema(enum="abc"), "`enum` is a list of at least one text"),
    (schema(enum=[]), "`enum` is a list of at least one text"),
    (schema(enum=["a", 1]), "`enum` is a list of at least one text"),
    (schema(default="a"), "field 'name' may not have `default`"),
    (schema(properties={}), "field 'name' may not have `properties`"),
]


@pytest.mark.parametrize("good", GOOD_SCHEMAS)
def test_a_schema_in_the_closed_subset_is_taken(good: Any) -> None:
    check_schema(good)


@pytest.mark.parametrize(("bad", "sentence"), BAD_SCHEMAS)
def test_any_other_schema_is_refused_with_the_place(bad: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        check_schema(bad)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 20) | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.fixed_dictionaries(
    {"type": st.just("string") | JSON},
    optional={
        "enum": st.lists(st.text(max_size=3)) | JSON,
        "pattern": st.text(alphabet="^$[]()*+?\\{}.|a1\"'", max_size=8) | JSON,
        "minLength": st.integers(0, 5) | JSON,
        "maxLength": st.integers(0, 5) | JSON,
        "format": st.just("date"),
        "titles": st.dictionaries(st.text(max_size=2), st.text(max_size=2)) | JSON,
    },
)
SCHEMAS = st.fixed_dictionaries(
    {"type": st.just("object")},
    optional={
        "properties": st.dictionaries(st.text(max_size=4), FIELDS, max_size=3) | JSON,
        "required": st.lists(st.text(max_size=4), max_size=2) | JSON,
        "additionalProperties": st.sampled_from([False, {"type": "string"}]) | JSON,
    },
)


@given(SCHEMAS, st.dictionaries(st.text(max_size=4), JSON, max_size=4))
def test_a_schema_that_was_taken_never_breaks_on_an_answer(found: Any, answer: dict[str, Any]) -> None:
    try:
        check_schema(found)
    except ValueError:
        return
    answer |= dict.fromkeys(found.get("properties", {}), "a")
    with contextlib.suppress(InvalidAnswer):
        validate(answer, json.dumps(found))


# -- what is said about an answer

ADDRESS = json.dumps(
    {
        "type": "object",
        "required": ["street", "postcode"],
        "properties": {
            "street": {"type": "string", "minLength": 2, "maxLength": 6},
            "postcode": {"type": "string", "pattern": "^[0-9]{5}$"},
            "kind": {"type": "string", "enum": ["rent", "own"]},
            "since": {"type": "string", "format": "date"},
            "house.number": {"type": "string", "maxLength": 1},
        },
    }
)
GOOD = {"street": "Rue", "postcode": "99310"}

BAD_ANSWERS: list[tuple[Any, str, str]] = [
    ({"street": "Rue"}, "postcode", "answer.postcode is missing"),
    ({}, "street", "answer.street is missing"),
    (GOOD | {"street": "R"}, "street", "answer.street must have at least 2 characters"),
    (GOOD | {"street": "R" * 7}, "street", "answer.street must have at most 6 characters"),
    (GOOD | {"street": 4711}, "street", "answer.street must be of type string"),
    (GOOD | {"street": None}, "street", "answer.street must be of type string"),
    (GOOD | {"street": ["Rue"]}, "street", "answer.street must be of type string"),
    (GOOD | {"postcode": "99310 "}, "postcode", "answer.postcode must match ^[0-9]{5}$"),
    (GOOD | {"postcode": "99310\n"}, "postcode", "answer.postcode must match ^[0-9]{5}$"),
    (GOOD | {"kind": "Secret"}, "kind", "answer.kind must be one of rent, own"),
    (GOOD | {"since": "31/12/1999"}, "since", "answer.since must be a date such as 1999-12-31"),
    (GOOD | {"since": "1999-02-30"}, "since", "answer.since must be a date such as 1999-12-31"),
    (GOOD | {"since": "19990101"}, "since", "answer.since must be a date such as 1999-12-31"),
    (GOOD | {"since": "１９９９-01-01"}, "since", "answer.since must be a date such as 1999-12-31"),
    (GOOD | {"house.number": "8b"}, "house.number", "answer.house.number must have at most 1 character"),
    (GOOD | {"e-mail": "Secret"}, "", "answer has a field that the question does not ask for"),
    ("Rue", "", "answer is not an object of strings"),
    (["Rue"], "", "answer is not an object of strings"),
    (None, "", "answer is not an object of strings"),
]


@pytest.mark.parametrize(("answer", "field", "sentence"), BAD_ANSWERS)
def test_a_malformed_answer_is_told_with_its_field_and_the_rule(answer: Any, field: str, sentence: str) -> None:
    with pytest.raises(InvalidAnswer) as caught:
        validate(answer, ADDRESS)
    assert (caught.value.field, str(caught.value)) == (field, sentence)


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        ({"street": "Rue"}, "required"),
        (GOOD | {"street": "R"}, "minLength"),
        (GOOD | {"street": "R" * 7}, "maxLength"),
        (GOOD | {"postcode": "9931"}, "pattern"),
        (GOOD | {"kind": "Secret"}, "enum"),
        (GOOD | {"since": "1999-02-30"}, "format"),
        (GOOD | {"street": 4711}, ""),
        (GOOD | {"e-mail": "Secret"}, ""),
        ("Rue", ""),
    ],
)
def test_a_platform_that_has_its_own_words_is_told_the_rule(answer: Any, rule: str) -> None:
    with pytest.raises(InvalidAnswer) as caught:
        validate(answer, ADDRESS)
    assert caught.value.rule == rule


@pytest.mark.parametrize("answer", [GOOD, GOOD | {"kind": "own", "since": "2000-02-29", "house.number": "8"}])
def test_an_answer_that_keeps_to_its_schema_passes(answer: dict[str, str]) -> None:
    validate(answer, ADDRESS)


@given(st.dictionaries(st.sampled_from(["street", "postcode", "kind", "since", "other"]), JSON, min_size=1))
def test_no_sentence_holds_a_value(answer: dict[str, Any]) -> None:
    marked = {name: f"{value}⟦secret⟧" if isinstance(value, str) else value for name, value in answer.items()}
    with pytest.raises(InvalidAnswer) as caught:
        validate(marked, ADDRESS)
    assert "secret" not in f"{caught.value}{caught.value.field}{caught.value.problem}{caught.value!r}"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


# -- what can be stored


@given(
    st.dictionaries(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), st.text("aé😀\\\"'"))
)
def test_an_answer_is_encoded_in_one_way_and_read_as_it_was(answer: dict[str, str]) -> None:
    encoded = encode(answer)
    assert json.loads(encoded) == answer
    assert encoded == encode(dict(reversed(answer.items())))


def test_the_canonical_form_has_sorted_keys_no_spaces_and_utf_8() -> None:
    assert encode({"b": "é", "a": "😀"}) == '{"a":"😀","b":"é"}'.encode()


UNSTORABLE: list[tuple[Any, str, str]] = [
    ({"name": "Ma\0rtin"}, "name", "answer.name has a NUL character; remove it"),
    ({"first": "fine", "na\0me": "Martin"}, "", "answer has a NUL character; remove it"),
    ({"name": {"deep": ["Ma\0rtin"]}}, "name", "answer.name has a NUL character; remove it"),
    ({"first": "fine", "name": "Ma\ud800rtin"}, "name", "answer.name has a broken character (a lone surrogate)"),
    ({"na\udfffme": "Martin"}, "", "answer has a broken character (a lone surrogate)"),
    ({"name": ["\ud800"]}, "name", "answer.name has a broken character (a lone surrogate)"),
    ({"name": float("nan")}, "", "answer is not JSON: an object of strings is expected"),
    ({"name": b"Martin"}, "", "answer is not JSON: an object of strings is expected"),
    ({"name": "Martin", 7: "x"}, "", "answer is not JSON: an object of strings is expected"),
]


@pytest.mark.parametrize(("answer", "field", "sentence"), UNSTORABLE)
def test_what_no_database_could_take_is_refused(answer: Any, field: str, sentence: str) -> None:
    with pytest.raises(InvalidAnswer) as caught:
        encode(answer)
    assert (caught.value.field, str(caught.value)) == (field, sentence)
    assert "Martin" not in str(caught.value)


def test_an_endless_answer_is_refused() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    for answer in (endless, {"name": deep}):
        with pytest.raises(InvalidAnswer, match="is not JSON"):
            encode(answer)


def test_an_answer_of_16_kib_is_stored_and_of_one_byte_more_is_not() -> None:
    room = MAX_BYTES - len('{"name":""}')
    assert len(encode({"name": "x" * room})) == 16_384
    for longer in ("x" * (room + 1), "é" * (room // 2 + 1)):
        with pytest.raises(InvalidAnswer, match=r"^answer has \d+ bytes; at most 16384 are allowed$"):
            encode({"name": longer})


@pytest.mark.parametrize("text", ["\\u0000", "\\\\u0000", "C:\\u0000", "\\ud800", "\x01", "\x7f", "\u2028", "\ufeff"])
def test_characters_that_only_look_dangerous_are_kept(text: str) -> None:
    assert json.loads(encode({"name": text})) == {"name": text}


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=200), max_size=5))
def test_the_length_of_a_padded_answer_tells_little_and_it_reads_as_before(answer: dict[str, str]) -> None:
    try:
        text = encode(answer)
    except InvalidAnswer:
        return
    padded = pad(text)
    assert json.loads(padded) == answer
    assert len(text) <= len(padded) < len(text) + 128
    assert len(padded) % 128 == 0
    assert len(padded) <= MAX_BYTES


def test_the_choice_among_offered_addresses_is_in_no_schema() -> None:
    schema = '{"type": "object", "additionalProperties": false, "properties": {"street": {"type": "string"}}}'
    for choice in ("offered", "none"):
        validate({"street": "rue Neuve", "choice": choice}, schema)
    for answer in ({"street": "rue Neuve", "choice": "mine"}, {"other": "x", "choice": "none"}):
        with pytest.raises(InvalidAnswer):
            validate(answer, schema)
