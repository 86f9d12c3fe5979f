"""Bodies and filters, as a description may write them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from config.configuration import Configuration
from config.document import Document
from config.registry.model.request import RequestDescription
from config.registry.model.templates import pieces
from tests.config.registry.model.test_source import VALID, complaints

POST = {"method": "POST", "url": "http://127.0.0.1/census"}
INPUTS = {**VALID["inputs"], "birth_date": {"type": "date"}, "area": {"required": False}}
JWT = "eyJhbGciOiJub25lIn0.eyJ3aG8iOiJnZWhlaW0ifQ."
NESTED = {
    "xml": "<a>{outer|xml}<k>{secrets.key}</k></a>",
    "parts": {"inner": "<c n='{number}'>{birth_date|date:%d/%m/%Y}</c>", "outer": "<b>{inner}</b>"},
}


def asking(request: dict[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with a registry that is asked like this."""
    steps = [{"request": {**POST, **request}}]
    described = {**VALID, "inputs": INPUTS, "secrets": {"key": {"env": "KEY"}}, "steps": steps}
    return [(place.removeprefix("steps.0.request."), said) for place, said in complaints(described)]


def mistakes(request: dict[str, Any]) -> list[tuple[str, str]]:
    try:
        RequestDescription.model_validate({**POST, **request})
    except ValidationError as error:
        return [(".".join(map(str, one["loc"])), one["msg"]) for one in error.errors()]
    return []


@pytest.mark.parametrize(
    "request_",
    [
        {"form": {"user": "{secrets.key}", "number": "{number|digits}", "born": "{birth_date|date:%d.%m.%y}"}},
        {"json": {"number": "{number|upper}"}},
        {"xml": "<?xml version='1.0' encoding='utf-8'?>\n<a b='{number|lower|xml}'>{family_name} {{x}}\n\t</a>\n"},
        NESTED,
        # Maps have no order where a configuration is stored.
        {**NESTED, "parts": dict(reversed(NESTED["parts"].items()))},  # type: ignore[attr-defined]
        {"xml": "<s:E xmlns:s='urn:x'><s:B/></s:E>"},
        {"xml": "<a><password>{secrets.key}</password><key>dni</key></a>"},
        {"xml": "<a/>", "headers": {"content-type": 'application/soap+xml; charset="UTF-8"', "SOAPAction": '"x"'}},
    ],
)
def test_a_body_of_each_kind_may_be_written(request_: dict[str, Any]) -> None:
    assert asking(request_) == []


@pytest.mark.parametrize(
    ("request_", "place", "said"),
    [
        # one body
        ({"method": "GET", "form": {"a": "b"}}, "form", "a GET has no body — write method: POST"),
        ({"method": "GET", "xml": "<a/>"}, "xml", "a GET has no body — write method: POST"),
        ({"json": {}, "xml": "<a/>"}, "xml", "a request has one body — keep json or this"),
        ({"parts": {"p": "<a/>"}}, "parts", "parts go into an XML body, and there is none — add xml:"),
        # filters
        ({"form": {"a": "{number|uper}"}}, "form.a", "there is no filter 'uper' — did you mean 'upper'?"),
        ({"form": {"a": "{number|x}"}}, "form.a", "— there is date, digits, lower, upper, xml"),
        ({"form": {"a": "{number|upper:x}"}}, "form.a", "there is no filter 'upper:x'"),
        ({"form": {"a": "{number|}"}}, "form.a", "'{number|}' is no placeholder — write {number}"),
        ({"form": {"a": "{birth_date|date}"}}, "form.a", "'date' writes no date — use %Y, %y, %m and %d once"),
        ({"form": {"a": "{birth_date|date:%d %B}"}}, "form.a", "'date:%d %B' writes no date"),
        ({"form": {"a": "{birth_date|date:%Y|date:%m}"}}, "form.a", "'date:%m' writes no date"),
        ({"form": {"a": "{number|xml}"}}, "form.a", "would arrive with its escapes — remove |xml"),
        ({"json": {"a": ["{number|xml}"]}}, "json", "would arrive with its escapes — remove |xml"),
        ({"headers": {"X": "{number|xml}"}}, "headers.X", "remove |xml"),
        # XML
        ({"xml": "<a>{number}"}, "xml", "no well-formed XML (in line 1 of it: no element found) — close each element"),
        ({"xml": "<a>\n&nbsp;</a>"}, "xml", "in line 2 of it: undefined entity"),
        ({"xml": "<a>{number}</b>"}, "xml", "mismatched tag"),
        ({"xml": "<s:a/>"}, "xml", "unbound prefix"),
        ({"xml": "<a>\x01</a>"}, "xml", "not well-formed"),
        ({"xml": "<a>&{number};</a>"}, "xml", "undefined entity"),
        ({"xml": ""}, "xml", "no element found"),
        ({"xml": "<!DOCTYPE a><a/>"}, "xml", "no DOCTYPE and no processing instruction — remove it"),
        ({"xml": "<a><?php x?></a>"}, "xml", "no DOCTYPE and no processing instruction — remove it"),
        ({"xml": "<?xml version='1.0' encoding='iso-8859-1'?><a/>"}, "xml", 'write encoding="UTF-8"'),
        ({"xml": "<a>{{number}</a>"}, "xml", "a literal brace is written twice"),
        ({"xml": "<a>" + "x" * 20_000 + "</a>"}, "xml", "at most 20000"),
        *(
            ({"xml": text}, "xml", "{number} is where no value can be escaped — put it between two tags")
            for text in (
                "<a><![CDATA[{number}]]></a>",
                "<a><!-- {number} --></a>",
                "<a><{number}/></a>",
                "<a {number}='x'/>",
                "<a xmlns='{number}'/>",
                "<a{number}/>",
                "<!--{number}--><a>{number}</a>",
            )
        ),
        # parts
        ({"xml": "<a>{p}</a>", "parts": {"p": "<b>"}}, "parts.p", "no well-formed XML"),
        ({"xml": "<a>{p}</a>", "parts": {"p": "two <b/>"}}, "parts.p", "no well-formed XML"),
        ({"xml": "<a>{p}</a>", "parts": {"p": "<b/>", "q": "<c/>"}}, "parts.q", "nothing uses this part — write {q}"),
        ({"xml": "<a>{p}</a>", "parts": {"p": "<b>{p}</b>"}}, "parts.p", "this part would contain itself"),
        ({"xml": "<a>{p}</a>", "parts": {"p": "<b>{q}</b>", "q": "<b>{p}</b>"}}, "parts.q", "would contain itself"),
        ({"xml": "<a>{p|upper}</a>", "parts": {"p": "<b/>"}}, "xml", "'p' is a whole document — remove the filter"),
        (
            {"xml": "<a>{p}{p}</a>", "parts": {"p": f"<b>{'x' * 19_000}{{q}}{{q}}</b>", "q": f"<q>{'x' * 19_000}</q>"}},
            "xml",
            "the body would have more than 100000 characters — use each part once",
        ),
        # headers and secrets
        ({"headers": {"A": "x", "a": "y"}}, "headers.a", "this header is there twice"),
        ({"headers": {"A": "ł"}}, "headers.A", "Latin letters and signs (ISO 8859-1)"),
        ({"headers": {"A": "x "}}, "headers.A", "without spaces around them — remove the others"),
        ({"headers": {"Content-Type": "text/xml; charset=ISO-8859-1"}}, "headers.Content-Type", "charset=utf-8"),
        ({"form": {"password": "geheim"}}, "form.password", "a secret does not belong in the configuration"),
        ({"xml": "<a><w:userPassword xmlns:w='x'>geheim</w:userPassword></a>"}, "xml", "a secret does not belong"),
        ({"xml": "<a token='geheim-7'/>"}, "xml", "a secret does not belong in the configuration"),
        ({"query": {"key": "geheim77"}}, "query.key", "a secret does not belong in the configuration"),
        ({"query": {"subscriptionKey": "99geheim"}}, "query.subscriptionKey", "use auth:, or write {secrets.NAME}"),
        ({"headers": {"X-Auth-Token": "geheim ist 7"}}, "headers.X-Auth-Token", "use auth:, or write {secrets.NAME}"),
        ({"form": {"client_secret": "geheim"}}, "form.client_secret", "a secret does not belong in the configuration"),
        ({"json": {"who": {"accessToken": "geheim.0.1"}}}, "json", "a secret does not belong in the configuration"),
        ({"json": {"password": {"value": "geheim"}}}, "json", "a secret does not belong in the configuration"),
        ({"json": {"apiKey": [{"is": "geheim-77"}]}}, "json", "a secret does not belong in the configuration"),
        ({"json": {"in": '{{"password": "geheim"}}'}}, "json", "a secret does not belong in the configuration"),
        ({"query": {"q": "{number}&pwd=geheim"}}, "query.q", "a secret does not belong in the configuration"),
        ({"query": {"sig": "geheim%2B77"}}, "query.sig", "a secret does not belong in the configuration"),
        ({"query": {"pass": "geheim"}}, "query.pass", "a secret does not belong in the configuration"),
        ({"form": {"userPass": "geheim"}}, "form.userPass", "a secret does not belong in the configuration"),
        ({"form": {"session_id": "geheim77"}}, "form.session_id", "a secret does not belong in the configuration"),
        ({"headers": {"Cookie": "lang=de; sid=geheim77"}}, "headers.Cookie", "a secret does not belong"),
        ({"headers": {"X-A": f"a {JWT}"}}, "headers.X-A", "a secret does not belong in the configuration"),
        ({"query": {"a": f"{{number}}{JWT}"}}, "query.a", "a secret does not belong in the configuration"),
        ({"xml": f"<a>{JWT}{{number}}</a>"}, "xml", "a secret does not belong in the configuration"),
        ({"url": f"https://registry.example/{JWT}"}, "url", "a secret does not belong in the configuration"),
        ({"query": {"k": "sk_live_4eC39HqLyjWDarjtT1zdp7dc"}}, "query.k", "a secret does not belong"),
        ({"query": {"code": "ghp_16C7e42F292c6912E7710c838347Ae17"}}, "query.code", "a secret does not belong"),
        ({"headers": {"X-Amz-Security": "AKIAIOSFODNN7EXAMPLE"}}, "headers.X-Amz-Security", "a secret does not belong"),
        ({"url": "https://registry.example/AIzaSyA-0123456789abcdefghij"}, "url", "a secret does not belong"),
        ({"form": {"mdp": "geheim"}}, "form.mdp", "a secret does not belong in the configuration"),
        ({"form": {"contrasena": "geheim"}}, "form.contrasena", "a secret does not belong in the configuration"),
        ({"query": {"jeton": "geheim77"}}, "query.jeton", "a secret does not belong in the configuration"),
        ({"form": {"clave": "geheim77"}}, "form.clave", "a secret does not belong in the configuration"),
        ({"headers": {"X-Client": "a8f3e2d1c4b5a6f7"}}, "headers.X-Client", "a secret does not belong"),
        ({"query": {"code": "Zm9vYmFyYmF6cXV4MTIz"}}, "query.code", "a secret does not belong"),
        ({"query": {"app_id": "a8f3e2d1c4b5"}}, "query.app_id", "a secret does not belong"),
        ({"query": {"user_key": "geheim"}}, "query.user_key", "a secret does not belong"),
        ({"headers": {"X-Token": "geheim"}}, "headers.X-Token", "a secret does not belong"),
        ({"query": {"jeton": "geheim"}}, "query.jeton", "a secret does not belong"),
        ({"form": {"k": "-----BEGIN PRIVATE KEY-----geheim"}}, "form.k", "a secret does not belong"),
        # a part of a key beside a placeholder
        ({"headers": {"X-Api-Key": "geheim-{secrets.key}"}}, "headers.X-Api-Key", "a part of a secret is in clear"),
        ({"headers": {"Authorization": "Bearer geheim{area}"}}, "headers.Authorization", "next to the placeholder"),
        ({"headers": {"Authorization": "Bearer {area} geheim77"}}, "headers.Authorization", "{secrets.NAME} alone"),
        ({"headers": {"Cookie": "lang=de; sid=geheim77{number}"}}, "headers.Cookie", "a part of a secret"),
        ({"auth": {"type": "bearer", "token": "geheim{secrets.key}"}}, "auth.token", "a part of a secret"),
        ({"auth": {"type": "basic", "user": "geheim_{secrets.key}"}}, "auth.user", "a part of a secret"),
        ({"auth": {"type": "header", "name": "X", "value": "{secrets.key}.geheim"}}, "auth.value", "a part of"),
        ({"auth": {"type": "query", "name": "k", "value": "geheim{secrets.key}"}}, "auth.value", "a part of a secret"),
        ({"query": {"api_key": "{number}geheim"}}, "query.api_key", "a part of a secret"),
        ({"query": {"token": "geheim77-{number}"}}, "query.token", "a part of a secret"),
        ({"query": {"q": "{number}&pwd=geheim{area}"}}, "query.q", "a secret does not belong in the configuration"),
        ({"form": {"password": "{{geheim{number}"}}, "form.password", "a part of a secret"),
        ({"json": {"apiKey": [{"is": "geheim-77{number}"}]}}, "json", "a part of a secret"),
        ({"json": {"password": {"value": "geheim{number}"}}}, "json", "a part of a secret"),
        ({"xml": "<a><password>geheim{number}</password></a>"}, "xml", "a part of a secret"),
        ({"xml": "<a token='geheim77{number}'/>"}, "xml", "a part of a secret"),
        ({"xml": "<a>{p}</a>", "parts": {"p": "<pwd>{number}geheim</pwd>"}}, "parts.p", "a part of a secret"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_body_is_said_at_its_place(request_: dict[str, Any], place: str, said: str) -> None:
    found = mistakes(request_)
    assert [where for where, _ in found if where != place] in ([], ["parts.p"])
    assert any(where == place and said in what for where, what in found), found
    assert "geheim" not in str(found)


@pytest.mark.parametrize(
    ("request_", "place", "said"),
    [
        ({"form": {"a": "{nummer}"}}, "form.a", "there is no input 'nummer' — did you mean 'number'?"),
        ({"form": {"a": "{number|date:%Y}"}}, "form.a", "'number' is no date — write type: date at its input"),
        ({"form": {"a": "{secrets.key|date:%Y}"}}, "form.a", "'secrets.key' is no date"),
        ({"xml": "<a>{nummer}</a>"}, "xml", "there is no input 'nummer' — did you mean 'number'?"),
        (
            {"xml": "<a>{p}</a>", "parts": {"p": "<b>{q}</b>"}},
            "parts.p",
            "there is no input 'q', and no earlier step sets it",
        ),
        ({"xml": "<a>{number}</a>", "parts": {"number": "<b/>"}}, "parts.number", "this name is taken"),
        ({"xml": "<a>{p}</a>", "parts": {"p": "<b/>"}, "query": {"p": "{p}"}}, "query.p", "there is no input 'p'"),
    ],
)
def test_a_body_refers_to_what_there_is(request_: dict[str, Any], place: str, said: str) -> None:
    [(where, what)] = asking(request_)
    assert (where, said in what) == (place, True), what


@pytest.mark.parametrize(
    "request_",
    [
        {"query": {"key": "licence", "sort-key": "name", "api_key": ""}},
        {"headers": {"X-CSRF-Token": "Fetch", "X-Auth-Version": "2026-11-05"}},
        {"form": {"token_type": "urn:example:token-type:saml2", "auth": "basic", "keyword": "medic-2026"}},
        {"json": {"key": "npi", "secrets": {"token": "{secrets.key}"}}},
        {"xml": "<a key='birth_date'><token>none</token></a>"},
        {
            "headers": {"Cookie": "lang=de; consent=yes"},
            "query": {"compass": "north", "session": "current", "sid": "fr"},
        },
        {"json": {"password": {"value": "{secrets.key}"}, "session": {"id": 7}, "note": "a=b, key: name"}},
        {"query": {"q": "password={secrets.key}&number={number}", "filter": "key=practice2026"}},
        {"headers": {"Authorization": "Bearer {secrets.key}", "X-Api-Key": "{secrets.key}:{number}"}},
        {"headers": {"Authorization": 'Token token={secrets.key}, number="{number}"'}},
        {"auth": {"type": "header", "name": "Authorization", "value": "GIE {secrets.key}"}},
        {"auth": {"type": "basic", "user": "{secrets.key}", "password": "{secrets.key}.{number}"}},
        {"query": {"key": "licence-{number}-v2", "token": "v1-{number}", "sid": "fr{number}"}},
        {"xml": "<a><key>dni-{number}</key><password>{secrets.key}</password></a>"},
        {"query": {"resource_id": "1f0c3a5e-77b2-4d19-9c4e-0a6b2d8e4f10", "since": "20261130T182440Z"}},
        {"headers": {"X-Client": "town-hall-2026"}, "query": {"code": "practitioner10", "app_id": "registry2"}},
    ],
)
def test_a_word_that_is_no_key_may_stand_under_the_name_of_one(request_: dict[str, Any]) -> None:
    assert asking(request_) == []


@pytest.mark.parametrize(
    ("request_", "places"),
    [
        ({"auth": {"type": "basic", "user": "{secrets.key}{area}"}}, ["auth.user"]),
        ({"auth": {"type": "basic", "user": "{secrets.key}", "password": "{area}{secrets.key}"}}, ["auth.password"]),
        ({"auth": {"type": "query", "name": "k", "value": "{secrets.key}{area}"}}, ["auth.value"]),
        ({"headers": {"X-Key": "{area} {secrets.key}", "X-Area": "{area}"}}, ["headers.X-Key"]),
        ({"form": {"k": "{secrets.key}{area}", "area": "{area}"}}, ["form.k"]),
        ({"json": {"who": [{"k": "{secrets.key}{area}"}, "{secrets.key}{area}"], "area": "{area}"}}, ["json", "json"]),
        ({"xml": "<a><k>{secrets.key}{area}</k></a>"}, []),
        ({"headers": {"X-Key": "{number} {secrets.key}"}}, []),
    ],
)
def test_no_key_is_left_out_with_an_input_that_was_not_given(request_: dict[str, Any], places: list[str]) -> None:
    said = "'area' may be missing, and then the secret next to it would be left out too — write required: true"
    assert asking(request_) == [(place, said) for place in places]


@given(st.text(st.sampled_from("<>/&;!-[]{}ab|x='\"? \n#CDAT"), max_size=40))
def test_no_text_makes_the_check_of_xml_fail_otherwise(text: str) -> None:
    for written in (text, f"<a>{text}</a>", f"<a>{text}{{number}}</a>"):
        assert all(isinstance(said, str) for _, said in mistakes({"xml": written}))


def test_a_key_in_clear_is_refused_of_who_applies_it_and_stops_nothing_that_runs() -> None:
    """A newer release recognises more of them than the one that applied a configuration."""
    stored = json.loads(
        Configuration.of(Document.model_validate({"environment": "test", "sources": {"census": VALID}})).to_json()
    )
    stored["sources"]["census"]["steps"][0]["request"]["headers"] = {"X-Client": "a8f3e2d1c4b5a6f7"}
    source = Configuration.from_json(json.dumps(stored)).document.sources["census"]
    assert source.steps[0].request.headers == {"X-Client": "a8f3e2d1c4b5a6f7"}  # type: ignore[union-attr]
    del stored["order"]
    with pytest.raises(ValidationError, match="a secret does not belong in the configuration"):
        Document.model_validate(stored)


@pytest.mark.parametrize(
    ("xml", "literal"),
    [
        ("<a>{security}</a>", "<a>|</a>"),
        ("<a>{{security}}{security}</a>", "<a>{security}|</a>"),
        ("<a>{{{security}}}</a>", "<a>{|}</a>"),
        ("<a>{{{{security}}}}{security}</a>", "<a>{{security}}|</a>"),
    ],
)
def test_the_element_security_is_where_the_document_has_its_placeholder(xml: str, literal: str) -> None:
    auth = {"type": "ws_security", "user": "{secrets.key}", "password": "{secrets.key}"}
    request = RequestDescription.model_validate({**POST, "xml": xml, "auth": auth})
    written = "".join(text for text, _ in pieces(request.document or ""))
    assert re.sub("<wsse:Security.*</wsse:Security>", "|", written) == literal
