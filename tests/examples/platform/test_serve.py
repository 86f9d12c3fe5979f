"""The platform as Compose runs it: PostgreSQL, Valkey, workers and the web tier as processes of their own."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest
import requests
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import make_url

from examples.sources.server import Sources
from jurat.sealing import generate, key_to_text
from tests.docs.pages import block
from tests.examples.platform.processes import Alone, missing
from tests.examples.platform.visitor import Visitor
from tests.examples.stacks.runtimes import EXAMPLES, ROOT
from tests.rigs.servers import NoServer, PostgreSQL
from tests.rigs.workers import Worker

pytestmark = pytest.mark.stacks
README = EXAMPLES / "platform" / "README.md"
HOME = {"number": "6", "street": "Rue des Tanneurs", "postcode": "99001", "city": "Valmont"}
BORDER = {"number": "28", "street": "Rue du Passage", "postcode": "99001", "city": "Valmont"}
PHYSICIAN = {"number": "9000010000", "family_name": "Valombre", "given_name": "Iris"}
TYPED = ("Tanneurs", "Passage", "Valombre", "99001")


class Fleet:
    """Everything but the web tier, set up by the commands that compose.yml runs."""

    def __init__(self, python: Path, broker_url: str) -> None:
        self._left = contextlib.ExitStack()
        self.server = self._left.enter_context(PostgreSQL())
        certificate = self._certificate()
        self.sources = self._left.enter_context(Sources(certificate=certificate))
        self.url = make_url(self.server.databases.create())
        self._ask_for_passwords()
        private, public = generate()
        self.service = {
            "JURAT_DATABASE_URL": self.url.render_as_string(),
            "JURAT_BROKER_URL": broker_url,
            "JURAT_SEAL_KEY": key_to_text(public),
            "JURAT_UNSEAL_KEYS": key_to_text(private),
            "JURAT_HASH_KEYS": key_to_text(os.urandom(32)),
        }
        self._jurat("worker", "db", "upgrade")
        register = ["--register", self.sources.url().removesuffix("/moods/ok"), "--ca-file", str(certificate[0])]
        said = self._jurat("examples.platform.seed", *register)
        self.codes = iter(said.split()[5:])
        with contextlib.closing(Alone(python, {**self.web, "OWNER_DATABASE_URL": self.url.render_as_string()})) as web:
            for _ in range(2):  # twice is as once
                prepared = web.run("-m", "examples.platform.prepare")
                assert prepared.returncode == 0, prepared.stderr
        worker = Worker(self.service, "--concurrency", "8")
        self.worker = self._left.enter_context(contextlib.closing(worker))
        self.worker.start()

    @property
    def web(self) -> Mapping[str, str]:
        """What the web tier is told."""
        return {
            "DATABASE_URL": self._as("web"),
            "OFFICE_DATABASE_URL": self._as("office"),
            "JURAT_SEAL_KEY": self.service["JURAT_SEAL_KEY"],
            "JURAT_BROKER_URL": self.service["JURAT_BROKER_URL"],
            "PLATFORM_SECRET": "s" * 40,
        }

    def sql(self, user: str, statement: str) -> list[tuple[Any, ...]]:
        """As one of the users, in a transaction that is thrown away."""
        url = make_url(self._as(user)).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url) as connection:
            cursor = connection.execute(statement.encode())
            rows = cursor.fetchall() if cursor.description else []
            connection.rollback()
            return rows

    def _certificate(self) -> tuple[Path, Path]:
        """Of the register, and its key: its own, as the README makes it for Compose."""
        folder = Path(self._left.enter_context(tempfile.TemporaryDirectory()))
        (made,) = [line for line in block(README, "sh", "openssl").splitlines() if line.startswith("openssl")]
        made = made.replace("secrets/", f"{folder}/").replace("DNS:register", "IP:127.0.0.1")
        subprocess.run(shlex.split(made.partition(" 2>")[0]), check=True, capture_output=True)
        return folder / "register_certificate", folder / "register_key"

    def _ask_for_passwords(self) -> None:
        """Of the platform's two users; the rig trusts everybody."""
        rules = self.server._data / "pg_hba.conf"
        rules.write_text("host all web,office 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
        self.sql("postgres", "SELECT pg_reload_conf()")

    def _as(self, user: str) -> str:
        if user == "postgres":
            return self.url.render_as_string()
        return self.url.set(username=user, password=f"{user}-p@ss'word").render_as_string(hide_password=False)

    def _jurat(self, *command: str) -> str:
        ran = subprocess.run(
            [sys.executable, "-P", "-m", *command],
            cwd=ROOT,
            env={**os.environ, **self.service, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._left.close()


@pytest.fixture(scope="module")
def fleet(wheel_alone: Path, valkey_server: str) -> Iterator[Fleet]:
    try:
        made = Fleet(wheel_alone, valkey_server)
    except NoServer as error:
        missing(str(error))
    with made:
        yield made


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
        voted = visitor.send(visitor.get("consultations/budget/vote"), proposal=["fountain", "stairs"])
        assert (voted.status, voted.path) == (200, "/fr/consultations/budget")
    assert fleet.sql("postgres", "SELECT count(*) FROM platform_votes") == [(1,)]


def test_who_waits_is_decided_about_by_a_person(fleet: Fleet, web: Alone) -> None:
    with Visitor(web.address) as visitor:
        visitor.sign_in("cleo")
        page = visitor.answer("budget", "residence", **BORDER)
        assert page.word == "review"
        with Visitor(web.address, "fr") as reviewer:
            reviewer.sign_in("rhea")
            (waiting,) = reviewer.get("reviews/").tree.xpath("//ol[@class='queue']//h2/a/@href")
            asked = reviewer.send(reviewer.get(waiting), reason="person_accepted")
            assert reviewer.send(asked).status == 200
        end = time.monotonic() + 60
        while visitor.get(page.path).word != "accepted":
            assert time.monotonic() < end
            time.sleep(0.1)


def test_an_administrator_makes_codes_that_open_the_door(fleet: Fleet, web: Alone) -> None:
    with Visitor(web.address, "fr") as visitor:
        visitor.sign_in("omar")
        for path in ("office/", "office/new-consultation", "office/consultations/budget"):
            assert visitor.get(path).status == 200
        made = visitor.send(visitor.get("office/codes/"), list="letters", count="2")
        (code, _other) = made.tree.xpath("//p[@class='code']/text()")
    with Visitor(web.address) as visitor:
        visitor.send(visitor.get("account/new"), name=secrets.token_hex(4), password="12345678")
        visitor.answer("budget", "residence", **HOME)
        end = time.monotonic() + 60
        while fleet.sql("postgres", "SELECT count(*) FROM jurat_codes") < [(14,)]:
            assert time.monotonic() < end
            time.sleep(0.1)
        assert visitor.answer("budget", "code", code=code).word == "accepted"


def test_a_verdict_is_contested(fleet: Fleet, web: Alone) -> None:
    with Visitor(web.address) as visitor:
        visitor.sign_in("ben")
        page = visitor.answer(
            "budget", "residence", number="12", street="Quai des Sardiniers", postcode="99002", city="Valmont"
        )
        assert page.word == "refused"
        visitor.send(visitor.get(f"{page.path}/contest"), note="I moved in May.")
        end = time.monotonic() + 60
        while visitor.get(page.path).word != "review":
            assert time.monotonic() < end
            time.sleep(0.1)


def test_somebody_new_makes_an_account_and_asks_the_register(fleet: Fleet, web: Alone) -> None:
    with Visitor(web.address) as visitor:
        page = visitor.send(visitor.get("account/new"), name=secrets.token_hex(4), password="12345678")
        assert page.status == 200
        assert visitor.answer("care", "profession", **PHYSICIAN).word == "accepted"


def test_it_imports_nothing_of_the_service(fleet: Fleet, web: Alone) -> None:
    asked = web.run(
        "-c",
        "import sys, examples.platform.serve, examples.platform.prepare, jurat\n"
        "for name in ('worker', 'tasks', 'adapters', 'config', 'pydantic', 'shapely'):\n"
        "    try: __import__(name)\n"
        "    except ImportError: print(name)\n"
        "print('site-packages' in jurat.__file__)",
    )
    assert asked.stdout.split() == ["worker", "tasks", "adapters", "config", "pydantic", "shapely", "True"], (
        asked.stderr
    )


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
        "UPDATE platform_accounts SET role = 'administrator'",
        "DELETE FROM platform_accounts",
        "DELETE FROM platform_answers",
        "UPDATE platform_answers SET participant = 'p'",
        "INSERT INTO platform_consultations SELECT * FROM platform_consultations",
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
        "SELECT * FROM jurat_audit",
        "SELECT * FROM jurat_codes",
        "SELECT * FROM platform_accounts",
        "SELECT * FROM platform_answers",
        "SELECT participant FROM platform_votes",
        "UPDATE platform_consultations SET title = '{}'",
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
    ],
)
def test_the_pages_of_the_office_may_do_their_work(fleet: Fleet, statement: str) -> None:
    fleet.sql("office", statement)


def test_the_rights_of_the_office_are_those_that_its_pages_name() -> None:
    """They stand in the pages' own text as well, where who reads them looks."""
    told = set(re.findall(r"^    (GRANT .*;)$", (EXAMPLES / "platform/web/office.py").read_text("utf-8"), re.MULTILINE))
    given = (EXAMPLES / "platform" / "rights.sql").read_text("utf-8").splitlines()
    assert told == {line for line in given if line.endswith("TO office;")}


def test_a_password_stands_in_no_statement(fleet: Fleet) -> None:
    ((known,),) = fleet.sql("postgres", "SELECT rolpassword FROM pg_authid WHERE rolname = 'web'")
    assert known.startswith("SCRAM-SHA-256$")


# ------------------------------------------------------------------------------------------------------ start and stop


def test_a_page_that_is_being_made_is_sent_to_its_end(fleet: Fleet, wheel_alone: Path) -> None:
    """Confirm waits 800 ms for a verdict that does not come, for the worker is paused."""
    with contextlib.closing(Alone(wheel_alone, fleet.web)) as web, Visitor(web.address) as visitor:
        web.start()
        visitor.send(visitor.get("account/new"), name=secrets.token_hex(4), password="12345678")
        page = visitor.to_confirm("budget", "residence", **HOME)
        answers: list[requests.Response] = []
        (form,) = page.tree.xpath("//main//form")
        fields = {field.get("name"): field.get("value") for field in form.xpath(".//input")}

        def confirm() -> None:
            answers.append(visitor.session.post(page.url, data=fields, allow_redirects=False, timeout=60))

        fleet.worker.pause()
        try:
            before = fleet.sql("postgres", "SELECT count(*) FROM jurat_checks")
            sending = threading.Thread(target=confirm)
            sending.start()
            end = time.monotonic() + 30
            while fleet.sql("postgres", "SELECT count(*) FROM jurat_checks") == before:
                assert time.monotonic() < end
            begun = time.monotonic()
            assert web.end(signal.SIGTERM) == 0
            assert time.monotonic() - begun < 15
            sending.join()
        finally:
            fleet.worker.resume()
        assert [answer.status_code for answer in answers] == [303]


def test_browsers_reach_it_by_https_through_a_proxy(fleet: Fleet, wheel_alone: Path) -> None:
    told = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "valmont.example", "X-Forwarded-For": "192.0.2.7"}
    with contextlib.closing(Alone(wheel_alone, {**fleet.web, "HTTPS": "true", "PROXIES": "1"})) as web:
        web.start()
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(f"{web.address}/en/sign-in", headers=told, timeout=30)
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
                    headers={**told, **cookie, "Referer": referer},
                    allow_redirects=False,
                    timeout=30,
                )
                assert sent.status_code == status


def test_a_proxy_that_nobody_named_is_not_believed(web: Alone) -> None:
    told = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "elsewhere.example"}
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(f"{web.address}/", headers=told, allow_redirects=False, timeout=30)
        assert "elsewhere" not in answer.text + answer.headers["Location"]


def test_what_is_missing_is_told_all_at_once(fleet: Fleet, wheel_alone: Path, tmp_path: Path) -> None:
    with contextlib.closing(Alone(wheel_alone, {})) as web:
        ended = web.run("-m", "examples.platform.serve")
        assert (ended.returncode, ended.stdout) == (2, "")
        for name in ("DATABASE_URL", "OFFICE_DATABASE_URL", "JURAT_SEAL_KEY", "PLATFORM_SECRET"):
            assert f"valmont: {name} is not set: " in ended.stderr
    wrong = {**fleet.web, "PLATFORM_SECRET": "short", "HTTPS": "yes", "PORT": "http", "PROXIES": "-1"}
    for settings, told in (
        (wrong, ["PLATFORM_SECRET is short", "HTTPS is neither", "PORT is no port", "PROXIES is the number"]),
        ({**fleet.web, "JURAT_SEAL_KEY_FILE": "/dev/null"}, ["JURAT_SEAL_KEY and JURAT_SEAL_KEY_FILE are both set"]),
        ({**fleet.web, "DATABASE_URL": "mysql://h/d"}, ["neither PostgreSQL nor SQLite"]),
        ({**fleet.web, "JURAT_SEAL_KEY": "no-key"}, ["seal_key"]),
        ({**fleet.web, "PLATFORM_SECRET": "", "PLATFORM_SECRET_FILE": str(tmp_path / "none")}, ["can not be read"]),
        ({**fleet.web, "HOST": "192.0.2.1"}, ["can not be had"]),
    ):
        with contextlib.closing(Alone(wheel_alone, settings)) as web:
            if "PORT" in settings:
                web._environment = lambda own=web._environment, more=settings: {**own(), **more}  # type: ignore[method-assign, misc]
            ended = web.run("-m", "examples.platform.serve")
        assert (ended.returncode, ended.stdout) == (2, "")
        for words in told:
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
    for settings, told in (
        ({**fleet.web, **owner, "DATABASE_URL": owner["OWNER_DATABASE_URL"]}, "the user `web`"),
        (fleet.web, "OWNER_DATABASE_URL is not set"),
        ({**fleet.web, "OWNER_DATABASE_URL": fleet.web["DATABASE_URL"]}, "could not be prepared"),
    ):
        with contextlib.closing(Alone(wheel_alone, settings)) as web:
            ended = web.run("-m", "examples.platform.prepare")
        assert ended.returncode in {1, 2}
        assert told in ended.stderr
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
        for layer in ("worker", "tasks", "adapters", "config"):
            for line in file.read_text("utf-8").splitlines():
                assert not line.strip().startswith((f"from {layer}", f"import {layer}")), f"{file.name}: {line}"
