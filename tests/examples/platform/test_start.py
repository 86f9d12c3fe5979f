"""`make platform`: one process with everything, and people to try."""

from __future__ import annotations

import contextlib
import signal
import socket
import sqlite3
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from tests.docs.pages import blocks
from tests.docs.terminal import Terminal
from tests.examples.platform.processes import Started, refused
from tests.examples.platform.visitor import Visitor
from tests.examples.stacks.runtimes import EXAMPLES
from tests.rigs.servers import Databases

pytestmark = [pytest.mark.stacks, pytest.mark.usefixtures("libraries")]
README = EXAMPLES / "platform" / "README.md"
HOME = {"number": "6", "street": "Rue des Tanneurs", "postcode": "99001", "city": "Valmont"}
OUTSIDE = {"number": "12", "street": "Quai des Sardiniers", "postcode": "99002", "city": "Valmont"}
BORDER = {"number": "28", "street": "Rue du Passage", "postcode": "99001", "city": "Valmont"}
PHYSICIAN = {"number": "9000010000", "family_name": "Valombre", "given_name": "Iris"}


@contextlib.contextmanager
def started(*options: str) -> Iterator[Started]:
    with contextlib.closing(Started(*options)) as made:
        made.start()
        yield made
        assert "Traceback" not in made.log


def test_three_people_see_what_is_printed() -> None:
    with started() as platform:
        assert platform.address in platform.log
        ada, cleo, *others = platform.codes
        assert len(others) >= 6
        for typed in (HOME, OUTSIDE, BORDER):
            assert f"{typed['number']} {typed['street']}, {typed['postcode']} {typed['city']}" in platform.log
        with Visitor(platform.address) as visitor:
            visitor.sign_in("ada")
            assert visitor.answer("budget", "residence", **HOME).word == "accepted"
            assert visitor.answer("budget", "code", code=ada).word == "accepted"
            voted = visitor.send(visitor.get("consultations/budget/vote"), proposal=["fountain"])
            assert "Your vote has been counted" in voted.main
            assert "1 vote " in voted.main
        with Visitor(platform.address) as visitor:
            visitor.sign_in("ben")
            assert visitor.answer("budget", "residence", **OUTSIDE).word == "refused"
            assert visitor.get("consultations/budget/vote").path.endswith("/access")
        with Visitor(platform.address) as visitor:
            visitor.sign_in("cleo")
            assert visitor.answer("budget", "residence", **BORDER).word == "review"
            visitor.answer("budget", "code", code=cleo)
            assert visitor.get("consultations/budget/vote").path.endswith("/access")
        with Visitor(platform.address) as visitor:
            assert visitor.sign_in("rhea").status == 200
        with Visitor(platform.address) as visitor:
            assert visitor.sign_in("omar").status == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_by_a_signal_and_leaves_nothing_behind(number: int) -> None:
    with started() as platform:
        (folder,) = platform.left
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        begun = time.monotonic()
        assert platform.end(number) == 0
        assert time.monotonic() - begun < 15  # 1 s on a quick machine
        assert [file.name for file in platform.folder.iterdir()] == ["server.log"]
        platform.start()  # the port is free again


def test_it_ends_while_it_is_being_seeded() -> None:
    with contextlib.closing(Started()) as platform:
        platform._answers = lambda: bool(list(platform.folder.glob("valmont-*/jurat.yaml")))  # type: ignore[method-assign]
        platform.start()
        assert platform.end(signal.SIGTERM) == 0
        assert platform.left == []
        assert "Traceback" not in platform.log


def test_it_ends_soon_where_the_registry_does_not_answer() -> None:
    with started("--registry", "slow") as platform, Visitor(platform.address) as visitor:
        visitor.sign_in("ada")
        page = visitor.send(visitor.to_confirm("care", "profession", **PHYSICIAN))
        assert page.word == "pending"
        begun = time.monotonic()
        assert platform.end(signal.SIGTERM) == 0
        assert time.monotonic() - begun < 15
        assert platform.left == []


def test_a_slow_registry_is_waited_for() -> None:
    with started("--registry", "slow") as platform, Visitor(platform.address) as visitor:
        visitor.sign_in("ada")
        assert visitor.send(visitor.to_confirm("care", "profession", **PHYSICIAN)).word == "pending"
        access = "consultations/care/access"
        end = time.monotonic() + 30
        while visitor.get(access).word != "granted":
            assert time.monotonic() < end
            time.sleep(0.2)


def test_a_registry_that_is_down_decides_nothing() -> None:
    with started("--registry", "down") as platform, Visitor(platform.address) as visitor:
        visitor.sign_in("ada")
        assert visitor.send(visitor.to_confirm("care", "profession", **PHYSICIAN)).word == "pending"
        assert visitor.answer("budget", "residence", **HOME).word == "accepted"


def test_it_listens_on_this_machine_alone() -> None:
    with started() as platform, socket.create_server(("127.0.0.2", platform.port)):
        pass  # it would be taken if the platform listened on all addresses


def test_a_taken_port_is_reported_with_the_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = refused("--port", str(port))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert str(port) in ended.stderr
    assert "--port" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_kept_folder_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    with started("--keep", str(folder)) as platform, Visitor(platform.address) as visitor:
        assert "already exists" not in platform.log
        visitor.sign_in("ada")
        visitor.answer("budget", "residence", **HOME)
        code = platform.codes[0]
        assert platform.end(signal.SIGTERM) == 0
    assert {file.name for file in folder.iterdir()} >= {"valmont.db", "settings.env", "jurat.yaml"}
    assert stat.S_IMODE((folder / "settings.env").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    with started("--keep", str(folder)) as platform, Visitor(platform.address) as visitor:
        assert "already exists" in platform.log
        assert visitor.get("").main.count("4 proposals") == 1
        visitor.sign_in("ada")
        assert visitor.get("consultations/budget/access").word == "incomplete"
        assert visitor.answer("budget", "code", code=code).word == "accepted"  # hashed with a key that was kept
        assert platform.codes[0] != code


def test_nobody_else_on_the_machine_reads_what_is_kept(tmp_path: Path) -> None:
    """Also in a folder that everyone may enter, where an older release left the database as it came."""
    tmp_path.chmod(0o755)
    with contextlib.closing(sqlite3.connect(tmp_path / "valmont.db")) as older:
        older.execute("PRAGMA journal_mode=WAL")
    (tmp_path / "valmont.db").chmod(0o644)
    with started("--keep", str(tmp_path)) as platform:
        readable = [file.name for file in tmp_path.iterdir() if file.stat().st_mode & 0o077]
        assert readable == []
        assert {"valmont.db", "valmont.db-wal", "settings.env"} <= {file.name for file in tmp_path.iterdir()}
        assert platform.end(signal.SIGTERM) == 0


def test_pages_come_by_no_other_name() -> None:
    with started() as platform, requests.Session() as session:
        session.trust_env = False
        for host, status in (("elsewhere.example", 400), (f"localhost:{platform.port}", 200), ("127.0.0.1:9", 200)):
            answer = session.get(f"{platform.address}/en/", headers={"Host": host}, timeout=30)
            assert answer.status_code == status
            assert "elsewhere" not in answer.text


def test_a_reviewer_opens_the_answer_on_the_command_line(terminal: Terminal) -> None:
    """By the commands of the page, next to the running platform."""
    with started("--keep", str(terminal.folder / "valmont")) as platform, Visitor(platform.address) as visitor:
        visitor.sign_in("cleo")
        page = visitor.answer("budget", "residence", **BORDER)
        (commands,) = [each for each in blocks(README, "sh") if "review show" in each.text]
        said = terminal.run_block(commands, {"CHECK": page.path.rsplit("/", 1)[1]})
        assert BORDER["street"] in said
        assert visitor.get(page.path).word == "accepted"


def test_the_same_on_postgresql(postgresql_server: Databases, tmp_path: Path) -> None:
    url = postgresql_server.create()
    for there_before in (False, True):
        with started("--database", url, "--keep", str(tmp_path)) as platform, Visitor(platform.address) as visitor:
            assert ("already exists" in platform.log) is there_before
            visitor.sign_in("cleo" if there_before else "ada")
            typed, word = (BORDER, "review") if there_before else (HOME, "accepted")
            assert visitor.answer("budget", "residence", **typed).word == word
            assert platform.end(signal.SIGTERM) == 0
    ended = refused("--port", "0", "--database", url, "--keep", str(tmp_path / "other"))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "keys other than" in ended.stderr
    postgresql_server.drop(url)


def test_a_database_of_somebody_else_is_left_alone(sqlite_url: str, tmp_path: Path) -> None:
    from sqlalchemy import text

    from jurat.database import open_engine

    engine = open_engine(sqlite_url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO jurat_configs (version, digest, document, applied_by, applied_at) "
                "VALUES (1, 'd', '{}', 'someone', '2026-01-01 00:00:00')"
            )
        )
    ended = refused("--port", "0", "--database", sqlite_url, "--keep", str(tmp_path / "keys"))
    assert ended.returncode == 2
    assert "use an empty database" in ended.stderr
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM jurat_configs")) == 1
        assert connection.scalar(text("SELECT count(*) FROM jurat_zones")) == 0
    engine.dispose()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--port", "http"], "use a number from 1 to 65535"),
        (["--database", "sqlite:///x.db"], "--database needs --keep"),
        (["--port", "0", "--keep", __file__], "cannot be used"),
        (["--port", "0", "--database", "mysql://localhost/x", "--keep", "KEEP"], "JURAT_DATABASE_URL"),
        (["--port", "0", "--database", "postgresql://nobody@127.0.0.1:1/x", "--keep", "KEEP"], "does not answer"),
    ],
)
def test_what_cannot_be_used_is_reported_in_a_sentence(options: list[str], message: str, tmp_path: Path) -> None:
    ended = refused(*[str(tmp_path / "kept") if each == "KEEP" else each for each in options])
    assert (ended.returncode, ended.stdout) == (2, "")
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_damaged_file_of_settings_is_told(tmp_path: Path) -> None:
    (tmp_path / "settings.env").write_text("PLATFORM_SECRET='x", "utf-8")
    ended = refused("--port", "0", "--keep", str(tmp_path))
    assert ended.returncode == 2
    assert "settings.env" in ended.stderr


def test_an_address_cannot_be_put_into_another_folder(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert (
        refused("--port", "0", "--database", "postgresql://nobody@127.0.0.1:1/x", "--keep", str(kept)).returncode == 2
    )
    other = f"sqlite:///{quote(str(tmp_path / 'x.db'))}"
    ended = refused("--port", "0", "--database", other, "--keep", str(kept))
    assert "belongs to another database" in ended.stderr


def test_its_pages_are_those_of_the_platform() -> None:
    with started() as platform, requests.Session() as session:
        session.trust_env = False
        answer = session.get(platform.address, headers={"Accept-Language": "fr"}, timeout=30)
        assert answer.url.endswith("/fr/")
        assert "Server" not in answer.headers
