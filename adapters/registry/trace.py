"""Reports the steps of a lookup as they happen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.http_client.reply import Reply
from adapters.registry.decoder import Decoded
from adapters.registry.record import Record
from adapters.registry.rules import Failure
from adapters.registry.templates import Message
from adapters.rosters import RosterVersion
from config.registry.model.rules import OutcomeRule, Rule


class LookupTrace:
    """Receives the steps of a lookup, in order. Does nothing itself: override the methods that you need.

    Their arguments hold what the participant typed and what the registry answered. Show them to the administrator at
    the terminal, and store nothing of them.
    """

    def on_secret(self, secret: str, name: str) -> None:
        """`secret` must not be shown; `name` may take its place.

        A token is reported only after the answer that brought it, so show nothing before the lookup has ended.
        """

    def on_malformed(self, name: str, failed: str) -> None:
        """The input `name` cannot be right; `failed` is the check that it failed, without what was typed."""

    def on_request(self, step: str, message: Message) -> None:
        """`message` is about to be sent, with `__NAME__` in it for each secret."""

    def on_reply(self, step: str, reply: Reply, decoded: Decoded) -> None:
        """The registry has answered."""

    def on_outcome(self, step: str, index: int, rule: OutcomeRule, *, held: bool) -> None:
        """An outcome was applied to the answer. The first that held decided."""

    def on_values(self, step: str, values: Mapping[str, str]) -> None:
        """The step has set these values; those that are secret are given as `__NAME__`."""

    def on_roster(self, found: RosterVersion) -> None:
        """This version of a roster was read."""

    def on_records(self, records: Sequence[Any]) -> None:
        """The answer has these records."""

    def on_record(self, record: Record) -> None:
        """A record of the number was read. The rules that are applied to it follow, if it counts."""

    def on_rule(self, index: int, rule: Rule, failure: Failure | None) -> None:
        """A rule was applied to the record; `failure` is its verdict where it does not hold."""


def mask(name: str) -> str:
    """The text shown in place of a secret, of letters that no part of a request needs to encode."""
    return f"__{name}__"
