"""Asks for the pages of an answer after the first, and reads all of them or none.

Only a page that says so is the last one: where the key of the next address has another name, pages would be missing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import clear_cache, urldefrag, urljoin  # type: ignore[attr-defined] # typeshed lacks the first

from adapters.base import Blocked, Unreadable
from adapters.registry.expressions import Expression, holds
from adapters.registry.templates import Message
from config.registry.model.hosts import is_listed, listing_of
from config.registry.model.source import NextPage

_ADDRESS = re.compile("[!-~]{1,2000}")


@dataclass(frozen=True, slots=True)
class Page:
    """One answer as expressions read it, and its size in bytes."""

    answer: Mapping[str, Any] = field(repr=False)
    size: int


class Pages:
    """What a description says of the next page, compiled. Requests go only to `hosts`. Thread-safe."""

    def __init__(self, model: NextPage, hosts: Sequence[str]) -> None:
        self.most = model.most
        self._last = Expression(model.last)
        self._url = None if model.url is None else Expression(model.url)
        self._parameter, self._by = model.parameter, model.by
        self._hosts = hosts

    def is_last(self, answer: Mapping[str, Any]) -> bool:
        """Whether a page says that it is the last. Raises Unreadable where it also says where the next one is."""
        last = holds(self._last.evaluate(answer))
        if last and self._url is not None and holds(self._url.evaluate(answer)):
            raise Unreadable("a page says that it is the last, and where the next one is")
        return last

    def following(self, message: Message, answer: Mapping[str, Any]) -> Message:
        """The request for the page after `answer`, which `message` asked for.

        Raises Unreadable where the answer has no address, and Blocked where its host is not listed.
        """
        if self._url is None:
            more = ((name, self._next(name, text)) for name, text in message.params)
            return replace(message, params=tuple(more))
        address = self._url.evaluate(answer)
        if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
            raise Unreadable("the address of the next page is none")
        url, listed = "", False
        try:
            url = urldefrag(urljoin(message.url, address)).url
            listed = is_listed(listing_of(url), self._hosts)
        except ValueError:
            pass  # no address at all
        finally:
            clear_cache()  # which would keep the address, and it may hold a participant's number
        if not listed:
            raise Blocked("the next page would be at a host that this source does not list")
        return replace(message, url=url, params=())

    def _next(self, name: str, text: str) -> str:
        return str(int(text) + self._by) if name == self._parameter else text


class PagedRecords:
    """The records of all pages so far. Together, the pages have at most `max_bytes`."""

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes
        self._seen: set[str] = set()
        self.count = 0
        self.records: list[Any] = []

    def add(self, page: Page, records: Sequence[Any]) -> None:
        """Add the records of one more page.

        Raises Unreadable where a page before has one of them: the list has changed meanwhile, or the same page came.
        """
        self.count += 1
        self._left -= page.size
        if self._left < 0:
            raise Unreadable("the pages of the answer are larger than max_bytes together")
        written = {json.dumps(record, sort_keys=True) for record in records}
        if written & self._seen:
            raise Unreadable("a page has a record of a page before it")
        self._seen |= written
        self.records += records
