"""Signing up, in and out: names that are the same, sessions that end, and passwords that hold nobody up."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rigs.compiled import with_templates

pytestmark = [pytest.mark.stacks, pytest.mark.usefixtures("libraries")]
PASSWORD = "valmont-example"
MINE = "/en/consultations/budget/access"
HOUR = 3600


class Pages:
    """Accounts on SQLite, without an engine behind them."""

    def __init__(self, file: Path) -> None:
        from examples.platform import town
        from examples.platform.web.app import create_app
        from examples.platform.web.parts import Parts
        from jurat import Client
        from jurat.database import open_engine

        self.file = file
        self.engine = open_engine(f"sqlite:///{file}")
        self.client = Client(f"sqlite:///{file}")
        town.seed(self.engine)
        self.app = with_templates(create_app(Parts(self.engine, self.client, self.engine, lambda: None), b"s" * 40))
        self.app.config["WTF_CSRF_ENABLED"] = False

    def close(self) -> None:
        self.client.close()
        self.engine.dispose()

    def enter(self, path: str, name: str, password: str = PASSWORD) -> tuple[int, Any]:
        """What becomes of the form, and the browser that sent it."""
        browser = self.app.test_client()
        return browser.post(f"/en/{path}", data={"name": name, "password": password}).status_code, browser

    def accounts(self) -> set[str]:
        with self.engine.begin() as connection:
            return {name for (name,) in connection.exec_driver_sql("SELECT name FROM platform_accounts")}

    def knows(self, browser: Any) -> bool:
        """Whether the browser is someone's."""
        return "Sign out" in browser.get("/en/sign-in").text


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    made = Pages(tmp_path_factory.mktemp("accounts") / "valmont.db")
    yield made
    made.close()


# --------------------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize("written", ["Ada", "ADA", " ada ", "\uff21da"])
def test_capitals_and_width_make_no_other_name(pages: Pages, written: str) -> None:
    assert pages.enter("sign-in", written)[0] == 303
    before = pages.accounts()
    status, _ = pages.enter("account/new", written, "another password")
    assert (status, pages.accounts()) == (422, before)


def test_a_name_is_kept_folded(pages: Pages) -> None:
    assert pages.enter("account/new", "  Zoe\u0301   \u3000MÜLLER-Stra\u00dfe ")[0] == 303
    assert "zoé müller-strasse" in pages.accounts()
    assert pages.enter("sign-in", "Zoé Müller-STRASSE")[0] == 303


@pytest.mark.parametrize("written", ["", "   ", "a\0b", "a\u200bda", "a\x1b[31m", "x" * 41, "\ufdfa" * 3])
def test_what_is_no_name_is_told(pages: Pages, written: str) -> None:
    for path in ("sign-in", "account/new"):
        assert pages.enter(path, written)[0] == 422


def test_the_same_form_again_signs_in(pages: Pages) -> None:
    assert pages.enter("account/new", "twice")[0] == 303
    status, browser = pages.enter("account/new", "twice")
    assert status == 303
    assert pages.knows(browser)


# ------------------------------------------------------------------------------------------------------------ sessions


def test_a_cookie_that_was_copied_ends_with_signing_out(pages: Pages) -> None:
    _, browser = pages.enter("sign-in", "ben")
    _, elsewhere = pages.enter("sign-in", "ben")
    kept = browser.get_cookie("valmont").value
    thief = pages.app.test_client()
    thief.set_cookie("valmont", kept)
    assert pages.knows(thief)
    assert "on all your devices" in browser.post("/en/sign-out", follow_redirects=True).text
    for one in (browser, thief, elsewhere):
        assert not pages.knows(one)
        assert one.get(MINE).location.startswith("/en/sign-in")
    thief.set_cookie("valmont", kept)
    thief.post("/en/sign-out")
    _, again = pages.enter("sign-in", "ben")
    thief.set_cookie("valmont", kept)
    thief.post("/en/sign-out")
    assert pages.knows(again), "who has an old cookie ends nobody's session"


@pytest.mark.parametrize(("hours", "lasts"), [(11.9, True), (12.1, False)])
def test_a_session_lasts_half_a_day_from_signing_in(pages: Pages, hours: float, lasts: bool) -> None:
    browser = pages.enter("sign-in", "rhea")[1]
    with browser.session_transaction() as session:
        assert abs(session["since"] - time.time()) < 60
        session["since"] -= int(hours * HOUR)  # and the cookie is signed again, as one is that is used
    assert pages.knows(browser) is lasts


@pytest.mark.parametrize(("hours", "lasts"), [(11.9, True), (12.1, False)])
def test_no_signature_lasts_longer(pages: Pages, hours: float, lasts: bool) -> None:
    from flask.sessions import SecureCookieSessionInterface
    from itsdangerous import TimestampSigner

    serializer = SecureCookieSessionInterface().get_signing_serializer(pages.app)
    assert serializer is not None
    earlier = int(time.time() - hours * HOUR)
    serializer.signer = type("Earlier", (TimestampSigner,), {"get_timestamp": lambda _: earlier})
    browser = pages.app.test_client()
    browser.set_cookie("valmont", str(serializer.dumps({"_flashes": [("message", "kept")]})))
    assert ("kept" in browser.get("/en/").text) is lasts


def test_tables_of_an_older_release_get_what_they_lack(tmp_path: Path) -> None:
    from werkzeug.security import generate_password_hash

    file = tmp_path / "valmont.db"
    with sqlite3.connect(file) as older:
        older.execute(
            "CREATE TABLE platform_accounts "
            "(name TEXT PRIMARY KEY, password TEXT NOT NULL, role TEXT NOT NULL, participant TEXT NOT NULL UNIQUE)"
        )
        for name, role in (
            ("Zoé", "participant"),
            ("Lou", "participant"),
            ("lou", "participant"),
            ("Ole", "administrator"),
        ):
            row = (name, generate_password_hash(PASSWORD), role, f"p-{name}")
            older.execute("INSERT INTO platform_accounts VALUES (?, ?, ?, ?)", row)
    older.close()
    for _ in range(2):
        made = Pages(file)
        for name, is_let_in in (("ada", False), ("Zoé", False), ("lou", False), ("Ole", True)):
            status, browser = made.enter("sign-in", name)
            assert status == 303
            assert made.knows(browser)
            assert (browser.get("/en/office/").status_code != 403) is is_let_in  # 503: there is nothing of jurat here
        assert "ole" not in made.accounts()
        assert "Lou" in made.accounts()  # whose name someone has: an administrator decides
        made.close()


def test_on_postgresql_accounts_of_the_office_move_to_their_table(postgresql_url: str) -> None:
    from sqlalchemy.exc import IntegrityError

    from examples.platform.web import store
    from jurat.database import open_engine

    engine = open_engine(postgresql_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE platform_accounts (name text PRIMARY KEY, password text NOT NULL, role text NOT NULL, "
            "participant text NOT NULL UNIQUE, session integer NOT NULL DEFAULT 0)"
        )
        for name, role in (("noor", "participant"), ("omar", "administrator"), ("mallory", "administrator")):
            row = f"('{name}', '{store.hashed(PASSWORD)}', '{role}', 'p-{name}', 3)"
            connection.exec_driver_sql(f"INSERT INTO platform_accounts VALUES {row}")
    assert store.make_tables(engine) == ["mallory", "omar"], "the output names them, so that strangers can be removed"
    assert store.make_tables(engine) == []
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT name, session FROM platform_accounts").all() == [("noor", 3)]
        recipe = store.recipe_of(connection, "omar", in_office=True)
        assert recipe is not None
        found = store.enter(connection, "omar", store.derived(PASSWORD, recipe), in_office=True)
        assert found == store.Account("omar", store.ADMINISTRATOR, "p-omar", 3)
        with pytest.raises(IntegrityError):
            store.add_officer(connection, "eve", "h", store.PARTICIPANT)
    engine.dispose()


# ------------------------------------------------------------------------------------------------- nobody is held up


def test_a_password_is_hashed_while_others_may_write(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    from examples.platform.web import store

    looked: list[str] = []

    def while_others_write(real: Any) -> Any:
        def hashing(*arguments: Any) -> Any:
            with sqlite3.connect(pages.file, timeout=0) as other:
                other.execute("BEGIN IMMEDIATE")
                other.rollback()
            other.close()
            looked.append(real.__name__)
            return real(*arguments)

        return hashing

    monkeypatch.setattr(store, "derived", while_others_write(store.derived))
    assert pages.enter("account/new", "hasty")[0] == 303
    assert pages.enter("sign-in", "hasty")[0] == 303
    assert looked == ["derived", "derived"]


def test_who_is_nobody_asks_no_database(pages: Pages) -> None:
    """Pages that need nothing of it come while it hangs, and what looks after processes asks nothing at all."""
    from sqlalchemy import event

    asked: list[str] = []
    event.listen(pages.engine, "begin", lambda connection: asked.append("begin"))
    browser = pages.app.test_client()
    assert browser.get("/en/sign-in").status_code == 200
    assert browser.get("/health").status_code == 204
    assert asked == []
    signed_in = pages.enter("sign-in", "cleo")[1]
    asked.clear()
    assert signed_in.get("/health").status_code == 204
    assert asked == []
