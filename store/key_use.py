"""Finds what each key is still needed for, so that one can be replaced without losing an answer or a code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from adapters.fingerprints import KEY_ID_LENGTH as HASH_ID_LENGTH
from adapters.fingerprints import chains
from jurat.ids import uuid7
from jurat.times import instant
from store import hash_keys
from store.answer_keys import is_key_id, sealed_answers
from store.dialects import dialect_of
from store.seal_keys import Epoch, epochs
from store.workers import WorkerRow, workers

COUNTED = 1_000
"""Answers are counted up to so many, for each source and state of a key."""

QUIET = 86_400.0
"""Seconds in which a platform may have sealed nothing with a key that is to go."""


_OBEYS = "0006_hash_keys"
"""The migration that the first release knew whose workers hash with the key in use, and open sealed rosters."""

_TIME = "%Y-%m-%d %H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class UnsealKey:
    """A key that opens answers. `requests` are those with a sealed note, or with codes; `last_sealed` is when a
    platform last sealed an answer with it, None where that was not within `QUIET`. `holders` of `live` workers have it.
    `epoch` is when platforms that pin a signing key seal with it, None where that ended `QUIET` seconds ago.
    """

    id: str
    answers: int
    requests: int
    last_sealed: datetime | None
    holders: int
    live: int
    epoch: Epoch | None = None

    @property
    def needed_for(self) -> list[str]:
        """Why it cannot go yet."""
        found = [
            f"{count:,} {what}{'s' * (count > 1)}"
            for count, what in ((self.answers, "stored answer"), (self.requests, "sealed request"))
            if count
        ]
        if self.last_sealed is not None:
            until = self.last_sealed + timedelta(seconds=QUIET)
            found.append(f"a platform that sealed with it at {self.last_sealed:{_TIME}}, until {until:{_TIME}}")
        if self.epoch is not None:
            from_at, replaced_at = self.epoch.from_at, self.epoch.replaced_at
            end = f"{replaced_at + timedelta(seconds=QUIET):{_TIME}}" if replaced_at else "it is replaced"
            found.append(f"platforms, which seal with it since {from_at:{_TIME}}, until {end}")
        return found


@dataclass(slots=True)
class HashKey:
    """A key that codes and numbers were hashed with: those of which lists and rosters, and whether numbers that
    participants claimed; whether it `alone` hashed some of them, beneath no other key. New ones are hashed with the one
    `in_use`. `holders` of `live` workers have it.
    """

    id: str
    lists: list[str] = field(default_factory=list)
    rosters: list[str] = field(default_factory=list)
    numbers: bool = False
    alone: bool = False
    in_use: bool = False
    holders: int = 0
    live: int = 0

    @property
    def needed_for(self) -> list[str]:
        """Why it cannot go yet."""
        found = [f"the codes of {name}" for name in self.lists] + [f"the roster {name}" for name in self.rosters]
        found += ["numbers of participants"] * self.numbers
        if found and not self.alone:
            found[-1] += ", all beneath a newer key"
        return found + ["new codes and numbers"] * self.in_use


def unseal_keys(connection: Connection, known: Iterable[str] = ()) -> list[UnsealKey]:
    """The keys in use, those of live workers, and the `known` ones."""
    answers: Counter[str] = Counter()
    for each in sealed_answers(connection, COUNTED):
        answers[each.key] += each.count
    waiting = "SELECT note_key, count(*) FROM jurat_requests WHERE note IS NOT NULL AND note_key IS NOT NULL GROUP BY 1"
    requests = {key: count for key, count in connection.execute(text(waiting)) if is_key_id(key)}
    now = float(connection.scalar(text(f"SELECT {dialect_of(connection).clock()}")) or 0.0)
    sealed = _last_sealed(connection, now)
    ended = datetime.fromtimestamp(now - QUIET, UTC)
    sealing = {key: each for key, each in epochs(connection).items() if (each.replaced_at or ended) >= ended}
    live = [each for each in workers(connection) if each.live]
    held = Counter(key for each in live for key in each.unseal_keys)
    return [
        UnsealKey(key, answers[key], requests.get(key, 0), sealed.get(key), held[key], len(live), sealing.get(key))
        for key in sorted({*answers, *requests, *sealed, *held, *sealing, *known})
    ]


def _last_sealed(connection: Connection, now: float) -> dict[str, datetime]:
    """When each key was last sealed with in the last `QUIET` seconds. Checks are read from the end of their ids, which
    are in the order of time (UUIDv7): a platform that makes others is found while its answers wait.
    """
    dialect = dialect_of(connection)
    oldest = uuid7(int((now - QUIET) * 1000)).hex[:12]
    floor = f"{oldest[:8]}-{oldest[8:]}-0000-0000-000000000000"
    rows = connection.execute(
        text(f"SELECT answer_key, max(submitted_at) FROM jurat_checks WHERE id >= {dialect.uuid('floor')} GROUP BY 1"),
        {"floor": floor},
    )
    return {key: instant(at) for key, at in rows if key is not None and is_key_id(key)}


def hash_keys_in_use(connection: Connection, known: Iterable[str] = ()) -> list[HashKey]:
    """The keys in use, those of live workers, and the `known` ones."""
    live = [each for each in workers(connection) if each.live]
    held = Counter(key for each in live for key in each.hash_keys)
    over_each_other = chains({*held, *known})
    in_use = hash_keys.key_in_use(connection)
    found = {key: HashKey(key, in_use=key == in_use, holders=held[key], live=len(live)) for key in {*held, *known}}
    if in_use is not None:
        found.setdefault(in_use, HashKey(in_use, in_use=True, live=len(live)))

    def of(head: str) -> Iterator[HashKey]:
        """The keys that such a hash needs."""
        for key in (chain := over_each_other.get(head, (head,))):
            found.setdefault(key, HashKey(key, live=len(live))).alone |= len(chain) == 1
            yield found[key]

    for name in connection.scalars(text(hash_keys.CODE_LISTS)).all():
        for each in {key.id: key for head in hash_keys.code_keys(connection, name) for key in of(head)}.values():
            each.lists.append(name)
    active = "SELECT key_id, name FROM jurat_datasets WHERE key_id IS NOT NULL AND state = 'active' ORDER BY name"
    for head, name in connection.execute(text(active)):
        for each in of(head):
            each.rosters.append(name)
    # Also of claims that hold nothing now: a reviewer may accept such a check.
    for head in connection.scalars(text(f"SELECT DISTINCT substr(fingerprint, 1, {HASH_ID_LENGTH}) FROM jurat_claims")):
        for each in of(head):
            each.numbers = True
    return [found[key] for key in sorted(found)]


def old_workers(connection: Connection) -> list[WorkerRow]:
    """The live workers of releases that hash with the first of their own keys, and open no sealed roster."""
    return [each for each in workers(connection) if each.live and each.revision < _OBEYS]
