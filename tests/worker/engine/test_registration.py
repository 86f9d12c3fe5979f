"""The thread that keeps a worker in the register, with an engine around it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from adapters.fingerprints import Fingerprints
from config.secrets import SecretError
from jurat.database import open_engine
from jurat.seal import Unseal, generate, key_id
from store import workers
from store.queue.claims import Claims
from store.queue.sources import Sources
from store.upkeep.upkeep import Upkeep
from store.verdicts.verdict_writer import VerdictWriter
from store.workers import Fleet, Member, WorkerRow
from tasks.check_runner import CheckRunner
from tests.store.desk import HASH_KEY, PRIVATE_KEY, PUBLIC_KEY, Desk
from tests.worker.engine.works import PATIENCE, Steered, Works, soon
from worker.engine import registration
from worker.engine.engine import Engine, Stores

FINGERPRINTS = Fingerprints([HASH_KEY])


class Registered(Works):
    """An engine that is in the register, with keys of its own."""

    def __init__(
        self, desk: Desk, steered: Steered, *keys: bytes, fingerprints: Fingerprints | None = FINGERPRINTS
    ) -> None:
        super().__init__(desk, steered)
        self.fingerprints = fingerprints
        unseal = Unseal(keys)
        self.member = Member(uuid4(), "here", f"w-{uuid4().hex[:6]}", "0", "0", 4, unseal_keys=tuple(unseal.key_ids))
        claims = Claims(desk.engine, keys=unseal.key_ids)
        stores = Stores(
            claims, VerdictWriter(desk.engine), Upkeep(desk.engine), Sources(desk.engine), Fleet(desk.engine)
        )
        self.given = list(keys)
        """The keys as their file has them now; none if it cannot be read."""

        def read_keys() -> list[str]:
            if not self.given:
                raise SecretError("the folder keys has no keys")
            unseal.replace(self.given)
            claims.keys = frozenset(unseal.key_ids)
            return unseal.key_ids

        runner = CheckRunner(unseal)
        self.engine = Engine(stores, runner, self.plans, slots=4, member=self.member, read_keys=read_keys)

    def close(self) -> None:
        """End it alone: others may run next to it."""
        self.steered.let_go()
        self.stop()
        for registrar in self.engine._registrars:  # no engine waits for long for it
            assert registrar.join(PATIENCE)

    @property
    def row(self) -> WorkerRow | None:
        with self.desk.engine.begin() as connection:
            return next((each for each in workers.workers(connection) if each.id == self.member.id), None)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration, "SEEN_EVERY", 0.2)


@pytest.fixture
def right(desk: Desk, steered: Steered, often: None) -> Iterator[Registered]:
    made = Registered(desk, steered, PRIVATE_KEY)
    yield made
    made.close()


@pytest.fixture
def wrong(desk: Desk, steered: Steered, often: None) -> Iterator[Registered]:
    made = Registered(desk, steered, generate()[0])
    yield made
    made.close()


def test_an_engine_is_in_the_register_while_it_runs(right: Registered) -> None:
    right.start()
    assert soon(lambda: right.row is not None and right.row.ready)
    row = right.row
    assert row is not None
    assert (row.slots, row.config_version, row.sources, row.stopping) == (4, 1, None, False)
    assert right.stop()
    assert right.row is None


@pytest.mark.slow
def test_who_has_read_the_configuration_says_so_at_once(right: Registered, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration, "SEEN_EVERY", 10_000)
    (registrar,) = right.engine._registrars
    registrar.step()
    row = right.row
    assert row is not None
    assert (row.ready, row.config_version) == (False, None)
    assert right.plans.refresh()
    registrar.step()
    row = right.row
    assert row is not None
    assert (row.ready, row.config_version) == (True, 1)
    seen = row.seen_at
    registrar.step()
    row = right.row
    assert row is not None
    assert row.seen_at == seen, "nothing is new"


@pytest.mark.slow
def test_who_is_told_to_end_says_so_while_its_look_ups_run(right: Registered, steered: Steered) -> None:
    steered.hold()
    right.start()
    right.desk.submit()
    assert soon(lambda: steered.at_once == 1)
    right.engine.stop_claiming()
    assert soon(lambda: right.row is not None and right.row.stopping)
    row = right.row
    assert row is not None
    assert (row.ready, row.serves("towns")) == (False, False)
    steered.let_go()
    assert right.stop()


@pytest.mark.slow
def test_a_worker_that_opens_nothing_claims_nothing_and_says_so_once(wrong: Registered, right: Registered) -> None:
    with capture_logs() as logs:
        wrong.start()
        checks = wrong.desk.submit_many(20)
        assert soon(lambda: wrong.row is not None and not wrong.row.ready and wrong.engine.plans.current() is not None)
        assert soon(lambda: any(entry["event"] == "answers wait that no key of this worker opens" for entry in logs))
        before = wrong.row
        assert soon(lambda: wrong.row is not None and before is not None and wrong.row.seen_at > before.seen_at)
        assert wrong.desk.one("SELECT max(fence) FROM jurat_checks") == 0
        right.start()
        assert right.settles(20)
    said = [entry for entry in logs if entry["event"] == "answers wait that no key of this worker opens"]
    assert [entry["keys"] for entry in said] == [[key_id(PUBLIC_KEY)]]
    assert {tuple(wrong.desk.verdicts(check.id)) for check in checks} == {(("accepted", "record_matches"),)}
    assert soon(lambda: wrong.row is not None and wrong.row.ready), "nothing waits any more"


@pytest.mark.slow
def test_a_worker_without_hash_keys_leaves_codes_to_others(postgresql: Desk, steered: Steered, often: None) -> None:
    """It fails no lookup, which would open the breaker for all, and says what it serves."""
    without = Registered(postgresql, steered, PRIVATE_KEY, fingerprints=None)
    postgresql.add_codes()
    without.start()
    code, other = postgresql.submit(question="code"), postgresql.submit("p-2")
    assert without.settles(1)
    assert postgresql.verdicts(other.id) == [("accepted", "record_matches")]
    assert soon(lambda: without.row is not None and without.row.sources == ("ban", "rpps", "towns"))
    assert postgresql.row(code.id, "state, fence, lookups") == ("pending", 0, 0)
    second = Registered(postgresql, steered, PRIVATE_KEY)
    second.start()
    assert second.settles(2)
    assert postgresql.one("SELECT count(*) FROM jurat_attempts WHERE result = 'failed'") == 0
    second.close()
    without.close()


@pytest.mark.slow
def test_a_register_that_cannot_be_written_holds_nobody_up(postgresql: Desk, steered: Steered, often: None) -> None:
    """Another session holds its table: checks get their verdicts, the worker is seen to live, and it ends in time."""
    works = Registered(postgresql, steered, PRIVATE_KEY)
    holding = open_engine(postgresql.url)
    with holding.begin() as holder:
        holder.execute(text("LOCK TABLE jurat_workers IN ACCESS EXCLUSIVE MODE"))
        works.start()
        postgresql.submit_many(8)
        assert works.settles(8)
        begun = time.monotonic()
        assert works.stop(PATIENCE)
        assert time.monotonic() - begun < PATIENCE / 2
    holding.dispose()
    works.close()


def test_a_key_that_is_added_while_it_runs_opens_what_waits(wrong: Registered, desk: Desk) -> None:
    desk.submit()
    wrong.start()
    assert soon(lambda: wrong.engine.status.facts().strange)
    assert wrong.settled == 0
    wrong.given.append(PRIVATE_KEY)  # as `keys add` does
    assert soon(lambda: wrong.row is not None and len(wrong.row.unseal_keys) == 2)
    assert wrong.settles(1)


def test_a_key_that_is_taken_away_is_no_longer_there(right: Registered, desk: Desk) -> None:
    private, public = generate()
    right.given.append(private)
    right.start()
    assert soon(lambda: right.row is not None and len(right.row.unseal_keys) == 2)
    right.given.remove(PRIVATE_KEY)
    assert soon(lambda: right.row is not None and right.row.unseal_keys == (key_id(public),))
    desk.submit()
    assert soon(lambda: right.engine.status.facts().strange), "it leaves the answer to others"
    assert right.settled == 0


def test_while_its_keys_cannot_be_read_it_keeps_those_that_it_has(right: Registered, desk: Desk) -> None:
    right.given.clear()
    with capture_logs() as logs:
        right.start()
        desk.submit()
        assert right.settles(1)
        assert soon(lambda: any(each["event"] == "keys unreadable" for each in logs))
    assert right.row is not None
    assert right.row.unseal_keys == right.member.unseal_keys
    assert [each["why"] for each in logs if each["event"] == "keys unreadable"] == ["the folder keys has no keys"]
