"""What all geocoders share: the answer is read, and the query sent, in one way."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import ClassVar

from adapters.address.geocoders.further_requests import FurtherRequests
from adapters.address.geocoders.payload import PayloadPart
from adapters.address.house_numbers import same_number
from adapters.address.parsed_address import ParsedAddress, read_answer
from adapters.address.street_names import expand
from adapters.base import Another, Places, Query, Source, SourceError
from adapters.http_client.reply import raise_for_trouble
from adapters.http_client.transport import Transport

MOST_OTHERS = 2
"""Further addresses of one answer that are asked for: "8 rue du Moulin, maintenant 12 rue Neuve"."""


class Geocoder(Source):
    """A geocoder over HTTP. `url` is the base of its API; the geocoder owns `transport` and closes it.

    `language` is that of the streets' names. `look_up` gives the candidates for the answer's address, best first, and
    those for its further addresses as far as `another` pays for these. It sends nothing where the address has no
    street, or where its house number is malformed. It raises what `Transport` raises, and `Unreadable` for an answer
    that is not as documented.
    """

    provider: ClassVar[str]
    path: ClassVar[str]

    def __init__(
        self,
        url: str,
        transport: Transport,
        *,
        language: str = "fr",
        another: Another | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._url = url.rstrip("/") + self.path
        self._transport = transport
        self._language = language
        self._further = FurtherRequests(another, sleep)

    def look_up(self, query: Query) -> Places:
        deadline = time.monotonic() + query.timeout
        asked = read_answer(query.answer, self._language)
        if asked.malformed and asked.as_written and asked.as_written[0].number:
            asked = asked.as_written[0]  # "Carretera N-124", which may be a street
        if asked.malformed:
            return Places(self.provider, ())
        found = self._look_up(asked, deadline)
        for other in asked.others[:MOST_OTHERS]:
            if not self._further.pay(deadline):
                break
            with suppress(SourceError):  # the lookup has an answer without it
                found = replace(found, places=(*found.places, *self._look_up(other, deadline).places))
        if asked.lettered and found.places and self._further.pay(deadline):
            with suppress(SourceError):
                found = self._with_lettered(found, asked, deadline)
        return found

    def _with_lettered(self, found: Places, asked: ParsedAddress, deadline: float) -> Places:
        """`found` with the houses that "8 Haus B" may mean by 8 b. That there is none is known only where the source
        answers about the same street: it may not have found a misspelled one again.
        """
        number, streets = asked.lettered, {place.street for place in found.places if place.street}
        others = self._look_up(replace(asked, number=number, lettered=None), deadline).places
        houses = [place for place in others if number and same_number(number, place.number, self._language)]
        known = any(place.street in streets for place in others)
        return replace(found, places=(*found.places, *houses), lettered=known)

    def _look_up(self, asked: ParsedAddress, deadline: float) -> Places:
        street = expand(asked.street, self._language)
        return self._find(asked, street, deadline - time.monotonic()) if street else Places(self.provider, ())

    def close(self) -> None:
        self._transport.close()

    def _find(self, asked: ParsedAddress, street: str, timeout: float) -> Places:
        """The candidates for an address with this street (`expand`)."""
        raise NotImplementedError

    def _get(self, params: Mapping[str, str], timeout: float) -> PayloadPart:
        """The answer to a query, without its empty parameters; `timeout` is in seconds."""
        sent = {name: text for name, text in params.items() if text}
        reply = self._transport.send("GET", self._url, params=sent, timeout=timeout)
        raise_for_trouble(reply)
        return PayloadPart(reply.json())
