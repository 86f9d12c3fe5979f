"""Lists the arms and the parts, and the order in which they are measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

SLOW = 0.2
"""Seconds that the source takes where it does not answer at once."""

STEPS_FILE, STEPS_EVERY = "JURAT_BENCH_STEPS", 1.0
"""The variable that names the file in which a worker keeps the CPU of its steps, and after how many seconds it does."""


class Kind(StrEnum):
    """What an arm runs on."""

    JURAT = "jurat"
    CELERY = "celery"
    DRAMATIQ = "dramatiq"
    TASKIQ = "taskiq"
    PROCRASTINATE = "procrastinate"
    PGQUEUER = "pgqueuer"
    BARE = "bare"
    """A loop that claims, asks and settles, and does nothing else."""


class Part(StrEnum):
    """What is measured."""

    AT_ONCE = "at-once"
    """Checks a second while work waits, from a source that answers at once."""
    SLOW = "slow"
    """The same from a source that answers after `plan.SLOW` seconds."""
    PACED = "paced"
    """Time to the verdict at a steady rate of submits."""
    STORM = "storm"
    """Many single submits as fast as a web tier can, as a vote opens."""
    ENQUEUE = "enqueue"
    """What a submit costs the platform. No workers run."""
    LIMITS = "limits"
    """As at once, with other limits of the source."""
    PROCESSES = "processes"
    """As at once, with fewer and more worker processes."""
    STEPS = "steps"
    """As at once: the CPU of each step of a check."""


WHOLE = "all of the process"
"""Among the steps of a check: what they are parts of."""

OF_ITS_OWN = frozenset({Part.LIMITS, Part.PROCESSES, Part.STEPS})
"""Parts that are measured only where they are named."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to do the job: `processes` with `slots` lookups at once each."""

    name: str
    title: str
    kind: Kind
    processes: int
    slots: int
    parts: frozenset[Part]
    usual: frozenset[Part] = frozenset()
    """Those of `parts` in which it takes part where no arms are named."""
    bell: bool = True
    """Whether the platform rings; without, workers look once a second."""
    pool: str = ""
    """Celery's pool."""
    late: bool = False
    """Celery's `acks_late`."""
    other_client: bool = False
    """Whether HTTP goes through what is not its own: jurat's through requests, another's through jurat's transport."""
    scraped: bool = False
    """Whether the workers serve their metrics, and each is asked for them once a second."""
    sealed: bool = False
    """Whether the history is sealed meanwhile, every five seconds."""
    timed: bool = False
    """Whether each step of a check has a clock around it."""
    rate: str | None = "20000/s"
    concurrency: int | None = 512
    """jurat's limits of the source, above what is reached: they cost what they cost. None: no limit."""

    @property
    def ideal(self) -> float:
        """Checks a second that the slots can do when the source takes `SLOW` seconds and nothing else any."""
        return self.processes * self.slots / SLOW


_FLOW = frozenset({Part.AT_ONCE, Part.SLOW})
_ALL = frozenset(Part) - OF_ITS_OWN

_CLOCKED = _FLOW | {Part.PACED}
_LIMITS = frozenset({Part.LIMITS})
_PROCESSES = frozenset({Part.PROCESSES})
_STEPS = frozenset({Part.STEPS})


def _limited(rate: str | None, concurrency: int | None) -> Arm:
    """jurat, with these limits alone."""
    name = f"concurrency-{concurrency}" if concurrency else "rate" if rate else "unlimited"
    title = f"concurrency: {concurrency}" if concurrency else f"rate: {rate}" if rate else "no limit"
    return Arm(
        f"jurat-{name}",
        f"jurat 2 × 64, {title}",
        Kind.JURAT,
        2,
        64,
        _LIMITS,
        _LIMITS,
        rate=rate,
        concurrency=concurrency,
    )


ARMS = (
    Arm("jurat-1", "jurat 1 × 64", Kind.JURAT, 1, 64, _PROCESSES, usual=_PROCESSES),
    Arm("jurat-1-timed", "jurat 1 × 64, timed", Kind.JURAT, 1, 64, _STEPS, usual=_STEPS, timed=True),
    Arm("jurat-64", "jurat 2 × 64", Kind.JURAT, 2, 64, _ALL | _PROCESSES, usual=_ALL | _PROCESSES),
    Arm("jurat-4", "jurat 4 × 64", Kind.JURAT, 4, 64, _PROCESSES, usual=_PROCESSES),
    _limited(None, None),
    _limited("20000/s", None),
    *(_limited(None, most) for most in (64, 128, 256, 512, 1024)),
    Arm("jurat-64-metrics", "jurat 2 × 64, scraped each second", Kind.JURAT, 2, 64, _FLOW, scraped=True),
    Arm("jurat-64-sealed", "jurat 2 × 64, its history sealed", Kind.JURAT, 2, 64, _FLOW, sealed=True),
    Arm("jurat-128", "jurat 2 × 128", Kind.JURAT, 2, 128, _FLOW),
    Arm("jurat-64-requests", "jurat 2 × 64, requests.Session", Kind.JURAT, 2, 64, _FLOW, other_client=True),
    Arm("jurat-silent", "jurat 2 × 64, no bell", Kind.JURAT, 2, 64, frozenset({Part.PACED}), bell=False),
    Arm("bare-1", "bare claim loop 1 × 64", Kind.BARE, 1, 64, _PROCESSES, usual=_PROCESSES, other_client=True),
    Arm(
        "bare-64",
        "bare claim loop 2 × 64",
        Kind.BARE,
        2,
        64,
        _FLOW | _PROCESSES,
        usual=_FLOW | _PROCESSES,
        other_client=True,
    ),
    Arm("bare-4", "bare claim loop 4 × 64", Kind.BARE, 4, 64, _PROCESSES, usual=_PROCESSES, other_client=True),
    Arm("celery-threads", "Celery, threads 64 × 2 processes", Kind.CELERY, 2, 64, _ALL, usual=_ALL, pool="threads"),
    Arm("celery-late", "Celery, the same with acks_late", Kind.CELERY, 2, 64, _FLOW, pool="threads", late=True),
    Arm("celery-gevent", "Celery, gevent 64 × 2 processes", Kind.CELERY, 2, 64, _CLOCKED, usual=_FLOW, pool="gevent"),
    Arm(
        "celery-prefork-4",
        "Celery, prefork 4",
        Kind.CELERY,
        1,
        4,
        _CLOCKED | {Part.STORM},
        usual=frozenset({Part.AT_ONCE, Part.PACED}),
        pool="prefork",
    ),
    Arm(
        "celery-prefork-4-transport",
        "Celery, prefork 4, jurat's HTTP",
        Kind.CELERY,
        1,
        4,
        _FLOW,
        pool="prefork",
        other_client=True,
    ),
    Arm("celery-prefork-16", "Celery, prefork 16", Kind.CELERY, 1, 16, _FLOW, pool="prefork"),
    Arm(
        "dramatiq-8",
        "dramatiq 2 × 8 threads",
        Kind.DRAMATIQ,
        2,
        8,
        _CLOCKED | {Part.ENQUEUE},
        usual=frozenset({Part.AT_ONCE, Part.PACED}),
    ),
    Arm("dramatiq-8-transport", "dramatiq 2 × 8, jurat's HTTP", Kind.DRAMATIQ, 2, 8, _FLOW, other_client=True),
    Arm("dramatiq-64", "dramatiq 2 × 64 threads", Kind.DRAMATIQ, 2, 64, _FLOW),
    Arm("taskiq", "taskiq 2 × 256 (asyncio)", Kind.TASKIQ, 2, 256, _ALL, usual=_ALL),
    Arm("procrastinate", "procrastinate 2 × 64 (asyncio)", Kind.PROCRASTINATE, 2, 64, _CLOCKED),
    Arm("pgqueuer", "PGQueuer 2 × 256 (asyncio)", Kind.PGQUEUER, 2, 256, _CLOCKED),
)

BY_NAME = {arm.name: arm for arm in ARMS}

EVERY = "all"
"""Names all arms, in all of their parts."""


def chosen(names: Sequence[str]) -> list[Arm]:
    """The arms of these names; without names the usual ones, whose three rounds of 8 s take no more than 25 minutes."""
    if not names:
        return [replace(arm, parts=arm.usual) for arm in ARMS if arm.usual]
    return list(ARMS) if EVERY in names else [BY_NAME[name] for name in names]


@dataclass(frozen=True, slots=True)
class Step:
    """One measurement."""

    round: int
    part: Part
    arm: Arm


def steps(rounds: int, arms: Sequence[Arm], parts: Sequence[Part]) -> list[Step]:
    """Every part of every arm once a round, one arm after the other within a part.

    Each round begins with another arm, so that none always follows the same one.
    """
    planned = []
    for number in range(rounds):
        for part in parts:
            taking = [arm for arm in arms if part in arm.parts]
            turn = number % len(taking) if taking else 0
            planned += [Step(number + 1, part, arm) for arm in taking[turn:] + taking[:turn]]
    return planned
