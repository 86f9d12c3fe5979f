"""Builds requests from a description. Every value is encoded for its place and expanded once."""

from __future__ import annotations

import base64
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

from adapters.base import Credentials, SourceError, Unreadable
from adapters.registry.numbers import Malformed
from adapters.registry.xml_bodies import flat_pieces, xml_escaper
from config.registry.model.answer_formats import Decoder, JsonDocument
from config.registry.model.auth import BasicAuth, BearerAuth, HeaderAuth, HmacAuth, OAuth2Auth, QueryAuth
from config.registry.model.hosts import listing_of
from config.registry.model.inputs import Input
from config.registry.model.request import RequestDescription
from config.registry.model.source import Step
from config.registry.model.templates import SECRETS, Filter, Placeholder, pieces, placeholders
from jurat.vocabulary import Reason

Values = Mapping[str, str]
"""Inputs, values set by earlier steps, and secrets under `secrets.NAME`."""

Encode = Callable[[str], str]
"""Encodes a value for its place. Raises ValueError where it cannot be sent there."""

_JSON_TYPE = "application/json"
_FORM_TYPE = "application/x-www-form-urlencoded"
_XML_TYPE = "text/xml; charset=utf-8"
_NO_HEADER = re.compile(r"[^\x20-\x7e\xa0-\xff]|^\s|\s$")
_NO_CHARACTER = re.compile("[\ud800-\udfff]")
_CLIMBS = re.compile(r"/\.{1,2}(/|$)")
_DATE_CODE = re.compile("%[Yymd]")
_DATE_PARTS = {"%Y": slice(0, 4), "%y": slice(2, 4), "%m": slice(5, 7), "%d": slice(8, 10)}
_ISO_LENGTH = 10
_WHOLE_HOST = re.compile(r"[a-z]+://[^/?#]*[/?#]", re.IGNORECASE)


class _MissingInput(Exception):
    """A placeholder of an input that is not required and was not given."""


class _Unfit(Exception):
    """The value of the placeholder `name` cannot be sent in its place."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Template:
    """One text with placeholders, compiled. `missing` replaces inputs that were not given."""

    def __init__(self, parts: Iterable[tuple[str, Placeholder | None, Encode]], missing: str | None = None) -> None:
        *between, (self._end, _, _) = parts
        self._pieces = tuple(
            (literal, found.name, _add_filters(found, encode))
            for literal, found, encode in between
            if found is not None
        )
        self._missing = missing

    @classmethod
    def of(cls, text: str, encode: Encode) -> Template:
        """The template `text`, with `encode` for all values."""
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
        """The text with each placeholder replaced by its encoded value. Raises _MissingInput and _Unfit."""
        if not self._pieces:
            return self._end
        expanded = []
        for literal, name, encode in self._pieces:
            value = values.get(name, self._missing)
            if value is None:
                raise _MissingInput
            expanded.append(literal)
            try:
                expanded.append(encode(value))
            except ValueError:
                trouble = _Unfit(name)
            else:
                continue
            # Raised outside the `except`, whose exception would be its context and may hold the value.
            raise trouble
        expanded.append(self._end)
        return "".join(expanded)


@dataclass(frozen=True, slots=True)
class Message:
    """A request in the form that `Transport.send` takes. Its repr shows no keys and nothing that was typed."""

    method: str
    url: str = field(repr=False)
    params: tuple[tuple[str, str], ...] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)


class RequestTemplate:
    """The request of one step, compiled: what is the same for everyone is built once.

    `inputs` are the description's; `uncached` asks caches on the way for a new answer. `host` is where the request
    goes, as `hosts` must list it; "" where that depends on an input.
    """

    def __init__(self, step: Step, inputs: Mapping[str, Input], *, uncached: bool = False) -> None:
        request = step.request
        self._method = request.method
        self._inputs = inputs
        self._url = Template.of(request.url, _path_segment)
        is_one_host = self._url.constant is not None or _WHOLE_HOST.match(self._url.beginning)
        self.host = listing_of(self._url.beginning) if is_one_host else ""
        self._in_path = [found.name for found in placeholders(request.url)]
        self._body, content_type = _body(request)
        defaults = {"Accept": _accept(step.decoders[0])} | ({"Content-Type": content_type} if content_type else {})
        defaults |= {"Cache-Control": "no-cache"} if uncached else {}
        query, headers = dict(request.query), _override(defaults, request.headers)
        self._basic: tuple[Template, Template] | None = None
        match request.auth:
            case HeaderAuth(name=name, value=value):
                headers = _override(headers, {name: value})
            case BearerAuth(token=token):
                headers = _override(headers, {"Authorization": f"Bearer {token}"})
            case QueryAuth(name=name, value=value):
                query[name] = value
            case BasicAuth(user=user, password=password):
                self._basic = (Template.of(user, _plain), Template.of(password, _plain))
        self._query = tuple((name, Template.of(text, _plain)) for name, text in query.items())
        compiled = {name: Template.of(text, _header) for name, text in headers.items()}
        self._same_headers = {name: text for name, each in compiled.items() if (text := each.constant) is not None}
        self._headers = tuple((name, each) for name, each in compiled.items() if each.constant is None)
        later = {}
        match request.auth:
            case HmacAuth(headers=carrying):
                later = carrying
            case OAuth2Auth():
                later = {"Authorization": "Bearer {access_token}"}
        self._later = [(name, Template.of(text, _header)) for name, text in later.items()]

    def fill_in(self, values: Values) -> Message:
        """The request for `values`. Parts whose value was not given are left out.

        Raises:
            Malformed: an input cannot be sent in its place, as '..' in a path or an emoji in a header.
            Credentials: a secret cannot, or a filter rejects it.
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
            trouble = self._error_for(unfit.name)
        raise trouble

    def with_headers(self, message: Message, values: Values) -> Message:
        """`message` with the headers that carry its token or signature, which are `values` now.

        Raises Credentials where a secret cannot be sent there.
        """
        try:
            return replace(message, headers=_override(message.headers, dict(_present(self._later, values))))
        except _Unfit as unfit:
            trouble = self._error_for(unfit.name)
        raise trouble

    def _error_for(self, name: str) -> Malformed | SourceError:
        field = self._inputs.get(name)
        if name.startswith(SECRETS):
            return Credentials(f"{name} cannot be sent in its place, or its filter rejects it")
        if field is None:
            return Unreadable("a value that an earlier step gave cannot be sent")
        is_number = field.is_number or name in self._in_path
        return Malformed(Reason.NUMBER_MALFORMED if is_number else Reason.ANSWER_UNREADABLE)


def _body(request: RequestDescription) -> tuple[Callable[[Values], str] | None, str]:
    """A function that writes the body, and its media type."""
    if request.body is not None:
        tree = _compile(request.body)
        return lambda values: json.dumps(_fill(tree, values), ensure_ascii=False, separators=(",", ":")), _JSON_TYPE
    if request.form is not None:
        fields = tuple((name, Template.of(text, _plain)) for name, text in request.form.items())
        return lambda values: urlencode(tuple(_present(fields, values))), _FORM_TYPE
    if request.document is not None:
        flat = flat_pieces(request.document, request.parts)
        return Template(
            ((each, found, xml_escaper(depth)) for each, found, depth in flat), missing=""
        ).expand, _XML_TYPE
    return None, ""


def _accept(decoder: Decoder) -> str:
    match decoder:
        case "json" | JsonDocument():
            return _JSON_TYPE
        case "xml":
            return "text/xml, application/xml;q=0.9, */*;q=0.1"
    return "text/csv, text/plain;q=0.9, */*;q=0.1"


def _override(headers: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """Both, where `more` wins. Names of headers are compared without case."""
    names = {name.lower() for name in more}
    return {name: value for name, value in headers.items() if name.lower() not in names} | dict(more)


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
        with suppress(_MissingInput):
            yield name, template.expand(values)


def _compile(tree: Any) -> Any:
    match tree:
        case str():
            return Template.of(tree, _plain)
        case dict():
            return {key: _compile(value) for key, value in tree.items()}
        case list():
            return [_compile(value) for value in tree]
    return tree


def _fill(tree: Any, values: Values) -> Any:
    match tree:
        case Template():
            return tree.expand(values)
        case dict():
            filled = {}
            for key, value in tree.items():
                with suppress(_MissingInput):
                    filled[key] = _fill(value, values)
            return filled
        case list():
            return [_fill(value, values) for value in tree]
    return tree


def _add_filters(placeholder: Placeholder, encode: Encode) -> Encode:
    """A function that applies the filters of `placeholder` to a value in order, then `encode`. It raises ValueError
    where a filter cannot be applied.
    """
    steps = [
        _date_writer(placeholder.date_format) if each is Filter.DATE else _FILTERS[each]
        for each in placeholder.filters
        if each is not Filter.XML
    ]
    if not steps:
        return encode

    def write(value: str) -> str:
        # An optional input that was not given stays empty.
        for step in steps if value else ():
            value = step(value)
        return encode(value)

    return write


def _digits(value: str) -> str:
    """The digits of a value, of any script, as ASCII digits."""
    found = "".join(str(unicodedata.decimal(character, "")) for character in value)
    if not found:
        raise ValueError("no digits")
    return found


_FILTERS: Mapping[Filter, Encode] = {Filter.DIGITS: _digits, Filter.UPPER: str.upper, Filter.LOWER: str.lower}


def _date_writer(date_format: str) -> Encode:
    """A function that formats a YYYY-MM-DD date. Slicing is several times faster than strptime and strftime."""
    literals, codes = _DATE_CODE.split(date_format), [_DATE_PARTS[code] for code in _DATE_CODE.findall(date_format)]

    def write(value: str) -> str:
        if len(value) != _ISO_LENGTH:
            raise ValueError("no date")
        return literals[0] + "".join(value[part] + literal for part, literal in zip(codes, literals[1:], strict=True))

    return write
