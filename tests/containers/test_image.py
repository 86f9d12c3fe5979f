"""The images that `make image` has built: what they tell of themselves, what they can do, what they leave out."""

from __future__ import annotations

import filecmp
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from release.artifacts import pack
from store.schema.release import VERSION
from tests.conftest import missing
from tests.containers.build import TARGETS, Buildah, archive, build_images, buildah, head, limits

LARGEST = {"worker": 340, "tools": 480}
"""MB, unpacked."""

MODULES = """
import importlib, pkgutil, sys
for root in ("adapters", "config", "jurat", "store", "tasks", "worker"):
    package = importlib.import_module(root)
    for each in pkgutil.walk_packages(package.__path__, root + "."):
        if each.name != "worker.app":  # which reads its settings and opens the broker as it is loaded
            importlib.import_module(each.name)
print(*sorted({"pyproj", "pyogrio", "resvg_py"} & set(sys.modules)))
"""

BYTE_CODE = """
import importlib.util, pathlib
for root in ("/opt/venv/lib", "/srv/jurat"):
    for source in pathlib.Path(root).rglob("*.py"):
        with open(importlib.util.cache_from_source(source), "rb") as file:
            print(end="" if file.read(8)[4] == 1 else f"{source} ")
"""
"""Prints the sources with byte code that is not taken unchecked (PEP 552)."""

pytestmark = [pytest.mark.containers, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Image:
    target: str
    container: str
    run_buildah: Buildah

    def run(self, *command: str, code: int = 0) -> str:
        """What a command says in a container of it, as its own user."""
        words = shlex.join(command)
        ran = self.run_buildah(
            *("run", "--isolation=chroot", self.container, "--", "sh", "-c", f"{words} 2>&1"), check=False
        )
        assert ran.returncode == code, ran.stdout
        return ran.stdout

    @property
    def config(self) -> dict[str, Any]:
        told = json.loads(self.run_buildah("inspect", self.container).stdout)
        found: dict[str, Any] = told["OCIv1"]["config"]
        return found


@pytest.fixture(scope="module")
def run_buildah() -> Iterator[Buildah]:
    with buildah() as made:
        yield made


@pytest.fixture(scope="module", params=list(TARGETS))
def image(run_buildah: Buildah, request: pytest.FixtureRequest) -> Image:
    file = archive(request.param)
    if not file.exists():
        missing(f"needs {file.name} in dist/; `make image` builds it")
    container = run_buildah("from", "--quiet", *limits(), f"docker-archive:{file}").stdout.strip()
    return Image(request.param, container, run_buildah)


def test_it_tells_what_it_is(image: Image) -> None:
    labels = image.config["Labels"]
    assert labels["org.opencontainers.image.version"] == VERSION
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert re.fullmatch(r"[0-9a-f]{40}", labels["org.opencontainers.image.revision"])
    assert "org.opencontainers.image.source" in labels
    assert image.config["Entrypoint"] == ["python", "-P", "-m", "cli"]
    assert image.config["StopSignal"] == "SIGTERM"
    assert image.run("python", "-P", "-m", "cli", "--version") == f"jurat {VERSION}\n"


def test_it_is_small(image: Image) -> None:
    assert archive(image.target).stat().st_size <= LARGEST[image.target] * 1e6


def test_it_runs_as_nobody_and_owns_nothing(image: Image) -> None:
    assert image.config["User"] == "10001:10001"
    assert image.run("id", "-u") == "10001\n"
    writable = image.run("find", "/", "-xdev", "-type", "d", "-writable", "-not", "-path", "/proc/*", code=1)
    places = {line for line in writable.splitlines() if "Permission denied" not in line}
    assert places <= {"/tmp", "/var/tmp", "/run/lock", "/dev/shm", "/dev/mqueue", "/erasures", "/heads", "/keys"}


@pytest.mark.parametrize("module", ["pip", "ensurepip", "setuptools"])
@pytest.mark.parametrize("python", ["python", "/usr/bin/python3"])
def test_nothing_in_it_installs_packages(image: Image, python: str, module: str) -> None:
    assert "ModuleNotFoundError" in image.run(python, "-c", f"import {module}", code=1)
    assert not image.run("find", "/opt", "/usr/local", "-regex", r".*/pip[0-9.]*\|.*/pip-[^/]*info")


def test_all_that_workers_load_is_in_it(image: Image) -> None:
    """Nothing of the extra `zones`: it is in the tools alone, and imported where they need it."""
    assert image.run("python", "-P", "-c", MODULES) == "\n"
    found = image.run("python", "-P", "-c", "import pyproj, pyogrio, resvg_py", code=image.target != "tools")
    assert ("ModuleNotFoundError" in found) == (image.target != "tools")


def test_nothing_is_compiled_when_it_starts(image: Image) -> None:
    """Byte code that goes by the times of its sources would be out of date: all files have one time."""
    assert image.run("python", "-P", "-c", BYTE_CODE) == ""


def test_it_holds_nothing_but_the_service(image: Image) -> None:
    there = set(image.run("ls", "-A", "/srv/jurat").split())
    assert not there & {"tests", "docs", "bench", "requirements", "compose", ".git", ".venv", "secrets", ".env"}


@pytest.fixture(scope="module")
def built_again(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both archives, built once more from a copy of the same files, made just now."""
    folder = tmp_path_factory.mktemp("again")
    for run, target, name in build_images(clone, *head()):
        run("push", "--quiet", name, f"docker-archive:{folder / archive(target).name}:{name}")
        run("push", "--quiet", name, f"oci:{folder / target}:{name}")
        pack(folder / target, folder / f"{target}.oci.tar", name)
        pulled = run("pull", "--quiet", f"oci-archive:{folder / target}.oci.tar").stdout.strip()
        assert run("images", "--quiet", "--no-trunc", name).stdout.strip() == f"sha256:{pulled}"
    return folder


@pytest.mark.slow  # `make release` compares two builds itself
@pytest.mark.parametrize("target", TARGETS)
def test_two_builds_are_the_same_byte_for_byte(target: str, built_again: Path) -> None:
    one, other = archive(target), built_again / archive(target).name
    assert filecmp.cmp(one, other, shallow=False), f"{one} and {other} differ"
