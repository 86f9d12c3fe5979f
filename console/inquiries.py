"""Tries a source once, with an invented answer: a worker asks it, and what comes of it is for this session alone.

The console has no secret of a source and reaches none. What was typed is on the page that shows the result, in the
memory of the session, and sealed in a row until a worker takes it: in no address of a page, no log and no audit row.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid4

from flask import abort, flash, make_response, redirect, render_template, request, url_for

from config.configuration import Question
from config.limits import SourceKind
from config.sources import SourceModel, answer_schema
from console.applied import applied, queries
from console.close_up import close_up
from console.explanations import evidence_of, states
from console.findings import fields
from console.forms import form_id, is_first
from console.identity.sessions import own
from console.parts import parts
from console.people import member, needs
from console.sources import ACTS, KINDS, pages
from console.zones import located
from jurat import ConfigurationError, InvalidAnswer
from jurat.answers import encode, validate
from jurat.openings import LIFETIME
from pages.language import gettext as _
from pages.language import quoting, say
from pages.maps import Picture
from pages.reasons import why
from store.monitoring.source_status import SourceStatus, read_statuses
from store.queries import ZoneRow
from store.requests.inquiries import Inquiry, InquiryState, ask, read
from store.requests.request_rows import CannotBeDone
from store.schema import grants

MOST: Final = 20
"""Results that one session keeps; the oldest gives way."""

LOOKS_S: Final = 2
"""Seconds after which a page that waits looks again by itself."""

MOST_ZONES: Final = 12
"""Zones of which a page says where a place lies: first those that hold it, then the nearest."""

_KEPT: Final = "inquiries"


@dataclass(slots=True)
class AskedInquiry:
    """What this session asked by a form, in words, and what came of it once that was read."""

    form: UUID
    inquiry: Inquiry
    said: Sequence[tuple[str, str]] = field(repr=False)
    began: float
    found: Mapping[str, Any] | None = field(default=None, repr=False)


@pages.get("/<name>/ask")
@needs(*ACTS)
def asking(name: str) -> str:
    """What the source asks for."""
    return _form(_status(name), {})


@pages.post("/<name>/ask")
@needs(*ACTS)
def ask_once(name: str) -> Any:
    """Have a worker ask it, once for each form."""
    status, seal = _status(name), parts().seal or abort(403)
    if not parts().database.may(grants.DatabaseRole.ADMIN):
        abort(403)
    schema, id_ = answer_schema(status.model), form_id()
    answer = {each: text for each in schema["properties"] if (text := request.form.get(_field(each), "").strip())}
    questions = _questions(name, status.model)
    chosen = questions.get(request.form.get("question", "")) or next(iter(questions.values()), None)
    if problems := _problems(answer, schema):
        return _form(status, problems), 422
    if not is_first(id_):
        sent = next((each.inquiry.id for each in _kept().values() if each.form == id_), None) or abort(400)
        return redirect(url_for("sources.answered", name=name, inquiry=sent), 303)
    asked = {"answer": answer, "question": [chosen.consultation, chosen.name] if chosen else None}
    try:
        inquiry = ask(parts().database.admin, seal, name, asked, member().name)
    except (CannotBeDone, ConfigurationError) as error:
        flash(quoting(_("This was not done. %(problem)s"), error))
        return redirect(url_for("sources.asking", name=name), 303)
    said, kept = [(_label(each, schema), text) for each, text in answer.items()], _kept()
    kept[inquiry.id] = AskedInquiry(id_, inquiry, said, time.monotonic())
    while len(kept) > MOST:
        del kept[next(iter(kept))]
    return redirect(url_for("sources.answered", name=name, inquiry=inquiry.id), 303)


@pages.get("/<name>/asked/<uuid:inquiry>")
@needs(*ACTS)
def answered(name: str, inquiry: UUID) -> Any:
    """What came of it. While it waits, the page looks again by itself."""
    kept = _kept().get(inquiry) or abort(404)
    if kept.inquiry.source != name:
        abort(404)
    if not parts().database.may(grants.DatabaseRole.ADMIN):
        abort(403)
    state: InquiryState | None = InquiryState(begun=True, found=kept.found)
    if time.monotonic() - kept.began > LIFETIME:
        state = None
    elif kept.found is None:
        state = read(parts().database.admin, kept.inquiry)
        kept.found = state and state.found
    if state is None:
        kept.said, kept.found = (), None
    response = make_response(_result(kept, state))
    if state and state.found is None:
        response.headers["Refresh"] = str(LOOKS_S)
    return response


def _form(status: SourceStatus, problems: Mapping[str, str]) -> str:
    schema = answer_schema(status.model)
    fields = {
        _field(each): (_label(each, schema), given, [(word, word) for word in ("", *given.get("enum", ()))])
        for each, given in schema["properties"].items()
    }
    questions = [
        (key, f"{say(dict(each.consultation_title)) or each.consultation} – {say(dict(each.title)) or each.name}")
        for key, each in _questions(status.name, status.model).items()
    ]
    return render_template(
        "inquiries/form.html", status=status, fields=fields, required={_field(each) for each in schema["required"]},
        questions=questions, id=uuid4(), problems=problems, values=request.form,
        allowed=parts().database.may(grants.DatabaseRole.ADMIN), sealing=parts().seal is not None,
    )  # fmt: skip


def _result(kept: AskedInquiry, state: InquiryState | None) -> str:
    found = state.found if state else None
    places = found.get("places", ()) if found else ()
    zones = found.get("zones", ()) if found else ()
    named = {each["zone"] for each in zones if each["zone"]}
    rows = queries().zones(named) if named else {}
    decided = [_decided(each, rows) for each in (zones or ([found] if found and "outcome" in found else ()))]
    lies = located(places[0]["longitude"], places[0]["latitude"])[0] if places else []
    return render_template(
        "inquiries/result.html", kept=kept, state=state, found=found, decided=decided, why=why, words=states(),
        refused=_refusals().get(found.get("refused", "")) if found else None, near=_near(lies, places),
        lies=sorted(lies, key=lambda each: (not each[1], each[2]))[:MOST_ZONES],
        servers=_servers(kept.inquiry.source) if state and not found else (), fields=fields(), reasons=_left_out(),
    )  # fmt: skip


def _decided(each: Mapping[str, Any], rows: Mapping[str, ZoneRow]) -> dict[str, Any]:
    """What the rules say of it, in words."""
    row = rows.get(each.get("zone") or "")
    evidence = evidence_of(each["evidence"], {row.name: row.title} if row else {})
    return {**each, "title": row.title if row else None, "evidence": evidence}


def _left_out() -> dict[str, str]:
    """Why words of the fields for number and street are neither, by `adapters.address.explanation.Why`."""
    return {
        "detail": _("it says where in the house"),
        "named": _("a person or a building"),
        "town": _("the postcode or the town"),
        "not_understood": _("it does not fit the rest, or is not understood: so nothing is decided"),
    }


def _near(
    lies: Sequence[tuple[ZoneRow, bool, int]], places: Sequence[Mapping[str, Any]]
) -> tuple[ZoneRow, Picture] | None:
    """The surroundings of the first place, with the border that is nearest to it."""
    row = min(lies, key=lambda each: (each[2], not each[1]), default=(None,))[0]
    points = [(each["longitude"], each["latitude"]) for each in places]
    drawn = close_up(row.name, row.title, row.geometry, points) if row else None
    return (row, drawn) if row and drawn else None


def _refusals() -> dict[str, str]:
    return {
        "paused": _("It was not asked: the source is paused."),
        "closed": _("It was not asked: the source is closed by its hours."),
        "used_up": _("It was not asked: its limits allow no request at the moment."),
        "lost": _("The worker that asked the source has stopped. Please try again."),
        "changed": _("It was not asked: the configuration has changed. Please try again."),
        "unreadable": _("A worker could not read it. Please try again."),
    }


def _problems(answer: Mapping[str, str], schema: Mapping[str, Any]) -> dict[str, str]:
    missing = [each for each in schema["required"] if each not in answer]
    if missing:
        return {_field(each): _("Enter: %(field)s") % {"field": _label(each, schema)} for each in missing}
    try:
        validate(answer, json.dumps(schema))
        encode(answer)
    except InvalidAnswer as error:
        known = error.field if error.field in schema["properties"] else next(iter(schema["properties"]))
        return {_field(known): quoting(_("This does not fit: %(problem)s"), error.problem)}
    return {}


def _label(name: str, schema: Mapping[str, Any]) -> str:
    return say(dict(schema["properties"][name].get("titles", {}))) or name


def _field(name: str) -> str:
    """How a form names a field of the answer: a register may call one as the form calls its own."""
    return f"answer-{name}"


def _questions(name: str, model: SourceModel) -> dict[str, Question]:
    """The questions of a register's source that require different things, by the names under which a form has them."""
    if model.kind is not SourceKind.REGISTRY:
        return {}
    found: dict[str, tuple[str, Question]] = {}
    for each in applied().questions.values():
        if name in each.sources:
            required = json.dumps(dict(each.requirement), sort_keys=True, default=str)
            found.setdefault(required, (f"{each.consultation}/{each.name}", each))
    return dict(found.values())


def _status(name: str) -> SourceStatus:
    model = applied().sources.get(name) or abort(404)
    if model.kind not in KINDS:
        abort(404)
    (status,) = read_statuses({name: model}, queries())
    return status


def _servers(name: str) -> Sequence[str]:
    """The live workers that serve it; none if it is no longer configured."""
    if (model := applied().sources.get(name)) is None:
        return ()
    return read_statuses({name: model}, queries())[0].servers


def _kept() -> dict[UUID, AskedInquiry]:
    found: dict[UUID, AskedInquiry] = own().kept_secrets.setdefault(_KEPT, {})
    return found
