"""Reports the steps of a lookup, as they happen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.http_client.reply import Reply
from adapters.registry.decoder import Decoded
from adapters.registry.record import Record
from adapters.registry.roster_versions import RosterVersion
from adapters.registry.rules import Failure
from adapters.registry.templates import Message
from config.registry.model.rules import OutcomeRule, Rule


class LookupTrace:
    """Told what happens in a look-up, in order. Does nothing itself: override what is wanted.

    What it is told holds what the participant typed and what the registry answered. It is for a terminal in front of
    which an administrator sits, and for nothing that is kept.
    """

    def hidden(self, secret: str, name: str) -> None:
        """`secret` is to be shown to nobody; `name` may stand for it.

        A token is told only after the answer that brought it, so show nothing before the look-up has ended.
        """

    def malformed(self, name: str, failed: str) -> None:
        """The input `name` cannot be right; `failed` is what it did not pass, without what was typed."""

    def asking(self, step: str, message: Message) -> None:
        """`message` is about to be sent, with `__NAME__` in it for each secret."""

    def answered(self, step: str, reply: Reply, decoded: Decoded) -> None:
        """The registry has answered."""

    def tried(self, step: str, index: int, rule: OutcomeRule, *, held: bool) -> None:
        """An outcome was asked of the answer. The first that held decided."""

    def kept(self, step: str, values: Mapping[str, str]) -> None:
        """The step has set these values; those that are secret are told as `__NAME__`."""

    def in_force(self, found: RosterVersion) -> None:
        """A roster was looked into, in this version."""

    def found(self, records: Sequence[Any]) -> None:
        """So many records stand where one is described to stand."""

    def read(self, record: Record) -> None:
        """The one record was read."""

    def ruled(self, index: int, rule: Rule, failure: Failure | None) -> None:
        """A rule was asked of the record; `failure` is what it makes of it where it does not hold."""


def mask(name: str) -> str:
    """What stands for a secret: letters that no place in a request needs to encode."""
    return f"__{name}__"
