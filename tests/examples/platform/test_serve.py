"""The platform as Compose runs it: PostgreSQL, Valkey, workers and the web tier as processes of their own."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import requests
from psycopg.errors import InsufficientPrivilege

from jurat.database import open_engine
from tests.examples.platform.fleet import Fleet
from tests.examples.platform.processes import Alone
from tests.examples.platform.visitor import PASSWORD, Visitor
from tests.examples.stacks.runtimes import EXAMPLES, ROOT

pytestmark = pytest.mark.stacks
HOME = {"number": "6", "street": "Rue des Tanneurs", "postcode": "99001", "city": "Valmont"}
BORDER = {"number": "28", "street": "Rue du Passage", "postcode": "99001", "city": "Valmont"}
PHYSICIAN = {"number": "9000010000", "family_name": "Valombre", "given_name": "Iris"}
TYPED = ("Tanneurs", "Passage", "Valombre", "99001")


PATIENCE_S = 60.0
HELD_S = 3.0
"""How long a page is held up: longer than a server takes to end that waits for none."""


def eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture(scope="module")
def web(fleet: Fleet, wheel_alone: Path) -> Iterator[Alone]:
    with contextlib.closing(Alone(wheel_alone, fleet.web)) as started:
        started.start()
        yield started
        assert [word for word in TYPED if word in started.log + fleet.worker.log] == []
        assert "Traceback" not in started.log


def test_the_way_to_the_vote(fleet: Fleet, web: Alone) -> None:
    with Visitor(web.address, "fr") as visitor:
        visitor.sign_in("ada")
        assert visitor.answer("budget", "residence", **HOME).word == "accepted"
        assert visitor.answer("budget", "code", code=next(fleet.codes)).word == "accepted"
        voted = visitor.send(visitor.get("consultations/budget/vote"), proposal=["fountain", "fountain", "stairs"])
        assert (voted.status, voted.path) == (200, "/fr/consultations/budget")
    votes = fleet.sql("postgres", "SELECT proposal FROM platform_votes ORDER BY proposal")
    assert votes == [("fountain",), ("stairs",)], "each counts once, however often it was sent"


def test_what_an_accepted_answer_has_ended_is_not_taken_from_another_window(fleet: Fleet, web: Alone) -> None:
    with Visitor(web.address) as one, Visitor(web.address) as other:
        name = {"name": "noor", "password": PASSWORD}
        one.send(one.get("account/new"), **name)
        other.send(other.get("sign-in"), **name)
        assert one.answer("budget", "residence", **HOME).word == "accepted"
        asked = other.to_confirm("budget", "proof", statement="I run a stall on the herb market.")
        assert one.answer("budget", "code", code=next(fleet.codes)).word == "accepted"
        page = other.send(asked)
        assert page.path == "/en/consultations/budget/access"
        assert "You do not need to answer this question any more" in page.main


def test_of_two_votes_that_are_sent_at_once_one_counts(fleet: Fleet, web: Alone) -> None:
    """Two windows of one person: what comes second waits for the first, and takes its place."""
    from examples.platform.web import store

    engine = open_engine(fleet.url.render_as_string())
    with engine.connect() as first, engine.connect() as second, ThreadPoolExecutor() as threads:
        store.keep_vote(first, "budget", "p-two-windows", {"fountain", "stairs", "library"})
        later = threads.submit(store.keep_vote, second, "budget", "p-two-windows", {"fountain", "courtyard"})
        waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid <> pg_backend_pid()"
        end = time.monotonic() + 20
        while not fleet.sql("postgres", waits):
            assert time.monotonic() < end, "it did not wait"
            time.sleep(0.02)
        first.commit()
        later.result(timeout=20)
        second.commit()
        assert sorted(store.find_vote(second, "budget", "p-two-windows")) == ["courtyard", "fountain"]
    engine.dispose()


def test_who_waits_is_decided_about_by_a_person(fleet: Fleet, web: Alone) -> None:
    with Visitor(web.address) as visitor:
        visitor.sign_in("cleo")
        page = visitor.answer("budget", "residence", **BORDER)
        assert page.word == "review"
        engine = open_engine(fleet.url.render_as_string(hide_password=False))
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "SELECT jurat_decide(check_id, 'person_accepted', 'rhea') FROM jurat_review_queue"
            )
        engine.dispose()
        eventually(lambda: visitor.get(page.path).word == "accepted")


def test_an_administrator_makes_codes_that_open_the_door(fleet: Fleet, web: Alone) -> None:
    with Visitor(web.address, "fr") as visitor:
        visitor.sign_in("omar")
        for path in ("office/", "office/consultations/budget"):
            assert visitor.get(path).status == 200
        made = visitor.send(visitor.get("office/codes/"), list="letters", count="2")
        (code, _other) = made.tree.xpath("//p[@class='code']/text()")
    with Visitor(web.address) as visitor:
        visitor.send(visitor.get("account/new"), name=secrets.token_hex(4), password="12345678")
        visitor.answer("budget", "residence", **HOME)
        eventually(lambda: fleet.sql("postgres", "SELECT count(*) FROM jurat_codes") == [(14,)])
        assert visitor.answer("budget", "code", code=code).word == "accepted"


def test_a_verdict_is_contested(fleet: Fleet, web: Alone) -> None:
    with Visitor(web.address) as visitor:
        visitor.sign_in("ben")
        page = visitor.answer(
            "budget", "residence", number="12", street="Quai des Sardiniers", postcode="99002", city="Valmont"
        )
        assert page.word == "refused"
        visitor.send(visitor.get(f"{page.path}/contest"), note="I moved in May.")
        eventually(lambda: visitor.get(page.path).word == "review")


def test_somebody_new_makes_an_account_and_asks_the_register(fleet: Fleet, web: Alone) -> None:
    with Visitor(web.address) as visitor:
        page = visitor.send(visitor.get("account/new"), name=secrets.token_hex(4), password="12345678")
        assert page.status == 200
        assert visitor.answer("care", "profession", **PHYSICIAN).word == "accepted"


FLOORS = ("cli", "worker", "store", "tasks", "adapters", "config")
NEVER = (*FLOORS, "pydantic", "shapely")


def test_it_imports_nothing_of_the_service(fleet: Fleet, web: Alone) -> None:
    asked = web.run(
        "-c",
        "import sys, examples.platform.serve, examples.platform.prepare, jurat\n"
        f"for name in {NEVER}:\n"
        "    try: __import__(name)\n"
        "    except ImportError: print(name)\n"
        "print('site-packages' in jurat.__file__)",
    )
    assert asked.stdout.split() == [
        "cli",
        "worker",
        "store",
        "tasks",
        "adapters",
        "config",
        "pydantic",
        "shapely",
        "True",
    ], asked.stderr


# ---------------------------------------------------------------------------------------------------------- its rights


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT answer FROM jurat_checks",
        "UPDATE jurat_checks SET state = 'settled'",
        "INSERT INTO jurat_verdicts SELECT * FROM jurat_verdicts",
        "UPDATE jurat_access SET access = 'granted'",
        "SELECT * FROM jurat_review_queue",
        "SELECT * FROM jurat_audit",
        "SELECT * FROM jurat_codes",
        "SELECT jurat_decide(check_id => gen_random_uuid(), reason => 'person_accepted', by_whom => 'ada')",
        "SELECT jurat_open_review(check_id => gen_random_uuid(), by_whom => 'ada')",
        "SELECT jurat_add_codes(NULL, NULL, NULL)",
        "UPDATE platform_office SET role = 'administrator'",
        "UPDATE platform_accounts SET password = ''",
        "DELETE FROM platform_accounts",
        "DELETE FROM platform_answers",
        "UPDATE platform_answers SET participant = 'p'",
        "INSERT INTO platform_consultations SELECT * FROM platform_consultations",
        "SELECT * FROM platform_drafts",
        "DROP TABLE platform_votes",
        "CREATE TABLE mine (id int)",
    ],
)
def test_the_pages_of_participants_may_do_nothing_of_the_office(fleet: Fleet, statement: str) -> None:
    if "jurat_add_codes" in statement:  # its arguments differ between releases
        named = "FROM pg_proc WHERE proname IN ('jurat_add_codes', 'jurat_try_add_codes')"
        rights = f"SELECT has_function_privilege('web', oid, 'EXECUTE') {named}"
        assert {may for (may,) in fleet.sql("postgres", rights)} == {False}
        return
    with pytest.raises((InsufficientPrivilege, psycopg.errors.UndefinedFunction)):
        fleet.sql("web", statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT answer FROM jurat_checks",
        "UPDATE jurat_checks SET state = 'settled'",
        "INSERT INTO jurat_verdicts SELECT * FROM jurat_verdicts",
        "UPDATE jurat_access SET access = 'granted'",
        "SELECT note FROM jurat_requests",
        "DELETE FROM jurat_audit",
        "SELECT * FROM jurat_codes",
        "SELECT * FROM platform_accounts",
        "SELECT * FROM platform_answers",
        "SELECT participant FROM platform_votes",
        "UPDATE platform_consultations SET title = '{}'",
        "UPDATE platform_drafts SET owner = 'omar'",
        "SELECT jurat_decide(check_id => gen_random_uuid(), reason => 'person_accepted', by_whom => 'rhea')",
        "SELECT jurat_open_review(check_id => gen_random_uuid(), by_whom => 'rhea')",
        "CREATE TABLE mine (id int)",
    ],
)
def test_the_pages_of_the_office_read_nobodys_answer(fleet: Fleet, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        fleet.sql("office", statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM jurat_review_queue",
        "SELECT * FROM jurat_code_lists",
        "SELECT * FROM jurat_zone_outlines",
        "SELECT * FROM jurat_criteria",
        "SELECT * FROM platform_consultations",
        "SELECT * FROM platform_drafts FOR UPDATE",
        "SELECT count(consultation) FROM platform_votes",
    ],
)
def test_the_pages_of_the_office_may_do_their_work(fleet: Fleet, statement: str) -> None:
    fleet.sql("office", statement)


def test_the_rights_of_the_office_are_those_that_its_pages_name() -> None:
    """They are in the pages' own text as well, where readers look."""
    listed = set(
        re.findall(r"^    (GRANT .*;)$", (EXAMPLES / "platform/web/office.py").read_text("utf-8"), re.MULTILINE)
    )
    files = [EXAMPLES / "platform" / name for name in ("users.sql", "rights.sql")]
    given = [line for file in files for line in file.read_text("utf-8").splitlines()]
    assert listed == {line for line in given if line.endswith("TO office;")}


def test_a_password_stands_in_no_statement(fleet: Fleet) -> None:
    ((known,),) = fleet.sql("postgres", "SELECT rolpassword FROM pg_authid WHERE rolname = 'web'")
    assert known.startswith("SCRAM-SHA-256$")


# ------------------------------------------------------------------------------------------------------ start and stop


def test_a_page_that_is_being_made_is_sent_to_its_end(fleet: Fleet, wheel_alone: Path) -> None:
    """Nobody new is let in meanwhile. The page takes as long as someone holds the table that it writes to."""
    with (
        contextlib.closing(Alone(wheel_alone, fleet.web)) as web,
        Visitor(web.address) as visitor,
        ThreadPoolExecutor(2) as threads,
    ):
        web.start()
        visitor.send(visitor.get("account/new"), name=secrets.token_hex(4), password="12345678")
        page = visitor.to_confirm("budget", "residence", **HOME)
        (form,) = page.tree.xpath("//main//form")
        fields = {field.get("name"): field.get("value") for field in form.xpath(".//input")}
        with psycopg.connect(fleet.url.set(drivername="postgresql").render_as_string()) as holding:
            holding.execute("LOCK TABLE platform_answers IN ACCESS EXCLUSIVE MODE")
            confirmed = threads.submit(
                visitor.session.post, page.url, data=fields, allow_redirects=False, timeout=PATIENCE_S
            )
            eventually(lambda: fleet.sql("postgres", "SELECT count(*) FROM pg_locks WHERE NOT granted") == [(1,)])
            ended = threads.submit(web.end, signal.SIGTERM)
            eventually(lambda: not web._answers())
            time.sleep(HELD_S)
            assert not confirmed.done()
            assert not ended.done()
            holding.rollback()
        assert confirmed.result().status_code == 303
        assert ended.result() == 0


def test_browsers_reach_it_by_https_through_a_proxy(fleet: Fleet, wheel_alone: Path) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "valmont.example", "X-Forwarded-For": "192.0.2.7"}
    settings = {"HTTPS": "true", "PROXIES": "1", "ADDRESS": "https://valmont.example"}
    with contextlib.closing(Alone(wheel_alone, {**fleet.web, **settings})) as web:
        web.start()
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(f"{web.address}/en/sign-in", headers=headers, timeout=30)
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
            kept = answer.headers["Set-Cookie"]
            assert kept.startswith("__Host-valmont=")
            for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
                assert word in kept
            # Over https the token alone is not enough: the page that sends the form is looked at as well.
            token = Visitor(web.address)._page(answer).tree.xpath("//input[@name='csrf_token']/@value")[0]
            fields = {"csrf_token": token, "name": "ada", "password": "valmont-example"}
            cookie = {"Cookie": kept.split(";")[0]}
            for referer, status in (("https://valmont.example/en/sign-in", 303), ("https://elsewhere.example/", 400)):
                sent = session.post(
                    f"{web.address}/en/sign-in",
                    data=fields,
                    headers={**headers, **cookie, "Referer": referer},
                    allow_redirects=False,
                    timeout=30,
                )
                assert sent.status_code == status


def test_a_proxy_that_nobody_named_is_not_believed(web: Alone) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "elsewhere.example"}
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(f"{web.address}/", headers=headers, allow_redirects=False, timeout=30)
        assert "elsewhere" not in answer.text + answer.headers["Location"]


def test_what_is_missing_is_reported_all_at_once(fleet: Fleet, wheel_alone: Path, tmp_path: Path) -> None:
    with contextlib.closing(Alone(wheel_alone, {})) as web:
        ended = web.run("-m", "examples.platform.serve")
        assert (ended.returncode, ended.stdout) == (2, "")
        for name in ("DATABASE_URL", "OFFICE_DATABASE_URL", "JURAT_SEAL_KEY", "PLATFORM_SECRET"):
            assert f"valmont: {name} is not set: " in ended.stderr
    wrong = {**fleet.web, "PLATFORM_SECRET": "short", "HTTPS": "yes", "PORT": "http", "PROXIES": "-1"}
    for settings, messages in (
        (wrong, ["PLATFORM_SECRET is too short", "HTTPS must be", "PORT is not a port", "PROXIES must be the number"]),
        ({**fleet.web, "ADDRESS": "x"}, ["ADDRESS is not an address"]),
        ({**fleet.web, "HTTPS": "true"}, ["ADDRESS is not set"]),
        ({**fleet.web, "PROXIES": "1"}, ["ADDRESS is not set"]),
        ({**fleet.web, "HTTPS": "true", "ADDRESS": "http://valmont.example"}, ["HTTPS=true it begins with https://"]),
        ({**fleet.web, "ADDRESS": "https://valmont.example"}, ["HTTPS=false it begins with http://"]),
        ({**fleet.web, "ADDRESS": "http://valmont.example:x/"}, ["ADDRESS is not an address"]),
        ({**fleet.web, "JURAT_SEAL_KEY_FILE": "/dev/null"}, ["JURAT_SEAL_KEY and JURAT_SEAL_KEY_FILE are both set"]),
        ({**fleet.web, "DATABASE_URL": "mysql://h/d"}, ["neither PostgreSQL nor SQLite"]),
        ({**fleet.web, "JURAT_SEAL_KEY": "no-key"}, ["seal_key"]),
        ({**fleet.web, "PLATFORM_SECRET": "", "PLATFORM_SECRET_FILE": str(tmp_path / "none")}, ["cannot be read"]),
        ({**fleet.web, "TIMEZONE": "Valmont"}, ["TIMEZONE is not a time zone"]),
        ({**fleet.web, "PRIVACY_URL": "javascript:alert()"}, ["PRIVACY_URL is not an address"]),
        ({**fleet.web, "HOST": "192.0.2.1"}, ["cannot be used"]),
    ):
        with contextlib.closing(Alone(wheel_alone, settings)) as web:
            if "PORT" in settings:
                web._environment = lambda own=web._environment, more=settings: {**own(), **more}  # type: ignore[method-assign, misc]
            ended = web.run("-m", "examples.platform.serve")
        assert (ended.returncode, ended.stdout) == (2, "")
        for words in messages:
            assert words in ended.stderr
        assert "Traceback" not in ended.stderr
        assert "p@ss" not in ended.stderr


def test_secrets_come_from_files(fleet: Fleet, wheel_alone: Path, tmp_path: Path) -> None:
    settings = {}
    for name, value in fleet.web.items():
        (tmp_path / name).write_text(f"{value}\n", "utf-8")
        settings[f"{name}_FILE"] = str(tmp_path / name)
    with contextlib.closing(Alone(wheel_alone, settings)) as web:
        web.start()
        with Visitor(web.address) as visitor:
            assert visitor.sign_in("omar").status == 200
        assert web.end(signal.SIGTERM) == 0


def test_users_that_rights_do_not_name_are_told(fleet: Fleet, wheel_alone: Path) -> None:
    owner = {"OWNER_DATABASE_URL": fleet.url.render_as_string()}
    for settings, messages in (
        ({**fleet.web, **owner, "DATABASE_URL": owner["OWNER_DATABASE_URL"]}, "the user `web`"),
        (fleet.web, "OWNER_DATABASE_URL is not set"),
        ({**fleet.web, "OWNER_DATABASE_URL": fleet.web["DATABASE_URL"]}, "could not be prepared"),
    ):
        with contextlib.closing(Alone(wheel_alone, settings)) as web:
            ended = web.run("-m", "examples.platform.prepare")
        assert ended.returncode in {1, 2}
        assert messages in ended.stderr
        assert "Traceback" not in ended.stderr
        assert "p@ss" not in ended.stderr


def test_the_service_needs_nothing_of_the_platform_to_seed() -> None:
    """In its image there is no Flask."""
    without = "import sys; sys.modules.update(flask=None, werkzeug=None, babel=None, waitress=None)"
    asked = subprocess.run(
        [sys.executable, "-P", "-c", f"{without}; import examples.platform.seed, examples.sources.__main__"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (asked.returncode, asked.stderr) == (0, "")


def test_the_web_tier_has_no_part_of_the_service() -> None:
    """The same of its text, so that no path that tests do not take brings any of it in."""
    alone = [EXAMPLES / "platform" / name for name in ("serve.py", "prepare.py", "town.py")]
    for file in [*alone, *(EXAMPLES / "platform" / "web").glob("*.py")]:
        for layer in FLOORS:
            for line in file.read_text("utf-8").splitlines():
                assert not line.strip().startswith((f"from {layer}", f"import {layer}")), f"{file.name}: {line}"
