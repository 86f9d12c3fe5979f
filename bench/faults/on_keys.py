"""Replaces keys while answers and codes come in, in the right order of steps and in those that people get wrong."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from adapters.fingerprints import Fingerprints
from bench.faults.scenario import Scenario
from bench.faults.stage import Setting, Stage
from bench.rig.unit import waited
from jurat import Client, Submission
from jurat.codes import clean, generate
from jurat.ids import uuid7
from jurat.seal import generate as new_pair
from jurat.seal import key_from_text, key_to_text
from store.requests.code_lists import add_codes

LETTERS = "letters"
"""The list of codes, and the consultation that asks for them."""

_ASKS_FOR_CODES: dict[str, dict[str, Any]] = {
    "sources": {"codes": {"type": "codes", "list": LETTERS}},
    "criteria": {"has-code": {"source": "codes"}},
    "consultations": {
        LETTERS: {"questions": {"code": {"criterion": "has-code", "deadline": "1d"}}, "access": {"all_of": ["code"]}}
    },
}

_CODES = 10
"""Codes that are handed in at once."""


@dataclass
class _Keys:
    """What the workers and the platform have at the moment."""

    stage: Stage
    unseal: list[str]
    hashes: list[bytes]
    clients: list[Client] = field(default_factory=list)
    handed_in: int = 0

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
        fingerprints, codes = Fingerprints([key]), [generate() for _ in range(_CODES)]
        stored = [fingerprints.newest(LETTERS, clean(code) or "") for code in codes]
        add_codes(self.stage.service.database, LETTERS, stored, "bench")
        answers = [
            Submission(LETTERS, f"c-{self.handed_in + number}", "code", {"code": code}, id=uuid7())
            for number, code in enumerate(codes)
        ]
        self.handed_in += _CODES
        with self.stage.service.database.begin() as connection:
            self.stage.web.client.submit_many(connection, answers)
        self.stage.web.client.ring()


def _rotation(stage: Stage) -> float | None:
    """Four times an unseal key is replaced, and three times a hash key. `W` gives the workers the new key as well,
    `P` has the platform use it, `R` takes the old one from the workers.
    """
    stage.apply(_ASKS_FOR_CODES)
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
                case _:
                    keys.give([new], [fresh], only=2)  # one worker is left with what it had
            keys.hand_in_codes(replaced[0])
            stage.over(1.0 if stage.short else 4.0, begin=number / len(orders), end=(number + 0.8) / len(orders))
        keys.give([old, new], [fresh, *replaced])  # brought back where it was taken too early
        waited(lambda: stage.fleet.unsettled() == 0, 90, f"not everything is settled after {order}")
        keys.give([new], keys.hashes)
    recovery = stage.all_settle()
    for client in keys.clients[:-1]:
        client.close()
    stage.stack.enter_context(closing(keys.clients[-1]))
    outcomes = "SELECT count(*) FROM jurat_verdicts v JOIN jurat_checks c ON c.id = v.check_id WHERE c.consultation = "
    stage.notes["codes"] = stage.scalar(f"{outcomes} :name", name=LETTERS)
    stage.notes["codes_not_known"] = stage.scalar(f"{outcomes} :name AND v.outcome <> 'accepted'", name=LETTERS)
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
        limits={"codes_not_known": 0, "unreadable": 0, "tracebacks": 0},
        at_least={"codes": 100, "waited_for_a_key": 1},
        short=False,
    ),
)
