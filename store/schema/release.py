"""The release of this program, and how releases are ordered. Uses the standard library alone."""

from __future__ import annotations

import re
from typing import Final

VERSION: Final = "0.3.0"
"""That of pyproject.toml, which the image does not have."""


def is_older(version: str, than: str) -> bool:
    """Whether a version comes before another. What follows its numbers ("0.3.0+local") does not count, and a text
    without numbers comes first.
    """
    return _numbers(version) < _numbers(than)


def _numbers(version: str) -> list[int]:
    found = re.match(r"\d+(?:\.\d+)*", version)
    return [int(number) for number in found[0].split(".")] if found else []
