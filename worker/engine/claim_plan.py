"""Decides how many checks of which source to claim next. Pure: values go in, demands come out.

`Claimer` collects the values and sends the demands to the database, which knows what is due.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from tasks.checks import ClaimedCheck
from tasks.plan import Plan
from tasks.rules.source_limits import AHEAD, Demand

RESERVE = 0.25
"""Seconds of work that are claimed ahead of the slots, at the recent pace. A claim then takes many checks, and no slot
waits for it."""

MOST_AHEAD = 256
"""Checks of one source that are claimed ahead at most."""

LEFT = 2
"""One check in so many that a source has room for is claimed ahead at most: the rest is left to the slots of others."""


@dataclass(frozen=True, slots=True)
class ClaimScope:
    """What one plan lets one process claim.

    Args:
        sources: the sources that it serves, in their order, each with its limits and nothing free.
        slots: lookups that it runs at once.
        most: lookups that it may hold that have not ended, running or waiting.
        most_of_one: how many of these may be of one source.
        at_once: how many checks one lookup of a source may ask for; None is any number.
    """

    sources: Mapping[str, Demand]
    slots: int
    most: int
    most_of_one: int
    at_once: Mapping[str, int | None]

    def is_tight(self, demand: Demand, room: Mapping[str, int]) -> bool:
        """Whether the concurrency of a source may hold another process like this back, so that each write helps it."""
        return demand.concurrency is not None and room.get(demand.source, 0) < self.slots


@dataclass(frozen=True, slots=True)
class ClaimPlan:
    """One claim: `demands` in the order in which sources are served, for `free` lookups in all.

    `worth` is how many slots must become free before the next claim is worth a statement.
    """

    scope: ClaimScope
    demands: list[Demand]
    free: int
    worth: int

    def leaves_more(self, taken: Mapping[str, int]) -> bool:
        """Whether the claim may have left due checks behind. `taken` is how many it took, by source."""
        return self._is_full(taken) or any(taken.get(demand.source, 0) == demand.free for demand in self.demands)

    def backlogged(self, taken: Mapping[str, int], before: Collection[str], room: Mapping[str, int]) -> set[str]:
        """The sources with more due than was taken, and no write makes room; as `before` if nothing was asked for.
        `room` is as for `claim_plan`, after this claim.
        """
        full = self._is_full(taken)
        return {
            demand.source
            for demand in self.demands
            if (demand.source in before if demand.free < 1 else self._has_more(demand, taken, full=full))
            and not self.scope.is_tight(demand, room)
        }

    def next_starts(self, held: Sequence[ClaimedCheck]) -> list[float]:
        """In how many seconds to claim again, because more start times come within reach. `held` was claimed now."""
        last: dict[str, float] = {}
        for check in held:
            last[check.source] = max(check.starts_in, last.get(check.source, 0.0))
        beyond = [
            last[demand.source] + demand.step - AHEAD
            for demand in self.demands
            if demand.interval is not None and demand.source in last
        ]
        return [max(seconds, AHEAD / 2) for seconds in beyond if seconds > 0]

    def _is_full(self, taken: Mapping[str, int]) -> bool:
        return sum(demand.lookups(taken.get(demand.source, 0)) for demand in self.demands) >= self.free

    def _has_more(self, demand: Demand, taken: Mapping[str, int], *, full: bool) -> bool:
        count = taken.get(demand.source, 0)
        return count > 0 and (full or count == demand.free)


def scope_of(plan: Plan, only: Collection[str] | None, slots: int) -> ClaimScope:
    """What `plan` lets a process with so many slots claim; `only` are the sources that it was given, None is all."""
    names = [name for name in plan.sources if (only is None or name in only) and name not in plan.left_to_others]
    sources = {name: plan.demand(name, 0) for name in names}
    # A few more than can run at once, so that no slot waits for a claim. Not where there are start times: each check
    # that has one must find a slot then.
    paced = any(demand.interval is not None for demand in sources.values())
    most = slots if paced else slots + slots // 4
    most_of_one = most if len(names) < 2 else share(slots, len(names))
    return ClaimScope(sources, slots, most, most_of_one, {name: plan.at_once(name) for name in plan.sources})


def claim_plan(
    scope: ClaimScope,
    busy: int,
    of_source: Mapping[str, int],
    throughput: Mapping[str, float],
    room: Mapping[str, int],
    shut: Collection[str],
    turn: int,
) -> ClaimPlan:
    """What to claim next.

    Args:
        scope: what the plan allows.
        busy: slots that are taken, by lookups that run or wait.
        of_source: the same by source, without lookups that hang: their source is still asked.
        throughput: lookups that ended in a second lately, by source.
        room: how many more checks each source with a concurrency had room for after the last claim, over all workers.
        shut: the sources of which nothing may be claimed, because they are in trouble.
        turn: which source is served first.
    """
    ahead = _ahead(scope, throughput, room)
    reserve = sum(ahead.values())
    free = scope.most + reserve - busy
    worth = max(1, scope.most_of_one // 8, reserve // 2)
    return ClaimPlan(scope, _demands(scope, max(0, free), of_source, ahead, shut, turn), free, worth)


def lone_demands(scope: ClaimScope, shut: Collection[str], turn: int) -> list[Demand]:
    """The demands of a process that holds nothing else and claims a single check."""
    return _demands(scope, 1, {}, {}, shut, turn)


def share(slots: int, sources: int) -> int:
    """How many of its `slots` a process gives one of so many sources at most: up to half are kept for the others."""
    if sources < 2:
        return slots
    return max(1, slots - min((sources - 1) * max(1, slots // (2 * sources)), slots // 2))


def _demands(
    scope: ClaimScope,
    free: int,
    of_source: Mapping[str, int],
    ahead: Mapping[str, int],
    shut: Collection[str],
    turn: int,
) -> list[Demand]:
    """Each source is first in its turn, and none gets all slots: one that hangs would leave none to the others."""
    names = list(scope.sources)
    first = turn % max(1, len(names))
    demands = []
    for name in (*names[first:], *names[:first]):
        lookups = 0 if name in shut else min(free, scope.most_of_one + ahead.get(name, 0) - of_source.get(name, 0))
        limits = scope.sources[name]
        demands.append(replace(limits, free=max(0, lookups) * limits.batch))
    return demands


def _ahead(scope: ClaimScope, throughput: Mapping[str, float], room: Mapping[str, int]) -> dict[str, int]:
    """How many checks of each source to claim beyond the slots: none of one whose quota holds this process back."""
    ahead = {}
    for name, pace in throughput.items():
        demand = scope.sources.get(name)
        if demand is None or scope.at_once[name] != 1 or demand.daily is not None:
            continue
        seconds = RESERVE
        if demand.interval is not None:
            if 2 * pace * demand.step > 1:
                continue  # what misses its start for waiting so long pays twice, and there is not as much
            seconds = min(seconds, demand.late / 2)
        most = MOST_AHEAD if demand.concurrency is None else min(MOST_AHEAD, room.get(name, 0) // LEFT)
        ahead[name] = min(most, int(pace * seconds))
    return ahead
