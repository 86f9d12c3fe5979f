"""PostgreSQL, the invented registry and a worker, set up by the commands that compose.yml runs."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import psycopg
from sqlalchemy import make_url

from examples.sources.server import Sources
from jurat.seal import generate, key_to_text
from tests.examples.platform.processes import Alone
from tests.examples.platform.visitor import PASSWORD
from tests.examples.stacks.runtimes import ROOT
from tests.rigs.servers import PostgreSQL
from tests.rigs.workers import Worker


class Fleet:
    """Everything but the web tier, set up by the commands that compose.yml runs."""

    def __init__(self, python: Path, broker_url: str) -> None:
        self._left = contextlib.ExitStack()
        self.server = self._left.enter_context(PostgreSQL())
        certificate = self._certificate()
        self.sources = self._left.enter_context(Sources(certificate=certificate))
        self.url = make_url(self.server.databases.create())
        self._ask_for_passwords()
        private, public = generate()
        self.service = {
            "JURAT_DATABASE_URL": self.url.render_as_string(),
            "JURAT_BROKER_URL": broker_url,
            "JURAT_SEAL_KEY": key_to_text(public),
            "JURAT_UNSEAL_KEYS": key_to_text(private),
            "JURAT_HASH_KEYS": key_to_text(os.urandom(32)),
            "JURAT_PRIVATE_NETWORKS": "127.0.0.1",  # where the town's registry is
        }
        self._jurat("cli", "db", "upgrade")
        registry = ["--registry", self.sources.url().removesuffix("/moods/ok"), "--ca-file", str(certificate[0])]
        said = self._jurat("examples.platform.seed", *registry)
        self.codes = iter(said.split()[5:])
        for _ in range(2):  # twice is as once
            prepared = self.prepare(python, PEOPLE_PASSWORD=PASSWORD)
            assert prepared.returncode == 0, prepared.stderr
            assert PASSWORD not in prepared.stdout
        worker = Worker(self.service, "--concurrency", "8")
        self.worker = self._left.enter_context(contextlib.closing(worker))
        self.worker.start()

    @property
    def web(self) -> Mapping[str, str]:
        """The settings of the web tier."""
        return {
            "DATABASE_URL": self._as("web"),
            "OFFICE_DATABASE_URL": self._as("office"),
            "JURAT_SEAL_KEY": self.service["JURAT_SEAL_KEY"],
            "JURAT_BROKER_URL": self.service["JURAT_BROKER_URL"],
            "PLATFORM_SECRET": "s" * 40,
        }

    def prepare(self, python: Path, **settings: str) -> subprocess.CompletedProcess[str]:
        """What the platform's own migration does."""
        owner = {"OWNER_DATABASE_URL": self.url.render_as_string()}
        with contextlib.closing(Alone(python, {**self.web, **owner, **settings})) as web:
            return web.run("-m", "examples.platform.prepare")

    def sql(self, user: str, statement: str) -> list[tuple[Any, ...]]:
        """As one of the users, in a transaction that is thrown away."""
        url = make_url(self._as(user)).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url) as connection:
            cursor = connection.execute(statement.encode())
            rows = cursor.fetchall() if cursor.description else []
            connection.rollback()
            return rows

    def _certificate(self) -> tuple[Path, Path]:
        """Of the registry, and its key: its own, as for Compose."""
        folder = Path(self._left.enter_context(tempfile.TemporaryDirectory()))
        script = (ROOT / "examples" / "platform" / "secrets.sh").read_text("utf-8").replace("\\\n", " ")
        (made,) = [line.strip() for line in script.splitlines() if line.strip().startswith("openssl")]
        made = made.replace("DNS:registry", "IP:127.0.0.1")
        subprocess.run(shlex.split(made.partition(" 2>")[0]), check=True, capture_output=True, cwd=folder)
        return folder / "registry_certificate", folder / "registry_key"

    def _ask_for_passwords(self) -> None:
        """Of the platform's two users; the rig trusts everyone."""
        rules = self.server._data / "pg_hba.conf"
        rules.write_text("host all web,office 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
        self.sql("postgres", "SELECT pg_reload_conf()")

    def _as(self, user: str) -> str:
        if user == "postgres":
            return self.url.render_as_string()
        return self.url.set(username=user, password=f"{user}-p@ss'word").render_as_string(hide_password=False)

    def _jurat(self, *command: str) -> str:
        ran = subprocess.run(
            [sys.executable, "-P", "-m", *command],
            cwd=ROOT,
            env={**os.environ, **self.service, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._left.close()
