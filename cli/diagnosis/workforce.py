"""Checks keys, workers, limits of requests, and the clock."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from adapters.fingerprints import KEY_ID_LENGTH
from cli.diagnosis.checkup import CheckupStep, StepMark
from cli.output import count_text, time_text
from worker import health
from worker.keyring import hash_ids, how_to_set, mismatch, seal_id, unseal_ids

if TYPE_CHECKING:
    from config.settings import Settings
    from store.queries import Queries
    from worker.bootstrap import Service

CLOCKS_APART = 5.0
"""Seconds between this machine's clock and the database's that are too much: logs and certificates suffer."""


def key_steps(settings: Settings, service: Service | None) -> Iterator[CheckupStep]:
    """Whether there are keys, whether they match, and whether they open the waiting answers."""
    opened = unseal_ids(settings)
    waiting = _by_key(service.queries.waiting_keys()) if service is not None else {}
    if not opened:
        advice = how_to_set("JURAT_UNSEAL_KEYS", waiting if service is not None else None)
        yield CheckupStep(
            "keys", StepMark.PROBLEM, "JURAT_UNSEAL_KEYS is not set: a worker cannot open answers", advice
        )
    elif problem := mismatch(settings):
        yield CheckupStep("keys", StepMark.DOWN, problem)
    else:
        own = seal_id(settings)
        sealed = f"answers are sealed for {own}, which they open" if own else "JURAT_SEAL_KEY is not set here"
        found = f"{count_text(len(opened), 'unseal key')} with the id {', '.join(opened)}; {sealed}"
        yield CheckupStep("keys", StepMark.OK, found)
    if service is None:
        return
    if opened and (strange := {key: count for key, count in waiting.items() if key not in opened}):
        found = f"waiting answers are sealed for a key that is missing here (key_missing): {_counts_text(strange)}"
        advice = f"{how_to_set('JURAT_UNSEAL_KEYS', strange)}; a worker here leaves these answers to others"
        yield CheckupStep("sealed answers", StepMark.PROBLEM, found, advice)
    if missing := sorted(hashed_with(service.queries) - set(hash_ids(settings))):
        what = "is not set" if not settings.hash_keys else f"lacks {', '.join(missing)}"
        found = f"codes or numbers are stored as keyed hashes, and JURAT_HASH_KEYS {what}"
        yield CheckupStep("hash keys", StepMark.PROBLEM, found, how_to_set("JURAT_HASH_KEYS", missing))


def hashed_with(queries: Queries) -> set[str]:
    """The ids of the keys that codes and numbers in the database were hashed with."""
    of_codes = (queries.code_keys(code_list, KEY_ID_LENGTH) for code_list in queries.code_list_names())
    return queries.claim_keys(KEY_ID_LENGTH).union(queries.people_keys(), *of_codes)


def missing_steps(queries: Queries) -> Iterator[CheckupStep]:
    """The keys of waiting answers that live workers lack."""
    from store.workers import Keyholders

    live = [each for each in queries.workers() if each.live and not each.stopping]
    waiting = queries.waiting_keys()
    missing = Keyholders(live).lack(waiting)
    if live and (lost := _by_key({lock: count for lock, count in waiting.items() if lock in missing})):
        advice = f"{how_to_set('JURAT_UNSEAL_KEYS', lost)}; after a day they end undetermined (answer_unreadable)"
        found = (
            f"no live worker opens waiting answers (key_missing): {_counts_text(lost)}; their deadlines are extended"
        )
        places = sorted({source for source, key in missing if any(key in each.unseal_keys for each in live)})
        if places:
            found += f"; workers with such a key do not serve {', '.join(places)}"
        yield CheckupStep("keys of workers", StepMark.PROBLEM, found, advice)
    for worker in live:
        own = {
            (source, key): count
            for (source, key), count in waiting.items()
            if (source, key) not in missing and worker.is_for(source) and key not in worker.unseal_keys
        }
        if lacks := _by_key(own):
            found = f"worker {worker.name} leaves answers to others (key_missing): {_counts_text(lacks)}"
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
    counts: Counter[str] = Counter()
    for (_, key), count in locks.items():
        counts[key] += count
    return counts


def _counts_text(keys: Mapping[str, int]) -> str:
    return ", ".join(f"{count_text(count, 'answer')} for {key}" for key, count in sorted(keys.items()))


def allowance_steps(service: Service) -> Iterator[CheckupStep]:
    """A problem for each database user that reached its hourly limit in the last day: its password may be stolen."""
    from store.requests.allowances import reached_limits

    for each in reached_limits(service.database):
        found = (
            f"{each.login} asked for {each.per_hour} transfers and erasures within an hour, which is its limit, the "
            f"last at {time_text(each.at)}"
        )
        advice = (
            "check whether the platform intended them (jurat_requests); if not, lock that user out. If it needs more, "
            "raise its per_hour in jurat_allowances"
        )
        yield CheckupStep("requests", StepMark.PROBLEM, found, advice)


def clock_step(queries: Queries) -> CheckupStep:
    """Whether this machine's clock agrees with the database's."""
    begun = time.monotonic()
    apart = (queries.clock() - datetime.now(UTC)).total_seconds()
    rough = time.monotonic() - begun + 0.002
    if abs(apart) - rough > CLOCKS_APART:
        found = f"the database is {abs(apart):.1f} s {'ahead of' if apart > 0 else 'behind'} this machine"
        return CheckupStep("clock", StepMark.PROBLEM, found, "let both machines take their time from the network (NTP)")
    return CheckupStep("clock", StepMark.OK, f"the database's time is this machine's to {max(abs(apart), rough):.2f} s")
