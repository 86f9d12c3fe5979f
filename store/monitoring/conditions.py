"""Decides which conditions hold that someone should look at. Pure: a reading of the fleet goes in.

`jurat now` prints them, and the exporter shows them to Prometheus, whose rules add for how long each must hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jurat.vocabulary import Reason
from store.monitoring.alarms import SEVERITY, Alarm, AlarmSeverity
from store.monitoring.fleet import MOST_SEALED, NO_KEY, FleetReading, Observation, SourceReading, SourceState
from store.restored import REASON as RESTORE
from store.schema.status import PROBLEMS
from store.seal_keys import NOTICE
from store.sentences import Sentence, ngettext
from store.sentences import gettext as _
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
class Condition:
    """A condition that holds: what was found, and what to do about it. `source` is "" where it concerns no one.

    Each is a `Sentence`, but for what a database's driver says.
    """

    alarm: Alarm
    found: str
    advice: str
    source: str = ""

    @property
    def severity(self) -> AlarmSeverity:
        return SEVERITY[self.alarm]

    @property
    def runbook(self) -> str:
        return f"docs/runbooks/{self.alarm}.md"


def away(found: str, advice: str) -> Condition:
    """The finding where the database does not answer."""
    return Condition(Alarm.DATABASE_AWAY, found, advice)


def findings(seen: Observation) -> list[Condition]:
    """The conditions that hold, in the order of `Alarm`: the gravest first."""
    return sorted(_of(seen), key=lambda finding: (list(Alarm).index(finding.alarm), finding.source))


def _of(seen: Observation) -> Iterator[Condition]:
    if not seen.writable:
        yield Condition(
            Alarm.DATABASE_READ_ONLY,
            _("the database takes no writes: no answer can be confirmed and no verdict be written"),
            _(
                "name the primary in JURAT_DATABASE_URL; if there is none, let this one take writes or promote the "
                "standby"
            ),
        )
    if seen.fleet is None:
        yield Condition(Alarm.SCHEMA_UNUSABLE, *PROBLEMS[seen.schema])
        return
    if not seen.writable:
        return  # the rest would only follow from it: no worker can say that it runs
    fleet = seen.fleet
    yield from _workers(fleet)
    yield from _slots(fleet)
    yield from _keys(fleet)
    for source in fleet.sources:
        yield from _source(fleet, source)
        yield from _results(fleet, source)
    yield from _upkeep(fleet)
    yield from _people(fleet)
    yield from _copies(fleet)


def _workers(fleet: FleetReading) -> Iterator[Condition]:
    live = fleet.live
    leases = fleet.upkeep.get("leases")
    if not live:
        given = {"time": _time(LIVE), "checks": _checks(sum(source.unsettled for source in fleet.sources))}
        found = _("no worker of this database was seen in the last %(time)s, with %(checks)s waiting", **given)
        if any(worker.live for worker in fleet.workers):
            found = _("all workers are stopping, with %(checks)s waiting", **given)
        advice = _("start workers (`bin/jurat worker`), and read the end of their logs")
        yield Condition(Alarm.NOBODY_WORKS, found, advice)
    elif leases is not None and leases > STUCK:
        found = ngettext(
            "%(count)s live worker, but nobody has looked after the leases for %(time)s",
            "%(count)s live workers, but nobody has looked after the leases for %(time)s",
            len(live), time=_time(leases),
        )  # fmt: skip
        advice = _("read the workers' logs, and restart them one after the other")
        yield Condition(Alarm.NOBODY_WORKS, found, advice)
    elif any(source.pause_reason == RESTORE and source.stopped for source in fleet.sources):
        found = _("a backup was restored, and nothing is looked up until someone confirms it")
        advice = _("do all erasures since then again, and run `bin/jurat db restored --confirm`")
        yield Condition(Alarm.NOBODY_WORKS, found, advice)
    versions = {worker.version for worker in live}
    if len(versions) > 1:
        names = ", ".join(sorted(versions)[:5])
        found = _("workers of %(count)s versions run: %(names)s", count=len(versions), names=names)
        advice = _("finish the update: restart those that `bin/jurat fleet` shows with the older version")
        yield Condition(Alarm.VERSIONS_MIXED, found, advice)
    if behind := fleet.behind:
        found = ngettext(
            "version %(version)s of the configuration is not taken by %(behind)s of %(count)s worker",
            "version %(version)s of the configuration is not taken by %(behind)s of %(count)s workers",
            len(live), version=str(fleet.config_version), behind=len(behind),
        )  # fmt: skip
        advice = _(
            "read the log of %(name)s; update workers that cannot read it, or apply the one before",
            name=behind[0].name,
        )
        yield Condition(Alarm.CONFIG_NOT_TAKEN, found, advice)
    if fleet.vanished >= VANISHED:
        found = _("%(count)s workers ended in the last hour without a goodbye", count=fleet.vanished)
        advice = _("read the end of their logs; exit code 70 means that they hung, 137 that they were killed")
        yield Condition(Alarm.WORKERS_RESTART, found, advice)


def _slots(fleet: FleetReading) -> Iterator[Condition]:
    asked = [source for source in fleet.sources if _is_looked_up(source)]
    late = any((source.oldest_due_age or 0) > PROMPT and source.wanted for source in asked)
    wanted = sum(source.wanted for source in asked)
    if fleet.live and late and wanted > fleet.slots:
        found = ngettext(
            "%(wanted)s lookups at once could be used, and all workers together have %(count)s slot",
            "%(wanted)s lookups at once could be used, and all workers together have %(count)s slots",
            fleet.slots, wanted=wanted,
        )  # fmt: skip
        yield Condition(Alarm.BACKLOG_GROWS, found, _("start more workers, or give them more slots"))


def _is_looked_up(source: SourceReading) -> bool:
    """Whether more slots or other limits would help it: a worker serves it, and all keys are there."""
    return source.workers > 0 and not source.key_missing


def _keys(fleet: FleetReading) -> Iterator[Condition]:
    for (source, key), count in sorted(fleet.missing.items()):
        elsewhere = fleet.keys[key].workers if key in fleet.keys else 0
        if key == NO_KEY:
            todo = _("see jurat_checks.answer_key: a platform writes there what is no key's id")
        elif elsewhere:
            todo = _("have a worker with that key serve %(source)s (-Q)", source=source)
        else:
            todo = _(
                "bring back the key with the id %(key)s: add it to the workers' JURAT_UNSEAL_KEYS, behind the others",
                key=key,
            )
        found = ngettext(
            "no live worker opens %(count)s answer sealed for the key %(key)s",
            "no live worker opens %(count)s answers sealed for the key %(key)s",
            count, key=key,
        )  # fmt: skip
        advice = _(
            "%(todo)s; their deadlines are extended, and after a day they end undetermined (answer_unreadable)",
            todo=todo,
        )
        yield Condition(Alarm.KEY_MISSING, found, advice, source)


def _source(fleet: FleetReading, source: SourceReading) -> Iterator[Condition]:
    name, live = source.name, bool(fleet.live)
    unserved = not source.workers and source.unsettled > 0
    broken = source.state is SourceState.BROKEN
    if live and unserved:
        found = _("no live worker serves this source, with %(checks)s waiting", checks=_checks(source.unsettled))
        advice = _("start a worker that serves it (`bin/jurat fleet`) and has its hash keys (`bin/jurat keys status`)")
        yield Condition(Alarm.SOURCE_UNSERVED, found, advice, name)
    ends_soon = source.next_deadline is not None and source.next_deadline < DEADLINE and not source.stopped
    if (broken or unserved) and ends_soon:
        left = _time(max(0.0, source.next_deadline or 0))
        if broken:
            found = _("the source is broken, and the next deadline is in %(time)s", time=left)
        else:
            found = _("no worker serves it, and the next deadline is in %(time)s", time=left)
        advice = _("get it to answer, or pause it (`bin/jurat sources pause`): deadlines do not run during a pause")
        yield Condition(Alarm.DEADLINES_AHEAD, found, advice, name)
    if _is_stuck(source):
        waited = _time(source.oldest_due_age or 0)
        found = _("a check has been due for %(time)s, and none is looked up", time=waited)
        advice = _("read the logs of the workers that serve it, and restart them")
        yield Condition(Alarm.CHECKS_STUCK, found, advice, name)
    if broken:
        failures = ngettext("%(count)s failure", "%(count)s failures", source.failures)
        given = {"time": _time(source.broken_age or 0), "failures": failures}
        found = _("broken for %(time)s: %(failures)s in a row", **given)
        if source.last_failure:
            found = _(
                "broken for %(time)s: %(failures)s in a row, the last %(reason)s", **given, reason=source.last_failure
            )
        advice = _("run `bin/jurat sources test %(source)s --live`", source=name)
        yield Condition(Alarm.SOURCE_BROKEN, found, advice, name)
    if refusal := _refusal(source):
        yield Condition(Alarm.SOURCE_REFUSES_US, *refusal, source=name)


def _results(fleet: FleetReading, source: SourceReading) -> Iterator[Condition]:
    name, live = source.name, bool(fleet.live)
    if source.suspect_age is not None:
        found = _(
            "suspect for %(time)s: %(share)s of its results were %(reason)s, usually %(usual)s; its refusals are held "
            "back",
            time=_time(source.suspect_age), share=float(source.suspect_share or 0),
            reason=source.suspect_reason or "unknown", usual=float(source.usual_share or 0),
        )  # fmt: skip
        advice = _(
            "see whether its answers have changed; if they are right, run `bin/jurat sources trust %(source)s`",
            source=name,
        )
        yield Condition(Alarm.SOURCE_SUSPECT, found, advice, name)
    if live and source.used is not None and source.used > NEARLY:
        found = _("%(share)s of today's requests are used", share=float(source.used))
        yield Condition(Alarm.DAY_NEARLY_USED, found, _("ask the provider for more, or add another source"), name)
    if live and _is_looked_up(source) and source.state is SourceState.OPEN and (source.wait or 0) > LONGEST_WAIT:
        found = _("a new check waits about %(time)s", time=_time(source.wait or 0))
        advice = _("raise the source's limits if its provider allows that; more workers do not help a limited source")
        yield Condition(Alarm.BACKLOG_GROWS, found, advice, name)


def _is_stuck(source: SourceReading) -> bool:
    """Whether something is due at a source that may be asked and is served, and none of it is looked up."""
    waited = source.oldest_due_age is not None and source.oldest_due_age > STUCK
    asked = source.lookup_age is not None and source.lookup_age < STUCK
    may_be_asked = source.state is SourceState.OPEN and (source.next_start or 0) <= 0 and (source.used or 0) < 1
    idle = source.leased == 0 and not asked
    return waited and idle and may_be_asked and source.workers > 0 and min(source.due, MOST_SEALED) > source.key_missing


def _refusal(source: SourceReading) -> tuple[Sentence, Sentence] | None:
    """That a source refuses our credentials or the number of our requests, and what to do; None where it does not."""
    failed, answered = source.failure_age, source.success_age
    failed_last = failed is not None and (answered is None or failed < answered)
    reason = source.pause_reason if source.state is SourceState.PAUSED else source.last_failure if failed_last else None
    if reason == Reason.SOURCE_CREDENTIALS:
        advice = _(
            "renew its secret in the workers' JURAT_SOURCE_SECRETS or environment; a list or roster wants its hash key"
        )
        return _("it refuses our credentials"), advice
    if reason == Reason.SOURCE_THROTTLED and (source.used or 0) < 1:
        advice = _("lower its rate, burst or concurrency in the configuration")
        return _("it says that it is asked too often"), advice
    return None


def _upkeep(fleet: FleetReading) -> Iterator[Condition]:
    if not fleet.live:
        return
    for task, every in EVERY.items():
        age = fleet.upkeep.get(task)
        if task == "figures":
            age = fleet.figures_age
        if age is None or age <= max(LATE * every, LIVE):
            continue
        found = _(
            "%(task)s last ran %(time)s ago, and is due each %(every)s", task=task, time=_time(age), every=_time(every)
        )
        if task == "figures":
            found = _("%(found)s: what waits is not counted, and platforms poll less often", found=found)
        yield Condition(Alarm.UPKEEP_LATE, found, _("read the workers' logs: one of them says why it fails"))


def _people(fleet: FleetReading) -> Iterator[Condition]:
    for kind, requests in fleet.requests.items():
        if requests.age > REQUEST:
            found = ngettext(
                "%(count)s `%(kind)s` request waiting, the oldest for %(time)s",
                "%(count)s `%(kind)s` requests waiting, the oldest for %(time)s",
                requests.count, kind=kind, time=_time(requests.age),
            )  # fmt: skip
            advice = _("read the workers' logs for `request`; if there is nothing, look for who holds a row")
            yield Condition(Alarm.REQUESTS_STUCK, found, advice)
    if fleet.reviews.age > LATE * EVERY["reviews"]:
        found = ngettext(
            "%(count)s review overdue, the oldest for %(time)s",
            "%(count)s reviews overdue, the oldest for %(time)s",
            fleet.reviews.due, time=_time(fleet.reviews.age),
        )  # fmt: skip
        advice = _(
            "upkeep ends them: read the workers' logs, and see in pg_stat_activity who holds a participant's row"
        )
        yield Condition(Alarm.REVIEWS_OVERDUE, found, advice)


def _time(seconds: float) -> Sentence:
    """How long something lasts, to what a reader needs of it."""
    if seconds >= 2 * 86_400:
        return _("%(count)s days", count=round(seconds / 86_400))
    if seconds >= 2 * 3600:
        return _("%(count)s hours", count=round(seconds / 3600))
    if seconds >= 2 * 60:
        return _("%(count)s minutes", count=round(seconds / 60))
    return _("%(count)s s", count=round(seconds))


def _checks(count: int) -> Sentence:
    return ngettext("%(count)s check", "%(count)s checks", count)


def _copies(fleet: FleetReading) -> Iterator[Condition]:
    if fleet.backup_age is not None and fleet.backup_age > BACKUP:
        found = _("the last backup was noted %(time)s ago", time=_time(fleet.backup_age))
        yield Condition(Alarm.BACKUP_OLD, found, _("look at the backup job; it ends with `bin/jurat backup note`"))
    if fleet.keys_age is not None and fleet.keys_age > VERIFIED:
        found = _("the stored copies of the keys were checked %(time)s ago", time=_time(fleet.keys_age))
        yield Condition(Alarm.KEYS_UNVERIFIED, found, _("run `bin/jurat keys check` on the copies"))
    if (left := fleet.seal_key_left) is not None and left < NOTICE:
        due = _("the key that platforms seal with is due to be replaced, and already they take no answers with it")
        if left > 0:
            due = _(
                "the key that platforms seal with is due to be replaced, and in %(time)s they take no answers with it",
                time=_time(left),
            )
        yield Condition(Alarm.SEAL_KEY_DUE, due, _("run `bin/jurat keys rotate`"))
