"""What cannot be released is refused with what to do, and nothing has changed."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from release.conditions import PLACES, Refused, check
from store.schema.release import VERSION
from tests.release.conftest import Repository
from tests.test_house import ROOT

LAST = ("## 0.3.0 - 2026-12-01", "## 0.3.0")


def edit(repository: Repository) -> None:
    (repository.root / "releases.toml").write_text("")


def add_a_file(repository: Repository) -> None:
    (repository.root / "store/new.py").write_text("")


def empty_the_section(repository: Repository) -> None:
    repository.replace("CHANGELOG.md", "- A release.\n", "")


def forget_an_image(repository: Repository) -> None:
    repository.replace("docker-compose.yml", "tools:${JURAT_VERSION:-0.3.0}", "tools:${JURAT_VERSION:-0.2.0}")
    repository.commit("examples/platform/compose.yml", "")


def tag_another_commit(repository: Repository) -> None:
    repository.git("tag", "-a", "-m", "jurat 0.3.0", "v0.3.0")
    repository.commit("later", "")


def tag_another_commit_without_a_message(repository: Repository) -> None:
    repository.git("tag", "v0.3.0", "HEAD~1")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (edit, r"not as committed:\n M releases\.toml\nCommit or remove them"),
        (add_a_file, r"not as committed:\n\?\? store/new\.py\nCommit or remove them"),
        (
            lambda of: of.replace("releases.toml", "0.2.0", "0.3.0"),
            r"0\.3\.0 is not newer than 0\.3\.0.* Choose a newer",
        ),
        (lambda of: of.replace("releases.toml", "0.2.0", "0.10.0"), r"not newer than 0\.10\.0"),
        (lambda of: of.replace("pyproject.toml", "0.3.0", "0.2.0"), r"pyproject\.toml has 0\.2\.0\. Write 0\.3\.0"),
        (
            lambda of: of.replace("store/schema/release.py", "0.3.0", "0.3.0.dev"),
            r"store/schema/release\.py has 0\.3\.0\.dev\. Write 0\.3\.0",
        ),
        (
            forget_an_image,
            r"docker-compose\.yml has 0\.2\.0; examples/platform/compose\.yml has no version\. Write 0\.3\.0 there",
        ),
        (lambda of: of.replace("CHANGELOG.md", "## 0.3.0 - ", "## 0.3.1 - "), r'no section "## 0\.3\.0 - .*Move there'),
        (lambda of: of.replace("CHANGELOG.md", *LAST), r'no section "## 0\.3\.0 - YYYY-MM-DD"'),
        (empty_the_section, r"The section 0\.3\.0 of CHANGELOG\.md is empty\. Say there"),
        (tag_another_commit, r"The tag v0\.3\.0 is on another commit, [0-9a-f]{40}\. .*git tag -d v0\.3\.0"),
        (tag_another_commit_without_a_message, r"The tag v0\.3\.0 is on another commit, [0-9a-f]{40}\."),
    ],
)
def test_each_fault_is_refused(repository: Repository, fault: Callable[[Repository], None], expected: str) -> None:
    fault(repository)
    before = repository.state
    with pytest.raises(Refused) as refused:
        check(repository.root, "0.3.0")
    assert re.search(expected, str(refused.value))
    assert repository.state == before


def test_all_places_have_one_version() -> None:
    for place, line in PLACES.items():
        assert {*re.findall(line, (ROOT / place).read_text("utf-8"), re.MULTILINE)} == {VERSION}, place


@pytest.mark.parametrize("version", ["", "0.3", "v0.3.0", "0.3.0-rc1", "0.3.0\n", "../0.3.0"])
def test_a_version_has_three_numbers(repository: Repository, version: str) -> None:
    with pytest.raises(Refused, match=r"expected three numbers: make release VERSION="):
        check(repository.root, version)


def test_without_git_it_says_so(repository: Repository) -> None:
    (repository.root / ".git").rename(repository.root / "elsewhere")
    with pytest.raises(Refused, match=r"git status failed: .*not a git repository"):
        check(repository.root, "0.3.0")


def test_someone_tags_it(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_COMMITTER_NAME", "")
    with pytest.raises(Refused, match=r"git var failed: .*(?s:.)*ident name"):
        check(repository.root, "0.3.0")


def test_what_can_be_released_has_the_time_of_its_commit_and_its_own_notes(repository: Repository) -> None:
    release = check(repository.root, "0.3.0")
    assert [release.commit, release.epoch] == repository.git("log", "-1", "--format=%H %ct").split()
    assert release.notes == "### Added\n\n- A release.\n"
    assert not release.tagged


@pytest.mark.parametrize("words", [["-a", "-m", "jurat 0.3.0"], []])
def test_a_tag_of_an_earlier_run_is_no_fault(repository: Repository, words: list[str]) -> None:
    repository.git("tag", *words, "v0.3.0")
    assert check(repository.root, "0.3.0").tagged


def test_the_first_release_needs_none_before(repository: Repository) -> None:
    repository.commit("releases.toml", "# none\n")
    assert check(repository.root, "0.3.0").version == "0.3.0"
