"""After `keys rehash`, the hash of a code or number is as sealed as before, and its former hash is not told."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from adapters.fingerprints import Fingerprints
from store.hash_keys import use_key
from store.history import sealer, verification
from store.history.sealer import Sealer
from store.rehash import rehash
from tests.rigs.waiting import until
from tests.store.desk import ADMIN, HASH_KEY, Desk, claiming
from tests.store.history.keeper import Keeper, forge
from tests.store.passing import let_be_over

NEW, NEWER = bytes(range(32, 64)), bytes(range(64, 96))
CHANGED = "the hash of its code or number was changed, and no rehash is known"
UNKNOWN = "its code or number was hashed again, and no rehash is known"

EXCHANGED = {
    "verdict": "UPDATE jurat_claims SET fingerprint = '{}' || substr(fingerprint, 9, 60) || '0000'",
    "redemption": "UPDATE jurat_codes SET fingerprint = '{}' || substr(fingerprint, 9, 60) || '0000'"
    " WHERE redeemed_by IS NOT NULL",
}
"""By the kind that has the hash; guards let one through under another key."""


def hash_again(desk: Desk, *keys: bytes) -> int:
    """With the first of these keys; how many hashes."""
    fingerprints = Fingerprints(keys)
    with desk.engine.begin() as connection:
        use_key(connection, fingerprints.key_ids[0])
    return sum(changed for _, changed in rehash(desk.engine, fingerprints, ADMIN))


def hashes(desk: Desk) -> list[str]:
    """Of the used code and of the number, as they are sealed."""
    return [
        row[0]
        for row in desk.sql(
            "SELECT fingerprint || ' ' || namespace FROM jurat_claims"
            " UNION ALL SELECT fingerprint FROM jurat_codes WHERE redeemed_by IS NOT NULL"
        )
    ]


def told(desk: Desk, known: Sequence[str]) -> int:
    """How many leaves tell who knows these hashes that their rows rest on one."""
    leaves = desk.sql("SELECT fingerprint, salt, person_salt, fingerprint_salt FROM jurat_leaves")
    tried = {sha256(salt + each.encode()).digest() for leaf in leaves for salt in leaf[1:] if salt for each in known}
    return sum(leaf[0] in tried for leaf in leaves)


def test_what_is_hashed_again_fits_and_its_former_hash_is_told_no_more(decided: Desk, tmp_path: Path) -> None:
    keeper, former = Keeper(decided, tmp_path), hashes(decided)
    assert told(decided, former) == 2
    for keys in ((NEW, HASH_KEY), (NEWER, NEW, HASH_KEY)):
        assert hash_again(decided, *keys) == 2
        assert keeper.found() == []
        assert keeper.seal() == 2 + 2, "each batch is noted"
        assert keeper.found() == []
        assert (told(decided, former), told(decided, hashes(decided))) == (0, 2)
        former += hashes(decided)
    decided.look_up(decided.held("p-7", "profession"), claiming("900200", Fingerprints([NEW])))
    keeper.seal()
    assert keeper.found() == []


@pytest.mark.parametrize("kind", EXCHANGED)
def test_a_hash_that_is_exchanged_after_a_rehash_is_found(decided: Desk, tmp_path: Path, kind: str) -> None:
    keeper = Keeper(decided, tmp_path)
    hash_again(decided, NEW, HASH_KEY)
    keeper.seal()
    head = hashes(decided)[0][:8]
    forge(decided, EXCHANGED[kind].format(head))
    for _ in range(2):
        assert keeper.found() == [("rehash", CHANGED)]
        keeper.seal()


@pytest.mark.parametrize("kind", EXCHANGED)
def test_one_that_was_exchanged_before_is_found_after_an_honest_rehash(
    decided: Desk, tmp_path: Path, kind: str
) -> None:
    keeper = Keeper(decided, tmp_path)
    forge(decided, EXCHANGED[kind].format(decided.fingerprints.key_ids[0]))
    assert hash_again(decided, NEW, HASH_KEY) == 2
    keeper.seal()
    assert keeper.found() == [(kind, CHANGED)]


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("kind", EXCHANGED)
def test_one_that_no_rehash_of_its_time_explains_is_found(
    decided: Desk, tmp_path: Path, kind: str, *, before: bool
) -> None:
    """A stolen login of an administrator may change it, and the sealer knows no better."""
    keeper = Keeper(decided, tmp_path)
    if before:
        hash_again(decided, NEW, HASH_KEY)
        keeper.seal()
    decided.sql(EXCHANGED[kind].format("87654321"))
    assert keeper.found() == [("rehash" if before else kind, CHANGED)]
    keeper.seal()
    assert keeper.found() == [("rehash", UNKNOWN)]


def test_one_that_changes_before_it_is_sealed_is_sealed_once(decided: Desk, tmp_path: Path) -> None:
    keeper = Keeper(decided, tmp_path)
    decided.look_up(decided.held("p-7", "profession"), claiming("900200", decided.fingerprints))
    hash_again(decided, NEW, HASH_KEY)
    hash_again(decided, NEWER, NEW, HASH_KEY)
    assert keeper.seal() == 1 + 2 + 4
    assert keeper.found() == []


def test_a_rehash_that_more_than_one_head_takes_fits(
    decided: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = Keeper(decided, tmp_path)
    for module in (sealer, verification):
        monkeypatch.setattr(module, "BATCH", 3)
    for number in range(4):
        decided.look_up(decided.held(f"q-{number}", "profession"), claiming(f"90030{number}", decided.fingerprints))
    keeper.seal()
    hash_again(decided, NEW, HASH_KEY)
    heads = len(keeper.heads)
    assert keeper.seal() == 2 + 1 + 5
    assert len(keeper.heads) > heads + 1
    assert keeper.found() == []


def test_a_number_that_is_purged_is_told_no_more(decided: Desk, tmp_path: Path) -> None:
    let_be_over(decided, "reason = 'record_matches'")
    keeper = Keeper(decided, tmp_path)
    hash_again(decided, NEW, HASH_KEY)
    keeper.seal()
    known = hashes(decided)
    assert told(decided, known) == 2
    delete_verdict(decided)
    assert told(decided, known) == 1
    keeper.seal()
    assert keeper.found() == []


def delete_verdict(desk: Desk) -> None:
    """That of the number. Upkeep keeps it while its participant has access."""
    desk.sql("DELETE FROM jurat_verdicts WHERE reason = 'record_matches'")


def test_a_purge_waits_until_leaves_are_written(
    postgresql: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sealer read the new hash before; its leaf comes after."""
    desk, signs, goes_on = postgresql, threading.Event(), threading.Event()
    desk.look_up(desk.held("p-5", "profession"), claiming("900100", desk.fingerprints))
    let_be_over(desk)
    keeper, sign = Keeper(desk, tmp_path), Sealer._sign
    hash_again(desk, NEW, HASH_KEY)
    known = hashes(desk)

    def slowly(*given: Any) -> Any:
        signs.set()
        assert goes_on.wait(30)
        return sign(*given)

    monkeypatch.setattr(Sealer, "_sign", slowly)
    with ThreadPoolExecutor(2) as pool:
        sealing = pool.submit(keeper.seal)
        assert signs.wait(30)
        purging = pool.submit(delete_verdict, desk)
        until(lambda: desk.one("SELECT count(*) FROM pg_locks WHERE NOT granted") or purging.done())
        goes_on.set()
        assert sealing.result() == 2
        purging.result()
    assert told(desk, known) == 0


def test_a_hash_is_queued_only_once_a_history_has_begun(decided: Desk) -> None:
    hash_again(decided, NEW, HASH_KEY)
    with decided.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM jurat_unsealed")) == 0
