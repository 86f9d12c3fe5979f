"""Lists the types of source, and builds a source from its configuration.

A new type is one module, one model in `config.sources` and one row here. Modules are loaded when a configured source
first needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters.base import Another, Found, NeedsReview, Query, Source
from adapters.simulated import Simulated

if TYPE_CHECKING:
    from adapters.address.base.database import AddressStore
    from adapters.codes import CodeStore
    from adapters.fingerprints import Fingerprints
    from adapters.http_client.transport import Transport
    from adapters.rosters import RosterStore
    from config import addresses
    from config.networks import IPNetwork
    from config.registry import RegistrySource, RosterSource
    from config.secrets import SecretReference
    from config.sources import CodesSource, SourceModel


class SourceUnusable(Exception):
    """A configured source cannot be built here: a secret, key or file is missing. The message says what to do."""


class LacksKeys(SourceUnusable):
    """It needs JURAT_HASH_KEYS that are not here; another worker may have them."""


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What a process offers its sources. `loopback_http` allows plain HTTP to this machine (environment: test).

    `name` is the name of the source that is built. Sources and proxies may be in `private_networks` as well as on the
    public internet. `datasets` are the address bases in the database, `rosters` its rosters. `another` pays for a
    further request of a lookup; `needed` also while the breaker is open, for one without which no lookup can succeed.
    `note_drift` stores what of a source's answers no test shows. Each is None where the process does not have it.
    """

    codes: CodeStore
    fingerprints: Fingerprints | None
    secret: Callable[[SecretReference], str]
    loopback_http: bool = False
    datasets: AddressStore | None = None
    rosters: RosterStore | None = None
    another: Another | None = None
    needed: Another | None = None
    note_drift: Callable[[str], object] | None = None
    private_networks: tuple[IPNetwork, ...] = ()
    name: str = ""


def build(name: str, model: SourceModel, context: SourceContext) -> Source:
    """Build the source `name` as it is configured. Raises SourceUnusable when something that it needs is not here."""
    try:
        return CATALOGUE[model.type](model, replace(context, name=name))
    except SourceUnusable:
        raise
    except Exception as error:
        raise SourceUnusable(f"source {name} cannot be used: {error}") from error


def _addok(model: addresses.AddokSource, context: SourceContext) -> Source:
    from adapters.address.geocoders.addok import Addok

    return Addok(model.url, _transport(model, context), language=model.language, another=context.another)


def _nominatim(model: addresses.NominatimSource, context: SourceContext) -> Source:
    from adapters.address.geocoders.nominatim import Nominatim

    # The policy of the public server asks clients to identify themselves.
    transport = _transport(model, context, user_agent=f"jurat ({model.email})" if model.email else "jurat")
    return Nominatim(
        model.url,
        transport,
        language=model.language,
        country=model.country,
        email=model.email,
        another=context.another,
    )


def _photon(model: addresses.PhotonSource, context: SourceContext) -> Source:
    from adapters.address.geocoders.photon import Photon

    transport = _transport(model, context)
    return Photon(model.url, transport, language=model.language, country=model.country, another=context.another)


def _pelias(model: addresses.PeliasSource, context: SourceContext) -> Source:
    from adapters.address.geocoders.pelias import Pelias

    key = None if model.api_key is None else context.secret(model.api_key)
    return Pelias(
        model.url,
        _transport(model, context),
        language=model.language,
        country=model.country,
        api_key=key,
        another=context.another,
    )


def _us_census(model: addresses.UsCensusSource, context: SourceContext) -> Source:
    from adapters.address.geocoders.us_census import UsCensus

    return UsCensus(model.url, _transport(model, context), language=model.language, another=context.another)


def _transport(model: addresses.GeocoderSource, context: SourceContext, *, user_agent: str = "jurat") -> Transport:
    from adapters.http_client.transport import Transport

    return Transport(
        proxy=model.proxy,
        ca_file=model.ca_file,
        loopback_http=context.loopback_http,
        private_networks=context.private_networks,
        read_timeout=model.timeout,
        user_agent=user_agent,
    )


def _address_file(model: addresses.AddressFileSource, context: SourceContext) -> Source:
    if model.path is not None:
        from adapters.address.base.file import AddressFile

        return AddressFile(Path(model.path), model.language)
    if model.dataset is None or context.datasets is None:
        raise SourceUnusable("the dataset of an address-file source needs a database, and there is none here")
    from adapters.address.base.database import AddressDataset

    return AddressDataset(model.dataset, context.datasets, model.language)


_BRING_BACK = (
    "bring back the key of this installation; only where there was none yet, `bin/jurat keys generate` makes one"
)


def _registry(model: RegistrySource, context: SourceContext) -> Source:
    from adapters.registry.batches import adapter_class
    from adapters.registry.control import controlled
    from adapters.registry.shapes import DriftWatch

    if model.one_person and context.fingerprints is None:
        hint = f"{_BRING_BACK}; or write one_person: false"
        raise LacksKeys(f"that a number counts for one participant needs JURAT_HASH_KEYS; {hint}")
    adapter = adapter_class(model)(
        model,
        secret=context.secret,
        loopback_http=context.loopback_http,
        private_networks=context.private_networks,
        pay=context.needed,
        name=context.name,
        fingerprints=context.fingerprints,
    )
    drifts = None if context.note_drift is None else DriftWatch(model, context.note_drift)
    return controlled(adapter, model.control, another=context.another, drifts=drifts)


def _roster(model: RosterSource, context: SourceContext) -> Source:
    from adapters.registry.roster import RosterAdapter

    if context.fingerprints is None:
        raise LacksKeys(f"a roster needs JURAT_HASH_KEYS; {_BRING_BACK}")
    if context.rosters is None:
        raise SourceUnusable("a roster needs a database, and there is none here")
    return RosterAdapter(model, context.rosters, context.fingerprints, name=context.name)


def _codes(model: CodesSource, context: SourceContext) -> Source:
    from adapters.codes import Codes

    if context.fingerprints is None:
        raise LacksKeys(f"access codes need JURAT_HASH_KEYS; {_BRING_BACK}")
    return Codes(model.list, context.fingerprints, context.codes, checked=model.checked)


class Manual(Source):
    """Sends every answer to review: no registry can answer."""

    def look_up(self, query: Query) -> Found:
        return NeedsReview()


CATALOGUE: Mapping[str, Callable[[Any, SourceContext], Source]] = {
    "addok": _addok,
    "nominatim": _nominatim,
    "photon": _photon,
    "pelias": _pelias,
    "us-census": _us_census,
    "address-file": _address_file,
    "registry": _registry,
    "roster": _roster,
    "codes": _codes,
    "manual": lambda *_: Manual(),
    "simulated": lambda *_: Simulated(),
}
