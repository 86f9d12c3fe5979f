"""Requests made from a description: every value is encoded for the place where it stands, and expanded once."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from adapters.registry.numbers import Malformed
from config.registry.request import BasicAuth, BearerAuth, HeaderAuth, QueryAuth, Request
from config.registry.templates import pieces
from jurat.words import Reason

Values = Mapping[str, str]
"""Inputs, values set by earlier steps, and secrets under `secrets.NAME`."""


class _Missing(Exception):
    """A placeholder of an input that is not required and was not given."""


class Template:
    """One text with placeholders."""

    def __init__(self, text: str) -> None:
        self._pieces = tuple(pieces(text))

    def expand(self, values: Values, encode: Callable[[str], str] = str) -> str:
        """The text with each placeholder replaced by its encoded value. Raises _Missing where there is no value."""
        expanded = []
        for literal, name in self._pieces:
            expanded.append(literal)
            if name is not None:
                if name not in values:
                    raise _Missing
                expanded.append(encode(values[name]))
        return "".join(expanded)


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be sent, in the form that `Transport.send` takes."""

    method: str
    url: str
    params: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes | None


class RequestTemplate:
    """One request of a description, ready to be filled in."""

    def __init__(self, request: Request) -> None:
        self._method = request.method
        self._url = Template(request.url)
        self._query = {name: Template(text) for name, text in request.query.items()}
        self._headers = {"Accept": Template("application/json")}
        self._headers |= {name: Template(text) for name, text in request.headers.items()}
        self._body = None if request.body is None else _compiled(request.body)
        self._basic: tuple[Template, Template] | None = None
        match request.auth:
            case HeaderAuth(name=name, value=value):
                self._headers[name] = Template(value)
            case BearerAuth(token=token):
                self._headers["Authorization"] = Template(f"Bearer {token}")
            case QueryAuth(name=name, value=value):
                self._query[name] = Template(value)
            case BasicAuth(user=user, password=password):
                self._basic = (Template(user), Template(password))

    def fill_in(self, values: Values) -> Message:
        """The request for `values`. Parts whose value was not given are left out.

        Raises:
            Malformed: a value can not stand where it belongs: '..' in a path, a line end in a header.
        """
        headers = _present(self._headers, values)
        if any(re.search(r"[^\x20-\x7e\xa0-\xff]|^\s|\s$", value) for value in headers.values()):
            raise Malformed(Reason.ANSWER_UNREADABLE)
        if self._basic is not None:
            pair = ":".join(part.expand(values) for part in self._basic)
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        body = None
        if self._body is not None:
            body = json.dumps(_filled(self._body, values), ensure_ascii=False, separators=(",", ":")).encode()
            headers.setdefault("Content-Type", "application/json")
        url = self._url.expand(values, _path_segment)
        if re.search(r"/\.{1,2}(/|$)", url):
            raise Malformed(Reason.NUMBER_MALFORMED)
        return Message(self._method, url, tuple(_present(self._query, values).items()), headers, body)


def _path_segment(value: str) -> str:
    if not value:
        raise Malformed(Reason.NUMBER_MALFORMED)
    return quote(value, safe="")


def _present(templates: Mapping[str, Template], values: Values) -> dict[str, str]:
    expanded = {}
    for name, template in templates.items():
        try:
            expanded[name] = template.expand(values)
        except _Missing:
            continue
    return expanded


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
