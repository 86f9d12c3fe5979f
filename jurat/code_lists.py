"""Requests that add codes to a list. The codes are sealed until a worker opens them.

So whoever asks needs none of the keys that hash codes, and the database never sees a code in clear text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID

from jurat.dialects import SqlDialect
from jurat.errors import InvalidSubmission
from jurat.ids import own_id
from jurat.names import require_printable
from jurat.publications import NAME, NAMED
from jurat.seal import SEALED, Seal
from jurat.statements import Statements

MOST_CODES = 10_000
LONGEST_CODE = 100
LARGEST = 4 << 20
"""Most bytes of all codes of a request, sealed. The database has the same limit."""

_OF_OTHER = "the id {} belongs to another request"


def add_codes(
    statements: Statements,
    seal: Seal,
    code_list: str,
    codes: Iterable[str],
    by: str,
    expires: datetime | None,
    request_id: UUID | str | None,
) -> UUID:
    """Store a request to add codes; its id. Raises as `Client.add_codes` does; nothing is written then."""
    own = own_id(request_id)
    _require_names(code_list, by)
    row = {
        "code_list": code_list,
        "codes": seal.close(_written(codes)),
        "codes_key": seal.key_id,
        "by_whom": by,
        "expires_at": _time(expires, statements.dialect),
        "id": str(own),
    }
    if statements.dialect.has_functions:
        ((_, code, problem),) = statements.run(_TRY_ADD, row)
        if code is not None:
            raise InvalidSubmission(problem)
        return own
    statements.change(insert_codes(statements.dialect), row)
    if not statements.run(_SAME, {name: row[name] for name in ("id", "code_list", "by_whom", "expires_at")}):
        raise InvalidSubmission(_OF_OTHER.format(own))
    return own


def _require_names(code_list: object, by: object) -> None:
    if not isinstance(code_list, str) or not NAME.fullmatch(code_list):
        raise InvalidSubmission(f"code_list: {NAMED}")
    require_printable("by", "" if isinstance(by, str) and not by.strip() else by)  # blanks alone are no name


def _written(codes: object) -> bytes:
    """The codes as they are to be sealed. An error shows none of them."""
    given = list(codes) if isinstance(codes, Iterable) and not isinstance(codes, str) else []
    wrong = InvalidSubmission(
        f"codes must be 1 to {MOST_CODES:,} texts of 1 to {LONGEST_CODE} characters; ask several times for more"
    )
    if not 0 < len(given) <= MOST_CODES:
        raise wrong
    if not all(isinstance(code, str) and 0 < len(code) <= LONGEST_CODE for code in given):
        raise wrong
    try:
        written = json.dumps(given, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        raise wrong from None
    if len(written) + SEALED > LARGEST:
        raise InvalidSubmission("codes are larger than 4 MiB together; ask several times for more")
    return written


def _time(expires: object, dialect: SqlDialect) -> str | None:
    if expires is None:
        return None
    if not isinstance(expires, datetime) or expires.tzinfo is None or expires <= datetime.now(UTC):
        raise InvalidSubmission("expires must be a datetime with its offset that is still to come")
    try:
        return dialect.time_text(expires)
    except OverflowError:  # in the year 10000
        raise InvalidSubmission("expires must be a datetime before the year 10000; leave it out for ever") from None


_TRY_ADD = """
    SELECT request_id, code, problem FROM jurat_try_add_codes(CAST(:code_list AS text), CAST(:codes AS bytea),
      CAST(:codes_key AS text), CAST(:by_whom AS text), CAST(:expires_at AS timestamptz), CAST(:id AS uuid))"""

_SAME = """
    SELECT 1 FROM jurat_requests WHERE id = :id AND kind = 'codes' AND code_list = :code_list AND by_whom = :by_whom
      AND expires_at IS :expires_at"""


@lru_cache
def insert_codes(dialect: SqlDialect) -> str:
    """The documented INSERT of codes. A worker refuses what it cannot add, and says why in `refused`."""
    return f"""
        INSERT INTO jurat_requests (id, kind, code_list, note, note_key, by_whom, expires_at, asked_at)
        VALUES (:id, 'codes', :code_list, :codes, :codes_key, :by_whom, :expires_at, {dialect.now()})
        ON CONFLICT DO NOTHING"""
