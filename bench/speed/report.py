"""Writes the rows of a run as tables in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from bench.rig.report import Report, Row, Rows, markdown
from bench.speed.figures import Spread, against, counted, is_noisy, spread
from bench.speed.plan import ARMS, OF_ITS_OWN, SLOW, WHOLE, Arm, Kind, Part

REPORT = Report("bench", "contributors/performance.md", "speed", "bench.jsonl")
OWN = replace(REPORT, name="speed-own-parts")
BUSY = replace(REPORT, name="speed-busy")
STEPS = replace(REPORT, name="speed-steps")

_NONE = "–"

TITLES = {
    Part.AT_ONCE: "Source answers at once",
    Part.SLOW: f"Source answers after {SLOW * 1000:g} ms",
    Part.PACED: "Time to the verdict at a steady 50 submits a second, source at once",
    Part.STORM: "Storm: single submits as fast as they come, each with its bell or message",
    Part.ENQUEUE: "What a submit costs the platform",
    Part.LIMITS: "Limits of a source that answers at once",
    Part.PROCESSES: "One, two and four processes, source at once",
    Part.STEPS: "CPU of each step of a check in one process, source at once",
}


@dataclass(frozen=True, slots=True)
class _Column:
    """One figure of an arm: its head, and what it is in a row, given all rows."""

    head: str
    value: Callable[[Row, Rows], float | None]
    form: str
    ranged: bool = True
    """Whether the range is shown next to the median."""


def _plain(head: str, name: str, form: str, *, ranged: bool = False) -> _Column:
    return _Column(head, lambda row, _: row.get(name), form, ranged)


def _times(head: str, kind: Kind, form: str, *names: str) -> _Column:
    return _Column(head, lambda row, rows: against(kind, row, rows, *names), form)


def _of_ideal(row: Row, _: Rows) -> float | None:
    steady = row.get("steady")
    return None if steady is None else steady / row["ideal"] * 100


_RATE = _plain("checks/s", "rate", ",.0f", ranged=True)
_STEADY = _plain("steady part", "steady", ",.0f")
_CPU = _plain("CPU s per 1,000, workers", "cpu_workers", ".2f", ranged=True)
_DATABASE = _plain("PostgreSQL", "cpu_postgresql", ".2f")
_FASTER = (
    _times("× the fastest Celery", Kind.CELERY, ".1f", "rate"),
    _times("× taskiq", Kind.TASKIQ, ".1f", "rate"),
)
_CHEAPER = _times("CPU of the fastest Celery's", Kind.CELERY, ".2f", "cpu_workers")
_PRICE = _times("CPU of both, × the bare loop", Kind.BARE, ".2f", "cpu_workers", "cpu_postgresql")
_REPEATS = (
    _plain("given back per 1,000", "given_back", ".1f", ranged=True),
    _plain("retried per 1,000", "retried", ".1f", ranged=True),
)
_IDLE = (
    _plain("idle workers, % of a core", "idle_workers", ".1f", ranged=True),
    _plain("idle servers", "idle_servers", ".1f"),
)
_MEMORY = (_plain("RSS MB", "rss_mb", ",.0f"), _plain("PSS MB", "pss_mb", ",.0f"))
_LATENCY = (_plain("p50 ms", "p50_ms", ",.1f", ranged=True), _plain("p99 ms", "p99_ms", ",.1f", ranged=True))
_CHECKS = _plain("checks a round", "checks", ",.0f")
_IDEAL = _Column("% of ideal", _of_ideal, ".0f")
_SUBMITTED = _plain("all submitted s", "submitted_s", ".1f")
_SETTLED = _plain("all have verdicts s", "settled_s", ".1f", ranged=True)
_SUBMITS = (
    _plain("one, p50 ms", "submit_p50_ms", ".2f", ranged=True),
    _plain("p99 ms", "submit_p99_ms", ".2f"),
    _plain("many, rows/s", "rate", ",.0f", ranged=True),
)

COLUMNS: dict[Part, tuple[_Column, ...]] = {
    Part.AT_ONCE: (_RATE, *_FASTER, _STEADY, _CPU, _CHEAPER, _DATABASE, _PRICE, *_REPEATS, *_MEMORY, _CHECKS),
    Part.SLOW: (_RATE, *_FASTER, _STEADY, _IDEAL, _CPU, _CHEAPER, _DATABASE, _PRICE, *_REPEATS, *_MEMORY, _CHECKS),
    Part.PACED: (*_LATENCY, _CPU, _DATABASE, *_IDLE, *_REPEATS, _CHECKS),
    Part.STORM: (_SUBMITTED, _SETTLED, *_LATENCY, _CPU, _DATABASE, *_REPEATS, _CHECKS),
    Part.ENQUEUE: _SUBMITS,
    Part.LIMITS: (_RATE, _STEADY, _CPU, _DATABASE, *_REPEATS, *_MEMORY, _CHECKS),
    Part.PROCESSES: (_RATE, _STEADY, _CPU, _DATABASE, _PRICE, *_REPEATS, *_MEMORY, _CHECKS),
    Part.STEPS: (_RATE, _STEADY, _CPU, _DATABASE),
}

_NARROW = {
    _FASTER[0]: "× fastest Celery",
    _FASTER[1]: "× taskiq",
    _CPU: "CPU s",
    _DATABASE: "PostgreSQL",
    _PRICE: "both × bare",
    _REPEATS[0]: "given back",
    _REPEATS[1]: "retried",
    _IDLE[0]: "idle workers %",
    _IDLE[1]: "idle servers %",
}
"""Columns that a page has with a shorter head and without ranges."""


def _on_page(*columns: _Column) -> tuple[_Column, ...]:
    return tuple(replace(each, head=_NARROW[each], ranged=False) if each in _NARROW else each for each in columns)


PAGE_COLUMNS: dict[Part, tuple[_Column, ...]] = {
    Part.AT_ONCE: _on_page(_RATE, *_FASTER, _CPU, _DATABASE, _PRICE, *_REPEATS, _MEMORY[0]),
    Part.SLOW: _on_page(_RATE, *_FASTER, _IDEAL, _CPU, _DATABASE, *_REPEATS),
    Part.PACED: _on_page(*_LATENCY, _CPU, _DATABASE, *_IDLE, *_REPEATS),
    Part.STORM: (_SUBMITTED, _SETTLED, *_LATENCY),
    Part.ENQUEUE: _SUBMITS,
    Part.LIMITS: _on_page(_RATE, _CPU, _DATABASE, *_REPEATS),
    Part.PROCESSES: _on_page(_RATE, _CPU, _DATABASE, _PRICE, _MEMORY[0]),
    Part.STEPS: (_RATE, _CPU, _DATABASE),
}
"""Those of `COLUMNS` for which a page is wide enough."""


def tables(rows: Rows) -> str:
    """A table for each part that was measured, and the rounds that failed."""
    return _sections(rows, _table)


def place(rows: Rows) -> Report:
    """Where in the docs a run belongs."""
    if any(row.get("busy") for row in rows):
        return BUSY
    if all(row["part"] == Part.STEPS for row in rows):
        return STEPS
    return OWN if any(row["part"] in OF_ITS_OWN for row in rows) else REPORT


def page(rows: Rows) -> str:
    """What the docs have of a run."""
    return f"{head(rows)}\n\n{_sections(rows, _page_table)}"


def _sections(rows: Rows, table: Callable[[Part, Rows], str]) -> str:
    parts = []
    for part in Part:
        mine = [row for row in rows if row["part"] == part]
        if mine:
            busy = mine[0].get("busy")
            beside = f", beside {busy} loops that want a core each" if busy else ""
            parts.append(f"### {TITLES[part]}{beside}\n\n{table(part, mine)}")
            parts += [_steps_table(mine)] if part is Part.STEPS else []
    failed = [
        f"- {row['arm']}, {row['part']}, round {row['round']}: {row.get('why', 'not every check was done once')}"
        for row in rows
        if not row["ok"]
    ]
    if failed:
        parts.append("**Failed:**\n\n" + "\n".join(failed))
    return "\n\n".join(parts)


def _table(part: Part, rows: Rows) -> str:
    columns = COLUMNS[part]
    lines = [[_named(arm), *_cells(columns, mine, rows), _rounds(mine)] for arm, mine in _by_arm(rows)]
    return markdown(["arm", *(column.head for column in columns), "rounds"], lines)


def _page_table(part: Part, rows: Rows) -> str:
    columns = PAGE_COLUMNS[part]
    lines = [[f"{_named(arm)}{_noisy(mine)}", *_cells(columns, mine, rows)] for arm, mine in _by_arm(rows)]
    return markdown(["arm", *(column.head for column in columns)], lines)


def _steps_table(rows: Rows) -> str:
    """The steps of a check, the most expensive first."""
    good = counted([row for row in rows if row["ok"] and row["steps"]])
    found = {name: spread(row["steps"][name] for row in good) for name in (good[0]["steps"] if good else ())}
    known = sorted(((each, name) for name, each in found.items() if each), key=lambda each: -each[0].median)
    whole = next((each.median for each, name in known if name == WHOLE), 0.0)
    lines = [
        [name, f"{each.median:.3f} [{each.least:.3f}–{each.most:.3f}]", f"{each.median / whole * 100:.0f}"]
        for each, name in known
        if whole
    ]
    return markdown(["step", "ms of CPU a check", "%"], lines)


def _by_arm(rows: Rows) -> Iterator[tuple[Arm, list[Row]]]:
    for arm in ARMS:
        if mine := [row for row in rows if row["arm"] == arm.name]:
            yield arm, mine


def _named(arm: Arm) -> str:
    return f"**{arm.title}**" if arm.name.startswith("jurat") else arm.title


def _cells(columns: Sequence[_Column], rows: Rows, all_rows: Rows) -> list[str]:
    good = counted([row for row in rows if row["ok"]])
    return [_cell(spread(column.value(row, all_rows) for row in good), column) for column in columns]


def _cell(found: Spread | None, column: _Column) -> str:
    if found is None:
        return _NONE
    middle, least, most = (_figure(value, column.form) for value in (found.median, found.least, found.most))
    return f"{middle} [{least}–{most}]" if column.ranged and least != most else middle


def _figure(value: float, form: str) -> str:
    """A figure of four digits needs no decimals, and a page has no room for them."""
    return format(value, ",.0f" if abs(value) >= 1000 else form)


def _rounds(rows: Rows) -> str:
    """How many count, and how many others there were."""
    good = [row for row in rows if row["ok"]]
    noisy = sum(map(is_noisy, good))
    if good and noisy == len(good):
        return f"{len(good)}, all noisy"
    left_out = f" (+ {noisy} noisy)" if noisy else ""
    return f"{len(good) - noisy}{left_out}"


def _noisy(rows: Rows) -> str:
    noisy = sum(is_noisy(row) for row in rows if row["ok"])
    return f" ({noisy} noisy)" if noisy else ""


def head(rows: Rows) -> str:
    """Which commit was measured when, how, and on which machine."""
    first = rows[0]
    rounds = max(row["round"] for row in rows)
    versions = ", ".join(f"{name} {version}" for name, version in first["versions"].items())
    return (
        f"Commit {first['revision']}, {first['run'][:10]}, by `{first['command']}`: "
        f"{rounds} round{'s' * (rounds > 1)} of "
        f"{first['seconds']:g} s. {first['machine']}; {versions}."
    )
