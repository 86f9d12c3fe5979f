"""Pages of the console are found by their links, timed and weighed."""

from __future__ import annotations

import pytest

from bench.console_pages import Page, main, table


@pytest.mark.bench
def test_it_finds_the_pages_and_what_waits_for_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--pending", "300", "--settled", "600"]) in (0, 1)
    lines = capsys.readouterr().out.splitlines()
    assert {"now.now", "now.runbook", "reviews.queue", "reviews.review"} <= {line.split()[1] for line in lines[2:]}


def test_a_page_that_takes_or_weighs_too_much_is_told() -> None:
    pages = [Page("slow", 101, 120, 10), Page("heavy", 10, 20, 61), Page("good", 10, 2000, 60)]
    assert [each.kept for each in pages] == [False, False, True]
    assert table(pages).count("MISSED") == 2


def test_more_that_waits_than_is_settled_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--pending", "600", "--settled", "300"]) == 2
    assert "too few" in capsys.readouterr().err
