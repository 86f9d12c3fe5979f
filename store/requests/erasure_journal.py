"""Remembers erasures in a file outside the database, so that none is undone when an older backup is restored.

A line of JSON for each erasure holds its time, a keyed hash of the participant, and the consultation (null for all). A
restored database is searched for participants with these hashes.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from adapters.fingerprints import KEY_ID_LENGTH, Fingerprints
from jurat.errors import ConfigurationError
from jurat.names import is_erased
from jurat.times import instant

_NAMESPACE = "erasure"

MARGIN = timedelta(hours=1)
"""Erasures from so long before a backup are looked at as well, for clocks differ. Who came back after one stays."""

_BEGINNING = b'{"at": "'

_CLOCKS = timedelta(milliseconds=1)
"""By so much SQLite rounds its times."""

_PARTICIPANTS = """
    SELECT participant, consultation, min(at) FROM (
      SELECT participant, consultation, submitted_at AS at FROM jurat_checks
      UNION ALL SELECT participant, consultation, asked_at FROM jurat_requests WHERE participant IS NOT NULL
      UNION ALL SELECT target, consultation, asked_at FROM jurat_requests WHERE target IS NOT NULL) AS each_row
    GROUP BY participant, consultation"""
"""Since when something is known of each participant in each consultation."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure of a participant, known by their `fingerprint`, from a consultation, or from all (None)."""

    at: datetime
    fingerprint: str
    consultation: str | None


@dataclass(frozen=True, slots=True)
class ErasureJournal:
    """The file that this process appends to. Several processes may share it."""

    path: Path
    fingerprints: Fingerprints

    def append(self, participant: str, consultation: str | None, at: datetime) -> None:
        """Remember an erasure durably, before it is committed; `at` is by the database's clock. One that fails then is
        done later, and is in it twice.

        Raises ConfigurationError if it cannot be written; then the erasure must not be done.
        """
        entry = {
            "at": at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "participant": self.fingerprints.newest(_NAMESPACE, participant),
            "consultation": consultation,
        }
        self._write(f"{json.dumps(entry)}\n".encode())

    def prepare(self) -> None:
        """Make the file before the first erasure: one that is missing later was lost, and is not just empty.

        Raises ConfigurationError as `append`.
        """
        self._write(b"")

    def _write(self, line: bytes) -> None:
        try:
            self._append(line)
        except OSError as error:
            raise ConfigurationError(
                f"JURAT_ERASURE_JOURNAL: {self.path} cannot be written ({error.strerror}), and nothing is erased "
                "without it; make room, or correct its rights"
            ) from None

    def _append(self, line: bytes) -> None:
        new = not self.path.exists()
        handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            size = os.fstat(handle).st_size
            if size and os.pread(handle, 1, size - 1) != b"\n":  # another line was cut off
                line = b"\n" + line
            if os.write(handle, line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(handle)
        finally:
            os.close(handle)
        if new:
            sync_folder(self.path.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder survive a power cut. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def former_ids(connection: Connection, participant: str | None) -> list[str]:
    """A participant, and the ids that they had before transfers: an older copy of the database knows them by those."""
    found: list[str] = []
    more = [participant] if participant else []
    sql = text(
        """SELECT DISTINCT participant FROM jurat_requests
           WHERE kind = 'transfer' AND target = :target AND applied_at IS NOT NULL AND refused IS NULL
             AND participant IS NOT NULL"""
    )
    while more:
        found += more
        earlier = {each for target in more for each in connection.scalars(sql, {"target": target})}
        more = sorted(each for each in earlier if each not in found and not is_erased(each))
    return found


@dataclass(frozen=True, slots=True)
class JournalCopy:
    """What a file has: all erasures, those since shortly before a time, and whether its last line is `cut_off`. A
    worker that was killed leaves such a line, and did not commit its erasure; or the copy is not complete.
    """

    erasures: int
    since: Sequence[Erasure]
    cut_off: bool


def read_journal(path: Path, since: datetime) -> JournalCopy:
    """The erasures in a journal. Raises ConfigurationError, which names the line, for what is no line of one."""
    lines = path.read_bytes().split(b"\n")
    found: list[Erasure] = []
    for number, line in enumerate(lines, start=1):
        if _is_cut_off(line):
            continue
        try:
            found.append(_erasure(json.loads(line)))
        except (ValueError, KeyError, TypeError, IndexError):
            raise ConfigurationError(f"{path}:{number}:1: this is no line of a journal of erasures") from None
    return JournalCopy(len(found), [each for each in found if each.at >= since - MARGIN], bool(lines[-1].strip()))


def _is_cut_off(line: bytes) -> bool:
    """Whether this may be what a killed worker or a power cut left of a line; the next one begins another."""
    return b"}" not in line and (line[:8] == _BEGINNING[: len(line)] or not line.strip(b"\0\r"))


def _erasure(entry: Any) -> Erasure:
    found = Erasure(datetime.fromisoformat(entry["at"]), entry["participant"], entry["consultation"])
    if found.at.tzinfo is None or found.fingerprint[KEY_ID_LENGTH] != ":":
        raise ValueError
    return found


def find_erased(
    connection: Connection, erasures: Iterable[Erasure], fingerprints: Fingerprints
) -> list[tuple[str, str | None]]:
    """The participants in the database whom these erasures are about, each with the consultation, or None for all.
    Who is known only since after an erasure came back, and stays.

    Raises ConfigurationError if an erasure was remembered under a key that is missing here.
    """
    wanted: dict[str, dict[str | None, datetime]] = {}
    for erasure in erasures:
        last = wanted.setdefault(erasure.fingerprint, {})
        last[erasure.consultation] = max(erasure.at, last.get(erasure.consultation, erasure.at))
    if strange := sorted({found[:KEY_ID_LENGTH] for found in wanted} - set(fingerprints.key_ids)):
        raise ConfigurationError(
            f"erasures were remembered under the key {', '.join(strange)}, which JURAT_HASH_KEYS lacks here; "
            "bring it back, behind the others"
        )
    found: set[tuple[str, str | None]] = set()
    rows = connection.execute(text(_PARTICIPANTS)) if wanted else ()
    for participant, consultation, since in rows:
        for fingerprint in () if is_erased(participant) else fingerprints.all(_NAMESPACE, participant):
            for erased, at in wanted.get(fingerprint, {}).items():
                if erased in (None, consultation) and instant(since) <= at + _CLOCKS:
                    found.add((participant, erased))
    return sorted(found, key=lambda each: (each[0], each[1] or ""))
