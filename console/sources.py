"""Sources: how each stands and what its answers came to; who runs them pauses, resumes and trusts them, and runs their
tests.

Pages read as `jurat_reader` and act as `jurat_admin`, by the functions of `bin/jurat sources`. The console has no
secret of a source and asks none: what needs one is left to the command, or to a worker (`console.inquiries`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for

from adapters.registry_tests.description_tests import TrialResult, run_trials
from adapters.registry_tests.offline_run import OfflineRun
from adapters.registry_tests.roster_tests import run_roster_trials
from config.limits import SourceKind
from config.registry import RegistrySource, RosterSource
from config.registry.trial_files import read_shipped
from config.sources import urls_of
from console.applied import applied, queries
from console.forms import form_id, is_first
from console.identity.roles import Role
from console.parts import parts
from console.people import member, needs
from console.results import KEPT, results
from jurat.names import is_printable
from jurat.vocabulary import Reason
from pages.language import gettext as _
from pages.language import moment, quoting
from pages.reasons import why
from store.monitoring.source_status import SourceStatus, read_statuses
from store.queue.backlog import MOST_COUNTED
from store.queue.outcomes import results_of
from store.queue.pauses import pause_seconds
from store.queue.sources import NotResumed, Sources
from store.schema import grants

pages = Blueprint("sources", __name__, url_prefix="/<locale>/sources")

ACTS = (Role.OPERATOR, Role.ADMINISTRATOR)
KINDS = (SourceKind.ADDRESS, SourceKind.REGISTRY)
"""Sources that can be tried once: they look an answer up, and use nothing up."""

PAUSES = {each: pause_seconds(each) for each in ("30min", "2h", "8h", "1d", "7d")}
"""Pauses that a page offers, with their seconds."""

PAGE = 50
"""Sources on a page."""

TESTS_S = 2.0
"""Seconds after which no further test of a source is begun."""

_testing = threading.Lock()


@pages.get("/")
@needs(Role.READER)
def table() -> str:
    """The sources of the applied configuration, by name."""
    models, after = applied().sources, request.args.get("after", "")
    names = sorted(name for name in models if name > after)
    statuses = read_statuses({name: models[name] for name in names[:PAGE]}, queries())
    return render_template(
        "sources/table.html", found=statuses, state=_state, most=MOST_COUNTED, continued=bool(after),
        after=names[PAGE - 1] if len(names) > PAGE else None,
    )  # fmt: skip


@pages.get("/<name>")
@needs(Role.READER)
def source(name: str) -> str:
    """One source."""
    return _page(_status(name), {})


@pages.post("/<name>/pause")
@needs(*ACTS)
def pause(name: str) -> Any:
    """Stop asking it for a while."""
    status = _may_act(name)
    written = request.form.get("other", "").strip() or request.form.get("duration", "")
    reason, problems = request.form.get("reason", "").strip(), {}
    try:
        seconds = pause_seconds(written)
    except ValueError:
        seconds = 0.0
        problems["other"] = _("Write a number with its unit, such as 45min, 6h or 3d: from 1s to 365d.")
    if not is_printable(reason):
        problems["reason"] = _("Say why, in one line of 200 characters at most.")
    if problems:
        return _page(status, problems), 422
    if is_first(form_id()):
        before = _sources().pause(name, seconds, reason, member().name)
        until = _status(name).paused_until
        if before is None and until:
            flash(
                _("It is already paused for longer, until %(time)s. To shorten that, resume it.")
                % {"time": moment(until)}
            )
        elif until:
            flash(_("The source is paused until %(time)s.") % {"time": moment(until)})
    return _back(name)


@pages.post("/<name>/resume")
@needs(*ACTS)
def resume(name: str) -> Any:
    """Ask it again now."""
    _may_act(name)
    try:
        ended = _sources().resume(name, member().name)
    except NotResumed as error:
        flash(quoting(_("This was not done. %(problem)s"), error))
    else:
        flash(_("The source is no longer paused.") if ended else _("The source was not paused."))
    return _back(name)


@pages.get("/<name>/trust")
@needs(*ACTS)
def confirm_trust(name: str) -> str:
    """Whether its results are right: asked first, because what was counted is forgotten."""
    status = _may_act(name)
    return render_template("sources/trust.html", status=status, why=why)


@pages.post("/<name>/trust")
@needs(*ACTS)
def trust(name: str) -> Any:
    """Take the results of a suspect source for right."""
    _may_act(name)
    ended = _sources().trust(name, member().name)
    flash(_("The source is trusted, and counted from zero.") if ended else _("The source was not suspect."))
    return _back(name)


@pages.post("/<name>/tests")
@needs(*ACTS)
def tests(name: str) -> Any:
    """Run the tests of its description, one source at a time: they take the processor from all pages."""
    model = _status(name).model
    described = model if isinstance(model, RegistrySource | RosterSource) else abort(404)
    if not _testing.acquire(blocking=False):
        flash(_("The tests of a source are running at the moment. Please try again."))
        return _back(name)
    try:
        found = _run(described)
    finally:
        _testing.release()
    return render_template("sources/tests.html", name=name, found=found, left=len(described.tests) - len(found))


def _run(model: RegistrySource | RosterSource) -> list[TrialResult]:
    """The results of the tests that begin in time. Nothing is sent, and no file is read but those of jurat's own."""
    end, found = time.monotonic() + TESTS_S, list[TrialResult]()
    if isinstance(model, RosterSource):
        trials = run_roster_trials(model, read_shipped)
    else:
        trials = run_trials(OfflineRun(model), read_shipped)
    for each in trials:
        found.append(each)
        if time.monotonic() >= end:
            break
    return found


def _page(status: SourceStatus, problems: Mapping[str, str]) -> str:
    now, rows = results_of(parts().database.reader, status.name, KEPT)
    acting = member().has(ACTS)
    return render_template(
        "sources/source.html", status=status, state=_state(status), problems=problems, form=request.form,
        results=results(now, rows), why=why, because=_because, pauses=PAUSES, id=uuid4(), most=MOST_COUNTED,
        acting=acting, allowed=acting and parts().database.may(grants.DatabaseRole.ADMIN),
        described=isinstance(status.model, RegistrySource | RosterSource), asked=bool(list(urls_of(status.model))),
        tried=status.model.kind in KINDS,
    )  # fmt: skip


def _state(status: SourceStatus) -> tuple[str, str]:
    """The state in a word, and how it looks."""
    words = {
        "open": (_("in use"), "accepted"),
        "paused": (_("paused"), "review"),
        "closed": (_("closed by its hours"), "closed"),
        "broken": (_("broken"), "refused"),
    }
    return (_("failing"), "undetermined") if status.is_failing else words[status.state]


def _because(status: SourceStatus) -> str:
    """Why it is paused."""
    if status.is_used_up:
        return _("today's requests are used up")
    reason = status.row.pause_reason or ""
    return why(reason) if reason in set(Reason) else reason


def _status(name: str) -> SourceStatus:
    (status,) = read_statuses({name: applied().sources.get(name) or abort(404)}, queries())
    return status


def _may_act(name: str) -> SourceStatus:
    if not parts().database.may(grants.DatabaseRole.ADMIN):
        abort(403)
    return _status(name)


def _sources() -> Sources:
    return Sources(parts().database.admin)


def _back(name: str) -> Any:
    return redirect(url_for("sources.source", name=name), 303)
