"""Everybody under a user with just their role, on PostgreSQL: from the configuration to the decision of a person."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from jurat import Client, NotOpened
from jurat import codes as code
from jurat.database import open_engine
from jurat.seal import Unseal, generate, key_from_text, key_to_text
from jurat.vocabulary import AccessState, Outcome, Reason
from store.requests.decisions import ReviewError
from store.schema.grants import DatabaseRole
from tests.acceptance.town import INSIDE, PATIENCE, ROOT, soon
from tests.cli.shell import Ran, Shell
from tests.jurat.calls import CALL
from tests.migrations.next_version import step_ahead
from tests.rigs.logins import Logins, plain
from tests.rigs.workers import Worker
from tests.store.reviews import ReviewDecisions

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

CONFIGURATION = """\
environment: test
sources:
  base: { type: address-file, dataset: valmont }
  magic: { type: simulated }
  spring: { type: codes, list: spring }
criteria:
  lives-in: { source: base, open: [zone] }
  anything: { source: magic }
  spring-code: { source: spring }
consultations:
  budget:
    questions:
      residence: { criterion: lives-in, with: { zone: old-town }, on_undetermined: review }
      who: { criterion: anything, rounds: 3, on_undetermined: review }
      code: { criterion: spring-code, rounds: 3 }
    access: { all_of: [residence, { any_of: [who, code] }] }
"""


class People:
    """A shell for each role, on one database; a client of the platform; and, while it runs, a worker."""

    def __init__(self, logins: Logins, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        private, public = generate()
        self.private = key_to_text(private)
        self.seal_key = key_to_text(public)
        self.logins = logins
        keys = {"JURAT_SEAL_KEY": self.seal_key, "JURAT_UNSEAL_KEYS": self.private}
        self.environment = {**keys, "JURAT_HASH_KEYS": key_to_text(os.urandom(32)), "JURAT_BROKER_URL": "none"}
        self._folder, self._monkeypatch = folder, monkeypatch
        self.client = Client(logins.url(DatabaseRole.PLATFORM), seal_key=self.seal_key)
        self.engine = open_engine(logins.url(DatabaseRole.PLATFORM))

    def __call__(self, role: DatabaseRole, *words: str, stdin: str = "") -> Ran:
        """A command by a user with this role."""
        own = {"JURAT_DATABASE_URL": self.logins.url(role), "TMPDIR": str(self._folder)}
        return Shell(self._folder, {**self.environment, **own}, self._monkeypatch)(*words, stdin=stdin)

    def done(self, role: DatabaseRole, *words: str) -> Ran:
        """A command that does what it is told."""
        ran = self(role, *words)
        assert ran.code == 0, (role, words, ran.err)
        return ran

    @contextmanager
    def worker(self) -> Iterator[Worker]:
        settings = {**self.environment, "JURAT_DATABASE_URL": self.logins.url(DatabaseRole.WORKER)}
        with Worker(settings, "--concurrency", "4") as worker:
            yield worker
            assert "permission denied" not in worker.log
            assert worker.stop(timeout=PATIENCE) == 0
            assert "Traceback" not in worker.log

    def submit(self, participant: str, question: str, answer: Mapping[str, Any], **options: Any) -> UUID:
        with self.engine.begin() as connection:
            who: dict[str, Any] = {"consultation": "budget", "participant": participant, "question": question}
            return self.client.submit(connection, answer=answer, **who, **options).id

    def close(self) -> None:
        self.client.close()
        self.engine.dispose()


@pytest.fixture(params=["this version", pytest.param("the next version", marks=pytest.mark.slow)])
def people(
    request: pytest.FixtureRequest, postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[People]:
    """On the schema as it is, and as a later jurat of the same contract version may leave it."""
    if request.param != "this version":
        with plain(postgresql_url) as owner:
            step_ahead(owner)
    (tmp_path / "jurat.yaml").write_text(CONFIGURATION, "utf-8")
    with Logins(postgresql_url) as logins:
        made = People(logins, tmp_path, monkeypatch)
        yield made
        made.close()


def prepared(people: People) -> list[str]:
    """An administrator sets all up; the codes."""
    codes = people.done(DatabaseRole.ADMIN, "codes", "generate", "spring", "--count", "3").out.split()
    for words in (
        ("zones", "import", str(ROOT / "examples" / "town" / "zones.geojson")),
        ("datasets", "import-addresses", "valmont", str(ROOT / "examples" / "town" / "addresses.csv")),
        ("config", "lint", "jurat.yaml"),
        ("config", "apply", "jurat.yaml", "--dry-run"),
        ("config", "apply", "jurat.yaml"),
    ):
        people.done(DatabaseRole.ADMIN, *words)
    return codes


@pytest.mark.slow
def test_the_whole_way_is_gone_by_five_users_who_may_do_nothing_else(people: People) -> None:
    codes = prepared(people)
    private_key, reply_key = generate()
    with people.worker():
        checks = {
            "residence": people.submit("iris", "residence", INSIDE, reply_key=reply_key),
            "code": people.submit("iris", "code", {"code": codes[0]}),
            "refused": people.submit("tugdual", "who", {"word": "refuse"}),
            "down": people.submit("tugdual", "code", {"code": "0000-0000-0000"}),
            "unsure": people.submit("maelle", "who", {"word": "review"}),
        }
        unsure = checks.pop("unsure")
        waited = {name: people.client.wait(check, timeout=PATIENCE) for name, check in checks.items()}
        assert {name: (result.outcome, result.reason) for name, result in waited.items()} == {
            "residence": (Outcome.ACCEPTED, Reason.INSIDE_ZONE),
            "code": (Outcome.ACCEPTED, Reason.CODE_VALID),
            "refused": (Outcome.REFUSED, Reason.STATUS_INACTIVE),
            "down": (Outcome.UNDETERMINED, Reason.CODE_MALFORMED),
        }
        assert people.client.access("budget", "iris").state is AccessState.GRANTED
        assert people.client.access("budget", "tugdual").rounds_left["who"] == 2
        assert people.client.candidates(checks["residence"], private_key) == []
        again = people.submit("tugdual", "who", {"word": "accept"})
        assert people.client.wait(again, timeout=PATIENCE).outcome is Outcome.ACCEPTED
        assert soon(lambda: people.client.result(unsure).state == "review")
        decide(people, unsure)


def decide(people: People, check: UUID) -> None:
    """A reviewer sees the answer, decides, and opens it again."""
    engine = open_engine(people.logins.url(DatabaseRole.REVIEWER))
    decisions = ReviewDecisions(engine)
    sealed = decisions.answer(check, "a clerk")
    opened = Unseal([key_from_text(people.private, "key")]).open(sealed.sealed, sealed.key_id)
    assert b"review" in opened
    assert decisions.decide(check, Reason.PERSON_ACCEPTED, "a clerk", {"seen": "a letter"}) == 1
    assert people.client.result(check).outcome is Outcome.ACCEPTED
    assert people.client.access("budget", "maelle").questions["who"] == "accepted"
    decisions.reopen(check, "a clerk")
    with pytest.raises(ReviewError, match="was erased"):
        decisions.answer(check, "a clerk")
    assert decisions.decide(check, Reason.PERSON_REFUSED, "a clerk") == 2
    assert people.client.result(check).outcome is Outcome.REFUSED
    engine.dispose()
    with plain(people.logins.url(DatabaseRole.ADMIN)) as admin:
        rows = admin.execute("SELECT action FROM jurat_audit WHERE actor = 'a clerk' ORDER BY at").fetchall()
    assert [action for (action,) in rows] == ["review answer", "review decide", "review open", "review decide"]
    assert people.done(DatabaseRole.REVIEWER, "explain", str(check), "--json").json["verdicts"]


def test_a_reviewer_reads_an_answer_that_a_worker_opened_with_no_key_of_the_workers(people: People) -> None:
    prepared(people)
    url = people.logins.url(DatabaseRole.REVIEWER)
    reviewer, engine = Client(url), open_engine(url)
    with people.worker():
        check = people.submit("maelle", "who", {"word": "review"})
        assert soon(lambda: people.client.result(check).state == "review")
        with engine.begin() as connection:
            opening = reviewer.open_for_review(connection, check, by_whom="a clerk")
        assert soon(lambda: reviewer.opened(opening))
        read = reviewer.opened(opening)
        assert read is not None
        assert (read.answer, read.note) == ({"word": "review"}, None)
        with plain(url) as connection:
            connection.execute("SELECT jurat_decide(%s, 'person_refused', 'a clerk')", (check,))
        assert soon(lambda: people.client.result(check).settled)
        with pytest.raises(NotOpened):
            reviewer.opened(opening)
    with plain(people.logins.url(DatabaseRole.ADMIN)) as admin:
        rows = admin.execute("SELECT action FROM jurat_audit WHERE actor = 'a clerk' ORDER BY at").fetchall()
    assert [action for (action,) in rows] == ["review answer", "review decide"]
    reviewer.close()
    engine.dispose()


def test_a_platform_of_another_language_goes_the_same_way_with_sql_alone(people: People) -> None:
    from jurat.seal import Seal

    prepared(people)
    seal = Seal(key_from_text(people.seal_key, "key"))
    given: dict[str, Any] = {"consultation": "budget", "participant": "gwenola", "question": "who", "id": None}
    given |= {"priority": "interactive", "reply_key": None, "traceparent": None, "answer_key": seal.key_id}
    with people.worker(), plain(people.logins.url(DatabaseRole.PLATFORM)) as platform:
        row = platform.execute(CALL, {**given, "answer": seal.close(b'{"word": "accept"}')}).fetchone()
        assert row is not None
        polled = "SELECT outcome FROM jurat_results WHERE check_id = %s"
        assert soon(lambda: platform.execute(polled, (row[0],)).fetchone() == ("accepted",))
        with pytest.raises(psycopg.Error) as told:
            platform.execute(CALL, {**given, "answer": seal.close(b'{"word": "accept"}')})
        assert (told.value.sqlstate, told.value.diag.message_detail) == ("JU003", str(row[0]))
        read = "SELECT access, questions ->> 'who' FROM jurat_access WHERE participant = 'gwenola'"
        assert platform.execute(read).fetchone() == ("incomplete", "accepted")
        with pytest.raises(psycopg.Error, match="who was accepted in its place") as told:
            platform.execute(CALL, {**given, "question": "code", "answer": seal.close(b'{"code": "x"}')})
        assert (told.value.sqlstate, told.value.diag.message_detail) == ("JU003", str(row[0]))
        by_place = "SELECT round FROM jurat_submit('budget', 'gwenola', 'residence', %s, %s)"
        assert platform.execute(by_place, (seal.close(b'{"code": "x"}'), seal.key_id)).fetchone() == (1,)
        assert platform.execute("SELECT max(version) = 1 FROM jurat_contract").fetchone() == (True,)


def test_an_office_makes_codes_that_let_people_in_and_the_platform_draws_the_zones(people: People) -> None:
    prepared(people)
    office = Client(people.logins.url(DatabaseRole.ADMIN), seal_key=people.seal_key)
    engine = open_engine(people.logins.url(DatabaseRole.ADMIN))
    codes = [code.generate() for _ in range(20)]
    with people.worker():
        with engine.begin() as connection:
            asked = office.add_codes(connection, "spring", codes, by="Iris of the town")
            wrong = office.add_codes(connection, "spring", [codes[0][:-1]], by="Iris of the town")
        assert soon(lambda: office.request(wrong).state == "refused")
        assert office.request(asked).state == "done"
        check = people.submit("iris", "code", {"code": codes[7]})
        assert people.client.wait(check, timeout=PATIENCE).reason is Reason.CODE_VALID
    with plain(people.logins.url(DatabaseRole.READER)) as reader:
        row = reader.execute("SELECT codes, redeemed FROM jurat_code_lists WHERE list = 'spring'").fetchone()
    assert row == (23, 1)
    assert [zone.name for zone in people.client.zones() if zone.outline] == ["harbour", "hill", "old-town"]
    office.close()
    engine.dispose()


ADMIN: tuple[tuple[str, ...], ...] = (
    ("zones", "list", "--all"),
    ("zones", "show", "old-town"),
    ("zones", "diff", "old-town", "--from", "1", "--to", "1"),
    ("zones", "affected", "old-town", "--from", "1", "--to", "1"),
    ("zones", "locate", "--address", "number=6,street=rue des Tanneurs,postcode=99001,city=Valmont"),
    ("codes", "list"),
    ("datasets", "list"),
    ("config", "show"),
    ("config", "show", "--sources"),
    ("sources", "pause", "magic", "--for", "2h", "--reason", "maintenance"),
    ("sources", "pause", "magic", "--for", "3h", "--reason", "more of it"),
    ("sources", "list"),
    ("sources", "resume", "magic"),
    ("sources", "test", "--all"),
    ("db", "check"),
    ("db", "upgrade"),
    ("db", "status"),
    ("keys", "status"),
    ("keys", "add", "hash", "--print"),
    ("datasets", "import-addresses", "valmont", "again.csv"),
    ("config", "apply", "less.yaml", "--force"),
    ("datasets", "remove", "valmont", "--force"),
)
READER: tuple[tuple[str, ...], ...] = (
    ("sources", "list"),
    ("zones", "list"),
    ("datasets", "list"),
    ("config", "show"),
    ("db", "check"),
    ("db", "status"),
)
REFUSED: Mapping[DatabaseRole, tuple[tuple[str, ...], ...]] = {
    DatabaseRole.READER: (
        ("config", "apply", "less.yaml", "--force"),
        ("sources", "pause", "magic", "--for", "2h", "--reason", "mine"),
        ("codes", "list"),
        ("codes", "generate", "spring", "--count", "1"),
        ("submit", "budget", "p-1", "who", "--field", "word=accept"),
    ),
    DatabaseRole.PLATFORM: (("sources", "list"), ("codes", "list"), ("zones", "list"), ("config", "show")),
    DatabaseRole.WORKER: (
        ("submit", "budget", "p-1", "who", "--field", "word=accept"),
        ("config", "apply", "less.yaml", "--force"),
    ),
    DatabaseRole.REVIEWER: (
        ("submit", "budget", "p-1", "who", "--field", "word=accept"),
        ("codes", "list"),
        ("config", "apply", "less.yaml", "--force"),
    ),
    DatabaseRole.ADMIN: (("submit", "budget", "p-1", "who", "--field", "word=accept"),),
}


def test_the_commands_of_each_role_work_and_those_of_others_are_refused_in_a_sentence(
    people: People, tmp_path: Path
) -> None:
    prepared(people)
    check = people.submit("iris", "who", {"word": "accept"})
    people.submit("iris", "code", {"code": "0000-0000-0000"})
    less = CONFIGURATION.replace("      who: { criterion: anything, rounds: 3, on_undetermined: review }\n", "")
    (tmp_path / "less.yaml").write_text(less.replace(", { any_of: [who, code] }", ""), "utf-8")
    towns = (ROOT / "examples" / "town" / "addresses.csv").read_text("utf-8").splitlines()
    (tmp_path / "again.csv").write_text("\n".join(towns[:50]) + "\n", "utf-8")
    platform = people.done(
        DatabaseRole.PLATFORM, "submit", "budget", "p-2", "who", "--field", "word=accept"
    ).out.strip()
    assert people(DatabaseRole.PLATFORM, "status", platform).code == 4
    for role, commands in REFUSED.items():
        for words in commands:
            ran = people(role, *words)
            assert (ran.code, ran.out) == (3, ""), (role, words, ran)
            assert ran.err.splitlines()[-1].startswith("jurat: the database refused a statement (42501): permission")
            assert "Traceback" not in ran.err
    for words in READER:
        people.done(DatabaseRole.READER, *words)
    people.done(DatabaseRole.READER, "explain", str(check))
    assert people(DatabaseRole.READER, "status", "--access", "budget", "iris").out.startswith("access: pending")
    for role in (DatabaseRole.WORKER, DatabaseRole.ADMIN):
        told = people(role, "doctor")
        assert "permission denied" not in told.out + told.err, role
        assert "Traceback" not in told.err
    for role in (DatabaseRole.READER, DatabaseRole.ADMIN):
        told = people(role, "sources", "health")
        assert (told.code, "no live worker serves it" in told.out) == (1, True), (role, told)
    for words in ADMIN:
        people.done(DatabaseRole.ADMIN, *words)
    told = people(DatabaseRole.ADMIN, "db", "restored", "--taken-at", "2026-01-01")
    assert (told.code, told.err.strip()) == (3, "jurat: run this as the owner of the tables; nothing was changed")
    assert people(DatabaseRole.ADMIN, "reconcile", stdin=f"{check}\n").code == 0
    assert people.client.result(check).state == "pending"


def test_a_reviewer_sees_the_address_in_question_beside_the_border(people: People, tmp_path: Path) -> None:
    prepared(people)
    check = people.submit("gwenola", "residence", {**INSIDE, "number": "999"})
    with people.worker():
        assert soon(lambda: people.client.result(check).state == "review")
    ran = people.done(DatabaseRole.REVIEWER, "zones", "show", "old-town", "--check", str(check), "--out", "near.svg")
    assert (tmp_path / "near.svg").exists()
    assert "Tanneurs" in ran.out
    assert people.done(DatabaseRole.ADMIN, "explain", str(check)).out
    refused = people(DatabaseRole.READER, "zones", "show", "old-town", "--check", str(check))
    assert refused.code == 3
    assert "permission denied" in refused.err
