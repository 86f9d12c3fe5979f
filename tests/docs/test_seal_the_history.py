"""Seal the history: what the page says, typed on PostgreSQL by the users that it names, and what it says goes wrong."""

from __future__ import annotations

import contextlib
import shlex
import signal
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import make_url

from jurat.seal import generate, key_to_text
from store.schema.grants import DatabaseRole
from tests.cli.shell import Ran, Shell
from tests.docs.pages import ROOT, blocks
from tests.rigs.logins import Logins, plain
from tests.rigs.servers import Databases

PAGE = ROOT / "docs" / "operators" / "seal-the-history.md"
USERS: Mapping[str, str | None] = {
    "owner": None,
    "sealer": DatabaseRole.SEALER,
    "clerk": DatabaseRole.ADMIN,
    "monitor": DatabaseRole.READER,
}
PATIENCE = 60.0
"""Seconds that a slow machine is waited for."""

pytestmark = pytest.mark.slow


class Installation:
    """A database with a user for each part, and a shell for all of them."""

    def __init__(self, shell: Shell, urls: Mapping[str, str]) -> None:
        self.shell, self.urls = shell, urls
        self.instead = {name: str(shell.folder / Path(name).name) for name in ("/etc/jurat", "/var/lib/jurat")}
        for folder in self.instead.values():
            Path(folder).mkdir(exist_ok=True)
        self.heads = shell.folder / "jurat" / "heads"

    def words(self, number: int) -> list[str]:
        """One block of the page, which is one command."""
        ((command, _),) = blocks(PAGE, "sh")[number].commands
        for ours, theirs in self.instead.items():
            command = command.replace(ours, theirs)
        return shlex.split(command)[1:]

    def run(self, user: str, *words: str) -> Ran:
        """What a user types."""
        return self.shell(*words, JURAT_DATABASE_URL=self.urls[user])

    def key(self) -> Ran:
        return self.run("sealer", *self.words(0))

    def begin(self, user: str = "owner") -> Ran:
        return self.run(user, *self.words(1))

    def seal(self, user: str = "sealer") -> Ran:
        return self.run(user, *self.words(2), "--once")

    def verify(self, user: str = "clerk") -> Ran:
        return self.run(user, *self.words(3))

    def generate(self, who: str) -> None:
        assert self.run("clerk", "codes", "generate", "spring", "--count", "1", "--as", who).code == 0


@pytest.fixture
def place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgresql_server: Databases, _migrated_postgresql: str
) -> Iterator[Installation]:
    """None of its users may make roles, which the server has already. Iris made a code."""
    environment = {"JURAT_HASH_KEYS": key_to_text(generate()[0]), "TMPDIR": str(tmp_path)}
    with contextlib.ExitStack() as stack:
        url = postgresql_server.create()
        stack.callback(postgresql_server.drop, url)
        logins = stack.enter_context(Logins(url))
        urls = {user: logins.url(role) for user, role in USERS.items()}
        with plain(url) as superuser:
            superuser.execute(f"GRANT CREATE ON SCHEMA public TO {make_url(urls['owner']).username}".encode())
        place = Installation(Shell(tmp_path, environment, monkeypatch), urls)
        assert place.run("owner", "db", "upgrade").code == 0
        place.generate("Iris")
        yield place


def test_a_change_by_the_owner_is_found(place: Installation, tmp_path: Path) -> None:
    assert place.key().code == 0
    early = place.seal()
    assert (early.code, "no history has begun; run `bin/jurat history begin`" in early.err) == (1, True)
    assert [place.begin(user).code for user in ("sealer", "clerk", "owner")] == [3, 3, 0]
    assert place.seal("clerk").code == 3
    with place.shell.start(*place.words(2), JURAT_DATABASE_URL=place.urls["sealer"]) as sealing:
        end = time.monotonic() + PATIENCE
        while not place.heads.exists() and time.monotonic() < end:
            time.sleep(0.05)
        sealing.send_signal(signal.SIGTERM)
        sealing.communicate(timeout=PATIENCE)
    assert sealing.returncode == 0

    ran = place.verify()
    assert (ran.code, "1 leaf and 1 head of the history verified; 0 rows not sealed yet" in ran.err) == (0, True)
    assert [place.verify(user).code for user in ("sealer", "monitor", "owner")] == [3, 3, 0]
    (row,) = place.run("monitor", "audit", "--json").json
    receipt = tmp_path / "receipt.json"
    receipt.write_text(place.run("monitor", "history", "receipt", row["id"]).out, "utf-8")
    ran = place.run("monitor", "history", "check", str(receipt), "--key", place.words(3)[-1])
    assert (ran.code, "Iris" in ran.out) == (0, True)

    with plain(place.urls["owner"]) as owner:
        owner.execute("ALTER TABLE jurat_audit DISABLE TRIGGER USER")
        owner.execute("UPDATE jurat_audit SET actor = 'Ada' WHERE actor = 'Iris'")
    ran = place.verify()
    assert (ran.code, "it is not as it was sealed" in ran.out) == (1, True)


def test_after_a_restore_it_refuses_until_that_was_told(place: Installation, postgresql_server: Databases) -> None:
    assert [place.key().code, place.begin().code, place.seal().code] == [0, 0, 0]
    moment = datetime.now(UTC).isoformat()
    backup = postgresql_server.create(template=place.urls["owner"])
    try:
        place.generate("Ada")
        assert "1 row not sealed yet" in place.verify().err
        assert place.seal().code == 0
        name = make_url(backup).database
        for user, url in place.urls.items():
            place.urls = {**place.urls, user: make_url(url).set(database=name).render_as_string(hide_password=False)}
        refused = place.seal()
        assert (refused.code, "If a backup was restored, run `bin/jurat db restored`" in refused.err) == (1, True)
        assert "the history does not reach the head" in place.verify().out
        assert place.run("owner", "db", "restored", "--taken-at", moment).code == 0
        assert place.seal().code == 0
        ran = place.verify()
        assert (ran.code, "lost when a backup was restored: leaves 1 to 1" in ran.err) == (6, True)
    finally:
        postgresql_server.drop(backup)
