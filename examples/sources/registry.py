"""An invented registry of professionals, by number, as many real ones are: JSON over HTTP.

    GET  /professionals?number=9000010000    200 {"count": 1, "professionals": [{...}]}, or a count of 0
    GET  /professionals/9000010000           200 {"number": ..., ...} or 404 {"error": "not found"}
    GET  /professionals?number=9000010000,9000010372    as the first, with the records of all
    POST /search  {"number": "9000010000"}   as the first

The last digit of a number is a Luhn check digit. A record has a status (`active`, `suspended`, `struck_off`), all
names that the person practises or practised under, and the code of the profession.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from examples.sources.answer import Answer


def _person(number: str, family: str, given: str, **more: Any) -> dict[str, Any]:
    names = [{"family": family, "given": given, "kind": "current"}, *more.pop("former", [])]
    return {"number": number, "names": names, "status": "active", "profession": {"code": "10"}, **more}


PHYSICIAN = _person("9000010000", "Valombre", "Iris Anne")
MARRIED = _person(
    "9000010372", "Kerouen-Sardel", "Maëlle", former=[{"family": "Sardel", "given": "Maëlle", "kind": "former"}]
)
SUSPENDED = _person("9000010745", "Corvec", "Tugdual", status="suspended")
STRUCK_OFF = _person("9000011115", "Paulhac", "Odilon", status="struck_off")
PHARMACIST = _person("9000011487", "Brévan", "Solène", profession={"code": "21"})
WITHHELD = _person("9000011859", "[NON-DIFFUSIBLE]", "[NON-DIFFUSIBLE]")
UNUSUAL = _person("9000012220", "Sternhag", "Aud", status="S")
TWICE = [_person("9000012592", "Vigie", "Lazare"), _person("9000012592", "Étale", "Perrine")]
ABSENT = "9000012964"
"""A number with a right check digit that is not in the registry."""

RECORDS: list[dict[str, Any]] = [
    PHYSICIAN, MARRIED, SUSPENDED, STRUCK_OFF, PHARMACIST, WITHHELD, UNUSUAL, *TWICE
]  # fmt: skip


def answer(method: str, path: str, query: Mapping[str, str], body: bytes) -> Answer:
    """The registry's answer to one request; `path` is what follows `/registry`, still encoded."""
    match method, path.strip("/").split("/"):
        case "GET", ["professionals"] if "number" in query:
            return _search(query["number"])
        case "GET", ["professionals", number]:
            found = _records(unquote(number))
            return Answer(found[0]) if found else Answer({"error": "not found"}, 404)
        case "POST", ["search"]:
            try:
                return _search(str(json.loads(body)["number"]))
            except (ValueError, LookupError, TypeError):
                return Answer({"error": "the request is no JSON object with a number"}, 400)
    return Answer({"error": "no such resource"}, 404)


def _search(numbers: str) -> Answer:
    found = [record for number in dict.fromkeys(numbers.split(",")) for record in _records(number)]
    return Answer({"count": len(found), "professionals": found})


def _records(number: str) -> list[dict[str, Any]]:
    return [record for record in RECORDS if record["number"] == number]
