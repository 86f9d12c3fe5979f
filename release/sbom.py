"""Writes what locks hold as a CycloneDX bill of materials. It names packages by purl, and no registry's host."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

_ENTRY = re.compile(r"^([\w.-]+)==([^\s;\\]+)(?: ; ([^\\\n]+))? \\\n((?:[ ].*\n)+)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_VIA = re.compile(r"#(?: via| {2})? ([\w.-]+)(?: \(pyproject\.toml\))?$", re.MULTILINE)

_US = "jurat"


@dataclass(frozen=True)
class _Entry:
    """A package in a lock, and which others asked for it."""

    component: Component
    asked_by: frozenset[str]


def sbom(locks: Sequence[Path], title: str, version: str, epoch: int) -> str:
    """One bill of what several locks hold, as JSON; the same for the same locks.

    A package that only some systems or Pythons get has the property `jurat:marker`, which says which.
    """
    entries = _entries(locks)
    ours = Component(
        name=title,
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref=title,
        licenses=[DisjunctiveLicense(id="Apache-2.0")],
    )
    bom = Bom(
        metadata=BomMetaData(component=ours, timestamp=datetime.fromtimestamp(epoch, UTC)),
        serial_number=uuid5(NAMESPACE_URL, f"{title}@{version}@{epoch}"),
        components=[entry.component for entry in entries],
    )
    for asking in (ours, *bom.components):
        name = _US if asking is ours else asking.name
        bom.register_dependency(asking, [entry.component for entry in entries if name in entry.asked_by])
    return make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2) + "\n"


def _entries(locks: Sequence[Path]) -> list[_Entry]:
    found: dict[PackageURL, list[tuple[str, str]]] = {}
    for lock in locks:
        for name, version, marker, rest in _ENTRY.findall(lock.read_text("utf-8")):
            found.setdefault(PackageURL("pypi", None, name, version), []).append((marker, rest))
    return [
        _entry(purl, [marker for marker, _ in said], "".join(rest for _, rest in said)) for purl, said in found.items()
    ]


def _entry(purl: PackageURL, markers: Sequence[str], rest: str) -> _Entry:
    source = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(str(purl)),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in _HASH.findall(rest)],
    )
    component = Component(
        name=purl.name,
        version=purl.version,
        purl=purl,
        bom_ref=str(purl),
        external_references=[source],
        properties=[Property(name="jurat:marker", value=" or ".join(sorted({*markers})))] if all(markers) else [],
    )
    return _Entry(component, frozenset(_VIA.findall(rest)))
