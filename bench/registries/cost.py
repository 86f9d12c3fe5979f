"""Times what the interpreter of descriptions costs for each lookup, without the network.

From the typed answer to the verdict: inputs are cleaned, the request is written, the answer is decoded, outcomes,
record and rules are asked. What would have been sent is answered from memory.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.registries.shipped import FromMemory, Shipped, asked
from bench.rig.figures import percentile

JSON_MS = 0.3
"""A lookup of a preset that answers JSON costs no more at the median."""

XML_MS = 3.0
"""The same if XML contains XML as text."""

_WARM_UP = 200
_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of a lookup, over so many."""

    preset: str
    lookups: int
    p50_ms: float
    p99_ms: float
    limit_ms: float

    @property
    def is_kept(self) -> bool:
        return self.p50_ms <= self.limit_ms


class _Meter:
    """One preset, ready to be asked again and again."""

    def __init__(self, shipped: Shipped) -> None:
        tried = shipped.accepted()
        self.preset = shipped.name
        self.limit_ms = JSON_MS if shipped.source.steps[-1].decoders == ("json",) else XML_MS
        self.took_ns: list[int] = []
        memory = FromMemory(tried.replies)
        self._adapter, self._query = asked(shipped.source, tried.trial, timeout=60.0, transport=memory)
        for _ in range(_WARM_UP):
            self._adapter.look_up(self._query)

    def run(self, lookups: int) -> None:
        look_up, query, clock = self._adapter.look_up, self._query, time.perf_counter_ns
        for _ in range(lookups):
            begun = clock()
            look_up(query)
            self.took_ns.append(clock() - begun)

    def cost(self) -> Cost:
        p50, p99 = (round(percentile(self.took_ns, share) / 1e6, 4) for share in (0.5, 0.99))
        return Cost(self.preset, len(self.took_ns), p50, p99, self.limit_ms)


def costs(presets: Sequence[Shipped], lookups: int = 5000) -> list[Cost]:
    """The cost of each preset, over `lookups` in rounds by turns: a busy moment of the machine slows all of them."""
    meters = [_Meter(shipped) for shipped in presets]
    gc.collect()
    for _ in range(_ROUNDS):
        for meter in meters:
            meter.run(max(1, lookups // _ROUNDS))
    return [meter.cost() for meter in meters]
