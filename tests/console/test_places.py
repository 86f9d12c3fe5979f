"""The places of an address on the map: for the session that opened the answer alone. On both engines."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
import shapely

from adapters.base import Places
from adapters.zone_import.files import ZoneShape
from console.close_up import close_up
from jurat.seal import Unseal
from jurat.vocabulary import Reason
from pages.maps import picture
from store.datasets.zones import NewZone, import_zones
from store.requests.request_rows import RequestKind
from store.requests.request_runner import Requests
from store.upkeep.upkeep import Upkeep
from tasks.checks import Review
from tasks.found_places import seal_places
from tests.console.test_answers import ask
from tests.console.test_reviews import NEAR, a_minute_later, decide
from tests.console.visitor import Site, main, tree
from tests.store.desk import ADMIN, PRIVATE_KEY, Desk
from tests.store.requests.asked import asking
from tests.tasks.rules.valmont import ELSEWHERE, HOUSE, METRE, WEST

INSIDE, OUTSIDE = replace(HOUSE, longitude=1.1 - 30 * METRE), replace(HOUSE, number="8bis", longitude=1.1 + 50 * METRE)
FAR = replace(HOUSE, street="Rue des Moulins", longitude=ELSEWHERE)


@pytest.fixture
def open_all(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    monkeypatch.setattr("console.answers.WAIT_S", 0.0)
    return Upkeep(desk.engine, unseal=Unseal([PRIVATE_KEY])).open_answers


def old_town(desk: Desk) -> None:
    wkb = shapely.to_wkb(WEST)
    outline = ZoneShape("old-town", "The old town", wkb, "", 4).outline
    import_zones(desk.engine, [NewZone("old-town", "The old town", "w", wkb, outline=outline)], ADMIN)


def found(desk: Desk, *places: Any, participant: str = "p-1", **given: Any) -> UUID:
    """A check in review for whose address a source found these places."""
    held = desk.held(participant, **given)
    sealed = seal_places(Places("addok", places), desk.unseal, held.answer_key)
    desk.look_up(held, Review(Reason.NEAR_BORDER, 9000.0, NEAR, sealed))
    return held.id


def marks(page: Any) -> list[list[str]]:
    """The numbers on each map."""
    return [svg.xpath(".//*[@class='number']/text()") for svg in tree(page).xpath("//main//*[name()='svg']")]


def test_once_opened_the_map_shows_where_the_address_lies(
    desk: Desk, reviewed: Site, open_all: Callable[[], int]
) -> None:
    old_town(desk)
    check = found(desk, INSIDE, OUTSIDE, FAR)
    path, visitor = f"/en/reviews/{check}", reviewed.signed_in("clerk-7", "reviewer")
    before = visitor.get(path)
    assert marks(before) == [[]]
    assert "Open the answer to see here where the address lies." in main(before)
    ask(visitor, check)
    assert open_all() == 1
    page = visitor.get(path)
    assert marks(page) == [["2", "1"], ["2", "1"]], "what is far is on neither map"
    listed = [item.text_content() for item in tree(page).xpath("//main//ol/li")]
    assert listed == [
        "8 Rue du Moulin, 99002 Valmont",
        "8bis Rue du Moulin, 99002 Valmont",
        "8 Rue des Moulins, 99002 Valmont (not on the map)",
    ]
    assert marks(reviewed.signed_in("clerk-8", "reviewer").get(path)) == [[]]
    for table in ("jurat_reviews", "jurat_checks", "jurat_requests", "jurat_audit", "jurat_openings"):
        stored = repr(desk.sql(f"SELECT * FROM {table}"))
        assert not re.search(r"(?<![\d:])44\.05", stored), "a latitude; a time has a colon before its seconds"
        assert "Moulin" not in stored


def test_where_no_place_is_known_the_page_says_so(desk: Desk, reviewed: Site, open_all: Callable[[], int]) -> None:
    old_town(desk)
    check, visitor = found(desk), reviewed.signed_in("clerk-7", "reviewer")
    ask(visitor, check)
    open_all()
    page = visitor.get(f"/en/reviews/{check}")
    assert marks(page) == [[]]
    assert "the map shows the area alone" in main(page)


@pytest.mark.parametrize("end", ["decided", "overdue", "erased"])
def test_places_go_with_the_review(desk: Desk, reviewed: Site, end: str) -> None:
    check = found(desk, INSIDE)
    assert desk.one("SELECT count(*) FROM jurat_reviews WHERE places IS NOT NULL") == 1
    if end == "decided":
        decide(reviewed.signed_in("clerk-7", "reviewer"), check)
        assert a_minute_later(desk) == 1
    elif end == "overdue":
        desk.sql("UPDATE jurat_reviews SET due_at = NOW(-1)")
        assert desk.upkeep.end_reviews() == 1
    else:
        Requests(desk.engine).do(asking(RequestKind.ERASE))
    assert desk.sql("SELECT places FROM jurat_reviews") == [(None,)]


def test_the_close_up_shows_the_border_as_it_decides() -> None:
    # At the house the border steps aside by 10 m, which no outline of a town shows.
    step = [(1.1, 44.0), (1.1, 44.05), (1.1 + 10 * METRE, 44.05), (1.1 + 10 * METRE, 44.1), (1.0, 44.1), (1.0, 44.0)]
    drawn = close_up("west", "West", shapely.to_wkb(shapely.Polygon(step)), [(1.1, 44.05)])
    assert drawn is not None
    ((shape,), (mark,)) = drawn.shapes, drawn.marks
    corners = {tuple(map(int, corner.split(","))) for corner in shape.path.strip("MZ").split()}
    assert {(mark.x, mark.y), (mark.x + 32, mark.y)} <= corners, "10 m are 32 of the 952 units that 300 m have"


def test_what_is_far_from_the_zone_or_broken_is_no_error() -> None:
    assert close_up("west", "West", b"nothing", [(1.0, 44.0)]) is None
    drawn = close_up("west", "West", shapely.to_wkb(WEST), [(9.0, 50.0)])
    assert drawn is not None
    assert (drawn.drawn, len(drawn.marks)) == ((), 1)


def test_a_place_beyond_the_antimeridian_lies_where_its_zone_goes_on() -> None:
    over = shapely.box(179.99, -17.0, 180.01, -16.9)
    drawn = close_up("taveuni", "Taveuni", shapely.to_wkb(over), [(-179.995, -16.95)])
    assert drawn is not None
    assert drawn.drawn
    assert len(picture([], [(-179.995, -16.95)], (179.99, -17.0, 180.01, -16.9)).marks) == 1
