"""A live worker of release 0.3.0, which knew no later migration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from jurat.database import open_engine
from store.workers import Fleet, Member
from tests.cli.shell import Shell


@contextmanager
def old_worker(shell: Shell) -> Iterator[None]:
    """One in the shell's database, as long as the block runs."""
    engine = open_engine(shell.environment["JURAT_DATABASE_URL"])
    member = Member(uuid4(), "here", "old@here", "0.3.0", "0003_oldest_worker", 4)
    Fleet(engine).report(member)
    yield
    Fleet(engine).leave(member.id)
    engine.dispose()
