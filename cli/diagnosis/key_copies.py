"""Compares stored copies of the private keys with the keys in use, by their ids."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from adapters.fingerprints import chains, hash_key_id
from cli.output import Exit, Failure
from config.secrets import read_keys
from jurat.errors import ConfigurationError
from jurat.seal import Unseal, key_from_text
from store.queries import Queries


def copies_in(files: Iterable[Path]) -> dict[str, str]:
    """The ids of the keys in these files and folders, each with its place. A key has two, as it may open or hash.

    Raises SecretError for a file that cannot be read, Failure for one that holds something else than keys.
    """
    found: dict[str, str] = {}
    for file in files:
        try:
            keys = [key_from_text(word, str(file)) for word in read_keys(file).replace(",", " ").split()]
        except ConfigurationError:
            raise Failure(
                f"{file}: has an entry that is no key of 32 bytes in base64; it must hold keys alone, and no names of "
                "settings",
                Exit.USAGE,
            ) from None
        for key in keys:
            found |= dict.fromkeys((*Unseal([key]).key_ids, hash_key_id(key)), str(file))
    return {head: found[chain[0]] for head, chain in chains(found).items()}


def keys_in_use(queries: Queries) -> dict[str, str]:
    """The ids of the keys that are needed, and what for."""
    live = [worker for worker in queries.workers() if worker.live]
    return {
        **{key: "a worker has it" for worker in live for key in (*worker.unseal_keys, *worker.hash_keys)},
        **dict.fromkeys(queries.hash_keys(), "codes or numbers"),
        **dict.fromkeys(queries.sealed_keys(), "answers or notes"),
    }
