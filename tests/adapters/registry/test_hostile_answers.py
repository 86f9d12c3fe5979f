"""Whatever a participant types arrives as text, in every place of a request, or does not leave at all."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from adapters.base import Finding, Query, Unreadable
from adapters.registry.adapter import RegistryAdapter
from adapters.registry.numbers import Cleaner, Malformed, clean
from adapters.registry.templates import RequestTemplate
from config.registry.model.inputs import Input
from config.registry.model.request import RequestDescription
from config.registry.model.source import Step
from jurat.vocabulary import Outcome, Reason
from tests.adapters.conftest import Listen
from tests.adapters.registry.described import Registry, adapter, at, description, person, records

INPUTS = {**description()["inputs"], "word": {"clean": ["trim"], "max_length": 1000}}
ANSWER = {"number": "9000010000", "family_name": "Valombre", "given_name": "Iris"}
FIELDS = {name: Input.model_validate(field) for name, field in INPUTS.items()}
WORD = {"word": Cleaner(FIELDS["word"])}
SECRET = "k3y-of-the-registry"
BODIES: dict[str, dict[str, Any]] = {
    "form": {"form": {"a": "<{word}>", "secret": "{secrets.key}"}},
    "json": {"json": {"a": {"b": ["<{word}>", "{secrets.key}"]}}},
    "xml": {
        "xml": "<a b='&lt;{word}&gt;'>{outer}<k>{secrets.key}</k></a>",
        "parts": {"inner": "<c d='&lt;{word}&gt;'>&lt;{word}&gt;</c>", "outer": "<b>{inner}</b>"},
    },
}
HOSTILE = [
    "</IDNUMBER><X>", "]]>", "<![CDATA[", "-->", "&xxe;", "&#0;", "<!DOCTYPE x>", "<?xml?>", "'\"", "\\", "\\u0000",
    "{secrets.key}", "{{7*7}}", "{word}", "{a.__class__}", "%(key)s", "${jndi:ldap://x}", "%s%n", "{", "}}",
    "..", ".", "../../admin", "%2e%2e", "%2e%2e%2f", "a/b", "a\\b", "?x=1", "#f", ";p", "a&b=c", "+", "%", "%00",
    "//h.example", "\N{FULLWIDTH DIGIT THREE}\N{ARABIC-INDIC DIGIT FOUR}x", "a\u00a0b\u202fc\u3000d",
    "A\r\nX-Evil: 1", "A\n\nGET / HTTP/1.1", "\x0b\x0c\x1c", "\0", "a\0b", "\x7f\x85\x9f", "\u2028\u2029",
    "\N{PILE OF POO}", "Łucja", "é", "\ud800", "\udfff\ud800", "\ufffe\uffff", "\U0001ffff", "\ue000",
    "\u200b\u200d\ufeff\u2060", "\u202eevil",
    "x" * 10_000, "e" + "\u0301" * 400, "e" + "\u0301\u0316" * 200, "<" * 1000,
]  # fmt: skip


def typed(word: str) -> Query:
    return Query({**ANSWER, "word": word}, timeout=5.0)


def expected(word: str) -> str | None:
    """What should be sent: the word without what nobody sees; None where it can be no word."""
    try:
        return clean({"word": word}, WORD)["word"]
    except Malformed:
        return None


def asking(root: str, **request: Any) -> RegistryAdapter:
    described = at(root, inputs=INPUTS, secrets={"key": {"env": "KEY"}})
    asked = {"method": "POST" if set(request) & set(BODIES) else "GET", "url": f"{root}/people", **request}
    described["steps"][0] |= {"request": asked, "outcomes": []}
    return adapter(described, {"KEY": SECRET})


def texts_in(kind: str, body: bytes) -> tuple[list[str | None], str | None]:
    """The places of a body for the word and the secret."""
    match kind:
        case "form":
            fields = parse_qsl(body.decode(), strict_parsing=True, keep_blank_values=True)
            assert [name for name, _ in fields] == ["a", "secret"]
            return [fields[0][1]], fields[1][1]
        case "json":
            tree = json.loads(body)
            assert list(tree) == ["a"]
            assert list(tree["a"]) == ["b"]
            return [tree["a"]["b"][0]], tree["a"]["b"][1]
    root = etree.fromstring(body)
    outer = etree.fromstring(root.text or "")
    inner = etree.fromstring(outer.text or "")
    assert [element.tag for element in (*root.iter(), *outer.iter(), *inner.iter())] == ["a", "k", "b", "c"]
    assert (list(root.keys()), list(outer.keys()), list(inner.keys())) == (["b"], [], ["d"])
    return [root.get("b"), inner.get("d"), inner.text], root[0].text


@pytest.mark.parametrize("kind", BODIES)
def test_a_body_holds_what_was_typed_as_text(kind: str, listen: Listen) -> None:
    registry = Registry(listen, records(person()))
    source = asking(registry.url, **BODIES[kind])
    for word in HOSTILE:
        registry.received.clear()
        found = source.look_up(typed(word))
        assert isinstance(found, Finding)
        sent = expected(word)
        if sent is None:
            assert (found.outcome, found.reason) == (Outcome.UNDETERMINED, Reason.ANSWER_UNREADABLE)
            assert registry.received == []
            continue
        assert found.outcome is Outcome.ACCEPTED
        [request] = registry.received
        seen, secret = texts_in(kind, request.partition(b"\r\n\r\n")[2])
        assert seen == [f"<{sent}>"] * len(seen)
        assert secret == SECRET
    source.close()


def test_the_query_holds_what_was_typed_as_text(listen: Listen) -> None:
    registry = Registry(listen, records(person()))
    source = asking(registry.url, query={"a": "<{word}>", "fixed": "1"})
    for word in HOSTILE:
        registry.received.clear()
        source.look_up(typed(word))
        sent = expected(word)
        assert len(registry.received) == (sent is not None)
        if sent is not None:
            target = registry.lines[0].split(" ")[1]
            assert parse_qsl(target.partition("?")[2], strict_parsing=True) == [("a", f"<{sent}>"), ("fixed", "1")]
            assert SECRET not in target
    source.close()


def test_the_path_has_as_many_segments_as_were_described(listen: Listen) -> None:
    registry = Registry(listen, records(person()))
    source = asking(registry.url, url=f"{registry.url}/v1/{{word}}/record")
    for word in HOSTILE:
        registry.received.clear()
        found = source.look_up(typed(word))
        assert isinstance(found, Finding)
        sent = expected(word)
        if sent is None or sent in {".", ".."}:
            assert found.reason is (Reason.ANSWER_UNREADABLE if sent is None else Reason.NUMBER_MALFORMED)
            assert registry.received == []
            continue
        before, segment, after = registry.lines[0].split(" ")[1].removeprefix("/").split("/")
        assert (before, unquote(segment), after) == ("v1", sent, "record")
        assert not set(segment) & set("?#{}; ")
    source.close()


def test_a_header_is_one_line_of_what_http_can_carry_or_is_not_sent(listen: Listen) -> None:
    registry = Registry(listen, records(person()))
    source = asking(registry.url, headers={"X-Word": "w={word}", "X-Key": "{secrets.key}"})
    for word in HOSTILE:
        registry.received.clear()
        found = source.look_up(typed(word))
        assert isinstance(found, Finding)
        sent = expected(word)
        if sent is None or not sent.isprintable() or any(character > "\xff" for character in sent):
            assert (found.outcome, found.reason) == (Outcome.UNDETERMINED, Reason.ANSWER_UNREADABLE)
            assert registry.received == []
            continue
        names = [line.partition(":")[0] for line in registry.lines[1:]]
        assert "X-Evil" not in names
        assert f"X-Word: w={sent}" in registry.lines
        assert f"X-Key: {SECRET}" in registry.lines
    source.close()


@pytest.mark.parametrize("word", HOSTILE)
def test_a_number_that_is_none_asks_nobody(word: str, listen: Listen) -> None:
    registry = Registry(listen, records(person()))
    source = asking(registry.url, query={"n": "{number}"})
    began = time.monotonic()
    found = source.look_up(Query({**ANSWER, "number": word, "word": "x"}, timeout=5.0))
    assert time.monotonic() - began < 1
    assert isinstance(found, Finding)
    assert (found.outcome, found.reason) == (Outcome.UNDETERMINED, Reason.NUMBER_MALFORMED)
    assert registry.received == []
    assert found.evidence == {"version": 1}
    source.close()


@pytest.mark.parametrize(
    "number",
    [
        "９０００01 0000",
        "٩٠٠٠٠١٠٠٠٠",
        "9000\u00a001\u202f0000",
        "9000\u200b010000\ufeff",
        "9000010000\n",
        "\t9000-010.000 ",
    ],
)
def test_a_number_is_sent_in_plain_digits_however_it_is_typed(number: str, listen: Listen) -> None:
    registry = Registry(listen, records(person()))
    source = asking(registry.url, query={"n": "{number}"})
    found = source.look_up(Query({**ANSWER, "number": number, "word": "x"}, timeout=5.0))
    assert isinstance(found, Finding)
    assert found.outcome is Outcome.ACCEPTED
    assert registry.lines[0].split(" ")[1].endswith("?n=9000010000")
    source.close()


ANYTHING = st.text(st.characters(exclude_categories=()), max_size=80)
PIECES = st.lists(st.sampled_from([word for word in HOSTILE if len(word) < 50]), max_size=5).map("".join)


@pytest.mark.parametrize("kind", BODIES)
@given(word=ANYTHING | PIECES)
def test_no_text_leaves_the_place_where_it_stands(kind: str, word: str) -> None:
    message = _filled(kind, word)
    sent = expected(word)
    assert (message is None) == (sent is None)
    if message is not None:
        assert message.body is not None
        seen, secret = texts_in(kind, message.body)
        assert seen == [f"<{sent}>"] * len(seen)
        assert secret == SECRET


@given(word=ANYTHING | PIECES)
def test_no_text_leaves_its_segment_of_the_path(word: str) -> None:
    message = _filled("path", word)
    sent = expected(word)
    assert (message is None) == (sent is None or sent in {".", ".."})
    if message is not None:
        url = urlsplit(message.url)
        assert (url.scheme, url.netloc, url.query, url.fragment) == ("https", "registry.example", "", "")
        assert [unquote(segment) for segment in url.path.split("/")] == ["", "v1", sent, "x"]


@given(first=ANYTHING | PIECES, second=st.text(max_size=5))
def test_values_of_earlier_steps_are_escaped_too(first: str, second: str) -> None:
    """Whatever an answer gave: it is sent as text, or its source is unreadable."""
    step = Step(
        request=RequestDescription.model_validate(
            {"method": "POST", "url": "https://registry.example/", **BODIES["xml"]}
        )
    )
    try:
        message = RequestTemplate(step, {}).fill_in({"word": first + second, "secrets.key": SECRET})
    except Unreadable:
        return
    assert message.body is not None
    seen, secret = texts_in("xml", message.body)
    assert seen == [f"<{first}{second}>"] * 3
    assert secret == SECRET


def _filled(place: str, word: str) -> Any:
    """The request for `word`; None where it cannot be sent."""
    request: Mapping[str, Any] = BODIES.get(place) or {"url": "https://registry.example/v1/{word}/x", "json": {}}
    step = Step(
        request=RequestDescription.model_validate({"method": "POST", "url": "https://registry.example/", **request})
    )
    try:
        values = clean({"word": word}, WORD)
        return RequestTemplate(step, FIELDS).fill_in({**values, "secrets.key": SECRET})
    except Malformed:
        return None
