"""The description of the invented register, for tests to change and to ask."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

import examples.sources
from adapters.base import Query
from adapters.registry import RegistryAdapter
from config.registry import RegistrySource
from config.secrets import SecretReference

_FILE = Path(examples.sources.__file__).with_name("register.yaml")


@cache
def _loaded() -> str:
    return json.dumps(YAML(typ="safe").load(_FILE.read_text(encoding="utf-8")))


def description(**changes: Any) -> dict[str, Any]:
    """The description as plain data; `changes` replace its parts."""
    return {**json.loads(_loaded()), **copy.deepcopy(changes)}


def at(url: str, **changes: Any) -> dict[str, Any]:
    """The description of the register that answers below `url`."""
    described = description(**changes)
    described["steps"][0]["request"]["url"] = f"{url}/professionals"
    return described


def adapter(described: Mapping[str, Any], secrets: Mapping[str, str] | None = None) -> RegistryAdapter:
    def secret(reference: SecretReference) -> str:
        return (secrets or {})[reference.env or ""]

    return RegistryAdapter(RegistrySource.model_validate(described), secret=secret, loopback_http=True)


def asked(number: str, family: str, given: str, *, timeout: float = 5.0, **requirement: Any) -> Query:
    answer = {"number": number, "family_name": family, "given_name": given}
    return Query(answer, requirement=requirement, timeout=timeout)
