"""Runs the tests of a registry's description, without a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from adapters.base import verdict_text
from adapters.http_client.reply import Reply
from adapters.registry.trial_replies import ReadFile, trial_reply
from adapters.registry_tests.offline_run import NoAnswer, OfflineRun, Played
from config.problems import Path, dotted
from config.registry.model.trials import Trial
from config.registry.trial_files import NoFile
from jurat.vocabulary import Outcome


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
            replies[name] = trial_reply(response, steps[name], place, read_file)
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
