"""What the demonstration asks, and what must come out: invented people in an invented town."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples.sources import registry
from examples.sources.moods import Mood

HERE = Path(__file__).resolve().parent
TOWN = HERE.parent / "town"

MOODS = {
    "down-then-back": ("registry: down, then back", "20s"),
    "throttling-then-back": ("registry: not so fast", "20s"),
    "wrong-shape": ("registry: changed shape", "3s"),
    "wrong-type": ("registry: in maintenance", "3s"),
    "time-out": ("registry: never answers", "3s"),
}
"""Each is a source of its own, with the deadline of its question."""

REVIEW = "review"
CONFIRMED_ALREADY = "already_confirmed"


@dataclass(frozen=True, slots=True)
class Line:
    """One confirmed answer. `outcome` is what its verdict must say, or `review`, or `already_confirmed`.

    `after` is the participant whose lines must be settled first.
    """

    text: str
    consultation: str
    participant: str
    question: str
    answer: Mapping[str, str]
    outcome: str
    reason: str | None = None
    after: str | None = None


def configuration(base: Mapping[str, Any], sources: str) -> dict[str, Any]:
    """The configuration: `base` (`jurat.yaml`) with its places filled in, and a source for each mood."""
    document: dict[str, Any] = _filled_in(deepcopy(dict(base)), sources)
    questions = {}
    for mood, (_, deadline) in MOODS.items():
        source = _filled_in(deepcopy(document["sources"]["registry"]), "")
        request = source["steps"][0]["request"]
        request["url"] = request["url"].replace(f"/moods/{Mood.OK}/", f"/moods/{mood}/")
        document["sources"][f"registry-{mood}"] = source
        document["criteria"][f"is-physician-{mood}"] = {
            "source": f"registry-{mood}",
            "require": {"professions": ["10"]},
        }
        questions[mood] = {"criterion": f"is-physician-{mood}", "deadline": deadline}
    document["consultations"]["moods"] = {"title": {"en": "Sources in bad moods"}, "questions": questions}
    return document


def _filled_in(value: Any, sources: str) -> Any:
    match value:
        case str():
            return value.replace("SOURCES", sources).replace("TOWN", str(TOWN))
        case dict():
            return {key: _filled_in(part, sources) for key, part in value.items()}
        case list():
            return [_filled_in(part, sources) for part in value]
    return value


def _address(number: str, street: str, postcode: str = "99001") -> dict[str, str]:
    return {"number": number, "street": street, "postcode": postcode, "city": "Valmont"}


def _professional(record: Mapping[str, Any]) -> dict[str, str]:
    name = record["names"][0]
    return {"number": record["number"], "family_name": name["family"], "given_name": name["given"]}


def _residence(text: str, answer: Mapping[str, str], outcome: str, reason: str) -> Line:
    return Line(f"residence: {text}", "budget", f"resident {text}", "residence", answer, outcome, reason)


def _profession(text: str, answer: Mapping[str, str], outcome: str, reason: str) -> Line:
    return Line(f"physician: {text}", "budget", f"professional {text}", "profession", answer, outcome, reason)


def lines(codes: list[str]) -> list[Line]:
    """All that is asked, in order. `codes` are two access codes that were generated for the list `spring`."""
    physician = _professional(registry.PHYSICIAN)
    mistyped = codes[1][:-1] + ("0" if codes[1][-1] != "0" else "1")
    unknown, throttled = codes[2], "throttling-then-back"
    return [
        _residence("inside the zone", _address("6", "Rue des Tanneurs"), "accepted", "inside_zone"),
        _residence("outside", _address("12", "Quai des Sardiniers", "99002"), "refused", "outside_zone"),
        _residence("at the border", _address("28", "Rue du Passage"), "undetermined", "near_border"),
        _residence("no such number", _address("99", "Rue des Tanneurs"), "undetermined", "house_number_not_found"),
        _residence("two numbers", _address("6", "8 Rue des Tanneurs"), "undetermined", "ambiguous_address"),
        _residence("misspelled", _address("6", "Rue des Taneurs"), "accepted", "inside_zone"),
        _residence("no such street", _address("6", "Avenue Inventée"), "undetermined", "street_differs"),
        _residence("wrong postcode", _address("6", "Rue des Tanneurs", "99002"), "undetermined", "postcode_differs"),
        _profession("yes", physician, "accepted", "record_matches"),
        _profession("suspended", _professional(registry.SUSPENDED), "refused", "status_inactive"),
        _profession("a pharmacist", _professional(registry.PHARMACIST), "refused", "profession_not_eligible"),
        _profession("another's number", {**physician, "family_name": "Roc"}, "undetermined", "name_differs"),
        _profession("no such number", {**physician, "number": registry.ABSENT}, "refused", "record_not_found"),
        _profession("mistyped number", {**physician, "number": "9000010001"}, "undetermined", "number_malformed"),
        Line(MOODS["down-then-back"][0], "moods", "p", "down-then-back", physician, "accepted", "record_matches"),
        Line(MOODS[throttled][0], "moods", "p", throttled, physician, "accepted", "record_matches"),
        Line(MOODS["wrong-shape"][0], "moods", "p", "wrong-shape", physician, "undetermined", "source_unreadable"),
        Line(MOODS["wrong-type"][0], "moods", "p", "wrong-type", physician, "undetermined", "source_unreadable"),
        Line(MOODS["time-out"][0], "moods", "p", "time-out", physician, "undetermined", "source_unavailable"),
        Line("code: right", "budget", "coder", "code", {"code": codes[0]}, "accepted", "code_valid"),
        Line("code: mistyped", "budget", "typist", "code", {"code": mistyped}, "undetermined", "code_malformed"),
        Line("code: wrong", "budget", "guesser", "code", {"code": unknown}, "refused", "code_unknown"),
        Line("code: used by another", "budget", "late", "code", {"code": codes[0]}, "refused", "code_used", "coder"),
        Line(
            "Ada: residence", "budget", "Ada", "residence", _address("8", "rue des tanneurs"), "accepted", "inside_zone"
        ),
        Line("Ada: profession", "budget", "Ada", "profession", physician, "accepted", "record_matches"),
        Line(
            "Ada: residence, again", "budget", "Ada", "residence", _address("9", "x"), CONFIRMED_ALREADY, after="Ada"
        ),
        Line(
            "Ben: residence", "budget", "Ben", "residence", _address("9", "Rue de la Criée", "99002"), "refused",
            "outside_zone",
        ),
        Line(
            "Cleo: geocoder down", "harbour-survey", "Cleo", "residence",
            _address("12", "Quai des Sardiniers", "99002"), "accepted", "inside_zone",
        ),
        Line("Cleo: a proof", "harbour-survey", "Cleo", "proof", {"statement": "I keep a boat there."}, REVIEW),
    ]  # fmt: skip


ACCESS = {"Ada": ("budget", "granted"), "Ben": ("budget", "blocked"), "Cleo": ("harbour-survey", "pending")}
"""What the answers of three people must add up to."""
