"""The workers of the database on all machines: what each serves, and which keys they have for what waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from flask import Blueprint, render_template, request

from console.identity.roles import Role
from console.parts import parts
from console.people import needs
from store.monitoring.fleet import MOST_SEALED, NO_KEY

pages = Blueprint("fleet", __name__, url_prefix="/<locale>/fleet")

PAGE: Final = 50
"""Workers on a page."""


@pages.get("/")
@needs(Role.OPERATOR, Role.ADMINISTRATOR)
def fleet() -> str:
    """What `jurat fleet` says, and for each key how many answers need it and how many workers have it."""
    look = parts().watch.look()
    seen = look.seen.fleet if look.seen else None
    live = [worker for worker in seen.workers if worker.live] if seen else []
    first = request.args.get("first", 0, int)
    first = first if 0 <= first < len(live) else 0
    return render_template(
        "fleet.html", fleet=seen, age=round(look.age), live=live, shown=live[first : first + PAGE], first=first,
        after=first + PAGE if first + PAGE < len(live) else None, versions=_counted([each.version] for each in live),
        hash_keys=_counted(each.hash_keys for each in live), most=MOST_SEALED, no_key=NO_KEY,
    )  # fmt: skip


def _counted(lists: Iterable[Iterable[str]]) -> dict[str, int]:
    """How many workers have each."""
    return dict(sorted(Counter(each for found in lists for each in set(found)).items()))
