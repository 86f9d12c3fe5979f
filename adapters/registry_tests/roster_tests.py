"""Runs the tests of a roster. Each brings a small list, which is read and looked up as an imported one is."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time

from adapters.base import Unavailable, verdict_text
from adapters.file_lines import FileError
from adapters.fingerprints import Fingerprints
from adapters.registry.roster import RosterAdapter
from adapters.registry.roster_rows import RosterRows
from adapters.registry.roster_seal import namespace
from adapters.registry.trial_replies import ReadFile
from adapters.registry_tests.description_tests import TrialResult, difference
from adapters.registry_tests.encoder import encode_table
from adapters.registry_tests.offline_run import DecisionTrace, Path, look_up
from adapters.rosters import RosterVersion
from config.hours import parse_zone
from config.registry.model.trials import Trial, TrialResponse
from config.registry.roster import FILE, HOW_ROWS, RosterFile, RosterSource, are_rows
from config.registry.trial_files import NoFile

_ROWS = ".json"
_MADE_UP = Fingerprints([b"made up for tests, and kept nowhere"])


def run_roster_trials(source: RosterSource, read_file: ReadFile) -> Iterator[TrialResult]:
    """Run the tests of `source`, in order."""
    for index, trial in enumerate(source.tests):
        yield _run_trial(("tests", index), trial, source, read_file)


def _run_trial(path: Path, trial: Trial, source: RosterSource, read_file: ReadFile) -> TrialResult:
    response, here = trial.responses.get(FILE), (*path, "responses", FILE)
    try:
        content = _content(response, source.file, (*here, "file"), read_file)
    except NoFile as missing:
        return TrialResult(trial, "", str(missing), (*here, "file"), {})
    today = trial.today or datetime.now(UTC).date()
    ambiguous: Path = ("file", "number") if source.record.several is None else ("record", "several")
    rosters, notes = _TestRosters(source, content, today), DecisionTrace({FILE: 0}, ambiguous)
    noon = datetime.combine(today, time(12), parse_zone(source.record.timezone))
    try:
        played = look_up(RosterAdapter(source, rosters, _MADE_UP, lambda: noon, notes), trial, notes, [FILE])
    except FileError as error:
        problem = f"its list cannot be read: {str(error).splitlines()[0]} — fix the list, or what file: says of it"
        return TrialResult(trial, "", problem, here, {})
    found = str(played)
    if rosters.asked and content is None:
        problem = f"the list was asked, and the test has none — add responses: {{ {FILE}: {{ text: … }} }}"
        return TrialResult(trial, "", problem, path, {})
    if found != verdict_text(trial.outcome, trial.reason):
        problem = difference(trial, played, notes.compared(source, trial))
        return TrialResult(trial, found, problem, (*path, "expect"), {})
    return TrialResult(trial, found, "", path, {}, records=played.records)


def _content(response: TrialResponse | None, layout: RosterFile, place: Path, read_file: ReadFile) -> bytes | None:
    """The list as a file: rows in JSON are written in the format that the description says. Raises NoFile where its
    file cannot be read, or has no such rows.
    """
    if response is None:
        return None
    rows = response.content
    if response.file is not None:
        content = read_file(place, response.file)
        if not response.file.lower().endswith(_ROWS):
            return content
        try:
            rows = json.loads(content)
        except ValueError:
            rows = None
        if not are_rows(rows):
            raise NoFile(f"the file {response.file} has no rows — {HOW_ROWS}")
    if rows is not None:
        return encode_table(rows, layout)
    return None if response.text is None else response.text.encode(layout.encoding, "replace")


class _TestRosters:
    """Has the one list that a test brings, and reads it when it is asked."""

    def __init__(self, source: RosterSource, content: bytes | None, data_date: date) -> None:
        self._source = source
        self._content = content
        self._data_date = data_date
        self.asked = False

    def roster(self, dataset: str, numbers: Sequence[bytes]) -> RosterVersion:
        """The whole list. Raises FileError, and Unavailable where the test has none."""
        self.asked = True
        if self._content is None:
            raise Unavailable("there is no list")
        layout = self._source.file
        key_id, hashed = _MADE_UP.newest_digest(namespace(dataset))
        people: dict[bytes, list[Mapping[str, str]]] = {}
        for _, number, kept in RosterRows(io.BytesIO(self._content), "list", layout, self._source.number_input):
            people.setdefault(hashed(number), []).append(dict(zip(layout.keep, kept, strict=True)))
        return RosterVersion(1, self._source.layout, key_id, self._data_date, 0, len(people), people)
