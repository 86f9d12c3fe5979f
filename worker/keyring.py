"""Checks that the keys in the settings fit each other. Shows the ids of public keys, never a key."""

from __future__ import annotations

from collections.abc import Collection

from adapters.fingerprints import Fingerprints
from config.secrets import SecretError, read_keys
from config.settings import Settings
from jurat.seal import Unseal, key_from_text, key_id
from jurat.seal_keys import PREFIX, SealOf, seal_of


def seal_id(settings: Settings) -> str | None:
    """The id of the public key that answers are sealed with, None where it is not set or in the database."""
    if settings.seal_key is None or settings.seal_key.startswith(PREFIX):
        return None
    return key_id(key_from_text(settings.seal_key, "JURAT_SEAL_KEY"))


def seal_of_platforms(settings: Settings) -> SealOf | None:
    """What seals an answer as platforms do; None where that key is not set. Raises ConfigurationError."""
    return seal_of(settings.seal_key, "JURAT_SEAL_KEY") if settings.seal_key else None


def unseal_of(settings: Settings) -> Unseal:
    """Opens the answers that are sealed for the keys set here."""
    return Unseal(key_from_text(key.get_secret_value(), "JURAT_UNSEAL_KEYS") for key in settings.unseal_keys)


def reread(unseal: Unseal, settings: Settings) -> None:
    """Open answers with the keys that are now in the file or folder that has them; nothing where the environment does.

    Raises SecretError or ConfigurationError if it cannot be used, and leaves the keys as they are.
    """
    if settings.key_file is None:
        return
    words = read_keys(settings.key_file).replace(",", " ").split()
    if not words:
        raise SecretError(f"the file {settings.key_file} has no keys")
    unseal.replace([key_from_text(word, str(settings.key_file)) for word in words])


def fingerprints_of(settings: Settings) -> Fingerprints | None:
    """Finds codes and numbers by the keys set here; None without any."""
    keys = [key_from_text(key.get_secret_value(), "JURAT_HASH_KEYS") for key in settings.hash_keys]
    return Fingerprints(keys) if keys else None


def how_to_set(setting: str, needed: Collection[str] | None = None) -> str:
    """What to do about keys that are not set. `needed` are the ids of the keys that rows in the database need; None
    where that is unknown. New keys are advised only where no row needs an older one: they open no existing answer.
    """
    if needed is None:
        return UNKNOWN
    if not needed:
        return "run `bin/jurat keys generate`"
    several = len(needed) > 1
    return (
        f"bring back the key{'s' if several else ''} with the id{'s' if several else ''} {', '.join(sorted(needed))}: "
        f"add {'them' if several else 'it'} to {setting}, behind those that are there"
    )


UNKNOWN = (
    "bring back the keys of this installation; only where there were none yet, `bin/jurat keys generate` makes them"
)
"""What to do about keys that are not set, where it is unknown whether a row needs them."""


def mismatch(settings: Settings) -> str | None:
    """A sentence where both kinds of keys are set here and do not fit; None otherwise."""
    mine, opened = seal_id(settings), unseal_of(settings).key_ids
    if mine is None or not opened or mine in opened:
        return None
    return (
        f"JURAT_SEAL_KEY is the wrong key: it has the id {mine}, and JURAT_UNSEAL_KEYS open only {', '.join(opened)}; "
        "set JURAT_SEAL_KEY to the public key of one of those, or bring back the private key with its id"
    )
