"""A repository in which version 0.3.0 can be released."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

FILES = {
    "pyproject.toml": '[project]\nname = "jurat"\nversion = "0.3.0"\n',
    "store/schema/release.py": 'VERSION: Final = "0.3.0"\n',
    "docker-compose.yml": "image: jurat:${JURAT_VERSION:-0.3.0}\nimage: jurat-tools:${JURAT_VERSION:-0.3.0}\n",
    "examples/platform/compose.yml": "image: jurat:${JURAT_VERSION:-0.3.0}\n",
    "docs/reference/environment.md": "| `JURAT_VERSION` | the tag of the images | `0.3.0` |\n",
    "deploy/kubernetes/overlays/one-node/kustomization.yaml": "newTag: 0.3.0\n",
    "deploy/kubernetes/overlays/production/kustomization.yaml": "newTag: 0.3.0\n",
    "releases.toml": '[[release]]\nversion = "0.2.0"\ncommit = "aa"\n',
    "CHANGELOG.md": """# Changelog

## Unreleased

## 0.3.0 - 2026-12-01

### Added

- A release.

## 0.2.0 - 2026-11-29

The first one.
""",
}


@dataclass(frozen=True)
class Repository:
    root: Path

    def git(self, *words: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        return subprocess.run(["git", *who, *words], cwd=self.root, capture_output=True, text=True, check=True).stdout

    def commit(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text, "utf-8")
        self.git("add", name)
        self.git("commit", "-qm", name)

    def replace(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text("utf-8")
        assert old in text
        self.commit(name, text.replace(old, new))

    @property
    def state(self) -> str:
        """All that a refusal must leave as it was."""
        return self.git("show-ref", "--head") + self.git("status", "--porcelain", "--ignored")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    made = Repository(tmp_path / "repository")
    made.root.mkdir()
    made.git("init", "-q")
    for name, text in FILES.items():
        made.commit(name, text)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "a")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "a@example.org")
    return made
