from __future__ import annotations

import gc
import os
import sqlite3
import subprocess
import sys
import threading
import time
import weakref
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text

from jurat import Client, Outcome, Reason, UnknownCheck
from jurat.database import open_engine
from jurat.ids import uuid7
from jurat.ring import Bell
from tests.jurat.consultations import Town
from tests.jurat.forks import PATIENCE, in_children

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]

CHILDREN = 4
READS = 40


def submit(client: Client, town: Town, participant: str) -> Any:
    with town.engine.begin() as connection:
        return client.submit(
            connection, consultation="budget", participant=participant, question="profession", answer={}
        ).id


@pytest.mark.slow
def test_each_of_four_children_sees_its_own_participants_alone(client: Client, town: Town) -> None:
    """As with gunicorn's preload: the client was used before the fork, and has connections open."""
    checks = {number: submit(client, town, f"p-{number}") for number in range(CHILDREN + 1)}
    town.settle(checks[0], Outcome.REFUSED, Reason.STATUS_INACTIVE)
    threads = [threading.Thread(target=client.result, args=(checks[0],)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    def read(number: int) -> None:
        for _ in range(READS):
            result = client.result(checks[number])
            assert (result.check_id, result.participant) == (checks[number], f"p-{number}")
            assert result.settled == (number == 0)
            stands = client.participant_status("budget", f"p-{number}")
            assert stands.results["profession"].check_id == checks[number]
            with pytest.raises(UnknownCheck):
                client.result(uuid7())

    def read_in_child(number: int) -> None:
        read(number)
        new = submit(client, town, f"child-{number}")
        assert client.result(new).participant == f"child-{number}"

    def read_meanwhile() -> None:
        assert client.result(checks[CHILDREN]).participant == f"p-{CHILDREN}"

    assert in_children(CHILDREN, read_in_child, read_meanwhile) == [0] * CHILDREN
    read_meanwhile()
    assert town.count("jurat_checks") == 2 * CHILDREN + 1


def test_a_child_leaves_the_connections_of_its_parent_open_when_it_ends(postgresql_url: str) -> None:
    engine = open_engine(postgresql_url)

    def session() -> int:
        with engine.begin() as connection:
            return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())

    before = session()

    def end(_number: int) -> None:
        assert session() != before
        engine.dispose()
        gc.collect()

    assert in_children(2, end, lambda: None) == [0, 0]
    assert session() == before
    engine.dispose()


DAEMON = """
import os, sqlite3, sys, time
from jurat import Client

url, key, file, told = sys.argv[1:]
client = Client(url, seal_key=key)
client.access("budget", "p-0")
parent = os.getpid()
if os.fork():
    os._exit(0)
while os.getppid() == parent:
    time.sleep(0.01)
with open(told, "w") as out:
    for number in range(3):
        own = sqlite3.connect(file)
        answer = {"consultation": "budget", "participant": f"p-{number}", "question": "profession", "answer": {}}
        client.submit(own, **answer)
        own.commit()
        own.close()
    print("done", file=out)
"""


@pytest.mark.parametrize("town", ["sqlite"], indirect=True)
def test_a_daemon_that_forks_and_lets_its_parent_end_loses_no_answer_in_an_sqlite_file(
    town: Town, seal_key: str, tmp_path: Path
) -> None:
    """Its parent's locks on the file are gone: what it commits would be on a file that it does not hold."""
    town.engine.dispose()
    file, told = str(make_url(town.url).database), tmp_path / "told"
    subprocess.run([sys.executable, "-c", DAEMON, town.url, seal_key, file, str(told)], check=True, timeout=PATIENCE)
    end = time.monotonic() + PATIENCE
    while not (told.exists() and told.read_text()) and time.monotonic() < end:
        with closing(sqlite3.connect(file)) as other:  # others open and close the file meanwhile
            other.execute("SELECT count(*) FROM jurat_checks").fetchone()
    assert told.read_text() == "done\n"
    assert town.count("jurat_checks") == 3


def test_a_fork_while_all_connections_are_in_use_does_not_stop_the_child(postgresql_url: str) -> None:
    engine = open_engine(postgresql_url, pool_size=1)
    busy, release = threading.Event(), threading.Event()

    def use() -> None:
        with engine.connect() as first, engine.connect() as second, engine.connect() as third:
            for connection in (first, second, third):
                connection.begin()
                connection.execute(text("SELECT 1"))
            busy.set()
            release.wait(2 * PATIENCE)
            for connection in (first, second, third):
                assert connection.execute(text("SELECT 2")).scalar_one() == 2
            done.append(True)

    done: list[bool] = []
    thread = threading.Thread(target=use)
    thread.start()
    assert busy.wait(PATIENCE)

    def read(number: int) -> None:
        with engine.begin() as connection:
            assert connection.execute(text(f"SELECT {number}")).scalar_one() == number

    codes = in_children(2, read)
    release.set()
    thread.join()
    engine.dispose()
    assert (codes, done) == ([0, 0], [True])


def test_what_starts_over_in_children_is_forgotten_with_its_owner(sqlite_url: str, valkey_url: str) -> None:
    with closing(Client(sqlite_url, valkey_url)) as client:
        client.zones()
        gone = weakref.ref(client), weakref.ref(client._engine), weakref.ref(client._bell)
        assert isinstance(client._bell, Bell)
    del client
    gc.collect()
    assert [each() for each in gone] == [None, None, None]
