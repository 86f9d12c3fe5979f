"""Checks that a commit can be released as a version, and refuses before anything is built."""

from __future__ import annotations

import re
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

from store.schema.release import is_older

PLACES = {
    "pyproject.toml": r'^version = "(.*)"$',
    "store/schema/release.py": r'^VERSION: Final = "(.*)"$',
    "docker-compose.yml": r"\$\{JURAT_VERSION:-(.*?)\}",
    "examples/platform/compose.yml": r"\$\{JURAT_VERSION:-(.*?)\}",
    "docs/reference/environment.md": r"^\| `JURAT_VERSION` \| .* \| `(.*)` \|$",
    "deploy/kubernetes/overlays/one-node/kustomization.yaml": r"newTag: (.*)$",
    "deploy/kubernetes/overlays/production/kustomization.yaml": r"newTag: (.*)$",
}
"""Where the version is written, each with what it stands in."""


class Refused(Exception):
    """This cannot be released. The message says what is wrong and what to do."""


@dataclass(frozen=True)
class Release:
    """A commit that can be released."""

    version: str
    commit: str
    epoch: str
    """When it was committed, in seconds since 1970: the time of all that is built from it."""
    notes: str
    """Its section of the changelog."""
    tagged: bool
    """Whether it has its tag already, of an earlier run."""

    @property
    def tag(self) -> str:
        return f"v{self.version}"


def git(root: Path, *words: str) -> str:
    """What git says. Raises Refused with what it complains of."""
    ran = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise Refused(f"git {words[0]} failed: {ran.stderr.strip()}")
    return ran.stdout.rstrip("\n")


def check(root: Path, version: str) -> Release:
    """The release of HEAD as a version. Raises Refused; writes nothing."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise Refused(f"{version or 'no version'} given; expected three numbers: make release VERSION=0.3.0")
    if changed := git(root, "status", "--porcelain", "--untracked-files=all"):
        raise Refused(f"these files are not as committed:\n{changed}\nCommit or remove them first.")
    _check_order(root, version)
    _check_places(root, version)
    notes = _notes(root, version)
    commit, epoch = git(root, "log", "-1", "--format=%H %ct").split()
    tagged = _check_tag(root, version, commit)
    git(root, "var", "GIT_COMMITTER_IDENT")  # who tags: git says what to do where it does not know
    return Release(version, commit, epoch, notes, tagged)


def _check_order(root: Path, version: str) -> None:
    listed = tomllib.loads((root / "releases.toml").read_text("utf-8")).get("release", [])
    last = listed[-1]["version"] if listed else "0"
    if not is_older(last, version):
        raise Refused(f"{version} is not newer than {last}, the last release in releases.toml. Choose a newer version.")


def _check_places(root: Path, version: str) -> None:
    others = {
        place: sorted(found - {version})
        for place, line in PLACES.items()
        if (found := {*re.findall(line, (root / place).read_text("utf-8"), re.MULTILINE)}) != {version}
    }
    if others:
        told = "; ".join(f"{place} has {', '.join(found) or 'no version'}" for place, found in others.items())
        raise Refused(f"{told}. Write {version} there, and commit it.")


def _notes(root: Path, version: str) -> str:
    changes = (root / "CHANGELOG.md").read_text("utf-8")
    found = re.search(
        rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |\Z)", changes, re.MULTILINE | re.DOTALL
    )
    if found is None:
        raise Refused(
            f'CHANGELOG.md has no section "## {version} - YYYY-MM-DD". Move there what is under "Unreleased", '
            "and commit it."
        )
    if not re.search(r"^[^#\s]", found[1], re.MULTILINE):
        raise Refused(f"The section {version} of CHANGELOG.md is empty. Say there what has changed, and commit it.")
    return found[1].strip("\n") + "\n"


def _check_tag(root: Path, version: str, commit: str) -> bool:
    """Whether the tag is there, on this commit."""
    # Of an annotated tag the commit comes first, and then its own name.
    names = git(root, "for-each-ref", "--format=%(*objectname) %(objectname)", f"refs/tags/v{version}").split()
    tagged = names[0] if names else ""
    if tagged not in ("", commit):
        raise Refused(
            f"The tag v{version} is on another commit, {tagged}. Release a newer version; or, if nobody has that tag "
            f"yet, delete it: git tag -d v{version}"
        )
    return bool(tagged)
