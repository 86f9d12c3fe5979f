"""`python -m release` in a repository of its own, without the images, which have their own tests."""

from __future__ import annotations

import shutil
import subprocess
import time
import zipfile
from pathlib import Path

import pytest

from release.__main__ import REHEARSALS, cut, rehearse
from release.conditions import Refused, check
from tests.containers import debian
from tests.release.conftest import Repository
from tests.test_house import MACHINE_PATHS, REGISTRIES, ROOT

LATE = """
import time
from pathlib import Path
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

class CustomBuildHook(BuildHookInterface):
    def initialize(self, version, build_data):
        Path(self.root, "jurat", "built.txt").write_text(str(time.time_ns()))
"""


@pytest.fixture
def project(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """The wheel and the locks of now, in the repository."""
    monkeypatch.setattr(debian, "lacking", lambda purpose: "needs a machine with more")
    for folder in ("jurat", "requirements"):
        left_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, repository.root / folder, ignore=left_out)
    for name in ("LICENSE", "README.md"):
        shutil.copy(ROOT / name, repository.root)
    asked = (ROOT / "pyproject.toml").read_text("utf-8")
    version = next(line for line in asked.splitlines() if line.startswith("version = "))
    repository.commit("pyproject.toml", asked.replace(version, 'version = "0.3.0"'))
    repository.git("add", ".")
    repository.git("commit", "-qm", "project")
    return repository


def released(repository: Repository) -> Path:
    return repository.root / "dist" / "release-0.3.0"


def members(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.slow
def test_it_leaves_the_files_and_a_tag_and_says_what_is_next(
    project: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cut(project.root, check(project.root, "0.3.0")) == 0
    folder = released(project)
    assert sorted(path.name for path in folder.iterdir()) == [
        "SHA256SUMS",
        "jurat-0.3.0-py3-none-any.whl",
        "jurat-0.3.0.cdx.json",
        "jurat-tools-0.3.0.cdx.json",
        "release-notes.md",
    ]
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True, check=True)
    assert checked.stdout.count(": OK\n") == 4
    assert (folder / "release-notes.md").read_text("utf-8") == "### Added\n\n- A release.\n"
    commit = project.git("rev-parse", "HEAD").strip()
    with zipfile.ZipFile(folder / "jurat-0.3.0-py3-none-any.whl") as wheel:
        committed = int(project.git("log", "-1", "--format=%ct")) // 2 * 2  # as exactly as a zip tells it
        assert {each.date_time for each in wheel.infolist()} == {tuple(time.gmtime(committed)[:6])}
    assert project.git("cat-file", "-t", "v0.3.0") == "tag\n"
    assert project.git("rev-parse", "v0.3.0^{commit}").strip() == commit
    told = capsys.readouterr()
    assert "The images are left out: needs a machine with more\n" in told.err
    assert f'[[release]]\n  version = "0.3.0"\n  commit = "{commit}"\n' in told.out
    assert "1. git push origin v0.3.0\n" in told.out
    texts = {path.name: path.read_text("utf-8") for path in folder.iterdir() if path.suffix != ".whl"}
    texts |= {name: content.decode() for name, content in members(folder / "jurat-0.3.0-py3-none-any.whl").items()}
    assert [name for name, text in texts.items() if REGISTRIES.search(text) or MACHINE_PATHS.search(text)] == []


@pytest.mark.slow
def test_it_can_be_run_again(project: Repository) -> None:
    assert cut(project.root, check(project.root, "0.3.0")) == 0
    before = {path.name: path.read_bytes() for path in released(project).iterdir()}
    tag = project.git("rev-parse", "v0.3.0")
    (released(project) / "of-before").touch()
    (project.root / ".git/info/exclude").write_text("/dist/\n")
    assert cut(project.root, check(project.root, "0.3.0")) == 0
    assert {path.name: path.read_bytes() for path in released(project).iterdir()} == before
    assert project.git("rev-parse", "v0.3.0") == tag


@pytest.mark.slow
def test_what_is_not_committed_is_not_released(project: Repository) -> None:
    (project.root / ".git/info/exclude").write_text("/jurat/notes.txt\n")
    (project.root / "jurat/notes.txt").write_text("an operator's own")
    assert cut(project.root, check(project.root, "0.3.0")) == 0
    assert "jurat/notes.txt" not in members(released(project) / "jurat-0.3.0-py3-none-any.whl")


@pytest.mark.slow
def test_builds_that_differ_are_no_release(project: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    project.commit("hatch_build.py", LATE)
    project.replace("pyproject.toml", "[tool.hatch.build]\n", "[tool.hatch.build.hooks.custom]\n\n[tool.hatch.build]\n")
    assert cut(project.root, check(project.root, "0.3.0")) == 1
    expected = "The two builds differ in SHA256SUMS, jurat-0.3.0-py3-none-any.whl. Both are in dist/release-0.3.0"
    assert expected in capsys.readouterr().err
    wheels = sorted(released(project).glob("*/*.whl"))
    first, second = (members(wheel) for wheel in wheels)
    assert {name for name in first if first[name] != second[name]} == {
        "jurat/built.txt",
        "jurat-0.3.0.dist-info/RECORD",
    }
    assert project.git("tag") == ""


def test_no_release_is_cut_where_a_rehearsal_fails(tmp_path: Path) -> None:
    makefile = tmp_path / "Makefile"
    makefile.write_text("test-examples test-browser-all image alerts compose:\n\t@echo $@ >> ran\n", encoding="utf-8")
    rehearse(tmp_path)
    assert (tmp_path / "ran").read_text("utf-8").split() == list(REHEARSALS)
    makefile.write_text("test-examples test-browser-all image alerts:\n\t@true\ncompose:\n\t@false\n", encoding="utf-8")
    with pytest.raises(Refused, match="`make compose` failed"):
        rehearse(tmp_path)


def test_what_is_rehearsed_are_targets_of_the_makefile() -> None:
    for target in REHEARSALS:
        assert f"\n{target}: " in (ROOT / "Makefile").read_text("utf-8")
