"""The sources that a configuration may name: one model for each `type`, and the answer that it asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from config.addresses import (
    AddokSource,
    AddressFileSource,
    AddressSource,
    NominatimSource,
    PeliasSource,
    PhotonSource,
    UsCensusSource,
    address_properties,
)
from config.limits import LimitedSource, Name, SourceKind
from config.problems import Path
from config.registry import RecordSource, RegistrySource, RosterSource
from config.registry.model.source import answer_properties
from config.secrets import SecretReference
from jurat.codes import FORM


class CodesSource(LimitedSource):
    """A list of access codes that administrators generated or imported under the name `list`. Without a name, its
    criteria leave the list open, and each of their questions names its own.

    `checked`: they were generated here and have a check character, which reveals typing errors before the lookup. Set
    it to false for codes that were made elsewhere.
    """

    kind = SourceKind.CODES

    type: Literal["codes"]
    list: Name | None = None
    checked: bool = True


class ManualSource(LimitedSource):
    """A person decides: every answer goes to review."""

    kind = SourceKind.MANUAL

    type: Literal["manual"]


class SimulatedSource(LimitedSource):
    """Magic answers that are accepted, refused, slow, down or for review. Only with `environment: test`."""

    kind = SourceKind.SIMULATED

    type: Literal["simulated"]


SourceModel = Annotated[
    AddokSource
    | NominatimSource
    | PhotonSource
    | PeliasSource
    | UsCensusSource
    | AddressFileSource
    | RegistrySource
    | RosterSource
    | CodesSource
    | ManualSource
    | SimulatedSource,
    Field(discriminator="type"),
]
"""Any source, told apart by its `type`."""


def _text(en: str, fr: str, longest: int) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": longest, "titles": {"en": en, "fr": fr}}


def _closed(properties: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": required, "properties": dict(properties)}


def answer_schema(source: SourceModel) -> dict[str, Any]:
    """The JSON Schema of the answer that `source` looks up, in the contract's subset.

    Properties are in the order of the form; `titles` has their names in each language, `form` how a code is printed.
    """
    match source:
        case AddressSource():
            return _closed(*address_properties())
        case CodesSource():
            form = {"form": FORM} if source.checked else {}
            return _closed({"code": _text("Access code", "Code d’accès", 64) | form}, ["code"])
        case ManualSource():
            return _closed({"statement": _text("Your statement", "Votre déclaration", 6000)}, ["statement"])
        case RecordSource():
            return _closed(*answer_properties(source))
        case SimulatedSource():
            return {"type": "object", "additionalProperties": {"type": "string"}}


def secrets_of(source: BaseModel) -> Iterator[tuple[Path, SecretReference]]:
    """Every secret that a source (or a part of one) refers to, with its path."""
    return ((path, part) for path, part in _parts_of(source) if isinstance(part, SecretReference))


def urls_of(source: BaseModel) -> Iterator[tuple[Path, str]]:
    """Every URL that a source (or a part of one) sends to, with its path."""
    found = (((*path, "url"), getattr(part, "url", None)) for path, part in _parts_of(source))
    return ((path, url) for path, url in found if isinstance(url, str))


def _parts_of(value: Any, path: Path = ()) -> Iterator[tuple[Path, BaseModel]]:
    """Every model in `value`, itself included, with its path."""
    match value:
        case BaseModel():
            yield path, value
            for name, field in type(value).model_fields.items():
                yield from _parts_of(getattr(value, name), (*path, field.alias or name))
        case Mapping():
            for key, part in value.items():
                yield from _parts_of(part, (*path, str(key)))
        case list() | tuple():
            for index, part in enumerate(value):
                yield from _parts_of(part, (*path, index))
