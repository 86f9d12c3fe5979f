"""Replaces keys while answers and codes come in, in the right order of steps and in those that people get wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from adapters.fingerprints import Fingerprints, hash_key_id
from bench.faults.on_upgrades import no_release, released, run_upgrade
from bench.faults.scenario import Scenario
from bench.faults.stage import Setting, Stage
from bench.rig import ROOT
from bench.rig.registry import answer, number_of
from bench.rig.unit import OURS, waited
from config.secrets import read_keys
from jurat import Client, Submission
from jurat.codes import clean, generate
from jurat.ids import uuid7
from jurat.seal import generate as new_pair
from jurat.seal import key_from_text, key_to_text
from store.hash_keys import use_key
from store.requests.code_lists import add_codes

LETTERS = "letters"
"""The list of codes, and the consultation that asks for them, or for a number."""

_ASKS: dict[str, dict[str, Any]] = {
    "sources": {"codes": {"type": "codes", "list": LETTERS}},
    "criteria": {"has-code": {"source": "codes"}},
    "consultations": {
        LETTERS: {
            "questions": {
                "code": {"criterion": "has-code", "deadline": "1d"},
                "number": {"criterion": "is-physician", "deadline": "1d"},
            },
            "access": {"any_of": ["code", "number"]},
        }
    },
}

_AT_ONCE = 10
"""Codes, and numbers, that are handed in at once."""

_SAME_CODE, _SAME_NUMBER = 2, 3
"""Participants who type the same code, or number, at once. One of them may have it."""

_FIRST_NUMBER = 1_000_001
"""Before it are those of the web tier."""


@dataclass
class _Keys:
    """What the workers and the platform have at the moment."""

    stage: Stage
    unseal: list[str]
    hashes: list[bytes]
    clients: list[Client] = field(default_factory=list)
    handed_in: int = 0
    numbers: int = 0

    def give(
        self, unseal: Sequence[str] | None = None, hashes: Sequence[bytes] | None = None, *, only: int = 0
    ) -> None:
        """Restart the workers with these keys, one after the other; or only the first `only` of them."""
        self.unseal, self.hashes = list(unseal or self.unseal), list(hashes or self.hashes)
        units = self.stage.units[: only or None]
        for unit in units:
            keys = {"JURAT_UNSEAL_KEYS": ",".join(self.unseal)}
            keys["JURAT_HASH_KEYS"] = ",".join(map(key_to_text, self.hashes))
            unit.renew(keys)
            waited(lambda unit=unit: unit.ready, 60, f"{unit.name} does not come back")  # type: ignore[misc]

    def platform_takes(self, seal_key: str) -> None:
        """Give the platform another JURAT_SEAL_KEY."""
        fleet = self.stage.fleet
        client = Client(fleet.database_url, fleet.environment["JURAT_BROKER_URL"], seal_key)
        self.clients.append(client)
        self.stage.web.client = client

    def print_codes(self, key: bytes) -> list[str]:
        """Codes that are hashed with a key."""
        fingerprints, codes = Fingerprints([key]), [generate() for _ in range(_AT_ONCE)]
        stored = [fingerprints.newest(LETTERS, clean(code) or "") for code in codes]
        add_codes(self.stage.service.database, LETTERS, stored, "bench")
        return codes

    def hand_in_codes(self, codes: Sequence[str]) -> None:
        """Have two participants type each code."""
        answers = [
            Submission(LETTERS, f"c-{number}-{which}", "code", {"code": code}, id=uuid7())
            for number, code in enumerate(codes, self.handed_in)
            for which in range(_SAME_CODE)
        ]
        self.handed_in += len(codes)
        self._submit(answers)

    def hand_in_numbers(self) -> None:
        """Have several participants type each of some numbers, which the registry accepts."""
        answers = [
            Submission(LETTERS, f"n-{index}-{which}", "number", answer(index), id=uuid7())
            for index in range(_FIRST_NUMBER + 4 * self.numbers, _FIRST_NUMBER + 4 * (self.numbers + _AT_ONCE), 4)
            for which in range(_SAME_NUMBER)
        ]
        self.numbers += _AT_ONCE
        self._submit(answers)

    def hand_in(self, key: bytes, begin: float) -> None:
        """Have participants type codes that are hashed with a key, and numbers, for some seconds: from that share of
        the submits on.
        """
        self.hand_in_codes(self.print_codes(key))
        self.hand_in_numbers()
        self.stage.over(4.0, begin=begin, end=begin + 0.05)

    def forget_repeated(self) -> None:
        """Forget that the source was asked for one number several times: that is no cost of the fault."""
        for index in range(_FIRST_NUMBER, _FIRST_NUMBER + 4 * self.numbers, 4):
            self.stage.registry.counts.pop(number_of(index), None)

    def use(self, key: bytes) -> None:
        """Have all hash with this key from now on, whether they have it or not: the command would refuse that."""
        with self.stage.service.database.begin() as connection:
            use_key(connection, hash_key_id(key))

    def all_ended(self) -> bool:
        """Whether all checks have ended. Those whose number was taken wait for a reviewer, whose time is over."""
        with self.stage.service.database.begin() as connection:
            connection.execute(text("UPDATE jurat_reviews SET due_at = opened_at WHERE decided_at IS NULL"))
        return self.stage.fleet.unsettled() == 0

    def _submit(self, answers: Sequence[Submission]) -> None:
        with self.stage.service.database.begin() as connection:
            self.stage.web.client.submit_many(connection, answers)
        self.stage.web.client.ring()


def _rotation(stage: Stage) -> float | None:
    """Four times an unseal key is replaced, and three times a hash key. `W` gives the workers the new key as well,
    `P` has the platform or all workers use it, `R` takes the old one from the workers. Meanwhile several participants
    type each number.
    """
    stage.apply(_ASKS)
    environment = stage.fleet.environment
    keys = _Keys(
        stage, [environment["JURAT_UNSEAL_KEYS"]], [key_from_text(environment["JURAT_HASH_KEYS"], "JURAT_HASH_KEYS")]
    )
    orders = ("WPR", "PWR", "PRW", "RPW")
    for number, order in enumerate(orders):
        stage.throughput(number / len(orders))
        old = keys.unseal[0]
        private, public = new_pair()
        new, replaced = key_to_text(private), list(keys.hashes)
        fresh = os.urandom(32)
        for step in order:
            match step:
                case "W":
                    keys.give([old, new], [*replaced, fresh])
                case "P":
                    keys.platform_takes(key_to_text(public))
                    keys.hand_in_codes(keys.print_codes(fresh))
                    keys.hand_in_numbers()
                    keys.use(fresh)
                case _:
                    keys.give([new], [fresh], only=2)  # one worker is left with what it had
            keys.hand_in_codes(keys.print_codes(replaced[0]))
            keys.hand_in_numbers()
            stage.over(1.0 if stage.short else 4.0, begin=number / len(orders), end=(number + 0.8) / len(orders))
        keys.give([old, new], [fresh, *replaced])  # brought back where it was taken too early
        waited(keys.all_ended, 120, f"not everything is settled after {order}", pause=1.0)
        keys.give([new], keys.hashes)
    recovery = stage.all_settle()
    _take_stock(stage, keys)
    stage.notes["waited_for_a_key"] = stage.scalar("SELECT count(*) FROM jurat_missing_keys")
    return recovery


def _take_stock(stage: Stage, keys: _Keys) -> None:
    """Note whose the codes and numbers are in the end."""
    for client in keys.clients[:-1]:
        client.close()
    stage.stack.enter_context(closing(keys.clients[-1]))
    verdicts = "FROM jurat_verdicts v JOIN jurat_checks c ON c.id = v.check_id WHERE c.question = :question"
    holders = f"SELECT count(*) {verdicts} AND v.outcome = 'accepted' GROUP BY split_part(c.participant, '-', 2)"
    for name, question, typed in (("codes", "code", keys.handed_in), ("numbers", "number", keys.numbers)):
        held = stage.column(holders, question=question)
        stage.notes[name], stage.notes[f"{name}_of_no_one"] = typed, typed - len(held)
        stage.notes[f"{name}_held_twice"] = sum(count > 1 for count in held)
    wrong = f"SELECT count(*) {verdicts} AND v.outcome <> 'accepted' AND v.reason <> 'code_used'"
    stage.notes["codes_not_known"] = stage.scalar(wrong, question="code")
    keys.forget_repeated()
    unread = "SELECT count(*) FROM jurat_verdicts WHERE reason IN ('answer_unreadable', 'key_missing')"
    stage.notes["unreadable"] = stage.scalar(unread)


@dataclass
class _Operator:
    """Replaces keys by the commands of the page "Replace a key", with the settings of the newest workers."""

    stage: Stage
    keys: _Keys

    def __post_init__(self) -> None:
        self.folder = self.stage.folder / "unseal"
        self.folder.mkdir(mode=0o700)
        key = self.folder / "first"
        key.touch(mode=0o600)
        key.write_text(self.keys.unseal[0])
        self.signing_key = self.stage.folder / "signing-key"

    @property
    def environment(self) -> dict[str, str]:
        """The keys of a worker that reads the folder."""
        hashes = ",".join(map(key_to_text, self.keys.hashes))
        return {"JURAT_UNSEAL_KEYS": "", "JURAT_UNSEAL_KEYS_FILE": str(self.folder), "JURAT_HASH_KEYS": hashes}

    def opening(self) -> list[str]:
        """The keys in the folder."""
        return read_keys(self.folder).split(",")

    def run(self, *words: str) -> subprocess.Popen[str]:
        """Begin a command of `keys`."""
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "cli", "keys", *words],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **self.stage.fleet.environment, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def expect(self, code: int, process: subprocess.Popen[str], said: str = "") -> str:
        """Wait for a command to end with this code and words. What it prints."""
        out, complaint = process.communicate(timeout=180)
        if process.returncode != code or said not in complaint:
            raise TimeoutError(f"a command ended with {process.returncode}, not with {code} {said!r}: {complaint}")
        return out


def _of_two_releases(stage: Stage) -> float | None:
    """Under a worker of the last release the tables are upgraded, and keys replaced: those that open answers by epochs,
    then the one that hashes, which is refused until that worker is gone. It comes back when all is done.
    """
    stage.notes["upgrade_exit"] = run_upgrade(stage, 300.0) or 0
    stage.start_workers()
    stage.apply(_ASKS)
    environment, (before, now) = stage.fleet.environment, stage.units
    old, new = key_from_text(environment["JURAT_HASH_KEYS"], "JURAT_HASH_KEYS"), os.urandom(32)
    keys = _Keys(stage, [environment["JURAT_UNSEAL_KEYS"]], [old])
    operator = _Operator(stage, keys)
    keys.hand_in(old, 0.0)

    keys.give(hashes=[old, new])
    now.renew(operator.environment)
    waited(lambda: now.ready, 60, "the new worker does not come back")
    keys.hand_in(old, 0.1)
    operator.expect(1, operator.run("use", hash_key_id(new)), "of an older release")

    pin = operator.expect(0, operator.run("pin", str(operator.signing_key))).strip().partition("=")[2]
    rotate = "rotate", "--signing-key", str(operator.signing_key)
    rotating = operator.run(*rotate)
    keys.hand_in(old, 0.2)
    operator.expect(1, rotating, "1 of 2 live workers lack it")
    for number in range(2):
        rotating = operator.run(*rotate)
        waited(lambda: len(operator.opening()) == number + 2, 60, "there is no new key")  # noqa: B023
        keys.give(operator.opening(), only=1)
        keys.hand_in(old, 0.3 + number / 10)
        operator.expect(0, rotating)
        keys.platform_takes(pin)
        keys.hand_in(old, 0.35 + number / 10)
    (first, _) = stage.column("SELECT id FROM jurat_seal_keys ORDER BY from_at")
    operator.expect(1, operator.run("retire", first, "--destroy"), "still needed")

    before.renew(operator.environment, OURS)
    waited(lambda: before.ready, 60, "the upgraded worker does not come back")
    operator.expect(0, operator.run("use", hash_key_id(new)))
    keys.hand_in(new, 0.5)
    printed = keys.print_codes(old)
    operator.expect(0, operator.run("rehash"))
    keys.hand_in(new, 0.6)

    older = {"JURAT_UNSEAL_KEYS_FILE": "", "JURAT_UNSEAL_KEYS": ",".join(keys.unseal)}
    older["JURAT_HASH_KEYS"] = ",".join(map(key_to_text, (new, old)))
    before.renew(older, stage.released)
    waited(lambda: before.ready, 60, "the worker of the last release does not come back")
    keys.hand_in(new, 0.7)
    keys.hand_in_codes(printed)
    keys.hand_in(new, 0.8)
    before.renew(operator.environment, OURS)
    waited(lambda: before.ready, 60, "the upgraded worker does not come back")

    waited(keys.all_ended, 120, "not everything is settled", pause=1.0)
    recovery = stage.all_settle()
    _take_stock(stage, keys)
    stage.notes["epochs_sealed_in"] = stage.scalar(
        "SELECT count(DISTINCT answer_key) FROM jurat_checks JOIN jurat_seal_keys k ON k.id = answer_key"
    )
    return recovery


_HELD = dict.fromkeys(
    (
        *("codes_not_known", "codes_held_twice", "codes_of_no_one", "numbers_held_twice", "numbers_of_no_one"),
        *("unreadable", "tracebacks"),
    ),
    0,
)

SCENARIOS = (
    Scenario(
        "rotation",
        "keys replaced under load, in four orders of steps",
        _rotation,
        setting=Setting(workers=3),
        limits=_HELD,
        at_least={"codes": 100, "numbers": 100, "waited_for_a_key": 1},
        short=False,
    ),
    Scenario(
        "rotation-of-two-releases",
        "keys replaced beside a worker of the last release",
        _of_two_releases,
        setting=Setting(workers=2, started=False, released=released),
        limits={**_HELD, "upgrade_exit": 0},
        at_least={"codes": 80, "numbers": 80, "epochs_sealed_in": 2},
        skip=no_release,
        short=False,
    ),
)
