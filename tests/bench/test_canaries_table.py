"""The table says of each cell what a run must find there, and a run that finds something else is told which cell."""

from __future__ import annotations

from collections import Counter

import pytest

from bench.canaries.__main__ import main
from bench.canaries.finder import Spelling, found
from bench.canaries.markers import MARKERS, Marked
from bench.canaries.table import Sink, counts, lines, sinks, wrong

SIZES = {sink.name: 1 for sink in sinks()}
ONCE = Counter({Spelling.BASE64: 1})
AS_IT_SAYS = {(sink.name, marker): ONCE for sink in sinks() for marker in sink.holds}


def test_a_run_that_finds_what_the_table_says_is_right() -> None:
    assert wrong(AS_IT_SAYS, SIZES) == []


@pytest.mark.parametrize("sink", sinks(), ids=lambda sink: sink.name)
def test_a_leak_is_told_with_its_cell_unless_the_table_has_it(sink: Sink) -> None:
    told = {marker: wrong({**AS_IT_SAYS, (sink.name, marker): ONCE}, SIZES) for marker in MARKERS}
    leaks = {marker for marker, sentences in told.items() if sentences}
    assert leaks == set(MARKERS) - {*sink.holds, *sink.may_hold}
    for marker in leaks:
        (sentence,) = told[marker]
        assert sentence.startswith(f"{sink.name} × {marker}: ")
        assert "base64 1×" in sentence


def test_what_must_be_found_and_is_not_is_told() -> None:
    for cell in AS_IT_SAYS:
        (sentence,) = wrong({each: ways for each, ways in AS_IT_SAYS.items() if each != cell}, SIZES)
        assert sentence.startswith(f"{cell[0]} × {cell[1]}: nothing was found")


def test_a_sink_of_which_nothing_was_collected_proves_nothing() -> None:
    for sink in sinks():
        without = {name: size for name, size in SIZES.items() if name != sink.name}
        for sizes in (without, {**SIZES, sink.name: 0}):
            told = [sentence.partition(":")[0] for sentence in wrong(AS_IT_SAYS, sizes)]
            assert told == ([] if sink.may_be_empty and sizes is not without else [sink.name])


def test_a_sink_that_the_table_does_not_have_is_told() -> None:
    assert wrong(AS_IT_SAYS, {**SIZES, "telegraph": 1}) == ["telegraph: no sink of sinks.toml; add it there"]


def test_nothing_and_lists_are_written_for_people() -> None:
    text = "\n".join(lines())
    assert "- **Logs of a worker at DEBUG, as text**: nothing." in text
    assert "may hold ids of erased participants" in text
    assert list(counts({("wal", "note"): Counter({Spelling.HEX: 2, Spelling.PLAIN: 1})}, {"wal": 2_000_000})) == [
        "wal                2.00 MB  note 3"
    ]


def test_two_runs_have_no_marker_in_common_and_all_can_be_looked_for() -> None:
    runs = [Marked(), Marked()]
    for run in runs:
        run.database_passwords.append("0123456789")
        run.sealed.append(bytes(range(200, 240)))
        assert set(run.texts()) == set(MARKERS)
        assert found([], run.texts()) == {}
    first, second = ({text for name in MARKERS for text in run.texts()[name] if name != "birth_date"} for run in runs)
    assert first & second == {b"0123456789", bytes(range(200, 240))}


def test_who_may_not_look_into_memory_is_told_so_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert main([]) == 2
    assert capsys.readouterr().err == "canaries: this needs root on Linux, to look into the memory of a worker\n"
