"""A web tier that submits while things break, and writes down what came of each submit."""

from __future__ import annotations

import json
import random
import threading
import time
from itertools import count
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from bench.faults.history import Fate, Submit
from bench.rig.registry import answer, right_outcome
from jurat import Client, Submission
from jurat.ids import uuid7

CONSULTATION = "faults"
QUESTIONS = ("profession", "licence")
"""Each participant answers both, so that two workers often settle two answers of one participant at once."""

_ROLLED_BACK = 0.02
_SUBMITTED_TWICE = 0.02
"""Shares of the submits."""


class WebTier:
    """Submits on a thread of its own, up to what `allow` has allowed.

    A submit whose connection broke is repeated under the same id until the database is back, as a platform does, so
    that each ends acknowledged or rolled back. `batch` of them share a transaction.
    """

    def __init__(self, client: Client, engine: Engine, folder: Path, seed: int, batch: int = 1) -> None:
        self.submits: list[Submit] = []
        self.seconds: list[tuple[float, float]] = []
        """When each submit was begun that went through at the first try, and how long it took with its ring."""
        self.errors = 0
        """Tries that failed because the database was away."""
        self.bugs: list[str] = []
        """Exceptions that no platform should see."""
        self.client = client
        """What it submits with. A scenario may give it another one."""
        self._engine = engine
        self._ledger = (folder / "ledger.jsonl").open("a", encoding="utf-8")
        self._random = random.Random(seed)
        self._batch = batch
        self._allowed = 0
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="web-tier", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def allow(self, count: int) -> None:
        """Allow so many submits in all, the earlier ones included."""
        with self._changed:
            self._allowed = max(self._allowed, count)
            self._changed.notify_all()

    def finish(self, timeout: float) -> None:
        """Wait until all that was allowed is submitted.

        Raises TimeoutError.
        """
        end = time.monotonic() + timeout
        with self._changed:
            while len(self.submits) < self._allowed and self._thread.is_alive():
                if not self._changed.wait(max(0.0, end - time.monotonic())):
                    raise TimeoutError(f"{len(self.submits)} of {self._allowed} are submitted after {timeout:g} s")

    def close(self) -> None:
        """Submit no more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(30)
        self._ledger.close()

    @property
    def acknowledged(self) -> int:
        """How many commits have returned."""
        return sum(submit.fate is Fate.ACKNOWLEDGED for submit in list(self.submits))

    def _run(self) -> None:
        while True:
            with self._changed:
                while len(self.submits) >= self._allowed and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                begin = len(self.submits)
                end = min(self._allowed, begin + self._batch)
            made = self._submit(range(begin, end))
            for submit in made:
                self._ledger.write(json.dumps([submit.check, submit.participant, submit.question, submit.fate]) + "\n")
            self._ledger.flush()
            with self._changed:
                self.submits.extend(made)
                self._changed.notify_all()

    def _submit(self, indexes: range) -> list[Submit]:
        """Submit these in one transaction, again and again until it is committed."""
        wanted = [_submission(index) for index in indexes]
        roll_back = self._random.random() < _ROLLED_BACK
        twice = not roll_back and self._random.random() < _SUBMITTED_TWICE
        begun, fate = time.monotonic(), Fate.UNKNOWN
        for attempt in count(1):
            try:
                self._transact(wanted, roll_back=roll_back)
                if twice:
                    self._transact(wanted, roll_back=False)
            except DBAPIError:
                self.errors += 1
            except Exception as error:  # noqa: BLE001 - a finding, not the end of the run
                self.bugs.append(f"submit: {type(error).__name__}: {error}"[:300])
            else:
                fate = Fate.ROLLED_BACK if roll_back else Fate.ACKNOWLEDGED
                if attempt == 1:
                    self.seconds.append((begun, time.monotonic() - begun))
                break
            if self._closed:
                break
            time.sleep(0.2)
        return [
            Submit(
                check=str(one.id),
                participant=one.participant,
                question=one.question,
                number=one.answer["number"],
                right=right_outcome(one.answer["number"]),
                fate=fate,
            )
            for one in wanted
        ]

    def _transact(self, wanted: list[Submission], *, roll_back: bool) -> None:
        with self._engine.connect() as connection, connection.begin() as transaction:
            self.client.submit_many(connection, wanted)
            if roll_back:
                transaction.rollback()
        self.client.ring()


def _submission(index: int) -> Submission:
    return Submission(
        consultation=CONSULTATION,
        participant=f"p-{index // len(QUESTIONS)}",
        question=QUESTIONS[index % len(QUESTIONS)],
        answer=answer(index),
        id=uuid7(),
    )
