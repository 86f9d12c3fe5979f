"""Plays recorded and published answers of real registries through the presets, over HTTP.

They are about real people and companies. They are in a folder next to the repository, and never part of it. What is
typed is read from the answer itself, or made up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.registries.shipped import Shipped, asked, verdict
from bench.rig import ROOT
from config.registry.model.trials import Trial
from examples.sources import Sources
from examples.sources.answer import Answer

FOLDER = ROOT.parent / "shared" / "data" / "registries"

Payload = Any
"""The content of a file."""

STRANGER = {"family_name": "Quillfeather", "given_name": "Marisol"}


def as_it_is(payload: Payload) -> Any:
    """The file is the whole answer."""
    return payload


def in_bundle(payload: Payload) -> Any:
    """The file is one resource of FHIR; the answer is a bundle of it."""
    return {"resourceType": "Bundle", "type": "searchset", "total": 1, "entry": [{"resource": payload}]}


def of_fixture(payload: Payload) -> Any:
    """The file is a fixture of another client, with the answer in it."""
    return payload["result"]


@dataclass(frozen=True)
class Case:
    """One question about one file. `typed` makes it from what the file holds."""

    preset: str
    file: str
    about: str
    typed: Callable[[Payload], Mapping[str, str]]
    expected: str
    require: Mapping[str, Any] = field(default_factory=dict)
    answer: Callable[[Payload], Any] = as_it_is
    status: int = 200


@dataclass(frozen=True, slots=True)
class Shown:
    """The result of a case."""

    preset: str
    file: str
    about: str
    expected: str
    found: str

    @property
    def is_right(self) -> bool:
        return self.found == self.expected


def _npi(payload: Payload) -> Mapping[str, str]:
    (record,) = payload["results"]
    names = {"family_name": record["basic"].get("last_name", "-"), "given_name": record["basic"].get("first_name", "-")}
    return {"number": str(record["number"]), **names}


def _official(payload: Payload) -> Mapping[str, str]:
    basic = payload["results"][0]["basic"]
    names = {
        "family_name": basic["authorized_official_last_name"],
        "given_name": basic["authorized_official_first_name"],
    }
    return {**_npi(payload), **names}


def _rpps(payload: Payload) -> Mapping[str, str]:
    number = next(one["value"] for one in payload["identifier"] if "rpps" in one["system"])
    (name,) = payload["name"]
    return {"number": number, "family_name": name["family"], "given_name": name["given"][0]}


def _siren(payload: Payload) -> Mapping[str, str]:
    (unit,) = payload["result"]["results"]
    leader = unit["dirigeants"][0]
    return {"number": unit["siren"], "family_name": leader["nom"], "given_name": leader["prenoms"].split()[0]}


def _vat(payload: Payload) -> Mapping[str, str]:
    return {"country": "IT", "number": payload["vatNumber"], "company": payload["name"]}


def _fhir(payload: Payload) -> Mapping[str, str]:
    resources = [entry["resource"] for entry in payload.get("entry", [])] or [payload]
    person = next(one for one in resources if one["resourceType"] == "Practitioner")
    number = next(one["value"] for one in person["identifier"] if one["system"].endswith("us-npi"))
    (name,) = person["name"]
    return {"number": number, "family_name": name["family"], "given_name": name["given"][0]}


def of_record(payload: Payload) -> Any:
    """The file is a whole record of ORCID; the answer is its part about the person."""
    return payload["person"]


def _orcid(payload: Payload) -> Mapping[str, str]:
    name = payload["person"]["name"]
    return {
        "number": name["path"],
        "family_name": name["family-name"]["value"],
        "given_name": name["given-names"]["value"],
    }


def _stranger(typed: Callable[[Payload], Mapping[str, str]]) -> Callable[[Payload], Mapping[str, str]]:
    return lambda payload: {**typed(payload), **STRANGER}


def _made_up(**typed: str) -> Callable[[Payload], Mapping[str, str]]:
    return lambda _: {**STRANGER, **typed}


_PHYSICIANS = {"professions": ["202", "204", "207", "208", "209"]}
_SOMEBODY = _made_up(number="2000000119")
_DOCTOR, _PHARMACIST = {"professions": ["10"]}, {"professions": ["21"]}
_DIRECTORY = _made_up(number="99900010002")
_COMPANY = {"country": "IT", "number": "99000100109", "company": "Lanterna SpA"}

_NPPES, _ANS, _DINUM, _VIES, _HL7, _ORCID = (
    "us-npi",
    "fr-annuaire-sante",
    "fr-recherche-entreprises",
    "eu-vies",
    "fhir-practitioner",
    "orcid",
)
CASES = (
    Case(_NPPES, "nppes/individual-old-schema.json", "a physician", _npi, "accepted", _PHYSICIANS),
    Case(
        *(_NPPES, "nppes/individual-old-schema.json", "the same, where dentists are asked", _npi),
        *("refused/profession_not_eligible", {"professions": ["1223"]}),
    ),
    Case(
        *(_NPPES, "nppes/individual-old-schema.json", "another name", _stranger(_npi)),
        *("undetermined/name_differs", _PHYSICIANS),
    ),
    Case(
        *(_NPPES, "nppes/organization-new-schema.json", "an organisation, by its official", _official),
        *("refused/not_a_person", _PHYSICIANS),
    ),
    Case(
        *(_NPPES, "nppes/organization-new-schema.json", "an organisation, by a stranger", _stranger(_npi)),
        *("undetermined/name_differs", _PHYSICIANS),
    ),
    Case(_NPPES, "nppes/empty.json", "nobody", _SOMEBODY, "refused/record_not_found", _PHYSICIANS),
    Case(_NPPES, "nppes/error-15-deactivated.json", "deactivated", _SOMEBODY, "refused/record_not_found", _PHYSICIANS),
    Case(
        *(_NPPES, "nppes/error-04-no-criteria.json", "an error of ours", _SOMEBODY),
        *("undetermined/source_rejected_request", _PHYSICIANS),
    ),
    Case(
        *(_NPPES, "nppes/error-09-enumeration-type.json", "an error of ours", _SOMEBODY),
        *("undetermined/source_rejected_request", _PHYSICIANS),
    ),
    Case(
        *(_ANS, "annuaire-sante/Practitioner-334081DP.json", "a physician", _rpps),
        *("accepted", _DOCTOR, in_bundle),
    ),
    Case(
        *(_ANS, "annuaire-sante/Practitioner-334081DP.json", "another name", _stranger(_rpps)),
        *("undetermined/name_differs", _DOCTOR, in_bundle),
    ),
    Case(
        *(_ANS, "annuaire-sante/Practitioner-3719500DP.json", "a pharmacist", _rpps),
        *("accepted", _PHARMACIST, in_bundle),
    ),
    Case(
        *(_ANS, "annuaire-sante/Practitioner-3719500DP.json", "the same, where physicians are asked", _rpps),
        *("refused/profession_not_eligible", _DOCTOR, in_bundle),
    ),
    Case(
        *(_ANS, "annuaire-sante/PractitionerRole-5015602DP.json", "a role alone", _DIRECTORY),
        *("undetermined/record_not_found", _DOCTOR, in_bundle),
    ),
    Case(
        *(_ANS, "annuaire-sante/OperationOutcome-unknown-resource.json", "an error, with status 404", _DIRECTORY),
        *("undetermined/source_rejected_request", _DOCTOR, as_it_is, 404),
    ),
    Case(
        *(_ANS, "annuaire-sante/OperationOutcome-unknown-resource.json", "the same, with status 200", _DIRECTORY),
        *("undetermined/source_rejected_request", _DOCTOR),
    ),
    Case(
        *(_DINUM, "recherche-entreprises/search-880878145.json", "who is left of it, but it has ceased", _siren),
        *("refused/status_inactive", {}, of_fixture),
    ),
    Case(
        *(_DINUM, "recherche-entreprises/search-880878145.json", "another name", _stranger(_siren)),
        *("undetermined/name_differs", {}, of_fixture),
    ),
    Case(
        *(_DINUM, "recherche-entreprises/search-12345678900003.json", "nobody", _made_up(number="999000102")),
        *("undetermined/record_not_found", {}, of_fixture),
    ),
    Case(_VIES, "vies/get-ms-vat-valid.json", "a company", _vat, "accepted"),
    Case(
        *(
            _VIES,
            "vies/get-ms-vat-valid.json",
            "another name",
            lambda payload: {**_vat(payload), "company": "Lanterna"},
        ),
        "undetermined/name_differs",
    ),
    Case(
        *(_VIES, "vies/get-ms-vat-throttled.json", "throttled", lambda _: _COMPANY),
        "undetermined/source_throttled",
    ),
    Case(
        *(_VIES, "vies/error-ms-unavailable.json", "a member state is out of service", lambda _: _COMPANY),
        "undetermined/source_unavailable",
    ),
    Case(
        *(_HL7, "fhir/uscore-bundle-role-practitioner.json", "nothing is said of active", _fhir),
        "undetermined/status_unknown",
    ),
    Case(
        *(_HL7, "fhir/uscore-bundle-role-practitioner.json", "another name", _stranger(_fhir)),
        "undetermined/name_differs",
    ),
    Case(
        *(_HL7, "fhir/uscore-practitioner-1.json", "nothing is said of active", _fhir),
        *("undetermined/status_unknown", {}, in_bundle),
    ),
    Case(_ORCID, "orcid/record-full-3.0.json", "an account", _orcid, "accepted", {}, of_record),
    Case(
        *(_ORCID, "orcid/record-full-3.0.json", "another name", _stranger(_orcid)),
        *("undetermined/name_differs", {}, of_record),
    ),
)


def shown(case: Case, folder: Path = FOLDER) -> Shown:
    """Serve the file on this machine and ask.

    Raises FileNotFoundError if the files are not next to the repository.
    """
    payload = json.loads((folder / case.file).read_text("utf-8"))
    answer = Answer(case.answer(payload), case.status)
    shipped = Shipped.of(case.preset)
    with Sources(services={"payload": lambda method, path, query, body: answer}) as sources:
        source = shipped.elsewhere(lambda _: sources.url("ok", "payload"))
        typed = Trial.model_validate(
            {"name": case.about, "input": case.typed(payload), "require": case.require, "expect": case.expected}
        )
        adapter, query = asked(source, typed, timeout=20.0)
        try:
            return Shown(case.preset, case.file, case.about, case.expected, verdict(adapter, query))
        finally:
            adapter.close()


def all_shown(folder: Path = FOLDER) -> Iterator[Shown]:
    """Every case."""
    return (shown(case, folder) for case in CASES)
