"""Datasets: the address bases and rosters that sources look something up in, their removal, and imports of rosters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, url_for

from adapters.file_lines import FileError
from adapters.registry.roster_rows import RosterRow
from config.registry import RosterSource
from config.uses import sources_by_dataset
from console.applied import applied
from console.background import TaskKind, Work
from console.forms import hasher, may_add_hashes
from console.identity.roles import Role
from console.identity.sessions import own
from console.parts import parts
from console.people import member, needs
from console.uploads import Busy, Sent, sent, takes_file
from jurat.errors import ConfigurationError
from pages.language import gettext as _
from pages.language import ngettext, number, quoting
from store.datasets.imports import ImportRefused, Versions, refuse_used
from store.datasets.roster_files import Doubtful, ImportedRoster, NewRoster, RosterSurvey, import_for_workers, survey
from store.schema import grants

pages = Blueprint("datasets", __name__, url_prefix="/<locale>/datasets")

MOST_PEOPLE = 100_000
"""People of a roster that is imported here; more take longer than a page may."""

REFRESHED_S = 3
"""Seconds after which a page about something under way is loaded again."""

SHOWN_LINES = 50
"""Lines of what is wrong with a file."""


class TooMany(Exception):
    """A roster has too many people for a page."""


@dataclass(frozen=True, slots=True)
class CheckedRoster:
    """A roster that was checked: the file, the source that says how to read it, the day of its data, and what it has.

    `left_out` people have an empty or malformed number, `shorter` one with fewer digits than others where absence
    refuses. `unstored` are the columns that are not stored.
    """

    sent: Sent = field(repr=False)
    name: str
    source: RosterSource = field(repr=False)
    day: date
    skip_malformed: bool
    people: int
    left_out: int
    shorter: int
    unstored: Sequence[str]
    found: RosterSurvey


@pages.get("/")
@needs(Role.ADMINISTRATOR)
def datasets() -> str:
    """The imported datasets: the version in force, the one before, and any that is being imported."""
    rows = Versions(parts().database.reader).versions()
    return render_template(
        "datasets/datasets.html", rows=rows, used=sources_by_dataset(applied().sources), work=parts().background.last,
        **may_add_hashes(),
    )  # fmt: skip


@pages.get("/named/<name>")
@needs(Role.ADMINISTRATOR)
def dataset(name: str) -> str:
    """A dataset, and the form that removes it."""
    return _dataset(name, {})


@pages.post("/named/<name>")
@needs(Role.ADMINISTRATOR)
def remove(name: str) -> Any:
    """Begin to remove all versions of a dataset."""
    database = parts().database
    if not database.may(grants.DatabaseRole.ADMIN):
        abort(403)
    if request.form.get("again", "").strip() != name:
        return _dataset(name, {"again": _("This is not the name of the dataset.")}), 422
    try:
        refuse_used(name, applied().sources)
    except ImportRefused as error:
        flash(quoting(_("This was not done. %(problem)s"), error))
        return redirect(url_for("datasets.datasets"), 303)
    versions, who = Versions(database.admin), member().name
    if not parts().background.begin(Work(TaskKind.REMOVAL, name), lambda _work: versions.remove(name, who)):
        flash(_("Something else is under way. Try again in a minute."))
    return redirect(url_for("datasets.under_way"), 303)


@pages.get("/under-way")
@needs(Role.ADMINISTRATOR)
def under_way() -> Any:
    """How far the last import or removal is. The page loads itself again until it is over."""
    work = parts().background.last
    if work is None or work.kind is TaskKind.VERIFICATION:
        return redirect(url_for("audit.verification" if work else "datasets.datasets"))
    still = bool(request.args.get("still"))
    response = make_response(render_template("datasets/under-way.html", work=work, still=still))
    if not (work.over or still):
        response.headers["Refresh"] = str(REFRESHED_S)
    return response


@pages.get("/roster")
@needs(Role.ADMINISTRATOR)
def roster_form() -> str:
    """The form that asks for a roster."""
    return _form({}, {"day": today().isoformat()}, ())


@pages.post("/roster")
@needs(Role.ADMINISTRATOR)
@takes_file
def check() -> Any:
    """Read a roster and show what its source would make of it. Nothing is stored."""
    hasher()
    problems: dict[str, str] = {}
    name, day, given = request.form.get("source", ""), day_of(problems), sent()
    source = _rosters().get(name)
    if source is None:
        problems["source"] = _("Choose a source.")
    if given is None:
        problems["file"] = _("Choose a file.")
    if problems or source is None or given is None:
        return _form(problems, request.form, ()), 422
    try:
        with parts().uploads.turn():
            checked = _read(given, name, source, day, skip_malformed=bool(request.form.get("skip_malformed")))
    except FileError as error:
        problems["file"] = _("This file cannot be imported.")
        return _form(problems, request.form, str(error).splitlines()), 422
    except TooMany:
        problems["file"] = _("This roster has more than %(most)s people. Import it with the command.") % {
            "most": number(MOST_PEOPLE)
        }
        return _form(problems, request.form, ()), 422
    except Busy:
        problems["file"] = _("Another file is being read. Try again in a minute.")
        return _form(problems, request.form, ()), 503
    return _confirm(checked)


@pages.post("/roster/done")
@needs(Role.ADMINISTRATOR)
def confirm() -> Any:
    """Import what was checked and shown, and switch to it."""
    fingerprints = hasher()
    checked = parts().uploads.find(own(), request.form.get("token", ""), CheckedRoster)
    if checked is None or _rosters().get(checked.name) != checked.source:
        flash(_("This was done already, it waited for too long, or its source was changed. Nothing was done now."))
        return redirect(url_for("datasets.datasets"), 303)
    try:
        with parts().uploads.turn(), checked.sent.file("roster", ".csv") as path:
            new = NewRoster(path, checked.source, checked.day, checked.skip_malformed)
            force = bool(request.form.get("force"))
            database, name = parts().database.admin, member().name
            done, _old = import_for_workers(database, new, fingerprints, name, force=force)
    except Doubtful as error:
        return _confirm(checked, str(error)), 409
    except (ImportRefused, ConfigurationError) as error:
        flash(quoting(_("This was not done. %(problem)s"), error))
    except Busy:
        flash(_("Another file is being read. Try again in a minute."))
    else:
        _say_done(done)
    parts().uploads.drop(own())
    return redirect(url_for("datasets.datasets"), 303)


def _dataset(name: str, problems: Mapping[str, str]) -> str:
    rows = [row for row in Versions(parts().database.reader).versions() if row.name == name] or abort(404)
    return render_template(
        "datasets/dataset.html", name=name, rows=rows, problems=problems, values=request.form,
        used=sources_by_dataset(applied().sources).get(name, []), **may_add_hashes(),
    )  # fmt: skip


def _say_done(done: ImportedRoster) -> None:
    count, shared = done.row.people, done.shared
    said = ngettext("%(count)s person is in the roster.", "%(count)s people are in the roster.", count)
    flash(said % {"count": number(count)})
    if shared:
        said = ngettext("%(count)s number is in several rows.", "%(count)s numbers are in several rows.", shared)
        flash(said % {"count": number(shared)})


def _rosters() -> dict[str, RosterSource]:
    return {name: source for name, source in applied().sources.items() if isinstance(source, RosterSource)}


def today() -> date:
    """The last day that data can have."""
    return datetime.now(UTC).date()


def day_of(problems: dict[str, str]) -> date:
    """The day of the data that a form names."""
    try:
        day = date.fromisoformat(request.form.get("day", "").strip())
    except ValueError:
        problems["day"] = _("Enter a day such as 2027-06-30.")
        return today()
    if day > today():
        problems["day"] = _("This day is still to come.")
    return day


def _read(given: Sent, name: str, source: RosterSource, day: date, *, skip_malformed: bool) -> CheckedRoster:
    """What the source would make of a file. Raises FileError, which shows no value, or TooMany."""
    with given.file("roster", ".csv") as path:
        new = NewRoster(path, source, day, skip_malformed)
        rows = new.rows()
        found = survey(_limited(rows), source)
    stored = (source.file.number, *source.file.keep)
    unstored = [column for column in rows.columns if column and column not in stored]
    people = rows.rows - rows.left_out
    return CheckedRoster(
        given, name, source, day, skip_malformed, people, rows.left_out, new.shorter(rows), unstored, found
    )


def _limited(people: Iterable[RosterRow]) -> Iterator[RosterRow]:
    for count, person in enumerate(people):
        if count >= MOST_PEOPLE:
            raise TooMany
        yield person


def _confirm(checked: CheckedRoster, doubt: str = "") -> str:
    return render_template(
        "datasets/confirm.html", checked=checked, doubt=doubt, token=parts().uploads.keep(own(), checked)
    )


def _form(problems: Mapping[str, str], values: Mapping[str, str], faults: Sequence[str]) -> str:
    return render_template(
        "datasets/roster.html", problems=problems, values=values, faults=faults[:SHOWN_LINES], sources=_rosters(),
        most=MOST_PEOPLE, **may_add_hashes(),
    )  # fmt: skip
