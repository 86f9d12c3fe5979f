"""A small geocoder over the invented town, in the shape of addok and the French national address base.

    GET /search?q=4 rue des Tanneurs 99001 Valmont&limit=5&postcode=99001

answers a GeoJSON FeatureCollection, best first. Like the real one it always offers what is most alike, so its score
alone proves nothing, and it answers a street if the house number does not exist. `geocoders` answers
for the same town in the formats of other geocoders.
"""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from anyascii import anyascii
from rapidfuzz import fuzz

from examples.sources.answer import Answer

TOWN = Path(__file__).parent.parent / "town" / "addresses.csv"
"""The town's addresses, in the CSV format of the Base Adresse Nationale."""

_LOWEST_SCORE = 0.3
_SHORT = {
    "av": "avenue", "bd": "boulevard", "bvd": "boulevard", "pl": "place", "r": "rue", "ch": "chemin", "imp": "impasse",
    "all": "allee", "rte": "route", "st": "saint", "dr": "docteur", "mal": "marechal",
}  # fmt: skip


class House(NamedTuple):
    """One house number, with its position in degrees."""

    id: str
    number: str
    longitude: float
    latitude: float


class Street(NamedTuple):
    """One street of one postcode."""

    name: str
    postcode: str
    city: str
    city_code: str
    houses: dict[str, House]

    @property
    def middle(self) -> House:
        """The house in the middle of the list."""
        return list(self.houses.values())[len(self.houses) // 2]


class Hit(NamedTuple):
    """A street that may be meant, with the house where it has one of the number asked for."""

    street: Street
    house: House | None
    score: float


@functools.cache
def _streets(town: Path) -> list[Street]:
    streets: dict[tuple[str, str, str], Street] = {}
    with town.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter=";"):
            number = row["numero"] + row["rep"].casefold()
            street = streets.setdefault(
                (row["nom_voie"], row["code_postal"], row["code_insee"]),
                Street(row["nom_voie"], row["code_postal"], row["nom_commune"], row["code_insee"], {}),
            )
            street.houses[number] = House(row["id"], number, float(row["lon"]), float(row["lat"]))
    return list(streets.values())


def answer(method: str, path: str, query: Mapping[str, str], town: Path = TOWN) -> Answer:
    """The geocoder's answer to one request; `path` is what follows `/geocoder`."""
    if method != "GET" or path.strip("/") != "search":
        return Answer({"title": "404 Not Found"}, 404)
    text = query.get("q", "").strip()
    if not 3 <= len(text) <= 200 or not text[0].isalnum():
        return Answer(
            {"code": 400, "message": "Failed parsing query", "detail": ["q: must contain 3 to 200 chars"]}, 400
        )
    limit = query.get("limit", "5")
    if not (limit.isdecimal() and 1 <= int(limit) <= 50):
        return Answer({"code": 400, "message": "Failed parsing query", "detail": ["limit: must be 1 to 50"]}, 400)

    def wanted(street: Street) -> bool:
        return query.get("postcode", street.postcode) == street.postcode and (
            query.get("citycode", street.city_code) == street.city_code
        )

    hits = find(text, town, wanted)
    if query.get("type") == "street":
        hits = [hit._replace(house=None) for hit in hits]
    features = [_feature(*hit) for hit in hits[: int(limit)]]
    return Answer({"type": "FeatureCollection", "features": features, "query": text})


def find(text: str, town: Path, wanted: Callable[[Street], bool] = lambda _: True) -> list[Hit]:
    """The streets that `text` may mean ("4bis, r. de l'Étale 99002"), best first, of those that are `wanted`."""
    words, number, postcode = _parse(text)
    found = []
    for street in filter(wanted, _streets(town)):
        score = _likeness(words, street) - (0.2 if postcode and postcode != street.postcode else 0.0)
        house = street.houses.get(number)
        if number and house is None:
            score -= 0.1
        if score >= _LOWEST_SCORE:
            found.append(Hit(street, house, round(score, 4)))
    return sorted(found, key=lambda hit: -hit.score)


def _parse(text: str) -> tuple[str, str, str]:
    """Words, house number and postcode: "4bis, r. de l'Étale 99002" gives "rue de l etale", "4bis" and "99002"."""
    folded = re.sub(r"[^a-z0-9]+", " ", anyascii(text).casefold()).strip()
    postcode = re.search(r"\b[0-9]{5}\b", folded)
    if postcode:
        folded = folded.replace(postcode[0], " ")
    number = re.match(r"\s*([0-9]{1,4})\s*(bis|ter|[a-d])?\b", folded)
    if number:
        folded = folded[number.end() :]
    words = " ".join(_SHORT.get(word, word) for word in folded.split())
    return words, "".join(number.groups("")) if number else "", postcode[0] if postcode else ""


def _likeness(words: str, street: Street) -> float:
    name = re.sub(r"[^a-z0-9]+", " ", anyascii(street.name).casefold()).strip()
    return max(fuzz.ratio(words, name), fuzz.ratio(words, f"{name} {anyascii(street.city).casefold()}")) / 100


def _feature(street: Street, house: House | None, score: float) -> dict[str, Any]:
    if house is None:
        middle = street.middle
        own: dict[str, Any] = {"id": middle.id.rpartition("_")[0], "type": "street", "name": street.name}
    else:
        middle = house
        own = {
            "id": house.id,
            "type": "housenumber",
            "housenumber": house.number,
            "name": f"{house.number} {street.name}",
        }
        own["street"] = street.name
    properties = {
        "label": f"{own['name']} {street.postcode} {street.city}", "score": score, **own,
        "postcode": street.postcode, "citycode": street.city_code, "city": street.city,
        "context": "99, Valmont", "importance": 0.4, "_type": "address",
    }  # fmt: skip
    geometry = {"type": "Point", "coordinates": [middle.longitude, middle.latitude]}
    return {"type": "Feature", "geometry": geometry, "properties": properties}
