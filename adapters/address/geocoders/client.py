"""What all geocoders share: the answer is read, and the query sent, in one way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from adapters.address.geocoders.payload import PayloadPart
from adapters.address.parsed_address import ParsedAddress, read_answer
from adapters.address.street_names import expand
from adapters.base import Places, Query, Source
from adapters.http_client.reply import raise_for_trouble
from adapters.http_client.transport import Transport


class Geocoder(Source):
    """A geocoder over HTTP. `url` is the base of its API; the geocoder owns `transport` and closes it.

    `language` is that of the streets' names. `look_up` gives the candidates for the answer's address, best first. It
    sends nothing where the address has no street, or where its house number is malformed. It raises what `Transport`
    raises, and `Unreadable` for an answer that is not as documented.
    """

    provider: ClassVar[str]
    path: ClassVar[str]

    def __init__(self, url: str, transport: Transport, *, language: str = "fr") -> None:
        self._url = url.rstrip("/") + self.path
        self._transport = transport
        self._language = language

    def look_up(self, query: Query) -> Places:
        asked = read_answer(query.answer, self._language)
        if asked.malformed and asked.as_written and asked.as_written[0].number:
            asked = asked.as_written[0]  # "Carretera N-124", which may be a street
        street = expand(asked.street, self._language)
        return self._find(asked, street, query.timeout) if street and not asked.malformed else Places(self.provider, ())

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
