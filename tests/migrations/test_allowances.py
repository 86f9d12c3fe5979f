"""How many transfers and erasures a platform may ask for in an hour, on PostgreSQL; and that operators are told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, make_url

from jurat import Client, LimitReached, RequestState
from jurat.database import open_engine
from jurat.ids import uuid7
from jurat.seal import key_to_text
from store.monitoring.fleet_reader import FleetReader
from store.requests.allowances import reached_limits
from store.requests.request_rows import Request, RequestKind
from store.requests.request_runner import Requests
from store.requests.withdrawals import delayed_requests, withdraw
from store.schema.grants import DatabaseRole
from tests.cli.shell import Shell
from tests.rigs.logins import Logins, plain
from tests.store.desk import PUBLIC_KEY, Desk

PER_HOUR = 100
"""What a user may, to whom nobody gave another number."""


@dataclass(frozen=True)
class Town:
    """A database with a platform on it that may ask for so many in an hour."""

    desk: Desk
    logins: Logins
    client: Client
    engine: Engine
    login: str

    def may(self, per_hour: int) -> None:
        """An administrator says so."""
        with self.logins.connection(DatabaseRole.ADMIN) as admin:
            admin.execute(
                "INSERT INTO jurat_allowances (login, per_hour) VALUES (%s, %s) "
                "ON CONFLICT (login) DO UPDATE SET per_hour = excluded.per_hour",
                (self.login, per_hour),
            )

    def waits(self, seconds: float) -> None:
        """What the platform asks for can be withdrawn for so long."""
        with self.logins.connection(DatabaseRole.ADMIN) as admin:
            admin.execute(
                "INSERT INTO jurat_allowances (login, per_hour, delay_s) VALUES (%s, 100, %s) "
                "ON CONFLICT (login) DO UPDATE SET delay_s = excluded.delay_s",
                (self.login, seconds),
            )

    def erase(self, *participants: str) -> None:
        with self.engine.begin() as connection:
            for participant in participants:
                self.client.erase(connection, participant=participant)

    def asked(self) -> int:
        return int(self.desk.one("SELECT count(*) FROM jurat_requests"))


@pytest.fixture
def town(postgresql_url: str) -> Iterator[Town]:
    desk = Desk(postgresql_url)
    with Logins(postgresql_url) as logins:
        url = logins.url(DatabaseRole.ACCOUNTS)
        client, engine = Client(url, seal_key=key_to_text(PUBLIC_KEY)), open_engine(url)
        yield Town(desk, logins, client, engine, make_url(url).username or "")
        client.close()
        engine.dispose()
    desk.close()


@pytest.mark.slow
def test_a_platform_erases_a_hundred_in_an_hour_and_no_more(town: Town) -> None:
    desk = town.desk
    desk.submit_many(PER_HOUR + 2)
    town.erase(*(f"p-{n}" for n in range(PER_HOUR)))
    with pytest.raises(
        LimitReached, match=f"may ask for {PER_HOUR} transfers and erasures an hour, and for no more before"
    ):
        town.erase(f"p-{PER_HOUR}")
    assert town.asked() == PER_HOUR
    while desk.upkeep.do_requests():
        pass
    assert desk.one("SELECT count(*) FROM jurat_checks WHERE participant LIKE 'p-%'") == 2


def test_transfers_count_as_well_and_the_transaction_stays_usable(town: Town) -> None:
    town.may(2)
    town.desk.submit("p-1")
    with town.engine.begin() as connection:
        first = town.client.transfer(connection, consultation="budget", participant="p-1", target="p-2", by="a clerk")
        town.client.erase(connection, participant="p-3")
        with pytest.raises(LimitReached):
            town.client.transfer(connection, consultation="budget", participant="p-1", target="p-4", by="a clerk")
        with pytest.raises(LimitReached):
            town.client.erase(connection, participant="p-5")
    assert town.asked() == 2
    assert town.desk.upkeep.do_requests() == 2
    assert town.client.request(first).state is RequestState.DONE


@pytest.mark.parametrize(
    "call",
    ["SELECT jurat_erase('p-9')", "SELECT jurat_transfer('budget', 'p-1', 'p-9', 'a clerk')"],
)
def test_the_functions_fail_with_a_sqlstate_of_their_own(town: Town, call: str) -> None:
    town.may(1)
    town.erase("p-1")
    with (
        town.logins.connection(DatabaseRole.ACCOUNTS) as platform,
        pytest.raises(psycopg.Error, match="no more before") as told,
    ):
        platform.execute(call.encode())
    assert told.value.sqlstate == "JU013"
    assert "per_hour in jurat_allowances" in (told.value.diag.message_hint or "")
    assert town.asked() == 1


def test_the_same_request_again_is_not_counted_again(town: Town) -> None:
    town.may(2)
    same = uuid7()
    for _ in range(5):
        with town.engine.begin() as connection:
            assert town.client.erase(connection, participant="p-1", id=same) == same
    town.erase("p-2")
    with pytest.raises(LimitReached):
        town.erase("p-3")


def test_what_is_rolled_back_is_not_counted(town: Town) -> None:
    town.may(1)
    with town.engine.connect() as connection, connection.begin() as transaction:
        town.client.erase(connection, participant="p-1")
        transaction.rollback()
    town.erase("p-2")
    assert town.asked() == 1


def test_after_an_hour_as_many_may_be_asked_for_again(town: Town) -> None:
    town.may(1)
    town.erase("p-1")
    with pytest.raises(LimitReached):
        town.erase("p-2")
    town.desk.sql("UPDATE jurat_allowances SET began_at = NOW(-3601)")
    town.erase("p-2")
    with pytest.raises(LimitReached):
        town.erase("p-3")
    town.desk.sql("UPDATE jurat_allowances SET began_at = NOW(3600)")  # the clock went back
    town.erase("p-3")


def test_many_at_once_count_as_many(town: Town) -> None:
    """Eight connections, each of which would be one below the limit."""
    town.may(4)
    start, said = threading.Barrier(8), []

    def ask(number: int) -> None:
        with plain(town.logins.url(DatabaseRole.ACCOUNTS)) as platform:
            start.wait(60)
            try:
                platform.execute("SELECT jurat_erase(%s)", (f"p-{number}",))
            except psycopg.Error as error:
                said.append(error.sqlstate)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == ["JU013"] * 4
    assert town.asked() == 4


def test_an_administrator_and_the_owner_ask_for_as_many_as_they_like(town: Town) -> None:
    town.desk.submit_many(3)
    for role in (DatabaseRole.ADMIN, None):
        engine = open_engine(town.logins.url(role) if role else town.desk.url)
        login = engine.url.username
        with plain(town.desk.url) as owner:
            owner.execute("INSERT INTO jurat_allowances (login, per_hour) VALUES (%s, 0)", (login,))
        client = Client(engine.url.render_as_string(hide_password=False), seal_key=key_to_text(PUBLIC_KEY))
        with engine.begin() as connection:
            for n in range(3):
                client.erase(connection, participant=f"q-{n}")
        Requests(engine).do(Request(uuid7(), RequestKind.ERASE, "a clerk", "budget", "p-1"))
        client.close()
        engine.dispose()
    assert town.asked() == 8


def test_a_platform_gives_itself_no_more(town: Town) -> None:
    town.may(1)
    town.erase("p-1")
    with town.logins.connection(DatabaseRole.ACCOUNTS) as platform:
        for attack in (
            "UPDATE jurat_allowances SET per_hour = 1000",
            "UPDATE jurat_allowances SET used = 0",
            "DELETE FROM jurat_allowances",
            "INSERT INTO jurat_allowances (login, per_hour) VALUES ('me', 9)",
            "SELECT * FROM jurat_allowances",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                platform.execute(attack.encode())
        platform.execute(
            "CREATE TEMP TABLE jurat_allowances (login text PRIMARY KEY, per_hour int, began_at timestamptz, "
            "used int, reached_at timestamptz)"
        )
        with pytest.raises(psycopg.Error) as told:
            platform.execute("SELECT public.jurat_erase('p-2')")
    assert told.value.sqlstate == "JU013"


def test_whoever_reached_the_limit_is_told_for_a_day(town: Town) -> None:
    town.may(2)
    town.erase("p-1")
    assert reached_limits(town.desk.engine) == []
    town.erase("p-2")
    with pytest.raises(LimitReached):
        town.erase("p-3")
    ((found),) = reached_limits(town.desk.engine)
    assert (found.login, found.per_hour) == (town.login, 2)
    town.desk.sql("UPDATE jurat_allowances SET reached_at = NOW(-90000)")
    assert reached_limits(town.desk.engine) == []


def test_doctor_and_the_health_of_sources_fail_while_it_is_told(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(role: DatabaseRole, *words: str) -> Any:
        environment = {"JURAT_DATABASE_URL": town.logins.url(role), "JURAT_BROKER_URL": "none"}
        return Shell(tmp_path, environment, monkeypatch)(*words)

    assert told(DatabaseRole.READER, "sources", "health").code == 0
    town.may(1)
    town.erase("p-1")
    for role, words in (
        (DatabaseRole.READER, ("sources", "health")),
        (DatabaseRole.ADMIN, ("sources", "health")),
        (DatabaseRole.WORKER, ("doctor",)),
    ):
        ran = told(role, *words)
        assert ran.code in (1, 3), ran
        assert f"{town.login} asked for 1 transfers and erasures within an hour, which is its limit" in ran.out
    assert told(DatabaseRole.READER, "sources", "health").code == 1


# ----------------------------------------------------------------------------------------------------------- the delay


def test_what_can_be_withdrawn_waits_and_keeps_nothing_else_waiting(town: Town) -> None:
    town.waits(3600)
    town.desk.submit_many(3)
    town.erase("p-1")
    assert town.desk.upkeep.do_requests() == 0
    assert town.desk.one("SELECT count(*) FROM jurat_checks WHERE participant = 'p-1'") == 1
    with town.desk.engine.begin() as connection:
        assert FleetReader(town.desk.engine).read(connection).requests["erase"].age == 0.0
    requests = Requests(town.desk.engine)
    requests.do(Request(uuid7(), RequestKind.REVOKE, "a clerk", consultation="budget", participant="p-1"))
    assert town.desk.upkeep.do_requests() == 0
    assert town.desk.access("p-1") == "blocked"
    requests.do(Request(uuid7(), RequestKind.ERASE, "a clerk", participant="p-1"))
    assert town.desk.one("SELECT count(*) FROM jurat_checks WHERE participant = 'p-1'") == 0


def test_when_its_time_has_come_it_is_done(town: Town) -> None:
    town.waits(3600)
    town.desk.submit_many(2)
    town.erase("p-0", "p-1")
    town.desk.sql("UPDATE jurat_requests SET apply_from = NOW(-1) WHERE participant = 'p-1'")
    assert town.desk.upkeep.do_requests() == 1
    assert town.desk.sql("SELECT participant FROM jurat_checks WHERE participant LIKE 'p-%'") == [("p-0",)]


def test_an_administrator_withdraws_all_of_a_login(town: Town) -> None:
    town.waits(3600)
    town.desk.submit_many(3)
    town.erase("p-0", "p-1")
    with town.engine.begin() as connection:
        moved = town.client.transfer(connection, consultation="budget", participant="p-2", target="p-9", by="a clerk")
    engine = open_engine(town.logins.url(DatabaseRole.ADMIN))
    assert sorted(each.kind for each in delayed_requests(engine)) == ["erase", "erase", "transfer"]
    assert withdraw(engine, "Iris", login="another") == []
    assert [each.id for each in withdraw(engine, "Iris", ids=[moved])] == [moved]
    assert town.client.request(moved).state is RequestState.REFUSED
    assert len(withdraw(engine, "Iris", login=town.login)) == 2
    assert withdraw(engine, "Iris", login=town.login) == []
    engine.dispose()
    assert town.desk.upkeep.do_requests() == 0
    assert town.desk.one("SELECT count(*) FROM jurat_checks WHERE participant LIKE 'p-%'") == 3
    assert town.desk.one("SELECT count(*) FROM jurat_audit WHERE action = 'withdraw' AND actor = 'Iris'") == 3


@pytest.mark.parametrize("kind", ["erase", "transfer"])
def test_no_login_of_a_worker_does_it_earlier(town: Town, kind: str) -> None:
    """Nor does a worker of before, which knows of no delay."""
    town.waits(3600)
    town.desk.submit("p-1")
    to = "erased-1" if kind == "erase" else "p-9"
    with town.engine.begin() as connection:
        if kind == "erase":
            town.client.erase(connection, participant="p-1")
        else:
            town.client.transfer(connection, consultation="budget", participant="p-1", target=to, by="a clerk")
    rename = f"UPDATE jurat_checks SET participant = '{to}', answer = NULL, reply_key = NULL"
    with town.logins.connection(DatabaseRole.WORKER) as worker:
        for statement in ("UPDATE jurat_requests SET apply_from = now()", rename):
            with pytest.raises(psycopg.Error), worker.transaction(force_rollback=True):
                worker.execute(statement.encode())
        town.desk.sql("UPDATE jurat_requests SET apply_from = NOW(-1)")
        with worker.transaction(force_rollback=True):
            worker.execute(rename.encode())


def test_the_command_lists_and_withdraws(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = Shell(tmp_path, {"JURAT_DATABASE_URL": town.logins.url(DatabaseRole.ADMIN)}, monkeypatch)
    assert shell("withdraw").err == "nothing can be withdrawn\n"
    town.waits(3600)
    town.desk.submit("p-1")
    town.erase("p-1")
    (listed,) = shell("withdraw", "--json").json
    assert "p-1" not in shell("withdraw").out
    ran = shell("withdraw", listed["id"], "--as", "Iris")
    assert (ran.code, ran.err) == (0, "withdrew 1 request\n")
    assert shell("withdraw", "--login", town.login).code == 1
