"""Verifies the seals of the history in the background, as `jurat db verify` does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from flask import abort, flash, make_response, redirect, render_template, request, url_for
from nacl.signing import VerifyKey

from config.problems import printable
from console.audit import SHOWN, WHO, audit_page, can_verify, pages
from console.background import TaskKind, Work
from console.datasets import REFRESHED_S
from console.parts import parts
from console.people import member, needs
from console.uploads import LARGEST, LARGEST_MB, Busy, sent, takes_file
from jurat.database import reader
from jurat.errors import ConfigurationError
from jurat.seal import key_from_text
from pages.language import gettext as _
from store.history.entries import LeafKind
from store.history.heads import Head, read_heads
from store.history.sealer import newest_head
from store.history.verification import VerifiedHistory, verify_history
from store.verdicts.records import add_audit_row

MOST: Final = 100
"""Contradictions that are shown."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found, None if no history has begun; and whether heads from `outside` were compared."""

    found: VerifiedHistory | None
    outside: bool


@pages.post("/verification")
@needs(*WHO)
@takes_file
def verify() -> Any:
    """Begin to verify."""
    if not can_verify():
        abort(403)
    problems: dict[str, str] = {}
    try:
        heads, key = _heads(problems), _key(problems)
    except Busy:
        return audit_page({"file": _("Another file is being read. Try again in a minute.")}), 503
    if not problems and bool(heads) != bool(key):
        problems["key" if heads else "file"] = _("The file and the key belong together: give both, or none.")
    if problems:
        return audit_page(problems), 422
    engine = parts().database.admin
    with reader(engine).begin() as connection:
        newest = newest_head(connection)

    who = member().name

    def do(work: Work) -> Verification:
        found = verify_history(engine, heads, key, work.report)
        detail = {"heads": len(heads), "contradictions": len(found.contradictions) if found else 0}
        with engine.begin() as connection:
            add_audit_row(connection, who, "history verify", "", detail)
        return Verification(found, bool(heads))

    if not parts().background.begin(Work(TaskKind.VERIFICATION, "", newest[0].tree_size if newest else 0), do):
        flash(_("Something else is under way. Try again in a minute."))
    return redirect(url_for("audit.verification"), 303)


@pages.get("/verification")
@needs(*WHO)
def verification() -> Any:
    """How far it is, and then what was found. The page comes again while it is under way."""
    work = parts().background.last
    if work is None or work.kind is not TaskKind.VERIFICATION:
        return redirect(url_for("audit.audit"))
    still = bool(request.args.get("still"))
    response = make_response(
        render_template("verification.html", work=work, still=still, most=MOST, kind=_kind, brief=_brief)
    )
    if not (work.over or still):
        response.headers["Refresh"] = str(REFRESHED_S)
    return response


def _heads(problems: dict[str, str]) -> list[Head]:
    """The heads that were sent. Raises Busy."""
    if (given := sent()) is None:
        return []
    if len(given.content) > LARGEST:
        problems["file"] = _("The file is larger than %(count)s MB. Nothing was done.") % {"count": LARGEST_MB}
        return []
    try:
        with parts().uploads.turn(), given.file("heads", "") as path:
            return read_heads(path, needed=True)
    except ConfigurationError:
        problems["file"] = _("This is no file of signed heads.")
        return []


def _key(problems: dict[str, str]) -> VerifyKey | None:
    if not (given := request.form.get("key", "").strip()):
        return None
    try:
        return VerifyKey(key_from_text(given, "key"))
    except ConfigurationError:
        problems["key"] = _("This is no public key. Its file has one line, which ends in “=”.")
        return None


def _brief(text: str) -> str:
    return printable(text, SHOWN)


def _kind(kind: str) -> str:
    """What a contradiction is about; a kind that is none, as it is."""
    words = {
        LeafKind.VERDICT: _("verdict"),
        LeafKind.REQUEST: _("request"),
        LeafKind.REDEMPTION: _("redeemed code"),
        LeafKind.CONFIGURATION: _("configuration"),
        LeafKind.AUDIT: _("entry of the audit"),
        LeafKind.RETENTION: _("time until which it stays"),
        LeafKind.PURGE: _("purge"),
        LeafKind.REHASH: _("new hash of a code or number"),
        "head": _("signed head"),
    }
    return words.get(kind) or _brief(kind)
