"""docker-compose.yml without an engine: its servers, and the commands of its services with their environments."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
from redis import Redis
from ruamel.yaml import YAML
from sqlalchemy import make_url

from tests.rigs.servers import PostgreSQL, Valkey, postgresql_bindir

ROOT = Path(__file__).resolve().parents[2]
SERVICES = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]


class Bells(Valkey):
    """Valkey as the file starts it. Who names no user may only ask whether it is alive."""

    def __init__(self, users: Path) -> None:
        super().__init__()
        self._users = users

    def _command(self) -> list[str]:
        return [*super()._command(), "--aclfile", str(self._users)]

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), Redis(port=self.port, socket_timeout=1) as asking:
            return bool(asking.ping())
        return False


class Stack:
    """The servers, with the secrets; each service's command is run as the file says."""

    def __init__(self, postgresql: PostgreSQL, bells: Bells, secrets: Path) -> None:
        self.postgresql, self.bells, self.secrets = postgresql, bells, secrets
        self.env = dict[str, str]()
        """The file `.env`."""

    def _interpolated(self, value: str) -> str:
        return re.sub(r"\$\{(\w+):-(.*)\}", lambda found: self.env.get(found[1], found[2]), value)

    def secret(self, name: str) -> str:
        return (self.secrets / name).read_text("utf-8").strip()

    def psql(self, part: str) -> psycopg.Connection[Any]:
        """As the user of one part."""
        return psycopg.connect(self.secret(f"{part}_database_url"), autocommit=True)

    def environment(self, service: str) -> dict[str, str]:
        """What the file gives a service, with the folder of the secrets in the place of theirs."""
        given = {name: self._interpolated(str(value)) for name, value in SERVICES[service]["environment"].items()}
        mounted = {
            "/run/secrets": str(self.secrets),
            "/run/source-secrets": str(self.secrets / "sources"),
            "/erasures": str(self.secrets),
            "/keys": str(self.secrets.parent / "keys"),
        }
        said = given
        for inside, outside in mounted.items():
            said = {name: value.replace(inside, outside) for name, value in said.items()}
        for value in given.values():  # a container sees the secrets that it is given, and no other
            if "/run/secrets/" in value:
                assert Path(value).name in SERVICES[service]["secrets"], (service, value)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("JURAT_")}
        return {**kept, **said}

    def run(self, service: str, *command: str, code: int = 0) -> str:
        """Its own command, or another one as `docker compose run` gives it."""
        ran = subprocess.run(
            [ROOT / "bin" / "jurat", *(command or SERVICES[service]["command"])],
            cwd=ROOT,
            env=self.environment(service),
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == code, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr


def make_users(postgresql: PostgreSQL, secrets: Path) -> subprocess.CompletedProcess[str]:
    """What the image does with each program in its folder, when it has made the database."""
    url = make_url(postgresql.url)
    return subprocess.run(
        [ROOT / "compose" / "users.sh"],
        env={
            **os.environ,
            "PATH": f"{postgresql_bindir()}:{os.environ['PATH']}",
            "PGHOST": str(url.host),  # there it is the socket
            "PGPORT": str(url.port),
            "POSTGRES_USER": SERVICES["postgresql"]["environment"]["POSTGRES_USER"],
            "POSTGRES_DB": SERVICES["postgresql"]["environment"]["POSTGRES_DB"],
            "SECRETS": str(secrets),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def make_secrets(folder: Path, *parts: str) -> subprocess.CompletedProcess[str]:
    """What `docker compose run --rm secrets` runs."""
    path = f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        [ROOT / "compose" / "secrets.sh", *parts],
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "SECRETS": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
