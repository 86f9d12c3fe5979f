"""Hash keys are replaced in any order, and no number and no code serves twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from adapters.fingerprints import Fingerprints, hash_key_id
from jurat.codes import clean, generate
from jurat.errors import ConfigurationError
from store.hash_keys import hold_key_in_use, key_in_use, use_key
from store.requests.code_lists import import_codes
from store.verdicts.numbers import LEFT_TO_OTHERS
from store.verdicts.verdict_writer import VerdictWriter
from tasks.checks import CheckResult, ClaimedCheck, GiveBack, Settle
from tests.rigs.waiting import until
from tests.store.desk import ADMIN, NUMBER_TAKEN, Desk, attempt, claiming, entry

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
OLD_ID, NEW_ID = hash_key_id(OLD), hash_key_id(NEW)
RINGS = {"old": [OLD], "old, new": [OLD, NEW], "new, old": [NEW, OLD], "new": [NEW]}
ALL = "old, new"
NUMBER = "9000010000"

numbers = (f"91{n:08}" for n in count())
batches = count()


def claimed(desk: Desk, many: int) -> list[ClaimedCheck]:
    """Checks of as many new participants, claimed."""
    desk.submit_many(many, "profession", first=1_000 * next(batches))
    held = desk.claim("rpps", many)
    assert len(held) == many
    return held


def accept(held: ClaimedCheck, number: str, ring: str) -> CheckResult:
    """What a worker with these keys writes, to whom the source said yes."""
    return entry(held, claiming(number, Fingerprints(RINGS[ring])))


def use(desk: Desk, key: str) -> None:
    with desk.engine.begin() as connection:
        use_key(connection, key)


def written(desk: Desk, result: CheckResult) -> CheckResult:
    (done,) = VerdictWriter(desk.engine).write([result]).done
    return done


def at_once(acts: Sequence[Callable[[], Any]]) -> list[Any]:
    barrier = threading.Barrier(len(acts))

    def act(one: Callable[[], Any]) -> Any:
        barrier.wait()
        return one()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(act, acts))


# -------------------------------------------------------------------------------------------------------------- Numbers


def test_a_worker_from_before_a_key_came_claims_nothing_beside_those_that_use_it(desk: Desk) -> None:
    """It began with the old key alone. Once it let another participant have a number that was claimed with the new."""
    first, second = claimed(desk, 2)
    use(desk, NEW_ID)
    assert isinstance(written(desk, accept(first, NUMBER, "new, old")).decision, Settle)
    before = replace(accept(second, NUMBER, "old"), attempt=attempt())
    assert written(desk, before).decision == GiveBack(LEFT_TO_OTHERS)
    assert desk.one("SELECT count(*) FROM jurat_claims") == 1
    assert desk.row(second.id, "state") == "pending"
    assert desk.one("SELECT count(*) FROM jurat_attempts") == 0, "one answer of the source settles a check"
    assert desk.one("SELECT due_at > NOW(5) FROM jurat_checks WHERE id = :id", id=desk.id(second.id)), (
        "to be left to others, and not looked up again at once"
    )
    (again,) = desk.verdict_writer.read_again([before]).done
    assert again.decision == GiveBack(), "also where its commit was in doubt"


@pytest.mark.parametrize("ring", RINGS)
def test_a_number_is_claimed_under_the_key_in_use_whatever_the_order_of_keys(desk: Desk, ring: str) -> None:
    for key in (OLD_ID, NEW_ID):
        use(desk, key)
        (held,) = claimed(desk, 1)
        desk.sql("DELETE FROM jurat_claims")
        done = written(desk, accept(held, NUMBER, ring))
        if key in Fingerprints(RINGS[ring]).key_ids:
            assert desk.one("SELECT substr(fingerprint, 1, 8) FROM jurat_claims") == key
        else:
            assert isinstance(done.decision, GiveBack)


def test_a_worker_without_a_key_that_numbers_are_held_under_leaves_them_to_others(desk: Desk) -> None:
    first, second = claimed(desk, 2)
    written(desk, accept(first, NUMBER, "old"))
    use(desk, NEW_ID)
    assert isinstance(written(desk, accept(second, "9000010372", "new")).decision, GiveBack)


def test_the_first_that_hashes_says_with_which_key(desk: Desk) -> None:
    (held,) = claimed(desk, 1)
    written(desk, accept(held, NUMBER, "new, old"))
    with desk.engine.begin() as connection:
        assert key_in_use(connection) == NEW_ID
        assert hold_key_in_use(connection, OLD_ID) == NEW_ID


def test_a_key_in_use_makes_workers_look_whether_they_have_it(desk: Desk) -> None:
    before = desk.queries.newest()
    use(desk, NEW_ID)
    assert desk.queries.newest() != before
    assert desk.queries.claim_keys() == desk.queries.hash_keys() == {NEW_ID}


def test_a_key_is_not_replaced_while_a_number_is_claimed_with_it(postgresql: Desk) -> None:
    use(postgresql, OLD_ID)
    first, second = claimed(postgresql, 2)
    with ThreadPoolExecutor(1) as pool:
        with postgresql.engine.begin() as connection:
            postgresql.write_on(connection, accept(first, NUMBER, "old, new"))
            replaced = pool.submit(use, postgresql, NEW_ID)
            assert until(lambda: postgresql.one("SELECT count(*) FROM pg_locks WHERE NOT granted") == 1)
            assert not replaced.done()
        replaced.result()
    assert written(postgresql, accept(second, NUMBER, "new, old")).decision == NUMBER_TAKEN


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rounds=st.lists(
        st.tuples(
            st.lists(st.sampled_from(sorted(RINGS)), min_size=2, max_size=4),
            st.sampled_from([None, OLD_ID, NEW_ID]),
        ),
        min_size=1,
        max_size=4,
    )
)
@pytest.mark.slow
def test_in_whichever_order_keys_are_rolled_a_number_is_held_once(
    postgresql: Desk, rounds: list[tuple[list[str], str | None]]
) -> None:
    """In each round workers with different keys claim one number at once, and another key comes into use meanwhile.
    What they left to others is done at last by one that has both keys.
    """
    postgresql.sql("DELETE FROM jurat_hash_key")
    postgresql.sql("DELETE FROM jurat_claims")
    for rings, key in rounds:
        number, held = next(numbers), claimed(postgresql, len(rings))
        acts = [
            partial(written, postgresql, accept(each, number, ring)) for each, ring in zip(held, rings, strict=True)
        ]
        replacing = [] if key is None else [partial(use, postgresql, key)]
        done = at_once([*acts, *replacing])[: len(acts)]
        left = [each for each in done if isinstance(each.decision, GiveBack)]
        assert all(each not in left for each, ring in zip(done, rings, strict=True) if len(RINGS[ring]) > 1)
        postgresql.set_back("due_at", 60.0, "state = 'pending'")
        again = postgresql.claim("rpps", len(left)) if left else []
        done += [written(postgresql, accept(each, number, ALL)) for each in again]
        accepted = [each for each in done if isinstance(each.decision, Settle)]
        assert len(accepted) == 1, "one participant has it"
        assert len([each for each in done if each.decision == NUMBER_TAKEN]) == len(rings) - 1


# ---------------------------------------------------------------------------------------------------------------- Codes


def test_codes_that_two_import_at_once_are_in_the_list_once(postgresql: Desk) -> None:
    for _ in range(10):
        codes = [clean(generate()) or "" for _ in range(50)]

        def import_with(ring: str, codes: Sequence[str] = codes) -> None:
            import_codes(postgresql.engine, Fingerprints(RINGS[ring]), "spring", codes, ADMIN)

        before = int(postgresql.one("SELECT count(*) FROM jurat_codes"))
        at_once([partial(import_with, ring) for ring in ("old, new", "new, old")])
        assert postgresql.one("SELECT count(*) FROM jurat_codes") == before + len(codes)


def test_codes_are_hashed_with_the_key_in_use_or_not_at_all(desk: Desk) -> None:
    use(desk, NEW_ID)
    code = clean(generate()) or ""
    assert import_codes(desk.engine, Fingerprints(RINGS["old, new"]), "spring", [code], ADMIN) == 1
    assert desk.queries.code_keys("spring") == {NEW_ID}
    with pytest.raises(ConfigurationError, match=NEW_ID):
        import_codes(desk.engine, Fingerprints(RINGS["old"]), "spring", [code], ADMIN)
    with desk.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM jurat_codes")) == 1
