"""Tables show medians with ranges, and say which rounds do not count."""

from __future__ import annotations

from typing import Any

from bench.rig.report import fitted, latest_run
from bench.speed import report
from bench.speed.plan import ARMS, WHOLE
from docs.markdown import WIDTH


def row(arm: str, number: int, rate: float, **more: Any) -> dict[str, Any]:
    kind = arm.partition("-")[0]
    return {
        "run": "2026-11-25T10:00:00+00:00",
        "revision": "abc1234",
        "command": "make bench ROUNDS=3 SECONDS=20",
        "seconds": 20.0,
        "machine": "2 cores",
        "versions": {"celery": "5.7.0"},
        "part": "at-once",
        "arm": arm,
        "kind": kind,
        "ideal": 640.0,
        "round": number,
        "ok": True,
        "checks": 1000,
        "rate": rate,
        "foreign_share": 0.01,
        **more,
    }


ROWS = [
    row("jurat-64", 1, 2000.0, cpu_workers=0.5),
    row("celery-threads", 1, 400.0, cpu_workers=3.0),
    row("celery-threads", 2, 300.0, cpu_workers=3.2),
    row("jurat-64", 2, 2100.0, cpu_workers=0.6),
    row("jurat-64", 3, 9999.0, cpu_workers=0.1, foreign_share=0.4),
]


def cells(table: str, arm: str) -> list[str]:
    line = next(line for line in table.splitlines() if arm in line)
    return [cell.strip() for cell in line.split("|")[1:-1]]


def test_a_line_has_medians_with_their_range_and_ratios_round_by_round() -> None:
    jurat = cells(report.tables(ROWS), "jurat 2 × 64")
    assert "2,050 [2,000–2,100]" in jurat
    assert "6.0 [5.0–7.0]" in jurat
    assert "0.55 [0.50–0.60]" in jurat
    assert jurat[-1] == "2 (+ 1 noisy)"


def test_the_page_has_fewer_columns_and_says_which_arms_were_noisy() -> None:
    page = report.page(ROWS)
    assert cells(page, "jurat 2 × 64")[:3] == [
        "**jurat 2 × 64** (1 noisy)",
        "2,050 [2,000–2,100]",
        "6.0",
    ]
    assert "steady" not in page


def test_the_ratio_to_taskiq_is_next_to_that_to_the_fastest_celery() -> None:
    page = report.page([*ROWS[:2], row("celery-prefork-4", 1, 500.0), row("taskiq", 1, 800.0)])
    heads = cells(page, "| arm")
    ratios = dict(zip(heads, cells(page, "jurat 2 × 64"), strict=True))
    assert (ratios["× fastest Celery"], ratios["× taskiq"]) == ("4.0", "2.5")


def test_what_was_given_back_or_retried_and_what_idle_workers_cost_are_columns() -> None:
    figures = {"part": "paced", "given_back": 273.0, "retried": 1.5, "idle_workers": 2.25, "idle_servers": 0.5}
    page = report.page([row("jurat-64", 1, 50.0, **figures)])
    shown = dict(zip(cells(page, "| arm"), cells(page, "jurat 2 × 64"), strict=True))
    assert (shown["given back"], shown["retried"]) == ("273.0", "1.5")
    assert (shown["idle workers %"], shown["idle servers %"]) == ("2.2", "0.5")


def test_the_cpu_of_workers_and_database_is_compared_with_the_bare_loops() -> None:
    bare = row("bare-64", 1, 4000.0, cpu_workers=0.2, cpu_postgresql=0.1)
    page = report.page([row("jurat-64", 1, 2000.0, cpu_workers=0.4, cpu_postgresql=0.2), bare])
    shown = dict(zip(cells(page, "| arm"), cells(page, "jurat 2 × 64"), strict=True))
    assert shown["both × bare"] == "2.00"


def test_the_storm_of_a_slow_arm_fits_a_page() -> None:
    slow = {"part": "storm", "submitted_s": 10.2, "settled_s": 11.7}
    rows = [
        row("celery-threads", number, 500.0, p50_ms=time - 250.4, p99_ms=time + 777.7, **slow, foreign_share=noise)
        for number, time, noise in ((1, 1694.9, 0.01), (2, 2206.5, 0.01), (3, 2000.0, 0.4))
    ]
    page = report.page(rows)
    assert "1,700 [1,444–1,956]" in cells(page, "Celery, threads")
    assert max(map(len, fitted(page).splitlines())) <= WIDTH


def test_where_every_round_is_noisy_they_count_and_it_is_said() -> None:
    noisy = [one | {"foreign_share": 0.5} for one in ROWS]
    assert cells(report.tables(noisy), "jurat 2 × 64")[-1] == "3, all noisy"


def test_a_round_that_was_not_whole_is_reported_and_counts_for_nothing() -> None:
    rows = [*ROWS[:2], row("jurat-64", 2, 5.0) | {"ok": False, "why": "3 of 5 verdicts after 60 s"}]
    shown = report.tables(rows)
    assert "2,000" in cells(shown, "jurat 2 × 64")
    assert "- jurat-64, at-once, round 2: 3 of 5 verdicts after 60 s" in shown


def test_the_head_has_the_command() -> None:
    assert "by `make bench ROUNDS=3 SECONDS=20`: 3 rounds of 20 s. 2 cores; celery 5.7.0." in report.head(ROWS)


def test_the_latest_run_alone_counts() -> None:
    older = [one | {"run": "2026-11-24T10:00:00+00:00", "rate": 77.0} for one in ROWS]
    assert latest_run(older + ROWS) == ROWS
    assert latest_run([]) == []


def test_every_line_of_a_table_has_as_many_cells_as_its_head() -> None:
    lines = report.tables(ROWS).splitlines()[2:]
    assert len({line.count("|") for line in lines}) == 1


def test_every_arm_has_a_name_of_its_own() -> None:
    assert len({arm.name for arm in ARMS}) == len({arm.title for arm in ARMS}) == len(ARMS)


def test_a_run_has_its_place_by_its_parts_and_by_what_was_beside_it() -> None:
    assert report.place([row("jurat-64", 1, 1.0)]).name == "speed"
    assert report.place([row("jurat-64", 1, 1.0, part="limits")]).name == "speed-own-parts"
    assert report.place([row("jurat-64", 1, 1.0, part="limits", busy=8)]).name == "speed-busy"
    assert report.place([row("jurat-1-timed", 1, 1.0, part="steps")]).name == "speed-steps"


def test_the_steps_of_a_check_are_listed_by_their_cpu() -> None:
    steps = [{"answer": 0.1, "exchange": 0.3, WHOLE: 0.5}, {"answer": 0.2, "exchange": 0.5, WHOLE: 0.9}]
    page = report.page(
        [row("jurat-1-timed", number, 900.0, part="steps", steps=each) for number, each in enumerate(steps, 1)]
    )
    lines = [line for line in page.splitlines() if line.startswith(("| all", "| exchange", "| answer"))]
    assert [cells(line, "|") for line in lines] == [
        [WHOLE, "0.700 [0.500–0.900]", "100"],
        ["exchange", "0.400 [0.300–0.500]", "57"],
        ["answer", "0.150 [0.100–0.200]", "21"],
    ]


def test_a_table_says_what_was_beside_it() -> None:
    assert "at once, beside 8 loops that want a core each" in report.page([row("jurat-64", 1, 1.0, busy=8)])
    assert "beside" not in report.page([row("jurat-64", 1, 1.0, busy=0)])
