"""What authorises a request: a key, a token that is asked for, or a signature."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Annotated, ClassVar, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from config.problems import Fault, Part, Path, value_error
from config.registry.model.secrecy import HOLE, with_holes
from config.registry.model.templates import SECRETS, Filter, Template, placeholders

_FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})

SIGNATURE: Final = "signature"
_CARRIED: Final = frozenset({"body_hash", "time", "nonce", SIGNATURE})
SECURITY: Final = "security"
WSSE: Final = ("wsse_nonce", "wsse_created", "wsse_digest")
"""What is new in each element Security. A description may also write the element itself, with these."""

_SECURITY = re.compile(r"(?<!\{)((?:\{\{)*)\{security\}")
_OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
_NAMESPACES = f' xmlns:wsse="{_OASIS}-wssecurity-secext-1.0.xsd" xmlns:wsu="{_OASIS}-wssecurity-utility-1.0.xsd"'
_ELEMENT = (
    f"<wsse:Security{_NAMESPACES}><wsse:UsernameToken>"
    "<wsse:Username>{user}</wsse:Username>"
    f'<wsse:Password Type="{_OASIS}-username-token-profile-1.0#PasswordDigest">{{wsse_digest}}</wsse:Password>'
    f'<wsse:Nonce EncodingType="{_OASIS}-soap-message-security-1.0#Base64Binary">{{wsse_nonce}}</wsse:Nonce>'
    "<wsu:Created>{wsse_created}</wsu:Created></wsse:UsernameToken></wsse:Security>"
)


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
    if not any(found.name.startswith(SECRETS) for found in placeholders(text)):
        raise value_error("a secret does not belong in the configuration — write {secrets.NAME}")
    return text


def _check_key(text: str) -> str:
    if next(placeholders(text), None) is None:
        raise value_error("a secret does not belong in the configuration — write {secrets.NAME}")
    return text


def _check_fixed(text: str) -> str:
    if next(placeholders(text), None) is not None:
        raise value_error("this address is the same for everyone — write it without placeholders")
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
KeyTemplate = Annotated[Template, AfterValidator(_check_key)]
"""A secret, or what an earlier step has set as one: lint looks which."""

RequestUrl = Annotated[Template, AfterValidator(_check_request_url), Field(json_schema_extra={"pattern": "^https?://"})]


def _foreign_names(path: Path, text: str, names: Collection[str] = ()) -> Iterator[Fault]:
    """Placeholders that are neither a secret nor one of `names`, or have a filter that could reject their value."""
    for found in placeholders(text):
        if set(found.filters) - {Filter.UPPER, Filter.LOWER}:
            yield path, f"this filter does not go with {{{found.name}}} — remove it, or write |upper or |lower"
        if not found.name.startswith(SECRETS) and found.name not in names:
            listed = [f"{{{name}}}" for name in (*sorted(names), "secrets.NAME")]
            yield path, f"{{{found.name}}} is not known here — write {', '.join(listed)}"


class _Auth(Part):
    """What all kinds share. `names` are those that its own texts may hold beside secrets."""

    names: ClassVar[frozenset[str]] = frozenset()

    def templates(self) -> Iterator[tuple[Path, str]]:
        """Every text that may hold placeholders, with its path. Those with one key are secrets as a whole."""
        yield from (((key,), text) for key, text in self if key not in {"type", "name"})


class HeaderAuth(_Auth):
    """A key in a header."""

    type: Literal["header"]
    name: HeaderName
    value: Annotated[KeyTemplate, AfterValidator(_check_header_text)]


class QueryAuth(_Auth):
    """A key in the query. Proxies and the registry's own logs see it, so use it only if there is no other way."""

    type: Literal["query"]
    name: Annotated[str, Field(min_length=1, max_length=80)]
    value: KeyTemplate


class BasicAuth(_Auth):
    """HTTP Basic (RFC 7617). Some registries want the key as user and an empty password."""

    type: Literal["basic"]
    user: KeyTemplate
    password: Annotated[str, AfterValidator(lambda text: _check_key(text) if text else text)] = ""


class BearerAuth(_Auth):
    """A token in the header Authorization (RFC 6750)."""

    type: Literal["bearer"]
    token: Annotated[KeyTemplate, AfterValidator(_check_header_text)]


class OAuth2Auth(_Auth):
    """The token that a client gets for its own credentials (OAuth 2.0, RFC 6749, 4.4), kept until it ends.

    `url` is the token endpoint, `form` what it wants besides the grant type, such as `scope`.
    """

    type: Literal["oauth2"]
    url: Annotated[RequestUrl, AfterValidator(_check_fixed)]
    client_id: SecretTemplate
    client_secret: SecretTemplate
    method: Literal["client_secret_basic", "client_secret_post"] = "client_secret_basic"
    form: dict[str, Template] = Field(default_factory=dict)

    def templates(self) -> Iterator[tuple[Path, str]]:
        yield from (((name,), getattr(self, name)) for name in ("client_id", "client_secret"))
        yield from ((("form", name), text) for name, text in self.form.items())

    def faults(self) -> Iterator[Fault]:
        for path, text in self.templates():
            yield from _foreign_names(path, text)
        for name in sorted(self.form.keys() & {"grant_type", "client_id", "client_secret"}):
            yield ("form", name), "this field is sent by jurat itself — remove it"


class HmacAuth(_Auth):
    """A signature of each request (HMAC, RFC 2104), with its own time and nonce.

    `sign` are the parts that are signed, joined by `join`: plain text, secrets, `{method}`, `{path}`, `{query}`,
    `{body}`, `{body_hash}`, `{time}` and `{nonce}`. `headers` hold `{signature}`, and what goes with it.
    """

    type: Literal["hmac"]
    key: SecretTemplate
    key_encoding: Literal["text", "hex", "base64"] = "text"
    hash: Literal["sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    time: Literal["unix", "unix_ms", "iso8601", "http"] = "unix"
    sign: Annotated[tuple[Template, ...], Field(min_length=1, max_length=20)]
    join: Annotated[str, Field(max_length=20)] = "\n"
    headers: Annotated[dict[HeaderName, HeaderTemplate], Field(min_length=1)]

    names = frozenset({"method", "path", "query", "body"}) | _CARRIED

    def templates(self) -> Iterator[tuple[Path, str]]:
        yield ("key",), self.key
        yield from ((("sign", index), text) for index, text in enumerate(self.sign))
        yield from ((("headers", name), text) for name, text in self.headers.items())

    def faults(self) -> Iterator[Fault]:
        allowed = {"sign": self.names - {SIGNATURE}, "headers": _CARRIED}
        for path, text in self.templates():
            yield from _foreign_names(path, text, allowed.get(str(path[0]), ()))
        signed, sent = (
            {found.name for text in texts for found in placeholders(text)}
            for texts in (self.sign, self.headers.values())
        )
        if SIGNATURE not in sent:
            yield ("headers",), "no header holds the signature — write {signature} where the registry wants it"
        for name in ("time", "nonce"):
            if name in signed - sent:
                yield ("sign",), f"the registry cannot check what it does not get — write {{{name}}} under headers: too"
            if name in sent - signed:
                yield ("headers",), f"anyone could change what is not signed — write {{{name}}} under sign: too"


class WsSecurityAuth(_Auth):
    """A user and the digest of its password, with its own time and nonce, in the Header of a SOAP message.

    See OASIS Web Services Security, UsernameToken Profile 1.1. It is where `xml` has `{security}`.
    """

    type: Literal["ws_security"]
    user: SecretTemplate
    password: SecretTemplate

    names = frozenset({SECURITY, *WSSE})

    def faults(self) -> Iterator[Fault]:
        return (fault for path, text in self.templates() for fault in _foreign_names(path, text))

    def written_in(self, xml: str) -> str:
        """The document with the element Security in place of `{security}`."""
        return _SECURITY.sub(lambda found: found[1] + _ELEMENT.replace("{user}", self.user), xml)


Auth = Annotated[
    HeaderAuth | QueryAuth | BasicAuth | BearerAuth | OAuth2Auth | HmacAuth | WsSecurityAuth,
    Field(discriminator="type"),
]
