"""What happens in the fleet: the main things that platforms, participants, administrators and reviewers do, once."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from traceback import format_exception
from typing import Any, Final
from urllib.error import HTTPError
from uuid import UUID, uuid4

from sqlalchemy import make_url, text
from sqlalchemy.exc import IntegrityError

from bench.canaries.echo import HOUSE, POSTCODE, Mood
from bench.canaries.fleet import CanaryFleet
from bench.canaries.markers import Marked
from bench.rig import ROOT
from bench.rig.unit import until
from config.configuration import Configuration
from config.document import Document
from config.settings import Settings
from jurat import Client, JuratError, Submission
from jurat.database import open_engine
from store.configurations.publisher import ConfigPublisher
from store.schema.grants import DatabaseRole
from worker.service import open_service

CONSULTATION: Final = "canaries"
_AGAIN: Final = """
    INSERT INTO jurat_checks (id, consultation, participant, question, answer, source,
                              due_at, submitted_at, deadline_at)
    VALUES (CAST(:id AS uuid), :consultation, :participant, :question, :answer, 'well', now(), now(), now())"""
_REASONS: Final = """
    SELECT c.question, coalesce(v.reason, c.state)
    FROM jurat_checks c LEFT JOIN jurat_verdicts v ON v.check_id = c.id"""
_UNDECIDED: Final = "SELECT count(*) FROM jurat_checks WHERE state IN ('pending', 'leased')"
TRACE: Final = f"00-{'c' * 32}-{'d' * 16}-01"
_TOWN: Final = ROOT / "examples" / "town"

_AUTH: Final[tuple[Mapping[str, str], ...]] = (
    {"type": "header", "name": "X-Key", "value": "{secrets.header}"},
    {"type": "query", "name": "key", "value": "{secrets.query}"},
    {"type": "basic", "user": "{secrets.password}", "password": "{secrets.password}"},
)
_SECRETS: Final = {
    "header": {"env": "JURAT_SOURCE_HEADER"},
    "query": {"env": "JURAT_SOURCE_QUERY"},
    "password": {"file": "password"},
}
_DEADLINE: Final = "12s"
"""How long checks wait for a source that does not answer: then they end, or are for a person."""


def registry(url: str, auth: Mapping[str, str]) -> dict[str, Any]:
    """A source that is sent everything that a participant may type, in every place of a request."""
    person = {"family": "{family_name}", "given": "{given_name}", "born": "{born}"}
    request = {"url": f"{url}/people/{{number}}", "query": {"name": "{family_name}"}, "json": person, "auth": auth}
    outcomes = [
        {"when": "status >= `500`", "then": "retry"},
        {"when": "status == `429`", "then": "retry", "reason": "source_throttled"},
    ]
    return {
        "type": "registry",
        "hosts": ["127.0.0.1"],
        "timeout": "2s",
        "one_person": False,
        "secrets": {name: _SECRETS[name] for name in _SECRETS if f"secrets.{name}" in json.dumps(auth)},
        "inputs": {
            "number": {"clean": ["digits"]},
            **{name: {"clean": ["trim"]} for name in ("family_name", "given_name", "born")},
        },
        "steps": [{"name": "lookup", "request": {"method": "POST", **request}, "outcomes": outcomes}],
        "record": {
            "from": "body.professionals",
            "fields": {"number": "number", "names": "names[].{family: family, given: given}", "status": "status"},
            "status": {"active": ["active"], "inactive": ["suspended"]},
        },
        "rules": [
            {"check": "equals", "field": "number", "input": "number"},
            {"check": "name", "family": "family_name", "given": "given_name"},
            {"check": "status", "is": "active", "else": "refused", "reason": "status_inactive"},
        ],
    }


EXPECTED: Final = (
    ("inside", "inside_zone"),
    ("outside", "outside_zone"),
    ("members", "record_matches"),
    ("codes", "code_valid"),
    (Mood.WELL, "record_matches"),
    (Mood.STRANGER, "review"),
)
"""Of each type of source what must have come about: else there was nothing to be found."""

_ROSTER: Final = {
    "type": "roster",
    "dataset": "members",
    "max_age": "60d",
    "file": {"encoding": "utf-8", "delimiter": ";", "number": "Number", "keep": ["Name", "Status"]},
    "inputs": {"number": {"clean": ["digits"]}, "family_name": {"clean": ["trim"]}},
    "record": {
        "fields": {"names": "{family: Name}", "status": "Status"},
        "status": {"active": ["on"], "inactive": ["off"]},
    },
    "rules": [
        {"check": "equals", "field": "number", "input": "number"},
        {"check": "name", "family": "family_name", "compatible": "undetermined"},
        {"check": "status", "is": "active"},
    ],
}


def document(url: Callable[[str], str]) -> dict[str, Any]:
    """The configuration: a question for each mood of a registry, and for each other type of source."""
    sources: dict[str, Any] = {
        "inside": {"type": "addok", "url": url("inside")},
        "outside": {"type": "addok", "url": url("outside")},
        "base": {"type": "address-file", "dataset": "valmont"},
        "members": _ROSTER,
        "codes": {"type": "codes", "list": "spring"},
    }
    sources |= {mood: registry(url(mood), _AUTH[index % len(_AUTH)]) for index, mood in enumerate(Mood)}
    zone = {"zone": "old-town"}
    asked = {name: ({"source": name} | (zone if name in {"inside", "outside", "base"} else {})) for name in sources}
    questions: dict[str, Any] = {name: {"criterion": name, "deadline": _DEADLINE} for name in sources}
    questions[Mood.STRANGER]["on_undetermined"] = "review"
    questions |= {f"{Mood.WELL}-{way}": {"criterion": Mood.WELL, "deadline": _DEADLINE} for way in ("a", "b")}
    access = {"all_of": [name for name in questions if name != "outside"]}
    return {
        "environment": "test",
        "sources": sources,
        "criteria": asked,
        "consultations": {CONSULTATION: {"retain": "90d", "questions": questions, "access": access}},
    }


def answers(marked: Marked, code: str) -> dict[str, Mapping[str, str]]:
    """What a participant types, by question. The last two make the second worker's mistakes."""
    address = {"number": HOUSE, "street": marked.street, "postcode": POSTCODE, "city": marked.town}
    person = {
        "number": marked.number,
        "family_name": marked.family_name,
        "given_name": marked.given_name,
        "born": marked.birth_date,
    }
    return {
        "inside": address,
        "outside": address,
        "base": {**address, "number": marked.house},
        "members": {"number": marked.roster_number, "family_name": marked.roster_name},
        "codes": {"code": code},
        **dict.fromkeys(Mood, person),
        **{f"{Mood.WELL}-{way}": {**person, "given_name": f"{marked.given_name}-{way}"} for way in ("a", "b")},
    }


class Life:
    """Does it all. What commands say goes to the sinks of the fleet."""

    def __init__(self, fleet: CanaryFleet) -> None:
        self.fleet = fleet
        self.marked = fleet.marked
        self.checks: dict[str, dict[str, UUID]] = {}

    def administer(self) -> None:
        """All that there is before the first answer."""
        folder, run, who = self.fleet.folder, self.fleet.command, ("--as", self.marked.staff)
        source = self.fleet.source
        (folder / "jurat.yaml").write_text(json.dumps(document(source.url)), encoding="utf-8")
        people = f"Number;Name;Status\n{self.marked.roster_number};{self.marked.roster_name};on\n"
        (folder / "members.csv").write_text(people, encoding="utf-8")
        run("zones import", str(_TOWN / "zones.geojson"), *who)
        run("datasets import-addresses", "valmont", str(_TOWN / "addresses.csv"), *who)
        self._apply()
        run("datasets import-roster", "members", "members.csv", "--source", "members", *who)
        run("codes import", "spring", "-", *who, stdin="\n".join(self.marked.codes))

    def _apply(self) -> None:
        """Without the tests of each source that the command asks for."""
        settings = {"database_url": self.fleet.logins.url(DatabaseRole.ADMIN), "broker_url": "none"}
        service = open_service(Settings.model_validate(settings))
        try:
            ConfigPublisher(service.database).apply(
                Configuration.of(Document.model_validate(document(self.fleet.source.url))), self.marked.staff
            )
        finally:
            service.close()

    def submit(self) -> None:
        """Two participants answer every question, while the workers stand still; then they go on."""
        marked = self.marked
        for worker in self.fleet.workers:
            worker.pause()
        for participant, code in zip((marked.participant, marked.erased), marked.codes, strict=False):
            self._answer(participant, code)
        marked.sealed += [
            bytes(row[0])
            for row in self.fleet.rows("SELECT answer FROM jurat_checks WHERE question IN ('inside', 'well') LIMIT 4")
        ]
        self.fleet.dump("dump_waiting")
        self._confirm_again()
        for worker in self.fleet.workers:
            worker.resume()

    def submit_and_break(self) -> None:
        """A third one answers, and what is on its way loses a worker and the database."""
        self._answer(f"{self.marked.participant}-2", self.marked.codes[-1])
        until(lambda: self.fleet.rows("SELECT count(*) FROM jurat_checks WHERE state = 'leased'")[0][0] > 0, 2, 0.01)
        self.fleet.break_down()
        self._until(_UNDECIDED, 0)

    def _confirm_again(self) -> None:
        """What was confirmed before, by the client and in SQL: both are refused, and the error may say why."""
        marked = self.marked
        given = answers(marked, "")[Mood.WELL]
        who: dict[str, Any] = {"consultation": CONSULTATION, "participant": marked.participant, "question": Mood.WELL}
        row = {**who, "answer": marked.sealed[0], "id": str(uuid4())}
        for attempt in (
            lambda connection: self.fleet.client.submit(connection, **who, answer=given),
            lambda connection: self.fleet.client.submit(connection, **who, answer={**given, "born": [given]}),
            lambda connection: connection.execute(text(_AGAIN), row),
        ):
            try:
                with self.fleet.platform.begin() as connection:
                    attempt(connection)
            except JuratError as error:
                self.fleet.sinks["errors"].append("".join(format_exception(error)).encode())
            except IntegrityError:
                continue  # of the platform's own statement and driver; the server's log is a sink
            else:
                raise RuntimeError("an answer was confirmed twice")

    def _answer(self, participant: str, code: str) -> None:
        more: Any = {"reply_key": self.marked.reply_public, "traceparent": TRACE}
        given = answers(self.marked, code)
        rows = [Submission(CONSULTATION, participant, question, answer, **more) for question, answer in given.items()]
        with self.fleet.platform.begin() as connection:
            made = self.fleet.client.submit_many(connection, rows)
        self.checks[participant] = {row.question: check.id for row, check in zip(rows, made, strict=True)}
        self.fleet.client.ring()

    def settle(self) -> None:
        """Wait until all is decided. Raises RuntimeError if not everything was tried that should leave no trace."""
        self._until(_UNDECIDED, 0)
        came = {(question, reason) for question, reason in self.fleet.rows(_REASONS)}
        log = "".join(worker.log for worker in self.fleet.workers)
        missing = [" ".join(each) for each in EXPECTED if each not in came]
        missing += [words for words in ("adapter failed", "check failed") if words not in log]
        if missing:
            raise RuntimeError(f"these were to come about: {missing}; it came to {sorted(came)}")

    def contest_and_review(self) -> None:
        """The participants contest a refusal; reviewers look at one and decide it."""
        marked, client = self.marked, self.fleet.client
        for participant in (marked.participant, marked.erased):
            with self.fleet.platform.begin() as connection:
                client.contest(
                    connection, self.checks[participant]["outside"], note=marked.note, document=marked.document
                )
        sql = "SELECT count(*) FROM jurat_requests WHERE kind = 'contest' AND applied_at IS NOT NULL"
        self._until(sql, 2)
        kept = self.checks[marked.participant]
        run, who = self.fleet.command, ("--as", marked.staff)
        run("review show", str(kept["outside"]), sink="commands", role=DatabaseRole.REVIEWER)
        for question in ("outside", Mood.STRANGER):
            run("review show", str(kept[question]), "--answer", *who, sink="shown", role=DatabaseRole.REVIEWER)
        self._open_for_review(kept["outside"])
        run("review list", sink="commands", role=DatabaseRole.REVIEWER)
        run("review list", "--json", sink="commands", role=DatabaseRole.REVIEWER)
        run("review decide", str(kept["outside"]), "person_accepted", *who, role=DatabaseRole.REVIEWER)
        run("review decide", str(kept[Mood.STRANGER]), "person_refused", *who, role=DatabaseRole.REVIEWER)

    def _open_for_review(self, check: UUID) -> None:
        """A back office reads the answer and the note without a key of the workers, and keeps neither."""
        url = self.fleet.logins.url(DatabaseRole.REVIEWER)
        client, engine = Client(url), open_engine(url)
        with engine.begin() as connection:
            opening = client.open_for_review(connection, check, by_whom=self.marked.staff)
        self._until("SELECT count(*) FROM jurat_openings WHERE sealed IS NOT NULL", 1)
        read = client.opened(opening)
        if read is None or read.note != self.marked.note:
            raise RuntimeError("the note of a contest was not opened")
        self.fleet.sinks["reprs"].append(repr((opening, read)).encode())
        client.close()
        engine.dispose()

    def erase(self) -> None:
        """One of both is erased, and the other gets another id and back."""
        marked, client = self.marked, self.fleet.client
        with self.fleet.accounts.begin() as connection:
            client.erase(connection, participant=marked.erased)
        with self.fleet.accounts.begin() as connection:
            there = {"consultation": CONSULTATION, "by": "the account page"}
            client.transfer(connection, participant=marked.participant, target="p-between", **there)
        self._until("SELECT count(*) FROM jurat_requests WHERE kind = 'transfer' AND applied_at IS NOT NULL", 1)
        with self.fleet.accounts.begin() as connection:
            client.transfer(connection, participant="p-between", target=marked.participant, **there)
        self._until("SELECT count(*) FROM jurat_requests WHERE applied_at IS NULL", 0)

    def look(self) -> None:
        """What operators and administrators look at: the commands without a participant's data, and the metrics."""
        fleet = self.fleet
        kept = next(iter(self.checks.values()))
        plain = (
            *("doctor", "fleet", "now", "audit", "audit --json", "config show", "config lint jurat.yaml", "db status"),
            *("db verify", "keys status", "sources list", "sources list --json", "sources health", "zones list"),
            *("sources test well --config jurat.yaml", "datasets list", "codes list", "codes list --json", "db check"),
            *(f"explain {kept[name]}" for name in ("inside", "codes", Mood.WELL, Mood.KEYS)),
            f"explain {kept['outside']} --json",
        )
        wrong = "JURAT_DATABASE_URL"
        bad = make_url(fleet.logins.url(DatabaseRole.ADMIN))
        failing = (
            {wrong: bad.set(port=1).render_as_string(hide_password=False)},
            {wrong: bad.set(username="nobody").render_as_string(hide_password=False)},
            {wrong: bad.set(database="nowhere").render_as_string(hide_password=False)},
            {wrong: f"postgresql://x:{bad.password}@@h/d"},
            {wrong: f"mysql://x:{bad.password}@h/d"},
            {"JURAT_UNSEAL_KEYS": f"short,{self.marked.platform_secret}"},
            {"JURAT_HASH_KEYS": self.marked.platform_secret},
            {"JURAT_BROKER_URL": f"http://:{self.marked.broker_password}@h"},
        )
        for line in plain:
            fleet.command(line, sink="commands")
        for changed in failing:
            for line in ("doctor --verbose", "audit --verbose", "keys status --verbose"):
                fleet.command(line, sink="errors", changed={f"{name}_FILE": "" for name in changed} | changed)
        person = answers(self.marked, "")[Mood.WELL]
        typed = [word for name, value in person.items() for word in ("--input", f"{name}={value}")]
        fleet.command("sources try", Mood.WELL, *typed, sink="tried")
        fleet.command("sources try", Mood.FAULT, *typed, "--verbose", sink="tried")

    def look_at_metrics(self) -> None:
        """All endpoints of the workers and of the exporter."""
        with self.fleet.exporter() as exporter:
            for address in self.fleet.endpoints:
                for path in ("metrics", "livez", "readyz", "startupz", "nothing"):
                    self.fleet.sinks["metrics"].append(_got(f"http://{address}/{path}"))
            self.fleet.sinks["metrics"].append(_got(exporter, tries=100))

    def _until(self, sql: str, count: int) -> None:
        if not self.fleet.comes(sql, count):
            raise TimeoutError(f"not {count}: {sql}")


def _got(url: str, tries: int = 1) -> bytes:
    for _ in range(tries):
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return bytes(answer.read())
        except HTTPError as error:
            return error.read()
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"nothing is served at {url}")
