"""Decides which conditions hold that someone should look at. Pure: a reading of the fleet goes in.

`jurat now` prints them, and the exporter shows them to Prometheus, whose rules add for how long each must hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jurat.vocabulary import Reason
from store.monitoring.alarms import SEVERITY, Alarm, Severity
from store.monitoring.fleet import MOST_SEALED, NO_KEY, FleetReading, Observation, SourceReading, SourceState
from store.restored import REASON as RESTORE
from store.schema.status import ADVICE
from store.seal_keys import NOTICE
from store.upkeep.schedule import EVERY
from store.workers import LIVE

STUCK = 60.0
"""Seconds for which a check may be due at an open source, with nothing looked up there."""

DEADLINE = 900.0
"""Seconds to a deadline that will pass, because nothing can be looked up before."""

REQUEST = 600.0
"""Seconds within which what a person or a platform asked for is to be done."""

LONGEST_WAIT = 600.0
"""Seconds that a new check may wait behind others."""

PROMPT = 5.0
"""Seconds for which a check may be due before it matters that there are fewer slots than could be used."""

NEARLY = 0.9
"""Share of a source's day that is nearly all of it."""

BACKUP, VERIFIED = 26 * 3600.0, 31 * 86_400.0
"""Seconds since the last backup and the last check of the stored keys."""

VANISHED = 3
"""Workers that ended within an hour without a goodbye."""

LATE = 3
"""An upkeep job is late after so many of its periods, at least `LIVE` seconds."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A condition that holds: what was found, and what to do about it. `source` is "" where it concerns no one."""

    alarm: Alarm
    found: str
    advice: str
    source: str = ""

    @property
    def severity(self) -> Severity:
        return SEVERITY[self.alarm]

    @property
    def runbook(self) -> str:
        return f"docs/runbooks/{self.alarm}.md"


def away(found: str, advice: str) -> Finding:
    """The finding where the database does not answer."""
    return Finding(Alarm.DATABASE_AWAY, found, advice)


def findings(seen: Observation) -> list[Finding]:
    """The conditions that hold, in the order of `Alarm`: the gravest first."""
    return sorted(_of(seen), key=lambda finding: (list(Alarm).index(finding.alarm), finding.source))


def _of(seen: Observation) -> Iterator[Finding]:
    if not seen.writable:
        yield Finding(
            Alarm.DATABASE_READ_ONLY,
            "the database takes no writes: no answer can be confirmed and no verdict be written",
            "name the primary in JURAT_DATABASE_URL; if there is none, let this one take writes or promote the standby",
        )
    if seen.fleet is None:
        found, _, advice = ADVICE[seen.schema].partition("; ")
        yield Finding(Alarm.SCHEMA_UNUSABLE, found, advice)
        return
    if not seen.writable:
        return  # the rest would only follow from it: no worker can say that it runs
    fleet = seen.fleet
    yield from _workers(fleet)
    yield from _keys(fleet)
    for source in fleet.sources:
        yield from _source(fleet, source)
    yield from _upkeep(fleet)
    yield from _people(fleet)
    yield from _copies(fleet)


def _workers(fleet: FleetReading) -> Iterator[Finding]:
    live = fleet.live
    leases = fleet.upkeep.get("leases")
    if not live:
        waiting = sum(source.unsettled for source in fleet.sources)
        seen = any(worker.live for worker in fleet.workers)
        found = "all workers are stopping" if seen else f"no worker of this database was seen in the last {LIVE:.0f} s"
        yield Finding(
            Alarm.NOBODY_WORKS,
            f"{found}, with {_number(waiting, 'check')} waiting",
            "start workers (`bin/jurat worker`), and read the end of their logs",
        )
    elif leases is not None and leases > STUCK:
        yield Finding(
            Alarm.NOBODY_WORKS,
            f"{_number(len(live), 'live worker')}, but nobody has looked after the leases for {_time(leases)}",
            "read the workers' logs, and restart them one after the other",
        )
    elif any(source.pause_reason == RESTORE and source.stopped for source in fleet.sources):
        yield Finding(
            Alarm.NOBODY_WORKS,
            "a backup was restored, and nothing is looked up until someone confirms it",
            "do all erasures since then again, and run `bin/jurat db restored --confirm`",
        )
    versions = {worker.version for worker in live}
    if len(versions) > 1:
        yield Finding(
            Alarm.VERSIONS_MIXED,
            f"workers of {len(versions)} versions run: {', '.join(sorted(versions)[:5])}",
            "finish the update: restart those that `bin/jurat fleet` shows with the older version",
        )
    if behind := fleet.behind:
        yield Finding(
            Alarm.CONFIG_NOT_TAKEN,
            f"version {fleet.config_version} of the configuration is not taken by {len(behind)} of "
            f"{_number(len(live), 'worker')}",
            f"read the log of {behind[0].name}; update workers that cannot read it, or apply the one before",
        )
    if fleet.vanished >= VANISHED:
        yield Finding(
            Alarm.WORKERS_RESTART,
            f"{fleet.vanished} workers ended in the last hour without a goodbye",
            "read the end of their logs; exit code 70 means that they hung, 137 that they were killed",
        )
    asked = [source for source in fleet.sources if _is_looked_up(source)]
    late = any((source.oldest_due_age or 0) > PROMPT and source.wanted for source in asked)
    wanted = sum(source.wanted for source in asked)
    if live and late and wanted > fleet.slots:
        yield Finding(
            Alarm.BACKLOG_GROWS,
            f"{wanted:,} lookups at once could be used, and all workers together have {_number(fleet.slots, 'slot')}",
            "start more workers, or give them more slots",
        )


def _is_looked_up(source: SourceReading) -> bool:
    """Whether more slots or other limits would help it: a worker serves it, and all keys are there."""
    return source.workers > 0 and not source.key_missing


def _keys(fleet: FleetReading) -> Iterator[Finding]:
    for (source, key), count in sorted(fleet.missing.items()):
        elsewhere = fleet.keys[key].workers if key in fleet.keys else 0
        if key == NO_KEY:
            advice = "see jurat_checks.answer_key: a platform writes there what is no key's id"
        elif elsewhere:
            advice = f"have a worker with that key serve {source} (-Q)"
        else:
            advice = (
                f"bring back the key with the id {key}: add it to the workers' JURAT_UNSEAL_KEYS, behind the others"
            )
        found = f"no live worker opens {_number(count, 'answer')} sealed for the key {key}"
        advice += "; their deadlines are extended, and after a day they end undetermined (answer_unreadable)"
        yield Finding(Alarm.KEY_MISSING, found, advice, source)


def _source(fleet: FleetReading, source: SourceReading) -> Iterator[Finding]:
    name, live = source.name, bool(fleet.live)
    unserved = not source.workers and source.unsettled > 0
    broken = source.state is SourceState.BROKEN
    if live and unserved:
        found = f"no live worker serves this source, with {_number(source.unsettled, 'check')} waiting"
        advice = "start a worker that serves it (`bin/jurat fleet`) and has its hash keys (`bin/jurat keys status`)"
        yield Finding(Alarm.SOURCE_UNSERVED, found, advice, name)
    ends_soon = source.next_deadline is not None and source.next_deadline < DEADLINE and not source.stopped
    if (broken or unserved) and ends_soon:
        why = "the source is broken" if broken else "no worker serves it"
        found = f"{why}, and the next deadline is in {_time(max(0.0, source.next_deadline or 0))}"
        advice = "get it to answer, or pause it (`bin/jurat sources pause`): deadlines do not run during a pause"
        yield Finding(Alarm.DEADLINES_AHEAD, found, advice, name)
    if _is_stuck(source):
        found = f"a check has been due for {_time(source.oldest_due_age or 0)}, and none is looked up"
        yield Finding(Alarm.CHECKS_STUCK, found, "read the logs of the workers that serve it, and restart them", name)
    if broken:
        last = f", the last {source.last_failure}" if source.last_failure else ""
        found = f"broken for {_time(source.broken_age or 0)}: {_number(source.failures, 'failure')} in a row{last}"
        yield Finding(Alarm.SOURCE_BROKEN, found, f"run `bin/jurat sources test {name} --live`", name)
    if refusal := _refusal(source):
        yield Finding(Alarm.SOURCE_REFUSES_US, *refusal, source=name)
    if source.suspect_age is not None:
        reason, share, usual = source.suspect_reason or "unknown", source.suspect_share or 0, source.usual_share or 0
        found = f"suspect for {_time(source.suspect_age)}: {share:.0%} of its results were {reason}"
        advice = f"see whether its answers have changed; if they are right, run `bin/jurat sources trust {name}`"
        found += f", usually {usual:.0%}; its refusals are held back"
        yield Finding(Alarm.SOURCE_SUSPECT, found, advice, name)
    if live and source.used is not None and source.used > NEARLY:
        found = f"{source.used:.0%} of today's requests are used"
        yield Finding(Alarm.DAY_NEARLY_USED, found, "ask the provider for more, or add another source", name)
    if live and _is_looked_up(source) and source.state is SourceState.OPEN and (source.wait or 0) > LONGEST_WAIT:
        found = f"a new check waits about {_time(source.wait or 0)}"
        advice = "raise the source's limits if its provider allows that; more workers do not help a limited source"
        yield Finding(Alarm.BACKLOG_GROWS, found, advice, name)


def _is_stuck(source: SourceReading) -> bool:
    """Whether something is due at a source that may be asked and is served, and none of it is looked up."""
    waited = source.oldest_due_age is not None and source.oldest_due_age > STUCK
    asked = source.lookup_age is not None and source.lookup_age < STUCK
    may_be_asked = source.state is SourceState.OPEN and (source.next_start or 0) <= 0 and (source.used or 0) < 1
    idle = source.leased == 0 and not asked
    return waited and idle and may_be_asked and source.workers > 0 and min(source.due, MOST_SEALED) > source.key_missing


def _refusal(source: SourceReading) -> tuple[str, str] | None:
    """That a source refuses our credentials or the number of our requests, and what to do; None where it does not."""
    failed, answered = source.failure_age, source.success_age
    failed_last = failed is not None and (answered is None or failed < answered)
    reason = source.pause_reason if source.state is SourceState.PAUSED else source.last_failure if failed_last else None
    if reason == Reason.SOURCE_CREDENTIALS:
        advice = (
            "renew its secret in the workers' JURAT_SOURCE_SECRETS or environment; a list or roster wants its hash key"
        )
        return "it refuses our credentials", advice
    if reason == Reason.SOURCE_THROTTLED and (source.used or 0) < 1:
        return "it says that it is asked too often", "lower its rate, burst or concurrency in the configuration"
    return None


def _upkeep(fleet: FleetReading) -> Iterator[Finding]:
    if not fleet.live:
        return
    for task, every in EVERY.items():
        age = fleet.upkeep.get(task)
        if task == "figures":
            age = fleet.figures_age
        if age is None or age <= max(LATE * every, LIVE):
            continue
        found = f"{task} last ran {_time(age)} ago, and is due each {_time(every)}"
        if task == "figures":
            found += ": what waits is not counted, and platforms poll less often"
        yield Finding(Alarm.UPKEEP_LATE, found, "read the workers' logs: one of them says why it fails")


def _people(fleet: FleetReading) -> Iterator[Finding]:
    for kind, requests in fleet.requests.items():
        if requests.age > REQUEST:
            asked = _number(requests.count, f"`{kind}` request")
            found = f"{asked} waiting, the oldest for {_time(requests.age)}"
            advice = "read the workers' logs for `request`; if there is nothing, look for who holds a row"
            yield Finding(Alarm.REQUESTS_STUCK, found, advice)
    if fleet.reviews.age > LATE * EVERY["reviews"]:
        found = f"{_number(fleet.reviews.due, 'review')} overdue, the oldest for {_time(fleet.reviews.age)}"
        advice = "upkeep ends them: read the workers' logs, and see in pg_stat_activity who holds a participant's row"
        yield Finding(Alarm.REVIEWS_OVERDUE, found, advice)


def _time(seconds: float) -> str:
    """How long something lasts, to what a reader needs of it."""
    for unit, least, size in (("days", 2 * 86_400, 86_400), ("hours", 7200, 3600), ("minutes", 120, 60)):
        if seconds >= least:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.0f} s"


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _copies(fleet: FleetReading) -> Iterator[Finding]:
    if fleet.backup_age is not None and fleet.backup_age > BACKUP:
        found = f"the last backup was noted {_time(fleet.backup_age)} ago"
        yield Finding(Alarm.BACKUP_OLD, found, "look at the backup job; it ends with `bin/jurat backup note`")
    if fleet.keys_age is not None and fleet.keys_age > VERIFIED:
        found = f"the stored copies of the keys were checked {_time(fleet.keys_age)} ago"
        yield Finding(Alarm.KEYS_UNVERIFIED, found, "run `bin/jurat keys check` on the copies")
    if fleet.seal_key_left is not None and fleet.seal_key_left < NOTICE:
        left = f"in {_time(fleet.seal_key_left)}" if fleet.seal_key_left > 0 else "already"
        found = f"the key that platforms seal with is due to be replaced, and {left} they take no answers with it"
        yield Finding(Alarm.SEAL_KEY_DUE, found, "run `bin/jurat keys rotate`")
