"""The HTTP part that all geocoders share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from adapters.address.geocoders.payload import PayloadPart
from adapters.base import Source
from adapters.http_client.reply import raise_for_trouble
from adapters.http_client.transport import Transport


class Geocoder(Source):
    """A geocoder over HTTP. `url` is the base of its API; the geocoder owns `transport` and closes it.

    `language` is that of the streets' names. `look_up` gives the candidates for the answer's address, best first. It
    sends nothing where the address has no street, or where its house number is malformed. It raises what `Transport`
    raises, and `Unreadable` for an answer that is not as documented.
    """

    path: ClassVar[str]

    def __init__(self, url: str, transport: Transport, *, language: str = "fr") -> None:
        self._url = url.rstrip("/") + self.path
        self._transport = transport
        self._language = language

    def close(self) -> None:
        self._transport.close()

    def _get(self, params: Mapping[str, str], timeout: float) -> PayloadPart:
        """The answer to a query; `timeout` is in seconds."""
        reply = self._transport.send("GET", self._url, params=params, timeout=timeout)
        raise_for_trouble(reply)
        return PayloadPart(reply.json())
