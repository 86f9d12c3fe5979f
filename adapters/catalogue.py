"""Which types of source there are, and how each is made from its configuration.

A new type is one module, one model in `config.sources` and one row here. Modules are loaded when a configured source
first needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters.base import Source

if TYPE_CHECKING:
    from adapters.codes import CodeBook
    from adapters.fingerprints import Fingerprints
    from config.registry import RegistrySource
    from config.secrets import SecretReference
    from config.sources import AddokSource, AddressFileSource, CodesSource, SourceModel


class SourceUnusable(Exception):
    """A configured source can not be made here: a missing secret, key or file. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a process offers its sources. `loopback_http` allows plain HTTP to this machine (environment: test)."""

    codes: CodeBook
    fingerprints: Fingerprints | None
    secret: Callable[[SecretReference], str]
    loopback_http: bool = False


def build(name: str, model: SourceModel, surroundings: Surroundings) -> Source:
    """The source `name` as it is configured.

    Raises SourceUnusable when something that it needs is not here.
    """
    try:
        return CATALOGUE[model.type](model, surroundings)
    except SourceUnusable:
        raise
    except Exception as error:
        raise SourceUnusable(f"source {name} can not be used: {error}") from error


def _addok(model: AddokSource, surroundings: Surroundings) -> Source:
    from adapters.address.addok import Addok
    from adapters.transport import Transport

    transport = Transport(
        proxy=model.proxy,
        ca_file=model.ca_file,
        loopback_http=surroundings.loopback_http,
        read_timeout=model.timeout,
    )
    return Addok(model.url, transport)


def _address_file(model: AddressFileSource, _: Surroundings) -> Source:
    from adapters.address.files import AddressFile

    return AddressFile(Path(model.path))


def _registry(model: RegistrySource, surroundings: Surroundings) -> Source:
    from adapters.registry import RegistryAdapter

    return RegistryAdapter(model, secret=surroundings.secret, loopback_http=surroundings.loopback_http)


def _codes(model: CodesSource, surroundings: Surroundings) -> Source:
    from adapters.codes import Codes

    if surroundings.fingerprints is None:
        raise SourceUnusable("access codes need JURAT_HASH_KEYS; `bin/jurat keys generate` makes one")
    return Codes(model.list, surroundings.fingerprints, surroundings.codes, checked=model.checked)


def _manual(_: Any, __: Surroundings) -> Source:
    from adapters.manual import Manual

    return Manual()


def _simulated(_: Any, __: Surroundings) -> Source:
    from adapters.simulated import Simulated

    return Simulated()


CATALOGUE: Mapping[str, Callable[[Any, Surroundings], Source]] = {
    "addok": _addok,
    "address-file": _address_file,
    "registry": _registry,
    "codes": _codes,
    "manual": _manual,
    "simulated": _simulated,
}
