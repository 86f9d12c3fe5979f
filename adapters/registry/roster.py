"""The source of type `roster`: looks a participant up in an imported roster, by the keyed hash of the number.

The hash shows that the number is the one typed, so the number itself is stored nowhere. The row that is found is judged
as any registry's record is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from adapters.base import Credentials, Finding, Found, Query, SourceError, SourceOfMany, Unavailable
from adapters.fingerprints import Fingerprints
from adapters.registry.adapter import utc_now
from adapters.registry.holder import NumberHolder
from adapters.registry.numbers import Cleaner, Malformed, clean
from adapters.registry.record import RecordReader
from adapters.registry.rules import Case, Rules
from adapters.registry.trace import LookupTrace
from adapters.rosters import RosterStore, RosterVersion
from config.hours import parse_zone
from config.registry.roster import RosterSource
from jurat.vocabulary import Outcome, Reason


@dataclass(frozen=True, slots=True)
class _RosterQuery:
    """What one lookup asks. `numbers` are the hashes of the number, by the id of their key."""

    query: Query = field(repr=False)
    inputs: Mapping[str, str] = field(repr=False)
    numbers: Mapping[str, bytes] = field(repr=False)


class RosterAdapter(SourceOfMany):
    """Looks participants up in a roster; `clock` gives the age of its data. It claims numbers of the source `name`."""

    def __init__(
        self,
        model: RosterSource,
        rosters: RosterStore,
        fingerprints: Fingerprints,
        clock: Callable[[], datetime] = utc_now,
        watch: LookupTrace | None = None,
        name: str = "",
    ) -> None:
        self._model = model
        self._rosters = rosters
        self._fingerprints = fingerprints
        self._clock, self._zone = clock, parse_zone(model.record.timezone)
        self._inputs = {name: Cleaner(each, today=self._today) for name, each in model.inputs.items()}
        self._number = model.number_name
        self._layout = model.layout
        self._reader = RecordReader(model.record)
        self._rules = Rules(model)
        self._holder = NumberHolder.of(model, name, fingerprints)
        self._trace = watch or LookupTrace()

    def look_up_many(self, queries: Sequence[Query]) -> list[Found | SourceError]:
        """Look up many participants in one statement."""
        prepared = [self._prepare(query) for query in queries]
        numbers = {number for each in prepared if isinstance(each, _RosterQuery) for number in each.numbers.values()}
        if not numbers:
            return [each for each in prepared if isinstance(each, Finding)]
        try:
            found = self.in_force(sorted(numbers))
        except SourceError as error:
            return [each if isinstance(each, Finding) else error for each in prepared]
        return [each if isinstance(each, Finding) else self._judge(each, found) for each in prepared]

    def in_force(self, numbers: Sequence[bytes] = ()) -> RosterVersion:
        """The version that is in force, with those who have one of `numbers`.

        Raises:
            Unavailable: there is none, it is older than its source allows, or its layout is not that of its source.
            Credentials: its numbers were hashed with a key that is not here.
        """
        name = self._model.dataset
        found = self._rosters.roster(name, numbers)
        if found is None:
            raise Unavailable(f"the dataset {name} is not imported; run `bin/jurat datasets import-roster {name} FILE`")
        if found.layout != self._layout:
            raise Unavailable(
                f"the number or the kept columns of the dataset {name} are described in another way than when it was "
                "imported; import it again"
            )
        if found.key_id not in self._fingerprints.key_ids:
            raise Credentials(
                f"the numbers of the dataset {name} were hashed with a key that JURAT_HASH_KEYS does not have here"
            )
        begin = datetime.combine(found.data_date, datetime.min.time(), UTC)
        if self._clock() - begin > timedelta(seconds=self._model.max_age):
            raise Unavailable(
                f"the dataset {name} has data of {found.data_date}, which is older than its source's max_age; "
                "import a newer one"
            )
        return found

    def _today(self) -> date:
        return self._clock().astimezone(self._zone).date()

    def _prepare(self, query: Query) -> _RosterQuery | Finding:
        try:
            inputs = clean(query.answer, self._inputs)
        except Malformed as malformed:
            if malformed.input:
                self._trace.on_malformed(malformed.input, malformed.failed)
            return Finding(Outcome.UNDETERMINED, malformed.reason, {"version": self._model.version})
        number = inputs[self._number]
        return _RosterQuery(query, inputs, self._fingerprints.digests(namespace(self._model.dataset), number))

    def _judge(self, asked: _RosterQuery, found: RosterVersion) -> Finding | SourceError:
        people = found.people.get(asked.numbers[found.key_id], ())
        self._trace.on_roster(found)
        self._trace.on_records(people)
        evidence = {"version": self._model.version, "dataset_version": found.version, "records": len(people)}
        if not people:
            # A participant may be in a row that was left out.
            absent = Outcome.UNDETERMINED if found.left_out else Outcome(self._model.record.absent)
            return Finding(absent, Reason.RECORD_NOT_FOUND, evidence, found.data_date)
        if len(people) > 1:
            return Finding(Outcome.UNDETERMINED, Reason.AMBIGUOUS_RECORD, evidence, found.data_date)
        row = {**people[0], self._model.file.number: asked.inputs[self._number]}
        try:
            record = self._reader.read(row)
            self._trace.on_record(record)
            case = Case(record, asked.inputs, asked.query.requirement, evidence, self._today())
            finding = replace(self._rules.judge(case, self._trace.on_rule), data_date=found.data_date)
        except SourceError as error:
            return error
        return finding if self._holder is None else self._holder.add_claim(finding, asked.inputs)


def namespace(dataset: str) -> str:
    """The namespace of a roster's hashes, which keeps them apart from those of other rosters and of codes."""
    return f"roster:{dataset}"
