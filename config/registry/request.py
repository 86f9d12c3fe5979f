"""What is sent to a registry."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from config.registry.parts import Part, misplaced
from config.registry.templates import SECRETS, JsonTemplate, Template, pieces, placeholders

_SECRET_NAME = re.compile(
    r"(?:^|[-_])(?:auth|authorization|apikey|key|token|secret|password|passwd)(?:$|[-_])", re.IGNORECASE
)
_FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})


def _check_header_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,80}", name):
        raise PydanticCustomError("header", "is no name of a header")
    if name.lower() in _FRAMING:
        raise PydanticCustomError("header", "this header is set by jurat itself — remove it")
    return name


def _check_secret(text: str) -> str:
    if not any(name.startswith(SECRETS) for name in placeholders(text)):
        raise PydanticCustomError(
            "literal_secret",
            "a secret does not stand in the configuration — write {placeholder}",
            {"placeholder": "{secrets.NAME}"},
        )
    return text


def _check_host(host: str) -> str:
    try:
        plain = host.encode("idna").decode() if "[" not in host and ":" not in host else host
    except UnicodeError:
        plain = ""
    if host != plain or host != host.lower() or re.search(r"[\s/@?#{}]|:\d+$", host):
        raise PydanticCustomError("host", "write the bare name of a host, lower-case, like registry.example")
    return host


def _check_request_url(url: str) -> str:
    literal = "".join(text + ("placeholder" if name else "") for text, name in pieces(url))
    try:
        split = urlsplit(literal)
        good = split.scheme in ("http", "https") and split.hostname and split.port != 0
    except ValueError:
        split, good = urlsplit(""), False
    if not good or re.search(r"[\s\\]", url):
        raise PydanticCustomError("url", "this is no web address — write it like https://registry.example/path")
    if "{" in url[: len(split.scheme) + 3 + len(split.netloc)]:
        raise PydanticCustomError("url", "a placeholder may stand in the path, not before it")
    if split.username is not None or split.password is not None:
        raise PydanticCustomError("url", "a name or password in an address would be shown — use auth:")
    if split.query or split.fragment or url.endswith(("?", "#")):
        raise PydanticCustomError("url", "an address ends with its path — write what is behind ? under query:")
    if re.search(r"/\.{1,2}(/|$)", split.path):
        raise PydanticCustomError("url", "'.' and '..' have no place in a path")
    return url


HeaderName = Annotated[str, AfterValidator(_check_header_name)]
SecretTemplate = Annotated[Template, AfterValidator(_check_secret)]
Host = Annotated[str, Field(max_length=253), AfterValidator(_check_host)]
RequestUrl = Annotated[Template, AfterValidator(_check_request_url), Field(json_schema_extra={"pattern": "^https?://"})]


class HeaderAuth(Part):
    """A key in a header."""

    type: Literal["header"]
    name: HeaderName
    value: SecretTemplate


class QueryAuth(Part):
    """A key in the query: proxies and the registry's own logs see it, so only where there is no other way."""

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
    token: SecretTemplate


class Request(Part):
    """One request. Placeholders are encoded for the place where they stand, and expanded once."""

    method: Literal["GET", "POST"] = "GET"
    url: RequestUrl
    query: dict[str, Template] = Field(default_factory=dict)
    headers: dict[HeaderName, Template] = Field(default_factory=dict)
    auth: Annotated[HeaderAuth | QueryAuth | BasicAuth | BearerAuth, Field(discriminator="type")] | None = None
    body: JsonTemplate | None = Field(default=None, alias="json")

    @model_validator(mode="after")
    def _refuse_literal_secrets(self) -> Self:
        for part, values in (("query", self.query), ("headers", self.headers), ("json", self.body or {})):
            for name, text in _texts(values):
                if _SECRET_NAME.search(name) and text and not list(placeholders(text)):
                    said = "a secret does not stand in the configuration — use auth:, or write {secrets.NAME}"
                    raise misplaced("Request", [((part,) if part == "json" else (part, name), said)])
        if self.body is not None and self.method == "GET":
            raise misplaced("Request", [(("json",), "a GET has no body — write method: POST")])
        return self


def _texts(tree: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a JSON tree, with the key that it stands under."""
    match tree:
        case str():
            yield key, tree
        case dict():
            for name, value in tree.items():
                yield from _texts(value, name)
        case list():
            for value in tree:
                yield from _texts(value, key)
