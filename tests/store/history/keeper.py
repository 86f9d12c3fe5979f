"""Who seals the history of a desk, and keeps its heads elsewhere."""

from __future__ import annotations

from nacl.signing import SigningKey

from store.history.heads import Head
from store.history.sealer import Sealer, begin, heads_after
from store.history.verification import VerifiedHistory, verify_history
from tests.store.desk import ADMIN, Desk


class Keeper:
    """The key, and the heads that are kept outside of the database."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.key = SigningKey.generate()
        self.heads: list[Head] = []
        begin(desk.engine, ADMIN)
        self.seal()

    def seal(self) -> int:
        """Seal all that waits; how many leaves were added."""
        sealer = Sealer(self.desk.engine, self.key, self.heads[-1] if self.heads else None)
        added, more = 0, True
        while more:
            turn = sealer.turn()
            added, more = added + turn.leaves, turn.more
        self.heads += heads_after(self.desk.engine, self.heads[-1].signed_ms if self.heads else -1)
        return added

    def verify(self) -> VerifiedHistory:
        verified = verify_history(self.desk.engine, self.heads, self.key.verify_key)
        assert verified is not None
        return verified

    def found(self) -> list[tuple[str, str]]:
        """What contradicts the history: the kind, and what of it."""
        return [(each.kind, each.what) for each in self.verify().contradictions]
