"""An invented town's census: a login, then a lookup with XML in a text in XML in a text."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

from adapters.base import Query

HOST = "census.example"
ANSWER = "Envelope.Body.askResponse.askReturn"
KEYS = {"CENSUS_USER": "town", "CENSUS_PASSWORD": "open sesame"}
TOKEN = "a7-token"

_LEVELS = "bcdefgh"
_ENTITIES = (
    f"<!ENTITY {name} '{'x' * 1000 if below == '-' else f'&{below};' * 20}'>"
    for below, name in zip("-" + _LEVELS, _LEVELS, strict=False)
)
BOMB = f"<!DOCTYPE a [{''.join(_ENTITIES)}]>"
"""A document type whose entity h is of 64 GB."""


_LOGIN = """
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><login>
<user>{secrets.user}</user><password>{secrets.password}</password></login></soap:Body></soap:Envelope>"""
_LOOKUP = """
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><ask>
<token>{token}</token><question>{question|xml}</question></ask></soap:Body></soap:Envelope>"""
_QUESTION = "<resident><document>{number}</document><born>{birth_date|date:%Y%m%d}</born></resident>"


def description(**changes: Any) -> dict[str, Any]:
    """The description as plain data; `changes` replace its parts."""
    born = {"check": "equals", "field": "birth_date", "input": "birth_date"}
    return {
        "type": "registry",
        "hosts": [HOST],
        "secrets": {"user": {"env": "CENSUS_USER"}, "password": {"env": "CENSUS_PASSWORD"}},
        "inputs": {
            "number": {"clean": ["alnum", "upper"], "format": "es.nif"},
            "family_name": {},
            "given_name": {},
            "birth_date": {"type": "date"},
        },
        "steps": [_login_step(), _lookup_step()],
        "record": {
            "from": "body.residents.resident",
            "fields": {
                "number": "document",
                "names": "[{family: join(' ', not_null([surname, second_surname][?@], `[]`)), given: name}]",
                "birth_date": {"value": "born", "date": "%Y%m%d"},
                "district": "district",
            },
            "timezone": "Europe/Madrid",
        },
        "rules": [
            {"check": "equals", "field": "number", "input": "number"},
            {"check": "name", "family": "family_name", "given": "given_name"},
            {**born, "else": "refused", "reason": "birth_date_differs"},
            {"check": "min_age", "field": "birth_date", "requirement": "min_age", "optional": True},
        ],
        **changes,
    }


def _login_step() -> dict[str, Any]:
    return {
        "name": "login",
        "request": {"method": "POST", "url": f"https://{HOST}/services", "xml": _LOGIN.strip()},
        "decode": "xml",
        "outcomes": [{"when": "body.Envelope.Body.Fault", "then": "undetermined", "reason": "source_credentials"}],
        "set": {"token": {"value": "body.Envelope.Body.loginResponse.loginReturn", "secret": True}},
    }


def _lookup_step() -> dict[str, Any]:
    parts = {"question": _QUESTION}
    return {
        "name": "lookup",
        "request": {"method": "POST", "url": f"https://{HOST}/services", "xml": _LOOKUP.strip(), "parts": parts},
        "decode": ["xml", {"xml_in": ANSWER}, {"xml_in": "answer.data"}],
        "as_list": ["residents.resident"],
        "outcomes": [
            {"when": "body.Envelope.Body.Fault", "then": "retry"},
            {"when": "body.residents.code == '37'", "then": "refused", "reason": "record_not_found"},
        ],
    }


def resident(**changes: str) -> str:
    """The innermost document, of one resident; `changes` replace an element, "" with nothing in it."""
    held = {
        "document": "12345678Z",
        "name": "MIREIA",
        "surname": "VALLDAURA",
        "second_surname": "PUIGBO",
        "born": "19660528",
        "district": "03",
        **changes,
    }
    return "<residents><resident>" + "".join(f"<{k}>{v}</{k}>" for k, v in held.items()) + "</resident></residents>"


def login_answer() -> bytes:
    return envelope(f"<loginResponse><loginReturn>{TOKEN}</loginReturn></loginResponse>")


def lookup_answer(innermost: str) -> bytes:
    """`innermost` as text in a document that is text in an envelope."""
    inner = (
        f'<?xml version="1.0" encoding="ISO-8859-1"?>\n<answer><code>OK</code><data>{escape(innermost)}</data></answer>'
    )
    return envelope(f"<n:askResponse xmlns:n='urn:town'><n:askReturn>{escape(inner)}</n:askReturn></n:askResponse>")


def envelope(body: str) -> bytes:
    head = '<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
    return f"{head}<s:Body>{body}</s:Body></s:Envelope>".encode()


def asked(number: str = "12345678-z", born: str = "1966-05-28", **requirement: Any) -> Query:
    answer = {"number": number, "family_name": "Valldaura Puigbó", "given_name": "Mireia", "birth_date": born}
    return Query(answer, requirement=requirement, timeout=5.0)
