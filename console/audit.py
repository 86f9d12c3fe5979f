"""The audit: who did what, page by page and as a file; and up to when it is sealed. It names no participant."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from unicodedata import normalize
from uuid import UUID

from flask import Blueprint, Response, render_template, request, url_for
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import BadRequest

from config.problems import printable
from console.forms import place
from console.identity.roles import Role
from console.parts import parts
from console.people import needs
from jurat.database import reader
from jurat.names import is_printable
from jurat.vocabulary import Reason
from pages.language import gettext as _
from pages.language import number
from pages.reasons import why
from store.audit import AuditRow, read_audit
from store.history.sealer import newest_head, unsealed_since
from store.schema import grants

pages = Blueprint("audit", __name__, url_prefix="/<locale>/audit")

WHO = (Role.OPERATOR, Role.ADMINISTRATOR)
COLUMNS = ("actor", "login", "action", "subject")

PAGE: Final = 50
"""Rows on a page."""

MOST: Final = 50_000
"""Rows of a file: a browser that reads it slowly keeps one of the console's threads."""

BATCH: Final = 1_000
"""Rows of a file that are read at once."""

SHOWN: Final = 300
"""Characters of a text that are shown."""

_COMPUTES = frozenset("=+-@\t\r\n")

Read = Callable[..., list[AuditRow]]


@pages.get("/")
@needs(*WHO)
def audit() -> str:
    """The newest first."""
    return audit_page({})


def audit_page(problems: Mapping[str, str]) -> str:
    """The page, with what is wrong in the form that verifies the seals."""
    filters = _filters()
    before = place(request.args["at"], request.args.get("id", "")) if "at" in request.args else None
    rows = _read(filters)(PAGE + 1, before=before)
    after = rows[PAGE - 1] if len(rows) > PAGE else None
    return render_template(
        "audit.html", rows=rows[:PAGE], chosen=filters, continued="at" in request.args, most=MOST, shown=_shown,
        after=after and url_for("audit.audit", **filters, at=after.at.isoformat(), id=after.id), seals=_seals(),
        problems=problems, verifies=can_verify(),
    )  # fmt: skip


@pages.get("/<any(csv, jsonl):form>")
@needs(*WHO)
def export(form: str) -> Response:
    """The same rows as a file, the newest first, while they are read."""
    read = _read(_filters())
    first = read(BATCH)  # what cannot be read at all is said in a page
    written = _csv if form == "csv" else _json_lines
    kind = "text/csv" if form == "csv" else "application/jsonl"
    headers = {"Content-Disposition": f'attachment; filename="audit.{form}"'}
    return Response(written(_all(read, first)), mimetype=kind, headers=headers)


def _filters() -> dict[str, str]:
    """What the address asks for; empty is everything."""
    given = {name: request.args.get(name, "").strip() for name in ("since", "until", *COLUMNS)}
    if not all(value == "" or is_printable(value) for value in given.values()):
        raise BadRequest
    return {name: value for name, value in given.items() if value}


def _read(filters: Mapping[str, str]) -> Read:
    """Reads rows that pass the filters, the newest first. Days are in UTC; the last one is included."""
    engine = parts().database.reader
    since = _day(filters["since"]) if "since" in filters else None
    until = _day(filters["until"], 1) if "until" in filters else None
    exactly = {name: filters.get(name) for name in COLUMNS}

    def read(limit: int, before: tuple[datetime, UUID] | None = None) -> list[AuditRow]:
        return read_audit(engine, limit, since, until, before, **exactly)[::-1]

    return read


def _day(written: str, later: int = 0) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(written), datetime.min.time(), UTC) + timedelta(days=later)
    except (ValueError, OverflowError):
        raise BadRequest from None


def _all(read: Read, rows: list[AuditRow]) -> Iterator[AuditRow]:
    """The rows of a file, in short transactions."""
    count = 0
    while rows and count < MOST:
        yield from rows[: MOST - count]
        count += len(rows)
        last = rows[-1]
        try:
            rows = read(BATCH, before=(last.at, last.id)) if len(rows) == BATCH else []
        except SQLAlchemyError as error:  # whose text may quote a row; the connection is cut, so that nobody takes
            raise ConnectionAbortedError(type(error).__name__) from None  # half a file for a whole one


def _csv(rows: Iterator[AuditRow]) -> Iterator[str]:
    yield _line([field.name for field in fields(AuditRow)])
    for row in rows:
        yield _line([*map(_cell, astuple(row)[:-1]), _cell(_detail(row))])


def _line(cells: Sequence[str]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()


def _cell(value: Any) -> str:
    """A text that no spreadsheet computes: it computes what begins with one of these, in any width. Where a comma is
    for decimals, a cell ends at each semicolon as well.
    """
    text = value.isoformat() if isinstance(value, datetime) else "" if value is None else str(value)
    return ";".join(f"'{cell}" if normalize("NFKC", cell[:1]) in _COMPUTES else cell for cell in text.split(";"))


def _json_lines(rows: Iterator[AuditRow]) -> Iterator[str]:
    for row in rows:
        yield json.dumps({**asdict(row), "id": str(row.id), "at": row.at.isoformat()}, ensure_ascii=False) + "\n"


def _detail(row: AuditRow) -> str:
    return json.dumps(row.detail, ensure_ascii=False) if row.detail else ""


def _shown(row: AuditRow) -> dict[str, str]:
    """The texts of a row, which others chose, of bounded length."""
    detail = _words(row.detail)
    texts = {name: printable(getattr(row, name) or "", SHOWN) for name in COLUMNS}
    return {**texts, "detail": detail if len(detail) <= SHOWN else f"{detail[: SHOWN - 1]}…"}


def _words(detail: Mapping[str, Any]) -> str:
    """What else an entry says, each value with its name."""
    names, pair = _names(), _("%(name)s: %(value)s")
    return ", ".join(
        pair % {"name": names.get(name) or printable(name.replace("_", " ")), "value": _said(value)}
        for name, value in sorted(detail.items())
    )


def _said(value: Any) -> str:
    match value:
        case None:
            return _("none")
        case bool():
            return _("yes") if value else _("no")
        case int() | float():
            return number(value)
        case list():
            return f"({', '.join(map(_said, value))})"
        case dict():
            return f"({_words(value)})"
        case _:
            return why(value) if value in _REASONS else printable(str(value), SHOWN)


_REASONS = frozenset(Reason)


def _names() -> dict[str, str]:
    """Those of details that need more than their own name."""
    return {
        "answer": _("answer"),
        "checks": _("answers"),
        "codes": _("codes"),
        "consultations": _("consultations"),
        "count": _("count"),
        "digest": _("digest"),
        "failures": _("failures"),
        "for": _("for"),
        "host": _("host"),
        "hours": _("hours"),
        "in_force_from": _("in force from"),
        "last_failure": _("last failure"),
        "note": _("note"),
        "opening": _("opening"),
        "participants": _("participants"),
        "question": _("question"),
        "reason": _("reason"),
        "request": _("request"),
        "revision": _("revision"),
        "seconds": _("seconds"),
        "sources": _("sources"),
        "usual": _("usual share"),
        "version": _("version"),
        "versions": _("versions"),
    }


def _seals() -> dict[str, Any]:
    """Up to when the history is sealed, and what waits for too long."""
    engine = parts().database.reader
    with reader(engine).begin() as connection:
        found = newest_head(connection)
    return {"head": found[0] if found else None, "late": unsealed_since(engine)}


def can_verify() -> bool:
    """Whether this console can verify the seals: only an administrator's login may read used codes and numbers."""
    return parts().database.may(grants.DatabaseRole.ADMIN)
