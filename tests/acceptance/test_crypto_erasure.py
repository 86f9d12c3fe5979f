"""What is left of 200 answers in files opens with no key, once the key of their epoch was destroyed.

All is real: the server and its files, a worker that reads its keys again, the commands, a dump from the time when the
answers waited. PostgreSQL keeps most sealed answers in its heap and its WAL long after their rows were erased.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from jurat import Client, Submission
from jurat.database import open_engine
from jurat.seal import Unopenable, Unseal, key_from_text, key_to_text
from store import key_use
from tests.acceptance.town import PATIENCE, soon
from tests.cli.conftest import CONFIGURATION
from tests.cli.shell import Shell
from tests.rigs.servers import PostgreSQL
from tests.rigs.workers import Worker

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

ANSWERS = 200


@pytest.fixture
def server() -> Iterator[PostgreSQL]:
    with PostgreSQL(durable=True) as server:
        yield server


@pytest.fixture
def shell(server: PostgreSQL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """On a database of this server, with a key in a folder, and the platform's setting that pins a signing key."""
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o700)
    (keys / "first").write_text(key_to_text(os.urandom(32)), "utf-8")
    (keys / "first").chmod(0o600)
    environment = {
        "JURAT_DATABASE_URL": server.databases.create(),
        "JURAT_BROKER_URL": "none",
        "JURAT_UNSEAL_KEYS_FILE": str(keys),
        "JURAT_HASH_KEYS": key_to_text(os.urandom(32)),
        "TMPDIR": str(tmp_path),
    }
    shell = Shell(tmp_path, environment, monkeypatch)
    (tmp_path / "jurat.yaml").write_text(CONFIGURATION, "utf-8")
    done(shell, "db", "upgrade")
    done(shell, "codes", "generate", "spring", "--count", "1", "--out", "codes.txt")
    done(shell, "config", "apply", "jurat.yaml")
    shell.environment["JURAT_SEAL_KEY"] = done(shell, "keys", "pin", "signing_key").removeprefix("JURAT_SEAL_KEY=")
    return shell


def done(shell: Shell, *words: str) -> str:
    ran = shell(*words)
    assert ran.code == 0, (words, ran.err)
    return ran.out.strip()


def rotate(shell: Shell) -> str:
    """The id of the new key."""
    return done(shell, "keys", "rotate", "--signing-key", "signing_key").splitlines()[1].split()[0]


def sealed_answers(shell: Shell) -> list[bytes]:
    """Confirm answers while their source is paused, and read them as they are stored."""
    engine = open_engine(shell.environment["JURAT_DATABASE_URL"])
    client = Client(seal_key=shell.environment["JURAT_SEAL_KEY"])
    with engine.begin() as connection:
        who = [Submission("budget", f"p-{number}", "who", {"x": "accept"}) for number in range(ANSWERS)]
        client.submit_many(connection, who)
    with engine.begin() as connection:
        found = [bytes(answer) for answer in connection.scalars(text("SELECT answer FROM jurat_checks"))]
    client.close()
    engine.dispose()
    return found


def one(shell: Shell, sql: str) -> object:
    engine = open_engine(shell.environment["JURAT_DATABASE_URL"])
    with engine.begin() as connection:
        found = connection.scalar(text(sql))
    engine.dispose()
    return found


def dumped(server: PostgreSQL, shell: Shell) -> bytes:
    """A backup by pg_dump. Its hexadecimal columns are bytes here."""
    name = shell.environment["JURAT_DATABASE_URL"].rpartition("/")[2]
    command = [str(server._bindir / "pg_dump"), "-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres", name]
    return subprocess.run(command, capture_output=True, check=True, env=server._environment()).stdout


def opened(boxes: Iterable[bytes], *keys: str) -> int:
    """How many of these open with one of the keys, whatever key their row named."""
    count = 0
    for box in boxes:
        for key in keys:
            unseal = Unseal([key_from_text(key, "key")])
            try:
                unseal.open(box, unseal.key_ids[0])
            except Unopenable:
                continue
            count += 1
            break
    return count


def test_none_of_200_answers_opens_from_files_once_the_key_of_their_epoch_is_destroyed(
    server: PostgreSQL, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = shell.folder / "keys"
    with Worker(shell.environment, "--concurrency", "4") as worker:
        assert worker.says("ready.", PATIENCE)
        epoch = rotate(shell)
        done(shell, "sources", "pause", "magic", "--reason", "a test", "--for", "1h")
        sealed = sealed_answers(shell)
        backup = dumped(server, shell)
        done(shell, "sources", "resume", "magic")
        assert soon(lambda: one(shell, "SELECT count(*) FROM jurat_checks WHERE state = 'settled'") == ANSWERS)
        assert one(shell, "SELECT count(*) FROM jurat_checks WHERE answer IS NOT NULL") == 0
        rotate(shell)
        monkeypatch.setattr(key_use, "QUIET", -100.0)  # a day after the new key took over
        aside = (keys / epoch).read_text("utf-8").strip()
        done(shell, "keys", "retire", epoch, "--destroy")
        assert soon(lambda: f'"{epoch}"' not in str(one(shell, "SELECT unseal_keys::text FROM jurat_workers")))
    one(shell, "SELECT pg_switch_wal()")
    server.stop()

    files = {path: path.read_bytes() for path in (server.folder / "data").rglob("*") if path.is_file()}
    heap = [data for path, data in files.items() if "base" in path.parts]
    wal = [data for path, data in files.items() if "pg_wal" in path.parts]
    places = {"heap": b"".join(heap), "WAL": b"".join(wal), "dump": backup}
    written = {"heap": bytes, "WAL": bytes, "dump": lambda box: box.hex().encode()}
    left = {place: [box for box in sealed if written[place](box) in data] for place, data in places.items()}
    remaining = [file.read_text("utf-8") for file in keys.iterdir()]
    assert len(remaining) == 2
    assert {place: opened(boxes, *remaining) for place, boxes in left.items()} == {"heap": 0, "WAL": 0, "dump": 0}

    # The control: all is still there, and opens as long as there is one copy of the key.
    assert {place: opened(boxes, aside) for place, boxes in left.items()} == {
        place: len(boxes) for place, boxes in left.items()
    }
    assert len(left["dump"]) == ANSWERS
    assert len(left["WAL"]) > 0.9 * ANSWERS, "one that crosses a page is not found in one piece"
    assert len(left["heap"]) > ANSWERS / 4
    everywhere = [*files.values(), *(path.read_bytes() for path in shell.folder.rglob("*") if path.is_file())]
    private = key_from_text(aside, "key")
    assert not any(aside.encode() in data or private in data for data in everywhere)
