"""What the pages about the configuration show: versions as YAML, differences, and what a text that was typed would do.

Consultations that a platform publishes itself are left out of it all: they are kept, whatever administrators apply.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from adapters.registry_tests.apart import Checked, NotChecked, check_apart
from config.as_yaml import leave_out, parse_stored, without_defaults, yaml_lines
from config.configuration import Configuration
from config.differences import differences
from config.document import Document
from config.problems import Problem, Severity
from console.database import Database
from store.configurations.consultations import Unpublishable
from store.configurations.orphans import places_of
from store.configurations.publisher import AppliedMeanwhile, ConfigPublisher, Prediction
from store.queries import AppliedRow, Queries

PAGE = 50
MOST_CHANGES = 100
_LONGEST_LINE = 400

Numbered = tuple[int, str]
"""A line of a text, and its number."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Differences as `config diff` says them, and how many more there are."""

    lines: Sequence[str]
    more: int = 0

    @property
    def count(self) -> int:
        return len(self.lines) + self.more


@dataclass(frozen=True, slots=True)
class Draft:
    """A configuration that somebody writes: its text, and the version that it was made from, 0 for none.

    `tested` is the version in which sources with answers in files passed their tests.
    """

    text: str
    after: int
    tested: int

    def line(self, number: int) -> str:
        """A line of the text, as far as it is shown."""
        found = next(islice(self.text.split("\n"), number - 1, None), "")
        return found if len(found) <= _LONGEST_LINE else f"{found[:_LONGEST_LINE]}…"


@dataclass(frozen=True, slots=True)
class DraftReport:
    """What was found out about a draft. `obstacle` is why it cannot be checked or applied; "" for nothing. `meanwhile`
    is what others changed since the version that it was made from.

    Changes are None where a version is of another version of jurat.
    """

    problems: Sequence[Problem] = ()
    more: int = 0
    obstacle: str = ""
    configuration: Configuration | None = None
    prediction: Prediction | None = None
    changes: Changes | None = None
    is_late: bool = False
    meanwhile: Changes | None = None

    @property
    def errors(self) -> list[Problem]:
        return [each for each in self.problems if each.severity is Severity.ERROR]

    @property
    def warnings(self) -> list[Problem]:
        return [each for each in self.problems if each.severity is Severity.WARNING]

    @property
    def places(self) -> str:
        """Where answers wait that would lose their question or source; "" for none."""
        return places_of(self.prediction.orphans) if self.prediction else ""

    @property
    def usable(self) -> bool:
        return self.configuration is not None and not self.obstacle


class ConfigurationVersions:
    """The versions of the configuration, read as `jurat_reader`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = Queries(database.reader)

    @property
    def newest(self) -> int:
        """The newest version; 0 before the first."""
        return self._queries.config_version() or 0

    def page(self, before: int | None) -> tuple[list[AppliedRow], int | None]:
        """Some versions, the newest first, and where the next page begins."""
        rows = self._queries.versions(before, PAGE + 1)
        return rows[:PAGE], rows[PAGE - 1].version if len(rows) > PAGE else None

    def find(self, version: int) -> AppliedRow | None:
        """Who applied it, and when; None if there is no such version."""
        try:
            return self._queries.applied(version)
        except LookupError:
            return None

    def published(self) -> list[str]:
        """What the platform publishes itself."""
        return sorted(self._queries.published())

    def stored(self, version: int) -> str | None:
        """A version as it is stored, without what is the platform's; None for 0. Raises LookupError.

        An older version may have what the platform has withdrawn since: that is not the administrators' to bring back.
        """
        if not version:
            return None
        text = self._queries.config(version)
        newest = self.newest
        now = json.loads(text if version == newest else self._queries.config(newest)).get("consultations", {})
        return leave_out(text, self._queries.published() | (self._queries.ever_published() - now.keys()))

    def draft(self, version: int, after: int) -> Draft:
        """A version as somebody edits it, to be applied after another. Raises LookupError."""
        stored = self.stored(version)
        text = "" if stored is None else "\n".join([*yaml_lines(without_defaults(stored)), ""])
        return Draft(text, after, version)

    def changes(self, old: int, new: int) -> Changes | None:
        """What `new` changes; None if another version of jurat wrote one of them. Raises LookupError."""
        before, after = self._document(old), self._document(new)
        return None if before is None or after is None else _changes(before, after)

    def lint(self, draft: Draft) -> Checked:
        """The problems of a draft. Only lists of codes are read as `jurat_admin`. Raises NotChecked, LookupError."""
        zones, lists = self._queries.zone_versions(), Queries(self._database.admin).code_list_names()
        return check_apart(draft.text, zones, lists, self.stored(draft.tested))

    def check(self, draft: Draft) -> DraftReport:
        """Check a draft as `config apply --dry-run` does."""
        try:
            found = self.lint(draft)
        except (NotChecked, LookupError) as error:
            return DraftReport(obstacle=str(error))
        outcome = DraftReport(found.problems, found.more, configuration=found.configuration)
        if found.configuration is None:
            return outcome
        try:
            prediction = ConfigPublisher(self._database.reader).predict(found.configuration, draft.after)
        except AppliedMeanwhile as error:
            return self.late(draft, error)
        except Unpublishable as error:
            return replace(outcome, obstacle=str(error))
        before = self._document(self.newest)
        changes = None if before is None else _changes(before, found.configuration.document)
        return replace(outcome, prediction=prediction, changes=changes)

    def late(self, draft: Draft, error: AppliedMeanwhile) -> DraftReport:
        """What to say of a draft that comes too late."""
        try:
            meanwhile = self.changes(draft.after, self.newest)
        except LookupError:
            meanwhile = None
        return DraftReport(obstacle=str(error), is_late=True, meanwhile=meanwhile)

    def _document(self, version: int) -> Document | None:
        stored = self.stored(version)
        return Document() if stored is None else parse_stored(stored)


def _changes(before: Document, after: Document) -> Changes:
    found = list(map(str, differences(before, after)))
    return Changes(found[:MOST_CHANGES], max(0, len(found) - MOST_CHANGES))


def lines_with_problems(draft: Draft, problems: Sequence[Problem]) -> list[Numbered]:
    """The lines of a draft that problems are about, for a page to show."""
    numbers = sorted({each.line for each in problems})
    return [(number, draft.line(number)) for number in numbers]
