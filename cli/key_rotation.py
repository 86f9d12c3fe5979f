"""Replaces keys: what each is needed for, and the setting that holds them, of which none is ever lost."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from sqlalchemy import text

from adapters.fingerprints import KEY_ID_LENGTH as HASH_ID_LENGTH
from adapters.fingerprints import Fingerprints, hash_key_id
from cli.output import Exit, Failure, count_text, new_file
from config.settings import VARIABLES
from jurat.database import reader
from jurat.seal import KEY_ID_LENGTH, Unseal, generate, key_from_text, key_id, key_to_text, public_key
from store.hash_keys import use_key
from store.key_use import HashKey, UnsealKey, hash_keys_in_use, old_workers, unseal_keys
from store.requests.erasure_journal import sync_folder
from store.verdicts.records import add_audit_row
from worker.bootstrap import Service

USE: Final = "keys use"
"""The action in the audit with which a key comes into use."""


class KeyKind(StrEnum):
    """What a key is for: to open answers, or to hash codes and numbers."""

    UNSEAL = "unseal"
    HASH = "hash"

    @property
    def setting(self) -> str:
        """The variable that holds keys of this kind."""
        return VARIABLES[f"{self}_keys"]

    def new(self) -> bytes:
        """A new private key."""
        return generate()[0] if self is KeyKind.UNSEAL else os.urandom(32)

    def id_of(self, key: bytes) -> str:
        """The id under which the database names a key."""
        return Unseal([key]).key_ids[0] if self is KeyKind.UNSEAL else hash_key_id(key)


def uses(service: Service, kind: KeyKind, known: Collection[str] = ()) -> Sequence[UnsealKey] | Sequence[HashKey]:
    """What each key is needed for: those in use, those of live workers, and the `known` ones."""
    with reader(service.database).begin() as connection:
        return unseal_keys(connection, known) if kind is KeyKind.UNSEAL else hash_keys_in_use(connection, known)


def keys_here(kind: KeyKind, service: Service) -> list[bytes]:
    """The keys that are set here, in their order."""
    settings = service.settings
    given = settings.unseal_keys if kind is KeyKind.UNSEAL else settings.hash_keys
    return [key_from_text(key.get_secret_value(), kind.setting) for key in given]


def public_text(key: bytes) -> str:
    """The public key of a private one, as JURAT_SEAL_KEY has it."""
    return key_to_text(public_key(key))


def public_id(seal_key: str) -> str:
    """The id of the key that JURAT_SEAL_KEY has."""
    return key_id(key_from_text(seal_key, "JURAT_SEAL_KEY"))


def _begun(service: Service) -> list[str]:
    """The keys that `keys use` gave out, the last one last."""
    with reader(service.database).begin() as connection:
        return list(
            connection.scalars(text("SELECT subject FROM jurat_audit WHERE action = :use ORDER BY at"), {"use": USE})
        )


def keep_copy(file: Path, key: str) -> None:
    """Write a key into a new file durably. One that has it already, as an earlier try left it, is fine.

    Raises Failure if the file exists with anything else.
    """
    if file.exists() and file.read_bytes() == f"{key}\n".encode():
        return
    with new_file(file, 0o600) as stream:
        stream.write(f"{key}\n")
        stream.flush()
        os.fsync(stream.fileno())
    sync_folder(file.resolve().parent)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of one kind that are set here, in their order, and what they are needed for. `file` holds them, unless
    the environment does.
    """

    kind: KeyKind
    keys: Sequence[bytes]
    file: Path | None
    uses: Mapping[str, UnsealKey | HashKey]
    read_keys: Sequence[bytes]
    """The keys as they were when this was read."""

    @classmethod
    def read(cls, kind: KeyKind, service: Service) -> KeyRing:
        """Those of the settings.

        Raises Failure if a live worker has one that is missing: this is not the setting of the workers, and must not
        replace it.
        """
        keys = keys_here(kind, service)
        if not keys:
            raise Failure(f"{kind.setting} is not set here: run this with the settings of the workers", Exit.USAGE)
        ids = [kind.id_of(key) for key in keys]
        found = {each.id: each for each in uses(service, kind, ids)}
        if lost := sorted(key for key, each in found.items() if key not in ids and each.holders):
            raise Failure(
                f"{kind.setting} lacks {', '.join(lost)} here, which live workers have: run this with their settings, "
                "or restart those that still have a key that was retired",
                Exit.USAGE,
            )
        mounted = os.environ.get(f"{kind.setting}_FILE")
        return cls(kind, keys, Path(mounted) if mounted else None, found, keys)

    @classmethod
    def with_key(cls, key_id: str, service: Service) -> KeyRing:
        """Those of the kind that an id is of: ids of keys that open answers are longer.

        Raises Failure as `read`, and if it is no id.
        """
        if not re.fullmatch(f"[0-9a-f]{{{HASH_ID_LENGTH}}}|[0-9a-f]{{{KEY_ID_LENGTH}}}", key_id):
            raise Failure(f"{key_id:.80} is not a whole id: `bin/jurat keys status` lists them", Exit.USAGE)
        return cls.read(KeyKind.UNSEAL if len(key_id) == KEY_ID_LENGTH else KeyKind.HASH, service)

    @property
    def ids(self) -> list[str]:
        """The ids of the keys."""
        return [self.kind.id_of(key) for key in self.keys]

    def key(self, key_id: str) -> bytes:
        """The key with an id. Raises Failure if it is not there."""
        for key in self.keys:
            if self.kind.id_of(key) == key_id:
                return key
        raise Failure(f"{self.kind.setting} has no key {key_id} here, only {', '.join(self.ids)}", Exit.USAGE)

    def use(self, key_id: str) -> UnsealKey | HashKey:
        """What a key is needed for."""
        return self.uses[key_id]

    def not_replaced(self, key_id: str, service: Service) -> str | None:
        """Why no other key is in use in the place of this one, and what to do; None where one is: all live workers have
        it, and platforms seal with it, or it makes the new hashes.
        """
        others = [self.uses[each] for each in self.ids if each != key_id]
        held = [each for each in others if each.live and each.holders == each.live]
        no_other = f"no other key is in use in place of {key_id}: give one to all workers, and run `bin/jurat keys use`"
        if self.kind is KeyKind.HASH:  # the key in use is needed, and another one was given to all workers
            return None if any(isinstance(each, HashKey) and each.in_use for each in held) else no_other
        begun = _begun(service)
        if begun[-1:] == [key_id]:
            return no_other
        seal_key = service.settings.seal_key
        if seal_key is not None and public_id(seal_key) == key_id:
            return f"JURAT_SEAL_KEY here is still that of {key_id}: put in the one that `bin/jurat keys use` printed"
        in_use = any(each.id in begun or (isinstance(each, UnsealKey) and each.last_sealed) for each in held)
        return None if in_use else no_other

    def with_keys(self, keys: Sequence[bytes]) -> KeyRing:
        """The same with these keys."""
        return replace(self, keys=keys)

    def require_held(self, key_id: str) -> None:
        """Raise Failure unless workers run, and all have this key."""
        found = self.use(key_id)
        if not found.live or found.holders < found.live:
            lack = f"{found.live - found.holders} of {count_text(found.live, 'live worker')} lack it"
            advice = "give it to all workers and restart them"
            raise Failure(f"{key_id}: {lack if found.live else 'no worker runs'}; {advice}", Exit.REFUSED)

    def require_obeying(self, service: Service) -> None:
        """Raise Failure while a live worker hashes with the first of its own keys, as those of older releases do."""
        with reader(service.database).begin() as connection:
            old = old_workers(connection)
        if old:
            raise Failure(
                f"{', '.join(old)}: of an older release, whose workers hash with the first of their own keys; upgrade "
                "all workers first",
                Exit.REFUSED,
            )

    def begin(self, service: Service, who: str, key_id: str) -> None:
        """Note that a key is used from now on; have all workers hash with it at once, where that is its kind.

        Raises Failure as `require_obeying`.
        """
        if self.kind is KeyKind.HASH:
            self.require_obeying(service)
        with service.database.begin() as connection:
            if self.kind is KeyKind.HASH:
                use_key(connection, key_id)
            add_audit_row(connection, who, USE, key_id, {"for": self.kind})

    @property
    def fingerprints(self) -> Fingerprints:
        """What hash keys make."""
        return Fingerprints(self.keys)

    def note(self, service: Service, who: str, action: str, key_id: str) -> None:
        """Note in the audit what was done with a key."""
        with service.database.begin() as connection:
            add_audit_row(connection, who, action, key_id, {"for": self.kind})

    @property
    def text(self) -> str:
        """The keys as their setting has them."""
        return ",".join(map(key_to_text, self.keys))

    def save(self, file: Path) -> None:
        """Replace the file at once, with its rights and owner.

        Raises Failure if it cannot be replaced; it is as before then.
        """
        place = file.resolve()
        new = ""
        try:
            if [
                key_from_text(word, "") for word in place.read_text("utf-8").replace(",", " ").split()
            ] != self.read_keys:
                raise Failure(f"{file} was changed meanwhile; run this again", Exit.USAGE)
            had = place.stat()
            handle, new = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                os.fchmod(stream.fileno(), stat.S_IMODE(had.st_mode))
                made = os.fstat(stream.fileno())
                if (had.st_uid, had.st_gid) != (made.st_uid, made.st_gid):
                    os.fchown(stream.fileno(), had.st_uid, had.st_gid)
                stream.write(self.text + "\n")
                stream.flush()
                os.fsync(stream.fileno())
            Path(new).replace(place)
            new = ""
            sync_folder(place.parent)
        except OSError as error:
            raise Failure(
                f"{file} cannot be replaced ({error.strerror}); add --print, and put what it prints there yourself",
                Exit.USAGE,
            ) from None
        finally:
            if new:
                Path(new).unlink(missing_ok=True)
