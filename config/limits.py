"""What the models of all sources share: names, URLs, files and limits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from config.durations import Duration, Rate, between, duration_default
from config.hours import ONCE_PATTERN, WEEKLY_PATTERN, Hours, parse_closing, parse_opening, parse_zone
from config.names import NAME_PATTERN, NAMED
from config.networks import check_host
from config.problems import Fault, Part, matching, value_error

DEEPEST: Final = 40
"""Maps and lists in one another, in files and in what platforms publish."""


def _check_url(url: str) -> str:
    example = "write it like https://host.example/path"
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        parts, good = urlsplit(""), False
    if not good or re.search(r"[\s\x00-\x1f\\{}]", url):
        raise value_error(f"this is no web address — {example}")
    if parts.username is not None or parts.password is not None:
        raise value_error("a name or password in an address would be shown — use a secret")
    if parts.query or parts.fragment:
        raise value_error(f"a base address has nothing after ? or # — {example}")
    check_host(parts.hostname or "")
    return url.rstrip("/")


Name = Annotated[str, matching(NAME_PATTERN, NAMED), Field(json_schema_extra={"pattern": NAME_PATTERN})]
"""A name of a source, criterion, consultation, question, zone or list."""

Url = Annotated[str, AfterValidator(_check_url), Field(json_schema_extra={"pattern": "^https?://"})]
"""A base address without credentials, query or trailing slash."""


def _check_proxy(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.path:
        raise value_error("a proxy is reached over plain http — write it like http://proxy.example:3128")
    return url


ProxyUrl = Annotated[Url, AfterValidator(_check_proxy), Field(json_schema_extra={"pattern": "^http://[^/]+/?$"})]
"""A forward proxy. Requests to https use CONNECT, so that it sees only the host."""

FileName = Annotated[str, StringConstraints(pattern=r"^[^\x00\r\n]{1,1024}$")]
"""The path of a file, relative to the folder where the worker runs."""

Timeout = Annotated[Duration, between("100ms", "60s")]
"""How long one whole lookup may take."""

Concurrency = Annotated[int, Field(ge=1, le=1024, strict=True)]
"""How many lookups may run at once, over all workers."""


class SourceKind(StrEnum):
    """What a source can decide. All sources of one criterion are of one kind; `simulated` stands in for any."""

    ADDRESS = "address"
    REGISTRY = "registry"
    CODES = "codes"
    MANUAL = "manual"
    SIMULATED = "simulated"


def _read_by(parse: Callable[[str], object]) -> AfterValidator:
    def check(text: str) -> str:
        parse(text)
        return text

    return AfterValidator(check)


TimeZone = Annotated[str, _read_by(parse_zone), Field(examples=["Europe/Paris"])]
"""The name of a time zone in the IANA database."""

Opening = Annotated[str, _read_by(parse_opening), Field(json_schema_extra={"pattern": WEEKLY_PATTERN})]
"""Days and times, "mon-fri 08:00-18:00"."""

Closing = Annotated[
    str, _read_by(parse_closing), Field(json_schema_extra={"pattern": f"{WEEKLY_PATTERN}|{ONCE_PATTERN}"})
]
"""Days and times, or once, "2026-12-24 22:00 - 2026-12-25 06:00"."""


class OpeningHours(Part):
    """When a source may be asked, in the local time of `timezone`; by default always. `closed` wins over `open`."""

    timezone: TimeZone
    open: Annotated[tuple[Opening, ...], Field(max_length=50)] = ()
    closed: Annotated[tuple[Closing, ...], Field(max_length=200)] = ()

    @cached_property
    def parsed(self) -> Hours:
        return Hours.parse(self.timezone, self.open, self.closed)

    def faults(self) -> Iterator[Fault]:
        try:
            self.parsed  # noqa: B018 - it is cached
        except ValueError:
            yield (), "the source would never be open — remove something from closed, or remove the source"


def _check_no_pem(value: Any) -> Any:
    if isinstance(value, str) and "-----BEGIN" in value:
        raise value_error("a certificate or key does not belong in the configuration — write the name of its file")
    return value


_PemFile = Annotated[FileName, BeforeValidator(_check_no_pem)]


class ClientCertificate(Part):
    """The certificate that identifies us to a source, followed by those of its signers, and its key: two PEM files on
    the worker's machine. The key is not encrypted, and no other user of the machine may be able to read it.
    """

    certificate: _PemFile
    key: _PemFile


class BreakerLimits(Part):
    """When a source counts as broken: after so many technical failures in a row. Then it gets one lookup every `probe`
    seconds until one succeeds.
    """

    failures: Annotated[int, Field(ge=1, le=1000, strict=True)] = 5
    probe: Annotated[Duration, between("100ms", "1h")] = duration_default("1s")


BURST_SECONDS: Final = 0.25
"""By default, a source with a rate may get the requests of this time at once, and one more."""

TRAVEL: Final = 0.025
"""Seconds by which the travel times of requests may differ: taken from the burst if it has room."""

LEAST_LATE: Final = 0.003
"""Seconds of delay that a thread needs at least to begin a lookup."""

_LATE: Final = (0.02, 0.2)
"""Seconds that a lookup may start late: what a busy machine needs, and the most that is useful."""

_LATE_SHARE: Final = 0.015
"""If the burst has no room for that, it takes at most this share of the time between two starts, or what a thread needs
at least: lookups that come too late pay twice, and otherwise starts would be kept further apart.
"""


class LimitedSource(Part):
    """What all sources share: how much they may be asked.

    `rate` (in requests), `burst` (of them at once), `concurrency` (in lookups), `daily` (requests in a day of
    `hours.timezone`, else of UTC), `hours` and `breaker` apply to all workers together; without them, only the workers'
    slots limit lookups. `timeout` limits one whole lookup, in seconds.
    """

    kind: ClassVar[SourceKind]

    rate: Rate | None = None
    burst: Annotated[int, Field(ge=1, le=100_000, strict=True)] | None = None
    concurrency: Concurrency | None = None
    daily: Annotated[int, Field(ge=1, le=1_000_000_000, strict=True)] | None = None
    hours: OpeningHours | None = None
    breaker: BreakerLimits = BreakerLimits()
    timeout: Timeout = duration_default("10s")

    @property
    def requests(self) -> int:
        """How many requests one lookup may send. Each counts for the rate."""
        return 1

    @property
    def together(self) -> int:
        """How many checks one lookup may ask for, at the price of one."""
        return 1

    @property
    def interval(self) -> float | None:
        """Seconds between the starts of two lookups that the rate allows in the long run; None without a rate."""
        return None if self.rate is None else self.requests * self.rate.period_s / self.rate.count

    @property
    def usual_burst(self) -> int:
        """The default `burst`: the requests of `BURST_SECONDS` and one more, but no fewer than one lookup sends."""
        more = 0 if self.rate is None else int(BURST_SECONDS * self.rate.count / self.rate.period_s)
        return max(self.requests, 1 + more)

    @property
    def lookups_at_once(self) -> int:
        """How many lookups may start at once, at least one."""
        return max(1, (self.burst or self.usual_burst) // self.requests)

    @property
    def late(self) -> float:
        """Seconds that a lookup may start late: as many as the burst has room for, within limits."""
        least, most = _LATE
        if self.interval is None:
            return most
        least = min(least, max(LEAST_LATE, _LATE_SHARE * self.interval))
        return min(most, max(least, (self.lookups_at_once - 1) * self.interval - TRAVEL))

    @property
    def used(self) -> float:
        """The usable share of the rate: below 1 if late starts have no room in the burst, and keep more distance."""
        if self.interval is None:
            return 1.0
        return self.interval / max(self.interval, self.late - (self.lookups_at_once - 2) * self.interval)
