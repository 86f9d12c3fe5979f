"""The request that is sent to a registry."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from config.problems import Fault, Part, Path, value_error
from config.registry.model.parts import PartName
from config.registry.model.secrecy import HOLE, Keys, holds_part, is_secret, shows_secret, with_holes
from config.registry.model.templates import Filter, JsonTemplate, Template, XmlTemplate, placeholders, texts_in
from config.registry.model.xml_templates import XmlFault, texts_in_xml

_CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\s\"';]+)", re.IGNORECASE)
_FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})


def _check_header_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,80}", name):
        raise value_error("this is no name of a header — write letters, digits and '-', such as X-Api-Key")
    if name.lower() in _FRAMING:
        raise value_error("this header is set by jurat itself — remove it")
    return name


def _check_header_text(text: str) -> str:
    literal = with_holes(text).replace(HOLE, "x")
    if literal != literal.strip() or re.search(r"[^\x20-\x7e\xa0-\xff]", literal):
        said = "a header holds Latin letters and signs (ISO 8859-1), without spaces around them"
        raise value_error(f"{said} — remove the others")
    return text


def _check_secret(text: str) -> str:
    if next(placeholders(text), None) is None:
        raise value_error("a secret does not belong in the configuration — write {secrets.NAME}")
    return text


def _check_request_url(url: str) -> str:
    literal = with_holes(url).replace(HOLE, "placeholder")
    try:
        split = urlsplit(literal)
        good = split.scheme in ("http", "https") and split.hostname and split.port != 0
    except ValueError:
        split, good = urlsplit(""), False
    if doubled := re.search(r"\{\{ *([a-z][a-z0-9_]*) *\}\}", url) if " " in url else None:
        raise value_error(f"'{doubled[0]}' is no placeholder: doubled braces are literal — write {{{doubled[1]}}}")
    if not good or re.search(r"[\s\\]", url):
        raise value_error("this is no web address — write it like https://registry.example/path")
    if "{" in url[: len(split.scheme) + 3 + len(split.netloc)]:
        raise value_error("a placeholder may be in the path, not before it")
    if split.username is not None or split.password is not None:
        raise value_error("a name or password in an address would be shown — use auth:")
    if split.query or split.fragment or url.endswith(("?", "#")):
        raise value_error("an address ends with its path — write what is behind ? under query:")
    if re.search(r"/\.{1,2}(/|$)", split.path):
        raise value_error("'.' and '..' have no place in a path")
    return url


HeaderName = Annotated[str, AfterValidator(_check_header_name)]
HeaderTemplate = Annotated[Template, AfterValidator(_check_header_text)]
SecretTemplate = Annotated[Template, AfterValidator(_check_secret)]
RequestUrl = Annotated[Template, AfterValidator(_check_request_url), Field(json_schema_extra={"pattern": "^https?://"})]


class HeaderAuth(Part):
    """A key in a header."""

    type: Literal["header"]
    name: HeaderName
    value: Annotated[SecretTemplate, AfterValidator(_check_header_text)]


class QueryAuth(Part):
    """A key in the query. Proxies and the registry's own logs see it, so use it only if there is no other way."""

    type: Literal["query"]
    name: Annotated[str, Field(min_length=1, max_length=80)]
    value: SecretTemplate


class BasicAuth(Part):
    """HTTP Basic (RFC 7617). Some registries want the key as user and an empty password."""

    type: Literal["basic"]
    user: SecretTemplate
    password: Annotated[str, AfterValidator(lambda text: _check_secret(text) if text else text)] = ""


class BearerAuth(Part):
    """A token in the header Authorization (RFC 6750)."""

    type: Literal["bearer"]
    token: Annotated[SecretTemplate, AfterValidator(_check_header_text)]


_LITERAL_KEY = "a secret does not belong in the configuration — use auth:, or write {secrets.NAME}"
_PART_OF_KEY = (
    "a part of a secret is in clear next to the placeholder — put all of it into the secret, and write {secrets.NAME} "
    "alone, or after a word and a space"
)
_NAMED = frozenset({"query", "headers", "form", "json"})
"""Options whose texts have names. Those of XML are read by `_secrets_in_documents`."""

_LONGEST_BODY = 100_000
_BODIES = ("json", "form", "xml")


class RequestDescription(Part):
    """One request. Placeholders are expanded once, and encoded for the place where they are.

    A POST has one body: `json`, `form` or `xml`. `parts` are XML documents that `xml` or a later part holds as text, as
    many SOAP services want it: there, `{part}` is the whole document, escaped.
    """

    method: Literal["GET", "POST"] = "GET"
    url: RequestUrl
    query: dict[str, Template] = Field(default_factory=dict)
    headers: dict[HeaderName, HeaderTemplate] = Field(default_factory=dict)
    auth: Annotated[HeaderAuth | QueryAuth | BasicAuth | BearerAuth, Field(discriminator="type")] | None = None
    body: JsonTemplate | None = Field(default=None, alias="json")
    form: dict[str, Template] | None = None
    xml: XmlTemplate | None = None
    parts: dict[PartName, XmlTemplate] = Field(default_factory=dict)

    def templates(self) -> Iterator[tuple[Path, Any]]:
        """Every text or JSON tree that may hold placeholders, with its path in the request."""
        yield ("url",), self.url
        for name, texts in (("query", self.query), ("headers", self.headers), ("form", self.form or {})):
            yield from (((name, key), text) for key, text in texts.items())
        if self.auth is not None:
            yield from ((("auth", key), text) for key, text in self.auth if key not in {"type", "name"})
        if self.body is not None:
            yield ("json",), self.body
        yield from self.documents()

    def placeholder_names(self) -> set[str]:
        return {found.name for _, tree in self.templates() for found in placeholders(tree)}

    def documents(self) -> Iterator[tuple[Path, str]]:
        """The XML texts with their paths, innermost first."""
        yield from ((("parts", name), text) for name, text in self.parts.items())
        if self.xml is not None:
            yield ("xml",), self.xml

    def faults(self) -> list[Fault]:
        return [*self._headers(), *self._bodies(), *self._documents()]

    def slips(self) -> list[Fault]:
        """Keys in clear."""
        return [*self._literal_secrets(), *self._secrets_in_documents()]

    def _literal_secrets(self) -> Iterator[Fault]:
        for place, tree in self.templates():
            texts = list(texts_in(tree, tuple(map(str, place[1:]))))
            said = ""
            if place[0] == "auth":
                said = _key_in(("authorization",), with_holes(tree))
            elif place[0] in _NAMED:
                said = next(filter(None, (_key_in(keys, with_holes(text)) for keys, text in texts)), "")
            if said or any(shows_secret(keys, text) for keys, text in texts):
                yield place, said or _LITERAL_KEY

    def _secrets_in_documents(self) -> Iterator[Fault]:
        for place, text in self.documents():
            with suppress(XmlFault):  # one of `faults`
                found = {_key_in((name,), value.strip()) for name, value in texts_in_xml(text)}
                yield from ((place, said) for said in sorted(filter(None, found)))

    def _headers(self) -> Iterator[Fault]:
        seen: set[str] = set()
        for name, text in self.headers.items():
            if name.lower() in seen:
                yield ("headers", name), "this header is there twice: capital letters do not count — keep one of them"
            seen.add(name.lower())
            charset = _CHARSET.search(text) if name.lower() == "content-type" else None
            if charset and charset[1].lower() != "utf-8":
                yield ("headers", name), "a body is sent as UTF-8 — write charset=utf-8, or remove it"

    def _bodies(self) -> Iterator[Fault]:
        given = [name for name, body in zip(_BODIES, (self.body, self.form, self.xml), strict=True) if body is not None]
        if given and self.method == "GET":
            yield (given[0],), "a GET has no body — write method: POST"
        yield from (((name,), f"a request has one body — keep {given[0]} or this") for name in given[1:])
        if self.parts and self.xml is None:
            yield ("parts",), "parts go into an XML body, and there is none — add xml:"

    def _documents(self) -> Iterator[Fault]:
        for place, text in self.templates():
            if place[0] not in {"xml", "parts"} and any(Filter.XML in each.filters for each in placeholders(text)):
                yield place, "this is no XML, and the value would arrive with its escapes — remove |xml"
        lengths = self._lengths()
        used: set[str] = set()
        for place, text in self.documents():
            yield from ((place, said) for said in _document_faults(text))
            for found in placeholders(text):
                if found.name in self.parts and set(found.filters) - {Filter.XML}:
                    yield place, f"the part '{found.name}' is a whole document — remove the filter"
                used.add(found.name)
            if place not in lengths and place[0] == "parts":
                yield place, "this part would contain itself — remove it, or what contains it, from its text"
            if lengths.get(place, 0) > _LONGEST_BODY:
                yield place, f"the body would have more than {_LONGEST_BODY} characters — use each part once"
        for name in self.parts if self.xml is not None else ():
            if name not in used:
                yield ("parts", name), f"nothing uses this part — write {{{name}}} where it belongs, or remove it"

    def _lengths(self) -> dict[Path, int]:
        """How long each document is with all its parts, without those that would contain themselves.

        The order of the map does not count, for a stored configuration may have lost it.
        """
        lengths: dict[Path, int] = {}
        own = {place: len(with_holes(text).replace(HOLE, "")) for place, text in self.documents()}
        parts: dict[Path, list[Path]] = {
            place: [("parts", found.name) for found in placeholders(text) if found.name in self.parts]
            for place, text in self.documents()
        }
        while ready := [each for each in own.keys() - lengths.keys() if lengths.keys() >= {*parts[each]}]:
            for place in ready:
                lengths[place] = min(own[place] + sum(lengths[part] for part in parts[place]), _LONGEST_BODY + 1)
        return lengths


def _document_faults(text: str) -> Iterator[str]:
    try:
        texts_in_xml(text)
    except XmlFault as fault:
        yield str(fault)


def _key_in(keys: Keys, text: str) -> str:
    """The message about a text, its placeholders as holes, that contains a key or a part of one; else ""."""
    if HOLE in text:
        return _PART_OF_KEY if holds_part(keys, text) else ""
    return _LITERAL_KEY if is_secret(keys, text) else ""
