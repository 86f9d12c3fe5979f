"""The source of type `roster`: looks a person up in an imported roster, by the keyed hash of the number.

That the number is the one typed is known by the hash, so the number itself is stored nowhere. What follows is what is
done with any registry's record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from adapters.base import Credentials, Finding, Found, Query, SourceError, Unavailable
from adapters.fingerprints import Fingerprints
from adapters.registry.adapter import utc_now
from adapters.registry.holder import NumberHolder
from adapters.registry.numbers import Cleaner, Malformed, clean
from adapters.registry.record import RecordReader
from adapters.registry.roster_versions import RosterStore, RosterVersion
from adapters.registry.rules import Case, Rules
from adapters.registry.trace import LookupTrace
from config.hours import parse_zone
from config.registry.roster import RosterSource
from jurat.vocabulary import Outcome, Reason


@dataclass(frozen=True, slots=True)
class _RosterQuery:
    """What one look-up asks. `numbers` are the hashes of the number, by the key that each is made with."""

    query: Query = field(repr=False)
    inputs: Mapping[str, str] = field(repr=False)
    numbers: Mapping[str, bytes] = field(repr=False)


class RosterAdapter:
    """Looks a participant up in a roster. `clock` tells how old its data are, `watch` is told of each step.

    Numbers that count for one participant each are those of the source `name`.
    """

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
        self._watch = watch

    def look_up(self, query: Query) -> Found:
        """What the list says of one participant.

        Raises:
            SourceError: there is no such list, or not as its source describes it; the database does not answer.
        """
        (found,) = self.look_up_many([query])
        if isinstance(found, SourceError):
            raise found
        return found

    def look_up_many(self, queries: Sequence[Query]) -> list[Found | SourceError]:
        """The same for many in one statement."""
        asked = [self._asked(query) for query in queries]
        numbers = {number for each in asked if isinstance(each, _RosterQuery) for number in each.numbers.values()}
        if not numbers:
            return [each for each in asked if isinstance(each, Finding)]
        try:
            found = self.in_force(sorted(numbers))
        except SourceError as error:
            return [each if isinstance(each, Finding) else error for each in asked]
        return [each if isinstance(each, Finding) else self._judged(each, found) for each in asked]

    def in_force(self, numbers: Sequence[bytes] = ()) -> RosterVersion:
        """The list as it is now, with those who have one of `numbers`.

        Raises:
            Unavailable: there is none, it is older than its source allows, or was not stored as its source has it now.
            Credentials: its numbers were hashed with a key that is not here.
        """
        name = self._model.dataset_name
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

    def close(self) -> None:
        """Nothing to give back."""

    def _today(self) -> date:
        """The list's own day."""
        return self._clock().astimezone(self._zone).date()

    def _asked(self, query: Query) -> _RosterQuery | Finding:
        try:
            inputs = clean(query.answer, self._inputs)
        except Malformed as malformed:
            if self._watch is not None and malformed.input:
                self._watch.malformed(malformed.input, malformed.failed)
            return Finding(Outcome.UNDETERMINED, malformed.reason, {"version": self._model.version})
        number = inputs[self._number]
        return _RosterQuery(query, inputs, self._fingerprints.digests(namespace(self._model.dataset_name), number))

    def _judged(self, asked: _RosterQuery, found: RosterVersion) -> Finding | SourceError:
        people, watch = found.people.get(asked.numbers[found.key_id], ()), self._watch
        if watch is not None:
            watch.in_force(found)
            watch.found(people)
        evidence = {"version": self._model.version, "dataset_version": found.version, "records": len(people)}
        if not people:
            # Who stands in a row that was left out is not in the list, and may be in it all the same.
            absent = Outcome.UNDETERMINED if found.left_out else Outcome(self._model.record.absent)
            return Finding(absent, Reason.RECORD_NOT_FOUND, evidence, found.data_date)
        if len(people) > 1:
            return Finding(Outcome.UNDETERMINED, Reason.AMBIGUOUS_RECORD, evidence, found.data_date)
        row = {**people[0], self._model.file.number: asked.inputs[self._number]}
        try:
            record = self._reader.read(row)
            if watch is not None:
                watch.read(record)
            case = Case(record, asked.inputs, asked.query.requirement, evidence, self._today())
            judged = self._rules.judge(case, None if watch is None else watch.ruled)
            finding = replace(judged, data_date=found.data_date)
        except SourceError as error:
            return error
        return finding if self._holder is None else self._holder.held(finding, asked.inputs)


def namespace(dataset: str) -> str:
    """What keeps the hashes of a list apart from those of all others, and from those of codes."""
    return f"roster:{dataset}"
