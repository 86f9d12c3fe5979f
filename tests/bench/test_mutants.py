"""Each mutation of the list fits the code, and the runner tells a mistake that tests find from one that they do not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench.mutants.__main__ import ROOT, main, mismatch
from bench.mutants.mutations import NoMatch, read
from bench.mutants.trial import Copy, Verdict


def test_each_entry_matches_one_line_names_tests_that_are_there_and_makes_a_mistake_of_its_own() -> None:
    mutations = read()
    assert [said for each in mutations if (said := mismatch(each, ROOT))] == []
    assert [each.name for each in mutations if each.old == each.new] == []
    files = {target for each in mutations for target in each.targets if "tests" in target}
    assert [file for file in files if not (ROOT / file).exists()] == []
    assert len({(each.file, each.old, each.new) for each in mutations}) == len(mutations) >= 64


PRODUCT = """\
def add(left, right):
    return left + right


def least(*numbers):
    return min(numbers)
"""

TESTS = {
    "tests/test_add.py": "from product import add\n\n\ndef test_adds():\n    assert add(2, 3) == 5\n",
    "tests/test_least.py": "from product import least\n\n\ndef test_of_one():\n    assert least(7) == 7\n",
    "tests/test_red.py": "def test_fails_anyway():\n    assert False\n",
    "tests/test_waiting.py": "import time\n\n\ndef test_waits():\n    time.sleep(600)\n",
}

LIST = """\
[sums."two are subtracted"]
file = "product.py"
old = "return left + right"
new = "return left - right"
tests = "tests/test_add.py"

[sums."nothing can be imported"]
file = "product.py"
old = "return left + right"
new = "return left +"
tests = "tests/test_add.py"

[least."the greatest is given"]
file = "product.py"
old = "return min(numbers)"
new = "return max(numbers)"
tests = "tests/test_least.py"

[red."its test fails anyway"]
file = "product.py"
old = "return min(numbers)"
new = "return max(numbers)"
tests = "tests/test_red.py"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An invented project under git, and its list of mutations in `mutants.toml`."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    root = tmp_path / "project"
    for name, text in {"product.py": PRODUCT, "mutants.toml": LIST, **TESTS}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    return root


@pytest.mark.slow
def test_it_tells_what_tests_find_from_what_they_do_not(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], project, project / "mutants.toml") == 1
    lines = capsys.readouterr().out.splitlines()
    begins = [(line.split()[0], line.partition("s  ")[2].split("  ")[0]) for line in lines if " s  " in line]
    assert begins == [
        ("killed", "sums: two are subtracted"),
        ("BROKEN", "sums: nothing can be imported"),
        ("SURVIVED", "least: the greatest is given"),
    ]
    assert any(line.startswith("killed") and line.endswith("tests/test_add.py::test_adds") for line in lines)
    assert "these fail without any mutation: tests/test_red.py" in lines
    assert lines[-1] == "1 killed, 1 NOT RUN, 1 BROKEN, 1 SURVIVED"
    assert (project / "product.py").read_text("utf-8") == PRODUCT


def test_where_all_are_killed_it_ends_well(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sums: two*"], project, project / "mutants.toml") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 killed"


def test_an_entry_that_matches_no_line_or_several_is_said_and_nothing_is_run(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = project / "product.py"
    file.write_text(PRODUCT.replace("min(numbers)", "left + right"), "utf-8")
    assert main([], project, project / "mutants.toml") == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert "sums: two are subtracted\n    product.py has this line 2 times, not once: return left + right" in output.err
    assert "least: the greatest is given\n    product.py has this line 0 times" in output.err
    file.unlink()
    with pytest.raises(NoMatch, match=r"product\.py cannot be read"):
        read(project / "mutants.toml")[0].mutated(project)


@pytest.mark.slow
def test_a_run_that_hangs_is_ended_and_counts_as_killed(project: Path, tmp_path: Path) -> None:
    ran = Copy(project, tmp_path / "copy").run(["tests/test_waiting.py"], timeout=1.0)
    assert (ran.verdict, ran.said) == (Verdict.KILLED, "hangs for 1 s")


def test_python_never_takes_one_mistake_for_another_of_the_same_size(project: Path, tmp_path: Path) -> None:
    """What it compiled before counts for a file of the same time, to the second, and size."""
    copy = Copy(project, tmp_path / "copy")
    file = copy.root / "product.py"
    before = file.stat().st_mtime_ns
    seen = []
    for mutation in read(project / "mutants.toml")[::2]:
        with copy.mutated(mutation):
            assert mutation.new in file.read_text("utf-8")
            seen.append(int(file.stat().st_mtime))
        assert (file.read_text("utf-8"), file.stat().st_mtime_ns) == (PRODUCT, before)
    assert len(seen) == len({*seen, before // 10**9}) - 1 == 2
