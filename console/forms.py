"""What forms and links bring along: the id that makes a form count once, a place in a list; and what adds hashes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from flask import abort, request
from werkzeug.exceptions import BadRequest

from adapters.fingerprints import Fingerprints
from console.identity.sessions import own
from console.parts import parts
from store.schema import grants

_REMEMBERED: Final = 100
"""Forms that one session remembers to have sent."""

_SENT: Final = "sent-forms"


def form_id() -> UUID:
    """The id that this form brings along: sent twice, it is one."""
    try:
        return UUID(request.form.get("id", ""))
    except ValueError:
        raise BadRequest from None


def is_first(form: UUID) -> bool:
    """Whether this session sends a form with this id for the first time."""
    sent: dict[UUID, object] = own().kept_secrets.setdefault(_SENT, {})
    mine = object()
    # In one step: two requests may come at once.
    first = sent.setdefault(form, mine) is mine
    while len(sent) > _REMEMBERED:
        sent.pop(next(iter(sent)), None)
    return first


def place(at: str, row: str) -> tuple[datetime, UUID]:
    """Behind which row of a list a page begins, as the link to it says."""
    try:
        time = datetime.fromisoformat(at)
        if time.tzinfo is None:
            raise BadRequest
        return time.astimezone(UTC), UUID(row)
    except (ValueError, OverflowError):  # the first and the last day are not in each zone
        raise BadRequest from None


def may_add_hashes() -> dict[str, bool]:
    """Whether the console's login administers, and whether the console has the keys for hashes."""
    return {
        "administers": parts().database.may(grants.DatabaseRole.ADMIN),
        "has_keys": parts().fingerprints is not None,
    }


def hasher() -> Fingerprints:
    """What hashes codes and numbers, for somebody who may add some."""
    found = parts().fingerprints
    return found if found and parts().database.may(grants.DatabaseRole.ADMIN) else abort(403)
