"""The sources that a configuration may name: one model for each `type`, and the answer that each asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from config.durations import Duration, Rate, between, duration_default
from config.problems import Path

try:
    from config.registry import RegistrySource
except ModuleNotFoundError:

    class RegistrySource(BaseModel):
        type: Literal["registry"]
        kind: ClassVar[Any] = "registry"
        rate: Any = None
        concurrency: Any = None
        timeout: float = 10.0
        url: str = "https://x"


from config.secrets import SecretReference

NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"


def _check_name(name: str) -> str:
    if re.fullmatch(NAME_PATTERN, name):
        return name
    raise PydanticCustomError(
        "name", "a name has lower-case letters, digits, '-' and '_', at most 63, and begins with a letter or digit"
    )


def _check_url(url: str) -> str:
    example = "write it like https://host.example/path"
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        parts, good = urlsplit(""), False
    if not good or re.search(r"[\s\x00-\x1f\\{}]", url):
        raise PydanticCustomError("url", f"this is no web address — {example}")
    if parts.username is not None or parts.password is not None:
        raise PydanticCustomError("url", "a name or password in an address would be shown — use a secret")
    if parts.query or parts.fragment:
        raise PydanticCustomError("url", f"a base address has nothing after ? or # — {example}")
    return url.rstrip("/")


Name = Annotated[str, AfterValidator(_check_name), Field(json_schema_extra={"pattern": NAME_PATTERN})]
"""A name of a source, criterion, consultation, question, zone or list."""

Url = Annotated[str, AfterValidator(_check_url), Field(json_schema_extra={"pattern": "^https?://"})]
"""A base address without credentials, query or trailing slash."""

FileName = Annotated[str, StringConstraints(pattern=r"^[^\x00\r\n]{1,1024}$")]
"""The path of a file; a relative one counts from the folder where the worker runs."""

Timeout = Annotated[Duration, between("100ms", "60s")]
"""How long one whole look-up may take."""


Concurrency = Annotated[int, Field(ge=1, le=1024, strict=True)]
"""How many look-ups may be under way at once, over all workers."""


class SourceKind(StrEnum):
    """What a source can decide. All sources of one criterion are of one kind; `simulated` stands in for any."""

    ADDRESS = "address"
    REGISTRY = "registry"
    CODES = "codes"
    MANUAL = "manual"
    SIMULATED = "simulated"


class LimitedSource(BaseModel):
    """What all sources share: how much they may be asked.

    `rate` and `concurrency` hold over all workers together; where they are not given, only the workers' look-up slots
    limit. `timeout` bounds one look-up whole, in seconds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: ClassVar[SourceKind]

    rate: Rate | None = None
    concurrency: Concurrency | None = None
    timeout: Timeout = duration_default("10s")


class AddokSource(LimitedSource):
    """A geocoder that speaks addok's contract: the French national one (Géoplateforme), or one's own.

    `url` is the address before `/search`. `score_floor` is the lowest score that may decide; the rule has its own.
    See https://github.com/addok/addok and https://geoservices.ign.fr/documentation/services/services-geoplateforme/geocodage
    """

    kind = SourceKind.ADDRESS

    type: Literal["addok"]
    url: Url
    concurrency: Concurrency | None = 16
    timeout: Timeout = duration_default("8s")
    proxy: Url | None = None
    ca_file: FileName | None = None
    score_floor: Annotated[float, Field(ge=0, le=1)] | None = None


class AddressFileSource(LimitedSource):
    """An address base in a file, in the CSV format of the Base Adresse Nationale, read by each worker."""

    kind = SourceKind.ADDRESS

    type: Literal["address-file"]
    path: FileName


class CodesSource(LimitedSource):
    """A list of access codes that administrators generated or imported under the name `list`."""

    kind = SourceKind.CODES

    type: Literal["codes"]
    list: Name


class ManualSource(LimitedSource):
    """A person looks: every answer goes to review."""

    kind = SourceKind.MANUAL

    type: Literal["manual"]


class SimulatedSource(LimitedSource):
    """Magic answers that are accepted, refused, slow, down or for review. Only with `environment: test`."""

    kind = SourceKind.SIMULATED

    type: Literal["simulated"]


SourceModel = Annotated[
    AddokSource | AddressFileSource | RegistrySource | CodesSource | ManualSource | SimulatedSource,
    Field(discriminator="type"),
]
"""Any source, told apart by its `type`."""


def _text(en: str, fr: str, *, longest: int = 200, shortest: int = 1, **more: Any) -> dict[str, Any]:
    return {"type": "string", "minLength": shortest, "maxLength": longest, "titles": {"en": en, "fr": fr}, **more}


def _closed(properties: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": dict(properties),
    }


def answer_schema(source: SourceModel) -> dict[str, Any]:
    """The JSON Schema of the answer that `source` looks up, in the closed subset of the contract.

    Properties stand in the order in which a form asks them; `titles` has their names in each language.
    """
    match source.kind:
        case SourceKind.ADDRESS:
            return _closed(
                {
                    "number": _text("House number", "Numéro", longest=20),
                    "street": _text("Street", "Rue"),
                    "postcode": _text("Postcode", "Code postal", longest=20),
                    "city": _text("Town", "Commune"),
                    "country": _text("Country", "Pays", longest=60),
                },
                ["street", "postcode"],
            )
        case SourceKind.CODES:
            return _closed({"code": _text("Access code", "Code d'accès", longest=64)}, ["code"])
        case SourceKind.MANUAL:
            return _closed({"statement": _text("Your statement", "Votre déclaration", longest=2000)}, ["statement"])
        case SourceKind.REGISTRY:
            raise NotImplementedError
    return {"type": "object", "additionalProperties": {"type": "string", "maxLength": 2000}}


def secrets_of(value: Any, path: Path = ()) -> Iterator[tuple[Path, SecretReference]]:
    """Every secret that a source (or a part of one) refers to, and where it stands in it."""
    match value:
        case SecretReference():
            yield path, value
        case BaseModel():
            for name, field in type(value).model_fields.items():
                yield from secrets_of(getattr(value, name), (*path, field.alias or name))
        case Mapping():
            for key, part in value.items():
                yield from secrets_of(part, (*path, str(key)))
        case list() | tuple():
            for index, part in enumerate(value):
                yield from secrets_of(part, (*path, index))


def urls_of(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every address that a source (or a part of one) sends to, and where it stands in it."""
    match value:
        case BaseModel():
            for name, field in type(value).model_fields.items():
                part = getattr(value, name)
                if name == "url" and isinstance(part, str):
                    yield (*path, name), part
                else:
                    yield from urls_of(part, (*path, field.alias or name))
        case list() | tuple():
            for index, part in enumerate(value):
                yield from urls_of(part, (*path, index))


def requirements_of(source):
    return set(), set()
