"""Administrators' pages: the results as counts, the state of the sources, and the way to what may be created.

On PostgreSQL `parts().office` logs in as a user of its own, with

    GRANT jurat_platform, jurat_reader TO office;
    GRANT EXECUTE ON FUNCTION jurat_try_add_codes TO office;
    GRANT SELECT (name, role, participant, session), UPDATE (session) ON platform_office TO office;
    GRANT EXECUTE ON FUNCTION platform_office_recipe, platform_office_enter TO office;
    GRANT SELECT, INSERT, DELETE ON platform_consultations TO office;
    GRANT SELECT (consultation, proposal), DELETE ON platform_votes TO office;
    GRANT INSERT ON platform_batches TO office;
    GRANT SELECT, INSERT, UPDATE (typed, consultation, changed_at), DELETE ON platform_drafts TO office;

The Python client adds codes with `jurat_try_add_codes`, which never fails; other languages with `jurat_add_codes`. The
participants' pages need nothing of this but `jurat_platform`, and what `rights.sql` has of the platform's own tables.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, render_template

from examples.platform.web import codes, display_names, figures, publishing, store, writing
from examples.platform.web.accounts import member, signed_in_as
from examples.platform.web.figures import reading
from examples.platform.web.parts import parts
from examples.platform.web.store import ADMINISTRATOR
from jurat import Reason
from pages.language import gettext as _
from pages.reasons import why

pages = Blueprint("office", __name__, url_prefix="/<locale>/office")
pages.register_blueprint(writing.pages)
pages.register_blueprint(publishing.pages)
pages.register_blueprint(codes.pages)

MOST_DRAFTS = 10
"""The drafts of a person that are shown, the latest first."""


@pages.get("/")
@signed_in_as(ADMINISTRATOR)
def dashboard() -> str:
    """An overview of everything."""
    with parts().reads.begin() as connection:
        ours = store.all_consultations(connection)
    with reading() as connection:
        published = figures.publications(connection)
        names = {each.name for each in ours}
        waiting = [row for row in published if row.name not in names]
        drafts = [each for each in store.drafts_of(connection, member().name) if each.typed][:MOST_DRAFTS]
        return render_template(
            "office/dashboard.html", consultations=list(reversed(ours)), others=waiting, drafts=drafts,
            published={row.name: publishing.state_of(row) for row in published},
            access=figures.access_counts(connection), lists=figures.code_lists(connection),
            sources=figures.sources(connection, figures.criteria(connection)), failures=failures(),
            display_name=display_names.source,
        )  # fmt: skip


@pages.get("/consultations/<name>")
@signed_in_as(ADMINISTRATOR)
def consultation(name: str) -> Any:
    """One consultation: what became of its publication, and its results as counts."""
    with parts().reads.begin() as connection:
        found = store.find_consultation(connection, name)
    with reading() as connection:
        publication = figures.publication(connection, name)  # none for what is in the administrators' files
        answers = figures.answer_counts(connection, name)
        counted = figures.access_counts(connection).get(name, {})
        title = figures.titles(connection).get(name, ({}, {}))[0]
    if found is None and publication is None and not answers:
        abort(404)
    return render_template(
        "office/consultation.html", name=name, consultation=found, title=found.title if found else title,
        publication=publication, state=publishing.state_of(publication) if publication else None, answers=answers,
        counted=counted, why=why,
    )  # fmt: skip


def failures() -> dict[str, str]:
    """Why a source did not answer, in the words of administrators."""
    return {
        Reason.SOURCE_UNAVAILABLE: _("it could not be reached"),
        Reason.SOURCE_THROTTLED: _("it asked us to send fewer requests"),
        Reason.SOURCE_MAINTENANCE: _("it is under maintenance"),
        Reason.SOURCE_CREDENTIALS: _("it did not accept our key or password"),
        Reason.SOURCE_REJECTED_REQUEST: _("it did not accept our request"),
        Reason.SOURCE_UNREADABLE: _("its reply could not be read"),
        Reason.SOURCE_BLOCKED: _("requests to its address are not allowed"),
    }
