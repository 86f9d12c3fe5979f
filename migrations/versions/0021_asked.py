"""What a platform or a person may store: times that a worker can read, words that are known, and no id for a name.

`jurat_checks` is guarded as `jurat_requests` is: on PostgreSQL a time that can not be read becomes one that can, on
SQLite it is refused. Persons are compared without the signs that nobody sees. Requests of a participant are found by
an index, so that an erasure does not read all that was ever asked.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

REVIEWS, PERSONS = "0015_reviews.py", "0016_persons.py"

LEAST, MOST = "2000-01-01 00:00:00.000", "9000-01-01 00:00:00.000"

# `jurat.names.UNSEEN` then.
UNSEEN = (
    *((0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F)),
    *((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x2800, 0x2800), (0x3164, 0x3164), (0xFE00, 0xFE0F)),
    *((0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A)),
    (0xE0000, 0xE0FFF),
)


def _released(file: str, name: str) -> Any:
    """What a released migration has under a name."""
    return runpy.run_path(str(Path(__file__).with_name(file)))[name]


def _again(statement: str, *mends: tuple[str, str]) -> str:
    """A released statement that makes a function, to be run again with these words in place of others."""
    for before, after in (("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"), *mends):
        if before not in statement:
            raise ValueError(f"a released migration has no {before!r}")
        statement = statement.replace(before, after)
    return statement


def _person(dialect: str, name: str) -> str:
    """SQL for what a name is compared by: `jurat.names.person`, as far as the database knows letters. SQLite knows
    those of ASCII alone.
    """
    if dialect == "postgresql":
        unseen = "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in UNSEEN)
        seen = f"regexp_replace(normalize({name}, NFKC), '[{unseen}]', '', 'g')"
        return f"lower(normalize(btrim(regexp_replace({seen}, '[[:space:]]+', ' ', 'g')), NFKC))"
    unseen = " OR ".join(f"unicode(substr({name}, n.i, 1)) BETWEEN {first} AND {last}" for first, last in UNSEEN)
    return f"""(
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT n.i + 1 FROM n WHERE n.i < length({name}))
        SELECT lower(trim(coalesce(group_concat(substr({name}, n.i, 1), ''), ''))) FROM n
        WHERE NOT ({unseen} OR (substr({name}, n.i, 1) = ' ' AND substr({name}, n.i - 1, 1) = ' ')))"""


# -- times of checks

TIMES_OF_CHECKS = ("submitted_at", "due_at", "deadline_at")

READABLE = " AND ".join(f"NEW.{name} BETWEEN '{LEAST}Z' AND '{MOST}Z'" for name in TIMES_OF_CHECKS)

# A deadline that nobody can read is that of the question.
MEND_TIMES = f"""
CREATE FUNCTION jurat_mend_times() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.submitted_at NOT BETWEEN '{LEAST}Z' AND '{MOST}Z' THEN
    NEW.submitted_at := statement_timestamp();
  END IF;
  IF NEW.due_at NOT BETWEEN '{LEAST}Z' AND '{MOST}Z' THEN
    NEW.due_at := statement_timestamp();
  END IF;
  IF NEW.deadline_at NOT BETWEEN '{LEAST}Z' AND '{MOST}Z' THEN
    NEW.deadline_at := statement_timestamp() + make_interval(secs => coalesce((
      SELECT q.deadline_s FROM jurat_questions q
      WHERE q.consultation = NEW.consultation AND q.question = NEW.question), 3600));
  END IF;
  RETURN NEW;
END $$
"""

TIMED = f"""
CREATE TRIGGER jurat_checks_timed BEFORE INSERT ON jurat_checks FOR EACH ROW WHEN (NOT ({READABLE}))
EXECUTE FUNCTION jurat_mend_times()
"""

UNREADABLE = " OR ".join(
    f"NOT coalesce(strftime('%Y-%m-%d %H:%M:%f', NEW.{name}) IS NEW.{name} AND NEW.{name} BETWEEN '{LEAST}' "
    f"AND '{MOST}', 0)"
    for name in TIMES_OF_CHECKS
)

TIMED_ON_SQLITE = f"""
CREATE TRIGGER jurat_checks_timed BEFORE INSERT ON jurat_checks
WHEN {UNREADABLE} BEGIN
  SELECT RAISE(ABORT, 'jurat: times are UTC as strftime(''%Y-%m-%d %H:%M:%f'') writes them, of the year 2000 or later');
END
"""

# -- words of requests

ABOUT_CHECKS = "('contest', 'decide', 'open')"
ABOUT_PARTICIPANTS = "('reopen', 'revoke', 'restore', 'transfer', 'erase')"

# An id in a column where nobody looks for one would stay there when its participant is erased.
MISPLACED = f"""(NEW.kind IN {ABOUT_CHECKS} AND (NEW.consultation IS NOT NULL OR NEW.participant IS NOT NULL))
      OR (NEW.kind IN {ABOUT_PARTICIPANTS} AND NEW.check_id IS NOT NULL)
      OR (NEW.kind IN {ABOUT_CHECKS[:-1]}, {ABOUT_PARTICIPANTS[1:]} AND (
        (NEW.kind <> 'reopen' AND NEW.question IS NOT NULL) OR (NEW.kind <> 'transfer' AND NEW.target IS NOT NULL)
        OR (NEW.kind <> 'decide' AND NEW.reason IS NOT NULL)
        OR (NEW.kind <> 'contest'
            AND (NEW.note IS NOT NULL OR NEW.note_key IS NOT NULL OR NEW.document IS NOT NULL))))"""


def _is_there(table: str) -> str:
    return f"EXISTS (SELECT 1 FROM {table} k WHERE k.consultation = NEW.consultation)"


NAMES_CONSULTATION = f"NEW.kind IN {ABOUT_PARTICIPANTS} AND NEW.consultation IS NOT NULL"
NOWHERE = f"NOT {_is_there('jurat_checks')} AND NOT {_is_there('jurat_access')}"
NAMES_QUESTION = "NEW.kind = 'reopen' AND NEW.question IS NOT NULL"
NOT_ASKED = """NOT EXISTS (
          SELECT 1 FROM jurat_questions k WHERE k.consultation = NEW.consultation AND k.question = NEW.question)"""
SAYS_OTHER = f"""NEW.kind = 'decide' AND NEW.reason NOT IN ('{"', '".join(_released(REVIEWS, "DECIDING"))}')"""
UNKNOWN = f"""({NAMES_CONSULTATION} AND NOT {_is_there("jurat_questions")} AND {NOWHERE})
        OR ({NAMES_QUESTION} AND {NOT_ASKED}) OR ({SAYS_OTHER})"""


OF_KIND = "a request holds what its kind has a use for, and nothing else"
KNOWN = "consultation, question and reason of a request must be known here"


def _own_id(dialect: str, default: str) -> str:
    """As in 0016, but however it is written."""
    names = ", ".join(_person(dialect, f"NEW.{name}") for name in ("participant", "target"))
    return f"{_person(dialect, 'NEW.by_whom')} IN ({names}) AND NEW.by_whom NOT IN ('participant', {default})"


def _own_check(dialect: str) -> str:
    same = f"{_person(dialect, 'c.participant')} = {_person(dialect, 'NEW.by_whom')}"
    return f"""NEW.by_whom <> 'participant'
      AND EXISTS (SELECT 1 FROM jurat_checks c WHERE c.id = NEW.check_id AND {same})"""


def _last(later: str) -> str:
    """SQL for the time behind the last revocation of a participant, or the last end of one: also where the clock went
    back since, the next one comes after it.
    """
    return f"""(SELECT {later} FROM jurat_requests l WHERE NEW.kind IN ('revoke', 'restore')
        AND l.kind IN ('revoke', 'restore') AND l.consultation = NEW.consultation AND l.participant = NEW.participant
        AND l.applied_at IS NOT NULL AND l.refused IS NULL AND l.id <> NEW.id)"""


def _keep_request() -> str:
    refused = """
          RAISE EXCEPTION 'jurat: % on % is refused: {}', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';"""
    (keep, *_) = _released(PERSONS, "POSTGRESQL")
    return _again(
        keep,
        (
            f"IF {_released(PERSONS, 'OWN_CHECK')} THEN",
            f"""IF {MISPLACED} THEN {refused.format(OF_KIND)}
        ELSIF {SAYS_OTHER} THEN {refused.format(KNOWN)}
        END IF;
        -- What looks into a table comes in an IF of its own: it takes the longest, and hardly any row needs all.
        IF {NAMES_CONSULTATION} THEN
          IF NOT {_is_there("jurat_questions")} THEN
            IF {NOWHERE} THEN {refused.format(KNOWN)}
            END IF;
          END IF;
        END IF;
        IF {NAMES_QUESTION} THEN
          IF {NOT_ASKED} THEN {refused.format(KNOWN)}
          END IF;
        END IF;
        IF NEW.check_id IS NULL OR NEW.by_whom = 'participant' THEN
        ELSIF {_own_check("postgresql")} THEN""",
        ),
        (
            f"""IF NEW.applied_at NOT BETWEEN '{LEAST}Z' AND clock_timestamp() THEN
        NEW.applied_at := statement_timestamp();
      END IF;""",
            f"""IF NEW.applied_at NOT BETWEEN '{LEAST}Z' AND clock_timestamp() THEN
        IF (NEW.applied_at BETWEEN '{LEAST}Z' AND {_last("max(l.applied_at) + interval '1 ms'")}) IS NOT TRUE THEN
          NEW.applied_at := statement_timestamp();
        END IF;
      END IF;""",
        ),
    )


def _named(statement: str) -> str:
    return f"""
    CREATE TRIGGER jurat_requests_named BEFORE INSERT ON jurat_requests FOR EACH ROW
    WHEN ({statement})
    EXECUTE FUNCTION jurat_refuse_change('{_released(PERSONS, "NAMED")}')
    """


HEX = "[0-9a-f]"
UUID_GLOB = "-".join(HEX * count for count in (8, 4, 4, 4, 12))
TEXTS = (
    "id",
    "kind",
    "consultation",
    "participant",
    "question",
    "check_id",
    "reason",
    "target",
    "note_key",
    "document",
)


def _added() -> str:
    """What SQLite refuses to store as a request."""
    (added, *_) = _released(PERSONS, "SQLITE")
    wrong_types = " OR ".join(f"typeof(NEW.{name}) NOT IN ('text', 'null')" for name in (*TEXTS, "by_whom"))
    platform = "'platform'"
    given = f"({_released(PERSONS, '_own_id')(platform)}) OR ({_released(PERSONS, 'OWN_CHECK')})"
    mends = (
        (given, f"({_own_id('sqlite', platform)}) OR ({_own_check('sqlite')})"),
        ("NEW.id NOT GLOB '????????-????-????-????-????????????'", f"NEW.id NOT GLOB '{UUID_GLOB}'"),
        (
            "SELECT RAISE(ABORT, 'jurat: the id of a request",
            f"""SELECT RAISE(ABORT, 'jurat: {OF_KIND}') WHERE {MISPLACED};
      SELECT RAISE(ABORT, 'jurat: {KNOWN}') WHERE {UNKNOWN};
      SELECT RAISE(ABORT, 'jurat: check_id is the id of a check, note bytes, and all else of a request text')
        WHERE {wrong_types} OR typeof(NEW.note) NOT IN ('blob', 'null') OR NEW.check_id NOT GLOB '{UUID_GLOB}';
      SELECT RAISE(ABORT, 'jurat: the id of a request""",
        ),
    )
    for before, after in mends:
        if before not in added:
            raise ValueError(f"a released migration has no {before!r}")
        added = added.replace(before, after)
    return str(added)


def _dealt_with() -> str:
    dealt_with = str(_released(PERSONS, "SQLITE")[2])
    last = _last("strftime('%Y-%m-%d %H:%M:%f', max(l.applied_at), '+0.001 seconds')")
    return dealt_with.replace("BEGIN", f"AND (NEW.applied_at IS {last}) IS NOT TRUE BEGIN", 1)


# -- functions


def _ask() -> str:
    return _again(
        _released(PERSONS, "ASK"),
        (
            "WHEN jurat_ask.kind = 'transfer' AND jurat_ask.target = jurat_ask.participant",
            """WHEN jurat_ask.kind = 'transfer' AND lower(left(jurat_ask.target, 7)) = 'erased-'
      THEN 'target must not begin with erased-, as the word for who was erased does'
    WHEN jurat_ask.kind = 'transfer' AND jurat_ask.target = jurat_ask.participant""",
        ),
        (
            "WHEN jurat_ask.by_whom IN (jurat_ask.participant, jurat_ask.target)",
            f"""WHEN {_person("postgresql", "jurat_ask.by_whom")} IN (
      {_person("postgresql", "jurat_ask.participant")}, {_person("postgresql", "jurat_ask.target")})""",
        ),
    )


def _try_contest() -> str:
    return _again(
        _released(REVIEWS, "TRY_CONTEST"),
        ("jurat_try_contest.document ~ '[[:cntrl:]]'", f"jurat_try_contest.document ~ '{_unprintable()}'"),
    )


def _unprintable() -> str:
    return str(_released(REVIEWS, "UNPRINTABLE"))


def _queue(dialect: str) -> str:
    """The queue of reviews, in which persons are compared as above."""
    words, word = _released(REVIEWS, "WORDS")[dialect], _released(REVIEWS, "WORD")
    before = {
        "postgresql": "lower(normalize(regexp_replace(trim({}), '[[:space:]]+', ' ', 'g'), NFKC))",
        "sqlite": "lower(trim({}))",
    }[dialect]
    compared = word.format(one=before.format("l.by_whom"), other=before.format("q.by_whom"))
    names = {"one": _person(dialect, "l.by_whom"), "other": _person(dialect, "q.by_whom")}
    whole: str = _released(REVIEWS, "_queue")(dialect)
    if compared not in words or words not in whole:
        raise ValueError("a released migration compares persons otherwise")
    return _with_needed(whole.replace(words, words.replace(compared, word.format(**names))), dialect)


def _with_needed(queue: str, dialect: str) -> str:
    """The queue as 0018 has it: it says which reviews are needed."""
    return queue.replace(" AS words\n", f" AS words,{_released('0018_ended.py', 'NEEDED')[dialect]}\n")


FUNCTIONS = ("jurat_ask", "jurat_try_contest", "jurat_keep_request", "jurat_mend_times")

# With temporary tables, which anybody may make, last.
PINNED = """
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['{}'] LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', name, current_schema());
  END LOOP;
END $$
"""

INDEXES = {
    "jurat_requests_participant": ("participant", "participant IS NOT NULL"),
    "jurat_requests_target": ("target", "target IS NOT NULL"),
    "jurat_requests_soon": ("asked_at", "applied_at IS NULL AND kind NOT IN ('erase', 'transfer')"),
}


def upgrade() -> None:
    for name, (column, where) in INDEXES.items():
        chosen = sa.text(where)
        op.create_index(name, "jurat_requests", [column], postgresql_where=chosen, sqlite_where=chosen)
    if op.get_context().dialect.name != "postgresql":
        for statement in (
            TIMED_ON_SQLITE,
            "DROP TRIGGER jurat_requests_added",
            _added(),
            "DROP TRIGGER jurat_requests_dealt_with",
            _dealt_with(),
            "DROP VIEW jurat_review_queue",
            _queue("sqlite"),
        ):
            op.execute(statement)
        return
    for statement in (
        MEND_TIMES,
        TIMED,
        "ALTER TABLE jurat_checks ENABLE ALWAYS TRIGGER jurat_checks_timed",
        "REVOKE ALL ON FUNCTION jurat_mend_times FROM PUBLIC",
        _keep_request(),
        _ask(),
        _try_contest(),
        PINNED.format("', '".join(FUNCTIONS)),
        "DROP TRIGGER jurat_requests_named ON jurat_requests",
        _named(_own_id("postgresql", "session_user::text")),
        "ALTER TABLE jurat_requests ENABLE ALWAYS TRIGGER jurat_requests_named",
        _queue("postgresql").replace("CREATE VIEW", "CREATE OR REPLACE VIEW"),
    ):
        op.execute(statement)


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name, "jurat_requests")
    if op.get_context().dialect.name != "postgresql":
        added, _, dealt_with, *_ = _released(PERSONS, "SQLITE")
        for statement in (
            "DROP TRIGGER jurat_checks_timed",
            "DROP TRIGGER jurat_requests_added",
            added,
            "DROP TRIGGER jurat_requests_dealt_with",
            dealt_with,
            "DROP VIEW jurat_review_queue",
            _with_needed(_released(REVIEWS, "_queue")("sqlite"), "sqlite"),
        ):
            op.execute(statement)
        return
    for statement in (
        "DROP TRIGGER jurat_checks_timed ON jurat_checks",
        "DROP FUNCTION jurat_mend_times",
        _again(_released(PERSONS, "POSTGRESQL")[0]),
        _again(_released(PERSONS, "ASK")),
        _again(_released(REVIEWS, "TRY_CONTEST")),
        PINNED.format("', '".join(FUNCTIONS[:-1])),
        "DROP TRIGGER jurat_requests_named ON jurat_requests",
        _named(_released(PERSONS, "_own_id")("session_user::text")),
        "ALTER TABLE jurat_requests ENABLE ALWAYS TRIGGER jurat_requests_named",
        _with_needed(_released(REVIEWS, "_queue")("postgresql"), "postgresql").replace(
            "CREATE VIEW", "CREATE OR REPLACE VIEW"
        ),
    ):
        op.execute(statement)
