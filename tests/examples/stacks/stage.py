"""PostgreSQL with the tables of jurat and of a platform, a worker without a broker, and the example platforms."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, Self

import psycopg
import requests
from sqlalchemy import make_url

from jurat.seal import generate, key_to_text
from tests.docs.pages import block, blocks
from tests.examples.stacks.runtimes import EXAMPLES, ROOT
from tests.rigs.servers import PostgreSQL, Server
from tests.rigs.workers import Worker

CONNECT = ROOT / "docs" / "platforms" / "connect-a-platform.md"


class Stage:
    """Everything but the platform, set up by the commands that examples/README.md shows."""

    def __init__(self) -> None:
        private, public = generate()
        self.public_key = public
        self._left = contextlib.ExitStack()
        self.server = self._left.enter_context(PostgreSQL())
        self._url = make_url(self.server.databases.create())
        self._environment = {
            "JURAT_DATABASE_URL": self._url.render_as_string(),
            "JURAT_BROKER_URL": "none",
            "JURAT_SEAL_KEY": key_to_text(public),
            "JURAT_UNSEAL_KEYS": key_to_text(private),
            "JURAT_HASH_KEYS": key_to_text(os.urandom(32)),
        }
        for command in re.findall(
            r"^bin/jurat ((?:db|zones|config) .*)$", block(EXAMPLES / "README.md", "sh"), re.MULTILINE
        ):
            self._jurat(*command.split())
        with psycopg.connect(self._plain(self._url)) as admin:
            admin.execute("CREATE ROLE platform LOGIN")
            admin.execute(block(CONNECT, "sql", "GRANT").encode())
            admin.execute((EXAMPLES / "shared" / "platform.sql").read_bytes())
        self.worker = self._left.enter_context(contextlib.closing(Worker(self._environment, "--concurrency", "8")))
        (self.worker.folder / "examples").symlink_to(EXAMPLES)  # it is started in the folder of the clone
        self.worker.start()

    @property
    def platform_environment(self) -> Mapping[str, str]:
        """What a platform is given: the database under its own role, and the public key."""
        url = self._plain(self._url.set(username="platform"))
        return {"DATABASE_URL": url, "JURAT_SEAL_KEY": self._environment["JURAT_SEAL_KEY"]}

    @property
    def superuser_url(self) -> str:
        """As psycopg knows it."""
        return self._plain(self._url)

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """As the administrator."""
        with psycopg.connect(self.superuser_url) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def _plain(self, url: Any) -> str:
        return str(url.set(drivername="postgresql").render_as_string(hide_password=False))

    def _jurat(self, *arguments: str) -> None:
        ran = subprocess.run(
            [sys.executable, "-P", "-m", "cli", *arguments],
            cwd=ROOT,
            env={**os.environ, **self._environment, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._left.close()


class Platform(Server):
    """One example platform as a process, started as the last line of its README does."""

    name = "platform"
    last_signal = signal.SIGINT  # PHP's server ends its own processes then

    def __init__(self, stack: str, environment: Mapping[str, str]) -> None:
        super().__init__()
        self.stack = stack
        self._given = environment

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """All that it has written."""
        return self._log.read_text("utf-8", errors="replace")

    def close(self) -> None:
        self.kill()
        super().close()

    def _command(self) -> list[str]:
        return [str(ROOT / word) if (ROOT / word).exists() else word for word in self._words()[1]]

    def _words(self) -> tuple[dict[str, str], list[str]]:
        """The variables that the README sets for the command, and the command."""
        (block_,) = blocks(EXAMPLES / self.stack / "README.md", "sh")
        words = shlex.split(block_.text.splitlines()[-1].replace("$PORT", str(self.port)))
        variables = list(itertools.takewhile(lambda word: re.match(r"[A-Z_]+=", word), words))
        return dict(word.split("=", 1) for word in variables), words[len(variables) :]

    def _answers(self) -> bool:
        with contextlib.suppress(requests.RequestException), requests.Session() as session:
            session.trust_env = False
            return session.get(self.address, timeout=10).status_code == 200
        return False

    def _environment(self) -> dict[str, str]:
        given = {"PORT": str(self.port), "LC_ALL": "C.UTF-8"}
        return {**super()._environment(), **given, **self._words()[0], **self._given}
