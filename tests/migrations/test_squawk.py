"""squawk finds nothing in the statements of a migration, as they are run: with bounds for locks and time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from store.schema.migrations import CONCURRENT
from store.schema.plan import migration
from store.schema.status import known_revisions

HERE = Path(__file__).resolve().parent
BOUNDS = "SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '10s'"


def linted(statements: list[str]) -> str:
    """What squawk says of these statements, each as an upgrade runs it: an index beside others alone."""
    each = (f"{one};" if CONCURRENT.match(one) else f"BEGIN; {BOUNDS}; {one}; COMMIT;" for one in statements)
    squawk = [f"{Path(sys.executable).parent}/squawk", "--config", f"{HERE}/squawk.toml", "--reporter", "gcc"]
    ran = subprocess.run(squawk, input="\n".join(each), capture_output=True, text=True, check=False)
    assert ran.returncode in (0, 1), ran.stderr
    return ran.stdout


@pytest.mark.parametrize("revision", known_revisions()[1:])
def test_squawk_finds_nothing(revision: str) -> None:
    assert linted(list(migration(revision, "postgresql").statements)) == ""


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("CREATE INDEX jurat_pauses_until ON jurat_pauses (until)", "require-concurrent-index-creation"),
        ("ALTER TABLE jurat_pauses ADD COLUMN IF NOT EXISTS note text NOT NULL", "adding-required-field"),
        ("ALTER TABLE jurat_pauses ALTER COLUMN until TYPE text", "changing-column-type"),
    ],
)
def test_squawk_is_asked(statement: str, rule: str) -> None:
    assert rule in linted([statement])
