"""Whether the keys in the settings fit each other. Says ids of public keys, never a key."""

from __future__ import annotations

from config.settings import Settings
from jurat.sealing import Unseal, key_from_text, key_id


def seal_id(settings: Settings) -> str | None:
    """The id of the public key that answers are sealed with, None where it is not set."""
    if settings.seal_key is None:
        return None
    return key_id(key_from_text(settings.seal_key, "JURAT_SEAL_KEY"))


def unseal_ids(settings: Settings) -> list[str]:
    """The ids of the public keys whose answers can be opened here, newest first."""
    keys = (key_from_text(key.get_secret_value(), "JURAT_UNSEAL_KEYS") for key in settings.unseal_keys)
    return Unseal(keys).key_ids


def mismatch(settings: Settings) -> str | None:
    """A sentence where both kinds of keys are set here and do not fit; None otherwise."""
    mine, opened = seal_id(settings), unseal_ids(settings)
    if mine is None or not opened or mine in opened:
        return None
    return (
        f"JURAT_SEAL_KEY is the wrong key: it has the id {mine}, and JURAT_UNSEAL_KEYS open only {', '.join(opened)}; "
        "set both from one run of `bin/jurat keys generate`"
    )
