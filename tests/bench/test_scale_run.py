"""A whole run, small: a real server with both databases, everything done on either."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.rig.report import read
from bench.scale.__main__ import main
from bench.scale.measure import KINDS


@pytest.fixture
def kept() -> Iterator[Path]:
    """A folder for a server, which may run as another user and would not reach one of pytest's."""
    with tempfile.TemporaryDirectory(prefix="jurat-scale-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.bench
def test_everything_is_measured_on_both_sides_and_a_kept_server_is_used_again(
    tmp_path: Path, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.jsonl"
    small = ["--pending", "2000", "--settled", "6000", "--rounds", "1", "--settles", "200", "--keep", str(kept)]
    assert main([*small, "--file", str(file), "--plans", str(tmp_path / "plans.jsonl")]) in (0, 1)
    assert "large: 3,333 of 3,333 participants" in capsys.readouterr().err
    *rows, alone = read(file)
    assert "checks purged" not in {figure["name"] for figure in alone["figures"]}, "a kept server is used again"
    assert {row["stage"] for row in rows} == {"After a vacuum", "After 200 settles more"}
    for stage in {row["stage"] for row in rows}:
        assert [row["kind"] for row in rows if row["stage"] == stage] == list(dict.fromkeys(k.name for k in KINDS))
    for row in rows:
        assert row["small_p50_ms"] > 0, row["kind"]
        assert row["large_p95_ms"] >= row["large_p50_ms"] > 0, row["kind"]
        assert row["large_hit"] + row["large_fetched"] > 0, row["kind"]
    assert {plan["side"] for plan in read(tmp_path / "plans.jsonl")} == {"jurat_small", "jurat_large"}

    assert main([*small, "--file", str(file)]) in (0, 1)
    assert "large: 3,333 of" not in capsys.readouterr().err
    assert main(["--table", "--file", str(file)]) == 0
    assert "settle 64" in capsys.readouterr().out


@pytest.mark.bench
def test_the_oldest_checks_are_purged_in_the_end(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    small = ["--pending", "2000", "--settled", "6000", "--rounds", "1", "--settles", "0", "--months", "6"]
    assert main([*small, "--file", str(file)]) in (0, 1)
    found = {figure["name"]: figure["value"] for figure in read(file)[-1]["figures"]}
    assert found["checks purged"] == pytest.approx(60, abs=3), "all of a participant's go, or none"
    assert found["WAL of a check that is purged"] > 100
    assert "drop of that month" in found


def test_sizes_that_cannot_be_made_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--pending", "5"])
    assert ended.value.code == 2
    assert "too few" in capsys.readouterr().err
