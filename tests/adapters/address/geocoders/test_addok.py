"""The French national geocoder: its conformance, its queries, its answers' shape, when it is asked a second time."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest

from adapters.address.geocoders.addok import Addok
from adapters.base import Another, Places, Query, Throttled, Unavailable, Unreadable
from adapters.http_client.transport import Transport
from config.levels import Level
from config.networks import LOOPBACK
from tests.adapters.address.servers import Answering, changed
from tests.adapters.conformance import Case, Conformance, Subject

HOUSE = {"number": "4", "street": "Rue des Tanneurs", "postcode": "99001", "city": "Valmont"}
BODY: dict[str, Any] = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [-37.99, 44.01]},
            "properties": {
                "label": "8bis Rue du Moulin 99002 Valmont",
                "score": 0.95,
                "housenumber": "8bis",
                "id": "99901_0160_00008_bis",
                "type": "housenumber",
                "name": "8bis Rue du Moulin",
                "postcode": "99002",
                "citycode": "99901",
                "city": "Valmont",
                "street": "Rue du Moulin",
                "_type": "address",
            },
        },
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [-37.99, 44.01]},
            "properties": {"type": "street", "name": "Rue du Moulin", "score": 0.6, "postcode": "99002"},
        },
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [-37.98, 44.0]},
            "properties": {"type": "municipality", "name": "Valmont", "score": 0.4, "city": "Valmont"},
        },
    ],
}


def build(url: str) -> Addok:
    return Addok(url, Transport(loopback_http=True, private_networks=LOOPBACK))


class TestAddok(Conformance):
    subject = Subject(
        service="geocoder",
        build=build,
        found=Case(Query(HOUSE), lambda found: found.places[0].number == "4"),
        missing=Case(
            Query({**HOUSE, "street": "Zzyzx"}), lambda found: all(place.street != "Zzyzx" for place in found.places)
        ),
        ambiguous=Case(Query({**HOUSE, "street": "Rue Corvec"}), lambda found: len(found.places) > 1),
    )


def ask(geocoder: Answering, answer: dict[str, str] | None = None, *, timeout: float = 10.0, **options: Any) -> Places:
    options.setdefault("another", lambda _: 0.0)
    source = Addok(geocoder.url + "/", Transport(loopback_http=True, private_networks=LOOPBACK), **options)
    try:
        return source.look_up(Query(answer or HOUSE, timeout=timeout))
    finally:
        source.close()


def test_each_candidate_keeps_what_the_rule_needs(geocoder: Answering) -> None:
    geocoder.bodies = [BODY]
    places = ask(geocoder)
    assert places.provider == "addok"
    house, street, town = places.places
    assert (house.level, house.number, house.street, house.postcode) == (
        Level.HOUSENUMBER, "8bis", "Rue du Moulin", "99002",
    )  # fmt: skip
    assert (house.longitude, house.latitude, house.score, house.city_code) == (-37.99, 44.01, 0.95, "99901")
    assert (street.level, street.number, street.street) == (Level.STREET, None, "Rue du Moulin")
    assert (town.level, town.street, town.city) == (Level.MUNICIPALITY, None, "Valmont")


@pytest.mark.parametrize(
    ("attribution", "named"),
    [
        (None, "BAN"),
        ("BANO", "BANO"),
        ("The maps of Valmont", "The maps of Valmont"),
        ({}, ""),
    ],
)
def test_the_attribution_is_the_answers_own_else_that_of_the_national_base(
    geocoder: Answering, attribution: Any, named: str
) -> None:
    geocoder.bodies = [{**BODY, "attribution": attribution}]
    assert ask(geocoder).attribution == named


@pytest.mark.parametrize(
    ("answer", "query"),
    [
        (HOUSE, "4 rue des tanneurs 99001"),
        (
            {"number": "8 bis", "street": "Bd. du Mal Kerouen", "postcode": "99 001"},
            "8bis boulevard du marechal kerouen 99001",
        ),
        ({"street": "(Rue des Tanneurs)"}, "rue des tanneurs"),
        (
            {"number": "Appt 3, 4", "street": "rue des Tanneurs, 2e étage", "postcode": "99001"},
            "4 rue des tanneurs 99001",
        ),
    ],
)
def test_it_asks_for_the_address_and_nothing_more(geocoder: Answering, answer: dict[str, str], query: str) -> None:
    geocoder.bodies = [BODY]
    ask(geocoder, answer)
    assert geocoder.asked == [("/base/search", {"q": query, "limit": "50", "autocomplete": "0"})]


def test_the_town_is_no_filter_for_it_would_hide_the_street_of_that_name_elsewhere(geocoder: Answering) -> None:
    geocoder.bodies = [BODY]
    ask(geocoder, {**HOUSE, "city_code": "2a004"})
    assert geocoder.query == {"q": "4 rue des tanneurs 99001", "limit": "50", "autocomplete": "0"}


def test_a_long_street_is_cut_to_what_the_geocoder_takes(geocoder: Answering) -> None:
    geocoder.bodies = [BODY]
    ask(geocoder, {"number": "4", "street": "rue " + "très " * 500, "postcode": "99001"})
    assert len(geocoder.query["q"]) <= 200
    assert geocoder.query["q"].endswith("99001")


def test_a_query_of_one_letter_is_not_sent(geocoder: Answering) -> None:
    assert ask(geocoder, {"street": "x"}).places == ()
    assert geocoder.asked == []


@pytest.mark.parametrize(("former", "hamlet"), [("Sorel", "Sorel"), ("Valmont", None), (None, None)])
def test_a_former_town_is_a_hamlet_unless_it_is_the_town(
    geocoder: Answering, former: str | None, hamlet: str | None
) -> None:
    body = copy.deepcopy(BODY)
    body["features"][0]["properties"]["oldcity"] = former
    geocoder.bodies = [body]
    house, *others = ask(geocoder).places
    assert (house.city, house.hamlet) == ("Valmont", hamlet)
    assert {place.hamlet for place in others} == {None}


def test_no_candidate_is_an_answer(geocoder: Answering) -> None:
    geocoder.bodies = [{"type": "FeatureCollection", "features": []}]
    assert ask(geocoder).places == ()


PROPERTIES = ("features", 0, "properties")
GEOMETRY = ("features", 0, "geometry")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("features",), None, "features is no list"),
        (("features",), {"0": 1}, "features is no list"),
        (("features", 0), [], "features[0] is no object"),
        (PROPERTIES, None, "features[0].properties is no object"),
        (GEOMETRY, None, "features[0].geometry is no object"),
        ((*GEOMETRY, "type"), "LineString", "features[0].geometry is no GeoJSON Point"),
        ((*GEOMETRY, "coordinates"), [1], "features[0].geometry is no GeoJSON Point"),
        ((*GEOMETRY, "coordinates"), ["1", "2"], "features[0].geometry.coordinates[0] is no number from -180 to 180"),
        ((*GEOMETRY, "coordinates"), [1, 91], "features[0].geometry.coordinates[1] is no number from -90 to 90"),
        ((*GEOMETRY, "coordinates"), [True, 1], "is no number"),
        ((*PROPERTIES, "type"), "poi", "type is none of housenumber, street, locality, municipality"),
        ((*PROPERTIES, "type"), None, "type is none of"),
        ((*PROPERTIES, "type"), "street", "housenumber does not fit its type"),
        ((*PROPERTIES, "housenumber"), None, "housenumber does not fit its type"),
        ((*PROPERTIES, "housenumber"), 8, "housenumber is no text"),
        ((*PROPERTIES, "postcode"), 99002, "postcode is no text"),
        ((*PROPERTIES, "city"), ["Valmont"], "city is no text"),
        ((*PROPERTIES, "score"), "0.9", "score is no number"),
        ((*PROPERTIES, "score"), 17, "score is no number from 0 to 1.5"),
        ((*PROPERTIES, "score"), None, "score is no number"),
    ],
)
def test_another_shape_is_unreadable_and_says_where(
    geocoder: Answering, path: tuple[Any, ...], value: Any, said: str
) -> None:
    geocoder.bodies = [changed(BODY, path, value)]
    with pytest.raises(Unreadable) as caught:
        ask(geocoder)
    assert said in caught.value.detail


def test_too_many_calls_stop_the_source_as_long_as_it_says(geocoder: Answering) -> None:
    geocoder.status, geocoder.headers = 429, {"Retry-After": "5"}
    with pytest.raises(Throttled) as caught:
        ask(geocoder)
    assert caught.value.retry_after == 5


def found(*streets: str, postcode: str = "99001", number: str | None = "4") -> dict[str, Any]:
    """An answer with a house of each street, or with the streets alone."""
    own = {"type": "street"} if number is None else {"type": "housenumber", "housenumber": number}
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [-37.99, 44.01]},
                "properties": {
                    **own, "name": street, "street": street, "postcode": postcode, "city": "Valmont",
                    "citycode": "99901", "score": 0.7,
                },
            }
            for street in streets
        ],
    }  # fmt: skip


# "pelanfer" has two wrong letters of "polanter", and is in no name unless a test adds one.
MISSPELLED = {**HOUSE, "street": "rue Pelanfer"}
SECOND = {"q": "pelanfer", "type": "street", "limit": "50", "autocomplete": "0"}


def test_a_word_that_no_street_has_is_said_to_be_unknown(geocoder: Answering) -> None:
    geocoder.bodies = [found("Rue Polanter"), found("Rue Polanter", "Rue Planfier", number=None)]
    places = ask(geocoder, MISSPELLED)
    assert places.unknown_words == {"pelanfer"}
    assert [place.street for place in places.places] == ["Rue Polanter"]
    assert [query for _, query in geocoder.asked][1:] == [SECOND]


@pytest.mark.parametrize("name", ["Rue Pelanfer", "Place Pélanfer", "Impasse du Petit PELANFER"])
def test_a_word_that_some_street_has_is_no_misspelled_one(geocoder: Answering, name: str) -> None:
    geocoder.bodies = [found("Rue Polanter"), found("Rue Planfier", name, postcode="99444", number=None)]
    assert ask(geocoder, MISSPELLED).unknown_words == frozenset()
    assert len(geocoder.asked) == 2


def test_a_word_that_the_first_answer_has_is_not_asked_for(geocoder: Answering) -> None:
    geocoder.bodies = [{**BODY, "features": found("Rue Polanter")["features"] + found("Place Pelanfer")["features"]}]
    assert ask(geocoder, MISSPELLED).unknown_words == frozenset()
    assert len(geocoder.asked) == 1


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (HOUSE, found("Rue des Tanneurs")),  # written as it is
        ({**HOUSE, "street": "rue des Taneurs"}, found("Rue des Tanneurs")),  # one slip
        ({**HOUSE, "street": "rue Zzyzx"}, found("Rue des Tanneurs")),  # nothing is alike
        (MISSPELLED, found("Rue Polanter", "Rue Pelanter")),  # another street is alike without it
        (MISSPELLED, found("Rue Polanter", postcode="99002")),  # another postcode
        (MISSPELLED, found("Rue Polanter", number="6")),  # no such number
        (MISSPELLED, found("Rue Polanter", number=None)),
        ({"street": "rue Pelanfer", "postcode": "99001"}, found("Rue Polanter")),  # no number
        ({**HOUSE, "street": "rue Pelanfer Cormodan"}, found("Rue Polanter Karmodan")),  # two such words
    ],
)
def test_it_is_asked_once_where_a_second_answer_would_change_nothing(
    geocoder: Answering, answer: dict[str, str], body: dict[str, Any]
) -> None:
    geocoder.bodies = [body]
    assert ask(geocoder, answer).unknown_words == frozenset()
    assert len(geocoder.asked) == 1


def test_names_are_parted_into_words_as_their_language_does(geocoder: Answering) -> None:
    asked = {**HOUSE, "street": "Pelanfer Straße"}
    geocoder.bodies = [found("Polanterstraße"), found("Pelanferweg", postcode="99444", number=None)]
    assert ask(geocoder, asked, language="de").unknown_words == frozenset()
    assert [query["q"] for _, query in geocoder.asked][1:] == ["pelanfer"]


def test_a_part_of_a_word_is_not_asked_for_since_no_search_finds_it_in_other_words(geocoder: Answering) -> None:
    geocoder.bodies = [found("Polanterstraße")]
    assert ask(geocoder, {**HOUSE, "street": "Pelanferstraße"}, language="de").unknown_words == frozenset()
    assert len(geocoder.asked) == 1


def test_the_code_of_the_town_makes_a_house_count_as_its_postcode_does(geocoder: Answering) -> None:
    geocoder.bodies = [found("Rue Polanter", postcode="99002"), found("Rue Polanter", number=None)]
    assert ask(geocoder, {**MISSPELLED, "city_code": "99901"}).unknown_words == {"pelanfer"}


@pytest.mark.parametrize("another", [None, lambda _: None])
def test_a_second_request_that_nobody_pays_is_not_sent(geocoder: Answering, another: Another | None) -> None:
    geocoder.bodies = [found("Rue Polanter")]
    assert ask(geocoder, MISSPELLED, another=another).unknown_words == frozenset()
    assert len(geocoder.asked) == 1


def test_the_second_request_waits_for_its_start_and_leaves_itself_time(geocoder: Answering) -> None:
    geocoder.bodies = [found("Rue Polanter"), found("Rue Planfier", number=None)]
    longest: list[float] = []
    slept: list[float] = []

    def another(seconds: float) -> float:
        longest.append(seconds)
        return 0.3

    ask(geocoder, MISSPELLED, another=another, sleep=slept.append)
    assert longest == [1.0]
    assert slept == [0.3]
    geocoder.bodies = [found("Rue Polanter"), found("Rue Planfier", number=None)]
    ask(geocoder, MISSPELLED, another=another, sleep=slept.append, timeout=1.2)
    assert 0 < longest[1] <= 0.7


def test_without_the_second_answer_there_is_none(geocoder: Answering) -> None:
    geocoder.bodies = [found("Rue Polanter"), b"<html>"]
    with pytest.raises(Unreadable):
        ask(geocoder, MISSPELLED)


def test_one_timeout_bounds_both_requests(geocoder: Answering) -> None:
    geocoder.bodies, geocoder.silent_after = [found("Rue Polanter")], 1
    started = time.monotonic()
    with pytest.raises(Unavailable):
        ask(geocoder, MISSPELLED, timeout=0.8)
    assert len(geocoder.asked) == 2
    assert time.monotonic() - started < 5
