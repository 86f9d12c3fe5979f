"""Forms and XML, as a registry receives them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest
from lxml import etree

from adapters.base import Query, Unreadable
from adapters.registry.numbers import Malformed
from adapters.registry.templates import RequestTemplate
from config.registry.model.inputs import Input
from config.registry.model.request import RequestDescription
from config.registry.model.source import Step
from jurat.vocabulary import Reason
from tests.adapters.conftest import Listen
from tests.adapters.registry.described import IRIS, Registry, description, person, records

DATE = {"birth_date": {"type": "date"}}
CHOICE = {"document": {"values": {"dni": "01", "passport": "02"}}}
CENSUS = """
<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:c="urn:census">
  <s:Body><c:ask key="{secrets.key}"><c:request>{request_xml|xml}</c:request></c:ask></s:Body>
</s:Envelope>
"""
PARTS = {
    "data_xml": "<find n='{number}'>\n  <name>{family_name}</name><born>{birth_date|date:%Y%m%d}</born></find>\n",
    "request_xml": "<service><operation>find</operation><data>{data_xml}</data></service>",
}


def typed(**changes: str) -> Query:
    return Query({**IRIS.answer, **changes}, timeout=5.0)


def filled(request: dict[str, Any], values: dict[str, str], **inputs: dict[str, Any]) -> Any:
    """What is sent for `values`."""
    step = Step(
        request=RequestDescription.model_validate({"method": "POST", "url": "https://census.example/", **request})
    )
    template = RequestTemplate(step, {name: Input.model_validate(field) for name, field in inputs.items()})
    return template.fill_in(values)


def written(text: str, values: dict[str, str], **inputs: dict[str, Any]) -> str:
    """The text of an XML element that is filled in with `text`, as a parser reads it."""
    return str(etree.fromstring(filled({"xml": f"<a>{text}</a>"}, values, **inputs).body).text or "")


def test_a_form_is_sent_encoded_and_leaves_out_what_was_not_given(listen: Listen) -> None:
    registry = Registry(listen, records(person()))
    form = {"who": "{family_name} & {given_name}", "born": "{birth_date}", "kind": "{document}", "fixed": "a=b"}
    inputs = {**description()["inputs"], "birth_date": {"type": "date", "required": False}, **CHOICE}
    query = typed(family_name="Val+om=bre", given_name="É%26", document="passport")
    registry.ask(query, inputs=inputs, request={"method": "POST", "query": {}, "form": form})
    assert registry.lines[0].startswith("POST /professionals HTTP/1.1")
    assert "Content-Type: application/x-www-form-urlencoded" in registry.lines
    body = registry.received[0].partition(b"\r\n\r\n")[2].decode()
    assert body.isascii()
    assert parse_qsl(body) == [("who", "Val+om=bre & É%26"), ("kind", "02"), ("fixed", "a=b")]


def test_documents_in_documents_are_escaped_once_for_each_level(listen: Listen) -> None:
    registry = Registry(listen, records(person()))
    query = typed(family_name="</name><X>]]>&xxe;\"'", birth_date="1973-02-28")
    registry.ask(
        query,
        keys={"KEY": "k<1'\">&amp;"},
        secrets={"key": {"env": "KEY"}},
        inputs={**description()["inputs"], **DATE},
        request={"method": "POST", "query": {}, "xml": CENSUS, "parts": PARTS, "headers": {"SOAPAction": "find"}},
    )
    assert {"Content-Type: text/xml; charset=utf-8", "SOAPAction: find"} <= set(registry.lines)
    envelope = etree.fromstring(registry.received[0].partition(b"\r\n\r\n")[2])
    ask = envelope[0][0]
    assert (etree.QName(ask).localname, ask.get("key"), len(ask), len(ask[0])) == ("ask", "k<1'\">&amp;", 1, 0)
    service = etree.fromstring(ask[0].text or "")
    assert [child.tag for child in service] == ["operation", "data"]
    find = etree.fromstring(service[1].text or "")
    assert (find.tag, find.get("n"), [child.tag for child in find]) == ("find", "9000010000", ["name", "born"])
    assert [child.text for child in find] == ["</name><X>]]>&xxe;\"'", "19730228"]


def test_what_was_not_given_is_empty_in_xml() -> None:
    assert written("[{given_name|digits}]", {}) == "[]"


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("{number|digits}", "12345678"),
        ("{number|lower}", "12345678-z"),
        ("{number|lower|upper|xml}", "12345678-Z"),
        ("{birth_date}", "1973-02-08"),
        ("{birth_date|date:%d/%m/%Y}", "08/02/1973"),
        ("{birth_date|date:%y%m%d}", "730208"),
        ("{birth_date|date:%Y%m%d000000}", "19730208000000"),
        ("{birth_date|date:day %d}", "day 08"),
        ("{birth_date|date:%d.%m.|xml}", "08.02."),
        ("{birth_date|date:%m&lt;}", "02&lt;"),
    ],
)
def test_a_filter_writes_a_value_as_the_registry_wants_it(text: str, sent: str) -> None:
    assert written(text, {"number": "12345678-Z", "birth_date": "1973-02-08"}) == sent


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        ({"headers": {"X": "{it}"}}, "Łucja"),
        ({"headers": {"X": "{it}"}}, "a\r\nX-Evil: 1"),
        ({"headers": {"X": "{it}"}}, "\N{PILE OF POO}"),
        ({"form": {"x": "{it}"}}, "\ud800"),
        ({"json": {"x": "{it}"}}, "\ud800"),
        ({"query": {"x": "{it}"}}, "\udfff"),
        ({"xml": "<a>{it}</a>"}, "\0"),
        ({"xml": "<a>{it}</a>"}, "\x1b"),
        ({"xml": "<a>{it}</a>"}, "\ufffe"),
        ({"xml": "<a>{it}</a>"}, "\ud800"),
        ({"xml": "<a>{it|digits}</a>"}, "none"),
        ({"url": "https://census.example/{it}"}, ".."),
        ({"url": "https://census.example/{it}/x"}, "."),
        ({"url": "https://census.example/{it}"}, ""),
        ({"url": "https://census.example/{it}"}, "\ud800"),
    ],
)
def test_what_cannot_stand_in_its_place_is_told_of_whoever_gave_it(request_: dict[str, Any], name: str) -> None:
    typed = Reason.NUMBER_MALFORMED if "url" in request_ else Reason.ANSWER_UNREADABLE
    with pytest.raises(Malformed) as malformed:
        filled(request_, {"it": name}, it={})
    assert malformed.value.reason is typed
    with pytest.raises(Malformed) as malformed:
        filled(request_, {"it": name}, it={"format": "luhn"})
    assert malformed.value.reason is Reason.NUMBER_MALFORMED
    with pytest.raises(Unreadable) as unreadable:
        filled(request_, {"it": name})
    for caught in (malformed.value, unreadable.value):
        assert caught.__cause__ is caught.__context__ is None


def test_the_media_type_is_said_for_each_kind_unless_it_is_given() -> None:
    bodies: list[tuple[dict[str, Any], str | None]] = [
        ({"json": {}}, "application/json"),
        ({"form": {}}, "application/x-www-form-urlencoded"),
        ({"xml": "<a/>"}, "text/xml; charset=utf-8"),
        ({}, None),
    ]
    for body, said in bodies:
        assert filled(body, {}).headers.get("Content-Type") == said
    given = filled({"xml": "<a/>", "headers": {"content-type": "application/soap+xml", "accept": "a/b"}}, {}).headers
    assert given == {"content-type": "application/soap+xml", "accept": "a/b"}


@pytest.mark.parametrize(
    ("decode", "accepted"),
    [
        ("json", "application/json"),
        ("xml", "text/xml, application/xml;q=0.9, */*;q=0.1"),
        (["xml", {"xml_in": "a"}], "text/xml, application/xml;q=0.9, */*;q=0.1"),
        ({"csv": {}}, "text/csv, text/plain;q=0.9, */*;q=0.1"),
    ],
)
def test_a_request_says_what_its_answer_is_read_as(decode: Any, accepted: str) -> None:
    step = Step.model_validate({"request": {"url": "https://census.example/"}, "decode": decode})
    assert RequestTemplate(step, {}).fill_in({}).headers == {"Accept": accepted}
