"""Claims a number for the participant who was accepted with it, so that no one else is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from adapters.base import Finding, NumberClaim
from adapters.fingerprints import Fingerprints
from config.registry.model.record import NUMBER
from config.registry.model.rules import EqualsRule
from config.registry.model.source import RecordSource
from jurat.vocabulary import Outcome


@dataclass(frozen=True, slots=True)
class NumberHolder:
    """Claims the number by which a record was found. Two sources with the same `namespace` look up the same people."""

    input: str
    namespace: str
    fingerprints: Fingerprints

    @staticmethod
    def of(source: RecordSource, name: str, fingerprints: Fingerprints) -> NumberHolder | None:
        """The holder for the numbers of the source `name`; None where several participants may have one."""
        inputs = [rule.input for rule in source.rules if isinstance(rule, EqualsRule) and rule.field == NUMBER]
        if not source.one_person or not inputs:
            return None
        return NumberHolder(inputs[0], source.number_kind or name, fingerprints)

    def add_claim(self, finding: Finding, inputs: Mapping[str, str]) -> Finding:
        """The finding, with a claim of its number where it accepts."""
        if finding.outcome is not Outcome.ACCEPTED:
            return finding
        number = inputs[self.input]
        return replace(finding, claim=NumberClaim(self.namespace, self.fingerprints.all(self.namespace, number)))
