"""Builds requests from a description. Every value is encoded for its place and expanded once."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from adapters.base import Credentials, SourceError, Unreadable
from adapters.registry.filters import filtered
from adapters.registry.numbers import Malformed
from adapters.registry.xml_bodies import escaped, flat_pieces
from config.registry.model.answer_formats import Decoder
from config.registry.model.hosts import listing_of
from config.registry.model.inputs import Input
from config.registry.model.request import BasicAuth, BearerAuth, HeaderAuth, QueryAuth, RequestDescription
from config.registry.model.source import Step
from config.registry.model.templates import SECRETS, Placeholder, pieces, placeholders
from jurat.vocabulary import Reason

Values = Mapping[str, str]
"""Inputs, values set by earlier steps, and secrets under `secrets.NAME`."""

Encode = Callable[[str], str]
"""Writes a value for its place. Raises ValueError where it cannot stand there."""

_JSON_TYPE = "application/json"
_FORM_TYPE = "application/x-www-form-urlencoded"
_XML_TYPE = "text/xml; charset=utf-8"
_NO_HEADER = re.compile(r"[^\x20-\x7e\xa0-\xff]|^\s|\s$")
_NO_CHARACTER = re.compile("[\ud800-\udfff]")
_CLIMBS = re.compile(r"/\.{1,2}(/|$)")
_WHOLE_HOST = re.compile(r"[a-z]+://[^/?#]*[/?#]", re.IGNORECASE)


class _Missing(Exception):
    """A placeholder of an input that is not required and was not given."""


class _Unfit(Exception):
    """The value of the placeholder `name` cannot stand in its place."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Template:
    """One text with placeholders, compiled. `missing` is what stands where an input was not given."""

    def __init__(self, written: Iterable[tuple[str, Placeholder | None, Encode]], missing: str | None = None) -> None:
        *between, (self._end, _, _) = written
        self._pieces = tuple(
            (literal, found.name, filtered(found, encode)) for literal, found, encode in between if found is not None
        )
        self._missing = missing

    @classmethod
    def of(cls, text: str, encode: Encode) -> Template:
        """The template `text`, all of whose values are written by `encode`."""
        return cls((literal, found, encode) for literal, found in pieces(text))

    @property
    def constant(self) -> str | None:
        """The whole text, where it has no placeholder."""
        return None if self._pieces else self._end

    @property
    def beginning(self) -> str:
        """The text up to the first placeholder."""
        return self._pieces[0][0] if self._pieces else self._end

    def expand(self, values: Values) -> str:
        """The text with each placeholder replaced by its encoded value.

        Raises:
            _Missing: there is no value, and nothing to take its place.
            _Unfit: a value cannot stand there.
        """
        if not self._pieces:
            return self._end
        expanded = []
        for literal, name, encode in self._pieces:
            value = values.get(name, self._missing)
            if value is None:
                raise _Missing
            expanded.append(literal)
            try:
                expanded.append(encode(value))
            except ValueError:
                trouble = _Unfit(name)
            else:
                continue
            # Not raised above: there it would carry the other exception along, which may hold the value.
            raise trouble
        expanded.append(self._end)
        return "".join(expanded)


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be sent, in the form that `Transport.send` takes. Keys and what was typed stand in no repr of it."""

    method: str
    url: str = field(repr=False)
    params: tuple[tuple[str, str], ...] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)


class RequestTemplate:
    """The request of one step, compiled: whatever is the same for everybody is made once.

    `inputs` are the description's. `host` is the one that it goes to, as `hosts` must list it: "" where no host can be
    told from the description.
    """

    def __init__(self, step: Step, inputs: Mapping[str, Input]) -> None:
        request = step.request
        self._method = request.method
        self._inputs = inputs
        self._url = Template.of(request.url, _path_segment)
        self.host = _host(self._url)
        self._in_path = [found.name for found in placeholders(request.url)]
        self._body, content_type = _body(request)
        given = {"Accept": _accepted(step.decoders[0])} | ({"Content-Type": content_type} if content_type else {})
        query, headers = dict(request.query), _overridden(given, request.headers)
        self._basic: tuple[Template, Template] | None = None
        match request.auth:
            case HeaderAuth(name=name, value=value):
                headers = _overridden(headers, {name: value})
            case BearerAuth(token=token):
                headers = _overridden(headers, {"Authorization": f"Bearer {token}"})
            case QueryAuth(name=name, value=value):
                query[name] = value
            case BasicAuth(user=user, password=password):
                self._basic = (Template.of(user, _plain), Template.of(password, _plain))
        self._query = tuple((name, Template.of(text, _plain)) for name, text in query.items())
        compiled = {name: Template.of(text, _header) for name, text in headers.items()}
        self._same_headers = {name: text for name, each in compiled.items() if (text := each.constant) is not None}
        self._headers = tuple((name, each) for name, each in compiled.items() if each.constant is None)

    def fill_in(self, values: Values) -> Message:
        """The request for `values`. Parts whose value was not given are left out.

        Raises:
            Malformed: an input cannot stand where it belongs: '..' in a path, an emoji in a header.
            Credentials: a secret cannot, or a filter does not take it.
            Unreadable: a value that an earlier step kept cannot.
        """
        try:
            url = self._url.expand(values)
            if self._in_path and _CLIMBS.search(url):
                raise _Unfit(self._in_path[0])
            headers = {**self._same_headers, **dict(_present(self._headers, values))}
            if self._basic is not None:
                pair = ":".join(part.expand(values) for part in self._basic)
                headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
            body = None if self._body is None else self._body(values).encode()
            return Message(self._method, url, tuple(_present(self._query, values)), headers, body)
        except _Unfit as unfit:
            trouble = self._trouble(unfit.name)
        raise trouble

    def _trouble(self, name: str) -> Malformed | SourceError:
        field = self._inputs.get(name)
        if name.startswith(SECRETS):
            return Credentials(f"{name} cannot be sent where it stands, or the filter behind it does not take it")
        if field is None:
            return Unreadable("a value that an earlier step gave cannot be sent")
        is_number = field.is_number or name in self._in_path
        return Malformed(Reason.NUMBER_MALFORMED if is_number else Reason.ANSWER_UNREADABLE)


def _body(request: RequestDescription) -> tuple[Callable[[Values], str] | None, str]:
    """What writes the body, and its media type."""
    if request.body is not None:
        tree = _compiled(request.body)
        return lambda values: json.dumps(_filled(tree, values), ensure_ascii=False, separators=(",", ":")), _JSON_TYPE
    if request.form is not None:
        fields = tuple((name, Template.of(text, _plain)) for name, text in request.form.items())
        return lambda values: urlencode(tuple(_present(fields, values))), _FORM_TYPE
    if request.xml is not None:
        written = (
            (literal, found, escaped(depth)) for literal, found, depth in flat_pieces(request.xml, request.parts)
        )
        return Template(written, missing="").expand, _XML_TYPE
    return None, ""


def _accepted(decoder: Decoder) -> str:
    match decoder:
        case "json":
            return _JSON_TYPE
        case "xml":
            return "text/xml, application/xml;q=0.9, */*;q=0.1"
    return "text/csv, text/plain;q=0.9, */*;q=0.1"


def _overridden(headers: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """Both, where `more` wins; names of headers do not tell capitals."""
    names = {name.lower() for name in more}
    return {name: value for name, value in headers.items() if name.lower() not in names} | dict(more)


def _host(url: Template) -> str:
    """The host of every URL that the template can give."""
    whole = url.constant is not None or _WHOLE_HOST.match(url.beginning)
    return listing_of(url.beginning) if whole else ""


def _plain(value: str) -> str:
    if not value.isascii() and _NO_CHARACTER.search(value):
        raise ValueError("no text")
    return value


def _path_segment(value: str) -> str:
    if not value:
        raise ValueError("no segment")
    return quote(value, safe="")


def _header(value: str) -> str:
    if _NO_HEADER.search(value):
        raise ValueError("no text that HTTP can carry")
    return value


def _present(templates: Iterable[tuple[str, Template]], values: Values) -> Iterator[tuple[str, str]]:
    for name, template in templates:
        try:
            yield name, template.expand(values)
        except _Missing:
            continue


def _compiled(tree: Any) -> Any:
    match tree:
        case str():
            return Template.of(tree, _plain)
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
