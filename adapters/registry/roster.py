"""The source of type `roster`: looks a participant up in an imported roster, by the keyed hash of the number.

The hash shows that the number is the one typed, so the number itself is stored nowhere. The row that is found is opened
with that number, and judged as any registry's record is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from adapters.base import Credentials, Finding, Found, Query, SourceError, SourceOfMany, Unavailable
from adapters.fingerprints import Fingerprints
from adapters.registry.judge import Asked, RecordJudge, utc_now
from adapters.registry.roster_seal import RosterSeal, namespace
from adapters.registry.trace import LookupTrace
from adapters.rosters import SEALED, RosterStore, RosterVersion
from config.registry.roster import RosterSource
from jurat.vocabulary import Outcome


class RosterAdapter(RecordJudge, SourceOfMany):
    """Looks participants up in a roster; `clock` also gives the age of its data. See `RecordJudge`."""

    _model: RosterSource

    def __init__(
        self,
        model: RosterSource,
        rosters: RosterStore,
        fingerprints: Fingerprints,
        clock: Callable[[], datetime] = utc_now,
        watch: LookupTrace | None = None,
        name: str = "",
    ) -> None:
        super().__init__(model, clock=clock, watch=watch, name=name, fingerprints=fingerprints)
        self._rosters = rosters
        self._fingerprints = fingerprints
        self._number = model.number_name
        self._layout = model.layout

    def look_up_many(self, queries: Sequence[Query]) -> list[Found | SourceError]:
        """Look up many participants in one statement."""
        prepared = [self._prepare(query) for query in queries]
        hashes = [self._hash(each) if isinstance(each, Asked) else {} for each in prepared]
        numbers = {number for each in hashes for number in each.values()}
        if not numbers:
            return [each for each in prepared if isinstance(each, Finding)]
        try:
            found = self.in_force(sorted(numbers))
        except SourceError as error:
            return [each if isinstance(each, Finding) else error for each in prepared]
        return [
            self._judge_row(each, found, own[found.key_id]) if isinstance(each, Asked) else each
            for each, own in zip(prepared, hashes, strict=True)
        ]

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
        if found.layout.removeprefix(SEALED) != self._layout:
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

    def _hash(self, asked: Asked) -> Mapping[str, bytes]:
        """The hashes of the number, by the id of their key."""
        return self._fingerprints.digests(namespace(self._model.dataset), asked.inputs[self._number])

    def _judge_row(self, asked: Asked, found: RosterVersion, number: bytes) -> Finding | SourceError:
        self._trace.on_roster(found)
        evidence = {"version": self._model.version, "dataset_version": found.version}
        typed = asked.inputs[self._number]
        # A participant may be in a row that was left out.
        absent = Outcome.UNDETERMINED if found.left_out else None
        try:
            people = self._opened(found, typed, found.people.get(number, ()))
            rows = [{**person, self._model.file.number: typed} for person in people]
            return replace(self._judge(asked, rows, evidence, absent), data_date=found.data_date)
        except SourceError as error:
            return error

    def _opened(
        self, found: RosterVersion, number: str, people: Sequence[Mapping[str, str]]
    ) -> Sequence[Mapping[str, str]]:
        """The kept columns of those who have the number. Raises Unreadable where a row does not open."""
        if not found.is_sealed:
            return people
        seal = RosterSeal(self._fingerprints, found.key_id, self._model.dataset, found.version)
        return [seal.open(number, person) for person in people]
