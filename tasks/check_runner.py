"""Runs one check: opens the answer, asks the source, decides. Whatever happens, it returns a result for the store."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from traceback import walk_tb
from typing import Any

from adapters.base import (
    Finding,
    Found,
    NeedsReview,
    Places,
    Query,
    Refused,
    Source,
    SourceError,
    SourceOfMany,
    TimedOut,
    Unreadable,
    of_many,
)
from adapters.http_client.last_answer import last_answer
from config.configuration import Question
from config.logger import get_logger
from jurat.answers import encode, validate
from jurat.candidates import seal_candidates
from jurat.errors import InvalidAnswer
from jurat.seal import KEY_ID_LENGTH, Unopenable, Unseal
from jurat.vocabulary import Outcome, Reason
from tasks.checks import Attempt, CheckResult, ClaimedCheck, Decision, Ended, GiveBack, Later, Review, Settle
from tasks.crash_points import crash_point
from tasks.found_places import seal_places
from tasks.plan import Plan
from tasks.rules.decision import Candidates, decide, decide_without_look_up, wait_for_zone

log = get_logger("jurat.checks")

KEY_RETRY = 5.0
"""Seconds before a check is claimed again whose answer no key of ours opens. Claims leave such checks to other workers,
so this is rare."""

FAILED_RETRY = 30.0
"""Seconds before a check is tried again on which our own code failed."""


@dataclass(frozen=True)
class CheckRunner:
    """Runs checks under a plan. Thread-safe."""

    unseal: Unseal
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random

    def run(self, held: ClaimedCheck, plan: Plan) -> CheckResult:
        """Look up one check and decide what becomes of it. Raises only what ends the process."""
        try:
            ready = self._prepare(held, plan)
            if isinstance(ready, CheckResult):
                return ready
            last_answer.status = None
            began_at = self.clock()
            crash_point("look_up.begins")
            found = self._ask(ready, plan.sources[held.source])
            crash_point("look_up.ended")
            return self._conclude(ready, found, began_at, plan)
        except Exception as error:  # noqa: BLE001 - one bad check must not end the thread that serves all others
            return _broken(held, error, plan)

    def run_many(self, lot: Sequence[ClaimedCheck], plan: Plan) -> list[CheckResult]:
        """Look up checks of one source, all at once where the source can, and decide what becomes of each."""
        source = of_many(plan.sources[lot[0].source]) if len(lot) > 1 and lot[0].source in plan.sources else None
        if source is None:
            return [self.run(held, plan) for held in lot]
        entries: list[CheckResult] = []
        queries: list[_Ready] = []
        for held in lot:
            try:
                ready = self._prepare(held, plan)
            except Exception as error:  # noqa: BLE001 - as in `run`
                ready = _broken(held, error, plan)
            if isinstance(ready, CheckResult):
                entries.append(ready)
            else:
                queries.append(ready)
        last_answer.status = None
        began_at = self.clock()
        crash_point("look_up.begins")
        in_one_request = plan.at_once(lot[0].source) is not None
        answers = self._ask_many(queries, source, again=not in_one_request)
        crash_point("look_up.ended")
        concluded: list[CheckResult] = []
        for ready, found in zip(queries, answers, strict=True):
            try:
                concluded.append(self._conclude(ready, found, began_at, plan))
            except Exception as error:  # noqa: BLE001 - as in `run`
                concluded.append(_broken(ready.held, error, plan))
        return entries + (_count_once(concluded) if in_one_request else concluded)

    def _prepare(self, held: ClaimedCheck, plan: Plan) -> CheckResult | _Ready:
        """The query for a check, or what becomes of it without a lookup."""
        question = plan.question(held.consultation, held.question)
        if question is None:
            return CheckResult(held, Settle(Outcome.UNDETERMINED, Reason.CONFIGURATION_MISSING), plan.version)
        if decision := decide_without_look_up(held, question):
            return CheckResult(held, decision, plan.version, retain=question.retain_s)
        if len(held.answer_key or "") == KEY_ID_LENGTH and held.answer_key not in self.unseal.key_ids:
            return CheckResult(held, GiveBack(KEY_RETRY), plan.version)
        try:
            answer = self._open(held, plan.answer_schemas[question.consultation, question.name])
        except (Unopenable, InvalidAnswer, ValueError, RecursionError) as error:
            log.warning("answer unreadable", **held.log_fields, why=type(error).__name__)
            verdict = Settle(Outcome.UNDETERMINED, Reason.ANSWER_UNREADABLE)
            return CheckResult(held, verdict, plan.version, retain=question.retain_s)
        if (question.zone or question.zones) and plan.area(question) is None:
            missing = Attempt(Ended.FAILED, Reason.CONFIGURATION_MISSING, 0.0)
            return CheckResult(held, wait_for_zone(held), plan.version, missing, question.retain_s)
        timeout = plan.configuration.sources[held.source].timeout
        return _Ready(held, question, Query(answer, question.requirement, timeout))

    def _conclude(self, ready: _Ready, found: Found | SourceError, began_at: float, plan: Plan) -> CheckResult:
        """What becomes of a check whose lookup returned `found`."""
        held, question = ready.held, ready.question
        if isinstance(found, SourceError):
            log.info("no answer", **held.log_fields, source=held.source, reason=found.reason, detail=found.detail)
        decision = decide(
            held,
            question,
            found,
            answer=ready.query.answer,
            zone=plan.area(question),
            jitter=self.jitter(),
            language=getattr(plan.configuration.sources[held.source], "language", "fr"),
            seal=partial(_seal, held),
            suspect=held.source in plan.suspects,
        )
        if isinstance(found, Places):
            decision = self._with_places(decision, found, held)
        ended = Ended.FAILED if isinstance(found, SourceError) else Ended.ANSWERED
        now = self.clock()
        attempt = Attempt(
            ended,
            _reason(found, decision),
            now - began_at,
            refused=isinstance(found, Refused),
            ended_at=now,
            timed_out=isinstance(found, TimedOut),
            http_status=last_answer.status,
        )
        return CheckResult(held, decision, plan.version, attempt, question.retain_s)

    def _with_places(self, decision: Decision, found: Places, held: ClaimedCheck) -> Decision:
        """The decision, if it is or may become a review, with the places that its reviewer sees."""
        review = decision.otherwise if isinstance(decision, Settle) else decision
        if not isinstance(review, Review):
            return decision
        review = replace(review, places=seal_places(found, self.unseal, held.answer_key))
        return replace(decision, otherwise=review) if isinstance(decision, Settle) else review

    def _open(self, held: ClaimedCheck, schema: str) -> Mapping[str, Any]:
        """The answer in clear. It is validated here as well, because plain SQL may insert anything."""
        if held.sealed is None:
            raise Unopenable("the row has no answer")
        answer: Mapping[str, Any] = json.loads(self.unseal.open(held.sealed, held.answer_key))
        validate(answer, schema)
        encode(answer)
        return answer

    def _ask(self, ready: _Ready, source: Source) -> Found | SourceError:
        try:
            return _checked(source.look_up(ready.query))
        except SourceError as error:
            return error
        except Exception as error:  # noqa: BLE001 - an adapter's bug counts as an answer that we could not read
            return _failed(ready.held, error)

    def _ask_many(
        self, queries: Sequence[_Ready], source: SourceOfMany, *, again: bool
    ) -> Sequence[Found | SourceError]:
        """Ask for all at once; if that fails for a mistake of ours, one by one, if they may be asked `again`."""
        if not queries:
            return []
        try:
            found = source.look_up_many([ready.query for ready in queries])
            if len(found) != len(queries):
                raise TypeError
            return [each if isinstance(each, SourceError) else _checked(each) for each in found]
        except SourceError as error:
            return [error] * len(queries)
        except Exception as error:  # noqa: BLE001 - one of them may be what it failed on: the others get their answers
            if again:
                return [self._ask(ready, source) for ready in queries]
            return [_failed(queries[0].held, error)] * len(queries)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A check that is about to be looked up."""

    held: ClaimedCheck
    question: Question
    query: Query


def _seal(held: ClaimedCheck, candidates: Candidates) -> bytes | None:
    """The candidates, sealed for the platform; None if it gave no usable key."""
    if held.reply_key is None:
        return None
    try:
        return seal_candidates(candidates, held.reply_key)
    except ValueError:
        log.warning("reply key unusable", **held.log_fields)
        return None


def _checked(found: Found) -> Found:
    """What a lookup returned. Raises TypeError if it may not return that."""
    if not isinstance(found, Finding | Places | NeedsReview):
        raise TypeError
    return found


_NOT_ASKED = frozenset({Reason.NUMBER_MALFORMED, Reason.ANSWER_UNREADABLE})
"""Reasons of lookups that may not have asked the source."""


def _count_once(entries: Sequence[CheckResult]) -> list[CheckResult]:
    """The results of checks that shared one request. If none was answered, only one of the failures counts."""
    failed = next((entry for entry in entries if entry.attempt and entry.attempt.ended is Ended.FAILED), None)
    if failed is None:
        return list(entries)
    answered = any(
        entry.attempt and entry.attempt.ended is Ended.ANSWERED and entry.attempt.reason not in _NOT_ASKED
        for entry in entries
    )
    return [
        entry
        if entry.attempt is None or (entry.attempt.ended is Ended.ANSWERED if answered else entry is failed)
        else replace(entry, attempt=replace(entry.attempt, counted=False))
        for entry in entries
    ]


def _failed(held: ClaimedCheck, error: Exception) -> Unreadable:
    """Log an adapter's mistake, which counts as unreadable. Its message may hold the answer, and is not logged."""
    kind = type(error).__name__
    log.error("adapter failed", **held.log_fields, source=held.source, error=kind, at=_place(error))
    return Unreadable(f"the adapter failed with {kind}")


def _broken(held: ClaimedCheck, error: Exception, plan: Plan) -> CheckResult:
    """What becomes of a check on which our own code failed."""
    # Without the traceback, whose message may hold the answer.
    log.error("check failed", **held.log_fields, error=type(error).__name__, at=_place(error))
    return CheckResult(held, Later(FAILED_RETRY, Reason.SOURCE_UNREADABLE), plan.version)


def _place(error: Exception) -> str:
    """Where an exception was raised, without its message."""
    frames = list(walk_tb(error.__traceback__))
    return f"{frames[-1][0].f_code.co_qualname}:{frames[-1][1]}" if frames else ""


def _reason(found: Found | SourceError, decision: Decision) -> Reason:
    """The reason in the attempt's row: the source's own, not what was made of it."""
    match found:
        case SourceError() | Finding():
            return found.reason
        case NeedsReview():
            return Reason.REQUIREMENT_MISSING
        case Places():
            return Reason.CONFIGURATION_MISSING if isinstance(decision, GiveBack) else decision.reason
