"""Replaces keys while answers and codes come in, in the right order of steps and in those that people get wrong."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from adapters.fingerprints import Fingerprints, hash_key_id
from bench.faults.scenario import Scenario
from bench.faults.stage import Setting, Stage
from bench.rig.registry import answer, number_of
from bench.rig.unit import waited
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

_SAME_NUMBER = 3
"""Participants who type the same number at once. One of them may have it."""

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

    def platform_seals_with(self, public: bytes) -> None:
        fleet = self.stage.fleet
        client = Client(fleet.database_url, fleet.environment["JURAT_BROKER_URL"], key_to_text(public))
        self.clients.append(client)
        self.stage.web.client = client

    def hand_in_codes(self, key: bytes) -> None:
        """Print codes that are hashed with a key, and have participants type them."""
        fingerprints, codes = Fingerprints([key]), [generate() for _ in range(_AT_ONCE)]
        stored = [fingerprints.newest(LETTERS, clean(code) or "") for code in codes]
        add_codes(self.stage.service.database, LETTERS, stored, "bench")
        answers = [
            Submission(LETTERS, f"c-{self.handed_in + number}", "code", {"code": code}, id=uuid7())
            for number, code in enumerate(codes)
        ]
        self.handed_in += _AT_ONCE
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
                    keys.platform_seals_with(public)
                    keys.hand_in_codes(fresh)
                    keys.hand_in_numbers()
                    keys.use(fresh)
                case _:
                    keys.give([new], [fresh], only=2)  # one worker is left with what it had
            keys.hand_in_codes(replaced[0])
            keys.hand_in_numbers()
            stage.over(1.0 if stage.short else 4.0, begin=number / len(orders), end=(number + 0.8) / len(orders))
        keys.give([old, new], [fresh, *replaced])  # brought back where it was taken too early
        waited(keys.all_ended, 120, f"not everything is settled after {order}", pause=1.0)
        keys.give([new], keys.hashes)
    recovery = stage.all_settle()
    for client in keys.clients[:-1]:
        client.close()
    stage.stack.enter_context(closing(keys.clients[-1]))
    verdicts = "FROM jurat_verdicts v JOIN jurat_checks c ON c.id = v.check_id WHERE c.question = "
    stage.notes["codes"] = stage.scalar(f"SELECT count(*) {verdicts} 'code'")
    stage.notes["codes_not_known"] = stage.scalar(f"SELECT count(*) {verdicts} 'code' AND v.outcome <> 'accepted'")
    holders = (
        f"SELECT count(*) {verdicts} 'number' AND v.outcome = 'accepted' GROUP BY split_part(c.participant, '-', 2)"
    )
    held = stage.column(holders)
    stage.notes["numbers"], stage.notes["numbers_held_twice"] = len(held), sum(count > 1 for count in held)
    stage.notes["numbers_of_no_one"] = keys.numbers - len(held)
    keys.forget_repeated()
    unread = "SELECT count(*) FROM jurat_verdicts WHERE reason IN ('answer_unreadable', 'key_missing')"
    stage.notes["unreadable"] = stage.scalar(unread)
    stage.notes["waited_for_a_key"] = stage.scalar("SELECT count(*) FROM jurat_missing_keys")
    return recovery


SCENARIOS = (
    Scenario(
        "rotation",
        "keys replaced under load, in four orders of steps",
        _rotation,
        setting=Setting(workers=3),
        limits={
            "codes_not_known": 0,
            "numbers_held_twice": 0,
            "numbers_of_no_one": 0,
            "unreadable": 0,
            "tracebacks": 0,
        },
        at_least={"codes": 100, "numbers": 100, "waited_for_a_key": 1},
        short=False,
    ),
)
