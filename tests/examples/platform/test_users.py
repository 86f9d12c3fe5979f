"""The platform's users if only an administrator of the server may make them, as Compose has it."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from jurat.seal import generate, key_to_text
from tests.examples.platform.processes import Alone, missing
from tests.examples.platform.visitor import PASSWORD, Visitor
from tests.examples.stacks.runtimes import EXAMPLES, ROOT
from tests.rigs.compose import make_users
from tests.rigs.servers import NoServer, PostgreSQL

pytestmark = pytest.mark.stacks
USERS = {"owner": "jurat_owner", "worker": "verifier", "admin": "administrator", "web": "web", "office": "office"}


class Made:
    """A database with its users, and the URL of each."""

    def __init__(self, server: PostgreSQL, folder: Path) -> None:
        self.server = server
        self.plain = make_url(server.url).set(drivername="postgresql")
        self.urls: dict[str, str] = {}
        for part, user in USERS.items():
            url = self.plain.set(username=user, password=secrets.token_hex(24), database="jurat")
            self.urls[part] = url.render_as_string(hide_password=False)
            (folder / f"{part}_database_url").write_text(self.urls[part])
        self.sql("CREATE DATABASE jurat", database="postgres")
        made = make_users(server, folder)
        assert made.returncode == 0, made.stderr
        self.service("cli", "owner", "db", "upgrade")

    def sql(self, statement: str, database: str = "jurat") -> None:
        """As the server's administrator."""
        url = self.plain.set(database=database).render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def service(self, module: str, part: str, *command: str) -> None:
        """What a container of the service runs."""
        keys = {"JURAT_HASH_KEYS": key_to_text(os.urandom(32)), "JURAT_BROKER_URL": "none"}
        environment = {**os.environ, **keys, "JURAT_DATABASE_URL": self.urls[part], "PYTHONPATH": str(ROOT)}
        subprocess.run(
            [sys.executable, "-P", "-m", module, *command], cwd=ROOT, env=environment, check=True, capture_output=True
        )

    def prepare(self, python: Path) -> subprocess.CompletedProcess[str]:
        """What the container `prepare` runs."""
        settings = {
            "OWNER_DATABASE_URL": self.urls["owner"],
            "DATABASE_URL": self.urls["web"],
            "OFFICE_DATABASE_URL": self.urls["office"],
            "PEOPLE_PASSWORD": PASSWORD,
        }
        with contextlib.closing(Alone(python, settings)) as web:
            return web.run("-m", "examples.platform.prepare")


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    try:
        with PostgreSQL() as server:
            yield Made(server, tmp_path)
    except NoServer as error:
        missing(str(error))


def test_the_owner_prepares_the_platform_and_makes_no_user(made: Made, wheel_alone: Path) -> None:
    refused = made.prepare(wheel_alone)
    assert refused.returncode == 2
    assert "the user `web` does not exist or lacks the role jurat_platform" in refused.stderr
    assert "users.sql" in refused.stderr
    made.sql((EXAMPLES / "platform" / "users.sql").read_text("utf-8"))
    for _ in range(2):
        prepared = made.prepare(wheel_alone)
        assert prepared.returncode == 0, prepared.stderr
    made.service("examples.platform.seed", "admin", "--registry", "https://registry:8443")
    settings = {
        "DATABASE_URL": made.urls["web"],
        "OFFICE_DATABASE_URL": made.urls["office"],
        "JURAT_SEAL_KEY": key_to_text(generate()[1]),
        "PLATFORM_SECRET": "s" * 40,
    }
    with contextlib.closing(Alone(wheel_alone, settings)) as web:
        web.start()
        with Visitor(web.address) as visitor:
            assert visitor.sign_in("omar").status == 200
            assert visitor.get("office/").status == 200
        with Visitor(web.address) as visitor:
            assert visitor.send(visitor.get("account/new"), name="zoe", password="12345678").status == 200
            assert visitor.get("consultations/budget").status == 200
