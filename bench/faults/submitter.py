"""A platform of one release: submits and polls at a steady pace, and prints how long each took.

    PYTHONPATH=FOLDER python submitter.py DATABASE_URL BROKER_URL SEAL_KEY CONSULTATION FIRST RATE

It runs with the jurat in FOLDER, and with nothing else of this repository. Each line of its output is an operation, its
seconds, and the error if it failed. It ends when its standard input does.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from sqlalchemy import create_engine

from jurat import Client

Found = TypeVar("Found")


class Platform:
    """Submits answers of participants who are numbered from `first` on."""

    def __init__(self, database: str, broker: str, seal_key: str, consultation: str, first: int) -> None:
        self.client = Client(database, broker, seal_key)
        self.engine = create_engine(database)
        self.consultation = consultation
        self.next = first

    def submit(self) -> UUID:
        """One answer, in a transaction of its own."""
        number, self.next = self.next, self.next + 1
        with self.engine.begin() as connection:
            check = self.client.submit(
                connection,
                consultation=self.consultation,
                participant=f"{self.consultation}-{number}",
                question="profession",
                answer={"number": str(number), "family_name": "Valombre", "given_name": "Iris"},
            )
        self.client.ring()
        return check.id


def main(database: str, broker: str, seal_key: str, consultation: str, first: str, rate: str) -> None:
    over = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=wait, daemon=True).start()
    platform = Platform(database, broker, seal_key, consultation, int(first))
    begun = time.monotonic()
    while not over.is_set():
        if check := timed("submit", platform.submit):
            timed("poll", platform.client.result, check)
        time.sleep(max(0.0, begun + (platform.next - int(first)) / float(rate) - time.monotonic()))


def timed(what: str, action: Callable[..., Found], *given: UUID) -> Found | None:
    """Do it, and print how long it took."""
    begun = time.monotonic()
    try:
        found = action(*given)
    except Exception as error:  # noqa: BLE001 - counted by who reads this
        print(what, f"{time.monotonic() - begun:.4f}", type(error).__name__, flush=True)
        return None
    print(what, f"{time.monotonic() - begun:.4f}", flush=True)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
