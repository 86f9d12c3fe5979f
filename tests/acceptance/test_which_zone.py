"""One question about 900 zones, from the submit to the verdict, through a worker of its own."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import shapely
from shapely import box

from adapters.address.zones import digest_of
from jurat import Client
from jurat.queries import read_json
from jurat.seal import key_to_text
from store.datasets.zones import NewZone, import_zones
from store.explanation import Explanations
from store.requests.request_runner import Requests
from store.schema.grants import DatabaseRole
from tests.rigs.logins import Logins
from tests.rigs.workers import Worker
from tests.store.desk import ADMIN, DOCUMENT, PRIVATE_KEY, Desk
from tests.worker.engine.works import soon

pytestmark = pytest.mark.slow

SIDE = 0.004
"""Degrees: some 300 m from west to east."""

MOST = 30

HOUSES = {1: (7.5, 9.5), 2: (8.001, 9.5), 3: (25.5, 3.5), 4: (40.0, 9.5)}
"""The columns and rows of the houses: in a ward, at a border between two, in a ward of the estate, and outside."""


def zones() -> list[NewZone]:
    found = []
    for x in range(MOST):
        for y in range(MOST):
            name = f"{'ward' if x < 20 else 'estate'}-{x}-{y}"
            west, south = 1.0 + x * SIDE, 44.0 + y * SIDE
            wkb = shapely.to_wkb(box(west, south, 1.0 + (x + 1) * SIDE, 44.0 + (y + 1) * SIDE))
            found.append(NewZone(name, name.title(), digest_of(wkb), wkb))
    return found


def address_base(folder: Path) -> Path:
    rows = ["numero;rep;nom_voie;code_postal;nom_commune;lon;lat"]
    rows += [
        f"{number};;Rue du Moulin;99001;Valmont;{1.0 + x * SIDE:.7f};{44.0 + y * SIDE:.7f}"
        for number, (x, y) in HOUSES.items()
    ]
    base = folder / "valmont.csv"
    base.write_text("\n".join(rows) + "\n", "utf-8")
    return base


def named_to_the_platform(desk: Desk, checks: list[UUID]) -> dict[UUID, str]:
    """The zones that a platform reads as the least role, before and after one of its participants is erased."""
    with Logins(desk.url) if desk.engine.dialect.name == "postgresql" else nullcontext() as logins:
        client = Client(logins.url(DatabaseRole.PLATFORM) if logins else desk.url)
        named = {result.check_id: result.zone for result in client.results(checks) if result.zone}
        assert client.participant_status("vote", "p-1").results["which"].zone == "ward-7-9"
        with desk.engine.begin() as connection:
            desk.client.erase(connection, participant="p-1")
        Requests(desk.engine).apply_waiting()
        assert client.participant_status("vote", "p-1").results == {}
        client.close()
    return named


@pytest.mark.parametrize("engine", ["sqlite_url", "postgresql_url"])
def test_which_of_900_zones(request: pytest.FixtureRequest, tmp_path: Path, engine: str) -> None:
    wards, named = {"zones": "ward-*"}, {"name_zone": True}
    asked: dict[str, Any] = {
        "all": {"zones": ["ward-*", "estate-*"]},
        "which": {"zones": ["ward-*", "estate-*"]},
        "wards": wards,
        "missing": {"zones": ["ward-*", "harbour-*"]},
    }
    questions = {name: {"criterion": "lives-in", "with": each} for name, each in asked.items()}
    questions["which"] |= named
    document: dict[str, Any] = {
        "environment": "test",
        "sources": {**DOCUMENT["sources"], "base": {"type": "address-file", "path": str(address_base(tmp_path))}},
        "criteria": {"lives-in": {"source": "base", "open": ["zones"]}},
        "consultations": {"vote": {"questions": questions}},
    }
    desk = Desk(request.getfixturevalue(engine), document)
    import_zones(desk.engine, zones(), ADMIN)
    environment = {
        "JURAT_DATABASE_URL": desk.url,
        "JURAT_BROKER_URL": "none",
        "JURAT_UNSEAL_KEYS": key_to_text(PRIVATE_KEY),
        "JURAT_HASH_KEYS": key_to_text(bytes(32)),
    }
    checks = {}
    for number in HOUSES:
        answer = {"number": str(number), "street": "rue du Moulin", "postcode": "99001", "city": "Valmont"}
        for name in asked:
            checks[number, name] = desk.submit(f"p-{number}", consultation="vote", question=name, answer=answer).id
    with Worker(environment) as worker:
        wanted = "SELECT count(*) FROM jurat_verdicts"
        assert soon(lambda: desk.one(wanted) == len(HOUSES) * 3, 20)
        log = worker.log
    verdicts = {
        key: desk.sql(f"SELECT reason, evidence FROM jurat_verdicts WHERE check_id = '{check}'")
        for key, check in checks.items()
    }
    reasons = {key: rows[0][0] for key, rows in verdicts.items() if rows}
    assert reasons == {
        **{(1, name): "inside_zone" for name in ("all", "which", "wards")},
        **{(2, name): "inside_zone" for name in ("all", "wards")},
        (2, "which"): "near_border",
        **{(3, name): "inside_zone" for name in ("all", "which")},
        (3, "wards"): "outside_zone",
        **{(4, name): "outside_zone" for name in ("all", "which", "wards")},
    }
    evidence = {key: read_json(rows[0][1]) for key, rows in verdicts.items() if rows}
    assert {key: each["zone"] for key, each in evidence.items() if each["zone"]} == {
        (1, "which"): "ward-7-9",
        (3, "which"): "estate-25-3",
    }
    assert named_to_the_platform(desk, list(checks.values())) == {
        checks[key]: each["zone"] for key, each in evidence.items() if each["zone"]
    }
    affected = Explanations(desk.engine).near_border("ward-7-9", 1, 5.0, [("vote", "all"), ("vote", "wards")])
    names = ("all", "wards")
    assert {row.check for row in affected} == {
        checks[1, "which"],
        *(checks[number, name] for number in HOUSES for name in names),
    }
    assert evidence[1, "all"] == evidence[3, "all"]
    assert not [word for word in ("ward-7-9", "estate-25", "Moulin") if word in log]
    assert "harbour-*" in log
    desk.close()
