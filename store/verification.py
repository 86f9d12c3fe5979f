"""Verifies that what the database says follows from its verdicts, and its verdicts from what was done.

A login of a worker or an administrator may write what guards cannot compare, such as `granted` into `jurat_access`. It
does not go together with the rest then: this finds it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from config.configuration import Configuration, Question
from jurat.access import AccessSummary
from jurat.database import reader
from jurat.names import ERASED, is_erased
from jurat.queries import read_json
from jurat.times import instant, moment
from jurat.vocabulary import AccessState
from store.configurations.applied_config import AccessTerms
from store.configurations.config_versions import configuration_of
from store.dialects import StoreDialect, dialect_of
from store.requests.decisions import Opinion, agrees, last_of_each
from store.requests.erasure import EVERYWHERE
from store.verdicts.access import AccessRows, Key

BATCH: Final = 500
"""Participants that are read in one transaction."""

LONGEST_WAIT: Final = 2 * 366 * 86_400.0
"""Seconds for which nothing waits: a time after that is no one's intention."""

SOON: Final = 60.0
"""Seconds for which clocks differ at most, and in which upkeep adds up what time changes."""


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """What does not follow: of a check, of a request, which may have none, or of a participant, by their last check."""

    what: str
    consultation: str
    check: UUID | None


@dataclass(frozen=True, slots=True)
class Verified:
    """How many participants were read, and what was found of them."""

    participants: int
    found: Sequence[Discrepancy]


def verify_checks(engine: Engine) -> list[Discrepancy]:
    """Whether each settled check has its verdicts, all of them, each acceptance and refusal what it rests on, each
    review its end, and each request that is done its trace.
    """
    found = list[Discrepancy]()
    with reader(engine).begin() as connection:
        dialect = dialect_of(connection)
        asked = dialect.later("q.asked_at", str(-SOON))
        times = {"late": dialect.now(str(LONGEST_WAIT)), "soon": dialect.now(str(SOON)), "asked": asked}
        for what, sql in _CHECKS.items():
            rows = connection.execute(text(sql.format(**times)))
            found += [Discrepancy(what, row[0], row[1] and UUID(str(row[1]))) for row in rows]
    return found


def verify_configured(engine: Engine) -> list[Discrepancy]:
    """Whether the questions that are asked are those of the configuration, reviews take as long as theirs said, and
    a decision waits only for a second person; or that a newer version of jurat applied the configuration: then neither
    these nor access are compared.
    """
    with reader(engine).begin() as connection:
        dialect = dialect_of(connection)
        if dialect.snapshot:
            connection.execute(text(dialect.snapshot))
        newest = connection.scalar(text("SELECT max(version) FROM jurat_configs")) or 0
        applied = AccessRows().newest(connection)
        if applied.version != newest:
            return [Discrepancy("access was not compared: a newer version of jurat has to verify it", "", None)]
        asked = {(row[0], row[1]): (row[2], row[3]) for row in connection.execute(text(_ASKED))}
        configured = {key: (each.terms.rounds, each.terms.valid_s) for key, each in applied.questions.items()}
        others = {key[0] for key in asked.keys() | configured.keys() if asked.get(key) != configured.get(key)}
        found = [Discrepancy("its questions are not as configured", name, None) for name in sorted(others)]
        version_of = cache(partial(configuration_of, connection))
        for consultation, check, question, version, seconds in connection.execute(text(_reviews(dialect))).all():
            known = _question(version_of(version), consultation, question)
            if known is not None and seconds < known.review_due_s - 1:
                found.append(Discrepancy("its review is due sooner than configured", consultation, UUID(str(check))))
        found += _words(connection, version_of)
    return found


def _words(connection: Connection, version_of: Callable[[int], Configuration | None]) -> Iterator[Discrepancy]:
    """Whether each decision that waits for a second person has to, and none waits that two persons have said."""
    applied = connection.execute(text("SELECT version, applied_at FROM jurat_configs ORDER BY version")).all()
    times = [instant(row[1]) for row in applied]

    def four_eyes(question: tuple[str, str], at: datetime) -> set[object]:
        """What the versions said that may have been in force then; None of one that cannot be read here."""
        first = max(bisect_right(times, at - timedelta(seconds=SOON)), 1)
        known = (_question(version_of(row[0]), *question) for row in applied[first - 1 : bisect_right(times, at)])
        return {None if each is None else each.four_eyes for each in known}

    rows = [(row[0], UUID(str(row[1])), row[2], instant(row[3])) for row in connection.execute(text(_WORDS))]
    for consultation, check, question, at in rows:
        if four_eyes((consultation, question), at) == {False}:
            yield Discrepancy("its decision waits for a second person, and needs none", consultation, check)
    for consultation, check, question in dict.fromkeys(row[:3] for row in rows):
        for said in _without_verdict(connection, check):
            for place, own in enumerate(said):
                modes = four_eyes((consultation, question), own.at) if own.at else set()
                login = None if modes == {True} else own.login
                if modes and modes <= {True, "logins"} and agrees(said[:place], replace(own, login=login)):
                    yield Discrepancy("two persons decided the same, and no verdict says so", consultation, check)


def _without_verdict(connection: Connection, check: UUID) -> list[list[Opinion]]:
    """The decisions of each review that no verdict followed, the last one of each person."""
    reviews = defaultdict[int, list[Opinion]](list)
    sql = _WITHOUT_VERDICT.format(check=dialect_of(connection).uuid())
    for review, by_whom, reason, at, login in connection.execute(text(sql), {"id": str(check)}):
        reviews[review].append(Opinion(by_whom, reason, moment(at), login))
    return [last_of_each(said) for said in reviews.values()]


def _question(configuration: Configuration | None, consultation: str, question: str) -> Question | None:
    return configuration.questions.get((consultation, question)) if configuration else None


def verify_access(engine: Engine) -> Iterator[Verified]:
    """Whether access follows from the verdicts, participant by participant. While answers wait, only granted access,
    its end, its next change and ended questions are compared. Rows that upkeep still has to add up say what was right
    under the configuration before, or before the time. Consultations that are no longer configured are left out, for
    nothing says what answers add up to, and so are versions of the configuration that cannot be read here. All are left
    out where a newer version of jurat applied the configuration.
    """
    access, after, older = AccessRows(), ("", ""), dict[int, AccessTerms]()
    while True:
        with reader(engine).begin() as connection:
            dialect = dialect_of(connection)
            if dialect.snapshot:
                connection.execute(text(dialect.snapshot))
            place = {"consultation": after[0], "participant": after[1], "limit": BATCH}
            rows = connection.execute(text(_page(dialect)), place).all()
            newest = connection.scalar(text("SELECT max(version) FROM jurat_configs")) or 0
            readable = access.newest(connection).version == newest
            compared = {(row[0], row[1]): row for row in rows if row[5] and readable and not is_erased(row[1])}
            for version in {row[10] for row in compared.values()} - {None, *older}:
                configuration = configuration_of(connection, version)
                older[version] = AccessTerms.of(configuration) if configuration else _UNKNOWN
            asked = {
                key: (older.get(row[10]), moment(row[9]))
                for key, row in compared.items()
                if row[10] is None or key[0] in older[row[10]].questions
            }
            summaries = access.summaries(connection, asked) if asked else {}
            found = [
                Discrepancy(what, key[0], _last_check(connection, key))
                for key, summary in summaries.items()
                if (what := _difference(compared[key], summary))
            ]
        yield Verified(len(rows), found)
        if len(rows) < BATCH:
            return
        after = rows[-1][0], rows[-1][1]


def _difference(row: Any, summary: AccessSummary) -> str:
    """What is other in a row of `jurat_access` than the answers add up to; empty if nothing is."""
    shown, states, waits = row[2], read_json(row[3]), row[4]
    added_up = summary.access
    if shown != added_up and (not waits or AccessState.GRANTED in (shown, added_up)):
        return f"access is shown as {shown}, and the verdicts add up to {added_up}"
    others = [] if waits else sorted(name for name, state in summary.states.items() if states.get(name) != state)
    if not waits and read_json(row[6]) != summary.rounds_left:
        others.append("how many rounds are left")
    if read_json(row[7]) != summary.ended:
        others.append("what accepted answers ended")
    if moment(row[8]) != summary.granted_until:
        others.append("until when access is granted")
    if moment(row[9]) != summary.changes_at:
        others.append("when time changes it")
    return f"not as decided is shown: {', '.join(others)}" if others else ""


def _last_check(connection: Connection, key: Key) -> UUID | None:
    sql = """SELECT id FROM jurat_checks WHERE consultation = :consultation AND participant = :participant
             ORDER BY id DESC LIMIT 1"""
    found = connection.scalar(text(sql), {"consultation": key[0], "participant": key[1]})
    return None if found is None else UUID(str(found))


def _page(dialect: StoreDialect) -> str:
    """Access rows, each with whether an answer waits, whether its consultation is configured, and the version before of
    the configuration that it was added up under, if upkeep had no day yet to do so again.
    """
    return f"""
        SELECT a.consultation, a.participant, a.access, a.questions,
          EXISTS (SELECT 1 FROM jurat_checks c WHERE c.consultation = a.consultation
                  AND c.participant = a.participant AND c.state <> 'settled') AS waits,
          q.version IS NOT NULL AS configured, a.rounds_left, a.ended, a.granted_until, a.changes_at, (
            SELECT o.version FROM jurat_configs o JOIN jurat_configs n ON n.version = q.version
            WHERE o.version = a.config_version AND o.version < q.version AND n.applied_at > {dialect.now("-86400")})
        FROM jurat_access a LEFT JOIN (
          SELECT consultation, max(config_version) AS version FROM jurat_questions GROUP BY consultation) q
          ON q.consultation = a.consultation
        WHERE (a.consultation, a.participant) > (:consultation, :participant)
        ORDER BY a.consultation, a.participant LIMIT :limit"""


_ASKED = "SELECT consultation, question, rounds, valid_s FROM jurat_questions"


def _reviews(dialect: StoreDialect) -> str:
    return f"""
        SELECT c.consultation, c.id, c.question, r.config_version, {dialect.seconds_between("r.due_at", "r.opened_at")}
        FROM jurat_reviews r JOIN jurat_checks c ON c.id = r.check_id"""


_UNKNOWN = AccessTerms({}, {})

_WORDS = """
    SELECT c.consultation, c.id, c.question, a.at
    FROM jurat_audit a JOIN jurat_checks c ON CAST(c.id AS text) = a.subject
    WHERE a.action = 'review word' ORDER BY a.at"""

_OPENED = "a.subject = CAST(q.check_id AS text) AND a.action IN ('contest', 'review open')"

_WITHOUT_VERDICT = f"""
    SELECT (SELECT count(*) FROM jurat_audit a WHERE {_OPENED} AND a.at <= q.applied_at),
      q.by_whom, q.reason, q.applied_at, q.login
    FROM jurat_requests q
    WHERE q.check_id = {{check}} AND q.kind = 'decide' AND q.refused IS NULL AND q.applied_at IS NOT NULL
      AND NOT EXISTS (
        SELECT 1 FROM jurat_verdicts w
        WHERE w.check_id = q.check_id AND w.decided_by = 'reviewer' AND w.decided_at >= q.applied_at AND NOT EXISTS (
          SELECT 1 FROM jurat_audit a WHERE {_OPENED} AND a.at > q.applied_at AND a.at < w.decided_at))
    ORDER BY q.applied_at, q.asked_at, q.id"""
"""Decisions with the number of their review. A verdict follows those that no other review came after before it."""

_OF_CHECK = "SELECT c.consultation, c.id FROM jurat_verdicts v JOIN jurat_checks c ON c.id = v.check_id WHERE"

_NEWEST = "(SELECT v.{0} FROM jurat_verdicts v WHERE v.check_id = {1}.id ORDER BY v.revision DESC LIMIT 1)"

_BY_WORKER = f"{_NEWEST.format('outcome', '{0}')} = 'accepted' AND {_NEWEST.format('decided_by', '{0}')} = 'worker'"
"""A reviewer may accept a second participant with a number."""

_DECISIONS = """
        SELECT c.consultation, c.id FROM jurat_checks c JOIN (
          SELECT subject FROM (
            SELECT CAST(check_id AS text) AS subject, reason, 1 AS more FROM jurat_verdicts
            WHERE decided_by = 'reviewer'
            UNION ALL SELECT subject, detail ->> 'reason', 1 FROM jurat_audit WHERE action = 'review word'
            UNION ALL SELECT CAST(check_id AS text), reason, -1 FROM jurat_requests
            WHERE kind = 'decide' AND applied_at IS NOT NULL AND refused IS NULL) d
          GROUP BY subject, reason HAVING sum(more) {} 0) s ON s.subject = CAST(c.id AS text)"""
"""Each request of a person is a verdict, or a word that waits for a second person. Workers can store none."""

_CHECKS: Final = {
    "it is settled without a verdict": """
        SELECT c.consultation, c.id FROM jurat_checks c
        WHERE c.state = 'settled' AND NOT EXISTS (SELECT 1 FROM jurat_verdicts v WHERE v.check_id = c.id)""",
    "revisions of its verdict are missing": """
        SELECT c.consultation, c.id FROM jurat_checks c JOIN (
          SELECT check_id FROM jurat_verdicts GROUP BY check_id
          HAVING max(revision) <> count(*) OR min(revision) <> 1) v ON v.check_id = c.id""",
    # Another check may have used the code between the lookup and the verdict.
    "a worker decided it, and no lookup says so": f"""
        {_OF_CHECK} v.outcome <> 'undetermined' AND v.decided_by = 'worker' AND NOT EXISTS (
          SELECT 1 FROM jurat_attempts t WHERE t.check_id = v.check_id AND t.fence = v.fence AND t.result = 'answered'
            AND (t.reason = v.reason OR t.reason = 'code_valid' AND v.outcome = 'refused'
                 AND v.reason IN ('code_unknown', 'code_used', 'code_expired', 'code_revoked')))""",
    "a worker decided it after its first verdict": f"{_OF_CHECK} v.decided_by = 'worker' AND v.revision > 1",
    "a person decided it, and no request says so": _DECISIONS.format(">"),
    "a person's decision is said to be done, and no verdict says so": _DECISIONS.format("<"),
    "neither a worker nor a reviewer decided it": f"{_OF_CHECK} v.decided_by NOT IN ('worker', 'reviewer')",
    "it was accepted for a code that is not used": f"""
        {_OF_CHECK} v.reason = 'code_valid' AND v.check_id NOT IN (
          SELECT redeemed_by FROM jurat_codes WHERE redeemed_by IS NOT NULL)""",
    "it used a code, and was not accepted by one": """
        SELECT c.consultation, c.id FROM jurat_codes k JOIN jurat_checks c ON c.id = k.redeemed_by
        WHERE NOT EXISTS (SELECT 1 FROM jurat_verdicts v WHERE v.check_id = c.id AND v.reason = 'code_valid')""",
    "it used several codes": """
        SELECT c.consultation, c.id FROM jurat_checks c JOIN (
          SELECT redeemed_by FROM jurat_codes GROUP BY redeemed_by HAVING count(*) > 1) k ON k.redeemed_by = c.id""",
    "it waits for years": """
        SELECT c.consultation, c.id FROM jurat_checks c
        WHERE c.state IN ('pending', 'leased') AND (c.due_at > {late} OR c.deadline_at > {late})
        UNION ALL SELECT c.consultation, c.id FROM jurat_reviews v JOIN jurat_checks c ON c.id = v.check_id
        WHERE v.decided_at IS NULL AND v.due_at > {late}""",
    "it is in review, and no review is open": """
        SELECT c.consultation, c.id FROM jurat_checks c WHERE c.state = 'review' AND NOT EXISTS (
          SELECT 1 FROM jurat_reviews v WHERE v.check_id = c.id AND v.decided_at IS NULL)""",
    "it is not in review, and a review is open": """
        SELECT c.consultation, c.id FROM jurat_reviews r JOIN jurat_checks c ON c.id = r.check_id
        WHERE r.decided_at IS NULL AND c.state <> 'review'""",
    # The audit has the verdict that each later review was about. `config apply --force` ends reviews of lost questions.
    "its review ended before its time, and no person decided it": f"""
        SELECT c.consultation, c.id FROM jurat_reviews r JOIN jurat_checks c ON c.id = r.check_id
        LEFT JOIN jurat_verdicts v ON v.check_id = c.id
          AND v.revision = (SELECT max(w.revision) FROM jurat_verdicts w WHERE w.check_id = c.id)
        WHERE c.state <> 'review' AND (r.decided_at < r.due_at OR r.decided_at > {{soon}})
          AND substr(c.participant, 1, {len(ERASED)}) <> '{ERASED}'
          AND (coalesce(v.decided_by, '') <> 'reviewer' OR (CAST(c.id AS text), CAST(v.revision AS text)) IN (
            SELECT a.subject, CAST(a.detail ->> 'revision' AS text) FROM jurat_audit a
            WHERE a.action IN ('contest', 'review open')))
          AND NOT coalesce((
            SELECT g.change IS NULL
              AND (g.document -> 'consultations' -> c.consultation -> 'questions' -> c.question) IS NULL
            FROM jurat_configs g WHERE g.applied_at BETWEEN r.opened_at AND r.decided_at
            ORDER BY g.version DESC LIMIT 1), false)""",
    "it is decided, and its participant has no access row": f"""
        {_OF_CHECK} v.reason <> 'configuration_missing' AND NOT EXISTS (
          SELECT 1 FROM jurat_access a WHERE a.consultation = c.consultation AND a.participant = c.participant)""",
    "it was accepted for a number, and the number is free": f"""
        SELECT c.consultation, c.id FROM jurat_claims k JOIN jurat_checks c ON c.id = k.check_id
        WHERE NOT k.holds AND {_NEWEST.format("outcome", "c")} = 'accepted'
        AND NOT EXISTS (SELECT 1 FROM jurat_claims h WHERE h.consultation = k.consultation
          AND h.namespace = k.namespace AND h.fingerprint = k.fingerprint AND h.holds)""",
    "it holds a number, and was not accepted": f"""
        SELECT c.consultation, c.id FROM jurat_claims k JOIN jurat_checks c ON c.id = k.check_id
        WHERE k.holds AND coalesce({_NEWEST.format("outcome", "c")}, '') <> 'accepted'""",
    "two participants were accepted by one number": f"""
        SELECT c.consultation, c.id FROM jurat_claims k JOIN jurat_checks c ON c.id = k.check_id
        JOIN jurat_claims h ON h.consultation = k.consultation AND h.namespace = k.namespace
          AND h.fingerprint = k.fingerprint
        JOIN jurat_checks d ON d.id = h.check_id AND d.participant <> c.participant
        WHERE NOT k.holds AND {_BY_WORKER.format("c")} AND {_BY_WORKER.format("d")}""",
    "a request is said to be done, and the audit knows of none": """
        SELECT coalesce(q.consultation, ''), q.check_id FROM jurat_requests q
        WHERE q.applied_at IS NOT NULL AND q.refused IS NULL AND (
          q.kind IN ('erase', 'transfer', 'reopen', 'revoke', 'restore') AND CAST(q.id AS text) NOT IN (
            SELECT a.detail ->> 'request' FROM jurat_audit a WHERE a.detail ->> 'request' IS NOT NULL)
          OR q.kind IN ('decide', 'open', 'contest') AND CAST(q.check_id AS text) NOT IN (
            SELECT a.subject FROM jurat_audit a
            WHERE a.action IN ('review word', 'review decide', 'review open', 'contest')))""",
    "a review was asked for, and none was opened": """
        SELECT c.consultation, c.id FROM jurat_requests q JOIN jurat_checks c ON c.id = q.check_id
        WHERE q.kind IN ('contest', 'open') AND q.applied_at IS NOT NULL AND q.refused IS NULL AND NOT EXISTS (
          SELECT 1 FROM jurat_reviews r WHERE r.check_id = c.id AND r.opened_at > {asked})""",
    "the audit knows of a request about it, and the request is gone": """
        SELECT c.consultation, c.id FROM jurat_audit a JOIN jurat_checks c ON CAST(c.id AS text) = a.subject
        WHERE a.action IN ('review word', 'review decide', 'review open', 'contest') AND NOT EXISTS (
          SELECT 1 FROM jurat_requests q
          WHERE q.kind = CASE a.action WHEN 'contest' THEN a.action WHEN 'review open' THEN 'open' ELSE 'decide' END
            AND q.check_id = c.id AND q.applied_at IS NOT NULL AND q.refused IS NULL)""",
    "an erasure is said to be done, and its participant still has a name": f"""
        SELECT coalesce(q.consultation, ''), NULL FROM jurat_requests q
        WHERE q.kind = 'erase' AND q.applied_at IS NOT NULL AND q.refused IS NULL
          AND coalesce(q.participant, '') NOT LIKE '{ERASED}%'""",
    "more participants are erased there than the audit knows of": f"""
        SELECT coalesce(e.consultation, ''), NULL FROM (
          SELECT consultation, participant FROM jurat_checks UNION SELECT consultation, participant FROM jurat_access
          UNION SELECT consultation, participant FROM jurat_requests) e
        WHERE e.participant LIKE '{ERASED}%' GROUP BY e.consultation HAVING count(*) > (
          SELECT count(*) FROM jurat_audit a
          WHERE a.action = 'erase' AND a.subject IN (e.consultation, '{EVERYWHERE}'))""",
}
"""What is wrong with a check or a request, and the SQL that finds such ones."""
