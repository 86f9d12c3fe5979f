"""Checks keys: which are set, which are used, and which answers wait for a key that no worker has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from adapters.fingerprints import chains
from cli.output import CheckupStep, StepMark, count_text
from config.settings import Settings
from jurat.database import reader
from jurat.errors import ConfigurationError
from jurat.seal_keys import PREFIX, PinnedKey
from jurat.statements import statements_on
from store.hash_keys import key_in_use
from store.key_use import old_workers
from store.queries import Queries
from store.seal_keys import NOTICE, seal_key_left
from store.workers import Keyholders
from worker.keyring import how_to_set, mismatch, seal_id, unseal_of
from worker.service import Service

ELSEWHERE = "run this with a worker's settings to check them"


def key_steps(settings: Settings, service: Service | None) -> Iterator[CheckupStep]:
    """Whether there are keys, whether they match, and whether they open the waiting answers."""
    opened = unseal_of(settings).key_ids
    waiting = _by_key(service.queries.waiting_keys()) if service is not None else {}
    live = [each for each in service.queries.workers() if each.live] if service is not None else []
    if not opened and (theirs := sorted({key for each in live for key in each.unseal_keys})):
        found = f"JURAT_UNSEAL_KEYS is not set here; live workers have {', '.join(theirs)}"
        yield CheckupStep("keys", StepMark.NOTE, found, ELSEWHERE)
    elif not opened:
        advice = how_to_set("JURAT_UNSEAL_KEYS", waiting if service is not None else None)
        yield CheckupStep(
            "keys", StepMark.PROBLEM, "JURAT_UNSEAL_KEYS is not set: a worker cannot open answers", advice
        )
    elif problem := mismatch(settings):
        yield CheckupStep("keys", StepMark.DOWN, problem)
    else:
        own = seal_id(settings)
        sealed = f"JURAT_SEAL_KEY has the id {own}, which they open" if own else "JURAT_SEAL_KEY is not set here"
        sealed = "JURAT_SEAL_KEY pins a signing key" if settings.seal_key and not own else sealed
        found = f"{count_text(len(opened), 'unseal key')} with the id {', '.join(opened)}; {sealed}"
        yield CheckupStep("keys", StepMark.OK, found)
    if service is None:
        return
    if settings.seal_key and settings.seal_key.startswith(PREFIX):
        yield _seal_key_step(settings.seal_key, service)
    if opened and (strange := {key: count for key, count in waiting.items() if key not in opened}):
        found = f"waiting answers are sealed for a key that is missing here (key_missing): {_counts_text(strange)}"
        advice = f"{how_to_set('JURAT_UNSEAL_KEYS', strange)}; a worker here leaves these answers to others"
        yield CheckupStep("sealed answers", StepMark.PROBLEM, found, advice)
    own_hashes = service.fingerprints.known if service.fingerprints else ()
    if missing := sorted(service.queries.hash_keys().difference(own_hashes)):
        what = "is not set" if not settings.hash_keys else f"lacks {', '.join(missing)}"
        found = f"codes or numbers are stored as keyed hashes, and JURAT_HASH_KEYS {what}"
        if not settings.hash_keys and all(any(key in chains(each.hash_keys) for each in live) for key in missing):
            yield CheckupStep("hash keys", StepMark.NOTE, f"{found} here; live workers have them", ELSEWHERE)
        else:
            yield CheckupStep("hash keys", StepMark.PROBLEM, found, how_to_set("JURAT_HASH_KEYS", missing))
    yield from _old_steps(service)


def _old_steps(service: Service) -> Iterator[CheckupStep]:
    """The live workers of older releases that hash with another key than all others."""
    with reader(service.database).begin() as connection:
        in_use, old = key_in_use(connection), old_workers(connection)
    for worker in old:
        if in_use and worker.hash_keys and worker.hash_keys[0] != in_use:
            found = f"worker {worker.name}, of an older release, does not hash with the key in use, {in_use}"
            advice = f"two participants may get one number: upgrade it, or put {in_use} first in its JURAT_HASH_KEYS"
            yield CheckupStep("hash keys", StepMark.PROBLEM, found, advice)


def _seal_key_step(pin: str, service: Service) -> CheckupStep:
    """Which key platforms seal with that pin the same signing key, and whether it is due to be replaced."""
    with reader(service.database).begin() as connection:
        try:
            key = PinnedKey(pin, "JURAT_SEAL_KEY").in_force(statements_on(connection))
        except ConfigurationError as error:
            return CheckupStep("seal key", StepMark.PROBLEM, *str(error).split("; "))
        left = seal_key_left(connection)
    found = f"platforms seal with {key.id}, which ends at {key.until_at:%Y-%m-%d %H:%M}Z"
    if left is not None and left < NOTICE:
        return CheckupStep(
            "seal key", StepMark.PROBLEM, f"{found}; it is due to be replaced", "run `bin/jurat keys rotate`"
        )
    return CheckupStep("seal key", StepMark.OK, found)


def lacking_steps(queries: Queries) -> Iterator[CheckupStep]:
    """The keys of waiting answers that some live workers lack. Those that all lack are `Alarm.KEY_MISSING`."""
    live = [each for each in queries.workers() if each.live and not each.stopping]
    waiting = queries.waiting_keys()
    missing = Keyholders(live).lack(waiting)
    for worker in live:
        own = {
            (source, key): count
            for (source, key), count in waiting.items()
            if (source, key) not in missing and worker.is_for(source) and key not in worker.unseal_keys
        }
        if lacks := _by_key(own):
            found = f"worker {worker.name} leaves answers to others (key_missing): {_counts_text(lacks)}"
            yield CheckupStep("keys of workers", StepMark.PROBLEM, found, how_to_set("its JURAT_UNSEAL_KEYS", lacks))


def _by_key(locks: Mapping[tuple[str, str], int]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for (_, key), count in locks.items():
        counts[key] += count
    return counts


def _counts_text(keys: Mapping[str, int]) -> str:
    return ", ".join(f"{count_text(count, 'answer')} for {key}" for key, count in sorted(keys.items()))
