"""Requests made from a description: every value is encoded for the place where it stands, and expanded once."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from adapters.registry.numbers import Malformed
from config.registry.request import BasicAuth, BearerAuth, HeaderAuth, QueryAuth, Request
from config.registry.templates import pieces
from jurat.words import Reason

Values = Mapping[str, str]
"""Inputs, values set by earlier steps, and secrets under `secrets.NAME`."""

_UNSENDABLE = re.compile(r"[^\x20-\x7e\xa0-\xff]|^\s|\s$")
_CLIMBS = re.compile(r"/\.{1,2}(/|$)")
_WHOLE_HOST = re.compile(r"[a-z]+://[^/?#]*[/?#]", re.IGNORECASE)


class _Missing(Exception):
    """A placeholder of an input that is not required and was not given."""


class Template:
    """One text with placeholders."""

    def __init__(self, text: str) -> None:
        *between, (end, _) = pieces(text)
        self._pieces = tuple((literal, name) for literal, name in between if name is not None)
        self._end = end

    @property
    def constant(self) -> str | None:
        """The whole text, where it has no placeholder."""
        return None if self._pieces else self._end

    @property
    def beginning(self) -> str:
        """The text up to the first placeholder."""
        return self._pieces[0][0] if self._pieces else self._end

    def expand(self, values: Values, encode: Callable[[str], str] = str) -> str:
        """The text with each placeholder replaced by its encoded value. Raises _Missing where there is no value."""
        if not self._pieces:
            return self._end
        expanded = ""
        for literal, name in self._pieces:
            value = values.get(name)
            if value is None:
                raise _Missing
            expanded += literal + encode(value)
        return expanded + self._end


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be sent, in the form that `Transport.send` takes."""

    method: str
    url: str
    params: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes | None


class RequestTemplate:
    """One request of a description, compiled: whatever is the same for everybody is made once.

    `host` is the one that it goes to, "" where no host can be told from the description.
    """

    def __init__(self, request: Request) -> None:
        self._method = request.method
        self._url = Template(request.url)
        self.host = _host(self._url)
        query = {name: Template(text) for name, text in request.query.items()}
        headers = {"Accept": Template("application/json")}
        headers |= {name: Template(text) for name, text in request.headers.items()}
        self._body = None if request.body is None else _compiled(request.body)
        self._basic: tuple[Template, Template] | None = None
        match request.auth:
            case HeaderAuth(name=name, value=value):
                headers[name] = Template(value)
            case BearerAuth(token=token):
                headers["Authorization"] = Template(f"Bearer {token}")
            case QueryAuth(name=name, value=value):
                query[name] = Template(value)
            case BasicAuth(user=user, password=password):
                self._basic = (Template(user), Template(password))
        self._query = tuple(query.items())
        same = {name: text for name, template in headers.items() if (text := template.constant) is not None}
        same = {name: text for name, text in same.items() if not _UNSENDABLE.search(text)}
        self._headers = tuple((name, each) for name, each in headers.items() if name not in same)
        self._same_headers = same if self._body is None else {"Content-Type": "application/json", **same}

    def fill_in(self, values: Values) -> Message:
        """The request for `values`. Parts whose value was not given are left out.

        Raises:
            Malformed: a value can not stand where it belongs: '..' in a path, a line end in a header.
        """
        headers = dict(self._same_headers)
        for name, value in _present(self._headers, values):
            if _UNSENDABLE.search(value):
                raise Malformed(Reason.ANSWER_UNREADABLE)
            headers[name] = value
        if self._basic is not None:
            pair = ":".join(part.expand(values) for part in self._basic)
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        body = None
        if self._body is not None:
            body = json.dumps(_filled(self._body, values), ensure_ascii=False, separators=(",", ":")).encode()
        url = self._url.expand(values, _path_segment)
        if _CLIMBS.search(url):
            raise Malformed(Reason.NUMBER_MALFORMED)
        return Message(self._method, url, tuple(_present(self._query, values)), headers, body)


def _host(url: Template) -> str:
    """The host of every URL that the template can give."""
    whole = url.constant is not None or _WHOLE_HOST.match(url.beginning)
    return (urlsplit(url.beginning).hostname or "") if whole else ""


def _path_segment(value: str) -> str:
    if not value:
        raise Malformed(Reason.NUMBER_MALFORMED)
    return quote(value, safe="")


def _present(templates: Iterable[tuple[str, Template]], values: Values) -> Iterator[tuple[str, str]]:
    for name, template in templates:
        try:
            yield name, template.expand(values)
        except _Missing:
            continue


def _compiled(tree: Any) -> Any:
    match tree:
        case str():
            return Template(tree)
        case dict():
            return {key: _compiled(value) for key, value in tree.items()}
        case list():
            return [_compiled(value) for value in tree]
    return tree


def _filled(tree: Any, values: Values) -> Any:
    match tree:
        case Template():
            return tree.expand(values)
        case dict():
            filled = {}
            for key, value in tree.items():
                try:
                    filled[key] = _filled(value, values)
                except _Missing:
                    continue
            return filled
        case list():
            return [_filled(value, values) for value in tree]
    return tree
