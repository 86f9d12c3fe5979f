"""The source of type `roster`: looks a participant up in an imported roster, by the keyed hash of the number.

The hash shows that the number is the one typed, so the number itself is stored nowhere. The row that is found is opened
with that number, and judged as any registry's record is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
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

_MOST_ZEROS = 8


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
        hashes = [self._hash(each.inputs[self._number]) if isinstance(each, Asked) else {} for each in prepared]
        numbers = {number for each in hashes for number in each.values()}
        if not numbers:
            return [each for each in prepared if isinstance(each, Finding)]
        try:
            found = self.in_force(sorted(numbers))
            doubtful = self._held_with_other_zeros(
                asked.inputs[self._number]
                for asked, own in zip(prepared, hashes, strict=True)
                if isinstance(asked, Asked) and own[found.key_id] not in found.people
            )
        except SourceError as error:
            return [each if isinstance(each, Finding) else error for each in prepared]
        return [
            self._judge_row(each, found, own[found.key_id], doubtful) if isinstance(each, Asked) else each
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

    def _hash(self, number: str) -> Mapping[str, bytes]:
        """The hashes of a number, by the id of their key."""
        return self._fingerprints.digests(namespace(self._model.dataset), number)

    def _held_with_other_zeros(self, absent: Iterable[str]) -> frozenset[str]:
        """Those of the numbers that the roster has with more or fewer zeros before them, where absence refuses.
        Spreadsheets drop such zeros, and so do people. A format with check digits keeps them.
        """
        if self._model.record.absent != "refused" or self._model.number_input.format is not None:
            return frozenset()
        others = {number: [*map(self._hash, _with_other_zeros(number))] for number in absent if number.isdigit()}
        wanted = {digest for each in others.values() for own in each for digest in own.values()}
        people = self.in_force(sorted(wanted)).people if wanted else {}
        return frozenset(
            number
            for number, each in others.items()
            if any(digest in people for own in each for digest in own.values())
        )

    def _judge_row(
        self, asked: Asked, found: RosterVersion, number: bytes, doubtful: Collection[str]
    ) -> Finding | SourceError:
        self._trace.on_roster(found)
        evidence = {"version": self._model.version, "dataset_version": found.version}
        typed = asked.inputs[self._number]
        # A participant may be in a row that was left out, or in one whose number lost its zeros.
        absent = Outcome.UNDETERMINED if found.left_out or typed in doubtful else None
        try:
            people = self._opened(found, typed, found.people.get(number, ()))
            rows = [{**person, self._model.file.number: typed} for person in people]
            finding = self._judge(asked, rows, evidence, absent, complete=not found.left_out)
            return replace(finding, data_date=found.data_date)
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


def _with_other_zeros(number: str) -> Iterator[str]:
    """The number with none, one, or more zeros before it, but not as it is."""
    bare = number.lstrip("0")
    return (other for zeros in range(_MOST_ZEROS + 1) if (other := "0" * zeros + bare) not in ("", number))
