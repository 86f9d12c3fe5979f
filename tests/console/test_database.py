"""The login of the console on PostgreSQL: a member of roles, whose rights it takes for one transaction each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from console.database import Database
from jurat.database import open_engine, state_of
from store.requests.code_lists import add_codes
from store.schema.grants import DatabaseRole
from store.schema.memberships import memberships
from tests.console.test_configuration import FORMS, PAGES, applied
from tests.console.test_participants import acts as offered
from tests.console.test_participants import answered, do, find
from tests.console.test_reviews import a_minute_later, decide, waiting
from tests.console.test_sources import ONE, SUSPECT, acts, count, pause
from tests.console.visitor import Site, heading, main
from tests.rigs.logins import Logins, plain
from tests.store.desk import Desk

pytestmark = pytest.mark.slow


@pytest.fixture
def desk(postgresql_url: str) -> Iterator[Desk]:
    desk = Desk(postgresql_url)
    yield desk
    desk.close()


@pytest.fixture
def login(desk: Desk) -> Iterator[Callable[..., str]]:
    """Makes a login that inherits nothing, and is a member of these roles."""
    with Logins(desk.url) as logins:

        def make(*roles: DatabaseRole) -> str:
            url = logins.url(options="NOINHERIT")
            with plain(desk.url) as connection:
                for role in roles:
                    connection.execute(f'GRANT {role} TO "{open_engine(url).url.username}"'.encode())
            return url

        yield make


def test_all_pages_work_for_a_login_that_inherits_nothing(
    desk: Desk, login: Callable[..., str], opened: Callable[..., Site]
) -> None:
    site = opened(login(DatabaseRole.READER, DatabaseRole.REVIEWER))
    check, visitor = waiting(desk), site.signed_in("clerk-7", "reviewer")
    assert "JuratNobodyWorks" in main(visitor.get("/en/"))
    assert visitor.get("/en/reviews/").status_code == 200
    assert visitor.get(f"/en/reviews/{check}").status_code == 200
    decide(visitor, check)
    assert a_minute_later(desk) == 1
    assert desk.verdicts(check) == [("accepted", "person_accepted")]
    assert visitor.get(f"/en/reviews/{check}").status_code == 200


def test_what_the_login_may_not_do_is_not_offered_and_says_so(
    desk: Desk, login: Callable[..., str], opened: Callable[..., Site]
) -> None:
    site = opened(login(DatabaseRole.READER))
    check, visitor = waiting(desk), site.signed_in("clerk-7", "reviewer")
    page = visitor.get(f"/en/reviews/{check}")
    assert "lacks the role jurat_reviewer" in main(page)
    assert 'class="decision"' not in page.text
    answer = visitor.post(f"/en/reviews/{check}", page="/en/", reason="person_accepted")
    assert (answer.status_code, desk.verdicts(check)) == (403, [])


def test_sources_are_run_by_a_login_that_inherits_nothing(
    desk: Desk, login: Callable[..., str], opened: Callable[..., Site]
) -> None:
    visitor = opened(login(DatabaseRole.READER, DatabaseRole.ADMIN)).signed_in("ann", "operator")
    count(desk, "towns", name_differs=5)
    assert visitor.get("/en/sources/").status_code == 200
    pause(visitor)
    visitor.post("/en/sources/towns/resume", page="/en/sources/towns")
    desk.sql(f"{SUSPECT} WHERE name = 'towns'")
    visitor.post("/en/sources/towns/trust")
    assert [act for _, act, _ in acts(desk)] == ["sources pause", "sources resume", "sources trust"]


def test_figures_are_read_by_a_login_that_only_reads(
    desk: Desk, login: Callable[..., str], opened: Callable[..., Site]
) -> None:
    visitor = opened(login(DatabaseRole.READER)).signed_in("ann")
    waiting(desk)
    count(desk, "towns", name_differs=5)
    for path in ("sources/", "sources/towns", "consultations/", "consultations/budget", "consultations/budget.csv"):
        assert visitor.get(f"/en/{path}").status_code == 200


def test_no_source_is_run_by_a_login_that_may_not(
    desk: Desk, login: Callable[..., str], opened: Callable[..., Site]
) -> None:
    visitor = opened(login(DatabaseRole.READER, DatabaseRole.REVIEWER)).signed_in("ann", "operator")
    page = visitor.get("/en/sources/towns")
    assert "lacks the role jurat_admin" in main(page)
    assert 'class="decision"' not in page.text
    for act in ("pause", "resume", "trust"):
        answer = visitor.post(f"/en/sources/towns/{act}", page="/en/", id=ONE, duration="2h", reason="mine")
        assert answer.status_code == 403
    assert acts(desk) == []


def test_a_configuration_is_applied_as_an_administrator_and_read_as_a_reader(
    desk: Desk, login: Callable[..., str], opened: Callable[..., Site]
) -> None:
    add_codes(desk.engine, "spring", ["ab" * 32], "an administrator")
    site = opened(login(DatabaseRole.READER, DatabaseRole.ADMIN))
    visitor = site.signed_in("admin-1", "administrator")
    answer = applied(visitor, lambda text: text.replace("rounds: 3", "rounds: 4"))
    assert (answer.status_code, desk.queries.config_version()) == (303, 2)


def test_a_login_that_may_not_apply_shows_versions_alone(
    desk: Desk, login: Callable[..., str], opened: Callable[..., Site]
) -> None:
    visitor = opened(login(DatabaseRole.READER)).signed_in("admin-1", "administrator")
    page = visitor.get(f"{PAGES}/")
    assert "lacks the role jurat_admin" in main(page)
    assert "/edit" not in page.text
    assert 'action="/en/configuration' not in visitor.get(f"{PAGES}/versions/1").text
    assert visitor.get(f"{PAGES}/edit").status_code == 403
    for path in FORMS:
        assert visitor.post(path, f"{PAGES}/", yaml="sources: {}", after="1").status_code == 403
    assert desk.queries.config_version() == 1


def test_each_act_on_a_participant_works_as_its_role(
    desk: Desk, login: Callable[..., str], opened: Callable[..., Site]
) -> None:
    answered(desk)
    visitor = opened(login(DatabaseRole.READER, DatabaseRole.REVIEWER, DatabaseRole.ADMIN)).signed_in(
        "clerk-7", "reviewer", "administrator"
    )
    page = find(visitor)
    for act in ("revoke", "restore"):
        assert do(visitor, page, act).status_code == 303
    page = do(visitor, page, "transfer", target="p-9", again="p-9").location
    assert do(visitor, page.removesuffix("/in/budget"), "erase", again="p-9").status_code == 303
    assert desk.one("SELECT count(*) FROM jurat_audit WHERE actor = 'clerk-7'") == 3


def test_no_act_on_a_participant_is_offered_without_its_role(
    desk: Desk, login: Callable[..., str], opened: Callable[..., Site]
) -> None:
    check = answered(desk)
    visitor = opened(login(DatabaseRole.READER)).signed_in("clerk-7", "reviewer", "administrator")
    page = find(visitor)
    words = main(visitor.get(page))
    assert "lacks the role jurat_reviewer" in words
    assert "lacks the role jurat_admin" in words
    assert offered(visitor, page) == []
    assert visitor.get(f"{page}/{check}").status_code == 200
    for act in ("revoke", "transfer"):
        assert visitor.get(f"{page}/{act}").status_code == 403
        assert visitor.post(f"{page}/{act}", page=page, target="p-9", again="p-9").status_code == 403


def test_a_login_that_may_nothing_says_so(login: Callable[..., str], opened: Callable[..., Site]) -> None:
    visitor = opened(login()).signed_in("clerk-7", "reviewer")
    assert "lacks the role jurat_reader" in main(visitor.get("/en/"))
    assert heading(visitor.get("/en/reviews/")) == "This does not work at the moment"


def test_a_transaction_has_the_rights_of_its_role_alone(desk: Desk, login: Callable[..., str]) -> None:
    engine = open_engine(login(DatabaseRole.READER, DatabaseRole.REVIEWER, DatabaseRole.ADMIN))
    database = Database(engine)
    engines = {
        DatabaseRole.READER: database.reader,
        DatabaseRole.REVIEWER: database.reviewer,
        DatabaseRole.ADMIN: database.admin,
    }
    for role, each in engines.items():
        with each.begin() as connection:
            assert connection.scalar(text("SELECT current_user")) == role
    with pytest.raises(DBAPIError) as refused, database.reader.begin() as connection:
        connection.execute(text("UPDATE jurat_checks SET state = 'settled'"))
    assert state_of(refused.value) == "42501"
    with pytest.raises(DBAPIError) as refused, engine.begin() as connection:
        connection.execute(text("SELECT count(*) FROM jurat_checks"))
    assert state_of(refused.value) == "42501"
    engine.dispose()


def test_it_knows_the_roles_of_the_login(login: Callable[..., str]) -> None:
    engine = open_engine(login(DatabaseRole.READER, DatabaseRole.ADMIN))
    assert memberships(engine) == {DatabaseRole.READER, DatabaseRole.ADMIN}
    engine.dispose()


def test_a_database_that_is_away_is_said_on_each_page(opened: Callable[..., Site]) -> None:
    site = opened("postgresql://nobody:nothing@127.0.0.1:1/nothing")
    visitor = site.signed_in("clerk-7", "reviewer")
    assert "JuratDatabaseAway" in main(visitor.get("/en/"))
    answer = visitor.get("/en/reviews/")
    assert (answer.status_code, "The database does not answer" in main(answer)) == (503, True)
