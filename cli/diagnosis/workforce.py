"""Checks whether workers serve what waits, and whether they and this machine have the keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from adapters.fingerprints import KEY_ID_LENGTH
from cli.diagnosis.checkup import CheckupStep, StepMark
from cli.output import count_text
from worker import health
from worker.keyring import hash_ids, how_to_set, mismatch, seal_id, unseal_ids

if TYPE_CHECKING:
    from config.settings import Settings
    from store.queries import Queries
    from worker.bootstrap import Service


def key_steps(settings: Settings, service: Service | None) -> Iterator[CheckupStep]:
    """Whether there are keys, whether they fit each other, and whether they open the answers that wait."""
    opened = unseal_ids(settings)
    waiting = _by_key(service.queries.waiting_keys()) if service is not None else {}
    if not opened:
        advice = how_to_set("JURAT_UNSEAL_KEYS", waiting if service is not None else None)
        yield CheckupStep("keys", StepMark.PROBLEM, "JURAT_UNSEAL_KEYS is not set: a worker can open no answer", advice)
    elif problem := mismatch(settings):
        yield CheckupStep("keys", StepMark.DOWN, problem)
    else:
        mine = seal_id(settings)
        fits = f"answers are sealed for {mine}, which they open" if mine else "JURAT_SEAL_KEY is not set here"
        yield CheckupStep(
            "keys", StepMark.OK, f"{count_text(len(opened), 'unseal key')} with the id {', '.join(opened)}; {fits}"
        )
    if service is None:
        return
    if opened and (strange := {key: count for key, count in waiting.items() if key not in opened}):
        found = f"waiting answers are sealed for a key that is not here (key_missing): {_counted(strange)}"
        advice = f"{how_to_set('JURAT_UNSEAL_KEYS', strange)}; a worker here leaves these answers to others"
        yield CheckupStep("sealed answers", StepMark.PROBLEM, found, advice)
    if missing := sorted(hashed_with(service.queries) - set(hash_ids(settings))):
        what = "is not set" if not settings.hash_keys else f"lacks {', '.join(missing)}"
        found = f"codes or numbers are kept as keyed hashes, and JURAT_HASH_KEYS {what}"
        yield CheckupStep("hash keys", StepMark.PROBLEM, found, how_to_set("JURAT_HASH_KEYS", missing))


def hashed_with(queries: Queries) -> set[str]:
    """The ids of the keys that codes and numbers in the database were hashed with."""
    found = queries.claim_keys(KEY_ID_LENGTH) | queries.people_keys()
    for code_list in queries.code_list_names():
        found |= queries.code_keys(code_list, KEY_ID_LENGTH)
    return found


def missing_steps(queries: Queries) -> Iterator[CheckupStep]:
    """The keys of waiting answers that live workers do not have."""
    from store.workers import Keyholders

    live = [each for each in queries.workers() if each.live and not each.stopping]
    waiting = queries.waiting_keys()
    missing = Keyholders(live).lack(waiting)
    if live and (lost := _by_key({lock: count for lock, count in waiting.items() if lock in missing})):
        advice = f"{how_to_set('JURAT_UNSEAL_KEYS', lost)}; after a day they end undetermined (answer_unreadable)"
        found = f"answers wait that no live worker opens (key_missing): {_counted(lost)}; their deadlines stand still"
        places = sorted({source for source, key in missing if any(key in each.unseal_keys for each in live)})
        if places:
            found += f"; workers that have such a key do not serve {', '.join(places)}"
        yield CheckupStep("keys of workers", StepMark.PROBLEM, found, advice)
    for worker in live:
        own = {
            (source, key): count
            for (source, key), count in waiting.items()
            if (source, key) not in missing and worker.is_for(source) and key not in worker.unseal_keys
        }
        if lacks := _by_key(own):
            found = f"worker {worker.name} leaves answers to others (key_missing): {_counted(lacks)}"
            yield CheckupStep("keys of workers", StepMark.PROBLEM, found, how_to_set("its JURAT_UNSEAL_KEYS", lacks))


def worker_steps(here: str | None) -> Iterator[CheckupStep]:
    """The workers that run on this machine, for the database `here`; None is any."""
    found = health.workers()
    beats = [beat for beat in found if here is None or beat.is_of(here)]
    if not beats:
        yield CheckupStep("workers", StepMark.NOTE, "none of this user and database runs on this machine")
    for beat in beats:
        if problem := beat.trouble:
            yield CheckupStep("workers", StepMark.PROBLEM, problem, "restart it")
        elif unready := beat.unready:
            mark = StepMark.PROBLEM if beat.facts.strange else StepMark.NOTE
            yield CheckupStep("workers", mark, f"alive, but {unready}")
        else:
            held = f"holds {beat.facts.held} with {count_text(beat.facts.slots, 'slot')}"
            yield CheckupStep("workers", StepMark.OK, f"worker {beat.pid} is alive and ready, {held}")


def fleet_step(queries: Queries) -> CheckupStep:
    """How many workers of the database are live, on all machines."""
    live = [each for each in queries.workers() if each.live]
    if not live:
        return CheckupStep(
            "fleet", StepMark.NOTE, "no worker of this database was seen in the last 30 s", "run `bin/jurat worker`"
        )
    names = ", ".join(each.name for each in live[:5]) + (" …" if len(live) > 5 else "")
    return CheckupStep("fleet", StepMark.OK, f"{count_text(len(live), 'worker')} seen in the last 30 s: {names}")


def _by_key(locks: Mapping[tuple[str, str], int]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for (_, key), count in locks.items():
        counts[key] = counts.get(key, 0) + count
    return counts


def _counted(keys: Mapping[str, int]) -> str:
    return ", ".join(f"{count_text(count, 'answer')} for {key}" for key, count in sorted(keys.items()))
