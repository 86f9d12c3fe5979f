"""Finds accepted answers that were given under another criterion than their question has now.

An acceptance counts for the question of its name. Publishing that name again with another criterion would count
participants who were never asked about it.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, text

from config.configuration import Configuration, Question
from store.configurations.config_versions import configuration_of

_ACCEPTED = """
    SELECT v.config_version FROM jurat_checks c
    JOIN jurat_verdicts v ON v.check_id = c.id AND v.outcome = 'accepted'
      AND v.revision = (SELECT max(w.revision) FROM jurat_verdicts w WHERE w.check_id = c.id)
    WHERE c.consultation = :consultation AND c.question = :question
    LIMIT 1"""


def of_another_criterion(connection: Connection, now: Configuration, wanted: Iterable[Question]) -> list[str]:
    """The questions in `wanted` that have accepted answers of another criterion, or of another zone or list.

    A question in `now` is compared with that, any other with the configuration under which one of its answers was
    accepted. Where that cannot be read any more, the question is not reported.
    """
    return [question.name for question in wanted if _differs(connection, now, question)]


def _differs(connection: Connection, now: Configuration, question: Question) -> bool:
    key = question.consultation, question.name
    former = now.questions.get(key)
    if former is not None and _criterion_of(former) == _criterion_of(question):
        return False
    given = {"consultation": key[0], "question": key[1]}
    version = connection.execute(text(_ACCEPTED), given).scalar()
    if version is None:
        return False
    if former is None and (stored := configuration_of(connection, version)):
        former = stored.questions.get(key)
    return former is not None and _criterion_of(former) != _criterion_of(question)


def _criterion_of(question: Question) -> tuple[object, ...]:
    zones = question.zone, sorted(question.zones), question.name_zone
    return question.criterion, zones, dict(question.requirement)
