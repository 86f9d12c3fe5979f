"""Says what a verdict keeps of the evidence about an address: nothing that tells a home from its neighbours. Pure.

Anyone with the verdicts and a public address base can compute the evidence of every house. A distance, a score or a
number of candidates then finds the home again, above all where one participant has verdicts about several zones.
docs/decisions/0033-a-verdict-finds-no-home.md has the figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ALIKE = ("provider", "data_date", "zone", "zone_version", "zone_digest")
"""What is the same for every house that a source knows."""

SAID = ("chosen", "named_zone")
"""What the participant said of what was offered, and the zone that a question asked for."""


def lasting(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the evidence of `decide_residence` that a settled verdict keeps: what is the same for every house,
    and the rules down to the first one that did not hold, which the reason says as well. Where two sources disagree
    (`leaning` is what the one before saw), the reason says nothing about rules, so none is kept.
    """
    rules: dict[str, bool] = {}
    for rule, held in () if "leaning" in evidence else evidence["rules"].items():
        rules[rule] = held
        if not held:
            break
    return {**{name: evidence[name] for name in (*ALIKE, *SAID) if name in evidence}, "rules": rules}
