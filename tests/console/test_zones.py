"""Zones: what is imported, how it looks, what a new version changes, and imports from a browser."""

from __future__ import annotations

import gzip
import io
import json
import math
import re
import time
import zipfile
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from adapters.zone_import.files import read_zone_file
from pages import shared
from store.datasets.zones import NewZone, import_zones
from store.queries import Queries
from tests.cli.commands.test_zones import EAST, LARGER, SQUARE, Ring, collection
from tests.console.visitor import Site, heading, main, tree
from tests.store.desk import ADMIN, Desk

PATH = "/en/zones/"
FORM = "/en/zones/import"
HEAVIEST = 60_000


@cache
def read(document: str) -> list[NewZone]:
    """The zones of a file, which takes a process to read."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "zones.geojson"
        file.write_text(document)
        found = read_zone_file(file)
    return [NewZone(each.id, each.title, each.digest, each.wkb, found.crs, each.outline) for each in found.zones]


def imported(desk: Desk, *zones: tuple[str, Ring]) -> None:
    """Zones as the command imports them."""
    import_zones(desk.engine, read(json.dumps(collection(*zones))), ADMIN)


def geojson(*zones: tuple[str, Ring]) -> tuple[io.BytesIO, str]:
    return io.BytesIO(json.dumps(collection(*zones)).encode()), "zones.geojson"


def versions(desk: Desk) -> dict[str, int]:
    return {name: zone.version for name, zone in Queries(desk.engine).zone_versions().items()}


@pytest.fixture
def town(desk: Desk) -> Desk:
    imported(desk, ("old-town", SQUARE), ("harbour", EAST))
    return desk


@pytest.fixture
def admin(town: Desk, reviewed: Site) -> Any:
    return reviewed.signed_in("ada", "administrator")


def test_a_reader_sees_the_zones_and_imports_none(town: Desk, reviewed: Site) -> None:
    visitor = reviewed.signed_in("rita")
    page = visitor.get(PATH)
    assert tree(page).xpath("//tbody//a/@href") == ["/en/zones/harbour/", "/en/zones/old-town/"]
    assert "Import zones" not in main(page)
    zone = visitor.get("/en/zones/old-town/")
    assert heading(zone) == "Old-Town"
    assert len(tree(zone).xpath("//*[@class='map']//*[name()='path'][@class='marked']")) == 1
    assert visitor.get(FORM).status_code == 403
    assert visitor.post(FORM, PATH, file=geojson(("port", EAST))).status_code == 403
    assert visitor.post(f"{FORM}/done", PATH, token="x").status_code == 403
    assert versions(town) == {"harbour": 1, "old-town": 1}


@pytest.mark.parametrize(
    "path",
    [
        "nowhere/",
        "nowhere/changes",
        "nowhere/affected",
        "old-town/changes",  # it has one version
        "old-town/changes?before=7",
        "old-town/changes?before=x",
        f"old-town/changes?before=1&after={10**30}",
        "%00/",
    ],
)
def test_what_is_not_there_is_not_found(admin: Any, path: str) -> None:
    assert admin.get(PATH + path).status_code == 404


def test_pages_of_zones_follow_one_another(town: Desk, admin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.zones.PAGE", 1)
    first = tree(admin.get(PATH))
    (more,) = first.xpath("//main//a[text()='Next page']/@href")
    assert first.xpath("//tbody//a/@href") == ["/en/zones/harbour/"]
    second = tree(admin.get(more))
    assert second.xpath("//tbody//a/@href") == ["/en/zones/old-town/"]
    assert second.xpath("//main//a[text()='Next page']") == []


def test_a_file_is_checked_shown_and_then_imported_once(town: Desk, admin: Any) -> None:
    page = admin.post(FORM, file=geojson(("old-town", SQUARE), ("harbour", LARGER), ("port", EAST)), overlapping="1")
    assert page.status_code == 200
    said = main(page)
    assert "2 zones would get a new version. One is as it was." in said
    assert re.search(r"at most 7\d\d m", said)
    assert versions(town) == {"harbour": 1, "old-town": 1}
    fields = {each.get("name"): each.get("value") for each in tree(page).xpath("//main//input")}
    for told in ("2 zones were imported.", "Nothing was done now."):
        done = admin.send(f"{FORM}/done", **fields)
        assert (done.status_code, done.location) == (303, PATH)
        assert told in main(admin.get(PATH))
    assert versions(town) == {"harbour": 2, "old-town": 1, "port": 1}
    assert ("ada", "zones import", "port") in town.sql("SELECT actor, action, subject FROM jurat_audit")


def test_what_would_change_is_shown_in_figures_and_on_a_map(town: Desk, admin: Any) -> None:
    admin.post(FORM, file=geojson(("harbour", LARGER)), title_property="name")
    page = admin.post(FORM, file=geojson(("harbour", LARGER)))
    admin.send(f"{FORM}/done", **{each.get("name"): each.get("value") for each in tree(page).xpath("//main//input")})
    changes = admin.get("/en/zones/harbour/changes?before=1&after=2")
    said = main(changes)
    assert heading(changes) == "From version 1 to version 2"
    assert "Gained0.83 km²" in said
    assert "Lost0 m²" in said
    shapes = tree(changes).xpath("//*[@role='img']//*[name()='path']/@class")
    assert shapes == ["after", "gained", "before"]
    affected = main(admin.get("/en/zones/harbour/affected"))
    assert "There is no address base in the database" in affected
    assert "No decision may change." in affected


def test_a_day_to_come_is_kept_and_one_that_passed_is_refused(town: Desk, admin: Any) -> None:
    past = admin.post(FORM, file=geojson(("port", LARGER)), begins="2026-01-01")
    assert past.status_code == 422
    assert tree(past).xpath("//*[@role='alert']//a/@href") == ["#begins"]
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    page = admin.post(FORM, file=geojson(("port", LARGER)), begins=tomorrow)
    admin.send(f"{FORM}/done", **{each.get("name"): each.get("value") for each in tree(page).xpath("//main//input")})
    assert "to come" in main(admin.get("/en/zones/port/"))
    assert versions(town) == {"harbour": 1, "old-town": 1}


def bomb() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for ending in ("shp", "shx", "dbf"):
            archive.writestr(f"zones.{ending}", bytes(55 << 20))
    return made.getvalue()


HOSTILE = {
    "a bomb": (bomb(), "holds"),
    "no zones": (b"{}", "is no GeoJSON"),
    "deep": (b"[" * 300_000, "nested too deeply"),
    "many": (json.dumps(collection(*((f"z{n}", SQUARE) for n in range(10_001)))).encode()[:300_000], "is not JSON"),
    "utf-16": ('{"type": "FeatureCollection"}'.encode("utf-16"), "is not UTF-8"),
    "gzip": (gzip.compress(b"x"), "is not JSON"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "is not UTF-8"),
    "a database": (b"SQLite format 3\0" + bytes(5000), "cannot be read"),
    "crossing": (json.dumps(collection(("z", [[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]))).encode(), "not simple"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_file_that_is_no_zones_is_refused_at_the_form(site: Site, kind: str) -> None:
    content, said = HOSTILE[kind]
    page = site.signed_in("ada", "administrator").post(
        FORM, file=(io.BytesIO(content), "zones.geojson"), name_property="insee", crs=""
    )
    assert page.status_code == 422
    assert tree(page).xpath("//*[@role='alert']//a/@href") == ["#file"]
    assert tree(page).xpath("//*[@id='name_property']/@value") == ["insee"]
    assert said in main(page), main(page)
    assert Queries(site.engine).zone_history() == []


def test_a_form_without_a_file_says_so(admin: Any) -> None:
    for given in ({}, {"file": (io.BytesIO(b""), "empty.geojson")}):
        page = admin.post(FORM, **given)
        assert page.status_code == 422
        assert "Choose a file." in main(page)


def test_a_file_that_is_too_large_leads_back_to_the_form(admin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.uploads.LARGEST_REQUEST", 200_000)
    answer = admin.post(FORM, file=(io.BytesIO(bytes(250_000)), "zones.geojson"))
    assert (answer.status_code, answer.location) == (303, FORM)
    assert "larger than 4 MB" in main(admin.get(FORM))


def test_only_an_administrator_may_send_so_much(town: Desk, reviewed: Site) -> None:
    for visitor in (reviewed.visitor(), reviewed.signed_in("rita", "reviewer", "operator")):
        answer = visitor.send(FORM, file=(io.BytesIO(bytes(100_000)), "zones.geojson"))
        assert answer.status_code in (303, 413)
        assert versions(town) == {"harbour": 1, "old-town": 1}


def test_a_form_needs_its_token_and_a_checked_file_is_its_sessions_own(town: Desk, reviewed: Site, admin: Any) -> None:
    assert admin.send(FORM, file=geojson(("port", LARGER))).status_code == 400
    page = admin.post(FORM, file=geojson(("port", LARGER)))
    (token,) = tree(page).xpath("//input[@name='token']/@value")
    other = reviewed.signed_in("abel", "administrator")
    assert other.post(f"{FORM}/done", FORM, token=token).status_code == 303
    assert "port" not in versions(town)
    admin.post("/en/sign-out", PATH)
    admin.post(reviewed.link("ada", "administrator"))
    admin.post(f"{FORM}/done", FORM, token=token)
    assert "port" not in versions(town)


def test_a_login_without_the_role_imports_nothing(
    town: Desk, reviewed: Site, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.database.memberships", lambda _: frozenset({"jurat_reader"}))
    for path in (PATH, FORM):
        assert "lacks the role jurat_admin" in main(admin.get(path))
    assert admin.post(FORM, PATH, file=geojson(("port", LARGER))).status_code == 403
    assert admin.post(f"{FORM}/done", PATH, token="x").status_code == 403


def test_a_place_is_found_in_its_zone_and_no_address_of_a_page_has_it(admin: Any) -> None:
    page = admin.post("/en/zones/locate", PATH, latitude="48,005", longitude="2.005")
    assert "It is inside Old-Town, 373 m from its border." in main(page)
    assert "2.005" not in page.request.path
    assert "in no zone" in main(admin.post("/en/zones/locate", PATH, latitude="10", longitude="2.005"))
    wrong = admin.post("/en/zones/locate", PATH, latitude="91", longitude="north")
    assert wrong.status_code == 422
    assert tree(wrong).xpath("//*[@role='alert']//a/@href") == ["#latitude", "#longitude"]


def test_a_damaged_zone_is_said_to_be_one(desk: Desk, reviewed: Site) -> None:
    for digest in ("a", "b"):
        import_zones(desk.engine, [NewZone("port", "Port", digest, b"\0")], ADMIN)
    visitor = reviewed.signed_in("rita")
    for path in ("changes", "affected"):
        assert visitor.get(f"/en/zones/port/{path}").location == "/en/zones/port/"
    assert "damaged" in main(visitor.get("/en/zones/port/"))
    assert "One zone is damaged" in main(visitor.post("/en/zones/locate", PATH, latitude="1", longitude="2"))


def circles() -> list[tuple[str, Ring]]:
    """Round zones, whose outlines have as many points as outlines may have."""
    turns = [n * 2 * math.pi / 220 for n in range(220)]

    def ring(west: float, south: float) -> Ring:
        points = [[round(west + 0.01 * math.cos(turn), 5), round(south + 0.01 * math.sin(turn), 5)] for turn in turns]
        return [*points, points[0]]

    return [(f"zone-{n:02}", ring(2 + 0.03 * (n % 8), 48 + 0.03 * (n // 8))) for n in range(64)]


def test_pages_are_light_and_quick_with_many_zones(desk: Desk, reviewed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.zone_maps.MOST_ZONES", 7)
    visitor = reviewed.signed_in("ada", "administrator")
    style = (Path(shared.__file__).parent / "static" / "style.css").stat().st_size
    page = visitor.post(FORM, file=geojson(*circles()))
    assert "64 zones would get a new version." in main(page)
    assert len(page.data) + style < HEAVIEST
    visitor.send(f"{FORM}/done", **{each.get("name"): each.get("value") for each in tree(page).xpath("//main//input")})
    for path in (PATH, f"{PATH}zone-27/"):
        before = time.perf_counter()
        page = visitor.get(path)
        assert time.perf_counter() - before < 1  # some 20 ms on a machine with nothing else to do
        assert len(page.data) + style < HEAVIEST
    assert len(tree(page).xpath("//*[@class='map']//*[name()='path']")) == 7
