"""Stored hashes are hashed once more, while workers go on: no code becomes unknown, and none is used twice."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from adapters.base import Credentials, Finding, Found, Query, SourceError
from adapters.codes import Codes
from adapters.fingerprints import Fingerprints, hash_key_id, key_of
from jurat.codes import clean, generate
from jurat.errors import ConfigurationError
from jurat.vocabulary import Outcome, Reason
from store import rehash as rehash_module
from store.hash_keys import use_key
from store.lookups import StoredCodes
from store.rehash import rehash
from store.requests.code_lists import add_codes, import_codes
from tasks.checks import CheckResult, ClaimedCheck, Settle
from tests.rigs.waiting import until
from tests.store.desk import ADMIN, NUMBER_TAKEN, Desk, claiming, entry, listening

OLD, NEW, NEWER = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
BEFORE, BOTH, TURNED = Fingerprints([OLD]), Fingerprints([NEW, OLD]), Fingerprints([OLD, NEW])
NUMBER = "9000010000"


def use(desk: Desk, key: bytes) -> None:
    with desk.engine.begin() as connection:
        use_key(connection, hash_key_id(key))


def codes_of(desk: Desk, count: int, fingerprints: Fingerprints = BEFORE) -> list[str]:
    codes = [clean(generate()) or "" for _ in range(count)]
    add_codes(desk.engine, "spring", [fingerprints.newest("spring", code) for code in codes], ADMIN)
    return codes


def looked_up(desk: Desk, fingerprints: Fingerprints, *codes: str) -> Sequence[Found | SourceError]:
    queries = [Query({"code": code}) for code in codes]
    with closing(Codes("spring", fingerprints, StoredCodes(desk.queries))) as source:
        return source.look_up_many(queries)


def outcome(held: ClaimedCheck, found: Found | SourceError) -> CheckResult:
    """What a worker writes for what it found."""
    assert isinstance(found, Finding)
    return entry(held, Settle(found.outcome, found.reason, redemption=found.redemption))


def verdicts(desk: Desk, *results: CheckResult) -> list[Reason]:
    done = desk.write(*results).done
    return [each.decision.reason for each in done if isinstance(each.decision, Settle)]


def heads(desk: Desk, table: str = "jurat_codes") -> set[str]:
    return {key_of(row[0]) for row in desk.sql(f"SELECT fingerprint FROM {table}")}


def test_codes_and_numbers_are_found_before_and_after_and_no_key_alone_gives_them_away(desk: Desk) -> None:
    used, free, unknown = (*codes_of(desk, 2), clean(generate()) or "")
    (first,) = looked_up(desk, BEFORE, used)
    assert verdicts(desk, outcome(desk.held("p-1", "code"), first)) == [Reason.CODE_VALID]
    desk.settle(desk.held("p-2", "profession"), claiming(NUMBER, BEFORE))
    use(desk, NEW)
    assert sum(changed for _, changed in rehash(desk.engine, BOTH, ADMIN)) == 3
    assert heads(desk) == heads(desk, "jurat_claims")
    assert heads(desk).isdisjoint({hash_key_id(OLD), hash_key_id(NEW)})
    for fingerprints in (BOTH, TURNED):
        found = [each for each in looked_up(desk, fingerprints, used, free, unknown) if isinstance(each, Finding)]
        assert [each.reason for each in found] == [Reason.CODE_USED, Reason.CODE_VALID, Reason.CODE_UNKNOWN]
    for lacking in (BEFORE, Fingerprints([NEW])):
        (strange,) = looked_up(desk, lacking, free)
        assert isinstance(strange, Credentials)
    later = desk.write(entry(desk.held("p-3", "profession"), claiming(NUMBER, TURNED)))
    assert [each.decision for each in later.done] == [NUMBER_TAKEN]
    assert import_codes(desk.engine, TURNED, "spring", [used, free], ADMIN) == 0


def test_workers_that_know_nothing_of_it_lack_a_key_and_refuse_no_code(desk: Desk) -> None:
    """Those of release 0.3.0 compare the heads with the ids of their keys."""
    codes_of(desk, 1)
    use(desk, NEW)
    list(rehash(desk.engine, BOTH, ADMIN))
    assert desk.queries.code_keys("spring") - set(BOTH.key_ids)


def test_what_was_interrupted_goes_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehash_module, "AT_ONCE", 2)
    codes = [*codes_of(desk, 5), *codes_of(desk, 2, BOTH)]
    use(desk, NEW)
    running = rehash(desk.engine, BOTH, ADMIN)
    next(running)
    running.close()  # type: ignore[attr-defined]
    assert len(heads(desk)) > 1
    assert all(isinstance(each, Finding) and each.outcome is Outcome.ACCEPTED for each in looked_up(desk, BOTH, *codes))
    list(rehash(desk.engine, BOTH, ADMIN))
    assert heads(desk) == {key_of(BOTH.again(BEFORE.newest("spring", "A"))), hash_key_id(NEW)}
    assert all(isinstance(each, Finding) and each.outcome is Outcome.ACCEPTED for each in looked_up(desk, BOTH, *codes))
    assert sum(changed for _, changed in rehash(desk.engine, BOTH, ADMIN)) == 0


def test_a_code_that_is_hashed_again_after_it_was_found_is_used_and_not_unknown(desk: Desk) -> None:
    (code,) = codes_of(desk, 1)
    (found,) = looked_up(desk, BOTH, code)
    use(desk, NEW)
    list(rehash(desk.engine, BOTH, ADMIN))
    first, second = desk.held("p-1", "code"), desk.held("p-2", "code")
    assert verdicts(desk, outcome(first, found)) == [Reason.CODE_VALID]
    assert verdicts(desk, outcome(second, found)) == [Reason.CODE_USED]


def test_a_code_that_is_hashed_again_while_it_is_used_is_used_and_not_expired(postgresql: Desk) -> None:
    """The row that the worker waits for is another one in the end."""
    desk = postgresql
    (code,) = codes_of(desk, 1)
    (found,) = looked_up(desk, BOTH, code)
    held = desk.held("p-1", "code")
    with ThreadPoolExecutor(1) as pool:
        with desk.engine.begin() as connection:
            rehash_module._batch(connection, "jurat_codes", ("list",), ("", ""), BOTH, ADMIN)
            writing = pool.submit(verdicts, desk, outcome(held, found))
            assert until(lambda: desk.one("SELECT count(*) FROM pg_locks WHERE NOT granted") == 1)
        assert writing.result() == [Reason.CODE_VALID]


def test_a_code_that_is_in_its_list_under_two_keys_is_used_once(desk: Desk) -> None:
    """Two workers of release 0.3.0 may have imported it at once."""
    code = clean(generate()) or ""
    add_codes(desk.engine, "spring", [BEFORE.newest("spring", code), BOTH.newest("spring", code)], ADMIN)
    found = [*looked_up(desk, BOTH, code), *looked_up(desk, TURNED, code)]
    desk.submit_many(2, "code")
    checks = desk.claim("spring", 2)
    sent: list[str] = []

    def see(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if "UPDATE jurat_codes" in statement:
            sent.append(str(parameters))

    with listening(desk.engine, "before_cursor_execute", see):
        reasons = verdicts(desk, *(outcome(held, each) for held, each in zip(checks, found, strict=True)))
    assert sum(str(held.id) in sent[0] for held in checks) == 1, "the database may choose among rows of several"
    assert sorted(reasons) == [Reason.CODE_USED, Reason.CODE_VALID]
    third = desk.held("p-3", "code")
    assert verdicts(desk, outcome(third, found[1])) == [Reason.CODE_USED]


def test_another_key_in_use_and_one_that_is_missing_end_it_with_a_sentence(desk: Desk) -> None:
    codes_of(desk, 1)
    use(desk, NEWER)
    with pytest.raises(ConfigurationError, match="another key came into use"):
        list(rehash(desk.engine, BOTH, ADMIN))
    with pytest.raises(ConfigurationError, match="missing in JURAT_HASH_KEYS"):
        list(rehash(desk.engine, Fingerprints([NEWER, NEW]), ADMIN))
    assert heads(desk) == {hash_key_id(OLD)}
