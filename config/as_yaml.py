"""Writes stored configurations as administrators edit them: in YAML, without defaults."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from config.configuration import Configuration
from config.document import Document
from config.problems import InvalidConfiguration

Map = dict[str, Any]


def parse_stored(text: str) -> Document | None:
    """A configuration as it is stored; None if another version of jurat wrote it."""
    try:
        return Configuration.from_json(text).document
    except InvalidConfiguration:
        return None


def leave_out(text: str, consultations: Collection[str]) -> str:
    """A stored configuration without these consultations, of which there may be thousands, as it would be stored."""
    data = json.loads(text)
    for name in consultations:
        data.get("consultations", {}).pop(name, None)
        data.get("order", {}).pop(f"consultations/{name}/questions", None)
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def without_defaults(text: str) -> Map:
    """A stored configuration without defaults; unchanged if another version of jurat wrote it."""
    document = parse_stored(text)
    whole: Map = json.loads(text)
    return whole if document is None else document.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def set_apart(document: Map, published: Collection[str]) -> tuple[Map, Map]:
    """A document without the consultations `published`, and these."""
    consultations: Mapping[str, Any] = document.get("consultations", {})
    theirs = {name: part for name, part in consultations.items() if name in published}
    own = {name: part for name, part in document.items() if name != "consultations"}
    if ours := {name: part for name, part in consultations.items() if name not in published}:
        own["consultations"] = ours
    return own, theirs


def yaml_lines(document: Map) -> list[str]:
    """A document in lines of YAML."""
    stream = StringIO()
    yaml = YAML()
    yaml.width = 120
    yaml.dump(document, stream)
    return stream.getvalue().splitlines()
