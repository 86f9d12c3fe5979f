"""The geocoder of the US Census Bureau: its conformance, its queries, and the place of the number in its answers."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.address.geocoders.us_census import UsCensus
from adapters.base import Places, Query, Unreadable
from adapters.http_client.transport import Transport
from config.levels import Level
from config.networks import LOOPBACK
from tests.adapters.address.servers import Answering, changed
from tests.adapters.conformance import Case, Conformance, Subject

HOUSE = {"number": "4", "street": "Rue des Tanneurs", "postcode": "99001", "city": "Valmont"}
CHURCH = {"number": "4", "street": "Rue de l'Église", "postcode": "99002"}
MILL = {"number": "1234", "street": "W Elmwood Trail", "postcode": "99501", "city": "Valmont Falls"}


def match(matched: str = "1234 W ELMWOOD TRL, VALMONT FALLS, ZZ, 99501", **components: str) -> dict[str, Any]:
    """A match in the documented form, with other components where they are given."""
    return {
        "tigerLine": {"side": "R", "tigerLineId": "7"},
        "coordinates": {"x": -105.539653483148, "y": 40.381683978633},
        "addressComponents": {
            "zip": "99501", "streetName": "ELMWOOD", "preType": "", "city": "VALMONT FALLS", "preDirection": "W",
            "suffixDirection": "", "fromAddress": "1200", "state": "ZZ", "suffixType": "TRL", "toAddress": "1298",
            "suffixQualifier": "", "preQualifier": "", **components,
        },
        "matchedAddress": matched,
    }  # fmt: skip


def body(*matches: dict[str, Any]) -> dict[str, Any]:
    asked = {"address": {"street": "…"}, "benchmark": {"id": "4", "benchmarkName": "Public_AR_Current"}}
    return {"result": {"input": asked, "addressMatches": list(matches)}}


class TestUsCensus(Conformance):
    subject = Subject(
        service="us-census",
        build=lambda url: UsCensus(url, Transport(loopback_http=True, private_networks=LOOPBACK), language="fr"),
        found=Case(Query(HOUSE), lambda found: found.places[0].number == "4"),
        missing=Case(Query({**HOUSE, "street": "Zzyzx"}), lambda found: not found.places),
        ambiguous=Case(Query(CHURCH), lambda found: len({place.city for place in found.places}) > 1),
    )


def ask(geocoder: Answering, answer: dict[str, str] | None = None) -> Places:
    transport = Transport(loopback_http=True, private_networks=LOOPBACK)
    source = UsCensus(geocoder.url + "/", transport, language="en")
    try:
        return source.look_up(Query(answer or MILL))
    finally:
        source.close()


def test_it_asks_for_the_parts_of_the_address(geocoder: Answering) -> None:
    geocoder.bodies = [body()]
    ask(geocoder, {**MILL, "street": "Elmwood", "postcode": "99501-1234"})
    asked = {
        "street": "1234 elmwood", "zip": "99501", "city": "Valmont Falls", "benchmark": "Public_AR_Current",
        "format": "json",
    }  # fmt: skip
    assert geocoder.asked == [("/base/locations/address", asked)]


@pytest.mark.parametrize("missing", ["number", "street", "postcode"])
def test_what_it_cannot_find_is_not_asked(geocoder: Answering, missing: str) -> None:
    assert ask(geocoder, {**MILL, missing: ""}).places == ()
    assert geocoder.asked == []


def test_every_place_is_interpolated_and_keeps_what_the_rule_needs(geocoder: Answering) -> None:
    geocoder.bodies = [body(match())]
    places = ask(geocoder)
    assert (places.provider, places.attribution) == ("us-census", "U.S. Census Bureau")
    (place,) = places.places
    assert (place.level, place.number, place.street) == (Level.INTERPOLATED, "1234", "W ELMWOOD TRL")
    assert (place.postcode, place.city, place.score) == ("99501", "VALMONT FALLS", None)
    assert (place.longitude, place.latitude) == (-105.539653483148, 40.381683978633)


@pytest.mark.parametrize(
    ("given", "number", "street"),
    [
        (match("8 MAIN ST, X, ZZ, 9", preDirection="", streetName="MAIN", suffixType="ST"), "8", "MAIN ST"),
        (match("8-10 N STATE HWY 7, X", preDirection="N", preType="STATE HWY", streetName="7", suffixType=""),
         "8-10", "N STATE HWY 7"),
        (match("12A OLD MAIN ST NW EXT", preQualifier="OLD", preDirection="", streetName="MAIN", suffixType="ST",
               suffixDirection="NW", suffixQualifier="EXT"), "12A", "OLD MAIN ST NW EXT"),
        (match("MAIN ST, X", preDirection="", streetName="MAIN", suffixType="ST"), None, "MAIN ST"),
    ],
)  # fmt: skip
def test_the_number_is_what_stands_before_the_street(
    geocoder: Answering, given: dict[str, Any], number: str | None, street: str
) -> None:
    geocoder.bodies = [body(given)]
    (place,) = ask(geocoder).places
    assert (place.number, place.street) == (number, street)


@pytest.mark.parametrize(
    "given",
    [
        match("1234 ELMWOOD TRAIL, VALMONT FALLS"),
        {**match(), "matchedAddress": None},
        match(preDirection="", streetName="", suffixType=""),
    ],
)
def test_a_match_that_cannot_be_taken_apart_decides_nothing_and_spoils_no_other(
    geocoder: Answering, given: dict[str, Any]
) -> None:
    geocoder.bodies = [body(given, match())]
    strange, plain = ask(geocoder).places
    assert (strange.level, strange.number, strange.street) == (Level.LOCALITY, None, None)
    assert (strange.postcode, strange.city) == ("99501", "VALMONT FALLS")
    assert (plain.level, plain.number, plain.street) == (Level.INTERPOLATED, "1234", "W ELMWOOD TRL")


def test_no_match_is_an_answer(geocoder: Answering) -> None:
    geocoder.bodies = [body()]
    assert ask(geocoder).places == ()


MATCH = ("result", "addressMatches", 0)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("result",), None, "result is no object"),
        (("result", "addressMatches"), None, "result.addressMatches is no list"),
        ((*MATCH, "coordinates"), None, "result.addressMatches[0].coordinates is no object"),
        ((*MATCH, "coordinates", "x"), 1234.5, "result.addressMatches[0].coordinates.x is no number from -180 to 180"),
        ((*MATCH, "addressComponents"), [], "result.addressMatches[0].addressComponents is no object"),
        ((*MATCH, "addressComponents", "zip"), 99501, "result.addressMatches[0].addressComponents.zip is no text"),
    ],
)
def test_another_shape_is_unreadable_and_says_where(
    geocoder: Answering, path: tuple[Any, ...], value: Any, said: str
) -> None:
    geocoder.bodies = [changed(body(match()), path, value)]
    with pytest.raises(Unreadable) as caught:
        ask(geocoder)
    assert said in caught.value.detail
