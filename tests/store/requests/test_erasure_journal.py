"""Erasures are remembered outside the database, and done again on an older copy of it."""

from __future__ import annotations

import gzip
import os
import stat
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.fingerprints import Fingerprints
from jurat.errors import ConfigurationError
from jurat.ids import uuid7
from store.requests.erasure import traces
from store.requests.erasure_journal import ErasureJournal, find_erased, read_journal
from store.requests.request_rows import WrongRequest
from store.requests.request_runner import Request, RequestKind, Requests
from store.upkeep.upkeep import Upkeep
from tests.store.desk import ADMIN, HASH_KEY, Desk

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NOW = datetime.now(UTC)


@pytest.fixture
def journal(tmp_path: Path) -> ErasureJournal:
    return ErasureJournal(tmp_path / "erasures", Fingerprints([HASH_KEY]))


def erase(desk: Desk, journal: ErasureJournal, participant: str, consultation: str | None = None) -> None:
    request = Request(uuid7(), RequestKind.ERASE, ADMIN, consultation=consultation, participant=participant)
    Requests(desk.engine, journal=journal).do(request)


def found(desk: Desk, journal: ErasureJournal, since: datetime = LONG_AGO) -> list[tuple[str, str | None]]:
    """Who is to be erased again, were this an older copy: all that is in it came before the erasures."""
    erasures = [replace(each, at=datetime.now(UTC)) for each in read_journal(journal.path, since).since]
    with desk.engine.begin() as connection:
        return find_erased(connection, erasures, journal.fingerprints)


def test_an_erasure_is_found_again_in_an_older_copy(desk: Desk, journal: ErasureJournal) -> None:
    desk.submit("p-1")
    erase(desk, journal, "p-1")
    assert found(desk, journal) == [], "nothing is left of them here"
    desk.submit("p-1")  # as in the older copy
    desk.submit("p-2")
    assert found(desk, journal) == [("p-1", None)]
    for participant, consultation in found(desk, journal):
        erase(desk, journal, participant, consultation)
    assert traces(desk.engine, "p-1") == []
    assert found(desk, journal) == []


def test_who_came_back_after_an_erasure_stays(desk: Desk, journal: ErasureJournal) -> None:
    desk.submit("p-1")
    erase(desk, journal, "p-1")
    time.sleep(0.01)  # SQLite's clock ticks in milliseconds
    desk.submit("p-1")
    with desk.engine.begin() as connection:
        assert find_erased(connection, read_journal(journal.path, LONG_AGO).since, journal.fingerprints) == []


def test_an_erasure_from_one_consultation_is_done_there_alone(desk: Desk, journal: ErasureJournal) -> None:
    desk.submit("p-1")
    erase(desk, journal, "p-1", "budget")
    desk.submit("p-1")
    assert found(desk, journal) == [("p-1", "budget")]


def test_a_worker_remembers_what_a_platform_asks_for(desk: Desk, journal: ErasureJournal) -> None:
    desk.submit("p-1")
    with desk.engine.begin() as connection:
        desk.client.erase(connection, participant="p-1")
    assert Upkeep(desk.engine, journal=journal).do_requests() == 1
    desk.submit("p-1")
    assert found(desk, journal) == [("p-1", None)]


def test_the_journal_names_no_one_and_is_for_its_owner(desk: Desk, journal: ErasureJournal) -> None:
    desk.submit("participant-4711")
    erase(desk, journal, "participant-4711")
    content = journal.path.read_text("utf-8")
    assert "4711" not in content
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o640


def test_an_erasure_that_cannot_be_remembered_is_not_done(desk: Desk, tmp_path: Path) -> None:
    desk.submit("p-1")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        erase(desk, ErasureJournal(tmp_path / "no" / "folder", Fingerprints([HASH_KEY])), "p-1")
    assert traces(desk.engine, "p-1") != []


def test_a_journal_is_there_before_its_first_erasure_and_keeps_what_it_has(journal: ErasureJournal) -> None:
    journal.prepare()
    assert (journal.path.read_bytes(), stat.S_IMODE(journal.path.stat().st_mode)) == (b"", 0o640)
    journal.append("p-1", None, NOW)
    journal.prepare()
    assert read_journal(journal.path, LONG_AGO).erasures == 1


def test_an_erasure_that_is_refused_is_not_remembered(desk: Desk, journal: ErasureJournal) -> None:
    with pytest.raises(WrongRequest):
        erase(desk, journal, "p-1", "no-such-consultation")
    assert not journal.path.exists()


def test_what_was_erased_long_before_the_backup_is_left_alone(desk: Desk, journal: ErasureJournal) -> None:
    desk.submit("p-1")
    erase(desk, journal, "p-1")
    desk.submit("p-1")
    assert found(desk, journal, datetime.now(UTC) + timedelta(minutes=50)) == [("p-1", None)]
    assert found(desk, journal, datetime.now(UTC) + timedelta(hours=2)) == []


def test_an_erasure_under_an_older_key_is_found_by_that_key_alone(desk: Desk, journal: ErasureJournal) -> None:
    desk.submit("p-1")
    erase(desk, journal, "p-1")
    desk.submit("p-1")
    new = os.urandom(32)
    assert found(desk, ErasureJournal(journal.path, Fingerprints([new, HASH_KEY]))) == [("p-1", None)]
    with pytest.raises(ConfigurationError, match="which JURAT_HASH_KEYS lacks here"):
        found(desk, ErasureJournal(journal.path, Fingerprints([new])))


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "[{}",
        '{"at": "yesterday", "participant": "12345678:00", "consultation": null}',
        '{"at": "2026-11-30T04:00:00", "participant": "12345678:00", "consultation": null}',
        '{"at": "2026-11-30T04:00:00Z", "participant": "p-1", "consultation": null}',
        '{"at": "2026-11-30T04:00:00Z", "participant": 7, "consultation": null}',
    ],
)
def test_a_line_that_is_none_is_named(journal: ErasureJournal, line: str) -> None:
    journal.append("p-1", None, NOW)
    journal.path.write_bytes(journal.path.read_bytes() + line.encode() + b"\n")
    with pytest.raises(ConfigurationError, match=rf"{journal.path}:2:1: this is no line"):
        read_journal(journal.path, LONG_AGO)


@pytest.mark.parametrize("rest", [b"", b'{"at": "2026', b"\x00\x00"])
def test_a_line_that_was_cut_off_is_passed_over_and_spoils_no_later_one(journal: ErasureJournal, rest: bytes) -> None:
    journal.append("p-1", None, NOW)
    with journal.path.open("ab") as file:
        file.write(rest)
    journal.append("p-2", None, NOW)
    read = read_journal(journal.path, LONG_AGO)
    assert (len(read.since), read.cut_off) == (2, False)


@pytest.mark.parametrize(("rest", "cut_off"), [(b"", False), (b'{"at": "2026', True), (b"\x00\x00", True)])
def test_a_last_line_that_was_cut_off_is_told(journal: ErasureJournal, rest: bytes, cut_off: bool) -> None:
    journal.append("p-1", None, NOW)
    journal.path.write_bytes(journal.path.read_bytes() + rest)
    read = read_journal(journal.path, LONG_AGO)
    assert (len(read.since), read.cut_off) == (1, cut_off)


def test_line_ends_of_another_system_do_no_harm(journal: ErasureJournal) -> None:
    journal.append("p-1", None, NOW)
    journal.append("p-2", None, NOW)
    journal.path.write_bytes(journal.path.read_bytes().replace(b"\n", b"\r\n"))
    read = read_journal(journal.path, LONG_AGO)
    assert (len(read.since), read.cut_off) == (2, False)


def test_a_compressed_journal_is_none(journal: ErasureJournal) -> None:
    for participant in range(100):
        journal.append(f"p-{participant}", None, NOW)
    journal.path.write_bytes(gzip.compress(journal.path.read_bytes()))
    with pytest.raises(ConfigurationError, match=f"{journal.path}:1:1"):
        read_journal(journal.path, LONG_AGO)


def test_who_was_transferred_is_erased_under_every_id_that_they_had(desk: Desk, journal: ErasureJournal) -> None:
    desk.submit("p-1")
    for old, new in (("p-1", "p-8"), ("p-8", "p-9")):
        transfer = Request(uuid7(), RequestKind.TRANSFER, ADMIN, consultation="budget", participant=old, target=new)
        Requests(desk.engine).do(transfer)
    erase(desk, journal, "p-9")
    desk.submit("p-1")  # as in the older copy
    assert found(desk, journal) == [("p-1", None)]


def test_an_erasure_from_a_consultation_that_the_older_copy_does_not_know_stops_no_other(
    desk: Desk, journal: ErasureJournal
) -> None:
    desk.submit("p-1")
    desk.submit("p-2")
    journal.append("p-1", "made-later", NOW)
    journal.append("p-2", None, NOW)
    assert found(desk, journal) == [("p-2", None)]


def test_a_line_that_does_not_fit_on_the_disk_is_an_error(
    desk: Desk, journal: ErasureJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.submit("p-1")
    monkeypatch.setattr(os, "write", lambda *_: 10)
    with pytest.raises(ConfigurationError, match="No space left on device"):
        erase(desk, journal, "p-1")
    assert traces(desk.engine, "p-1") != []


def test_another_file_is_not_taken_for_an_empty_journal(journal: ErasureJournal) -> None:
    journal.path.write_text("c2VjcmV0\n", "utf-8")
    with pytest.raises(ConfigurationError, match=":1:1: this is no line of a journal"):
        read_journal(journal.path, LONG_AGO)
