"""Administrators' pages: what is applied, what was, and a text that they edit, check and apply.

They read as `jurat_reader`, and apply as `jurat_admin`, by the functions of `bin/jurat config`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.exceptions import BadRequest

from adapters.registry_tests.apart import NotChecked
from adapters.registry_tests.drafts import draft_of
from config.names import NAME_PATTERN
from config.problems import Problem, Severity
from config.starters.insertion import put_into
from console.configuration_texts import ConfigurationVersions, Draft, DraftReport, lines_with_problems
from console.identity.roles import Role
from console.parts import parts
from console.people import member, needs
from pages.language import gettext as _
from pages.language import ngettext, quoting
from store.configurations.consultations import Unpublishable
from store.configurations.publisher import AppliedMeanwhile, ConfigPublisher
from store.schema import grants

pages = Blueprint("configuration", __name__, url_prefix="/<locale>/configuration")

LARGEST_TEXT = 1 << 20
"""Bytes of a request with a configuration that are read."""

NEWEST_POSSIBLE = 2**31 - 1


@pages.url_value_preprocessor
def allow_configurations(_endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """A configuration is larger than any other form."""
    request.max_content_length = request.max_form_memory_size = LARGEST_TEXT


@pages.get("/")
@needs(Role.ADMINISTRATOR)
def overview() -> str:
    """The versions, the newest first."""
    versions = ConfigurationVersions(parts().database)
    rows, after = versions.page(_number("before") or None)
    newest = versions.newest
    return render_template(
        "configuration/overview.html", rows=rows, after=after, newest=newest, published=versions.published(),
        applying=_can_apply(), continued="before" in request.args,
    )  # fmt: skip


@pages.get(f"/versions/<int(min=1,max={NEWEST_POSSIBLE}):version>")
@needs(Role.ADMINISTRATOR)
def version(version: int) -> str:
    """One version as YAML."""
    versions = ConfigurationVersions(parts().database)
    row, newest = _known(versions, version), versions.newest
    return render_template(
        "configuration/version.html", row=row, newest=newest, text=versions.draft(version, newest).text,
        applying=_can_apply(),
    )  # fmt: skip


@pages.get("/differences")
@needs(Role.ADMINISTRATOR)
def differences() -> str:
    """What one version changed in another."""
    old, new = _number("old"), _number("new")
    versions = ConfigurationVersions(parts().database)
    rows = [_known(versions, number) for number in (old, new)]
    return render_template("configuration/differences.html", rows=rows, changes=versions.changes(old, new))


@pages.get("/edit")
@needs(Role.ADMINISTRATOR)
def begin() -> str:
    """The newest version, to be edited."""
    _may_apply()
    versions = ConfigurationVersions(parts().database)
    newest = versions.newest
    return _editor(versions.draft(newest, newest))


@pages.post("/edit")
@needs(Role.ADMINISTRATOR)
def edit() -> Any:
    """Check the text, or go on to apply it or to draft a source."""
    _may_apply()
    draft = _draft()
    match request.form.get("act"):
        case "check":
            outcome = ConfigurationVersions(parts().database).check(draft)
            return _editor(draft, outcome), 200 if outcome.usable else 422
        case "apply":
            return _confirm(draft, ConfigurationVersions(parts().database).check(draft))
        case "draft":
            return render_template("configuration/draft.html", draft=draft, given={}, problems={})
    return _editor(draft)


@pages.post("/problems")
@needs(Role.ADMINISTRATOR)
def problems() -> Any:
    """What the check says of a text that somebody is typing, for the page's script; nothing where it came to no end."""
    _may_apply()
    try:
        found = ConfigurationVersions(parts().database).lint(_draft())
    except (NotChecked, LookupError):
        return "", 204
    count = len(found.problems) + found.more
    said = ngettext("One problem.", "%(count)s problems.", count) if count else _("No problem was found.")
    worst_first = sorted(found.problems, key=lambda each: each.severity is not Severity.ERROR)
    return {"said": said % {"count": count}, "problems": list(map(_placed, worst_first))}


@pages.post("/draft")
@needs(Role.ADMINISTRATOR)
def put_draft() -> Any:
    """Draft a source from an example answer, and put it into the text."""
    _may_apply()
    draft, problems, drafted = _draft(), {}, ""
    given = {name: request.form.get(name, "").strip() for name in ("name", "answer")}
    if not re.fullmatch(NAME_PATTERN, given["name"]):
        problems["name"] = _("Give it a name of small letters, digits and hyphens, such as dentists.")
    try:
        drafted = draft_of(given["name"], given["answer"], datetime.now(UTC).date())
    except ValueError as error:
        problems["answer"] = quoting(_("This is no example answer: %(problem)s"), error)
    if problems:
        return render_template("configuration/draft.html", draft=draft, given=given, problems=problems), 422
    draft = replace(draft, text=put_into(draft.text, drafted))
    return _editor(draft, ConfigurationVersions(parts().database).check(draft), drafted=given["name"])


@pages.post(f"/versions/<int(min=1,max={NEWEST_POSSIBLE}):version>/back")
@needs(Role.ADMINISTRATOR)
def back(version: int) -> Any:
    """Go back to a version, which is confirmed as any other text."""
    _may_apply()
    versions = ConfigurationVersions(parts().database)
    _known(versions, version)
    draft = versions.draft(version, versions.newest)
    return _confirm(draft, versions.check(draft))


@pages.post("/apply")
@needs(Role.ADMINISTRATOR)
def apply() -> Any:
    """Apply a text that was confirmed."""
    _may_apply()
    draft, versions = _draft(), ConfigurationVersions(parts().database)
    outcome, force = versions.check(draft), bool(request.form.get("force"))
    if outcome.configuration is None or outcome.obstacle:
        return _editor(draft, outcome), 409 if outcome.is_late else 422
    if outcome.places and not force:
        return _confirm(draft, outcome, {"force": _("Wait until they are decided, or choose to apply it now.")})
    publisher = ConfigPublisher(parts().database.admin)
    try:
        applied, is_new = publisher.apply(outcome.configuration, member().name, force=force, after=draft.after)
    except AppliedMeanwhile as error:
        return _editor(draft, versions.late(draft, error)), 409
    except Unpublishable as error:
        return _editor(draft, replace(outcome, obstacle=str(error))), 409
    said = _("Version %(version)s is applied.") if is_new else _("Nothing is new: this is version %(version)s.")
    flash(said % {"version": applied})
    return redirect(url_for("configuration.overview"), 303)


def _placed(problem: Problem) -> dict[str, Any]:
    """A problem as the page's script takes it; its place is in the page's language, the rest in English."""
    words = (problem.severity if problem.severity is Severity.WARNING else "", problem.path, problem.message)
    return {
        "line": problem.line,
        "column": problem.column,
        "kind": problem.severity,
        "where": _("Line %(line)s, column %(column)s") % {"line": problem.line, "column": problem.column},
        "what": ": ".join(filter(None, words)) + (f" — {problem.hint}" if problem.hint else ""),
    }


def _editor(draft: Draft, outcome: DraftReport | None = None, drafted: str = "") -> str:
    """The text, and what was found out about it, where `drafted` was put into it or not. A text that came too late is
    from now on made from what it missed.
    """
    if outcome and outcome.is_late:
        draft = replace(draft, after=ConfigurationVersions(parts().database).newest)
    lines = lines_with_problems(draft, outcome.problems) if outcome else []
    return render_template(
        "configuration/edit.html", draft=draft, outcome=outcome, lines=lines, drafted=drafted,
        problems=outcome and not outcome.usable and not drafted,
    )  # fmt: skip


def _confirm(draft: Draft, outcome: DraftReport, problems: Mapping[str, str] = MappingProxyType({})) -> Any:
    """What applying it would change, before it is done."""
    if not outcome.usable:
        return _editor(draft, outcome), 409 if outcome.is_late else 422
    versions = ConfigurationVersions(parts().database)
    page = render_template(
        "configuration/apply.html", draft=draft, outcome=outcome, published=versions.published(), problems=problems,
        base=versions.find(draft.after),
    )  # fmt: skip
    return page, 409 if problems else 200


def _draft() -> Draft:
    """The text as it was typed; browsers send another line end."""
    text = request.form.get("yaml", "").replace("\r\n", "\n")
    return Draft(text, _number("after"), _number("tested"))


def _number(name: str) -> int:
    """The number of a version that a page sends; 0 without one."""
    written = request.values.get(name, "")
    if not re.fullmatch(r"[0-9]{0,10}", written) or int(written or 0) > NEWEST_POSSIBLE:
        raise BadRequest
    return int(written or 0)


def _known(versions: ConfigurationVersions, number: int) -> Any:
    return versions.find(number) or abort(404)


def _can_apply() -> bool:
    return parts().database.may(grants.DatabaseRole.ADMIN)


def _may_apply() -> None:
    if not _can_apply():
        abort(403)
