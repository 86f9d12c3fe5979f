"""Looks up once what a person asked for, to see what a source answers: found and decided as for a check, and no more.

What comes of it is read by that person alone. It has no secret of the source, no request and no answer of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from adapters.address.explanation import explain_reading
from adapters.address.parsed_address import read_answer
from adapters.base import Finding, Found, NeedsReview, Places, Query, SourceError, Unreadable
from config.levels import Level
from config.logger import get_logger
from config.sources import answer_schema
from jurat.answers import validate
from jurat.errors import InvalidAnswer
from jurat.vocabulary import Outcome, Reason
from tasks.found_places import shown_places
from tasks.plan import Plan
from tasks.rules.areas import decide_area
from tasks.rules.candidates import as_meant

log = get_logger("jurat.inquiries")

MOST = 12
"""Zones of an address at most: more are no help to anybody."""


def look_up(plan: Plan, source: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What came of it, as JSON. `asked` has the `answer`, and the `question` whose requirement it has to meet.

    Either `refused` says why it was not looked up, or there is the `outcome` with its `reason` and `evidence`. For an
    address there are its `places`, how it was read (`reading`), and the `zones` of all questions that ask this source,
    each with its outcome.
    """
    model, named = plan.configuration.sources[source], asked.get("question")
    question = plan.question(*named) if isinstance(named, list) and len(named) == 2 else None
    if named is not None and question is None:
        return {"refused": "changed"}
    try:
        answer = asked["answer"]
        validate(answer, json.dumps(answer_schema(model)))
    except (KeyError, InvalidAnswer):
        return {"refused": "changed"}
    requirement = question.requirement if question else {}
    found = _ask(plan, source, Query(answer, requirement, model.timeout))
    match found:
        case Places():
            return _places(plan, source, answer, found)
        case Finding():
            return _outcome(found)
        case NeedsReview():
            return _outcome(Finding(Outcome.UNDETERMINED, Reason.REQUIREMENT_MISSING, found.evidence))
        case SourceError():
            return {"outcome": Outcome.UNDETERMINED, "reason": found.reason, "detail": found.detail, "evidence": {}}


def _ask(plan: Plan, source: str, query: Query) -> Found | SourceError:
    try:
        return plan.sources[source].look_up(query)
    except SourceError as error:
        return error
    except Exception as error:  # noqa: BLE001 - as for a check; its message may hold the answer
        log.error("adapter failed", source=source, error=type(error).__name__)  # noqa: TRY400 - for the same reason
        return Unreadable(f"the adapter failed with {type(error).__name__}")


def _outcome(found: Finding) -> dict[str, Any]:
    evidence = dict(found.evidence)
    if found.data_date:
        evidence.setdefault("data_date", found.data_date.isoformat())
    return {"outcome": found.outcome, "reason": found.reason, "evidence": evidence}


def _places(plan: Plan, source: str, answer: Mapping[str, Any], found: Places) -> dict[str, Any]:
    language = getattr(plan.configuration.sources[source], "language", "fr")
    decided: list[dict[str, Any]] = []
    for each in plan.configuration.questions.values():
        zone = plan.area(each)
        if zone is None or source not in each.sources:
            continue
        margins = {Level(level): metres for level, metres in each.margins.items()}
        residence = decide_area(answer, found, zone, margins, name_zone=each.name_zone, language=language)
        if (said := {"zone": residence.evidence["zone"], **_outcome(residence)}) not in decided:  # many ask the same
            decided.append(said)
        if len(decided) == MOST:
            break
    asked = as_meant(read_answer(answer, language), found, language)[0]
    reading = asdict(explain_reading(answer, asked, found, language))
    return {"places": shown_places(found), "zones": decided, "reading": reading}
