"""The locks in requirements/ hold what pyproject.toml asks for, with hashes, and agree with each other."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent


def locked(lock: str) -> dict[str, list[Version]]:
    pins: dict[str, list[Version]] = {}
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE):
        pins.setdefault(name, []).append(Version(version))
    return pins


LOCKS = {
    "service": "service metrics zones",
    "worker": "service metrics",
    "console": "service metrics console",
    "otel": "otel",
    "dev": "service metrics zones console otel dev",
    "bench": "service metrics zones console otel dev bench",
    "platform": "service metrics zones console platform",
    "browser": "service metrics zones console otel dev platform browser",
    "examples": "examples",
}
"""The extras that each holds."""


@pytest.mark.parametrize(("lock", "extras"), LOCKS.items())
def test_a_lock_holds_what_pyproject_asks_for(lock: str, extras: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = project["dependencies"] + [
        line for extra in extras.split() for line in project["optional-dependencies"][extra]
    ]
    pins = locked(lock)
    for requirement in map(Requirement, asked):
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        assert name in pins, f"{name} is not in requirements/{lock}.txt; run `make lock`"
        assert all(version in requirement.specifier for version in pins[name]), f"{name}: run `make lock`"


def test_every_locked_package_has_hashes() -> None:
    locks = sorted((ROOT / "requirements").glob("*.txt"))
    assert {lock.stem for lock in locks} == set(LOCKS)
    for lock in locks:
        text = lock.read_text()
        entries = re.findall(r"^[\w.-]+==.*(?:\n    --hash=sha256:[0-9a-f]{64}.*)+", text, re.MULTILINE)
        assert len(entries) == len(re.findall(r"^[\w.-]+==", text, re.MULTILINE)) > 0


def test_tests_run_on_the_versions_that_the_service_runs_on() -> None:
    service = locked("service")
    for other in (locked(name) for name in ("dev", "bench", "platform", "browser")):
        assert {name: other.get(name) for name in service} == service
    examples = locked("examples")
    assert {name: examples[name] for name in service if name in examples} == {
        name: service[name] for name in service if name in examples
    }


def test_the_lock_of_node_has_a_hash_for_every_package_and_no_address() -> None:
    asked, lock = (
        json.loads((ROOT / "examples/node" / name).read_text()) for name in ("package.json", "package-lock.json")
    )
    packages = lock["packages"]
    assert packages.pop("")["dependencies"] == asked["dependencies"]
    assert [name for name, package in packages.items() if not package["integrity"].startswith("sha512-")] == []
    assert [name for name, package in packages.items() if "resolved" in package] == []
