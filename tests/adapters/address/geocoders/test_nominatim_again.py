"""When Nominatim is asked again, for what, who pays for it, and what an outage then means."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from adapters.address.geocoders.nominatim import CANDIDATES, Nominatim
from adapters.address.geocoders.shorter_names import shorter_names
from adapters.base import Places, Query
from adapters.http_client.transport import Transport
from config.networks import LOOPBACK
from tests.adapters.address.geocoders.test_nominatim import ADDRESS, result, way
from tests.adapters.address.servers import Answering

ANSWER = {"number": "4", "street": "rue Polantre", "postcode": "99001", "city": "Valmont"}
FOUND = "Rue Polanter"


def house(street: str, **given: Any) -> dict[str, Any]:
    return result(address={**ADDRESS, "house_number": "4", "road": street, **given})


def street(name: str, **given: Any) -> dict[str, Any]:
    return way("44.01", "44.02", "-37.99", "-37.98", address={**ADDRESS, "road": name, **given})


class Purse:
    """Pays for `most` further requests, and does something `then`."""

    def __init__(self, most: int = 100, then: Callable[[], object] = lambda: None) -> None:
        self.most, self.then = most, then
        self.paid = 0
        self.slept: list[float] = []

    def __call__(self, longest: float) -> float | None:
        assert 0 < longest <= 1
        if self.paid == self.most:
            return None
        self.paid += 1
        self.then()
        return 0.3


def ask(
    geocoder: Answering, answer: dict[str, str], purse: Purse | None = None, *, timeout: float = 10.0, code: str = "fr"
) -> Places:
    purse = purse or Purse()
    source = Nominatim(
        geocoder.url,
        Transport(loopback_http=True, private_networks=LOOPBACK),
        language=code,
        another=purse,
        sleep=purse.slept.append,
    )
    try:
        return source.look_up(Query(answer, timeout=timeout))
    finally:
        source.close()
        assert purse.slept == [0.3] * purse.paid  # each is sent when it may be
        assert len(geocoder.asked) == 1 + purse.paid  # and nothing is sent that nobody paid


def streets(geocoder: Answering) -> list[str]:
    return [query["street"] for _, query in geocoder.asked]


def names(places: Places) -> list[str | None]:
    return [place.street for place in places.places]


def test_a_misspelled_street_is_found_by_its_other_words(geocoder: Answering) -> None:
    geocoder.bodies = [[], [house("Rue du Général Brévan"), house("Rue du Général Polanter")], []]
    places = ask(geocoder, {**ANSWER, "street": "rue du Gal Polantre"})
    assert names(places) == ["Rue du Général Brévan", "Rue du Général Polanter"]
    assert places.unknown_words == frozenset()
    assert streets(geocoder)[:2] == ["4 rue du general polantre", "4 rue du gal polantre"]


def test_the_typed_name_is_looked_for_in_other_towns_of_the_postcode_for_it_excludes_one_that_is_alike(
    geocoder: Answering,
) -> None:
    geocoder.bodies = [[], [house(FOUND)], [street("Rue Polantre", city="Sorel"), street("Rue du Port")]]
    places = ask(geocoder, ANSWER)
    assert names(places) == [FOUND, "Rue Polantre"]
    first, second, third = (query for _, query in geocoder.asked)
    assert second == {**first, "street": "4 rue", "layer": "address"}
    assert third == {name: text for name, text in first.items() if name != "city"} | {"street": "rue polantre"}


TWO_SLIPS = {**ANSWER, "street": "rue Pelantre"}


@pytest.mark.parametrize(
    ("named", "unknown"),
    [
        ([], {"pelantre"}),
        ([street("Place Pelanter")], {"pelantre"}),
        ([street("Place Pelantre", postcode="99444", city="Sorel")], {"pelantre"}),  # far away
        ([street("Place Pélantre")], set()),
        ([street("Place Pelantre", postcode="99444")], set()),  # in the town
        ([street("Place Pelantre", city="Sorel")], set()),  # of the postcode
    ],
)
def test_a_word_with_two_slips_is_believed_where_no_street_of_the_town_has_it(
    geocoder: Answering, named: list[Any], unknown: set[str]
) -> None:
    geocoder.bodies = [[], [house(FOUND)], named]
    places = ask(geocoder, TWO_SLIPS)
    assert places.unknown_words == unknown
    assert streets(geocoder) == ["4 rue pelantre", "4 rue", "pelantre"]


def test_a_part_of_a_word_may_be_the_misspelled_one(geocoder: Answering) -> None:
    geocoder.bodies = [[], [house("Polanterstraße")], []]
    places = ask(geocoder, {**ANSWER, "street": "Pelantrestraße"}, code="de")
    assert places.unknown_words == {"pelantre"}
    assert streets(geocoder) == ["4 pelantrestrasse", "4 strasse", "pelantre"]


def test_a_short_word_with_two_slips_is_not_believed(geocoder: Answering) -> None:
    geocoder.bodies = [[], [house("Rue Gatter")], []]
    assert ask(geocoder, {**ANSWER, "street": "rue Kater"}).unknown_words == frozenset()
    assert len(geocoder.asked) == 2


def test_a_list_that_may_have_been_cut_off_is_not_believed(geocoder: Answering) -> None:
    geocoder.bodies = [[], [house(FOUND)] * CANDIDATES]
    assert ask(geocoder, ANSWER).places == ()
    assert streets(geocoder) == ["4 rue polantre", "4 rue", "4 polantre"]


def test_where_the_abbreviation_written_out_is_unknown_it_is_asked_for_as_typed(geocoder: Answering) -> None:
    geocoder.bodies = [[], [house("Rue du Dr Polanter")]]
    assert names(ask(geocoder, {**ANSWER, "street": "rue du Dr Polanter"})) == ["Rue du Dr Polanter"]
    assert streets(geocoder) == ["4 rue du docteur polanter", "4 rue du dr polanter"]


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (ANSWER, [house(FOUND)]),  # one slip
        (ANSWER, [street("Rue Polantre", postcode="99002", city="Sorel")]),
        ({name: text for name, text in ANSWER.items() if name != "number"}, []),
        ({"number": "4", "street": "rue Polantre"}, []),  # anywhere in the country
        ({**ANSWER, "street": "Polantre"}, []),  # nothing is left
    ],
)
def test_it_is_asked_once_where_nothing_more_can_be_found(
    geocoder: Answering, answer: dict[str, str], body: list[Any]
) -> None:
    geocoder.bodies = [body]
    ask(geocoder, answer)
    assert len(geocoder.asked) == 1


@pytest.mark.parametrize("other", [{"house_number": "6"}, {"postcode": "99002"}])
def test_the_last_request_is_not_sent_where_no_house_with_two_slips_fits(
    geocoder: Answering, other: dict[str, str]
) -> None:
    geocoder.bodies = [[], [house(FOUND, **other)], []]
    assert names(ask(geocoder, TWO_SLIPS)) == [FOUND]
    assert len(geocoder.asked) == 2


def test_a_lookup_sends_six_requests_at_most(geocoder: Answering) -> None:
    geocoder.bodies = [[], [], [], [], [house("Rue du Général Polanter")], []]
    ask(geocoder, {**ANSWER, "street": "rue du Gal Pelantre"})
    asked = ["4 rue du general", "4 pelantre", "4 rue", "pelantre"]
    assert streets(geocoder) == ["4 rue du general pelantre", "4 rue du gal pelantre", *asked]


@pytest.mark.parametrize("most", [0, 1])
def test_what_nobody_pays_is_not_sent_and_without_the_last_request_nothing_is_believed(
    geocoder: Answering, most: int
) -> None:
    geocoder.bodies = [[street("Rue du Port")], [house(FOUND)], []]
    assert names(ask(geocoder, ANSWER, Purse(most))) == ["Rue du Port"]


def test_without_a_purse_there_is_one_request(geocoder: Answering) -> None:
    geocoder.bodies = [[]]
    source = Nominatim(geocoder.url, Transport(loopback_http=True, private_networks=LOOPBACK))
    assert isinstance(places := source.look_up(Query(ANSWER)), Places)
    source.close()
    assert (places.places, len(geocoder.asked)) == ((), 1)


@pytest.mark.parametrize("status", [400, 403, 429, 503])
@pytest.mark.parametrize("at", [1, 2])
def test_trouble_with_a_further_request_leaves_the_first_answer(geocoder: Answering, status: int, at: int) -> None:
    def then() -> None:
        if purse.paid == at:
            geocoder.status = status

    purse = Purse(then=then)
    geocoder.bodies = [[street("Rue du Port")], [house(FOUND)], []]
    assert names(ask(geocoder, ANSWER, purse)) == ["Rue du Port"]


def test_an_unreadable_further_answer_leaves_the_first_one(geocoder: Answering) -> None:
    geocoder.bodies = [[street("Rue du Port")], b"<html>"]
    assert names(ask(geocoder, ANSWER)) == ["Rue du Port"]


def test_one_timeout_bounds_all_requests(geocoder: Answering) -> None:
    geocoder.bodies, geocoder.silent_after = [[street("Rue du Port")]], 1
    started = time.monotonic()
    assert names(ask(geocoder, ANSWER, timeout=0.8)) == ["Rue du Port"]
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("street", "code", "shorter"),
    [
        ("rue polantre", "fr", ["rue", "polantre"]),
        ("rue du general polantre", "fr", ["rue du general", "polantre", "rue"]),
        ("polantre", "fr", []),
        ("landtstrasse", "de", ["strasse"]),
        ("landsrtasse", "de", ["landstrasse", "strasse"]),  # a slip in the kind of way
        ("landstrrasse", "de", ["landstrasse", "strasse"]),  # "trrasse" is near "terrasse" as well
        ("bergwge", "de", ["bergweg", "weg"]),
        ("alte landsrtasse", "de", ["alte landstrasse", "alte strasse", "landsrtasse", "strasse"]),
        ("im reitle", "de", ["im", "reitle"]),
        ("grandvew stret", "en", ["grandvew street", "street", "grandvew"]),
    ],
)
def test_a_name_is_mended_and_shortened_where_a_slip_is_likeliest(street: str, code: str, shorter: list[str]) -> None:
    assert shorter_names(street, code) == shorter
