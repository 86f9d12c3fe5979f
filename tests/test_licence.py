"""The licence: one text in the repository, named by what is built of it, and carried along."""

from __future__ import annotations

import email
import hashlib
import re
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from pathlib import Path

import pytest

from tests.docs.pages import links

ROOT = Path(__file__).resolve().parent.parent
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
"""SHA-256 of the licence's text as the Apache Software Foundation publishes it."""


def build(target: str, folder: Path) -> Path:
    command: list[str | Path] = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", folder]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.iterdir()
    return built


def of_wheel(file: Path) -> tuple[Message, dict[str, bytes]]:
    with zipfile.ZipFile(file) as archive:
        files = {name.partition(".dist-info/")[2]: archive.read(name) for name in archive.namelist()}
    return email.message_from_bytes(files["METADATA"]), files


def of_source(file: Path) -> tuple[Message, dict[str, bytes]]:
    files = {}
    with tarfile.open(file) as archive:
        for member in archive.getmembers():
            stream = archive.extractfile(member)
            files[member.name.partition("/")[2]] = stream.read() if stream else b""
    return email.message_from_bytes(files["PKG-INFO"]), files


def test_the_text_is_that_of_the_foundation() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE_2


@pytest.mark.parametrize("target", ["wheel", "sdist"])
def test_what_is_built_names_the_licence_and_holds_it(target: str, tmp_path: Path) -> None:
    metadata, files = (of_wheel if target == "wheel" else of_source)(build(target, tmp_path))
    assert metadata.get_all("License-Expression") == ["Apache-2.0"]
    assert metadata.get_all("License-File") == ["LICENSE"]
    held = files["licenses/LICENSE" if target == "wheel" else "LICENSE"]
    assert hashlib.sha256(held).hexdigest() == APACHE_2
    # An index takes the expression or a classifier `License ::`, not both (PEP 639).
    assert [name for name in metadata.get_all("Classifier", []) if name.startswith("License ::")] == []
    assert tuple(map(int, metadata["Metadata-Version"].split("."))) >= (2, 4)


@pytest.mark.parametrize("folder", [".", "examples/platform"])
def test_the_images_hold_it_and_name_it(folder: str) -> None:
    recipe = (ROOT / folder / "Dockerfile").read_text("utf-8")
    assert 'org.opencontainers.image.licenses="Apache-2.0"' in recipe
    ignored = ROOT / folder / ("Dockerfile.dockerignore" if folder != "." else ".dockerignore")
    assert "!LICENSE" in ignored.read_text("utf-8").splitlines()
    copied = [line.split()[1:-1] for line in recipe.splitlines() if line.startswith("COPY ")]
    assert any({"LICENSE", "."} & set(sources) for sources in copied)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_readers_find_it_and_how_to_report(page: str) -> None:
    assert {"LICENSE", "SECURITY.md"} <= set(links(ROOT / page))


def test_the_security_page_says_what_a_reporter_needs_and_invents_no_address() -> None:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    for heading in (
        "## Report a vulnerability",
        "## What we promise",
        "## Supported versions",
        "## What the program promises",
    ):
        assert heading in text
    assert re.search(r"[\w.]+@[\w.]+", text) is None
    version = re.search(r'^version = "(\d+\.\d+)', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert version
    assert f"| {version[1]} " in text
