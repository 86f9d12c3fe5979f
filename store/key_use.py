"""Finds what each key is still needed for, so that one can be replaced without losing an answer or a code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from adapters.fingerprints import KEY_ID_LENGTH as HASH_ID_LENGTH
from jurat.ids import uuid7
from jurat.times import instant
from store import hash_keys
from store.answer_keys import is_key_id, sealed_answers
from store.dialects import dialect_of
from store.seal_keys import Epoch, epochs
from store.workers import workers

COUNTED = 1_000
"""Answers are counted up to so many, for each source and state of a key."""

QUIET = 86_400.0
"""Seconds in which a platform may have sealed nothing with a key that is to go."""


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


@dataclass(frozen=True, slots=True)
class HashKey:
    """A key that codes and numbers were hashed with: those of which lists and rosters, and whether numbers that
    participants claimed. `holders` of `live` workers have it.
    """

    id: str
    lists: tuple[str, ...]
    rosters: tuple[str, ...]
    numbers: bool
    holders: int
    live: int

    @property
    def needed_for(self) -> list[str]:
        """Why it cannot go yet."""
        found = [f"the codes of {name}" for name in self.lists] + [f"the roster {name}" for name in self.rosters]
        return found + ["numbers of participants"] * self.numbers


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
    lists: dict[str, list[str]] = {}
    for name in connection.scalars(text(hash_keys.CODE_LISTS)).all():
        for key in hash_keys.code_keys(connection, name):
            lists.setdefault(key, []).append(name)
    rosters: dict[str, list[str]] = {}
    active = "SELECT key_id, name FROM jurat_datasets WHERE key_id IS NOT NULL AND state = 'active' ORDER BY name"
    for key, name in connection.execute(text(active)):
        rosters.setdefault(key, []).append(name)
    # Also of claims that hold nothing now: a reviewer may accept such a check.
    claimed = f"SELECT DISTINCT substr(fingerprint, 1, {HASH_ID_LENGTH}) FROM jurat_claims"
    numbers = set(connection.scalars(text(claimed)).all())
    live = [each for each in workers(connection) if each.live]
    held = Counter(key for each in live for key in each.hash_keys)
    return [
        HashKey(key, tuple(lists.get(key, ())), tuple(rosters.get(key, ())), key in numbers, held[key], len(live))
        for key in sorted({*lists, *rosters, *numbers, *held, *known})
    ]
