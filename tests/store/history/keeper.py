"""Who seals the history of a desk, and keeps its heads elsewhere; and what is done and forged."""

from __future__ import annotations

from pathlib import Path

from nacl.signing import SigningKey
from sqlalchemy import text

from jurat.ids import uuid7
from jurat.vocabulary import Outcome, Reason
from store.history.heads import Head, read_heads
from store.history.sealer import Sealer, begin
from store.history.verification import VerifiedHistory, verify_history
from store.requests.request_runner import Request, RequestKind, Requests
from tasks.checks import Settle
from tests.store.desk import ADMIN, Desk
from tests.store.passing import unguarded

ACCEPTED, REFUSED = Settle(Outcome.ACCEPTED, Reason.INSIDE_ZONE), Settle(Outcome.REFUSED, Reason.OUTSIDE_ZONE)


def ask(desk: Desk, kind: RequestKind, **given: object) -> None:
    Requests(desk.engine).do(Request(uuid7(), kind, ADMIN, **given))  # type: ignore[arg-type]


def forge(desk: Desk, *statements: str) -> None:
    """Change rows as the owner can, past all guards."""
    with desk.engine.begin() as connection, unguarded(connection):
        for statement in statements:
            assert connection.execute(text(desk.clock(statement))).rowcount


class Keeper:
    """The key, and the file outside of the database."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        self.desk = desk
        self.key = SigningKey.generate()
        self.file = folder / "heads"
        begin(desk.engine, ADMIN)
        self.seal()

    @property
    def heads(self) -> list[Head]:
        return read_heads(self.file)

    def seal(self) -> int:
        """Seal all that waits; how many leaves were added."""
        sealer = Sealer(self.desk.engine, self.key, self.file)
        added, more = 0, True
        while more:
            turn = sealer.turn()
            added, more = added + turn.leaves, turn.more
        return added

    def verify(self) -> VerifiedHistory:
        verified = verify_history(self.desk.engine, self.heads, self.key.verify_key)
        assert verified is not None
        return verified

    def found(self) -> list[tuple[str, str]]:
        """What contradicts the history: the kind, and what of it."""
        return [(each.kind, each.what) for each in self.verify().contradictions]
