"""Replaces keys: what each is needed for, and the setting that holds them, of which none is ever lost."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from nacl.signing import SigningKey
from sqlalchemy import Connection, text

from adapters.fingerprints import KEY_ID_LENGTH as HASH_ID_LENGTH
from adapters.fingerprints import hash_key_id
from cli.key_files import replace_keys, signing_key
from cli.output import Exit, Failure, count_text
from config.durations import parse_duration
from config.settings import VARIABLES
from jurat.database import reader
from jurat.seal import KEY_ID_LENGTH, Unseal, generate, key_from_text, key_to_text, public_key
from jurat.seal_keys import PREFIX, SealKey
from store.hash_keys import use_key
from store.key_use import HashKey, UnsealKey, hash_keys_in_use, old_workers, unseal_keys
from store.seal_keys import add_seal_key, next_epoch
from store.verdicts.records import add_audit_row
from store.workers import workers
from worker.keyring import seal_id
from worker.service import Service

ADD: Final = "keys add"
USE: Final = "keys use"
"""The actions in the audit with which a key is made, and comes into use."""


class KeyKind(StrEnum):
    """What a key is for: to open answers, or to hash codes and numbers."""

    UNSEAL = "unseal"
    HASH = "hash"

    @property
    def setting(self) -> str:
        """The variable that holds keys of this kind."""
        return VARIABLES[f"{self}_keys"]

    def new(self) -> bytes:
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


def _audited(service: Service, action: str) -> list[str]:
    """The keys of which the audit has this, the last one last."""
    sql = "SELECT subject FROM jurat_audit WHERE action = :action ORDER BY at"
    with reader(service.database).begin() as connection:
        return list(connection.scalars(text(sql), {"action": action}))


def pin_of(signing_key: bytes) -> str:
    """The JURAT_SEAL_KEY of platforms that pin a signing key."""
    return PREFIX + key_to_text(bytes(SigningKey(signing_key).verify_key))


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs the keys that platforms seal with, each to be replaced after `every` seconds. `pin` is their setting."""

    key: SigningKey = field(repr=False)
    every: float
    pin: str

    @classmethod
    def of(cls, service: Service, file: Path, every: str) -> Signer:
        """The key in a file. Raises Failure if that or the duration is unusable, or JURAT_SEAL_KEY pins another key."""
        try:
            seconds = parse_duration(every)
        except ValueError as error:
            raise Failure(f"--every: {error}", Exit.USAGE) from None
        key = signing_key(file)
        setting, pin = service.settings.seal_key or "", pin_of(key)
        if setting.startswith(PREFIX) and setting != pin:
            raise Failure("JURAT_SEAL_KEY here pins another signing key, and so do its platforms", Exit.USAGE)
        return cls(SigningKey(key), seconds, pin)

    def begin_epoch(self, connection: Connection, key: bytes) -> SealKey:
        """Have platforms that pin the signing key seal with a key. Raises Failure if that was done before."""
        new = SealKey(public_key(key), *next_epoch(connection, self.every), signature=b"")
        if connection.scalar(text("SELECT 1 FROM jurat_seal_keys WHERE id = :id"), {"id": new.id}):
            raise Failure(f"{new.id} was signed before; `bin/jurat keys rotate` makes a new one", Exit.USAGE)
        new = replace(new, signature=self.key.sign(new.signed_text).signature)
        add_seal_key(connection, new)
        return new


def _without(service: Service, kind: KeyKind, key_id: str) -> list[str]:
    """The first live workers that lack a key, each with its host."""
    with reader(service.database).begin() as connection:
        live = [each for each in workers(connection) if each.live]
    return [
        f"{each.name:.80} on {each.host:.80}"
        for each in live
        if key_id not in (each.unseal_keys if kind is KeyKind.UNSEAL else each.hash_keys)
    ][:5]


def wait_for_holders(service: Service, kind: KeyKind, key_id: str, seconds: float) -> None:
    """Return once all live workers have a key. Raises Failure if they do not in time, or if there are none."""
    end = time.monotonic() + seconds
    while True:
        (found,) = [each for each in uses(service, kind, [key_id]) if each.id == key_id]
        if found.live and found.holders == found.live:
            return
        if not found.live or time.monotonic() >= end:
            names = ", ".join(_without(service, kind, key_id))
            lack = f"{found.live - found.holders} of {count_text(found.live, 'live worker')} lack it ({names})"
            advice = (
                "give it to all workers and restart them; if one does not exist, a stolen login wrote its row: replace "
                "the workers' password and delete the row from jurat_workers"
            )
            raise Failure(f"{key_id}: {lack if found.live else 'no worker runs'}; {advice}", Exit.REFUSED)
        time.sleep(min(1.0, seconds))


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of one kind that are set here, in their order, and what they are needed for. `file` holds them, or is a
    folder of files that do, unless the environment does.
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
        """Those of the kind that an id is of, by its length. Raises Failure as `read`, and if it is no id."""
        if not re.fullmatch(f"[0-9a-f]{{{HASH_ID_LENGTH}}}|[0-9a-f]{{{KEY_ID_LENGTH}}}", key_id):
            raise Failure(f"{key_id:.80} is not a whole id: `bin/jurat keys status` lists them", Exit.USAGE)
        return cls.read(KeyKind.UNSEAL if len(key_id) == KEY_ID_LENGTH else KeyKind.HASH, service)

    @property
    def ids(self) -> list[str]:
        return [self.kind.id_of(key) for key in self.keys]

    def key(self, key_id: str) -> bytes:
        """The key with an id. Raises Failure if it is not there."""
        for key in self.keys:
            if self.kind.id_of(key) == key_id:
                return key
        raise Failure(f"{self.kind.setting} has no key {key_id} here, only {', '.join(self.ids)}", Exit.USAGE)

    def unused(self, service: Service) -> bytes | None:
        """A key that was added and never used, as a rotation leaves behind that was refused."""
        added, begun = _audited(service, ADD), _audited(service, USE)
        return next(
            (key for key in self.keys if (key_id := self.kind.id_of(key)) in added and key_id not in begun), None
        )

    def not_replaced(self, key_id: str, service: Service) -> str | None:
        """Why no other key is in use in the place of this one, and what to do; None where one is: all live workers have
        it, and platforms seal with it, or it makes the new hashes.
        """
        others = [self.uses[each] for each in self.ids if each != key_id]
        held = [each for each in others if each.live and each.holders == each.live]
        no_other = f"no other key is in use in place of {key_id}: give one to all workers, and run `bin/jurat keys use`"
        if self.kind is KeyKind.HASH:  # the key in use is needed, and another one was given to all workers
            return None if any(isinstance(each, HashKey) and each.in_use for each in held) else no_other
        begun = _audited(service, USE)
        if begun[-1:] == [key_id]:
            return no_other
        if seal_id(service.settings) == key_id:
            return f"JURAT_SEAL_KEY here is still that of {key_id}: put in the one that `bin/jurat keys use` printed"
        in_use = any(each.id in begun or (isinstance(each, UnsealKey) and each.last_sealed) for each in held)
        return None if in_use else no_other

    def with_keys(self, keys: Sequence[bytes]) -> KeyRing:
        """The same with these keys."""
        return replace(self, keys=keys)

    def require_obeying(self, service: Service) -> None:
        """Raise Failure while a live worker hashes with the first of its own keys, as those of older releases do."""
        with reader(service.database).begin() as connection:
            old = old_workers(connection)
        if old:
            raise Failure(
                f"{', '.join(each.name for each in old)}: of an older release, whose workers hash with the first of "
                "their own keys; upgrade all workers first",
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
            self.note_in(connection, who, USE, key_id)

    def note(self, service: Service, who: str, action: str, key_id: str, **more: object) -> None:
        """Note in the audit what was done with a key."""
        with service.database.begin() as connection:
            self.note_in(connection, who, action, key_id, **more)

    def note_in(self, connection: Connection, who: str, action: str, key_id: str, **more: object) -> None:
        """The same in a transaction."""
        add_audit_row(connection, who, action, key_id, {"for": self.kind, **more})

    @property
    def text(self) -> str:
        """The keys as their setting has them."""
        return ",".join(map(key_to_text, self.keys))

    def save(self, *, destroy: bool = False) -> None:
        """Replace the file or the files of the folder; see `replace_keys`. Raises Failure if it cannot be replaced."""
        if self.file is not None:
            replace_keys(self.file, self.read_keys, self.keys, destroy=destroy)
