"""The hand-written meanings that the reference needs: `meanings.yaml`."""
# ruff: noqa: INP001 - next to docs.generate, which is no package either

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

DOCS = Path(__file__).resolve().parent


@cache
def meanings() -> Mapping[str, Any]:
    """What the columns and options are for."""
    read: Mapping[str, Any] = YAML(typ="safe").load((DOCS / "meanings.yaml").read_text("utf-8"))
    return read
