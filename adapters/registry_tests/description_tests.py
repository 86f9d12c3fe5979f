"""Runs the tests of a registry's description, without a network."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from adapters.http_client.reply import Reply, retry_after
from adapters.registry_tests.encoder import encoding_of
from adapters.registry_tests.offline_run import NoAnswer, OfflineRun, Path, Played, verdict_text
from config.problems import dotted
from config.registry.lint.answers import read_as
from config.registry.model.source import Step
from config.registry.model.trials import Response, Trial
from config.registry.trial_files import NoFile
from jurat.vocabulary import Outcome

ReadFile = Callable[[Path, str], bytes]
"""Reads the file that is named at a place below the source. Raises NoFile."""

_TYPES: Final[Mapping[str, str]] = {
    "json": "application/json",
    "xml": "text/xml; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "html": "text/html; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class TrialResult:
    """One test and its result. `replies` are those of its steps.

    Where it failed, `problem` says why, with the test's invented data, and `place` where, below the source; `decided`
    is the option that decided. `records` is how many records of the number were read.
    """

    trial: Trial
    found: str
    problem: str = field(repr=False)
    place: Path
    replies: Mapping[str, Reply]
    decided: Path = ()
    records: int = 0

    @property
    def passed(self) -> bool:
        return not self.problem

    @property
    def expected(self) -> str:
        """The verdict that the test expects."""
        return verdict_text(self.trial.outcome, self.trial.reason)


def run_trials(offline_run: OfflineRun, read_file: ReadFile) -> Iterator[TrialResult]:
    """Run the tests of a description, in order."""
    for index, trial in enumerate(offline_run.source.tests):
        yield _run_trial(("tests", index), trial, offline_run, read_file)


def _run_trial(path: Path, trial: Trial, offline_run: OfflineRun, read_file: ReadFile) -> TrialResult:
    steps = {page: step for step in offline_run.source.steps for page in step.pages}
    replies: dict[str, Reply] = {}
    for name, response in trial.responses.items():
        place: Path = (*path, "responses", name)
        try:
            replies[name] = _reply(response, steps[name], (*place, "file"), read_file)
        except NoFile as missing:
            return TrialResult(trial, "", str(missing), (*place, "file"), replies)
    try:
        played = offline_run.play(trial, replies)
    except NoAnswer as missing:
        problem = f"the step '{missing.step}' was asked, and the test has no response for it — add it to responses:"
        return TrialResult(trial, "", problem, (*path, "responses"), replies)
    found = str(played)
    if found != verdict_text(trial.outcome, trial.reason):
        problem = difference(trial, played, offline_run.compared(trial))
        return TrialResult(trial, found, problem, (*path, "expect"), replies, played.place)
    for name in trial.responses:
        if name not in played.asked:
            problem = f"the lookup ended before the step '{name}' was asked ({_why(played)}) — remove this response"
            return TrialResult(trial, found, problem, (*path, "responses", name), replies)
    return TrialResult(trial, found, "", path, replies, records=played.records)


def difference(trial: Trial, played: Played, compared: str) -> str:
    """The message for a test that came to another verdict than it expects, with what was `compared`."""
    expected = verdict_text(trial.outcome, trial.reason)
    hint = "fix the description, or the test where it is mistaken"
    return f"the test '{trial.name}' expects {expected} and gives {played}: {_why(played, compared)} — {hint}"


def _why(played: Played, compared: str = "") -> str:
    if played.outcome is Outcome.ACCEPTED:
        return "every rule held"
    decided = f"{dotted(played.place)} decided"
    said = "; ".join(filter(None, (compared, played.detail)))
    return f"{decided} ({said})" if said else decided


def _reply(response: Response, step: Step, place: Path, read_file: ReadFile) -> Reply:
    first = step.decoders[0]
    body, kind, encoding = b"", read_as(step), encoding_of(first)
    if response.content is not None:
        encoding = encoding if kind == "json" else "utf-8"
        body, kind = json.dumps(response.content, ensure_ascii=False).encode(encoding, "replace"), "json"
    elif response.text is not None:
        body = response.text.encode(encoding, "replace")
    elif response.file is not None:
        body = read_file(place, response.file)
        suffix = response.file.rpartition(".")[2].lower()
        kind = suffix if suffix in _TYPES else kind
    headers = {name.lower(): value for name, value in response.headers.items()}
    if body:
        headers.setdefault("content-type", _TYPES[kind])
    return Reply(response.status, headers, body, retry_after(headers.get("retry-after"), time.time()))
