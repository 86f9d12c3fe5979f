"""Writes rows of scenarios as tables in Markdown, and for the docs the worst of all seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bench.faults.scenario import Scenario
from bench.rig.report import Report, Row, Rows, markdown

REPORT = Report("faults", "contributors/faults.md", "faults", "faults.jsonl")

COLUMNS: Mapping[str, str] = {
    "title": "fault",
    "seed": "seed",
    "checks": "checks",
    "lost": "lost",
    "doubled": "doubled",
    "stale": "stale accepted",
    "other": "other",
    "undetermined": "undetermined",
    "repeated": "repeated lookups",
    "recovery_s": "recovery (s)",
    "drained_s": "all settled (s)",
    "rate": "checks/s",
    "submit_p99_s": "submit p99 (s)",
}
"""Each figure of a row and the head of its column, in order."""

BROKEN = ("lost", "doubled", "stale", "other")
"""The counts of broken promises."""

SUMMARY = ("fault", "runs", "checks", "lost", "doubled", "stale accepted", "other", "repeated lookups", "recovery (s)")
"""Heads of the columns of a summary; the scenario's other figures follow."""

WORDS: Mapping[str, str] = {
    "claimed_before": "claimed before it was confirmed",
    "codes": "codes typed by two each",
    "codes_held_twice": "of them used twice",
    "codes_not_known": "codes not known",
    "codes_of_no_one": "codes used by no one",
    "numbers": "numbers typed by three each",
    "numbers_held_twice": "of them held twice",
    "numbers_of_no_one": "of them held by no one",
    "cut": "connections cut",
    "epochs_sealed_in": "epochs of sealing keys",
    "erased_again": "erased again",
    "erased_back": "erased ones that came back",
    "failed_of_before": "failures of the platform of before",
    "failed_of_now": "failures of the platform of now",
    "first_verdict_s": "first verdict after s",
    "held_by_stale_workers": "held by workers of before",
    "lost_answers": "answers after the backup",
    "missing_not_listed": "of them not listed",
    "not_current": "schema not up to date",
    "operations_of_before": "operations of the platform of before",
    "operations_of_now": "operations of the platform of now",
    "p99_of_before_s": "their p99 s, of before",
    "p99_of_now_s": "their p99 s, of now",
    "unsettled_versions": "their checks without a verdict",
    "upgrade_exit": "exit code of the upgrade",
    "upgrades_killed": "upgrades killed",
    "waited_for_a_key": "times that a key was missing",
    "wrongly_listed": "others listed",
    "claimed_by_wrong": "claimed by the wrong worker",
    "clocks_off_h": "clocks off by h",
    "given_up": "given up",
    "held_again": "held by others at its return",
    "held_at_outages": "held when it went away",
    "held_at_sigterms": "held when asked",
    "innocent_given_up": "others given up",
    "leased_again_s": "leased again after s",
    "leases_lost": "leases lost",
    "leases_cut": "leases of killed workers",
    "longest_exit_s": "longest exit s",
    "looked_up_meanwhile": "of them looked up meanwhile",
    "most_lost_leases": "most leases lost by a check",
    "p99_times": "p99 of others times that without",
    "poison_given_up": "of them given up",
    "rate_share": "share of the normal rate",
    "repeated_a_slot": "repeated lookups a killed slot",
    "rows_held": "rows held",
    "said_away": "times that workers said so",
    "server_gave_up": "times that the server gave up",
    "stampede": "leases lost beyond those held",
    "submit_errors": "errors from submit",
    "submit_p99_s": "submit p99 s",
    "tracebacks": "tracebacks",
    "troubled": "requests troubled",
    "unclean_exits": "unclean exits",
    "versions_used": "versions used",
    "said_key_missing": "times that it said why",
    "unreadable": "answers ended unreadable",
}
"""The names of the figures for which only some scenarios have a limit."""


def table(rows: Iterable[Row]) -> str:
    """The rows as a table in Markdown."""
    return markdown(tuple(COLUMNS.values()), [[_cell(row.get(name)) for name in COLUMNS] for row in rows])


def latest(rows: Iterable[Row]) -> list[Row]:
    """The last row of each scenario and seed."""
    return list({(row["scenario"], row["seed"]): row for row in rows}.values())


def summary(rows: Rows, scenarios: Sequence[Scenario]) -> str:
    """One line for each scenario that was run, with the worst of its runs in each column, as a table in Markdown.

    The last column has every other figure that has a limit in the scenario.
    """
    lines = []
    for scenario, runs in _by_scenario(rows, scenarios):
        counts = (_cell(_worst(runs, name, max)) for name in (*BROKEN, "repeated", "recovery_s"))
        lines.append([f"`{scenario.name}`", str(len(runs)), _checks(runs), *counts, _others(scenario, runs)])
    return markdown((*SUMMARY, "what else was measured (limit)"), lines)


def _page_table(rows: Rows, scenarios: Sequence[Scenario]) -> str:
    lines = []
    for scenario, runs in _by_scenario(rows, scenarios):
        broken = max(sum(row[name] for name in BROKEN) for row in runs)
        counts = (_cell(_worst(runs, name, max)) for name in ("repeated", "recovery_s"))
        lines.append([f"`{scenario.name}`", _checks(runs), str(broken), *counts])
    return markdown(("fault", "checks", "broken promises", "repeated lookups", "recovery (s)"), lines)


def _by_scenario(rows: Rows, scenarios: Sequence[Scenario]) -> Iterator[tuple[Scenario, list[Row]]]:
    for scenario in scenarios:
        if runs := [row for row in latest(rows) if row["scenario"] == scenario.name]:
            yield scenario, runs


def _checks(runs: Rows) -> str:
    return str(min(row["checks"] for row in runs))


def _others(scenario: Scenario, runs: Rows) -> str:
    figures = [
        f"{WORDS[name]} {_cell(_worst(runs, name, worst))} ({sign} {limit:g})"
        for limits, worst, sign in ((scenario.limits, max, "≤"), (scenario.at_least, min, "≥"))
        for name, limit in limits.items()
        if name not in {"recovery_s", "repeated"}
    ]
    return "; ".join(figures) or "–"


def _worst(runs: Rows, name: str, worst: Any) -> Any:
    found = [row[name] for row in runs if row.get(name) is not None]
    return worst(found) if found else None


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def results(rows: Rows, scenarios: Sequence[Scenario]) -> str:
    """What the docs have of the long runs. Raises ValueError if there are none."""
    rows = [row for row in latest(rows) if not row["short"]]
    if not rows:
        raise ValueError("there is no row of a long run: `make faults` first")
    seeds = sorted({row["seed"] for row in rows})
    days = sorted({row["at"][:10] for row in rows})
    commits = ", ".join(sorted({row["revision"] for row in rows}))
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    missed = [f"- `{row['scenario']}`, seed {row['seed']}: {'; '.join(row['missed'])}" for row in rows if row["missed"]]
    left = [f"`{one.name}`" for one in scenarios if one.name not in {row["scenario"] for row in rows}]
    command = f'make faults SEED="{" ".join(map(str, seeds))}"'
    parts = [
        f"Commit {commits}, {when}, by `{command}`. Each line has the worst of its runs.",
        _page_table(rows, scenarios),
        "Not run: " + ", ".join(left) + "." if left else "",
        "Every run kept every promise and every figure." if not missed else "Missed:\n\n" + "\n".join(missed),
    ]
    return "\n\n".join(part for part in parts if part)
