"""Adds codes to a list: at once for the command line, or by a request with sealed codes.

Only a worker can open the codes of a request, and only one with the keys of codes can add them: see `CodeImporter`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, text

from adapters.fingerprints import Fingerprints
from config.configuration import Question
from config.sources import CodesSource, SourceModel
from jurat.code_lists import LONGEST_CODE, MOST_CODES
from jurat.codes import clean, generate
from jurat.errors import ConfigurationError
from jurat.seal import Unopenable, Unseal
from jurat.statements import rows_json
from store.dialects import dialect_of
from store.hash_keys import among, code_keys, for_new_hashes
from store.requests.request_rows import CannotBeDone, Request
from store.verdicts.access import AccessRows
from store.verdicts.records import add_audit_row
from tasks.crash_points import crash_point

LEFT_TO_OTHERS = 86_400.0
"""Seconds for which codes sealed for a key that this worker lacks are left to workers that may have it."""

CODE = "12 letters and digits with a check character"
FREE_CODE = "4 to 64 letters and digits"


def add_codes(
    engine: Engine, code_list: str, fingerprints: Iterable[str], who: str, expires: datetime | None = None
) -> int:
    """Add new access codes to a list by their keyed hashes; how many were not in it under these."""
    with engine.begin() as connection:
        return _add_codes(connection, code_list, fingerprints, who, expires)


def new_codes(count: int) -> list[str]:
    """So many new codes, in order."""
    codes: set[str] = set()
    while len(codes) < count:
        codes.add(generate())
    return sorted(codes)


def add_generated(
    engine: Engine,
    fingerprints: Fingerprints,
    code_list: str,
    codes: Iterable[str],
    who: str,
    expires: datetime | None = None,
) -> None:
    """Add codes that were generated just now. Raises ConfigurationError if the key in use is missing."""
    with engine.begin() as connection:
        fingerprints = for_new_hashes(connection, fingerprints)
        stored = [fingerprints.newest(code_list, code.replace("-", "")) for code in codes]
        _add_codes(connection, code_list, stored, who, expires)


def import_codes(
    engine: Engine,
    fingerprints: Fingerprints,
    code_list: str,
    codes: Sequence[str],
    who: str,
    expires: datetime | None = None,
) -> int:
    """Add codes that may be in the list already, under whichever key; how many were not.

    Raises ConfigurationError if a key of the list is missing, for what it hashed cannot be recognised, or the key in
    use.
    """
    with engine.begin() as connection:
        stored = _not_in_list(connection, fingerprints, code_list, codes)
        return _add_codes(connection, code_list, stored, who, expires)


def _add_codes(
    connection: Connection, code_list: str, fingerprints: Iterable[str], who: str, expires: datetime | None
) -> int:
    when = expires and dialect_of(connection).time_text(expires)
    added = insert_codes(connection, code_list, fingerprints, expires=when)
    add_audit_row(connection, who, "codes add", code_list, {"codes": added})
    return added


def _not_in_list(
    connection: Connection, fingerprints: Fingerprints, code_list: str, codes: Sequence[str]
) -> Sequence[str]:
    """The fingerprints to store of those codes that the list has under no key. Raises as `import_codes`."""
    every = recognised(connection, fingerprints, code_list, codes)
    rows = rows_json([{"fingerprint": fingerprint} for each in every for fingerprint in each])
    sql = f"SELECT k.fingerprint FROM jurat_codes k WHERE {among(dialect_of(connection))}"
    known = set(connection.scalars(text(sql), {"list": code_list, "rows": rows}))
    return [each[0] for each in every if known.isdisjoint(each)]


def recognised(
    connection: Connection, fingerprints: Fingerprints, code_list: str, codes: Sequence[str]
) -> list[list[str]]:
    """All fingerprints under which the list may have each code, that to store first. No code is hashed once more before
    this transaction ends. Raises as `import_codes`.
    """
    # First: what others added under the key before is seen from now on.
    fingerprints = for_new_hashes(connection, fingerprints)
    if strange := sorted(code_keys(connection, code_list).difference(fingerprints.known)):
        raise ConfigurationError(
            f"the codes of the list {code_list} were hashed with the key {', '.join(strange)}, which JURAT_HASH_KEYS "
            "lacks here: codes that are in the list would not be recognised"
        )
    return [fingerprints.all(code_list, code) for code in codes]


@dataclass(frozen=True, slots=True)
class CodeImporter:
    """The keys of a worker that adds codes: those that open requests, and those that codes are hashed with."""

    unseal: Unseal
    fingerprints: Fingerprints

    def add(self, connection: Connection, access: AccessRows, request: Request) -> None:
        """Add the codes of a request to its list, and erase them from the request.

        Raises CannotBeDone, which shows no code: no applied source reads the list, the codes do not open, or one of
        them is no code. Raises ConfigurationError as `import_codes`; then the request waits for another worker.
        """
        code_list = request.code_list
        if not code_list or request.note is None or request.note_key is None:
            raise CannotBeDone("a request of kind codes needs code_list, note and note_key")
        applied = access.newest(connection)
        readers = readers_of(code_list, applied.sources, applied.questions.values())
        if not readers:
            raise CannotBeDone(
                f"no applied source or question has the list {code_list:.80}, and no source leaves its list open; "
                "apply a configuration that does, then ask again"
            )
        codes = _clean(self._open(request), checked=any(readers.values()))
        stored = _not_in_list(connection, self.fingerprints, code_list, codes)
        added = insert_codes(connection, code_list, stored, request=request)
        erase = f"UPDATE jurat_requests SET note = NULL, note_key = NULL WHERE id = {dialect_of(connection).uuid()}"
        connection.execute(text(erase), {"id": str(request.id)})
        detail = {"codes": added, "request": str(request.id)}
        add_audit_row(connection, request.by_whom, "codes add", code_list, detail)
        crash_point("request.made")

    def _open(self, request: Request) -> Sequence[str]:
        wrong = CannotBeDone(
            f"what was sealed is no JSON list of 1 to {MOST_CODES:,} texts of at most {LONGEST_CODE} characters; "
            "nothing was added"
        )
        try:
            codes = json.loads(self.unseal.open(bytes(request.note or b""), request.note_key))
        except Unopenable:
            raise CannotBeDone(
                "the codes do not open with a key of the workers; seal them for the public key of `bin/jurat keys "
                "generate` and ask again"
            ) from None
        except (ValueError, RecursionError):
            raise wrong from None
        if not isinstance(codes, list) or not 0 < len(codes) <= MOST_CODES:
            raise wrong
        if not all(isinstance(code, str) and len(code) <= LONGEST_CODE for code in codes):
            raise wrong
        return codes


def readers_of(
    code_list: str, sources: Mapping[str, SourceModel], questions: Iterable[Question], *, open_ones: bool = True
) -> Mapping[str, bool]:
    """The sources that look codes up in a list, and whether they read them as jurat's own, with a check character.

    If neither a source nor a question names the list, and with `open_ones`, these are the sources that leave their list
    open: a consultation can be published with a list only once that has codes.
    """
    codes = {name: source for name, source in sources.items() if isinstance(source, CodesSource)}
    needed = {source for each in questions for source in each.sources if each.requirement.get("list") == code_list}
    named = {name: source.checked for name, source in codes.items() if source.list == code_list or name in needed}
    if named or not open_ones:
        return named
    return {name: source.checked for name, source in codes.items() if source.list is None}


def _clean(codes: Sequence[str], *, checked: bool) -> Sequence[str]:
    cleaned = [clean(code, checked=checked) for code in codes]
    if wrong := [place for place, code in enumerate(cleaned, 1) if code is None]:
        raise CannotBeDone(
            f"{len(wrong):,} of {len(cleaned):,} are no codes, the first is number {wrong[0]:,}: "
            f"{CODE if checked else FREE_CODE} are expected; nothing was added"
        )
    return list(dict.fromkeys(code for code in cleaned if code is not None))


def insert_codes(
    connection: Connection,
    code_list: str,
    fingerprints: Iterable[str],
    *,
    expires: Any = None,
    request: Request | None = None,
) -> int:
    """Add codes by their keyed hashes, until `expires` (a database value) or as in the request; how many are new."""
    dialect = dialect_of(connection)
    rows = rows_json([{"list": code_list, "fingerprint": fingerprint} for fingerprint in fingerprints])
    parameters, until = {"expires": expires}, dialect.parameter("expires", "timestamptz")
    if request is not None:  # copied from row to row, as the database has it
        parameters = {"id": str(request.id)}
        until = f"(SELECT q.expires_at FROM jurat_requests q WHERE q.id = {dialect.uuid()})"
    sql = f"""
        INSERT INTO jurat_codes (list, fingerprint, created_at, expires_at)
        SELECT r.list, r.fingerprint, {dialect.now()}, {until}
        FROM {dialect.rowset("list text, fingerprint text")} WHERE true
        ON CONFLICT (list, fingerprint) DO NOTHING"""
    return connection.execute(text(sql), {"rows": rows, **parameters}).rowcount
