"""What errors and pages say to install is enough, in an environment that has nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

from adapters.zone_import import packages, projection
from cli.pictures import files
from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "platforms" / "connect-a-platform.md"

BROKER = """
import jurat
client = jurat.Client(broker_url="redis://127.0.0.1:1/0")
client.close()
"""


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture
def platform(tmp_path: Path) -> Path:
    """A folder with the wheel in `dist/`, and an empty environment `platform`."""
    built = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist", cwd=ROOT)
    assert built.returncode == 0, built.stderr
    venv.create(tmp_path / "platform", with_pip=True)
    return tmp_path


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_the_error_without_celery_says_to_install_is_enough_to_ring(platform: Path) -> None:
    python = platform / "platform/bin/python"
    (wheel,) = (platform / "dist").glob("*.whl")
    assert run(python, "-m", "pip", "install", "--quiet", wheel, cwd=platform).returncode == 0
    refused = run(python, "-c", BROKER, cwd=platform)
    advised = re.search(r"pip install '[^']+'", refused.stderr)
    assert advised, refused.stderr
    done = run("sh", "-c", f"platform/bin/{advised[0]} --quiet", cwd=platform)
    assert done.returncode == 0, done.stderr
    rings = run(python, "-W", "error", "-c", BROKER, cwd=platform)
    assert rings.returncode == 0, rings.stderr


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_extra_is_installed_by_what_the_page_says(platform: Path) -> None:
    (command,) = re.findall(r"`(platform/bin/pip install [^`]*\[ring\][^`]*)`", PAGE.read_text("utf-8"))
    done = run("sh", "-c", command, cwd=platform)
    assert done.returncode == 0, done.stderr
    rings = run(platform / "platform/bin/python", "-W", "error", "-c", BROKER, cwd=platform)
    assert rings.returncode == 0, rings.stderr


def test_what_is_said_to_be_needed_for_zones_is_what_their_extra_has() -> None:
    """And so what the service's locks have, which are made from it."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    sources = [Path(module.__file__ or "").read_text("utf-8") for module in (packages, projection, files)]
    advised = {name for source in sources for name in re.findall(r"pip install ([a-z-]+)", source)}
    assert advised == {re.split("[<>=]", requirement)[0] for requirement in extras["zones"]}
    assert not [source for source in sources if "install the extra" in source]
