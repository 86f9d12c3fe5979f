"""Which types of source there are, and how each is made from its configuration.

A new type is one module, one model in `config.sources` and one row here. Modules are loaded when a configured source
first needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters.base import Another, Source

if TYPE_CHECKING:
    from adapters.address.base.database import Shelf
    from adapters.codes import CodeBook
    from adapters.fingerprints import Fingerprints
    from adapters.http_client.transport import Transport
    from adapters.registry.roster_versions import PeopleShelf
    from config.addresses import (
        AddokSource,
        AddressFileSource,
        GeocoderSource,
        NominatimSource,
        PeliasSource,
        PhotonSource,
        UsCensusSource,
    )
    from config.networks import IPNetwork
    from config.registry import RegisterFileSource, RegistrySource
    from config.secrets import SecretReference
    from config.sources import CodesSource, SourceModel


class SourceUnusable(Exception):
    """A configured source cannot be made here: a missing secret, key or file. The message says what to do."""


class LacksKeys(SourceUnusable):
    """It needs JURAT_HASH_KEYS that are not here; another worker may have them."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a process offers its sources. `loopback_http` lets plain HTTP do to this machine (environment: test).

    `name` is that of the source that is made. `private_networks` are those that the operator lets sources and proxies
    be in, beside the public internet. `registers` are the address bases in the database, `people` its lists of people,
    `another` pays for a request beyond those that a look-up has paid; None where a process has no such thing.
    """

    codes: CodeBook
    fingerprints: Fingerprints | None
    secret: Callable[[SecretReference], str]
    loopback_http: bool = False
    registers: Shelf | None = None
    people: PeopleShelf | None = None
    another: Another | None = None
    private_networks: tuple[IPNetwork, ...] = ()
    name: str = ""


def build(name: str, model: SourceModel, surroundings: Surroundings) -> Source:
    """The source `name` as it is configured.

    Raises SourceUnusable when something that it needs is not here.
    """
    try:
        return CATALOGUE[model.type](model, replace(surroundings, name=name))
    except SourceUnusable:
        raise
    except Exception as error:
        raise SourceUnusable(f"source {name} cannot be used: {error}") from error


def _addok(model: AddokSource, surroundings: Surroundings) -> Source:
    from adapters.address.geocoders.addok import Addok

    return Addok(model.url, _transport(model, surroundings), language=model.language, another=surroundings.another)


def _nominatim(model: NominatimSource, surroundings: Surroundings) -> Source:
    from adapters.address.geocoders.nominatim import Nominatim

    # The policy of the public server wants to know who asks.
    agent = f"jurat ({model.email})" if model.email else "jurat"
    transport = _transport(model, surroundings, user_agent=agent)
    return Nominatim(model.url, transport, language=model.language, country=model.country, email=model.email)


def _photon(model: PhotonSource, surroundings: Surroundings) -> Source:
    from adapters.address.geocoders.photon import Photon

    return Photon(model.url, _transport(model, surroundings), language=model.language, country=model.country)


def _pelias(model: PeliasSource, surroundings: Surroundings) -> Source:
    from adapters.address.geocoders.pelias import Pelias

    key = None if model.api_key is None else surroundings.secret(model.api_key)
    transport = _transport(model, surroundings)
    return Pelias(model.url, transport, language=model.language, country=model.country, api_key=key)


def _us_census(model: UsCensusSource, surroundings: Surroundings) -> Source:
    from adapters.address.geocoders.us_census import UsCensus

    return UsCensus(model.url, _transport(model, surroundings), language=model.language)


def _transport(model: GeocoderSource, surroundings: Surroundings, *, user_agent: str = "jurat") -> Transport:
    from adapters.http_client.transport import Transport

    return Transport(
        proxy=model.proxy,
        ca_file=model.ca_file,
        loopback_http=surroundings.loopback_http,
        private_networks=surroundings.private_networks,
        read_timeout=model.timeout,
        user_agent=user_agent,
    )


def _address_file(model: AddressFileSource, surroundings: Surroundings) -> Source:
    if model.path is not None:
        from adapters.address.base.file import AddressFile

        return AddressFile(Path(model.path), model.language)
    if model.register_name is None or surroundings.registers is None:
        raise SourceUnusable("the register of an address-file source needs a database, and there is none here")
    from adapters.address.base.database import AddressRegister

    return AddressRegister(model.register_name, surroundings.registers, model.language)


_BRING_BACK = (
    "bring back the key of this installation; only where there was none yet, `bin/jurat keys generate` makes one"
)


def _registry(model: RegistrySource, surroundings: Surroundings) -> Source:
    from adapters.registry import adapter_class

    if model.one_person and surroundings.fingerprints is None:
        hint = f"{_BRING_BACK}; or write one_person: false"
        raise LacksKeys(f"that a number counts for one participant needs JURAT_HASH_KEYS; {hint}")
    return adapter_class(model)(
        model,
        secret=surroundings.secret,
        loopback_http=surroundings.loopback_http,
        private_networks=surroundings.private_networks,
        name=surroundings.name,
        fingerprints=surroundings.fingerprints,
    )


def _register_file(model: RegisterFileSource, surroundings: Surroundings) -> Source:
    from adapters.registry.roster import RegisterFileAdapter

    if surroundings.fingerprints is None:
        raise LacksKeys(f"a list of people needs JURAT_HASH_KEYS; {_BRING_BACK}")
    if surroundings.people is None:
        raise SourceUnusable("a list of people needs a database, and there is none here")
    return RegisterFileAdapter(model, surroundings.people, surroundings.fingerprints, name=surroundings.name)


def _codes(model: CodesSource, surroundings: Surroundings) -> Source:
    from adapters.codes import Codes

    if surroundings.fingerprints is None:
        raise LacksKeys(f"access codes need JURAT_HASH_KEYS; {_BRING_BACK}")
    return Codes(model.list, surroundings.fingerprints, surroundings.codes, checked=model.checked)


def _manual(_: Any, __: Surroundings) -> Source:
    from adapters.manual import Manual

    return Manual()


def _simulated(_: Any, __: Surroundings) -> Source:
    from adapters.simulated import Simulated

    return Simulated()


CATALOGUE: Mapping[str, Callable[[Any, Surroundings], Source]] = {
    "addok": _addok,
    "nominatim": _nominatim,
    "photon": _photon,
    "pelias": _pelias,
    "us-census": _us_census,
    "address-file": _address_file,
    "registry": _registry,
    "register-file": _register_file,
    "codes": _codes,
    "manual": _manual,
    "simulated": _simulated,
}
