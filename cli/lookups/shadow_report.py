"""Reports what the shadows of sources would have decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.base import ERRORS
from cli.database import require_configuration
from cli.diagnosis import applied_sources
from cli.output import Exit, Failure, count_text
from config.registry import RegistrySource
from worker.service import Service

_NO_ANSWER = frozenset(f"undetermined/{reason}" for reason in ERRORS)


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """The verdicts of a source next to those of its `shadow`, with how often each pair came."""

    source: str
    shadow: str
    counts: Mapping[tuple[str, str], int]

    @property
    def compared(self) -> int:
        return sum(count for (_, found), count in self.counts.items() if found not in _NO_ANSWER)

    @property
    def differing(self) -> int:
        return sum(
            count for (decided, found), count in self.counts.items() if found not in _NO_ANSWER and decided != found
        )

    def summary(self) -> str:
        share = f" ({self.differing / self.compared:.1%})" if self.compared else ""
        unanswered = sum(self.counts.values()) - self.compared
        no_answer = f"; it did not answer {count_text(unanswered, 'lookup')}" if unanswered else ""
        compared = f"{count_text(self.compared, 'verdict')} compared, {self.differing:,} would differ{share}"
        return f"{self.source} with its shadow {self.shadow}: {compared}{no_answer}"

    def rows(self) -> Iterator[tuple[str, str, int]]:
        """Each pair of verdicts, those that differ first, the most frequent first."""
        order = sorted(self.counts.items(), key=lambda each: (each[0][0] == each[0][1], -each[1], each[0]))
        return ((*verdicts, count) for verdicts, count in order)

    def as_data(self) -> dict[str, Any]:
        names = ("decided", "shadow", "count")
        return {
            "source": self.source,
            "shadow": self.shadow,
            "compared": self.compared,
            "differing": self.differing,
            "verdicts": [dict(zip(names, row, strict=True)) for row in self.rows()],
        }


def read_reports(service: Service, name: str | None) -> list[ShadowReport]:
    """The reports on all sources that have a shadow, or on one. Raises Failure: it has none, or there is none."""
    sources = require_configuration(service).sources
    if name is not None:
        applied_sources.require(name, sources)
    rows = {row.name: row for row in service.queries.sources()}
    reports = []
    for each in [name] if name else sources:
        model = sources[each]
        if isinstance(model, RegistrySource) and model.shadow:
            counts = rows[model.shadow.source].shadow or {}
            pairs = {(pair.partition(" ")[0], pair.partition(" ")[2]): count for pair, count in counts.items()}
            reports.append(ShadowReport(each, model.shadow.source, pairs))
    if not reports:
        who = name or "no source"
        raise Failure(f"{who} has {'no' if name else 'a'} shadow — add shadow: to its description", Exit.USAGE)
    return reports
