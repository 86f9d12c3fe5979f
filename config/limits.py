"""What the models of all sources share: names, addresses, files and limits."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from config.durations import Duration, Rate, between, duration_default

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


def _check_proxy(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.path:
        raise PydanticCustomError("url", "a proxy is reached over plain http — write it like http://proxy.example:3128")
    return url


ProxyUrl = Annotated[Url, AfterValidator(_check_proxy), Field(json_schema_extra={"pattern": "^http://[^/]+/?$"})]
"""A forward proxy. Requests to https go through it by CONNECT, so that it sees the host and nothing else."""

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

    @property
    def requests(self) -> int:
        """How many requests one look-up may send. Each is paid from the rate."""
        return 1
