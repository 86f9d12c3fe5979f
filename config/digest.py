"""Tells one configuration from another, without its model."""

from __future__ import annotations

import hashlib


def digest_of(canonical: str) -> str:
    """The digest of a configuration as `to_json` writes it."""
    return hashlib.sha256(canonical.encode()).hexdigest()
