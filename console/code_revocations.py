"""A list of codes, and what revokes them: all that nobody has redeemed, or single ones. Codes stand in no address."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for

from console.codes import SHOWN_LINES, is_checked, not_done, pages
from console.forms import hasher, may_add_hashes
from console.identity.roles import Role
from console.identity.sessions import own
from console.parts import parts
from console.people import member, needs
from console.uploads import sent, takes_file
from jurat.errors import ConfigurationError
from pages.language import gettext as _
from pages.language import ngettext, number
from store.queries import CodeListRow, Queries
from store.requests.code_files import WrongCodes, codes_in
from store.requests.code_revocations import revoke_codes, revoke_list
from store.schema import grants

REVOKING_S = 5.0
"""Seconds after which a page stops revoking: the next request goes on, and no thread is held until then."""

MOST_TYPED = 20_000
"""Characters of codes that are typed; more come as a file."""


@dataclass(frozen=True, slots=True)
class CodesToRevoke:
    """Codes that were read, and are to be revoked."""

    code_list: str
    codes: Sequence[str] = field(repr=False)


@pages.get("/list/<name>")
@needs(Role.ADMINISTRATOR)
def show_list(name: str) -> str:
    """How many codes a list has, and the forms that revoke them."""
    return _page(name, {})


@pages.post("/list/<name>/revoke")
@needs(Role.ADMINISTRATOR)
def revoke(name: str) -> Any:
    """Revoke all codes of a list that nobody has redeemed."""
    _row(name)
    if request.form.get("again", "").strip() != name:
        return _page(name, {"again": _("This is not the name of the list.")}), 422
    revoked, end = 0, time.monotonic() + REVOKING_S
    for count in revoke_list(parts().database.admin, name, member().name):
        revoked += count
        if time.monotonic() >= end:
            _say_revoked(revoked)
            flash(_("There are more: revoke the list once more, or with the command."))
            return redirect(url_for("codes.show_list", name=name), 303)
    _say_revoked(revoked)
    return redirect(url_for("codes.show_list", name=name), 303)


@pages.post("/list/<name>/revoke-some")
@needs(Role.ADMINISTRATOR)
@takes_file
def check_lost(name: str) -> Any:
    """Read single codes and ask once more. Nothing is revoked."""
    hasher()
    _row(name)
    problems: dict[str, str] = {}
    checked, given = is_checked(name, problems), sent()
    content = given.content if given else request.form.get("codes", "").encode()
    if not content.strip():
        problems["codes"] = _("Write the codes, or choose a file.")
    if problems or checked is None:
        return _page(name, problems), 422
    try:
        codes = codes_in(content, checked=checked)
    except WrongCodes as error:
        where = "file" if given else "codes"
        return _page(name, {where: _("These codes cannot be read.")}, error.lines), 422
    token = parts().uploads.keep(own(), CodesToRevoke(name, codes))
    return render_template("codes/revoke.html", token=token, name=name, count=len(codes))


@pages.post("/revoke-some/done")
@needs(Role.ADMINISTRATOR)
def revoke_lost() -> Any:
    """Revoke the codes that were read."""
    fingerprints = hasher()
    lost = parts().uploads.find(own(), request.form.get("token", ""), CodesToRevoke)
    if lost is None:
        flash(_("This was done already, or it waited for too long. Nothing was done now."))
        return redirect(url_for("codes.lists"), 303)
    try:
        done = revoke_codes(parts().database.admin, fingerprints, lost.code_list, lost.codes, member().name)
    except ConfigurationError as error:
        return not_done(error)
    parts().uploads.drop(own())
    _say_revoked(done.revoked)
    for count, said in (
        (done.redeemed, _("Redeemed before, and not revoked: %(count)s")),
        (done.before, _("Revoked before: %(count)s")),
        (done.unknown, _("Not in this list: %(count)s")),
    ):
        if count:
            flash(said % {"count": number(count)})
    return redirect(url_for("codes.show_list", name=lost.code_list), 303)


def _say_revoked(count: int) -> None:
    flash(ngettext("%(count)s code is revoked.", "%(count)s codes are revoked.", count) % {"count": number(count)})


def _row(name: str) -> CodeListRow:
    """The counts of a list."""
    database = parts().database
    if not database.may(grants.DatabaseRole.ADMIN):
        abort(403)
    return Queries(database.admin).code_lists().get(name) or abort(404)


def _page(name: str, problems: Mapping[str, str], lines: Sequence[tuple[int, int, str]] = ()) -> str:
    can = may_add_hashes()
    return render_template(
        "codes/list.html", name=name, row=_row(name) if can["administers"] else None, problems=problems,
        lines=lines[:SHOWN_LINES], more=max(0, len(lines) - SHOWN_LINES), values=request.form, most=MOST_TYPED, **can,
    )  # fmt: skip
