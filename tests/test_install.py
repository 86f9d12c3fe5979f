"""A fresh clone: what `make` says while it installs, and what the service can do with its lock alone."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.adapters.zone_import.documents import shapefile, square, write, zipped

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("sh", "make", "awk", "grep", "sed", "date", "rm", "touch", "dirname", "readlink", "ldd", "uname", "cat")
LOCK = "requirements/service.txt"
COUNTED = re.compile(rf"\.venv: installing the (\d+) packages of {LOCK}, about a minute with pip \.\.\.")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is or would be committed, in a folder of its own."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    folder = tmp_path_factory.mktemp("fresh") / "jurat"
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def told(fresh: Path) -> tuple[str, list[str]]:
    """What `make demo` wrote to its two streams, where there is no uv and nothing is installed."""
    tools = fresh.parent / "bin"
    tools.mkdir()
    for tool in TOOLS:
        if place := shutil.which(tool):
            (tools / tool).symlink_to(place)
    (tools / "python3").symlink_to(Path(sys.base_prefix) / "bin" / "python3")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JURAT_", "MAKE", "MFLAGS"))}
    ran = subprocess.run(
        ["make", "demo", "ARGS=--json"],
        cwd=fresh,
        env={**kept, "PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout, ran.stderr.splitlines()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_each_step_has_a_line_and_the_output_is_one_document(told: tuple[str, list[str]]) -> None:
    said, lines = told
    assert json.loads(said)["access"]["Ada"]
    steps = [line for line in lines if line.startswith(".venv: ")]
    making, installing, *fetched, unpacking, done = steps
    assert making.startswith(".venv: making it with python3, Python 3.")
    counted = COUNTED.fullmatch(installing)
    assert counted
    packages = int(counted[1])
    assert packages == len(re.findall(r"^[\w.-]+==", (ROOT / LOCK).read_text("utf-8"), re.MULTILINE))
    assert fetched == [f".venv: fetched {count} of {packages}" for count in range(10, packages + 1, 10)]
    assert unpacking == ".venv: unpacking, which takes as long again ..."
    assert re.fullmatch(r"\.venv: done in \d+ s", done)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_it_reads_shapefiles_and_geopackages_in_any_system_and_draws_png(
    fresh: Path, told: tuple[str, list[str]], tmp_path: Path
) -> None:
    write(tmp_path / "zones.gpkg", {"harbour": square()}, crs="EPSG:2154")
    (tmp_path / "zones.zip").write_bytes(zipped(shapefile(tmp_path, {"harbour": square()})))
    environment = {**os.environ, "JURAT_DATABASE_URL": f"sqlite:///{tmp_path / 'jurat.db'}"}

    def run(*command: str | Path) -> str:
        ran = subprocess.run(command, cwd=fresh, env=environment, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    run("bin/jurat", "db", "upgrade")
    for file in ("zones.gpkg", "zones.zip"):
        assert "harbour  Quartier" in run("bin/jurat", "zones", "import", tmp_path / file, "--dry-run")
    run(fresh / ".venv/bin/python", "-c", "import resvg_py")


@pytest.mark.slow
def test_what_fails_to_install_fails_and_is_said(tmp_path: Path) -> None:
    """The lines go through a filter, which must not swallow how pip ended."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / ".venv"], check=True)
    (tmp_path / LOCK).parent.mkdir()
    (tmp_path / LOCK).write_text("no-such-package-of-jurat==1 --hash=sha256:" + "0" * 64 + "\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    ran = subprocess.run(
        ["make", ".venv/.service", f"PYTHON={sys.executable}"],
        cwd=tmp_path,
        env={**kept, "PIP_NO_INDEX": "1", "UV_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode != 0
    assert "no-such-package-of-jurat" in ran.stderr
    assert not (tmp_path / ".venv" / ".service").exists()
